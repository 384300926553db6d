"""Expressions without rows, worked out exactly: constants, and how bounds depend on params."""

import sys
from fractions import Fraction

from dsl import model
from dsl.model import INFINITE, Exact, Interval, Value
from dsl.records import dataclass

LARGEST = f"the largest is about {sys.float_info.max:.2g}"


def too_large(value: Value) -> bool:
    """Whether no float64 can hold it."""
    return isinstance(value, Fraction) and abs(value) > sys.float_info.max


def constant(expr: model.Expr) -> Value | None:
    """The value of an expression of literals and arithmetic, or None where it isn't one."""
    match expr:
        case model.Const():
            return expr.value
        case model.Unary(operator="-"):
            value = constant(expr.operand)
            return -value if isinstance(value, Fraction | float) and not isinstance(value, bool) else None
        case model.Binary():
            left, right = constant(expr.left), constant(expr.right)
            if isinstance(left, Fraction) and isinstance(right, Fraction):
                return _arithmetic(expr.operator, left, right)
    return None


def _arithmetic(operator: str, left: Fraction, right: Fraction) -> Fraction | None:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right if right else None
        case "^":
            if right.denominator == 1 and abs(right) <= 1000 and (left or right >= 0):
                return Fraction(left) ** right.numerator
    return None


@dataclass(frozen=True, slots=True)
class Affine:
    """``constant + sum of coefficient * param``: exact wherever bounds are sums of params."""

    constant: Fraction
    terms: tuple[tuple[str, Fraction], ...] = ()

    def plus(self, other: "Affine", factor: Fraction) -> "Affine":
        terms = dict(self.terms)
        for name, value in other.terms:
            terms[name] = terms.get(name, Fraction(0)) + factor * value
        return Affine(self.constant + factor * other.constant, tuple(sorted((n, v) for n, v in terms.items() if v)))

    def times(self, factor: Fraction) -> "Affine":
        return Affine(Fraction(0)).plus(self, factor)


def affine(expr: model.Expr) -> Affine | None:
    """An expression of params in affine form, or None."""
    match expr:
        case model.Const(value=Fraction() as value):
            return Affine(value)
        case model.ParamRead():
            return Affine(Fraction(0), ((expr.name, Fraction(1)),))
        case model.Unary(operator="-"):
            inner = affine(expr.operand)
            return inner.times(Fraction(-1)) if inner else None
        case model.Binary():
            left, right = affine(expr.left), affine(expr.right)
            if left is None or right is None:
                return None
            match expr.operator:
                case "+":
                    return left.plus(right, Fraction(1))
                case "-":
                    return left.plus(right, Fraction(-1))
                case "*" if not left.terms:
                    return right.times(left.constant)
                case "*" if not right.terms:
                    return left.times(right.constant)
                case "/" if not right.terms and right.constant:
                    return left.times(1 / right.constant)
    return None


def affine_range(form: Affine, params: "dict[str, model.Param]") -> Interval:
    """The values that an affine form takes over the params' ranges."""
    low: Exact = form.constant
    high: Exact = form.constant
    for name, factor in form.terms:
        domain = params[name].domain or Interval()
        below = -INFINITE if domain.low is None else domain.low
        above = INFINITE if domain.high is None else domain.high
        ends = (_scaled(below, factor), _scaled(above, factor))
        low, high = _sum(low, min(ends)), _sum(high, max(ends))
    return Interval(None if low == -INFINITE else low, None if high == INFINITE else high)


def _scaled(value: Exact, factor: Fraction) -> Exact:
    return value * factor if isinstance(value, Fraction) else (value if factor > 0 else -value)


def _sum(a: Exact, b: Exact) -> Exact:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a + b
    return a if not isinstance(a, Fraction) else b


def difference_range(upper: model.Expr, lower: model.Expr, params: "dict[str, model.Param]") -> Interval | None:
    """The range of ``upper - lower`` over all allowed params; None where they aren't affine in params."""
    a, b = affine(upper), affine(lower)
    if a is None or b is None:
        return None
    return affine_range(a.plus(b, Fraction(-1)), params)
