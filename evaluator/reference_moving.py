"""Exact numbers that move: a quotient of two straight lines in how far one cell has gone from where it was.

Where a ``Moving`` takes part, arithmetic gives a ``Moving`` again, comparisons are decided for what comes just after
the start, and each notes at ``Ahead`` where it would turn. What is no such quotient (a product of two that move, a
root) raises ``Curved``.
"""

import math
from fractions import Fraction
from typing import Any

from dsl.records import dataclass
from evaluator.exact import Approximate

Line = tuple[Fraction, Fraction]  # at the start, and by how much it grows with the distance
_ONE: Line = (Fraction(1), Fraction(0))


class Curved(Exception):
    """A number that is no quotient of two straight lines."""


@dataclass(slots=True)
class Ahead:
    """``nearest``: the first distance at which some comparison turns or some divisor is zero."""

    nearest: Fraction | None = None

    def roots(self, a: Fraction, b: Fraction, c: Fraction) -> None:
        """Notes where ``a + b*u + c*u^2`` is zero beyond the start."""
        if c == 0:
            found = [] if b == 0 else [-a / b]
        else:
            inside = b * b - 4 * a * c
            if inside < 0:
                return
            top, bottom = math.isqrt(inside.numerator), math.isqrt(inside.denominator)
            found = [(-b + side * Fraction(top, bottom)) / (2 * c) for side in (-1, 1)]
            if Fraction(top, bottom) ** 2 != inside:
                if max(found) > 0:
                    raise Curved  # it turns at an irrational place
                return
        for root in found:
            if root > 0 and (self.nearest is None or root < self.nearest):
                self.nearest = root


class Moving(Fraction):
    """``top / bottom``, which is no constant."""

    __slots__ = ("ahead", "bottom", "top")
    top: Line
    bottom: Line
    ahead: Ahead

    @property
    def numerator(self) -> int:
        raise Curved  # somebody takes it for a plain number

    @property
    def denominator(self) -> int:
        return 1  # it needs no rounding

    def __add__(self, other: Any) -> Any:
        return _add(self, other)

    __radd__ = __add__

    def __neg__(self) -> Any:
        return _made((-self.top[0], -self.top[1]), self.bottom, self.ahead)

    def __sub__(self, other: Any) -> Any:
        return _add(self, -other)

    def __rsub__(self, other: Any) -> Any:
        return _add(-self, other)

    def __mul__(self, other: Any) -> Any:
        return _multiply(self, other, self.ahead)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return _multiply(self, _inverse(other), self.ahead)

    def __rtruediv__(self, other: Any) -> Any:
        return _multiply(other, _inverse(self), self.ahead)

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    def __bool__(self) -> bool:
        return _sign(self, Fraction(0)) != 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (int, Fraction)) and _sign(self, Fraction(other)) == 0

    def __lt__(self, other: Any) -> bool:
        return _sign(self, other) < 0

    def __gt__(self, other: Any) -> bool:
        return _sign(self, other) > 0

    def __le__(self, other: Any) -> bool:
        return _sign(self, other) <= 0

    def __ge__(self, other: Any) -> bool:
        return _sign(self, other) >= 0

    __hash__ = Fraction.__hash__


def moving(start: Fraction, direction: int, ahead: Ahead) -> Moving:
    """A number that is ``start``, and goes up (1) or down (-1) by the distance."""
    return _made((start, Fraction(direction)), _ONE, ahead)  # type: ignore[return-value]


def _made(top: Line, bottom: Line, ahead: Ahead) -> Fraction:
    if top[0] * bottom[1] == top[1] * bottom[0]:  # the same all the way
        return top[0] / bottom[0] if bottom[0] else top[1] / bottom[1]
    found = Fraction.__new__(Moving, 0)
    scale = bottom[0] or bottom[1]
    found.top, found.bottom, found.ahead = _times(top, 1 / scale), _times(bottom, 1 / scale), ahead
    return found


def _times(line: Line, factor: Fraction) -> Line:
    return line[0] * factor, line[1] * factor


def _lines(x: Any) -> tuple[Line, Line]:
    if isinstance(x, Moving):
        return x.top, x.bottom
    if isinstance(x, Approximate):
        raise Curved
    return (Fraction(x), Fraction(0)), _ONE


def _add(x: Moving, other: Any) -> Fraction:
    top, bottom = _lines(other)
    if isinstance(other, Moving) and bottom != x.bottom:
        raise Curved
    if not isinstance(other, Moving):
        top = _times(x.bottom, top[0])
    return _made((x.top[0] + top[0], x.top[1] + top[1]), x.bottom, x.ahead)


def _multiply(x: Any, y: Any, ahead: Ahead) -> Fraction:
    (a, b), (c, d) = _lines(x), _lines(y)
    for one, other, rest in (
        (a, d, (c, b)),
        (c, b, (a, d)),
        (a, _ONE, (c, _product(b, d))),
        (c, _ONE, (a, _product(b, d))),
    ):
        if rest[1] is not None and one[0] * other[1] == one[1] * other[0]:  # these two cancel
            factor = one[0] / other[0] if other[0] else one[1] / other[1]
            return _made(_times(rest[0], factor), rest[1], ahead)
    raise Curved


def _product(a: Line, b: Line) -> Line | None:
    """Of two lines of which one is level; None otherwise."""
    if a[1] == 0:
        return _times(b, a[0])
    return _times(a, b[0]) if b[1] == 0 else None


def _inverse(x: Any) -> Any:
    if not isinstance(x, Moving):
        return 1 / Fraction(x)
    x.ahead.roots(*x.top, Fraction(0))
    return _made(x.bottom, x.top, x.ahead)


def _sign(x: Any, y: Any) -> int:
    """-1, 0 or 1 as x is below, equal to or above y just after the start; where that turns is noted."""
    if isinstance(y, float):
        return -1 if y > 0 else 1
    (a, b), (c, d) = _lines(x), _lines(y)
    gap = a[0] * d[0] - c[0] * b[0], a[0] * d[1] + a[1] * d[0] - c[0] * b[1] - c[1] * b[0], a[1] * d[1] - c[1] * b[1]
    x.ahead.roots(*gap)
    sign = next((1 if part > 0 else -1 for part in gap if part), 0)
    for bottom in (b, d):
        if (bottom[0] or bottom[1]) < 0:
            sign = -sign
    return sign
