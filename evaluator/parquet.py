"""A Parquet file, and columns of it, read by row groups where they are large: at once they take Arrow more than twice
their room."""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from evaluator.arrays import Array, Values, column_of, dtype_of, is_number, known_numbers, values_of
from evaluator.threads import shared

_ROWS = 1 << 20  # of a small file, whose columns are taken as Arrow makes them
_BUFFER = 1 << 20  # bytes of a column that are read at a time, so that what is decoded next stands in the cache


def parquet_file(path: Path, buffer_size: int = _BUFFER, **options: Any) -> Any:
    """A ParquetFile, which reads so many bytes of a column at a time; as far as files are read here, one of Arrow's
    reader alone. Raises OSError, or Arrow's exceptions.

    Arrow's own module loads the file systems of four clouds besides, and TLS: a twentieth of a command over a million
    rows. What it does is little, but the reader isn't promised to stay as it is: where it has changed, theirs is taken.
    """
    options |= {"buffer_size": buffer_size, "pre_buffer": False}  # else Arrow reads row groups whole
    try:
        from pyarrow._parquet import ParquetReader

        return _Reader(ParquetReader(), path, options)
    except (ImportError, AttributeError, TypeError):
        from pyarrow.parquet import ParquetFile

        return ParquetFile(path, **options)


class _Reader:
    """What of ParquetFile is called here."""

    def __init__(self, reader: Any, path: Path, options: dict[str, Any]) -> None:
        reader.open(str(path), arrow_extensions_enabled=True, **options)
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

    def read_row_groups(self, groups: Sequence[int], columns: Sequence[str], use_threads: bool) -> Any:
        return self._read_some(groups, column_indices=self._numbers(columns), use_threads=use_threads)

    def iter_batches(self, rows: int, groups: Sequence[int], columns: Sequence[str], use_threads: bool) -> Any:
        return self._batches(rows, row_groups=groups, column_indices=self._numbers(columns), use_threads=use_threads)

    def _numbers(self, columns: Sequence[str]) -> list[int]:
        """Those of the columns, of which one has several where it is nested."""
        return [i for name in columns for i, column in enumerate(self._columns) if column == name]


def read_columns(path: Path, names: Sequence[str], links: frozenset[str] = frozenset()) -> dict[str, Array]:
    """Numbers without nulls come in one piece, all else as it stands in the row groups. ``links``: columns whose texts
    come as dictionaries where they are stored so, and whole numbers as int64, as links are kept."""

    opened = partial(parquet_file, path, read_dictionary=list(links))
    with opened() as file:
        counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        if sum(counts) <= _ROWS:
            table = file.read(columns=names)
            return {name: table.column(name) for name in names}
        kinds = file.schema_arrow
    parts = list(_parts(counts))
    starts = [0, *accumulate(sum(counts[i] for i in groups) for groups in parts)]
    columns = {name: _Column(kinds.field(name).type, starts, name in links) for name in names}

    def work(some: Iterable[tuple[int, str]]) -> None:
        with opened() as own:
            for part, name in some:
                table = own.read_row_groups(parts[part], columns=[name], use_threads=False)
                columns[name].put(part, table.column(name))

    shared(work, [(part, name) for part in range(len(parts)) for name in names], os.cpu_count() or 1)
    return {name: column.whole() for name, column in columns.items()}


def _parts(counts: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of row groups that are read together."""
    part: list[int] = []
    for i, count in enumerate(counts):
        if part and sum(counts[j] for j in part) + count > _ROWS:
            yield part
            part = []
        part.append(i)
    yield part


class _Column:
    """A column that is put together from its parts, which come in any order; whole numbers are made int64 for a
    ``link``. ``starts``: the first row of each, and the end."""

    def __init__(self, kind: Any, starts: Sequence[int], link: bool) -> None:
        self._starts, self._others = starts, dict[int, Array]()
        self._numbers: Values | None = None
        if is_number(kind):
            self._stored = dtype_of(kind)
            wide = link and np.can_cast(self._stored, np.int64)
            self._numbers = np.empty(starts[-1], dtype=np.int64 if wide else self._stored)

    def put(self, i: int, part: Array) -> None:
        if self._numbers is not None and known_numbers(part):
            self._numbers[self._starts[i] : self._starts[i + 1]] = values_of(part)
        else:
            self._others[i] = part

    def whole(self) -> Array:
        if self._numbers is not None and not self._others:
            return pa.chunked_array([column_of(self._numbers)])
        return pa.chunked_array([chunk for i in range(len(self._starts) - 1) for chunk in self._chunks(i)])

    def _chunks(self, i: int) -> Sequence[Array]:
        if i in self._others:
            return self._others[i].chunks  # type: ignore[no-any-return]
        assert self._numbers is not None
        numbers = self._numbers[self._starts[i] : self._starts[i + 1]]
        return [column_of(numbers.astype(self._stored, copy=False))]
