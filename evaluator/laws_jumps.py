"""Whether a subject that seems to jump between two values of a cell does so, or is only steep there."""

from fractions import Fraction

from dsl.text import decimal_text
from dsl.until import has_until
from evaluator import literals
from evaluator.laws_cases import Case, Trial
from evaluator.laws_worlds import joined
from evaluator.reference import Reference

HALVINGS = 60
DIGITS = 80  # of a cell's value, so that nothing is rounded on the way


def jumps(trial: Trial, case: Case) -> bool:
    """Halves the gap between the case's two worst turns again and again, exactly, towards where the subject changes
    most: over a gap a billion billion times smaller a steep line changes next to nothing, a jump is as high as before.

    Yes too where values are found by trying, which the exact interpreter doesn't do.
    """
    shape = trial.shape
    assert shape is not None and trial.law.on is not None
    [x], [y] = trial.moves([case])
    worst = trial.violation(shape.word, x, y, case)
    if worst is None:
        return False
    if has_until(trial.policy):
        return True

    def subject(at: Fraction) -> Fraction | None:
        book = joined(trial.policy, [trial.turned(case.world, decimal_text(at, DIGITS))], trial.as_of)
        value = Reference(trial.policy, book, case.params).evaluate(shape.subject, trial.law.on or "", 0)
        return value if isinstance(value, Fraction) else None

    low, high = (literals.exact(case.turns[i]) for i in worst)
    ends = [subject(low), subject(high)]
    if ends[0] is None or ends[1] is None:
        return False
    before = abs(ends[1] - ends[0])
    below, above = ends[0], ends[1]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        between = subject(middle)
        if between is None:
            return False
        if abs(between - below) >= abs(above - between):
            high, above = middle, between
        else:
            low, below = middle, between
    return abs(above - below) * 2 > before
