"""Finds the values of `until` cells: the smallest for which the condition holds, decided beyond doubt.

Each row goes from the bottom of the column's range from turn to turn (``evaluator.solve_journey``), to where its
condition comes to hold. That place is then closed in on by evaluating the policy with values beside it, until the one
that is enough is the next float64 that is so beyond doubt; where a short decimal lies there and is enough, decided
exactly, it is taken: an answer of 40% is 0.4 itself.

Where something moves in ways that aren't followed, a scan in steps of one hundredth of the range finds the first step
at which the condition holds, decided exactly, and bisection the place between it and the step before. Where no value
is enough, the largest is taken, and the row is marked.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dsl.diagnostics import Diagnostics
from dsl.hoist import without
from dsl.model import Cell, Policy
from dsl.records import dataclass
from dsl.until import Trial, has_until, on_trial
from evaluator.book import Book, BookTable
from evaluator.columns import Column
from evaluator.solve_copies import Rows
from evaluator.solve_journey import journey
from evaluator.solve_sought import Sought
from evaluator.solve_walk import Walk

STEPS = 100
MOST_HALVINGS = 60
CLOSE = 2.0**-44  # of the range: so near, short decimals are looked for
COARSE = 2.0**-38  # of the range: an answer that may be further above the smallest is decided exactly
LEAST = 2.0**-52  # of the range: closer, nothing is told apart

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Try(Protocol):
    """Gives a cell's column for the rows that ask, exactly or with doubtful flags taken as no."""

    def __call__(
        self, policy: Policy, book: Book, cell: Cell, asking: Flags | None = None, *, exactly: bool = True
    ) -> Column: ...

    def sought(self, policy: Policy, book: Book, cell: Cell, variable: Cell) -> Sought | None:
        """What the cell's column asks of one tried column, for walks; None where that can't be walked."""
        ...


@dataclass(frozen=True, slots=True)
class Solved:
    """A policy without `until` cells and the book with their values. ``unmet``: by entity and column, the rows where no
    value in the range was enough."""

    policy: Policy
    book: Book
    unmet: dict[tuple[str, str], Flags]


def solve_untils(policy: Policy, book: Book, evaluate: Try) -> Solved:
    """Every `until` cell solved, by trying; a policy without any comes back as it is."""
    if not has_until(policy):
        return Solved(policy, book, {})
    policy, trials = on_trial(policy, Diagnostics())
    book = with_lowest(book, trials)
    found: dict[tuple[str, str], Floats] = {}
    unmet: dict[tuple[str, str], Flags] = {}
    for trial in trials:
        key = (trial.entity, trial.column)
        code = policy.tiers[trial.entity].labels.index(trial.label)
        rows = evaluate(policy, book, (trial.entity, "tier"), None).values == code
        values, missed = _search(policy, book, trial, rows, evaluate)
        found[key] = np.where(rows, values, found.get(key, float(_low(trial))))
        unmet[key] = unmet.get(key, np.zeros(len(rows), dtype=np.bool_)) | missed
        book = _with_values(book, [trial], {trial: found[key]})
    return Solved(without(policy, {(t.entity, t.holds) for t in trials}), book, unmet)


def with_lowest(book: Book, trials: tuple[Trial, ...]) -> Book:
    """The book with the smallest values in the inputs that are tried."""
    lowest = {t: np.full(book.tables[t.entity].rows, float(_low(t))) for t in trials}
    return _with_values(book, trials, lowest)


def _search(policy: Policy, book: Book, trial: Trial, rows: Flags, evaluate: Try) -> tuple[Floats, Flags]:
    """(n,) the value of each of the ``rows``, and those of them where none was enough."""
    low, high = float(_low(trial)), float(_high(trial))

    def holds(values: Floats, exactly: bool) -> Flags:
        tried = _with_values(book, [trial], {trial: values})
        column = evaluate(policy, tried, (trial.entity, trial.holds), rows, exactly=exactly)
        flags: Flags = column.known() & column.values.astype(np.bool_)
        return flags

    lowest, highest = np.full(len(rows), low), np.full(len(rows), high)
    if not rows.any() or low == high:
        return lowest, rows & ~holds(lowest, True)
    waiting = rows & ~holds(lowest, True)
    if not waiting.any():
        return lowest, np.zeros(len(rows), dtype=np.bool_)
    found = lowest
    below, above = lowest, lowest
    walked = _walked(policy, book, trial, waiting, evaluate)
    reached = np.zeros(len(rows), dtype=np.bool_)
    never = waiting & walked.ended
    if never.any():  # the largest may be enough, and nothing below it
        never = never & ~holds(highest, True)
        reached = waiting & walked.ended & ~never
        found = np.where(reached, high, found)
    near = waiting & ~np.isnan(walked.found)
    for width in (CLOSE, 2.0**-38, 2.0**-32):
        open_ = near & ~reached
        if not open_.any():
            break
        room = width * (high - low)
        up, down = np.minimum(walked.found + room, high), np.maximum(walked.found - room, low)
        sure = open_ & holds(np.where(open_, up, lowest), False) & ~holds(np.where(open_, down, lowest), False)
        above, below = np.where(sure, up, above), np.where(sure, down, below)
        reached = reached | sure
    scanned = waiting & ~reached & ~never
    near_low, near_high = walked.found - CLOSE * (high - low), walked.found + CLOSE * (high - low)
    if scanned.any():
        tops, bottoms, missed = _scanned(trial, scanned, holds)
        bottoms, tops = _narrowed(scanned & ~missed, bottoms, tops, CLOSE * (high - low), holds)
        above, below = np.where(scanned, tops, above), np.where(scanned, bottoms, below)
        near_low, near_high = np.where(scanned, bottoms, near_low), np.where(scanned, tops, near_high)
        never = never | missed
    open_ = waiting & ~never & (above > below)
    short = _short_between(near_low, near_high)
    candidate = open_ & (short < near_high)
    right = candidate & holds(np.where(candidate, short, above), True) if candidate.any() else candidate
    _, last = _narrowed(open_ & ~right, below, above, LEAST * (high - low), holds)
    last = _sharpened(open_ & ~right, last, lowest, high - low, holds)
    found = np.where(open_, np.where(right, short, last), found)
    return np.where(never, high, found), never


@dataclass(frozen=True, slots=True)
class _Walked:
    """(n,) where a search went: to the value ``found``, ``nan`` where it came to none; ``ended``: to the end of the
    range, without finding any."""

    found: Floats
    ended: Flags


def _walked(policy: Policy, book: Book, trial: Trial, rows: Flags, evaluate: Try) -> _Walked:
    """From turn to turn, as ``solve`` does, the first value of each of the ``rows`` for which the condition holds."""
    found, ended = np.full(len(rows), np.nan), np.zeros(len(rows), dtype=np.bool_)
    sought = evaluate.sought(policy, book, (trial.entity, trial.holds), (trial.entity, trial.variable))
    if sought is None:
        return _Walked(found, ended)
    asked = np.flatnonzero(rows)
    low, high = float(_low(trial)), float(_high(trial))
    with np.errstate(all="ignore"):
        for batch, walk in sought.walks(asked, asked):
            some, count = asked[batch], len(batch)

            def again(places: Rows, some: Rows = some) -> Walk:
                return sought.again(some[places], some[places])

            size = np.full(count, high - low)
            trip = journey(walk, again, np.full(count, low), 1.0, np.full(count, high), size)
            clear = ~(trip.curved | trip.doubt)
            found[some] = np.where(clear, trip.found, np.nan)
            ended[some] = clear & np.isnan(trip.found)
    return _Walked(found, ended)


def _scanned(trial: Trial, rows: Flags, holds: Callable[[Floats, bool], Flags]) -> tuple[Floats, Floats, Flags]:
    """The first step that is enough and the one before, by a scan of the range; and the rows where none is."""
    low, high = _low(trial), _high(trial)
    grid = [float(low + (high - low) * i / STEPS) for i in range(STEPS + 1)]
    step = np.full(len(rows), STEPS + 1)
    for i, value in enumerate(grid):
        waiting = rows & (step > STEPS)
        if not waiting.any():
            break
        step[waiting & holds(np.full(len(rows), value), True)] = i
    above = np.array([*grid, grid[-1]])[step]
    below = np.array([grid[0], *grid])[np.minimum(step, STEPS)]
    return above, below, rows & (step > STEPS)


def _narrowed(
    rows: Flags, below: Floats, above: Floats, least: float, holds: Callable[[Floats, bool], Flags]
) -> tuple[Floats, Floats]:
    """Bisection between a value that is too little and one that is enough beyond doubt."""
    for _ in range(MOST_HALVINGS):
        wide = rows & (above - below > least)
        if not wide.any():
            break
        middle = below + (above - below) / 2
        enough = holds(np.where(wide, middle, above), False)
        above = np.where(wide & enough, middle, above)
        below = np.where(wide & ~enough, middle, below)
    return below, above


def _sharpened(
    rows: Flags, found: Floats, lowest: Floats, range: float, holds: Callable[[Floats, bool], Flags]
) -> Floats:
    """The values; where what is less by ``COARSE`` is enough too, the smallest, decided exactly: as where large amounts
    all but cancel, and for long nothing is beyond doubt."""
    enough, below = found, lowest
    asking, width = rows, COARSE * range
    while asking.any():
        less = np.maximum(found - width, lowest)
        asking = asking & (less > lowest)
        held = holds(np.where(asking, less, found), True)
        below = np.where(asking & ~held, less, below)
        asking = asking & held
        enough = np.where(asking, less, enough)
        width *= 16
    coarse = rows & (enough < found)
    if not coarse.any():
        return found
    below, enough = _narrowed(coarse, below, enough, CLOSE * range, lambda values, _: holds(values, True))
    short = _short_between(below, enough)
    candidate = coarse & (short < enough)
    return np.where(candidate & holds(np.where(candidate, short, enough), True), short, enough)


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
