"""Constants, computed exactly as written: rationals, and 60 digits after exp, ln, sqrt and broken powers."""

import decimal
import math
from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from fractions import Fraction

from dsl.model import Exact
from dsl.records import dataclass
from evaluator.exact import Approximate, Fault
from evaluator.exact_dates import DATES
from evaluator.exact_finance import FINANCE

DIGITS = 60
_TIE = Fraction(1, 10**50)  # irrational constants that differ by less are equal
TOLERANCE = Fraction(1, 10**9)  # of equality and order in checks
_CONTEXT = decimal.Context(prec=DIGITS, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
_BIG_POWER = 200_000  # bits of a power computed exactly at most


@dataclass(frozen=True, slots=True)
class Number:
    """``precise``: a rational as written; otherwise its first 60 digits."""

    value: Exact
    precise: bool = True

    def __float__(self) -> float:
        return float(self.value)

    @property
    def exact(self) -> bool:
        """Whether float64 holds it without rounding."""
        return self.precise and (isinstance(self.value, float) or Fraction(float(self.value)) == self.value)


Constant = Number | bool | int | str


def fold(op: str, attrs: tuple[Hashable, ...], values: Sequence[Constant]) -> Constant | None:
    """The constant that an operation on constants gives; None where it has none (a fault, or nothing to fold)."""
    if op == "compare":
        return _compare(values[0], values[1], *attrs)  # type: ignore[arg-type]
    if op in ("and", "or"):
        return all(values) if op == "and" else any(values)
    if op == "not":
        return not values[0]
    numbers = [v for v in values if isinstance(v, Number)]
    if len(numbers) < len(values):
        return None
    if op in _HOLDING:
        return _HOLDING[op](numbers)
    exact = [n.value for n in numbers]
    if op in FINANCE or op in DATES:
        return _published(op, numbers)
    if (op not in _RATIONAL and op not in _DECIMAL) or any(isinstance(v, float) for v in exact):
        return None
    rationals = [v for v in exact if isinstance(v, Fraction)]
    try:
        if op == "pow":
            result, precise = _power(rationals[0], attrs[0])  # type: ignore[arg-type]
        elif op in _RATIONAL:
            result, precise = _RATIONAL[op](*rationals), True
        else:
            result, precise = _DECIMAL[op](rationals[0]), False
        if math.isinf(float(result)):
            return None
    except (ArithmeticError, ValueError):
        return None
    return Number(result, precise and all(n.precise for n in numbers))


def _published(op: str, numbers: Sequence[Number]) -> Number | None:
    """Of the normal distribution, options and dates; None where the function has no value."""
    try:
        found = (FINANCE | DATES)[op](*(n.value for n in numbers))
    except Fault:
        return None
    precise = not isinstance(found, Approximate) and all(n.precise for n in numbers)
    return None if isinstance(found, float) else Number(Fraction(found), precise)


def _compare(left: Constant, right: Constant, operator: str, tolerant: bool) -> bool:
    if not isinstance(left, Number) or not isinstance(right, Number):
        return (left == right) == (operator == "=")
    a, b = left.value, right.value
    same = a == b
    if not same and isinstance(a, Fraction) and isinstance(b, Fraction):
        near = abs(a - b) / max(abs(a), abs(b))
        same = near < _TIE and not (left.precise and right.precise)
        same = same or (tolerant and operator in ("=", "<=", ">=") and near <= TOLERANCE)
    match operator:
        case "=":
            return same
        case "!=":
            return not same
        case "<":
            return a < b and not same
        case ">":
            return a > b and not same
        case "<=":
            return a < b or same
        case _:
            return a > b or same


def _clamp(numbers: Sequence[Number]) -> Number | None:
    x, low, high = numbers
    if low.value > high.value:
        return None
    return min((max((x, low), key=_value), high), key=_value)


def _value(number: Number) -> Exact:
    return number.value


_HOLDING: dict[str, Callable[[Sequence[Number]], Number | None]] = {
    "neg": lambda n: Number(-n[0].value, n[0].precise),
    "min": lambda n: min(n, key=_value),
    "max": lambda n: max(n, key=_value),
    "clamp": _clamp,
    "sign": lambda n: Number(Fraction((n[0].value > 0) - (n[0].value < 0))),
}


def _rounded(rule: Callable[[Fraction], int]) -> Callable[[Fraction, Fraction], Fraction]:
    def rounded(x: Fraction, step: Fraction) -> Fraction:
        if step <= 0:
            raise ValueError(step)
        return rule(x / step) * step

    return rounded


_RATIONAL: dict[str, Callable[..., Fraction]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "abs": abs,
    "pow": lambda a: a,
    "interpolate": lambda x, x0, y0, x1, y1: y0 + (y1 - y0) * min(max((x - x0) / (x1 - x0), Fraction(0)), Fraction(1)),
    "floor": lambda a: Fraction(math.floor(a)),
    "ceil": lambda a: Fraction(math.ceil(a)),
    "round_down": _rounded(math.floor),
    "round_up": _rounded(math.ceil),
    "round_nearest": _rounded(lambda q: math.floor(q + Fraction(1, 2))),
}


def decimal_of(value: Fraction) -> Decimal:
    return _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))


def _exp(x: Fraction) -> Fraction:
    if abs(x) > 100_000:
        raise OverflowError(x)
    return Fraction(_CONTEXT.exp(decimal_of(x)))


def ln(x: Fraction) -> Fraction:
    if x <= 0:
        raise ValueError(x)
    return Fraction(_CONTEXT.ln(decimal_of(x)))


def _sqrt(x: Fraction) -> Fraction:
    return Fraction(_CONTEXT.sqrt(decimal_of(x)))


_DECIMAL: dict[str, Callable[[Fraction], Fraction]] = {"exp": _exp, "ln": ln, "sqrt": _sqrt}


def _power(base: Fraction, exponent: Number) -> tuple[Fraction, bool]:
    power = exponent.value
    if not isinstance(power, Fraction):
        raise OverflowError(power)
    bits = (base.numerator.bit_length() + base.denominator.bit_length()) * abs(power)
    if power.denominator == 1 and bits < _BIG_POWER:
        return base ** int(power), exponent.precise
    if base == 0:
        return Fraction(0) ** math.ceil(power), True
    if base < 0 and power.denominator != 1:
        raise ValueError(base)
    sign = -1 if base < 0 and power % 2 == 1 else 1
    return sign * _exp(ln(abs(base)) * power), False
