"""A Parquet file, and columns of it, read some row groups at a time: all at once they take Arrow more than twice their
room."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from evaluator.arrays import Array, Values, column_of, known_numbers, values_of

_ROWS = 1 << 20  # read at a time


def parquet_file(path: Path, **options: Any) -> Any:
    """A ParquetFile; as far as files are read here, one of Arrow's reader alone. Raises OSError, or Arrow's exceptions.

    Arrow's own module loads the file systems of four clouds besides, and TLS: a twentieth of a command over a million
    rows. What it does is little, but the reader isn't promised to stay as it is: where it has changed, theirs is taken.
    """
    try:
        from pyarrow._parquet import ParquetReader

        return _Reader(ParquetReader(), path, options)
    except (ImportError, AttributeError, TypeError):
        from pyarrow.parquet import ParquetFile

        return ParquetFile(path, **options)


class _Reader:
    """What of ParquetFile is called here."""

    def __init__(self, reader: Any, path: Path, options: dict[str, Any]) -> None:
        reader.open(str(path), pre_buffer=True, arrow_extensions_enabled=True, **options)
        self._reader, self._columns = reader, [path[0] for path in reader.column_paths]
        self.metadata, self.num_row_groups = reader.metadata, reader.num_row_groups
        self._read_all, self._read_some, self._batches = reader.read_all, reader.read_row_groups, reader.iter_batches

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    @property
    def schema_arrow(self) -> Any:
        return self._reader.schema_arrow

    def read(self, columns: Sequence[str]) -> Any:
        return self._read_all(column_indices=self._numbers(columns))

    def read_row_groups(self, groups: Sequence[int], columns: Sequence[str]) -> Any:
        return self._read_some(groups, column_indices=self._numbers(columns))

    def iter_batches(self, rows: int, groups: Sequence[int], columns: Sequence[str], use_threads: bool) -> Any:
        return self._batches(rows, row_groups=groups, column_indices=self._numbers(columns), use_threads=use_threads)

    def _numbers(self, columns: Sequence[str]) -> list[int]:
        """Those of the columns, of which one has several where it is nested."""
        return [i for name in columns for i, column in enumerate(self._columns) if column == name]


def read_columns(file: Any, names: Sequence[str], links: frozenset[str] = frozenset()) -> dict[str, Array]:
    """``file`` is a Parquet file. Numbers without nulls come in one piece, all else as it stands in the row groups.
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
