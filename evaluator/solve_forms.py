"""Columns of numbers that move as one cell of the book does: each row ``(a + b*u) / (1 + c*u)`` in the distance u.

A ``Form`` holds over a piece on which no comparison turns. ``nan`` for b is a number that moves in another way.
"""

import numpy as np
import numpy.typing as npt

from dsl.records import dataclass
from evaluator.vector import Floats, Vector

Number = Floats | float
NOISE = 2.0**-48  # of what is subtracted: a difference that small is none
_CANCEL = 2.0**-44


@dataclass(slots=True)
class Form:
    """``at``: the values (a) at the start of the piece, with their quality. ``slope`` (b), ``bend`` (c): None for 0."""

    at: Vector
    slope: Floats | None = None
    bend: Floats | None = None

    @property
    def still(self) -> bool:
        return self.slope is None

    @property
    def parts(self) -> tuple[Floats, Number, Number]:
        return self.at.values, 0.0 if self.slope is None else self.slope, 0.0 if self.bend is None else self.bend

    def rows(self, rows: npt.NDArray[np.int64], size: int) -> "Form":
        """The same at some rows of ``size``."""
        slope, bend = (None if p is None else np.broadcast_to(p, (size,))[rows] for p in (self.slope, self.bend))
        return Form(self.at.at(rows, size), slope, bend)


Moves = tuple[Floats | None, Floats | None]  # slope and bend
STILL: Moves = (None, None)


def constant(value: float) -> Form:
    return Form(Vector(np.array([value])))


def added(x: Form, y: Form, sign: float = 1.0) -> Moves:
    """Of ``x + sign * y``."""
    if x.still and y.still:
        return STILL
    (a, b, c), (d, e, f) = x.parts, y.parts
    d, e = sign * d, sign * np.asarray(e)
    if x.bend is None and y.bend is None:
        return np.asarray(b + e), None
    same = np.equal(c, f)
    slope = np.where(same, b + e, np.nan)
    slope = np.where(level(y) & ~same, b + d * c, slope)
    slope = np.where(level(x) & ~same, e + a * f, slope)
    return slope, np.where(level(x) & ~same, f, c) + 0.0 * slope_size(slope)


def slope_size(slope: Floats) -> Floats:
    """Zeros of its shape."""
    return np.zeros(slope.shape)


def level(x: Form) -> npt.NDArray[np.bool_]:
    """Rows that don't move."""
    _, b, c = x.parts
    return np.asarray(np.equal(b, 0.0) & np.equal(c, 0.0))


def multiplied(x: Form, y: Form) -> Moves:
    if x.still and y.still:
        return STILL
    (a, b, c), (d, e, f) = x.parts, y.parts
    if y.still:
        return np.asarray(b * d), x.bend
    if x.still:
        return np.asarray(e * a), y.bend
    x_level, y_level = level(x), level(y)
    slope = np.where(y_level, b * d, np.where(x_level, e * a, np.nan))
    bend = np.where(y_level, c, np.where(x_level, f, 0.0))
    for one, other in ((x, y), (y, x)):  # the top of one is a multiple of the other's bottom
        (a, b, _), (d, e, f) = one.parts, other.parts
        cancels = np.isnan(slope) & (np.abs(b - a * f) <= _CANCEL * (np.abs(b) + np.abs(a * f)))
        slope, bend = np.where(cancels, a * e, slope), np.where(cancels, one.parts[2], bend)
    return slope, None if not bend.any() else bend


def divided(x: Form, y: Form) -> Moves:
    if x.still and y.still:
        return STILL
    (a, b, c), (d, e, f) = x.parts, y.parts
    if y.still:
        return np.asarray(b / d), x.bend
    over, x_level = b / d, level(x)
    same = np.equal(c, f)
    slope = np.where(same, over, np.where(x_level, a * f / d, np.where(level(y), over, np.nan)))
    bend = np.where(same | x_level, e / d, c)
    return slope, bend


def scaled(x: Form, start: Number, factor: Number) -> Moves:
    """Of ``start + factor * x``."""
    if x.still:
        return STILL
    _, b, c = x.parts
    return np.asarray(factor * np.asarray(b) + start * np.asarray(c)), x.bend


@dataclass(frozen=True, slots=True)
class Crossing:
    """``sign`` (n,): whether x is below (-1), equal to or above y just after the start. ``distance``: to where that
    turns, infinite where it never does, ``nan`` where nobody knows. ``apart``: whether the one moves away from the
    other; where not, the sign is as sharp as both are."""

    sign: Floats
    distance: Floats
    apart: npt.NDArray[np.bool_]


def crossing(x: Form, y: Form) -> Crossing:
    (a, b, c), (d, e, f) = x.parts, y.parts
    gap, size = a - d, np.abs(a) + np.abs(d)
    infinite = ~np.isfinite(size)
    if infinite.any():
        gap = np.where(infinite, np.where(a == d, 0.0, np.where(a > d, 1.0, -1.0)), gap)
        size = np.where(infinite, 0.0, size)
        a, d = np.where(infinite, 0.0, a), np.where(infinite, 0.0, d)
    if x.bend is None and y.bend is None:
        rise, steep = np.asarray(b - e), np.abs(b) + np.abs(e)
        curve: Floats = np.zeros(1)
    else:
        rise = np.asarray(b - e + a * f - d * c)
        steep = np.abs(b) + np.abs(e) + np.abs(a * f) + np.abs(d * c)
        curve = np.asarray(b * f - e * c)
        curve = np.where(np.abs(curve) <= NOISE * (np.abs(b * f) + np.abs(e * c)), 0.0, curve)
    still, gap = np.sign(gap), np.where(np.abs(gap) <= NOISE * size, 0.0, gap)
    rise = np.where(np.abs(rise) <= NOISE * steep, 0.0, rise)
    rise, curve = np.where(infinite, 0.0, rise), np.where(infinite, 0.0, curve)
    apart = (rise != 0.0) | (curve != 0.0)
    sign = np.where(gap != 0.0, np.sign(gap), np.where(rise != 0.0, np.sign(rise), np.sign(curve)))
    sign = np.where(apart, sign, still)
    distance = np.where(gap * rise < 0.0, -gap / rise, np.inf)
    if curve.any():
        distance = np.where(curve != 0.0, _bent(gap, rise, curve), distance)
    unsure = np.isnan(rise) | np.isnan(curve)
    return Crossing(np.where(np.isnan(sign), 0.0, sign), np.where(unsure, np.nan, distance), apart)


def _bent(gap: Floats, rise: Floats, curve: Floats) -> Floats:
    """The smallest root beyond 0 of ``gap + rise*u + curve*u^2``."""
    inside = rise * rise - 4.0 * gap * curve
    half = -0.5 * (rise + np.where(rise < 0.0, -1.0, 1.0) * np.sqrt(np.maximum(inside, 0.0)))
    roots = np.stack(np.broadcast_arrays(half / curve, np.where(half != 0.0, gap / half, np.inf)))
    roots = np.where((roots > 0.0) & (inside >= 0.0), roots, np.inf)
    found: Floats = roots.min(axis=0)
    return found


def taken(first: npt.NDArray[np.bool_], x: Form, y: Form) -> Moves:
    """The moves of x where ``first``, else of y."""
    if x.still and y.still:
        return STILL
    (_, b, c), (_, e, f) = x.parts, y.parts
    bend = None if x.bend is None and y.bend is None else np.where(first, c, f)
    return np.where(first, b, e), bend
