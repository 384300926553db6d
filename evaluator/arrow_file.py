"""A table in a binary file: Parquet, or Arrow IPC as a file or a stream."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from evaluator.arrays import Array
from evaluator.files import BLOCK, check_header, decoded, pieces
from evaluator.hashes import Hash
from evaluator.parquet import parquet_file, read_columns
from evaluator.problems import Problem, Unreadable
from evaluator.scan import cannot_read


@dataclass(frozen=True)
class ArrowFile(ABC):
    """One of the two below, which say how their format is read."""

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
        made, kind = (ParquetFile, "a Parquet") if path.suffix == ".parquet" else (IpcFile, "an Arrow IPC")
        if path.stat().st_size == 0:
            raise Unreadable(Problem("the file is empty", name, help="write it again"))
        try:
            header = tuple(made.schema(path).names)
        except (pa.ArrowException, OSError):
            help = "it may be cut short, or be another format under this name: write it again"
            raise Unreadable(Problem(f"not {kind} file, or a damaged one", name, help=help)) from None
        check_header(name, header)
        return made(path, name, hash, header)

    def read(self, names: Mapping[str, bool], coded: frozenset[str] = frozenset()) -> dict[str, Array]:
        """``coded``: columns whose texts come as dictionaries, where they are stored so."""
        with self._undamaged():
            found = self._stored(list(names), coded)
        return {n: _codes(column) if n in coded else decoded(column) for n, column in found.items()}

    @cached_property
    def _columns(self) -> dict[str, Array]:
        return {}

    def faithful(self, name: str) -> Array:
        if name not in self._columns:
            self._columns[name] = self.read({name: False})[name]
        return self._columns[name]

    def batches(self, names: Sequence[str], rows: int) -> Iterator[dict[str, Array]]:
        with self._undamaged():
            for batch in self._batches(names, rows):
                yield from pieces(batch, names, rows)

    def without_rows(self, names: Iterable[str]) -> dict[str, Array]:
        schema = self.schema(self.path)
        return {n: decoded(pa.chunked_array([], schema.field(n).type)) for n in names}

    def lines(self, rows: Sequence[int]) -> list[int]:
        return [r + 1 for r in rows]

    @contextmanager
    def _undamaged(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError):
            raise Unreadable(Problem("the file is damaged", self.name, help="write it again")) from None

    @staticmethod
    @abstractmethod
    def schema(path: Path) -> Any: ...

    @abstractmethod
    def rows_about(self) -> int: ...

    @abstractmethod
    def _stored(self, names: Sequence[str], coded: frozenset[str]) -> dict[str, Array]:
        """Columns as the file has them."""

    @abstractmethod
    def _batches(self, names: Sequence[str], rows: int) -> Iterator[Any]:
        """Record batches, of so many rows where the format leaves that open."""


class ParquetFile(ArrowFile):
    @staticmethod
    def schema(path: Path) -> Any:
        with parquet_file(path) as file:
            return file.schema_arrow

    def _stored(self, names: Sequence[str], coded: frozenset[str]) -> dict[str, Array]:
        return read_columns(self.path, names, coded)

    def _batches(self, names: Sequence[str], rows: int) -> Iterator[Any]:
        with parquet_file(self.path, buffer_size=BLOCK) as file:
            for group in range(file.num_row_groups):  # over several at once they are all decoded at once
                yield from file.iter_batches(rows, [group], columns=list(names), use_threads=False)

    def rows_about(self) -> int:
        with parquet_file(self.path) as file:
            return int(file.metadata.num_rows)


class IpcFile(ArrowFile):
    @staticmethod
    def schema(path: Path) -> Any:
        with _ipc(path) as file:
            return file.schema

    def _stored(self, names: Sequence[str], coded: frozenset[str]) -> dict[str, Array]:
        with _ipc(self.path, self._numbers(names)) as file:
            table = file.read_all()
        return {n: table.column(n) for n in names}

    def _batches(self, names: Sequence[str], rows: int) -> Iterator[Any]:
        with _ipc(self.path, self._numbers(names), mapped=True) as file:
            if hasattr(file, "num_record_batches"):  # a stream has none
                yield from map(file.get_batch, range(file.num_record_batches))
            else:
                yield from file

    def rows_about(self) -> int:
        return sum(batch.num_rows for batch in self._batches((), 0))

    def _numbers(self, names: Sequence[str]) -> list[int]:
        return [self.header.index(n) for n in names]


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
    return array if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type) else decoded(array)
