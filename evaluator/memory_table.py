"""A table in memory: columns as sequences, arrays or texts."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from evaluator.arrays import Array
from evaluator.files import check_header, decoded, pieces
from evaluator.problems import EXAMPLES, Problem, Unreadable


@dataclass(frozen=True)
class MemoryTable:
    """Columns given as sequences, arrays or texts. Text is read like a cell of a CSV file; None is blank."""

    name: str
    columns: dict[str, Array] = field(repr=False)
    sha256: str = ""
    long: bool = True

    @staticmethod
    def of(name: str, columns: Mapping[str, Sequence[Any]]) -> "MemoryTable":
        if isinstance(columns, pa.Table):
            check_header(name, columns.column_names)
            columns = dict(zip(columns.column_names, columns.columns, strict=True))
        if not isinstance(columns, Mapping):
            raise Unreadable(Problem("no table", name, help="give its columns by name: a dict of lists"))
        made = {column: _array(name, column, values) for column, values in columns.items()}
        counts = {column: len(array) for column, array in made.items()}
        if len(set(counts.values())) > 1:
            shown = ", ".join(f"`{column}` has {n}" for column, n in itertools.islice(counts.items(), EXAMPLES))
            raise Unreadable(Problem(f"columns of different length: {shown}", name, help="give each row every column"))
        return MemoryTable(name, made)

    @property
    def header(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def read(self, names: Mapping[str, bool]) -> dict[str, Array]:
        return {n: self.columns[n] for n in names}

    def faithful(self, name: str) -> Array:
        return self.columns[name]

    def batches(self, names: Sequence[str], rows: int) -> Iterator[dict[str, Array]]:
        whole = pa.table({n: self.columns[n] for n in names})
        for batch in whole.to_batches(max_chunksize=rows):
            yield from pieces(batch, names, rows)

    def without_rows(self, names: Iterable[str]) -> dict[str, Array]:
        return {n: self.columns[n].slice(0, 0) for n in names}

    def rows_about(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def lines(self, rows: Sequence[int]) -> list[int]:
        return [r + 1 for r in rows]


def _array(table: str, column: str, values: Sequence[Any]) -> Array:
    """A sequence as a pyarrow column: as it is where its values are of one kind, else as text."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise Unreadable(Problem("one value, where a sequence is needed", table, None, column, "write it as a list"))
    if isinstance(values, Set | Mapping):
        raise Unreadable(Problem("values without an order", table, None, column, "write them as a list"))
    if (dimensions := getattr(values, "ndim", 1)) != 1:
        message = f"an array of {dimensions} dimensions, where one is needed"
        raise Unreadable(Problem(message, table, None, column, "give one value a row"))
    try:
        array = pa.array(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        array = None
    if array is None or pa.types.is_nested(array.type):
        if any(isinstance(v, (list, tuple, dict, set)) for v in values):
            problem = Problem("a value that is a collection", table, None, column, "give one value a row")
            raise Unreadable(problem)
        array = pa.array([None if v is None else str(v) for v in values], pa.string())
    return decoded(array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array]))
