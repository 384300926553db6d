"""Finds the values of `until` cells: the policy is evaluated again and again with other values tried.

From the bottom of the column's range a scan in steps of one hundredth finds, for each row, the first step at which the
condition holds, decided exactly; then bisection between it and the step before, until the two lie 2^-44 of the range
apart. The value taken is one for which the condition was found to hold beyond doubt. Where none does, the largest is
taken, and the row is marked. Where a short decimal lies between the two and is enough, decided exactly, it is taken:
an answer of 40% is 0.4 itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dsl.diagnostics import Diagnostics
from dsl.model import Policy, Value
from dsl.until import Trial, has_until, on_trial
from evaluator.book import Book, BookTable
from evaluator.columns import Column

STEPS = 100
HALVINGS = 38  # of a step of 1/100 of the range

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Cell = tuple[str, str]


class Try(Protocol):
    """Gives a cell's column for the rows that ask, exactly or with doubtful flags taken as no."""

    def __call__(
        self, policy: Policy, book: Book, cell: Cell, asking: Flags | None = None, *, exactly: bool = True
    ) -> Column: ...


@dataclass(frozen=True, slots=True)
class Solved:
    """A policy without `until` cells and the book with their values. ``unmet``: by entity and column, the rows where no
    value in the range was enough."""

    policy: Policy
    book: Book
    unmet: dict[tuple[str, str], Flags]


def solve(policy: Policy, book: Book, params: Mapping[str, Value], evaluate: Try) -> Solved:
    """Every `until` cell solved, by trying; a policy without any comes back as it is."""
    if not has_until(policy):
        return Solved(policy, book, {})
    policy, trials = on_trial(policy, Diagnostics())
    lowest = {t: np.full(book.tables[t.entity].rows, float(_low(t))) for t in trials}
    book = _with_values(book, trials, lowest)
    found: dict[tuple[str, str], Floats] = {}
    unmet: dict[tuple[str, str], Flags] = {}
    for trial in trials:
        key = (trial.entity, trial.column)
        code = policy.tiers[trial.entity].labels.index(trial.label)
        rows = evaluate(policy, book, (trial.entity, "tier"), None).values == code
        values, missed = _search(policy, book, trial, rows, evaluate)
        found[key] = np.where(rows, values, found.get(key, lowest[trial]))
        unmet[key] = unmet.get(key, np.zeros(len(rows), dtype=np.bool_)) | missed
        book = _with_values(book, [trial], {trial: found[key]})
    return Solved(_untried(policy, trials), book, unmet)


def _untried(policy: Policy, trials: tuple[Trial, ...]) -> Policy:
    """The policy without the formulas that were only there to be tried."""
    tried = {(t.entity, t.holds) for t in trials}
    entities = {
        name: replace(entity, formulas={c: f for c, f in entity.formulas.items() if (name, c) not in tried})
        for name, entity in policy.entities.items()
    }
    return replace(policy, entities=entities, order=tuple(cell for cell in policy.order if cell not in tried))


def _search(policy: Policy, book: Book, trial: Trial, rows: Flags, evaluate: Try) -> tuple[Floats, Flags]:
    """(n,) the value of each of the ``rows``, and those of them where none was enough."""
    low, high = _low(trial), _high(trial)
    grid = [float(low + (high - low) * i / STEPS) for i in range(STEPS + 1)]

    def holds(values: Floats, exactly: bool) -> Flags:
        tried = _with_values(book, [trial], {trial: values})
        column = evaluate(policy, tried, (trial.entity, trial.holds), rows, exactly=exactly)
        flags: Flags = column.known() & column.values.astype(np.bool_)
        return flags

    step = np.full(len(rows), STEPS + 1)
    for i, value in enumerate(grid):
        waiting = rows & (step > STEPS)
        if not waiting.any():
            break
        step[waiting & holds(np.full(len(rows), value), True)] = i
    missed = rows & (step > STEPS)
    above = np.array([*grid, grid[-1]])[step]
    below = np.array([grid[0], *grid])[np.minimum(step, STEPS)]
    open_ = rows & ~missed & (step > 0)
    for _ in range(HALVINGS if open_.any() else 0):
        middle = below + (above - below) / 2
        enough = holds(np.where(open_, middle, above), False)
        above = np.where(open_ & enough, middle, above)
        below = np.where(open_ & ~enough, middle, below)
    short = _short_between(below, above)
    candidate = open_ & (short < above)
    if candidate.any():
        above = np.where(candidate & holds(np.where(candidate, short, above), True), short, above)
    return above, missed


def _short_between(below: Floats, above: Floats) -> Floats:
    """(n,) a decimal of at most nine places above ``below`` and not above ``above``; ``above`` where there is none."""
    found = above.copy()
    for places in range(9, 0, -1):
        decimal = np.ceil(below * 10.0**places) / 10.0**places
        found = np.where((decimal > below) & (decimal <= above), decimal, found)
    return found


def _low(trial: Trial) -> Fraction:
    assert isinstance(trial.range.low, Fraction)
    return trial.range.low


def _high(trial: Trial) -> Fraction:
    assert isinstance(trial.range.high, Fraction)
    return trial.range.high


def _with_values(book: Book, trials: "list[Trial] | tuple[Trial, ...]", values: Mapping[Trial, Floats]) -> Book:
    tables = dict(book.tables)
    for trial in trials:
        tables[trial.entity] = _with_column(tables[trial.entity], trial.variable, values[trial])
    return replace(book, tables=tables)


def _with_column(table: BookTable, name: str, values: Floats) -> BookTable:
    before = table.written

    def written(column: str, row: int) -> str:
        return repr(float(values[row])) if column == name else before(column, row)

    return replace(table, columns={**table.columns, name: Column(values)}, written=written)
