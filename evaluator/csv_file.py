"""A table in a CSV file: its rows in UTF-8 text, maybe compressed."""

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from evaluator.arrays import Array
from evaluator.files import BLOCK, check_header, pieces
from evaluator.later import Later
from evaluator.problems import EXAMPLES, Problem, Unreadable
from evaluator.scan import GZIP, lines, plain, scan

arrow_csv: Any = Later("pyarrow.csv")  # which other files need none of


@dataclass(frozen=True)
class CsvFile:
    """A comma-separated text file in UTF-8 with one header line, maybe compressed."""

    path: Path
    name: str
    sha256: str
    header: tuple[str, ...]
    quotes: bool
    long: bool

    @staticmethod
    def open(path: Path, name: str) -> "CsvFile":
        found = scan(path, name)
        opened = _open_quote(path) if found.suspect else None
        if opened is not None:
            raise Unreadable(Problem("a quoted value isn't closed", name, opened, help="write its closing quote"))
        with lines(path) as file:
            header = tuple(next((r for r in csv.reader(file) if r), ()))
        if not header:
            help = "give it a header line with the columns' names, even when it has no rows"
            raise Unreadable(Problem("the file is empty", name, help=help))
        check_header(name, header)
        return CsvFile(path, name, found.sha256, header, found.quotes, found.long)

    def read(self, names: Mapping[str, bool]) -> dict[str, Array]:
        try:
            return self._read({n: pa.float64() if number else pa.string() for n, number in names.items()})
        except pa.ArrowInvalid:  # a cell that is no number, or a broken row: then reading as text fails as well
            return self._read_text(tuple(names))

    def _read(self, types: Mapping[str, Any]) -> dict[str, Array]:
        table = arrow_csv.read_csv(self.path, **self._options(types))
        return {n: table.column(n) for n in types}

    def _options(self, types: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "read_options": arrow_csv.ReadOptions(block_size=BLOCK),
            "parse_options": arrow_csv.ParseOptions(newlines_in_values=self.quotes),
            "convert_options": arrow_csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=[""], strings_can_be_null=False
            ),
        }

    def _read_text(self, names: Sequence[str]) -> dict[str, Array]:
        try:
            return self._read(dict.fromkeys(names, pa.string()))
        except pa.ArrowInvalid:
            raise Unreadable(self._broken()) from None

    def batches(self, names: Sequence[str], rows: int) -> Iterator[dict[str, Array]]:
        try:
            with arrow_csv.open_csv(self.path, **self._options(dict.fromkeys(names, pa.string()))) as reader:
                for batch in reader:
                    yield from pieces(batch, names, rows)
        except pa.ArrowInvalid:
            raise Unreadable(self._broken()) from None

    def without_rows(self, names: Iterable[str]) -> dict[str, Array]:
        return {n: pa.chunked_array([], pa.string()) for n in names}

    def rows_about(self) -> int:
        with plain(self.path) as file:
            start = file.read(BLOCK)
        size = self.path.stat().st_size * (5 if self.path.suffix == GZIP else 1)
        return size // max(len(start) // max(start.count(b"\n"), 1), 1) + 1

    def _broken(self) -> Problem:
        """Why the file can't be cut into rows and columns."""
        wide, places = len(self.header), list[tuple[int, int]]()
        for line, record in self._records():
            if len(record) != wide:
                places.append((line, len(record)))
        if not places:
            return Problem("the file can't be cut into rows and columns", self.name, help="a row may be too long")
        rows = "1 row doesn't" if len(places) == 1 else f"{len(places):,} rows don't"
        message = f"{rows} have as many columns as the header, which has {wide}"
        help = "a value that holds a comma stands in double quotes; a number has no thousands separators"
        examples = tuple(f"line {line} has {_columns(n)}" for line, n in places[:EXAMPLES])
        return Problem(message, self.name, places[0][0], None, help, len(places), examples)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Each row's first line and cells, the header left out."""
        csv.field_size_limit(sys.maxsize)
        with lines(self.path) as file:
            reader, end, header = csv.reader(file), 0, True
            for record in reader:
                start, end = end + 1, reader.line_num
                if record and not header:
                    yield start, record
                header = header and not record

    @cached_property
    def _texts(self) -> dict[str, Array]:
        return {}

    def faithful(self, name: str) -> Array:
        if name not in self._texts:
            self._texts[name] = self._read_text([name])[name]
        return self._texts[name]

    def lines(self, rows: Sequence[int]) -> list[int]:
        wanted = iter(rows)
        row, places = next(wanted, None), []
        for i, (line, _) in enumerate(self._records()):
            if i == row:
                places.append(line)
                row = next(wanted, None)
            if row is None:
                break
        return places


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def _open_quote(path: Path) -> int | None:
    """The line where the row begins whose quoted value never ends, or ends where another was meant to begin."""
    csv.field_size_limit(sys.maxsize)
    with lines(path) as file:
        reader, end = csv.reader(file, strict=True), 0
        try:
            for _ in reader:
                end = reader.line_num
        except csv.Error as error:
            return end + 1 if "end of data" in str(error) or reader.line_num > end + 1 else None
    return None
