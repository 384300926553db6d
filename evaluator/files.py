"""A table as it stands in a file or in memory: its header, its columns, and a cell as it is written."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from evaluator.arrays import Array
from evaluator.arrays import compute as pc
from evaluator.layout import TEXT_FILES
from evaluator.problems import EXAMPLES, Problem, Unreadable, quoted

BLOCK = 1 << 22  # bytes that are read at a time; no row of a CSV file may be longer


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


def check_header(name: str, header: Sequence[str]) -> None:
    """Raises Unreadable where columns have one name. Those without any, as spreadsheets leave them, are no columns."""
    twice = [h for h, n in Counter(header).items() if n > 1 and h.strip()]
    if twice:
        row = 1 if name.endswith(TEXT_FILES) else None
        places = [f"`{h}`: columns {' and '.join(str(i + 1) for i, x in enumerate(header) if x == h)}" for h in twice]
        message = f"two columns have the same name: {quoted(twice)}"
        help = "rename or remove one, so that each column has a name of its own"
        raise Unreadable(Problem(message, name, row, twice[0], help, len(twice), tuple(places[:EXAMPLES])))


def pieces(batch: Any, names: Sequence[str], rows: int) -> Iterator[dict[str, Array]]:
    for start in range(0, batch.num_rows, rows):
        piece = batch.slice(start, rows)
        yield {n: decoded(pa.chunked_array([piece.column(n)])) for n in names}


def decoded(array: Array) -> Array:
    """A column without the ways of storing that mean nothing here: dictionaries, long or viewed strings."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = pa.chunked_array([c.dictionary_decode() for c in array.chunks], kind.value_type)
        kind = kind.value_type
    if pa.types.is_large_string(kind) or str(kind) in ("string_view", "binary", "large_binary"):
        with contextlib.suppress(pa.ArrowException):  # bytes that aren't UTF-8 stay bytes, and are refused as such
            array = pc.cast(array, pa.string())
    return array
