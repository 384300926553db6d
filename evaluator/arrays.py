"""Arrow columns as NumPy arrays where they stand, and back. Arrow's own ways load pandas, where that is installed."""

from collections.abc import Callable
from typing import Any

from evaluator.later import Flags, Later, Values, np, pa

__all__ = [
    "Array", "Mask", "Values", "column_of", "compute", "dtype_of", "is_number", "known_numbers", "mask_of", "nulls_of",
    "values_of",
]  # fmt: skip

Array = Any  # a pyarrow column, in one piece or in chunks; pyarrow has no types
Mask = Flags
compute: Any = Later("pyarrow.compute")  # takes as long to load as reading a million numbers, and clean ones need none


def values_of(array: Array) -> Values:
    """(n,) a column of numbers, flags or instants (as whole numbers); beside a null stands anything. Not to be written
    to: a column in one piece is not copied."""
    return _joined(array, _values, dtype_of(array.type))


def nulls_of(array: Array) -> Mask | None:
    """(n,) where a column has no value; None where it has all of them."""
    return _joined(array, _nulls, np.dtype(np.bool_)) if array.null_count else None


def known_numbers(array: Array) -> bool:
    """Whether a column holds numbers as NumPy has them, and all of them."""
    return not array.null_count and is_number(array.type)


def is_number(kind: Any) -> bool:
    """Whether a type is one of NumPy's numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def dtype_of(kind: Any) -> "np.dtype[Any]":
    """NumPy's type for a column of numbers, flags or instants (as whole numbers)."""
    t = pa.types
    if t.is_boolean(kind):
        return np.dtype(np.bool_)
    sort = "f" if t.is_floating(kind) else "u" if t.is_unsigned_integer(kind) else "i"
    return np.dtype(f"{sort}{kind.bit_width // 8}")


def column_of(values: Values) -> Array:
    """A pyarrow array of numbers that stand in NumPy's memory."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def mask_of(mask: Mask) -> Array:
    """A pyarrow array of flags."""
    bits = np.packbits(mask, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, pa.py_buffer(bits)])


def _joined(array: Array, part: Callable[[Array], Values], dtype: "np.dtype[Any]") -> Values:
    parts = [part(chunk) for chunk in getattr(array, "chunks", [array]) if len(chunk)]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=dtype)


def _values(chunk: Array) -> Values:
    dtype = dtype_of(chunk.type)
    if dtype == np.bool_:
        return _bits(chunk.buffers()[1], chunk)
    return np.frombuffer(chunk.buffers()[1], dtype, len(chunk), chunk.offset * dtype.itemsize)


def _nulls(chunk: Array) -> Mask:
    valid = chunk.buffers()[0]
    if valid is None:  # all of them are there, or the column's type is that of nulls
        return np.full(len(chunk), chunk.null_count > 0)
    return ~_bits(valid, chunk)


def _bits(buffer: Any, chunk: Array) -> Mask:
    end = chunk.offset + len(chunk)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8, -(-end // 8)), count=end, bitorder="little")
    return bits[chunk.offset :].view(np.bool_)
