"""`solve`, exactly: from today's value both ways, from turn to turn of all that the condition is made of.

Between two turns every number is a quotient of two straight lines, so the condition is the same all the way: it is
asked just after each turn, and at it. Where some number is no such quotient, the values of ``evaluator.solve_steps``
are tried, and the first that is enough and the one before are brought together by halving.
"""

from collections.abc import Callable
from fractions import Fraction

from dsl import model
from dsl.causes import Cause
from dsl.model import Interval
from dsl.records import dataclass
from evaluator.exact import Fault
from evaluator.places import At, Result, Unknown
from evaluator.reference_book import Cells
from evaluator.reference_moving import Ahead, Curved, moving
from evaluator.solve_steps import HALVINGS, steps

MOST_TURNS = 10_000


def solved(reference: Cells, expr: model.Solve, at: At) -> Result:
    """The value sought, today's cell's unknown, the condition's, or the fault of being never reached."""
    today: Result = Fraction(0)
    cell = None
    if isinstance(expr.target, model.Read):
        source = reference.source(expr.target, at)
        if isinstance(source, Unknown):
            return source
        cell = (source[0], expr.target.column, source[1])
        today = reference.cell(*cell)
        if isinstance(today, Unknown):
            return today
    assert isinstance(today, Fraction)

    def condition(value: Fraction) -> Result:
        return reference.elsewhere(expr, cell, value).at(expr.condition, At(at.entity, at.row))

    search = Search(condition, expr.range)
    now = condition(today)
    if now is True:
        return today
    below = search.toward(today, -1, None)
    above = search.toward(today, 1, None if below is None else today - below)
    if above is not None and (below is None or above - today < today - below):
        return above
    if below is not None:
        return below
    if isinstance(now, Unknown):
        return now
    raise Fault(Cause.UNREACHED)


@dataclass(frozen=True, slots=True)
class Search:
    """Where a condition of one number comes to hold, within a range."""

    condition: Callable[[Fraction], Result]
    range: Interval

    def toward(self, today: Fraction, direction: int, within: Fraction | None) -> Fraction | None:
        """The nearest value on one side, no farther than ``within``."""
        try:
            return self._walk(today, direction, within)
        except Curved:
            return self._scan(today, direction)

    def _walk(self, x: Fraction, direction: int, within: Fraction | None) -> Fraction | None:
        today = x
        if x == _end(self.range, direction):
            return None
        for _ in range(MOST_TURNS):
            ahead = Ahead()
            if self.condition(moving(x, direction, ahead)) is True:
                return x
            if ahead.nearest is None:
                return None
            x += direction * ahead.nearest
            if not self.range.holds(x) or (within is not None and abs(x - today) > within):
                return None
            if self.condition(x) is True:
                return x
            if x == _end(self.range, direction):
                return None
        raise Curved

    def _scan(self, today: Fraction, direction: int) -> Fraction | None:
        before = today
        for value in steps(today, direction, self.range):
            if self.condition(value) is True:
                for _ in range(HALVINGS):
                    middle = (before + value) / 2
                    if self.condition(middle) is True:
                        value = middle
                    else:
                        before = middle
                return value
            before = value
        return None


def _end(range_: Interval, direction: int) -> object:
    return range_.high if direction > 0 else range_.low
