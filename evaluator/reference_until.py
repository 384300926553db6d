"""`until`, exactly: the smallest value that is enough, found as ``reference_solve`` finds its values."""

from collections.abc import Mapping
from fractions import Fraction

from dsl.model import Policy, Value
from dsl.state import Touched
from dsl.until import Trial
from evaluator.book import Book
from evaluator.places import Result
from evaluator.reference import Reference
from evaluator.reference_solve import Search


def smallest(policy: Policy, book: Book, params: Mapping[str, Value], trial: Trial, row: int) -> Fraction | None:
    """The smallest value for which an `until` cell's condition holds in a row, None where none does. ``policy`` is on
    trial: its `until` cells are read from inputs, which ``book`` holds."""
    reference = Reference(policy, book, params)
    touched = Touched(policy, {(trial.entity, trial.variable)})

    def condition(value: Fraction) -> Result:
        there = reference.beside(touched, {(trial.entity, trial.variable, row): value})
        return there.cell(trial.entity, trial.holds, row)

    low = trial.range.low
    assert isinstance(low, Fraction)
    return low if condition(low) is True else Search(condition, trial.range).toward(low, 1, None)
