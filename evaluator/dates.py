"""Kernels of dates: their parts in the Gregorian calendar, UTC, and what is left after steps of time."""

from collections.abc import Callable, Sequence

import numpy as np

from dsl.causes import Cause
from evaluator.columns import KNOWN
from evaluator.context import Context
from evaluator.error import FUNCTION, HALF_UNIT, ONE_STEP, close, near_zero, total
from evaluator.graph import Node
from evaluator.kernels import Kernel
from evaluator.vector import Flags, Floats, Vector, clean, doubts, either, some, worst

HOUR, DAY = 3_600.0, 86_400.0
FIRST, LAST = -62_135_596_800.0, 253_402_300_800.0  # the year 1 begins, the year 9999 ends
_SMALLEST = float(np.finfo(np.float64).smallest_normal)
Days = np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]


def _part(of: Callable[[Floats], Floats], step: float = DAY) -> Kernel:
    """A part of a date that changes only where a full ``step`` (in seconds) begins."""

    def kernel(node: Node, args: Sequence[Vector], context: Context) -> Vector:
        (date,) = args
        outside = ~((date.values >= FIRST) & (date.values < LAST))
        quality = context.fault(node, Cause.DOMAIN, outside, date.quality) if outside.any() else date.quality
        values = np.where(outside, 0.0, date.values)
        nearest = Vector(np.rint(values / step) * step, once=True)
        return Vector(clean(of(values), quality), quality, either(date.doubt, close(date, nearest)))

    return kernel


def _days(date: Floats) -> Days:
    return np.floor(date / DAY).astype(np.int64).astype("datetime64[D]")


def _months(date: Floats) -> Floats:
    """Since January of the year 0."""
    return _days(date).astype("datetime64[M]").astype(np.int64).astype(np.float64) + 1970.0 * 12.0


def _day(date: Floats) -> Floats:
    days = _days(date)
    first = days.astype("datetime64[M]").astype("datetime64[D]")
    return np.asarray((days - first).astype(np.float64) + 1.0)


def _decay(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """``(1 - rate) ^ floor((at - start) / step)``, 1 before the start."""
    start, step, rate, at = args
    quality = worst(*args)
    if any(n.facts.infinite for n in node.args):
        infinite = np.isinf(step.values) | np.isinf(rate.values) | np.isinf(start.values) | np.isinf(at.values)
        quality = context.fault(node, Cause.OVERFLOW, infinite, quality)
    quality = context.fault(node, Cause.DOMAIN, (step.values <= 0.0) | (rate.values > 1.0), quality)
    steps, unsure = _steps(start, at, step)
    kept = 1.0 - rate.values
    result = np.power(kept, steps)
    quality = context.fault(node, Cause.OVERFLOW, ~np.isfinite(result), quality)
    unsure = either(doubts(*args), unsure, near_zero(step), close(rate, Vector(np.ones(1))))
    found = Vector(clean(result, quality), quality, unsure)
    if context.tracks(node):
        off = np.where(kept > 0.0, steps * (total(rate) + HALF_UNIT) / kept, 0.0)
        bound = np.abs(result) * (FUNCTION + np.expm1(2.0 * off)) + _SMALLEST
        known = np.isfinite(bound) if quality is None else np.isfinite(bound) & (quality == KNOWN)
        found.absolute = np.where(known, bound, 0.0)
    return found


def _steps(start: Vector, at: Vector, step: Vector) -> tuple[Floats, Flags | None]:
    """How many full steps have passed, and where a step's end is too near to tell."""
    elapsed = at.values - start.values
    count = elapsed / step.values
    steps = np.maximum(np.floor(count), 0.0)
    off = total(at) + total(start) + ONE_STEP * np.abs(elapsed)
    off = (off + np.abs(count) * total(step)) / np.abs(step.values) + ONE_STEP * np.abs(count)
    near: Flags = np.abs(count - np.rint(count)) <= 2.0 * off
    if start.exact and at.exact and step.exact:  # whole seconds: fmod is exact, and so is a quotient that is whole
        whole = (np.rint(elapsed) == elapsed) & (np.fmod(elapsed, step.values) == 0.0) & (np.abs(count) < 2.0**51)
        near = near & ~whole
    return steps, some(near & (count > -0.5))


DATES: dict[str, Kernel] = {
    "year": _part(lambda d: np.floor(_months(d) / 12.0)),
    "month": _part(lambda d: np.mod(_months(d), 12.0) + 1.0),
    "day": _part(_day),
    "weekday": _part(lambda d: np.mod(np.floor(d / DAY) + 3.0, 7.0) + 1.0),  # 1970 began on a Thursday
    "hour": _part(lambda d: np.floor(np.mod(d, DAY) / HOUR), HOUR),
    "decay_by_steps": _decay,
}
