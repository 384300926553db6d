"""A table too large for memory, put down on disk in parts: rows that belong to one account stand in one part.

A part is chosen by the account's key, so that a position finds its account without a look at all of them. Rows keep the
order of the file in each part, with their numbers beside them, and cells keep the form in which the file writes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from evaluator.arrays import Array
from evaluator.cells import many_digits, names
from evaluator.csv_file import CsvFile
from evaluator.stream_hashes import buckets, hashes, may_repeat, texts_of
from evaluator.stream_table import Divided, Keyed, PartFile, Rows, floats

ROW = "\0row"  # no header can hold it


@dataclass
class Spilled(Divided):
    """A table put down in a ``folder``, a file for each bucket."""

    folder: Path

    def part(self, chosen: Sequence[int]) -> PartFile:
        tables = [t for bucket in chosen if (t := self._bucket(bucket)) is not None]
        table = pa.concat_tables(tables) if tables else None
        if table is None:
            table = pa.table({**self.file.without_rows(self.names), ROW: pa.array([], pa.int64())})
        rows = table.column(ROW).to_numpy()
        if len(chosen) > 1:
            order = np.argsort(rows, kind="stable")
            table, rows = table.take(pa.array(order)), rows[order]
        return PartFile(self, {n: table.column(n) for n in self.names}, rows)

    def _bucket(self, bucket: int) -> Any:
        path = self.folder / str(bucket)
        if not path.exists():
            return None
        with pa.OSFile(str(path)) as file:
            return pa.ipc.open_stream(file).read_all()


def spill(table: Keyed, folder: Path, count: int, batch: int) -> Spilled:
    """Puts a table down in ``count`` buckets, by the texts of its links."""
    file, columns, key, link = table.file, table.columns, table.key, table.link
    folder.mkdir()
    found = Spilled(file, tuple(columns), np.zeros(count, dtype=np.int64), folder)
    found.long = dict.fromkeys(columns, False)
    writers: dict[int, Any] = {}
    text = isinstance(file, CsvFile)
    first = 0
    with (folder / "keys").open("wb") as keys:
        try:
            for arrays in file.batches(found.names, batch):
                rows = len(arrays[link])
                own = hashes(texts_of(names(arrays[key])))
                keys.write(own.data)
                to = buckets(own if link == key else hashes(texts_of(names(arrays[link]))), count)
                for name, number in columns.items():
                    if number and text:
                        found.plain = found.plain and _parses(arrays[name])
                    if name in table.numbers and file.long:
                        found.long[name] = found.long[name] or many_digits(arrays[name])
                numbers = np.arange(first, first + rows, dtype=np.int64)
                _scatter(pa.table({**arrays, ROW: numbers}), to, found, writers)
                first += rows
        finally:
            for writer, sink in writers.values():
                writer.close()
                sink.close()
    found.repeats = link != key and may_repeat(folder / "keys")
    (folder / "keys").unlink()
    return found


def _scatter(table: Any, to: Rows, found: Spilled, writers: dict[int, Any]) -> None:
    order = np.argsort(to.astype(np.uint16), kind="stable")
    sizes = np.bincount(to, minlength=len(found.counts))
    table, start = table.take(pa.array(order)), 0
    for bucket in np.flatnonzero(sizes).tolist():
        if bucket not in writers:
            sink = pa.OSFile(str(found.folder / str(bucket)), "wb")
            writers[bucket] = pa.ipc.new_stream(sink, table.schema), sink
        writers[bucket][0].write_table(table.slice(start, int(sizes[bucket])))
        start += int(sizes[bucket])
    found.counts += sizes


def _parses(array: Array) -> bool:
    try:
        floats(array)
    except pa.ArrowInvalid:
        return False
    return True
