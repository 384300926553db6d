"""A table too large for memory, put down on disk in parts: rows that belong to one account stand in one part.

A part is chosen by the account's key, so that a position finds its account without a look at all of them. Rows keep the
order of the file in each part, with their numbers beside them, and cells keep the form in which the file writes them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evaluator.arrays import Array
from evaluator.cells import many_digits, names
from evaluator.files import CsvFile, TableFile
from evaluator.stream_hashes import buckets, hashes, may_repeat, texts_of

Rows = npt.NDArray[np.int64]
ROW = "\0row"  # no header can hold it


@dataclass
class Spilled:
    """One entity's table in parts. ``names``: the file's columns that the policy reads; ``counts``: rows by bucket.

    ``plain``: every cell that should be a number is one, as CSV files are read. ``long``: by the file's name, whether a
    cell of the whole column has more digits than a float64 tells apart.
    """

    file: TableFile
    folder: Path
    names: tuple[str, ...]
    counts: Rows
    plain: bool = True
    long: dict[str, bool] = field(default_factory=dict)
    repeats: bool = False

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    def part(self, chosen: Sequence[int]) -> "PartFile":
        """The rows of some buckets, in the order of the file."""
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


@dataclass
class PartFile:
    """Some rows of a table, which stand in memory; ``rows`` are their numbers in the file."""

    whole: Spilled
    columns: Mapping[str, Array]
    rows: Rows
    sha256: str = ""

    @property
    def name(self) -> str:
        return self.whole.file.name

    @property
    def header(self) -> Sequence[str]:
        return self.whole.file.header

    @property
    def long(self) -> bool:
        return False  # of the whole column, not of these rows: see ``Spilled.long``

    def read(self, names: Mapping[str, bool]) -> dict[str, Array]:
        numbers = self.whole.plain and isinstance(self.whole.file, CsvFile)
        return {n: _floats(self.columns[n]) if numbers and number else self.columns[n] for n, number in names.items()}

    def faithful(self, name: str) -> Array:
        return self.columns[name]

    def batches(self, names: Sequence[str], rows: int) -> Iterator[dict[str, Array]]:
        yield {n: self.columns[n] for n in names}

    def without_rows(self, names: Iterable[str]) -> dict[str, Array]:
        return self.whole.file.without_rows(names)

    def rows_about(self) -> int:
        return len(self.rows)

    def lines(self, rows: Sequence[int]) -> list[int]:
        return self.whole.file.lines([int(self.rows[r]) for r in rows])


def _floats(array: Array) -> Array:
    """Text as a CSV file's numbers are read: blanks around a number are no part of it, an empty cell is none."""
    trimmed = pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), pc.ascii_trim_whitespace(array))
    return pc.cast(trimmed, pa.float64())


def spill(
    file: TableFile,
    folder: Path,
    columns: Mapping[str, bool],
    numbers: Collection[str],
    *,
    key: str,
    link: str,
    count: int,
    batch: int,
) -> Spilled:
    """Puts a table's ``columns`` (True: read as numbers where all are) down in ``count`` buckets, by the text in
    ``link``; ``key`` holds the rows' own keys. ``numbers``: those that may be written with many digits."""
    folder.mkdir()
    found = Spilled(file, folder, tuple(columns), np.zeros(count, dtype=np.int64))
    found.long = dict.fromkeys(columns, False)
    writers: dict[int, Any] = {}
    text = isinstance(file, CsvFile)
    first = 0
    with (folder / "keys").open("wb") as keys:
        try:
            for arrays in file.batches(found.names, batch):
                rows = len(arrays[link])
                own = hashes(texts_of(names(arrays[key])))
                own.tofile(keys)
                to = buckets(own if link == key else hashes(texts_of(names(arrays[link]))), count)
                for name, number in columns.items():
                    if number and text:
                        found.plain = found.plain and _parses(arrays[name])
                    if name in numbers and file.long:
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
        _floats(array)
    except pa.ArrowInvalid:
        return False
    return True
