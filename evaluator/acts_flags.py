"""Acts that flag rows for the careful evaluator: decisions that are close, and faults."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from evaluator.act import Act, reads
from evaluator.acts_lookups import next_state
from evaluator.frame import Frame
from evaluator.pieces import Segments, Step
from evaluator.tasks import Chain, Task
from evaluator.watch import CLOSE, flag_near, near


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
        off = CLOSE * (steps + 16.0) * (size_a + size_b)
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
        bound = CLOSE * ((steps + 2.0) * size + 2.0 * np.abs(x))
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
        bound = CLOSE * (steps * size + (np.abs(end) if segments.step.rounded else 0.0))
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
    "near": near,
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
