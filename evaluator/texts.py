"""A column of texts that stays in Arrow: strings are made only where somebody asks; a key is found by halves."""

from collections.abc import Sequence
from typing import Any, overload

from evaluator.arrays import compute as pc
from evaluator.arrays import known_numbers, nulls_of, values_of
from evaluator.later import Codes, Values, np, pa

_BLOCK = 1 << 16
_FEW = 10_000  # texts that are found in a dict sooner than Arrow's functions are loaded


class Texts(Sequence[str]):
    """``array`` is the pyarrow column, of texts or whole numbers. ``order``: its rows from the smallest text to the
    largest, if that is kept."""

    __slots__ = ("_array", "order")

    def __init__(self, array: Any, order: Any = None) -> None:
        self._array, self.order = array, order

    @property
    def array(self) -> Any:
        return self._array

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self.at(int(index))

    def at(self, row: int) -> str:
        return str(self.array[row].as_py())

    def __iter__(self) -> Any:
        return iter(self._texts().to_pylist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.row(text) is not None

    def _texts(self) -> Any:
        return self.array if pa.types.is_string(self.array.type) else pc.cast(self.array, pa.string())

    def row(self, text: str) -> int | None:
        """The first row that holds it; None where none does."""
        if self.order is None:
            found = pc.index(self._texts(), text).as_py()
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


def rows_of(array: Any, keys: Any) -> Codes:
    """(n,) the row of the key that each cell names, -1 where there is none. Columns of texts, whole numbers (which name
    the key that has their decimal text) or dictionaries of texts."""
    t = pa.types
    if t.is_dictionary(array.type):
        return _coded(array, keys)
    if t.is_signed_integer(array.type) and t.is_signed_integer(keys.type):
        close = _close(array, keys)
        if close is not None:
            return close
        found = pc.index_in(pc.cast(array, pa.int64()), value_set=pc.cast(keys, pa.int64()))
    elif len(array) + len(keys) <= _FEW:
        rows = {None if k is None else str(k): i for i, k in reversed(list(enumerate(keys.to_pylist())))}
        return np.array([rows.get(None if k is None else str(k), -1) for k in array.to_pylist()], dtype=np.int64)
    else:
        found = pc.index_in(pc.cast(array, pa.string()), value_set=pc.cast(keys, pa.string()))
    return values_of(pc.fill_null(found, -1)).astype(np.int64)


def _coded(array: Any, keys: Any) -> Codes:
    found = np.empty(len(array), dtype=np.int64)
    start = 0
    for chunk in array.chunks:
        rows = np.append(rows_of(pa.chunked_array([chunk.dictionary]), keys), -1)
        codes, nulls = values_of(chunk.indices), nulls_of(chunk)
        if nulls is not None:
            codes = np.where(nulls, len(rows) - 1, codes)
        for first in range(0, len(chunk), _BLOCK):  # codes lie within, and what becomes of them stays in the cache
            part = codes[first : first + _BLOCK]
            rows.take(part, out=found[start + first : start + first + len(part)], mode="clip")
        start += len(chunk)
    return found


def _close(array: Any, keys: Any) -> Codes | None:
    """The rows of whole numbers that lie close together, by a table of all of them; None where the keys don't."""
    if not known_numbers(keys) or not len(keys):
        return None
    known = values_of(keys)
    first, last = int(known.min()), int(known.max())
    if last - first >= 4 * len(known) or last >= 1 << 62:
        return None
    named, nulls = values_of(array), nulls_of(array)
    if nulls is not None:
        named = np.where(nulls, last + 1, named.astype(np.int64, copy=False))
    inside = not len(named) or (first <= int(named.min()) and int(named.max()) <= last)
    if inside and last - first == len(known) - 1 and rise(known):  # each is its row's number
        return named if first == 0 and named.dtype == np.int64 else np.subtract(named, first, dtype=np.int64)
    rows = np.full(last - first + 2, -1, dtype=np.int64)  # the last is of what is no key
    rows[np.subtract(known, first, dtype=np.int64)] = np.arange(len(known))
    places = np.subtract(named, first, dtype=np.int64)
    return rows[places if inside else np.where((named >= first) & (named <= last), places, len(rows) - 1)]


def rise(numbers: Values) -> bool:
    """Whether each is larger than the one before."""
    blocks = (numbers[start : start + _BLOCK + 1] for start in range(0, len(numbers), _BLOCK))
    return all(bool((block[1:] > block[:-1]).all()) for block in blocks)


def row_of(keys: Sequence[str], key: str) -> int | None:
    """The row that a key names; None where there is no such row."""
    if isinstance(keys, Texts):
        return keys.row(key)
    return next((i for i, k in enumerate(keys) if k == key), None)
