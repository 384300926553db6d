"""Tables as they stand in files or in memory: their header, their columns, and a cell as it is written."""

import contextlib
import csv
import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.ipc

from evaluator.arrays import Array
from evaluator.arrays import compute as pc
from evaluator.hashes import Hash
from evaluator.later import Later
from evaluator.layout import TEXT_FILES
from evaluator.parquet import parquet_file, read_columns
from evaluator.problems import EXAMPLES, Problem, Unreadable, quoted
from evaluator.scan import GZIP, cannot_read, lines, plain, scan

arrow_csv: Any = Later("pyarrow.csv")  # which other files need none of

_BLOCK = 1 << 22  # bytes; no row of a CSV file may be longer

Source = Sequence[Any]


class TableFile(Protocol):
    """One table. ``name`` is what messages call it; ``sha256`` is empty in memory."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def header(self) -> Sequence[str]: ...

    def read(self, names: Mapping[str, bool]) -> dict[str, Array]:
        """These columns, in the order of the rows; True asks for numbers, where the file has them all so."""
        ...

    def faithful(self, name: str) -> Array:
        """One column as the file writes it: text, or the binary type that it stands in."""
        ...

    def batches(self, names: Sequence[str], rows: int) -> Iterator[dict[str, Array]]:
        """These columns as the file writes them, at most so many rows at a time, in the order of the rows."""
        ...

    def without_rows(self, names: Iterable[str]) -> dict[str, Array]:
        """These columns as the file writes them, and none of their rows."""
        ...

    def rows_about(self) -> int:
        """How many rows there are, or about how many, where only reading them all would tell."""
        ...

    @property
    def long(self) -> bool:
        """Whether a number may be written with more digits than a float64 tells apart."""
        ...

    def lines(self, rows: Sequence[int]) -> list[int]:
        """Where rows (rising, from 0) stand: the line of a text file, else the row, from 1."""
        ...


def _check_header(name: str, header: Sequence[str]) -> None:
    twice = [h for h, n in Counter(header).items() if n > 1]
    if twice:
        row = 1 if name.endswith(TEXT_FILES) else None
        places = [f"`{h}`: columns {' and '.join(str(i + 1) for i, x in enumerate(header) if x == h)}" for h in twice]
        message = f"two columns have the same name: {quoted(twice)}"
        help = "rename or remove one, so that each column has a name of its own"
        raise Unreadable(Problem(message, name, row, twice[0], help, len(twice), tuple(places[:EXAMPLES])))


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
        _check_header(name, header)
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
            "read_options": arrow_csv.ReadOptions(block_size=_BLOCK),
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
                    yield from _pieces(batch, names, rows)
        except pa.ArrowInvalid:
            raise Unreadable(self._broken()) from None

    def without_rows(self, names: Iterable[str]) -> dict[str, Array]:
        return {n: pa.chunked_array([], pa.string()) for n in names}

    def rows_about(self) -> int:
        with plain(self.path) as file:
            start = file.read(_BLOCK)
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


@dataclass(frozen=True)
class ArrowFile:
    """A Parquet file, or an Arrow IPC file or stream."""

    path: Path
    name: str
    hash: Hash
    header: tuple[str, ...]
    long: bool = True  # decimals and texts may be

    @property
    def sha256(self) -> str:
        try:
            return self.hash.result()
        except OSError as error:
            raise Unreadable(cannot_read(self.name, error)) from None

    @staticmethod
    def open(path: Path, name: str, hash: Hash) -> "ArrowFile":
        kind = "a Parquet" if path.suffix == ".parquet" else "an Arrow IPC"
        if path.stat().st_size == 0:
            raise Unreadable(Problem("the file is empty", name, help="write it again"))
        try:
            with _ipc(path) if kind != "a Parquet" else parquet_file(path) as file:
                header = tuple(file.schema.names if kind != "a Parquet" else file.schema_arrow.names)
        except (pa.ArrowException, OSError):
            help = "it may be cut short, or be another format under this name: write it again"
            raise Unreadable(Problem(f"not {kind} file, or a damaged one", name, help=help)) from None
        _check_header(name, header)
        return ArrowFile(path, name, hash, header)

    def read(self, names: Mapping[str, bool], coded: frozenset[str] = frozenset()) -> dict[str, Array]:
        """``coded``: columns whose texts come as dictionaries, where they are stored so."""
        try:
            if self.path.suffix == ".parquet":
                found = read_columns(self.path, list(names), coded)
            else:
                with _ipc(self.path, [self.header.index(n) for n in names]) as file:
                    table = file.read_all()
                    found = {n: table.column(n) for n in names}
        except (pa.ArrowException, OSError):
            raise Unreadable(Problem("the file is damaged", self.name, help="write it again")) from None
        return {n: _codes(column) if n in coded else _plain(column) for n, column in found.items()}

    @cached_property
    def _columns(self) -> dict[str, Array]:
        return {}

    def faithful(self, name: str) -> Array:
        if name not in self._columns:
            self._columns[name] = self.read({name: False})[name]
        return self._columns[name]

    def batches(self, names: Sequence[str], rows: int) -> Iterator[dict[str, Array]]:
        try:
            if self.path.suffix == ".parquet":
                with parquet_file(self.path, buffer_size=_BLOCK) as file:
                    for group in range(file.num_row_groups):  # over several at once they are all decoded at once
                        for batch in file.iter_batches(rows, [group], columns=list(names), use_threads=False):
                            yield from _pieces(batch, names, rows)
                return
            with _ipc(self.path, [self.header.index(n) for n in names], mapped=True) as file:
                stored = hasattr(file, "num_record_batches")
                for batch in map(file.get_batch, range(file.num_record_batches)) if stored else file:
                    yield from _pieces(batch, names, rows)
        except (pa.ArrowException, OSError):
            raise Unreadable(Problem("the file is damaged", self.name, help="write it again")) from None

    def without_rows(self, names: Iterable[str]) -> dict[str, Array]:
        with _ipc(self.path) if self.path.suffix != ".parquet" else parquet_file(self.path) as file:
            schema = file.schema if self.path.suffix != ".parquet" else file.schema_arrow
        return {n: _plain(pa.chunked_array([], schema.field(n).type)) for n in names}

    def rows_about(self) -> int:
        if self.path.suffix == ".parquet":
            with parquet_file(self.path) as file:
                return int(file.metadata.num_rows)
        with _ipc(self.path, [], mapped=True) as file:
            stored = hasattr(file, "num_record_batches")
            return sum(b.num_rows for b in (map(file.get_batch, range(file.num_record_batches)) if stored else file))

    def lines(self, rows: Sequence[int]) -> list[int]:
        return [r + 1 for r in rows]


def _pieces(batch: Any, names: Sequence[str], rows: int) -> Iterator[dict[str, Array]]:
    for start in range(0, batch.num_rows, rows):
        piece = batch.slice(start, rows)
        yield {n: _plain(pa.chunked_array([piece.column(n)])) for n in names}


def _ipc(path: Path, fields: list[int] | None = None, *, mapped: bool = False) -> Any:
    """A file is told from a stream by how it begins. ``mapped``: its batches may be larger than memory."""
    options = pa.ipc.IpcReadOptions(included_fields=fields)
    with path.open("rb") as file:
        stored = file.read(6) == b"ARROW1"
    opened = pa.memory_map(str(path)) if mapped else pa.OSFile(str(path))
    return (pa.ipc.open_file if stored else pa.ipc.open_stream)(opened, options=options)


def _codes(array: Array) -> Array:
    """A column as it stands, where that is as dictionaries of texts."""
    kind = array.type
    return array if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type) else _plain(array)


def _plain(array: Array) -> Array:
    """A column without the ways of storing that mean nothing here: dictionaries, long or viewed strings."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = pa.chunked_array([c.dictionary_decode() for c in array.chunks], kind.value_type)
        kind = kind.value_type
    if pa.types.is_large_string(kind) or str(kind) in ("string_view", "binary", "large_binary"):
        with contextlib.suppress(pa.ArrowException):  # bytes that aren't UTF-8 stay bytes, and are refused as such
            array = pc.cast(array, pa.string())
    return array


@dataclass(frozen=True)
class MemoryTable:
    """Columns given as sequences, arrays or texts. Text is read like a cell of a CSV file; None is blank."""

    name: str
    columns: dict[str, Array] = field(repr=False)
    sha256: str = ""
    long: bool = True

    @staticmethod
    def of(name: str, columns: Mapping[str, Source]) -> "MemoryTable":
        if isinstance(columns, pa.Table):
            _check_header(name, columns.column_names)
            columns = dict(zip(columns.column_names, columns.columns, strict=True))
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
            yield from _pieces(batch, names, rows)

    def without_rows(self, names: Iterable[str]) -> dict[str, Array]:
        return {n: self.columns[n].slice(0, 0) for n in names}

    def rows_about(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def lines(self, rows: Sequence[int]) -> list[int]:
        return [r + 1 for r in rows]


def _array(table: str, column: str, values: Source) -> Array:
    """A sequence as a pyarrow column: as it is where its values are of one kind, else as text."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise Unreadable(Problem("one value, where a sequence is needed", table, None, column, "write it as a list"))
    try:
        array = pa.array(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        array = None
    if array is None or pa.types.is_nested(array.type):
        if any(isinstance(v, (list, tuple, dict, set)) for v in values):
            problem = Problem("a value that is a collection", table, None, column, "give one value a row")
            raise Unreadable(problem)
        array = pa.array([None if v is None else str(v) for v in values], pa.string())
    return _plain(array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array]))
