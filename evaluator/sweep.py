"""Every move of a grid, evaluated one after the other, each row's results appended to one file: bounded memory."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from dsl.grids import move_values
from dsl.model import Kind, Policy, Read, Scenario, Value
from dsl.slice import sliced
from dsl.state import shocked
from evaluator.about import about
from evaluator.book import Book
from evaluator.outputs import UnknownColumn, table, unarmed
from evaluator.results import Results
from evaluator.run import evaluate
from evaluator.runner import Progress

Format = Literal["parquet", "csv"]
Append = Callable[[pa.Table], object]


def default_columns(policy: Policy) -> tuple[str, list[str]] | None:
    """The numbers of the entity with tiers, or of the only entity with formulas; None where there is no such one."""
    entities = list(policy.tiers) or [n for n, e in policy.entities.items() if e.formulas]
    if len(entities) != 1:
        return None
    (entity,) = entities
    names = [c for e, c in policy.order if e == entity and "." not in c]
    return entity, [c for c in names if policy.type_of(entity, c).kind is Kind.NUMBER]


def chosen_columns(policy: Policy, wanted: Sequence[str]) -> tuple[str, list[str]] | None:
    """`account.health`, ... as an entity and its columns; None where they are of several. Raises UnknownColumn."""
    entities: dict[str, list[str]] = {}
    there = [f"{e}.{c}" for e, c in policy.order if "." not in c]
    for text in wanted:
        entity, _, name = text.partition(".")
        found = policy.entities.get(entity)
        if found is None or not name or (text not in there and name not in found.inputs):
            raise UnknownColumn(text, there)
        entities.setdefault(entity, []).append(name)
    return next(iter(entities.items())) if len(entities) == 1 else None


def write_grid(
    policy: Policy,
    book: Book,
    params: Mapping[str, Value],
    grid: str,
    columns: tuple[str, Sequence[str]],
    folder: Path,
    format: Format = "parquet",
    progress: Progress | None = None,
) -> Path:
    """Writes `grid_NAME.FORMAT`: the row's key, the move's name under the grid's, and the columns, each with its cause.

    Rows stand in the input's order, move after move. The file is complete or absent. Raises OSError.
    """
    found = policy.grids[grid]
    scenario = Scenario(grid, (), found.lines, {}, found.description, found.span)
    path = folder / f"grid_{grid}.{format}"
    with about(path), _appending(path, format) as append:
        for i, (move, args) in enumerate(zip(found.moves, move_values(found, params), strict=True)):
            moved = shocked(policy, scenario, args)
            sources = _sources(moved, columns, grid)
            reads = [Read(*cell, type=moved.type_of(*cell)) for cell in sources]
            results = Results(evaluate(sliced(moved, reads, columns[0]), book, params, wanted=sources))
            append(_rows(results, dict(zip(columns[1], sources, strict=True)), grid, move.name))
            if progress is not None:
                progress(f"grid {grid}", (i + 1) / len(found.moves))
    return path


def _sources(moved: Policy, columns: tuple[str, Sequence[str]], grid: str) -> list[tuple[str, str]]:
    """Where the columns stand in a move's policy; inputs that the move rewrites under the grid's name."""
    entity, names = columns
    formulas = moved.entities[entity].formulas
    return [(entity, f"{grid}.{name}" if f"{grid}.{name}" in formulas else name) for name in names]


def _rows(results: Results, sources: Mapping[str, tuple[str, str]], grid: str, move: str) -> pa.Table:
    """One move's rows; every column, which is where ``sources`` says, has its cause."""
    ((entity, _), *_) = sources.values()
    actual = {name: source for name, (_, source) in sources.items()}
    read = table(results, entity, actual.values())
    made: dict[str, pa.Array | pa.ChunkedArray] = {}
    if entity in read.column_names:
        made[entity] = read[entity]
    made[grid] = pa.repeat(move, read.num_rows)
    for name, source in actual.items():
        made[name] = read[source]
        cause = f"{source}_cause"
        made[f"{name}_cause"] = read[cause] if cause in read.column_names else pa.nulls(read.num_rows, pa.string())
    return pa.table(made)


@contextmanager
def _appending(path: Path, format: Format) -> Iterator[Append]:
    """Appends tables of one schema to a file that appears once all are written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    writer: pyarrow.parquet.ParquetWriter | pyarrow.csv.CSVWriter | None = None

    def append(rows: pa.Table) -> None:
        nonlocal writer
        if format == "csv":
            rows = pa.table({name: unarmed(rows[name]) for name in rows.column_names})
        if writer is None:
            kind = pyarrow.csv.CSVWriter if format == "csv" else pyarrow.parquet.ParquetWriter
            writer = kind(hidden / path.name, rows.schema)
        writer.write_table(rows)

    try:
        yield append
        assert writer is not None
        writer.close()
        os.replace(hidden / path.name, path)
    finally:
        if writer is not None:
            writer.close()
        shutil.rmtree(hidden, ignore_errors=True)
