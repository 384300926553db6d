"""One entity's table in parts, and the rows of some of them as a table of their own."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evaluator.arrays import Array
from evaluator.csv_file import CsvFile
from evaluator.files import TableFile

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Keyed:
    """One entity's file. ``columns``: the file's that the policy reads, True for those wanted as numbers where all are;
    ``numbers``: those that may be written with many digits. ``key``: the column of the rows' own keys; ``link``: that
    of the accounts that they belong to, which is the ``key`` in the accounts' own table."""

    file: TableFile
    columns: Mapping[str, bool]
    numbers: Collection[str]
    key: str
    link: str


@dataclass
class Divided:
    """``names``: the file's columns that the policy reads; ``counts``: rows by bucket, of which parts are made.

    ``plain``: every cell that should be a number is one, as CSV files are read. ``long``: by the file's name, whether a
    cell of the whole column has more digits than a float64 tells apart. ``repeats``: a key may be there twice.
    """

    file: TableFile
    names: tuple[str, ...]
    counts: Rows
    plain: bool = field(default=True, kw_only=True)
    long: dict[str, bool] = field(default_factory=dict, kw_only=True)
    repeats: bool = field(default=False, kw_only=True)

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    def part(self, chosen: Sequence[int]) -> "PartFile":
        """The rows of some buckets, in the order of the file."""
        raise NotImplementedError


@dataclass
class PartFile:
    """Some rows of a table, which stand in memory; ``rows`` are their numbers in the file."""

    whole: Divided
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
        return False  # of the whole column, not of these rows: see ``Divided.long``

    def read(self, names: Mapping[str, bool]) -> dict[str, Array]:
        numbers = self.whole.plain and isinstance(self.whole.file, CsvFile)
        return {n: floats(self.columns[n]) if numbers and number else self.columns[n] for n, number in names.items()}

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


def floats(array: Array) -> Array:
    """Text as a CSV file's numbers are read: blanks around a number are no part of it, an empty cell is none."""
    trimmed = pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), pc.ascii_trim_whitespace(array))
    return pc.cast(trimmed, pa.float64())
