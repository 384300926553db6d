"""Acts that flag rows for the careful evaluator: decisions that are close, and faults."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from evaluator.act import Act, reads
from evaluator.acts_lookups import next_state
from evaluator.error import HALF_UNIT
from evaluator.frame import Chain, Frame
from evaluator.logic import _ORDER as ORDER
from evaluator.pieces import Segments, Step
from evaluator.sizes import at_rows, compute, greatest
from evaluator.tasks import Task

_CLOSE = 4.0 * HALF_UNIT  # sides closer than so many half units of their sizes; twice what the careful evaluator takes


def _near(frame: Frame, task: Task, chain: Chain) -> None:
    watch = _Watch(frame, task, chain)
    if watch.most is None:
        watch.every_row()
        return
    a, b = watch.a, watch.b
    from_low = np.greater_equal(a, b - watch.most, out=frame.scratch(0, np.bool_, a.shape))
    above = np.greater(a, b + watch.most, out=frame.scratch(1, np.bool_, a.shape))
    watch.between(from_low, above)


def watched(frame: Frame, near: Task, operator: str, out: Any) -> Any:
    """A comparison with a number and the watch over it in one: where nothing is close, it is the same on both sides of
    what is."""
    watch = _Watch(frame, near, ())
    if watch.most is not None:
        first, then = _SIDES[operator]
        low = first(watch.a, watch.b - watch.most, out=out)
        if watch.between(low, then(watch.a, watch.b + watch.most, out=frame.scratch(1, np.bool_, out.shape))):
            return out
    else:
        watch.every_row()
    compare: Any = ORDER[operator]
    return compare(watch.a, watch.b, out=out)


_SIDES: dict[str, tuple[Any, Any]] = {
    **dict.fromkeys((">=", ">"), (np.greater_equal, np.greater)),
    **dict.fromkeys(("<=", "<"), (np.less, np.less_equal)),
}


class _Watch:
    """Whether two sides of a decision are closer than they may be off. ``most``: how far apart they are beyond doubt,
    by one bound for the block; None where there is none."""

    def __init__(self, frame: Frame, task: Task, chain: Chain) -> None:
        left, right, has_left, has_right = task.attrs
        assert isinstance(left, float) and isinstance(right, float)
        sizes = iter(task.args[2:])
        self.frame, self.task, self.chain, self.left, self.right = frame, task, chain, left, right
        self.by = [next(sizes) if has else None for has in (has_left, has_right)]
        self.a, self.b = (frame.read(t, chain, task.grain) for t in task.args[:2])
        self.most: float | None = None
        a, b = self.a, self.b
        if not (isinstance(a, np.ndarray) and a.ndim and np.ndim(b) == 0 and isfinite(b)):
            return
        tops = [abs(b) * 1.001, abs(b)]
        for i, size in enumerate(self.by):
            if size is not None:
                tops[i] = greatest(frame, size, chain, task.grain)
        most = _CLOSE * (left * tops[0] + right * tops[1])
        self.most = most if isfinite(most) else None

    def between(self, low: Any, above: Any) -> bool:
        """Flags the rows that are close, given those that are not below and those that are above; whether no row is in
        between, so that ``low`` and ``above`` are the same."""
        close = int(np.count_nonzero(low)) - int(np.count_nonzero(above))
        if not close:
            return True
        if 4 * close >= self.a.size or not (self.chain or self.a.shape == self.frame.shapes[self.task.grain]):
            self.every_row()
            return False
        rows = np.flatnonzero(np.logical_xor(low, above))
        with np.errstate(all="ignore"):
            sizes = [self._sized(i, rows) for i in range(2)]
            if any(size is None for size in sizes):
                self.every_row()
            else:
                bad = _close(self.a.take(rows), self.b, self.left, self.right, *sizes)
                self.frame.flag(self.task.grain, self.chain, rows[bad])
        return False

    def _sized(self, side: int, rows: Any) -> Any:
        """The size of a side at some rows; None where it has to be computed for all."""
        size, value = self.by[side], (self.a, self.b)[side]
        if size is None:
            return np.abs(value.take(rows) if np.ndim(value) else value)
        return at_rows(self.frame, size, self.chain, self.a.shape, rows)

    def every_row(self) -> None:
        frame, task, chain = self.frame, self.task, self.chain
        compute(frame, frame.waiting.get(task.id, ()))
        size_a, size_b = (None if t is None else frame.read(t, chain, task.grain) for t in self.by)
        flag_near(frame, task, chain, self.a, self.b, self.left, self.right, size_a, size_b)


def flag_near(
    frame: Frame, task: Task, chain: Chain, a: Any, b: Any, left: float, right: float, size_a: Any, size_b: Any
) -> None:
    """``size_a`` and ``size_b``: None where a side's size is its own."""
    with np.errstate(all="ignore"):
        bad = _close(
            a, b, left, right, np.abs(a) if size_a is None else size_a, np.abs(b) if size_b is None else size_b
        )
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _close(a: Any, b: Any, left: float, right: float, size_a: Any, size_b: Any) -> Any:
    """Rows in which the sides are closer than they may be off."""
    gap, bound = np.abs(np.subtract(a, b)), left * size_a + right * size_b
    return ~(gap > _CLOSE * bound) & (bound != 0.0) & np.isfinite(gap)


def _near_tie(frame: Frame, task: Task, chain: Chain) -> None:
    a, b = reads(frame, task, chain)
    tied = np.equal(a, b)
    if not np.any(tied):
        return
    sure: Any = "yes" not in task.attrs
    for value, look in ((a, task.attrs[0]), (b, task.attrs[1])):
        if look == "look":
            sure = sure & (np.rint(value) == value) & (np.abs(value) < 2.0**53)
    bad = tied & ~np.asarray(sure)
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _near_slack(frame: Frame, task: Task, chain: Chain) -> None:
    _, tolerance, steps = task.attrs
    assert isinstance(tolerance, float) and isinstance(steps, float)
    a, b, size_a, size_b = reads(frame, task, chain)
    with np.errstate(all="ignore"):
        gap = np.abs(np.subtract(a, b))
        allowed = tolerance * np.maximum(np.abs(a), np.abs(b))
        off = _CLOSE * (steps + 16.0) * (size_a + size_b)
        bad = np.isfinite(gap) & (off > 0.0) & ~(np.abs(gap - allowed) > off)
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _near_whole(frame: Frame, task: Task, chain: Chain) -> None:
    x, *sizes = reads(frame, task, chain)
    steps, once = task.attrs
    assert isinstance(steps, float)
    if once:  # a number rounded once that looks whole is taken to be so, unless all are that large
        bad = np.abs(x) >= 2.0**53
        if np.any(bad):
            frame.flag(task.grain, chain, bad)
    else:
        flag_near(frame, task, chain, x, np.rint(x), steps, 0.0, sizes[0] if sizes else None, None)


def _near_bound(frame: Frame, task: Task, chain: Chain) -> None:
    """Near a bound where the other side leads elsewhere."""
    step, steps, sized = task.attrs
    assert isinstance(step, Step) and isinstance(steps, float)
    x, code, *rest = reads(frame, task, chain)
    size = rest.pop(0) if sized else np.abs(x)
    state = rest[0] if rest else 0
    fence = np.array([-np.inf, *step.bounds, np.inf])
    with np.errstate(all="ignore"):
        gap = np.minimum(x - fence[code], fence[code + 1] - x)
        bound = _CLOSE * ((steps + 2.0) * size + 2.0 * np.abs(x))
        near = ~(gap > bound) & np.isfinite(x)
        if not np.any(near):
            return
        here = next_state(step, state, code)
        differs = (next_state(step, state, np.maximum(code - 1, 0)) != here) | (
            next_state(step, state, np.minimum(code + 1, len(step.bounds))) != here
        )
    frame.flag(task.grain, chain, near & differs)


def _near_end(frame: Frame, task: Task, chain: Chain) -> None:
    """Beyond the end of a line, or too near to it."""
    segments, side, steps, sized = task.attrs
    assert isinstance(segments, Segments) and isinstance(steps, float)
    x, *rest = reads(frame, task, chain)
    size = rest.pop(0) if sized else np.abs(x)
    ends = segments.low if side == "low" else segments.high
    end = ends.take(rest[0], mode="wrap") if rest else ends[0]
    with np.errstate(all="ignore"):
        bound = _CLOSE * (steps * size + (np.abs(end) if segments.step.rounded else 0.0))
        gap = x - end if side == "low" else end - x
        bad = (gap < 0.0) | (~(np.abs(gap) > bound) & (bound != 0.0))
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _beyond(frame: Frame, task: Task, chain: Chain) -> None:
    value, edge = reads(frame, task, chain)
    side, is_open = task.attrs
    bad = np.less(value, edge) if side == "low" else np.greater(value, edge)
    if is_open:
        bad = bad | np.equal(value, edge)
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _infinite(frame: Frame, task: Task, chain: Chain) -> None:
    bad = np.isinf(reads(frame, task, chain)[0])
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _crossed(frame: Frame, task: Task, chain: Chain) -> None:
    low, high = reads(frame, task, chain)
    bad = np.greater(low, high)
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _open(frame: Frame, task: Task, chain: Chain) -> None:
    """Rows that no row of the tiers takes."""
    flags = reads(frame, task, chain)
    taken = flags[0]
    for flag in flags[1:]:
        taken = np.logical_or(taken, flag)
    if not np.all(taken):
        frame.flag(task.grain, chain, np.logical_not(taken))


def _absent(frame: Frame, task: Task, chain: Chain) -> None:
    bad = np.less(reads(frame, task, chain)[0], 0)
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def unless(acts: Mapping[str, Act]) -> Act:
    """Another flagging act, without rows whose way of a decision makes them certain."""

    def act(frame: Frame, task: Task, chain: Chain) -> None:
        op, attrs, certain = task.attrs
        assert isinstance(op, str) and isinstance(attrs, tuple)
        decision, *args = task.args
        before = len(frame.flagged)
        acts[op](frame, replace(task, op=op, args=tuple(args), attrs=attrs), chain)
        if len(frame.flagged) == before:
            return
        ways = frame.columns["live", decision.grain, *decision.attrs]
        uncertain = np.logical_not(np.array(certain)).take(ways.view(np.int8) if ways.dtype == np.bool_ else ways)
        left = [(grain, rows[uncertain[rows]]) for grain, rows in frame.flagged[before:]]
        frame.flagged[before:] = [(grain, rows) for grain, rows in left if len(rows)]

    return act


FLAGS: dict[str, Act] = {
    "near": _near,
    "near_tie": _near_tie,
    "near_slack": _near_slack,
    "near_whole": _near_whole,
    "near_bound": _near_bound,
    "near_end": _near_end,
    "beyond": _beyond,
    "infinite": _infinite,
    "crossed": _crossed,
    "open": _open,
    "absent": _absent,
}
