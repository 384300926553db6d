"""Results as files: each entity's computed columns in the input's row order, and the summary. Complete or absent.

An unknown cell is null, and a column that has any is followed by `<column>_cause`, text, null where the value is known.
Dates are UTC timestamps, durations seconds, links and keys text, enumerations their labels. In CSV an infinite number
is `inf`, and text that a spreadsheet would run as a formula (it starts with = + - @, a tab or a line's end) gets a
leading apostrophe; numbers are never touched. In JSON, one row a line, an infinite number is the text `infinite`.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from dsl.causes import WORDS, Cause
from dsl.model import Kind
from evaluator.about import about
from evaluator.book import BookTable
from evaluator.columns import KNOWN, Column, cause_numbers, origin_code
from evaluator.dates import FIRST, LAST
from evaluator.results import Results
from evaluator.texts import Texts

Format = Literal["parquet", "csv", "json"]
SUMMARY = "summary.json"


class UnknownColumn(Exception):
    """A column was asked for that no result has. ``wanted`` is as typed, ``columns`` are all there are."""

    def __init__(self, wanted: str, columns: list[str]) -> None:
        self.wanted, self.columns = wanted, columns
        super().__init__(f"there is no column `{wanted}`")


def write_outputs(
    results: Results, folder: str | os.PathLike[str], format: Format = "parquet", columns: Iterable[str] | None = None
) -> list[Path]:
    """Writes one file per entity and the summary; gives their paths. ``columns``: `account.health`, ...; all computed.

    A new folder appears whole. In one that exists the summary of an earlier run goes first and the new one comes last:
    a folder with a summary is complete. Raises UnknownColumn, OSError.
    """
    if format not in _writers:
        raise ValueError(f"{format!r} is no format of results: {', '.join(_writers)}")
    chosen = choose(results, columns)

    def write(made: Path) -> list[str]:
        for entity, wanted in chosen.items():
            write_table(table(results, entity, wanted), made / f"{entity}.{format}", format)
        return [f"{entity}.{format}" for entity in chosen]

    return publish(Path(folder), results.summary, write)


def publish(folder: Path, summary: Callable[[], dict[str, Any]], write: Callable[[Path], list[str]]) -> list[Path]:
    """A folder of results: ``write`` puts files into a folder and gives their names, the summary comes beside them."""
    with about(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            names = write(made)
            if SUMMARY in names:
                raise ValueError(f"both an entity's rows and the summary would be {SUMMARY}: choose another format")
            for name in names:
                _sync(made / name)
            text = json.dumps(summary() | {"files": names}, indent=2, ensure_ascii=False, allow_nan=False)
            _synced(made / SUMMARY, lambda path: path.write_text(text + "\n", "utf-8"))
            _put(made, folder, [*names, SUMMARY])
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return [folder / name for name in (*names, SUMMARY)]


def choose(results: Results, columns: Iterable[str] | None) -> dict[str, list[str]]:
    """Columns to write by entity, in the order asked for; without a choice, all that are computed, as in the policy."""
    computed = {entity: list(found) for entity, found in results.evaluation.columns.items() if found}
    if columns is None:
        return computed
    chosen: dict[str, list[str]] = {}
    for wanted in columns:
        entity, _, name = wanted.partition(".")
        if entity not in results.policy.entities or not name or results.column(entity, name) is None:
            raise UnknownColumn(wanted, [f"{e}.{c}" for e, names in computed.items() for c in names])
        if name not in chosen.setdefault(entity, []):
            chosen[entity].append(name)
    return chosen


def table(results: Results, entity: str, columns: Iterable[str]) -> pa.Table:
    """The entity's key and columns as an Arrow table, rows in the input's order."""
    arrays = arrays_of(results, entity, columns)
    return pa.table({name: array for name, array in arrays.items() if array is not None})


def arrays_of(results: Results, entity: str, columns: Iterable[str]) -> dict[str, pa.Array | None]:
    """The columns of that table by name; None for the causes of a column that is known in every row."""
    arrays: dict[str, pa.Array | None] = {}
    if not results.policy.entities[entity].once:
        arrays[entity] = _keys(results.book.tables[entity])
    for name in columns:
        column = results.column(entity, name)
        assert column is not None
        if results.policy.type_of(entity, name).kind is Kind.DATE:
            column = _on_the_calendar(column)
        arrays[name] = _array(results, entity, name, column)
        arrays[f"{name}_cause"] = _causes(column) if column.unknown_count() else None
    return arrays


def _on_the_calendar(column: Column) -> Column:
    """Dates as files can hold them: those outside of the years 1 to 9999, which most readers refuse, are too large."""
    beyond = column.known() & ~((column.values >= FIRST) & (column.values < LAST))
    if not beyond.any():
        return column
    quality = np.full(len(column.values), KNOWN) if column.quality is None else column.quality
    return Column(column.values, np.where(beyond, origin_code(Cause.OVERFLOW, 0, 0), quality))


def _keys(table: BookTable) -> pa.Array:
    """(n,) the keys as text, without making a string of each where the book holds them as Arrow does."""
    held = getattr(table.keys, "array", None)
    return pa.array(table.keys, pa.string()) if held is None else held.cast(pa.string()).combine_chunks()


def _array(results: Results, entity: str, name: str, column: Column) -> pa.Array:
    type_ = results.policy.type_of(entity, name)
    unknown = ~column.known()
    match type_.kind:
        case Kind.ENUM:
            return _picked(pa.array(type_.labels, pa.string()), column, unknown)
        case Kind.TEXT:
            return _picked(_strings(results.texts(entity, name)), column, unknown)
        case Kind.LINK:
            return _picked(_keys(results.book.tables[type_.entity]), column, unknown | (column.values < 0))
        case Kind.FLAG:
            return pa.array(column.values.astype(np.bool_), mask=unknown)
        case Kind.DATE:
            micros = np.rint(np.where(unknown, 0.0, column.values) * 1e6).astype(np.int64)
            return pa.array(micros, mask=unknown).cast(pa.timestamp("us", "UTC"))
        case _:
            return pa.array(column.values.astype(np.float64), mask=unknown)


def _strings(texts: Sequence[str]) -> pa.Array:
    """Texts as Arrow strings, as they were read where that is how they are kept."""
    return texts.array.cast(pa.string()) if isinstance(texts, Texts) else pa.array(texts, pa.string())


def _picked(words: pa.Array, column: Column, absent: np.ndarray[Any, Any]) -> pa.Array:
    return words.take(pa.array(np.where(absent, 0, column.values).astype(np.int64), mask=absent))


def _causes(column: Column) -> pa.Array:
    assert column.quality is not None
    words = np.array([None] * column.quality.size, dtype=object)
    unknown = column.quality != KNOWN
    words[unknown] = np.array([None, *WORDS.values()], dtype=object)[cause_numbers(column.quality[unknown])]
    return pa.array(words, pa.string())


# -- files ------------------------------------------------------------------------------------------


def _csv(rows: pa.Table) -> Callable[[Path], object]:
    return lambda path: pyarrow.csv.write_csv(safe_cells(rows), path)


def safe_cells(rows: pa.Table) -> pa.Table:
    """A table whose texts no spreadsheet takes for formulas."""
    return pa.table({name: unarmed(rows[name]) for name in rows.column_names})


def unarmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text that no spreadsheet takes for a formula."""
    if not pa.types.is_string(column.type):
        return column
    armed = pc.match_substring_regex(column, "^[=+\\-@\t\r\n]")
    return pc.if_else(armed, pc.binary_join_element_wise("'", column, ""), column)


def _parquet(rows: pa.Table) -> Callable[[Path], object]:
    return lambda path: pyarrow.parquet.write_table(rows, path)


def _json(rows: pa.Table) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            lead = "[\n"
            for batch in rows.to_batches(max_chunksize=65_536):
                if batch.num_rows:
                    file.write(lead + ",\n".join(json_objects(batch).to_pylist()))
                    lead = ",\n"
            file.write("[]\n" if lead == "[\n" else "\n]\n")

    return write


def json_objects(batch: pa.RecordBatch) -> pa.Array:
    """Each row as a JSON object, put together from whole columns of texts."""
    parts: list[Any] = []
    for i, (name, column) in enumerate(zip(batch.schema.names, batch.columns, strict=True)):
        parts += [("{" if i == 0 else ", ") + _encode(name) + ": ", _cells(column)]
    return pc.binary_join_element_wise(*parts, "}", "")


def _cells(column: pa.Array) -> pa.Array:
    """Cells as JSON writes them: dates and infinite numbers as text, a null as null."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        moments = [None if cell is None else cell.isoformat().replace("+00:00", "Z") for cell in column.to_pylist()]
        column, kind = pa.array(moments, pa.string()), pa.string()
    if pa.types.is_string(kind) or pa.types.is_floating(kind):
        write = _encode if pa.types.is_string(kind) else _number
        distinct = column.dictionary_encode()  # each value is written once
        written = pa.array(list(map(write, distinct.dictionary.to_pylist())), pa.string())
        found = written.take(distinct.indices)
    else:
        found = column.cast(pa.string())  # flags
    return pc.fill_null(found, "null")


def _number(value: float) -> str:
    return repr(value) if abs(value) != float("inf") else '"infinite"' if value > 0 else '"-infinite"'


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


_writers: dict[Format, Callable[[pa.Table], Callable[[Path], object]]] = {
    "parquet": _parquet,
    "csv": _csv,
    "json": _json,
}


def write_table(rows: pa.Table, path: Path, format: Format) -> None:
    """One file of rows."""
    _writers[format](rows)(path)


def write_file(path: Path, text: str) -> None:
    """One file of text, complete or absent."""
    with about(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        try:
            _synced(Path(name), lambda made: made.write_text(text, "utf-8"))
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
            _sync(path.parent)
        finally:
            Path(name).unlink(missing_ok=True)


def _synced(path: Path, write: Callable[[Path], object]) -> None:
    write(path)
    _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put(made: Path, folder: Path, names: list[str]) -> None:
    """Moves finished files to where they belong."""
    if not folder.exists():
        os.chmod(made, 0o777 & ~_umask())
        _sync(made)
        os.rename(made, folder)
    else:
        for stale in earlier(folder):
            (folder / stale).unlink(missing_ok=True)
        for name in names:
            os.replace(made / name, folder / name)
        _sync(folder)
    _sync(folder.parent)


def earlier(folder: Path) -> list[str]:
    """The files of an earlier run, its summary first; only plain names, whatever the summary says."""
    try:
        found = json.loads((folder / SUMMARY).read_text("utf-8"))
        names = found.get("files", [])
    except (OSError, ValueError, AttributeError):
        return []
    return [SUMMARY, *(n for n in names if isinstance(n, str) and Path(n).name == n and n != SUMMARY)]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
