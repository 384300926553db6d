"""Columns in Arrow files that are mapped into memory: pages come from the disk when somebody looks at them.

What is kept of a file beside it says where its columns stand, so that reading them needs no Arrow, and a few cells no
NumPy.
"""

import mmap
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any

from dsl.records import dataclass
from evaluator.later import Values, np
from evaluator.texts import Texts

_CODES = {"double": "d", "int32": "i", "int64": "q", "uint8": "B", "int8": "b", "int16": "h", "uint16": "H",
          "uint32": "I", "uint64": "Q"}  # fmt: skip
_END = 4096  # bytes
_PART = 1 << 20


@dataclass(frozen=True, slots=True)
class Folder:
    """Such files in the making. ``told``: what ``Mapped`` is told of each: its seal, its checksum, and by column where
    its buffers stand, None where it has nulls or is in several pieces."""

    path: Path
    told: dict[str, Any] = field(default_factory=dict)

    def save(self, name: str, columns: Mapping[str, Any]) -> None:
        """Uncompressed, so that they can be mapped."""
        import pyarrow as pa
        import pyarrow.ipc

        path, table = str(self.path / name), pa.table(dict(columns)).combine_chunks()
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table)
        with pa.memory_map(path) as source:
            start, found = source.read_buffer(source.size()).address, pa.ipc.open_file(source).read_all()
            places = {column: _place(found.column(column), start) for column in found.column_names}
        made = self.path / name
        self.told[name] = {"seal": _seal(made), "crc32": checksum(made), "columns": places}


def _place(column: Any, start: int) -> list[Any] | None:
    if column.null_count or column.num_chunks > 1:
        return None
    chunk = column.chunk(0) if column.num_chunks else None
    buffers = [] if chunk is None or not len(chunk) else chunk.buffers()[1:]
    at = [buffer.address - start for buffer in buffers]
    kind = str(column.type)
    if kind == "string":
        return ["text", len(column), *(at or [0, 0])]
    return [_CODES[kind], len(column), *(at or [0])] if kind in _CODES else None


def _seal(path: Path) -> list[int]:
    """The file's size, and a checksum of its two ends: what Arrow says there of the columns between them."""
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        first = file.read(_END)
        file.seek(max(0, size - _END))
        return [size, zlib.crc32(file.read(_END), zlib.crc32(first))]


def checksum(path: Path) -> int:
    """Of all that stands in a file."""
    found = 0
    with path.open("rb", buffering=0) as file:
        while part := file.read(_PART):
            found = zlib.crc32(part, found)
    return found


class Numbers:
    """Numbers that are looked at one by one, without NumPy. Whole they are ``np.asarray`` of this."""

    __slots__ = ("_view",)

    def __init__(self, view: memoryview) -> None:
        self._view = view

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, place: Any) -> Any:
        return self._view[place]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._view, dtype=dtype) if copy else np.asarray(self._view, dtype=dtype)

    def __eq__(self, other: object) -> bool:
        raise TypeError("compare np.asarray of it")

    __hash__ = None  # type: ignore[assignment]


class Mapped:
    """A file and what was told of it. Raises OSError, ValueError or TypeError where it is another one than that.

    ``whole``: numbers are NumPy's arrays, else ``Numbers``.
    """

    def __init__(self, path: Path, told: Mapping[str, Any], whole: bool = True) -> None:
        self._path, self._columns, self.whole = path, dict(told["columns"]), whole
        if _seal(path) != told["seal"]:
            raise ValueError(f"{path.name} is not the file that was written")

    @property
    def names(self) -> list[str]:
        return list(self._columns)

    def numbers(self, name: str | None = None) -> Values:
        """(n,) a column; None is the file's only one."""
        code, rows, start = self._columns[name or self.names[0]]
        part = self.part(code, start, rows)
        numbers: Values = np.frombuffer(part, np.dtype(code)) if self.whole else Numbers(part)  # type: ignore[assignment]
        return numbers

    def texts(self, name: str | None = None, order: Values | None = None) -> Texts:
        """A column of texts, or of whole numbers as such; ``order`` as ``Texts`` has it."""
        name = name or self.names[0]
        place = self._columns[name]
        return Texts(self.arrow(name), order) if place is None else MappedTexts(self, name, place, order)

    def holds_texts(self, name: str) -> bool:
        """Whether a column's cells are texts, all of them there."""
        place = self._columns[name]
        return place is not None and place[0] == "text"

    def arrow(self, name: str) -> Any:
        """A column in Arrow."""
        import pyarrow as pa
        import pyarrow.ipc

        with pa.memory_map(str(self._path)) as source, pa.ipc.open_file(source) as file:
            return file.read_all().column(name)

    def part(self, code: str, start: int, count: int) -> memoryview:
        """So many numbers from a place on."""
        if not count:
            return memoryview(b"")
        end = start + count * struct.calcsize(code)
        if not 0 <= start <= end <= len(self.bytes):
            raise ValueError(f"a column stands outside of {self._path.name}")
        return self.bytes[start:end].cast(code)  # type: ignore[call-overload,no-any-return]

    @cached_property
    def bytes(self) -> memoryview:
        with self._path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


class MappedTexts(Texts):
    """Texts in a file, each read where it stands."""

    __slots__ = ("_bytes", "_ends", "_file", "_name", "_numbers", "_rows")

    def __init__(self, file: Mapped, name: str, place: Sequence[Any], order: Values | None) -> None:
        super().__init__(None, order)
        self._ends: memoryview | None = None
        self._file, self._name, self._rows = file, name, int(place[1])
        if place[0] == "text":
            self._ends = file.part("i", place[2], self._rows + 1 if self._rows else 0)
            self._bytes = file.bytes[place[3] :]
        else:
            self._numbers = file.part(place[0], place[2], self._rows)

    @property
    def array(self) -> Any:
        if self._array is None:
            self._array = self._file.arrow(self._name)
        return self._array

    def __len__(self) -> int:
        return self._rows

    def at(self, row: int) -> str:
        if self._ends is None:
            return str(self._numbers[row])
        row += self._rows if row < 0 else 0
        return str(self._bytes[self._ends[row] : self._ends[row + 1]], "utf-8")
