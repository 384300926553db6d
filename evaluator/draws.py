"""Limits drawn in order: what the rows take of shared pools, one after the other, computed side by side.

A window of rows is computed at once from a guess of what is left for each. From what they take follows what was left;
where that is what was guessed, to the last bit and for every row before, the guess was right, and so is what the row
takes. Each pass verifies at least one row more than the pass before, mostly all. Windows grow while that goes well;
where it doesn't, a plain loop makes the guess (``evaluator.draws_guess``), and without one they shrink to single rows.
All ways lead to the same bits: those of one row after the other.

A turn in doubt is decided by the reference interpreter, and what remains after it is what the exact number says.
"""

from collections.abc import Callable, Sequence
from dataclasses import field, replace
from typing import Protocol

import numpy as np

from dsl.causes import Cause
from dsl.records import dataclass
from evaluator.columns import KNOWN
from evaluator.context import Context
from evaluator.drawing import Drawing
from evaluator.draws_guess import Loop, guessed, loop_of
from evaluator.draws_pools import Places, Pools, Takes, least, pools_of
from evaluator.error import HALF_UNIT, close, near_zero, total
from evaluator.graph import Node
from evaluator.places import Result, Unknown, number
from evaluator.plan import Plan
from evaluator.queue import Queue, is_read, queue
from evaluator.reference import Reference
from evaluator.reference_draws import Line as Turns
from evaluator.vector import Codes, Flags, Floats, Vector, clean, doubts, either, some, tidy

FIRST, LARGEST, SMALLEST = 4_096, 1 << 18, 64
PASSES = 6  # over one window, before what is verified is taken and another window begins
SPARE = 1.5  # on the errors of one pass, so that the next finds no larger ones
_NOWHERE = KNOWN - 1  # the code of what is unknown only to see who needs it

Run = Callable[[Plan, Context, dict[int, Vector]], dict[int, Vector]]


class Exactly(Protocol):
    def at(self, state: object) -> Reference: ...
    def mark(self, entity: str, row: int) -> None: ...


class Runs(Protocol):
    """What computes a plan, and decides exactly."""

    @property
    def exactly(self) -> Exactly: ...
    def within(self, context: Context, planned: Plan, done: dict[int, Vector]) -> dict[int, Vector]: ...


def draw(node: Node, args: Sequence[Vector], context: Context, *, runner: Runs) -> Vector:
    """What each row takes, (n,); 0 where a row is not in the line, as it takes nothing whatever is left."""
    (drawing,) = node.attrs
    assert isinstance(drawing, Drawing)
    return _Draw(node, drawing, args, context, runner).run()


@dataclass(slots=True)
class _Draw:
    node: Node
    drawing: Drawing
    args: Sequence[Vector]
    context: Context
    runner: Runs
    fixed: dict[int, Vector] = field(init=False)
    plan: Plan = field(init=False)

    def run(self) -> Vector:
        rows = self.context.rows(self.node.grain)
        order = self.args[0].full(rows)
        given = len(self.args) - len(self.drawing.fixed)
        fixed = self.args[given:]
        self.fixed = {n.id: v for n, v in zip(self.drawing.fixed, fixed, strict=True)}
        varying = self.drawing.varying
        bounded = self.context.bounded | {n.id for n in (*varying, *self.drawing.fixed, self.drawing.left)}
        self.plan = Plan(varying, ((),) * len(varying), frozenset(bounded))
        pools, ids, lost = pools_of(self.drawing.expr.pools, self.args[1:given], rows, self.context)
        table = self.context.book.tables[self.drawing.entity]
        line, unordered, reasons = queue(self._takers(rows), order, is_read(self.node.args[0]), table.keys, self._order)
        np.minimum.at(pools.codes, ids[unordered], reasons[:, None])
        pools.codes[-1] = KNOWN
        line = np.concatenate((line, unordered))
        self.fixed = {i: v if _uniform(v) else v.at(line, rows) for i, v in self.fixed.items()}
        turns = _Line(self, line, len(unordered), pools, ids[line], lost[line])
        turns.go()
        self.context.memo["queue", self.node.id] = Queue(line, turns.left, turns.left_codes)
        return _spread(turns, rows)

    def _takers(self, rows: int) -> Places:
        """The rows that don't take nothing whatever is left."""
        everyone = np.arange(rows)
        nothing = Vector(np.zeros(rows), np.full(rows, _NOWHERE))
        take, _ = self.take(everyone, nothing, self.fixed)
        idle = (take.values == 0.0) & (np.asarray(total(take)) == 0.0)
        if take.quality is not None:
            idle = idle & (take.quality == KNOWN)
        if take.doubt is not None:
            idle = idle & ~take.doubt
        return np.flatnonzero(~np.broadcast_to(idle, (rows,)))

    def take(self, rows: Places, left: Vector, fixed: dict[int, Vector]) -> tuple[Vector, dict[int, Vector]]:
        """What rows in turn want, and every step behind it."""
        here = replace(self.context, only={self.node.grain: rows}, bounded=self.plan.bounded)
        done = self.runner.within(here, self.plan, {**fixed, self.drawing.left.id: left})
        return done[self.drawing.take.id].full(len(rows)), done

    def exact(self) -> Reference:
        return self.runner.exactly.at(self.drawing.state)

    def _order(self, row: int) -> Result:
        return self.exact().evaluate(self.drawing.expr.order, self.drawing.entity, row)


@dataclass(slots=True)
class _Line:
    """The rows in turn, gone through window by window. ``pools``: what remains at ``at``."""

    draw: _Draw
    rows: Places
    unordered: int
    pools: Pools
    ids: Places
    lost: Codes
    at: int = 0
    _exactly: Turns | None = None
    values: Floats = field(init=False)
    off: Floats = field(init=False)
    codes: Codes = field(init=False)
    left: Floats = field(init=False)
    left_codes: Codes = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.rows)
        self.values, self.off, self.left = np.zeros(count), np.zeros(count), np.zeros(count)
        self.codes, self.left_codes = np.full(count, KNOWN, dtype=np.int64), np.full(count, KNOWN, dtype=np.int64)

    def go(self) -> None:
        loop = loop_of(self.draw.drawing, self.ids.shape[1])
        size, slow = FIRST, False
        while self.at < len(self.rows):
            end = min(self.at + size, len(self.rows))
            taken, decided = self._window(end, loop if slow else None)
            if decided:
                size = max(SMALLEST, 2 * taken)
            elif taken == end - self.at:
                size, slow = FIRST if slow else min(size * 4, LARGEST), False
            elif loop is not None and not slow:
                size, slow = LARGEST // 4, True
            else:
                if slow and taken < size // 4:
                    loop = None
                size, slow = max(1, 2 * taken), False
            self.at += taken + decided

    def _window(self, end: int, loop: Loop | None) -> tuple[int, bool]:
        """Computes rows up to ``end``: how many in turn are done, and whether one more was decided exactly."""
        here = slice(self.at, end)
        rows, ids, lost = self.rows[here], self.ids[here], self.lost[here]
        fixed = {i: v if _uniform(v) else v.at(here, len(self.rows)) for i, v in self.draw.fixed.items()}
        left = self.pools.left(ids, lost)
        if loop is not None:
            lefts = guessed(loop, ids, self.pools.amounts, [fixed[n.id] for n in self.draw.drawing.fixed])
            if lefts is not None:
                left = Vector(clean(lefts, left.quality), left.quality, None, 0.0, left.absolute)
        for again in reversed(range(PASSES)):
            takes, doubt = self._takes(rows, left, fixed)
            before = self.pools.drawn(ids, takes)
            found = least(before.amounts, before.off, before.codes, lost)
            right = _right(left, found)
            if right == len(rows) or not again:
                break
            left = _wider(found)
        unsure = np.flatnonzero(doubt[:right])
        taken = int(unsure[0]) if len(unsure) else right
        self._keep(left, takes, taken)
        if taken < len(rows):
            before = self.pools.drawn(ids[:taken], takes.first(taken)) if taken else before
        if taken:
            self.pools = before.after
        if len(unsure):
            self._decide(self.at + taken)
        return taken, bool(len(unsure))

    def _takes(self, rows: Places, left: Vector, fixed: dict[int, Vector]) -> tuple[Takes, Flags]:
        """What rows in turn take, if they may, and where that is in doubt."""
        take, done = self.draw.take(rows, left, fixed)
        node, values = self.draw.drawing.take, take.values + 0.0
        off = np.broadcast_to(np.asarray(total(take), dtype=np.float64), values.shape)
        codes = np.full(len(rows), KNOWN) if take.quality is None else take.quality
        none = (codes == KNOWN) & (values == 0.0)
        nothing = none & (off == 0.0)
        unsure = doubts(take)
        if left.quality is not None:
            lost = left.quality != KNOWN
            unsure = either(unsure, some(none & ~nothing & lost))
            codes = np.where((codes == KNOWN) & ~nothing & lost, left.quality, codes)
        all_left = self._all_left(node, done, len(rows)) & (codes == KNOWN)
        near = either(close(take, left), None if node.facts.nonnegative else near_zero(take))
        if near is not None:
            unsure = either(unsure, some(near & ~all_left & ~nothing & (codes == KNOWN)))
        infinite, wrong = np.isinf(values), (values < 0.0) | (values > left.values)
        here = replace(self.draw.context, only={self.draw.node.grain: rows})
        quality = here.fault(self.draw.node, Cause.OVERFLOW, infinite, tidy(codes))
        quality = here.fault(self.draw.node, Cause.OVERDRAWN, wrong & ~infinite, quality)
        if quality is not None:
            codes, known = quality, quality == KNOWN
            values, off = np.where(known, values, 0.0), np.where(known, off, 0.0)
        return Takes(values, codes, off, all_left), np.zeros(len(rows), np.bool_) if unsure is None else unsure

    def _all_left(self, node: Node, done: dict[int, Vector], rows: int) -> Flags:
        """The rows in which a number is what is left itself, in floats and in exact numbers."""
        if node.id == self.draw.drawing.left.id:
            return np.ones(rows, dtype=np.bool_)
        found = np.zeros(rows, dtype=np.bool_)
        if node not in self.draw.drawing.varying:
            return found
        if node.op == "select":
            then, otherwise = (self._all_left(a, done, rows) for a in node.args[1:])
            return np.where(done[node.args[0].id].values, then, otherwise)
        if node.op in ("min", "max"):
            for arg in node.args:
                mine = self._all_left(arg, done, rows)
                for other in node.args if mine.any() else ():
                    a, b = done[arg.id], done[other.id]
                    if other is not arg:
                        near = close(a, b)
                        mine = mine & (a.values <= b.values if node.op == "min" else a.values >= b.values)
                        mine = mine if near is None else mine & ~near
                found |= mine
        return found

    def _keep(self, left: Vector, takes: Takes, count: int) -> None:
        """Writes down the first rows of a window."""
        here = slice(self.at, self.at + count)
        self.values[here], self.off[here], self.codes[here] = (
            part[:count] for part in (takes.values, takes.off, takes.codes)
        )
        self.left[here] = left.values[:count]
        if left.quality is not None:
            self.left_codes[here] = left.quality[:count]

    def _decide(self, place: int) -> None:
        """One turn, exactly; what remains after it is what the exact number says."""
        drawing = self.draw.drawing
        if self._exactly is None:
            self._exactly = self.draw.exact().line(drawing.expr, drawing.entity, self.rows.tolist(), self.unordered)
        row = int(self.rows[place])
        turn = self._exactly.turn(row)
        assert turn is not None
        self.draw.runner.exactly.mark(drawing.entity, row)
        self.values[place], self.off[place], self.codes[place] = _rounded(turn.take)
        self.left[place], _, self.left_codes[place] = _rounded(turn.left)
        done = Pools(self.pools.amounts.copy(), self.pools.off.copy(), self.pools.codes.copy())
        mine = [p for p in self.ids[place].tolist() if p < len(done.amounts) - 1]
        rests = [rest for pool, rest in zip(turn.pools, turn.after, strict=True) if isinstance(pool, tuple)]
        for pool, rest in zip(mine, rests, strict=True):
            done.amounts[pool], done.off[pool], done.codes[pool] = _rounded(rest)
        self.pools = done


def _rounded(result: Result) -> tuple[float, float, int]:
    """An exact result as a float64, how far that is off, and why it is unknown."""
    if isinstance(result, Unknown):
        return 0.0, 0.0, result.code
    exact = number(result)
    value = float(exact)
    return value, 0.0 if exact == value else abs(value) * HALF_UNIT, KNOWN


def _right(guess: Vector, found: Vector) -> int:
    """How many rows, from the first on, were given what is left for them, with an error that holds."""
    right = (guess.values == found.values) & (np.asarray(total(found)) <= np.asarray(total(guess)))
    if guess.quality is not None or found.quality is not None:
        codes = [np.full(1, KNOWN) if v.quality is None else v.quality for v in (guess, found)]
        right = right & (codes[0] == codes[1])
    wrong = np.flatnonzero(~right)
    return int(wrong[0]) if len(wrong) else len(right)


def _wider(found: Vector) -> Vector:
    return found if found.absolute is None else replace(found, absolute=found.absolute * SPARE)


def _uniform(vector: Vector) -> bool:
    """Whether a vector has one value for all rows."""
    return all(p is None or p.shape == (1,) for p in (vector.values, vector.quality, vector.doubt, vector.absolute))


def _spread(line: _Line, rows: int) -> Vector:
    """What was taken, at the rows in the file's order."""
    values, off, codes = np.zeros(rows), np.zeros(rows), np.full(rows, KNOWN, dtype=np.int64)
    values[line.rows], off[line.rows], codes[line.rows] = line.values, line.off, line.codes
    return Vector(values, tidy(codes), None, 0.0, off if off.any() else None)
