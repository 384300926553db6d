"""Columns of a Parquet file, read some row groups at a time: all at once they take Arrow more than twice their room."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from evaluator.arrays import Array, Values, column_of, known_numbers, values_of

_ROWS = 1 << 20  # read at a time


def read_columns(file: Any, names: Sequence[str], links: frozenset[str] = frozenset()) -> dict[str, Array]:
    """``file`` is a ParquetFile. Numbers without nulls come in one piece, all else as it stands in the row groups.
    ``links``: columns whose whole numbers come as int64, as links are kept."""
    counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    if sum(counts) <= _ROWS:
        table = file.read(columns=names)
        return {name: table.column(name) for name in names}
    found = {name: _Column(sum(counts), name in links) for name in names}
    for table in _ahead([partial(file.read_row_groups, groups, columns=names) for groups in _parts(counts)]):
        for name, column in found.items():
            column.add(table.column(name))
    return {name: column.whole() for name, column in found.items()}


def _parts(counts: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of row groups that are read together."""
    part: list[int] = []
    for i, count in enumerate(counts):
        if part and sum(counts[j] for j in part) + count > _ROWS:
            yield part
            part = []
        part.append(i)
    yield part


def _ahead(reads: Sequence[Callable[[], Any]]) -> Iterator[Any]:
    """What each of them reads; the next one is read while somebody looks at the last."""
    from concurrent.futures import ThreadPoolExecutor  # few files are that large

    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(reads[0])
        for read in reads[1:]:
            found, waiting = waiting.result(), reader.submit(read)
            yield found
        yield waiting.result()


class _Column:
    """A column that is put together from its parts; whole numbers are made int64 for a ``link``."""

    def __init__(self, rows: int, link: bool) -> None:
        self._rows, self._end, self._link = rows, 0, link
        self._numbers: Values | None = None
        self._stored: np.dtype[Any] | None = None
        self._parts: list[Array] = []

    def add(self, part: Array) -> None:
        if self._parts or not known_numbers(part):
            if self._numbers is not None:
                self._parts.append(column_of(self._numbers[: self._end].astype(self._stored, copy=False)))
                self._numbers = None
            self._parts += part.chunks
            return
        for chunk in part.chunks:
            values = values_of(chunk)
            if self._numbers is None:
                self._stored = values.dtype
                wide = self._link and np.can_cast(values.dtype, np.int64)
                self._numbers = np.empty(self._rows, dtype=np.int64 if wide else values.dtype)
            self._numbers[self._end : self._end + len(values)] = values
            self._end += len(values)

    def whole(self) -> Array:
        return pa.chunked_array(self._parts if self._numbers is None else [column_of(self._numbers)])
