"""What a kernel takes and gives: values with their quality, the rows in doubt, and how far the values may be off."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dsl.records import dataclass
from evaluator.columns import KNOWN, Quality, Values

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Index = npt.NDArray[Any]  # int32 or int64


@dataclass(slots=True)
class Vector:
    """A column in the making, of shape (n,), or (1,) where every row has the same.

    ``quality``: int64 codes, None where all is known. ``doubt``: rows that floating point can't decide, None for no
    row. Where somebody asks for it (see ``evaluator.error``), every known value v out of doubt is off its exact
    value by at most ``relative * |v| + absolute``; ``once``: it is its exact value, rounded once or not at all.
    Values beside an unknown's code are 0, so that no garbage ever reaches a result or raises a floating-point flag.
    """

    values: Values
    quality: Quality | None = None
    doubt: Flags | None = None
    relative: float = 0.0
    absolute: Floats | None = None
    once: bool = False

    @property
    def exact(self) -> bool:
        return self.relative == 0.0 and self.absolute is None

    @property
    def uniform(self) -> bool:
        """One value for every row, known and out of doubt."""
        return self.values.shape == (1,) and self.quality is None and self.doubt is None

    def full(self, rows: int) -> "Vector":
        """The same with one value for each row."""
        parts = (self.values, self.quality, self.doubt, self.absolute)
        if all(p is None or p.shape == (rows,) for p in parts):
            return self
        values, quality, doubt, absolute = (None if p is None else np.broadcast_to(p, (rows,)) for p in parts)
        assert values is not None
        return Vector(values, quality, doubt, self.relative, absolute, self.once)

    def at(self, rows: Any, size: int) -> "Vector":
        """The same at some rows of ``size``."""
        full = self.full(size)
        parts = (full.values, full.quality, full.doubt, full.absolute)
        values, quality, doubt, absolute = (None if p is None else p[rows] for p in parts)
        assert values is not None
        return Vector(values, quality, doubt, self.relative, absolute, self.once)


def worst(*vectors: Vector) -> Quality | None:
    """The quality of what needs all of them: of several unknowns, the smallest code."""
    found: Quality | None = None
    for vector in vectors:
        if vector.quality is not None:
            found = vector.quality if found is None else np.minimum(found, vector.quality)
    return found


def either(*flags: Flags | None) -> Flags | None:
    """Where any of them holds; None for nowhere."""
    found: Flags | None = None
    for flag in flags:
        if flag is not None:
            found = flag if found is None else found | flag
    return found


def doubts(*vectors: Vector) -> Flags | None:
    return either(*(v.doubt for v in vectors))


def some(flags: Flags) -> Flags | None:
    """The same, or None where there are none."""
    return flags if flags.any() else None


def tidy(quality: Quality | None) -> Quality | None:
    """The same, or None where all is known."""
    return None if quality is None or bool((quality == KNOWN).all()) else quality


def clean(values: Values, quality: Quality | None) -> Values:
    """The values with 0 beside every unknown; may write into ``values``."""
    if quality is None:
        return values
    unknown = quality != KNOWN
    if values.shape != unknown.shape or not values.flags.writeable:
        shape = np.broadcast_shapes(values.shape, unknown.shape)
        values, unknown = np.broadcast_to(values, shape).copy(), np.broadcast_to(unknown, shape)
    values[unknown] = 0
    return values
