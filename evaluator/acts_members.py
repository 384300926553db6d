"""Acts over members, where the book is laid out: the rows of a matrix to the row that stands above them, or members
that stand one after the other to their owners."""

from math import isfinite
from typing import Any

import numpy as np

from evaluator.act import Act
from evaluator.frame import Frame, top_of
from evaluator.groups import RUN
from evaluator.tasks import Chain, Task

_SAMPLE = 256
_WILD = 2.0**20
_MOST = float(np.finfo(np.float64).max)
_FEW_ROWS = 3


def _reduce(ufunc: np.ufunc) -> Act:
    def act(frame: Frame, task: Task, chain: Chain) -> Any:
        value = frame.values[task.args[0].id]
        shape, owners = frame.shapes[str(task.attrs[0])], frame.links.get(str(task.attrs[0]))
        if len(task.args) > 1:
            start = np.inf if ufunc is np.minimum else -np.inf
            value = np.where(frame.values[task.args[1].id], value, start)
        if np.shape(value) != shape:
            value = np.broadcast_to(value, shape)
        out = frame.buffer(task, shape[1:] if owners is None else frame.shapes[task.grain])
        if ufunc is np.add:
            if owners is None:
                add_rows(value, out)
            else:
                np.add(np.bincount(owners, value, len(out)), 0.0, out=out)
            if (frame.trouble or owners is not None) and not np.isfinite(out).all():  # of finite members
                frame.flag(task.grain, (), ~np.isfinite(out))
            return out
        initial = np.inf if ufunc is np.minimum else -np.inf
        if owners is not None:
            out.fill(initial)
            ufunc.at(out, owners, value)
            return out
        return ufunc.reduce(value, axis=0, out=out, initial=initial)

    return act


def add_rows(value: Any, out: Any) -> None:
    """The rows of a matrix added up, top to bottom in runs of RUN, never to minus zero: NumPy itself adds in pairs
    along what it takes for the inner axis, which is the rows only where there are columns beside them."""
    count, width = value.shape
    if count > RUN:
        totals = np.empty((-(-count // RUN), width))
        for i, total in enumerate(totals):
            add_rows(value[i * RUN : (i + 1) * RUN], total)
        add_rows(totals, out)
    elif width == 1 and count:
        np.add(np.cumsum(value[:, 0])[-1], 0.0, out=out)
    elif count > _FEW_ROWS and value.strides[0] >= value.strides[1] > 0:
        np.add.reduce(value, axis=0, out=out, initial=0.0)
    elif count == 0:
        out.fill(0.0)
    else:  # quicker than to begin with nothing
        so_far = value[0]
        for row in value[1:]:
            so_far = np.add(so_far, row, out=out)
        np.add(so_far, 0.0, out=out)


def _members(frame: Frame, task: Task, chain: Chain) -> Any:
    shape, owners = frame.shapes[str(task.attrs[0])], frame.links.get(str(task.attrs[0]))
    value = np.broadcast_to(frame.values[task.args[0].id], shape)
    if owners is not None:
        return _each(frame, task, owners, value)
    return np.add.reduce(value, axis=0, dtype=np.float64)


def _each(frame: Frame, task: Task, owners: Any, marks: Any) -> Any:
    """How many (marked) members each owner has."""
    return np.bincount(owners, marks, frame.shapes[task.grain][0]).astype(np.float64, copy=False)


def _has(frame: Frame, task: Task, chain: Chain) -> Any:
    shape, owners = frame.shapes[str(task.attrs[0])], frame.links.get(str(task.attrs[0]))
    value = np.broadcast_to(frame.values[task.args[0].id], shape)
    if owners is not None:
        return _each(frame, task, owners, value) > 0.0
    return np.logical_or.reduce(value, axis=0)


def limit_of(values: Any) -> float:
    """Above this a value stands so far from all others that, as the greatest of them, it would make every decision look
    close. Such rows are evaluated with care instead."""
    if np.size(values) < 4 * _SAMPLE:
        return np.inf
    step, flat = np.size(values) // _SAMPLE, np.reshape(values, -1)
    samples = (flat[::step], flat[step // 2 :: step])  # one of them may have met such a value
    return _WILD * min(float(np.fmax.reduce(np.abs(s))) for s in samples) or np.inf


def most_of(values: Any) -> tuple[float, Any]:
    """The greatest size of a column's values, but for rows far from all others, and those rows."""
    limit, top = min(limit_of(values), _MOST), top_of(values, True)
    if top <= limit:
        return top, np.empty(0, np.int64)
    sizes = np.abs(values)
    rows = np.flatnonzero(sizes > limit)
    sizes[rows] = 0.0
    return float(np.fmax.reduce(sizes, initial=0.0)), rows  # an unknown cell is no number


def _top(frame: Frame, task: Task, chain: Chain) -> Any:
    """The greatest of all members in the block; step by step noted first, for all blocks."""
    (arg,) = task.args
    entity, signed = task.attrs
    value = frame.values[arg.id]
    most = top_of(value, bool(signed))
    limit = frame.limits.get(task.id) or limit_of(value)
    if isfinite(limit):
        frame.limits[task.id] = limit
    if not most <= min(limit, _MOST):
        most = np.inf
        if np.shape(value) == frame.shapes[str(entity)]:
            near = np.abs(value) <= min(limit, _MOST)
            frame.flag(str(entity), (), ~near)
            most = top_of(np.where(near, value, 0.0), bool(signed))
    if task.id not in frame.tops:
        return most
    frame.tops[task.id] = max(most, frame.tops[task.id])
    return None


MEMBERS: dict[str, Act] = {
    "agg_sum": _reduce(np.add),
    "agg_min": _reduce(np.minimum),
    "agg_max": _reduce(np.maximum),
    "agg_count": _members,
    "agg_any": _has,
    "top": _top,
}
