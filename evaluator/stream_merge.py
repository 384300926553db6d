"""Results of parts put back into the order of the file, piece by piece, on disk until then."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from evaluator.stream_spill import ROW

_TOGETHER = 1 << 17  # rows that are read of all parts at a time


class Pile:
    """One entity's results by part: tables with the rows' numbers in ``ROW``, rising in each part."""

    def __init__(self, folder: Path, parts: int) -> None:
        folder.mkdir()
        self._folder, self._parts, self._batch = folder, 0, max(256, _TOGETHER // parts)
        self.schema: Any = None

    def put(self, table: Any) -> None:
        path = self._folder / str(self._parts)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=self._batch)
        self._parts, self.schema = self._parts + 1, table.schema

    def in_order(self, rows: int, piece: int) -> Iterator[Any]:
        """All rows in the order of the file, ``piece`` of them at a time."""
        sources = [_Source(self._folder / str(i)) for i in range(self._parts)]
        try:
            for stop in range(piece, rows + piece, piece):
                table = pa.concat_tables([t for source in sources for t in source.until(stop)])
                order = np.argsort(table.column(ROW).to_numpy(), kind="stable")
                yield table.take(pa.array(order))
        finally:
            for source in sources:
                source.close()


class _Source:
    def __init__(self, path: Path) -> None:
        self._file = pa.OSFile(str(path))
        self._reader = pa.ipc.open_stream(self._file)
        self._left: Any = None

    def until(self, stop: int) -> Iterator[Any]:
        """The rows that come next, as far as their numbers are below ``stop``."""
        while True:
            if self._left is None or not len(self._left):
                try:
                    self._left = pa.Table.from_batches([self._reader.read_next_batch()])
                except StopIteration:
                    return
            below = int(np.searchsorted(self._left.column(ROW).to_numpy(), stop))
            yield self._left.slice(0, below)
            self._left = self._left.slice(below)
            if len(self._left):
                return

    def close(self) -> None:
        self._file.close()
