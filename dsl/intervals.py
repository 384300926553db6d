"""Arithmetic of intervals: the values that a result can take, from those of its operands."""

from collections.abc import Iterable
from fractions import Fraction

from dsl.model import INFINITE, Exact, Interval

ANYTHING = Interval()
ZERO = Fraction(0)
ONE = Fraction(1)
NEVER_NEGATIVE = Interval(ZERO)


def point(value: Exact) -> Interval:
    if not isinstance(value, Fraction):
        return Interval(INFINITE, None) if value > 0 else Interval(None, -INFINITE)
    return Interval(value, value)


def may_be_zero(x: Interval) -> bool:
    return x.holds(ZERO)


def negative(x: Interval) -> Interval:
    return Interval(None if x.high is None else -x.high, None if x.low is None else -x.low, x.high_open, x.low_open)


def add(a: Interval, b: Interval) -> Interval:
    low = a.low + b.low if isinstance(a.low, Fraction) and isinstance(b.low, Fraction) else None
    high = a.high + b.high if isinstance(a.high, Fraction) and isinstance(b.high, Fraction) else None
    return Interval(low, high, a.low_open or b.low_open, a.high_open or b.high_open)


def multiply(a: Interval, b: Interval) -> Interval:
    """Of finite values; 0 is in the product only where it is in a factor."""
    ends = [(_times(x, y)) for x in (_low(a), _high(a)) for y in (_low(b), _high(b))]
    low, high = min(ends), max(ends)
    no_zero = not may_be_zero(a) and not may_be_zero(b)
    return Interval(
        None if low == -INFINITE else low,
        None if high == INFINITE else high,
        low == 0 and no_zero,
        high == 0 and no_zero,
    )


def _low(x: Interval) -> Exact:
    return -INFINITE if x.low is None else x.low


def _high(x: Interval) -> Exact:
    return INFINITE if x.high is None else x.high


def _times(x: Exact, y: Exact) -> Exact:
    if x == 0 or y == 0:
        return ZERO
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return x * y
    return INFINITE if (x > 0) == (y > 0) else -INFINITE


def reciprocal(x: Interval) -> Interval:
    """Of an interval without 0; one that holds nothing at all tells nothing."""
    if _low(x) >= _high(x) and not (x.low == x.high != 0):
        return ANYTHING
    if _low(x) >= 0:
        low, high = x.low, x.high
        return Interval(
            ONE / high if isinstance(high, Fraction) else ZERO,
            ONE / low if isinstance(low, Fraction) and low else None,
            not isinstance(high, Fraction),
        )
    return negative(reciprocal(negative(x)))


def union(parts: Iterable[Interval]) -> Interval:
    found: Interval | None = None
    for x in parts:
        if found is None:
            found = x
            continue
        low, low_open = _outer(found.low, found.low_open, x.low, x.low_open, lower=True)
        high, high_open = _outer(found.high, found.high_open, x.high, x.high_open, lower=False)
        found = Interval(low, high, low_open, high_open)
    return found or ANYTHING


def _outer(a: Exact | None, a_open: bool, b: Exact | None, b_open: bool, *, lower: bool) -> tuple[Exact | None, bool]:
    if a is None or b is None:
        return None, False
    if a == b:
        return a, a_open and b_open
    return (a, a_open) if (a < b) == lower else (b, b_open)


def intersect(a: Interval, b: Interval) -> Interval:
    low, low_open = (
        (b.low, b.low_open)
        if a.low is None or (b.low is not None and (b.low, b.low_open) > (a.low, a.low_open))
        else (a.low, a.low_open)
    )
    high, high_open = (
        (b.high, b.high_open)
        if a.high is None or (b.high is not None and (b.high, not b.high_open) < (a.high, not a.high_open))
        else (a.high, a.high_open)
    )
    return Interval(low, high, low_open, high_open)


def builtin(name: str, args: list[Interval]) -> Interval:
    x = args[0]
    match name:
        case "abs":
            if _low(x) >= 0:
                return x
            return NEVER_NEGATIVE if may_be_zero(x) or _high(x) > 0 else negative(x)
        case "min":
            return _fold(args, lower=True)
        case "max":
            return _fold(args, lower=False)
        case "clamp":
            return _fold([_fold([x, args[1]], lower=False), args[2]], lower=True)
        case "sign":
            return Interval(-ONE, ONE) if x.low is None or x.low < 0 else Interval(ZERO, ONE)
        case "sqrt":
            return Interval(ZERO, None, low_open=x.low is not None and not may_be_zero(x))
        case "exp":
            rising, falling = _low(x) >= 0, _high(x) <= 0
            return Interval(ONE if rising else ZERO, ONE if falling else None, low_open=not rising)
        case "ln":
            if _low(x) >= 1:
                return Interval(ZERO, None, low_open=x.low != ONE or x.low_open)
            return Interval(None, ZERO, high_open=x.high != ONE or x.high_open) if _high(x) <= 1 else ANYTHING
        case "interpolate":
            return union((args[2], args[4]))
        case "floor" | "ceil" | "round_down" | "round_up" | "round_nearest":
            return NEVER_NEGATIVE if _low(x) >= 0 else ANYTHING
        case "decay_by_steps":
            return Interval(ZERO, ONE) if _low(args[2]) >= 0 else NEVER_NEGATIVE
    return _FIXED.get(name, ANYTHING)


_NEVER_POSITIVE = Interval(None, ZERO)
_FIXED = {
    "normal_cdf": Interval(ZERO, ONE),
    "normal_pdf": Interval(ZERO, Fraction(2, 5)),
    **dict.fromkeys(("bsm_call", "bsm_put", "bsm_gamma", "bsm_vega", "bsm_delta_call", "bsm_rho_call"), NEVER_NEGATIVE),
    **dict.fromkeys(("black76_call", "black76_put", "black76_gamma", "black76_vega"), NEVER_NEGATIVE),
    **dict.fromkeys(("black76_delta_call", "merton_call", "merton_put"), NEVER_NEGATIVE),
    **dict.fromkeys(("bsm_delta_put", "bsm_rho_put", "black76_delta_put"), _NEVER_POSITIVE),
    "year": Interval(ONE, Fraction(9999)),
    "month": Interval(ONE, Fraction(12)),
    "day": Interval(ONE, Fraction(31)),
    "weekday": Interval(ONE, Fraction(7)),
    "hour": Interval(ZERO, Fraction(23)),
}


def _fold(args: list[Interval], *, lower: bool) -> Interval:
    """The range of the smallest (``lower``) or largest of the arguments."""
    if lower:
        return negative(_fold([negative(a) for a in args], lower=False))
    best = max(args, key=lambda a: (_low(a), a.low_open))
    top = max(args, key=lambda a: (_high(a), not a.high_open))
    return Interval(best.low, top.high, best.low_open, top.high_open)
