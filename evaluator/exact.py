"""Numbers for the reference interpreter: exact rationals, and 60 digits where rationals end.

An exact number is a ``Fraction``; one that an exponential, logarithm or root went into is an ``Approximate``, which
knows how near another number has to be to count as equal. Infinity is a float. Faults are raised as ``Fault``.
"""

import math
import sys
from collections.abc import Callable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction

from dsl.causes import Cause
from dsl.model import Exact

_LARGEST = Fraction(sys.float_info.max)
_TIE_BITS = 166  # 2**-166 is 1e-50: results carry 60 digits, so ten digits of rounding may pile up unseen
_EXACT = -(10**9)  # the tie of an exact number: nothing but itself is equal to it
_LIMIT_BITS = 16_384  # a denominator longer than this is rounded to 60 digits
_TINIEST = Fraction(1, 10**1000)
_DECIMAL = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
_HALF = Fraction(1, 2)
_CHECK_TIE = Fraction(1, 10**9)
ZERO, UNITY = Fraction(0), Fraction(1)


class Fault(Exception):
    """An operation that has no value, and why."""

    def __init__(self, cause: Cause) -> None:
        self.cause = cause
        super().__init__(cause.words)


class Approximate(Fraction):
    """A number rounded to 60 digits. Numbers nearer to it than ``2**tie`` count as equal: a tie survives cancellation,
    so that ``sqrt(2)^2 - 2`` is zero."""

    __slots__ = ("tie",)
    tie: int

    def __new__(cls, value: Fraction, tie: int) -> "Approximate":
        self = super().__new__(cls, value)
        self.tie = max(tie, _size(value) - _TIE_BITS)
        return self


def _size(x: Fraction) -> int:
    """The exponent of the power of two near ``|x|``."""
    return x.numerator.bit_length() - x.denominator.bit_length() if x else -5_000


def _tie(x: Fraction) -> int:
    return x.tie if isinstance(x, Approximate) else _EXACT


def _finite(x: Exact) -> Fraction:
    if isinstance(x, float):
        raise Fault(Cause.OVERFLOW)
    return x


def _settle(x: Fraction, tie: int) -> Fraction:
    """An operation's result: within float64's range, no longer than it needs to be, as exact as its operands."""
    if abs(x) > _LARGEST:
        raise Fault(Cause.OVERFLOW)
    if x.denominator.bit_length() > _LIMIT_BITS:
        rounded = Fraction(_decimal(x)) if abs(x) >= _TINIEST else ZERO
        return Approximate(rounded, max(tie, _size(x) - _TIE_BITS))
    return Approximate(x, tie) if tie > _EXACT else x


def _decimal(x: Fraction) -> Decimal:
    return _DECIMAL.divide(Decimal(x.numerator), Decimal(x.denominator))


def compare(a: Exact, b: Exact) -> int:
    """-1, 0 or 1 as ``a`` is below, equal to or above ``b``."""
    if a == b:
        return 0
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        tie = max(_tie(a), _tie(b))
        if tie > _EXACT and abs(a - b) <= Fraction(2) ** max(tie, _size(a) - _TIE_BITS, _size(b) - _TIE_BITS):
            return 0
    return 1 if a > b else -1


def nearly_equal(a: Exact, b: Exact) -> bool:
    """Equal as a check takes it, to a billionth; an infinite number is equal only to itself."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return abs(a - b) <= _CHECK_TIE * max(abs(a), abs(b))
    return a == b


def add(a: Exact, b: Exact) -> Fraction:
    x, y = _finite(a), _finite(b)
    return _settle(x + y, max(_tie(x), _tie(y)))


def negative(a: Exact) -> Exact:
    return Approximate(-a, a.tie) if isinstance(a, Approximate) else -a


def subtract(a: Exact, b: Exact) -> Fraction:
    return add(a, negative(b))


def multiply(a: Exact, b: Exact) -> Fraction:
    x, y = _finite(a), _finite(b)
    return _settle(x * y, max(_tie(x) + _size(y), _tie(y) + _size(x)) if _rounded(x, y) else _EXACT)


def divide(a: Exact, b: Exact) -> Fraction:
    if compare(b, ZERO) == 0:
        raise Fault(Cause.DIVISION)
    x, y = _finite(a), _finite(b)
    result = x / y
    return _settle(result, max(_tie(x), _tie(y) + _size(result)) - _size(y) if _rounded(x, y) else _EXACT)


def _rounded(x: Fraction, y: Fraction) -> bool:
    return isinstance(x, Approximate) or isinstance(y, Approximate)


def total(values: list[Exact]) -> Fraction:
    """The sum, with only the end result held against float64's range."""
    result, tie = ZERO, _EXACT
    for value in values:
        x = _finite(value)
        tie = max(tie, _tie(x))
        result = result + x
        if result.denominator.bit_length() > _LIMIT_BITS:
            result, tie = Fraction(_decimal(result)), max(tie, _size(result) - _TIE_BITS)
    return _settle(result, tie)


def power(a: Exact, b: Exact) -> Fraction:
    """``a ^ b``; zero to the power zero is 1."""
    base_sign = compare(a, ZERO)
    if base_sign == 0 and compare(b, ZERO) < 0:
        raise Fault(Cause.DIVISION)
    if base_sign < 0 and isinstance(b, Fraction) and b.denominator != 1:
        raise Fault(Cause.DOMAIN)
    x, p = _finite(a), _finite(b)
    if p == 0 or base_sign == 0:
        return UNITY if p == 0 else ZERO
    exponent = p * _size(x)
    if exponent > 2_100 + 2 * abs(p):
        raise Fault(Cause.OVERFLOW)
    if p.denominator == 2:
        return power(root(x), 2 * p)
    if p.denominator == 1 and abs(p) * max(x.numerator.bit_length(), x.denominator.bit_length()) <= _LIMIT_BITS:
        result = Fraction(x) ** int(p)
        tie = _tie(x) + _size(result) - _size(x) + _size(p) if isinstance(x, Approximate) else _EXACT
        return _settle(result, tie)
    return _from_decimal(_DECIMAL.power(_decimal(x), _decimal(p)), _tie(x) - _size(x) + _size(p))


def root(a: Exact) -> Fraction:
    if compare(a, ZERO) < 0:
        raise Fault(Cause.DOMAIN)
    x = max(_finite(a), ZERO)
    top, bottom = math.isqrt(x.numerator), math.isqrt(x.denominator)
    if top * top == x.numerator and bottom * bottom == x.denominator and not isinstance(x, Approximate):
        return Fraction(top, bottom)
    result = Fraction(_DECIMAL.sqrt(_decimal(x)))
    return Approximate(result, _tie(x) - _size(result) if result else _tie(x) // 2)


def exponential(a: Exact) -> Fraction:
    x = _finite(a)
    if x > 710:
        raise Fault(Cause.OVERFLOW)
    if x == 0:
        return Approximate(UNITY, _tie(x)) if isinstance(x, Approximate) else UNITY
    if x < -2_000:
        return Approximate(ZERO, _size(_TINIEST))  # 1e-868: as good as zero beside any float64
    return _from_decimal(_DECIMAL.exp(_decimal(x)), _tie(x))


def logarithm(a: Exact) -> Fraction:
    if compare(a, ZERO) <= 0:
        raise Fault(Cause.DOMAIN)
    x = _finite(a)
    if x == 1:
        return Approximate(ZERO, _tie(x)) if isinstance(x, Approximate) else ZERO
    return _settle(Fraction(_DECIMAL.ln(_decimal(x))), max(_tie(x) - _size(x), -_TIE_BITS))


def _from_decimal(result: Decimal, relative_tie: int) -> Fraction:
    """A positive or negative result of a 60-digit function, whose tie is ``relative_tie`` beside its own size."""
    if not result.is_finite() or result.adjusted() > 310:
        raise Fault(Cause.OVERFLOW)
    if result.adjusted() < -1_000:
        return Approximate(ZERO, _size(_TINIEST))
    x = Fraction(result)
    return _settle(x, max(relative_tie, -_TIE_BITS) + _size(x))


def floor(a: Exact) -> Fraction:
    """The whole number at or below; a number that ties with the whole number above it is that one."""
    x = _finite(a)
    below = Fraction(math.floor(x))
    return below + 1 if compare(x, below + 1) == 0 else below


def ceil(a: Exact) -> Fraction:
    return -floor(negative(a))


def smallest(*values: Exact) -> Exact:
    return min(values)


def largest(*values: Exact) -> Exact:
    return max(values)


def clamp(x: Exact, low: Exact, high: Exact) -> Exact:
    if compare(low, high) > 0:
        raise Fault(Cause.DOMAIN)
    return min(max(x, low), high)


def _round(how: Callable[[Exact], Fraction]) -> Callable[[Exact, Exact], Fraction]:
    def rounded(x: Exact, step: Exact) -> Fraction:
        if compare(step, ZERO) <= 0:
            raise Fault(Cause.DOMAIN)
        return multiply(how(divide(x, step)), step)

    return rounded


def interpolate(x: Exact, x0: Exact, y0: Exact, x1: Exact, y1: Exact) -> Fraction:
    """On the line from ``(x0, y0)`` to ``(x1, y1)``, held at its ends."""
    if compare(x0, x1) == 0:
        raise Fault(Cause.DIVISION)
    along = clamp(divide(subtract(x, x0), subtract(x1, x0)), ZERO, UNITY)
    return add(y0, multiply(subtract(y1, y0), along))


def _absolute(x: Exact) -> Exact:
    value = _finite(x)
    return negative(value) if value < 0 else value


def approximate(rule: Callable[[Sequence[Fraction]], Fraction], args: Sequence[Exact]) -> Fraction:
    """A function of several numbers that is known to 60 digits. How near counts as equal: as much as the result moves
    when each rounded argument moves by what it may be off."""
    numbers = [ZERO if compare(x, ZERO) == 0 else x for x in map(_finite, args)]
    result = rule(numbers)
    spread = ZERO
    for i, x in enumerate(numbers):
        if isinstance(x, Approximate):
            for side in (-1, 1):
                try:
                    moved = rule([*numbers[:i], Fraction(x) + side * Fraction(2) ** x.tie, *numbers[i + 1 :]])
                except Fault:  # beyond where the function has a value
                    continue
                spread += abs(moved - result)
    return _settle(result, max(_size(spread) + 1, _size(result) - _TIE_BITS, _EXACT + 1))


OPERATORS: dict[str, Callable[[Exact, Exact], Fraction]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "^": power,
}

FUNCTIONS: dict[str, Callable[..., Exact]] = {
    "abs": _absolute,
    "sign": lambda x: Fraction(compare(x, ZERO)),
    "min": smallest,
    "max": largest,
    "clamp": clamp,
    "sqrt": root,
    "exp": exponential,
    "ln": logarithm,
    "floor": floor,
    "ceil": ceil,
    "round_down": _round(floor),
    "round_up": _round(ceil),
    "round_nearest": _round(lambda x: floor(add(x, _HALF))),
    "interpolate": interpolate,
}
