"""A column of texts that stays in Arrow: strings are made only where somebody asks; a key is found by halves."""

from collections.abc import Sequence
from typing import Any, overload

import pyarrow as pa
import pyarrow.compute as pc


class Texts(Sequence[str]):
    """``array`` is the pyarrow column; ``order``: its rows from the smallest text to the largest, if that is kept."""

    __slots__ = ("array", "order")

    def __init__(self, array: Any, order: Any = None) -> None:
        self.array, self.order = array, order

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return str(self.array[int(index)].as_py())

    def __iter__(self) -> Any:
        return iter(self.array.to_pylist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.row(text) is not None

    def row(self, text: str) -> int | None:
        """The first row that holds it; None where none does."""
        if self.order is None:
            found = pc.index(self.array, pa.scalar(text, self.array.type)).as_py()
            return None if found < 0 else int(found)
        low, high = 0, len(self)
        wanted = text.encode()  # Arrow sorts bytes
        while low < high:
            middle = (low + high) // 2
            if self[int(self.order[middle])].encode() < wanted:
                low = middle + 1
            else:
                high = middle
        row = int(self.order[low]) if low < len(self) else -1
        return row if row >= 0 and self[row] == text else None


def row_of(keys: Sequence[str], key: str) -> int | None:
    """The row that a key names; None where there is no such row."""
    if isinstance(keys, Texts):
        return keys.row(key)
    return next((i for i, k in enumerate(keys) if k == key), None)
