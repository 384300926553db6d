"""Results' files written piece by piece, the same as if they had been written at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from evaluator.outputs import json_objects, safe_cells

GROUP = 1 << 20  # rows of a Parquet file's row group


class Sink(Protocol):
    """A file that is open for writing."""

    def write(self, table: Any) -> None: ...
    def close(self) -> None: ...


class _Parquet:
    """``room``: bytes of rows that may wait for their group to be full; row groups are smaller where that is little."""

    def __init__(self, path: Path, schema: Any, room: int) -> None:
        self._room, self._size = room, 0
        self._waiting, self._rows = list[Any](), 0
        self._writer = pyarrow.parquet.ParquetWriter(path, schema)

    def write(self, table: Any) -> None:
        self._waiting.append(table)
        self._rows += len(table)
        self._size += table.nbytes
        if self._rows >= GROUP:
            whole = pa.concat_tables(self._waiting)
            self._waiting = [whole.slice(0, GROUP)]
            self._put()
            self._waiting = [whole.slice(GROUP)]
            self._rows, self._size = len(self._waiting[0]), self._waiting[0].nbytes
        elif self._size > self._room:
            self._put()

    def _put(self) -> None:
        self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=GROUP)
        self._waiting, self._rows, self._size = [], 0, 0

    def close(self) -> None:
        if self._rows:
            self._put()
        self._writer.close()


class _Csv:
    def __init__(self, path: Path, schema: Any, room: int) -> None:
        self._writer = pyarrow.csv.CSVWriter(path, schema)

    def write(self, table: Any) -> None:
        self._writer.write_table(safe_cells(table))

    def close(self) -> None:
        self._writer.close()


class _Json:
    def __init__(self, path: Path, schema: Any, room: int) -> None:
        self._file, self._lead = path.open("w", encoding="utf-8", newline=""), "[\n"

    def write(self, table: Any) -> None:
        for batch in table.combine_chunks().to_batches(max_chunksize=65_536):
            if batch.num_rows:
                self._file.write(self._lead + ",\n".join(json_objects(batch).to_pylist()))
                self._lead = ",\n"

    def close(self) -> None:
        self._file.write("[]\n" if self._lead == "[\n" else "\n]\n")
        self._file.close()


_SINKS: dict[str, Any] = {"parquet": _Parquet, "csv": _Csv, "json": _Json}


@contextmanager
def sink(path: Path, schema: Any, format: Literal["parquet", "csv", "json"], room: int) -> Iterator[Sink]:
    """A file to write to, closed in the end."""
    made: Sink = _SINKS[format](path, schema, room)
    try:
        yield made
    finally:
        made.close()
