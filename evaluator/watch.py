"""The watch over decisions between two sides: rows in which they are closer than they may be off are flagged."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from evaluator.error import HALF_UNIT
from evaluator.frame import Frame
from evaluator.logic import _ORDER as ORDER
from evaluator.sizes import at_rows, compute, greatest
from evaluator.tasks import Chain, Task

CLOSE = 4.0 * HALF_UNIT  # sides closer than so many half units of their sizes; twice what the careful evaluator takes
_SIDES: dict[str, tuple[Any, Any]] = {
    **dict.fromkeys((">=", ">"), (np.greater_equal, np.greater)),
    **dict.fromkeys(("<=", "<"), (np.less, np.less_equal)),
}
_SAMPLE = 256
WATCHED = frozenset(_SIDES)  # comparisons that can be made with the watch over them


def near(frame: Frame, task: Task, chain: Chain) -> None:
    watch = _Watch(frame, task, chain)
    if watch.most is None:
        watch.every_row()
        return
    a, b = watch.a, watch.b
    from_low = np.greater_equal(a, b - watch.most, out=frame.scratch(0, np.bool_, a.shape))
    above = np.greater(a, b + watch.most, out=frame.scratch(1, np.bool_, a.shape))
    _, rows = watch.between(from_low, above)
    if rows is not None:
        _flag_some([(watch, rows)])


def watched(frame: Frame, nears: Sequence[Task], operators: Sequence[str], outs: Sequence[Any]) -> None:
    """Comparisons of one number with several, and the watch over them, in one: where nothing is close, a comparison is
    the same on both sides of what is. ``nears``: they have the same sizes."""
    watches = [_Watch(frame, task, ()) for task in nears]
    few = _few(frame, watches)
    if few is None:
        _watched(frame, watches, operators, outs, watches[0].a)
        return
    rows, above = few
    parts = [np.empty(len(rows), dtype=np.bool_) for _ in outs]
    _watched(frame, watches, operators, parts, watches[0].a.take(rows), rows)
    for operator, out, part in zip(operators, outs, parts, strict=True):
        out.fill((operator[0] == ">") == above)
        out.reshape(-1)[rows] = part


def _few(frame: Frame, watches: Sequence["_Watch"]) -> tuple[Any, bool] | None:
    """Where most rows are beyond doubt above all that they are compared with, or below, as most accounts are healthy:
    the numbers of the others, and whether it is above."""
    mosts = [watch.most for watch in watches if watch.most is not None]
    a = watches[0].a
    if len(mosts) < len(watches) or a.size < 4 * _SAMPLE:
        return None
    bounds = [(watch.b - most, watch.b + most) for watch, most in zip(watches, mosts, strict=True)]
    low, high = min(b for b, _ in bounds), max(b for _, b in bounds)
    sample = a.reshape(-1)[:: a.size // _SAMPLE]
    above = 2 * int(np.count_nonzero(sample > high)) > len(sample)
    if not above and 2 * np.count_nonzero(sample < low) <= len(sample):
        return None
    beyond, bound = (np.greater, high) if above else (np.less, low)
    clear = beyond(a, bound, out=frame.scratch(0, np.bool_, a.shape))
    rows = np.flatnonzero(np.logical_not(clear, out=clear))
    return None if 4 * len(rows) > a.size else (rows, above)


def _watched(
    frame: Frame, watches: Sequence["_Watch"], operators: Sequence[str], outs: Sequence[Any], a: Any, rows: Any = None
) -> None:
    """``a``: the number in these ``rows``, or all."""
    some = []
    for watch, operator, out in zip(watches, operators, outs, strict=True):
        if watch.most is None:
            watch.every_row()
        else:
            first, then = _SIDES[operator]
            first(a, watch.b - watch.most, out=out)
            above = then(a, watch.b + watch.most, out=frame.scratch(1, np.bool_, out.shape))
            close, found = watch.between(out, above)
            if not close:
                continue
            if found is not None:
                some.append((watch, found if rows is None else rows[found]))
        compare: Any = ORDER[operator]
        compare(a, watch.b, out=out)
    if some:
        _flag_some(some)


class _Watch:
    """Whether two sides are closer than they may be off. ``most``: how far apart they are beyond doubt, by one bound
    for the block; None where there is none."""

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
        most = CLOSE * (left * tops[0] + right * tops[1])
        self.most = most if isfinite(most) else None

    def between(self, low: Any, above: Any) -> tuple[int, Any]:
        """How many rows are close, given those that are not below and those that are above; and their numbers, None
        where all rows have been looked at."""
        close = int(np.count_nonzero(low)) - int(np.count_nonzero(above))
        if not close:
            return 0, None
        if 4 * close >= self.a.size or not (self.chain or self.a.shape == self.frame.shapes[self.task.grain]):
            self.every_row()
            return close, None
        return close, np.flatnonzero(np.logical_xor(low, above))

    def every_row(self) -> None:
        frame, task, chain = self.frame, self.task, self.chain
        compute(frame, frame.waiting.get(task.id, ()))
        size_a, size_b = (None if t is None else frame.read(t, chain, task.grain) for t in self.by)
        flag_near(frame, task, chain, self.a, self.b, self.left, self.right, size_a, size_b)


def _flag_some(some: Sequence[tuple[_Watch, Any]]) -> None:
    """Some rows of several watches over one side, which have the same sizes."""
    one, rows = some[0]
    b: Any = one.b
    right: Any = one.right
    if len(some) > 1:
        rows = np.concatenate([found for _, found in some])
        many = [len(found) for _, found in some]
        b, right = (np.repeat(v, many) for v in ([float(w.b) for w, _ in some], [w.right for w, _ in some]))
    with np.errstate(all="ignore"):
        a = one.a.take(rows)
        sizes = [
            np.abs(value) if size is None else at_rows(one.frame, size, one.chain, one.a.shape, rows)
            for size, value in zip(one.by, (a, b), strict=True)
        ]
        if all(size is not None for size in sizes):
            bad = _close(a, b, one.left, right, *sizes)
            if bad is not None:
                one.frame.flag(one.task.grain, one.chain, rows[bad])
            return
    for watch, _ in some:
        watch.every_row()


def flag_near(
    frame: Frame, task: Task, chain: Chain, a: Any, b: Any, left: float, right: float, size_a: Any, size_b: Any
) -> None:
    """``size_a`` and ``size_b``: None where a side's size is its own."""
    with np.errstate(all="ignore"):
        size_a, size_b = (np.abs(v) if s is None else s for v, s in ((a, size_a), (b, size_b)))
        bad = _close(a, b, left, right, size_a, size_b)
    if bad is not None and np.any(bad):
        frame.flag(task.grain, chain, bad)


def _close(a: Any, b: Any, left: Any, right: Any, size_a: Any, size_b: Any) -> Any:
    """Rows in which the sides are closer than they may be off; None where none are."""
    gap, bound = np.abs(np.subtract(a, b)), left * size_a + right * size_b
    far = gap > CLOSE * bound
    return None if np.all(far) else ~far & (bound != 0.0) & np.isfinite(gap)
