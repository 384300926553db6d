"""Finds the values of `solve`: for each row that asks, the nearest value of one number at which its condition holds.

Rows that ask the same of the same cell share the answer: all positions of one account in one market. Every answer has
its own copy of the rows that its condition looks at (``evaluator.solve_copies``), and goes from turn to turn, down and
up (``evaluator.solve_journey``). Where something moves in ways that aren't followed, the values of
``evaluator.solve_steps`` are tried; what floating point can't decide is solved by the reference interpreter.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from dsl import model
from dsl.causes import Cause
from dsl.hoist import Asked, hoisted, reads_until, without
from dsl.model import Policy, Value
from dsl.solve import solves, touched_by
from evaluator.book import Book, BookTable
from evaluator.columns import KNOWN, Column, origin_code
from evaluator.graph import SCALAR
from evaluator.lower import Lowering
from evaluator.places import Unknown
from evaluator.reference import Reference
from evaluator.runner import infinite_inputs
from evaluator.solve_copies import Rows
from evaluator.solve_journey import journey
from evaluator.solve_sought import Sought, sought
from evaluator.solve_steps import HALVINGS, steps
from evaluator.solve_walk import Walk
from evaluator.states import State
from evaluator.until import Solved, Try, solve_untils
from evaluator.vector import Codes, Flags, Floats


def solve(policy: Policy, book: Book, params: Mapping[str, Value], evaluate: Try) -> Solved:
    """Every `until` and `solve` found and read from an input; a policy without any comes back as it is."""
    policy, book = _solves(policy, book, params, lambda each: not reads_until(policy, each))
    solved = solve_untils(policy, book, evaluate)
    policy, book = _solves(solved.policy, solved.book, params, lambda each: True)  # what `until` found is an input now
    return replace(solved, policy=policy, book=book)


def _solves(
    policy: Policy, book: Book, params: Mapping[str, Value], wanted: Callable[[model.Solve], bool]
) -> tuple[Policy, Book]:
    """Each wanted `solve` found."""
    if not any(True for _ in solves(policy)):
        return policy, book
    made, asked = hoisted(policy, wanted)
    if not asked:
        return policy, book
    reference = Reference(policy, book, params)
    for each in asked:
        column = _Solving(made, book, params, each, reference).column()
        book = _with_column(book, each, column)
    return without(made, {(a.at, a.holds) for a in asked}), book


class _Solving:
    """One `solve`, for all rows of its entity."""

    def __init__(
        self, policy: Policy, book: Book, params: Mapping[str, Value], asked: Asked, reference: Reference
    ) -> None:
        self.policy, self.book, self.params, self.asked, self.reference = policy, book, params, asked, reference
        self.solve = asked.solve

    def column(self) -> Column:
        rows, codes = self._led(self.asked.entity, self.asked.via)
        target, target_codes = self._target()
        self.sought = self._sought()
        now, today = self.sought.holds, self.sought.today
        cells, asking = np.where(target >= 0, target, 0), np.where(rows >= 0, rows, 0)
        codes = np.where(rows >= 0, _codes(now)[asking] if len(now.values) else KNOWN, codes)
        target_codes = np.where(target >= 0, _codes(today)[cells] if len(today.values) else KNOWN, target_codes)
        known = target_codes == KNOWN
        values = np.where(known, today.values[cells] if len(today.values) else 0.0, 0.0)
        there = (codes == KNOWN) & (now.values[asking] if len(now.values) else False)
        open_ = np.flatnonzero(known & ~there & (rows >= 0))
        found = np.full(len(rows), np.nan)
        quality = np.where(known, KNOWN, target_codes)
        if len(open_):
            pairs = asking[open_] * max(len(today.values), 1) + cells[open_]
            _, first, back = np.unique(pairs, return_index=True, return_inverse=True)
            some = open_[first]
            answers, unsure = self._answers(asking[some], cells[some], values[some])
            found[open_] = answers[back]
            for place in np.flatnonzero(unsure).tolist():
                exact = self._exactly(int(some[place]))
                found[open_[back == place]] = exact
        missing = known & ~there & np.isnan(found)
        never = self._unreached(len(rows))
        quality = np.where(missing, np.where(codes != KNOWN, codes, never), quality)
        values = np.where(known & ~there & ~missing, found, values)
        values = np.where(quality == KNOWN, values, 0.0) + 0.0
        return Column(values, None if bool((quality == KNOWN).all()) else quality)

    def _unreached(self, rows: int) -> Codes:
        entities = self.policy.entities
        if entities[self.asked.entity].once:
            return np.full(rows, origin_code(Cause.UNREACHED, len(entities), 0), dtype=np.int64)
        first = origin_code(Cause.UNREACHED, list(entities).index(self.asked.entity), 0)
        return first + np.arange(rows, dtype=np.int64)

    def _exactly(self, row: int) -> float:
        result = self.reference.evaluate(self.solve, self.asked.entity, row)
        return float("nan") if isinstance(result, Unknown) else float(result)

    # -- where ------------------------------------------------------------------------------------

    def _led(self, entity: str, links: tuple[str, ...]) -> tuple[Rows, Codes]:
        """The row that links lead to from each row of ``entity``, -1 with the code why where one is unknown."""
        rows = np.arange(self.book.tables[entity].rows, dtype=np.int64)
        codes = np.full(len(rows), KNOWN, dtype=np.int64)
        for link in links:
            column = self.book.tables[entity].columns[link]
            step, why = np.append(np.where(column.known(), column.values, -1), -1), np.append(_codes(column), KNOWN)
            codes = np.where((rows >= 0) & (codes == KNOWN), why[rows], codes)
            rows = step[rows]
            entity = self.policy.entities[entity].inputs[link].type.entity
        return rows, codes

    def _target(self) -> tuple[Rows, Codes]:
        """The cell's row for each row that asks."""
        target = self.solve.target
        if isinstance(target, model.Read) and (target.links or target.entity == self.asked.entity):
            return self._led(self.asked.entity, target.links)
        rows = self.book.tables[self.asked.entity].rows
        return np.zeros(rows, dtype=np.int64), np.full(rows, KNOWN, dtype=np.int64)

    def _sought(self) -> Sought:
        made = Lowering(self.policy, self.params, self.book.as_of, infinite_inputs(self.policy, self.book))
        state, target = None, self.solve.target
        if isinstance(target, model.ArgRead):
            lines = {(b.entity, b.column): b.value for b in self.solve.lines}
            args = {target.name: model.Const(Fraction(0), target.type)}
            touched = touched_by(self.policy, self.solve)
            state = State(None, self.solve.scenario, lines, self.solve.held, args, touched, (0,))
            node = made.sought(state, target.name, target.type)
        else:
            node = made.column(target.entity, target.column)
        with made.reading(state):
            condition = made.column(self.asked.at, self.asked.holds)
        held = frozenset(made.column(*cell).id for cell in self.solve.held) - {node.id}
        return sought(self.policy, self.book, self.params, condition, node, held)

    # -- answers ----------------------------------------------------------------------------------

    def _answers(self, asked: Rows, cells: Rows, today: Floats) -> tuple[Floats, Flags]:
        """For each asking row with its cell the nearest value, ``nan`` where there is none; and where exactness is
        needed."""
        found = np.full(len(asked), np.nan)
        unsure = np.zeros(len(asked), dtype=np.bool_)
        if not self.sought.nodes:
            return found, unsure
        if self.sought.condition.grain == SCALAR:
            asked = np.zeros(len(asked), dtype=np.int64)
        with np.errstate(all="ignore"):
            for batch, walk in self.sought.walks(asked, cells):
                found[batch], unsure[batch] = self._batch(walk, asked[batch], cells[batch], today[batch])
        return found, unsure

    def _batch(self, walk: Walk, asked: Rows, cells: Rows, today: Floats) -> tuple[Floats, Flags]:
        range_ = self.solve.range
        low, high = (float(end) if end is not None else s * np.inf for end, s in ((range_.low, -1), (range_.high, 1)))

        def again(some: Rows) -> Walk:
            return self.sought.again(asked[some], cells[some])

        size = np.where(today == 0.0, 1.0, np.abs(today))
        down = journey(walk, again, today, -1.0, np.full(len(today), low), size)
        limit = np.where(np.isnan(down.found), high, np.minimum(high, 2 * today - down.found))
        up = journey(walk, again, today, 1.0, limit, size)
        unsure = down.doubt | up.doubt
        sides = [down.found, up.found]
        for i, (trip, direction) in enumerate(((down, -1), (up, 1))):
            curved = np.flatnonzero(trip.curved & ~unsure)
            if len(curved):
                sides[i][curved] = self._scan(again(curved), today[curved], direction)
        below, above = sides
        nearer = np.isnan(below) | (above - today < today - below)
        return np.where(nearer & ~np.isnan(above), above, below), unsure

    def _scan(self, walk: Walk, today: Floats, direction: int) -> Floats:
        """By the values of ``seek``, then halving."""
        ways = [steps(Fraction(value), direction, self.solve.range) for value in today.tolist()]
        before, found = today.copy(), np.full(len(today), np.nan)
        for i in range(max(len(way) for way in ways)):
            open_ = np.isnan(found) & np.array([i < len(way) for way in ways])
            if not open_.any():
                break
            value = np.array([float(way[min(i, len(way) - 1)]) if way else 0.0 for way in ways])
            holds = walk.look(np.where(open_, value, today), float(direction)).holds & open_
            found = np.where(holds, value, found)
            before = np.where(open_ & ~holds, value, before)
        there = ~np.isnan(found)
        for _ in range(HALVINGS if there.any() else 0):
            middle = before + (found - before) / 2
            holds = walk.look(np.where(there, middle, today), float(direction)).holds
            found = np.where(there & holds, middle, found)
            before = np.where(there & ~holds, middle, before)
        return found


def _codes(column: Column) -> Codes:
    return np.full(len(column.values), KNOWN, dtype=np.int64) if column.quality is None else column.quality


def _with_column(book: Book, asked: Asked, column: Column) -> Book:
    table = book.tables[asked.entity]
    before = table.written

    def written(name: str, row: int) -> str:
        return repr(float(column.values[row])) if name == asked.variable else before(name, row)

    made: BookTable = replace(table, columns={**table.columns, asked.variable: column}, written=written)
    return replace(book, tables={**book.tables, asked.entity: made})
