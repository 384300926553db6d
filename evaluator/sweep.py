"""Every move of a grid, evaluated one after the other, each row's results appended to one file: bounded memory."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from dsl.grids import move_values
from dsl.model import Grid, Kind, Param, ParamRead, Policy, Read, Scenario, Value
from dsl.slice import sliced
from dsl.state import shocked
from evaluator.about import about
from evaluator.book import Book
from evaluator.opened import OneOf, Several
from evaluator.outputs import UnknownColumn, safe_cells, table
from evaluator.results import Results
from evaluator.run import evaluate
from evaluator.runner import Progress
from evaluator.threads import threads

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
    moved, moves = in_any_move(policy, found, params)
    sources = _sources(moved, columns, grid)
    reads = [Read(*cell, type=moved.type_of(*cell)) for cell in sources]
    moved = sliced(moved, reads, columns[0])
    several = Several(moves)
    path = folder / f"grid_{grid}.{format}"
    with about(path), _appending(path, format, columns[0]) as append:
        for i, (move, args) in enumerate(zip(found.moves, moves, strict=True)):
            results = Results(evaluate(moved, book, {**params, **args}, wanted=sources, one_of=OneOf(several, i)))
            append(_rows(results, dict(zip(columns[1], sources, strict=True)), grid, move.name))
            if progress is not None:
                progress(f"grid {grid}", (i + 1) / len(moves))
    return path


def in_any_move(
    policy: Policy, grid: Grid, params: Mapping[str, Value]
) -> tuple[Policy, tuple[Mapping[str, Value], ...]]:
    """The policy over the book as a move makes it, whose values are params; and those in each move."""
    names = {column: f"{grid.name}.{column}" for column, _ in grid.columns}
    added = {names[c]: Param(names[c], type, None, None, None, (), "", True, grid.span) for c, type in grid.columns}
    scenario = Scenario(grid.name, (), grid.lines, {}, grid.description, grid.span)
    args = {column: ParamRead(names[column], type) for column, type in grid.columns}
    moved = shocked(replace(policy, params={**policy.params, **added}), scenario, args)
    return moved, tuple({names[c]: v.value for c, v in move.items()} for move in move_values(grid, params))


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
def _appending(path: Path, format: Format, key: str) -> Iterator[Append]:
    """Appends tables of one schema to a file that appears once all are written. Rows are written while the next are
    computed, where there is a thread for that. ``key``: a column whose texts are different from row to row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    writer: pyarrow.parquet.ParquetWriter | pyarrow.csv.CSVWriter | None = None
    before: Future[object] | None = None

    def write(rows: pa.Table) -> None:
        nonlocal writer
        if format == "csv":
            rows = safe_cells(rows)
        if writer is None and format == "csv":
            writer = pyarrow.csv.CSVWriter(hidden / path.name, rows.schema)
        elif writer is None:
            words = [f.name for f in rows.schema if pa.types.is_string(f.type) and f.name != key]
            writer = pyarrow.parquet.ParquetWriter(hidden / path.name, rows.schema, use_dictionary=words)
        writer.write_table(rows)

    def append(rows: pa.Table) -> None:
        nonlocal before
        if before is not None:
            before.result()
        before = crew.submit(write, rows)

    try:
        with ThreadPoolExecutor(1, "softliq") as crew:
            yield append if threads() > 1 else write
        if before is not None:
            before.result()
        assert writer is not None
        writer.close()
        os.replace(hidden / path.name, path)
    finally:
        if writer is not None:
            writer.close()
        shutil.rmtree(hidden, ignore_errors=True)
