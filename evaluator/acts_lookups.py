"""Acts of tables and curves: from keys to a row or piece, and from there to the value."""

from typing import Any

import numpy as np

from evaluator.act import Act, reads
from evaluator.bits import Bits
from evaluator.frame import Frame
from evaluator.pieces import Polynomials, Segments, Step
from evaluator.tasks import Chain, Task

_FEW = 12  # bounds


def _count_bounds(frame: Frame, task: Task, chain: Chain) -> Any:
    (step,) = task.attrs
    assert isinstance(step, Step)
    (x,) = reads(frame, task, chain)
    return np.searchsorted(step.bounds, x, step.side)


def _advance(frame: Frame, task: Task, chain: Chain) -> Any:
    (step,) = task.attrs
    assert isinstance(step, Step) and step.dense is not None
    code, *state = reads(frame, task, chain)
    return next_state(step, state[0] if state else 0, code)


def next_state(step: Step, state: Any, code: Any) -> Any:
    assert step.dense is not None
    return step.dense.ravel().take(state * step.dense.shape[1] + code, mode="wrap")


def _segment(frame: Frame, task: Task, chain: Chain) -> Any:
    segments, bits, _ = task.attrs
    assert isinstance(segments, Segments)
    x, *state = reads(frame, task, chain)
    if isinstance(bits, Bits) and isinstance(x, np.ndarray) and x.flags.c_contiguous:
        return _by_bits(frame, task, chain, bits, x, state[0] if state else 0)
    return next_state(segments.step, state[0] if state else 0, _reached(segments.step.bounds, x))


def _reached(bounds: Any, x: Any) -> Any:
    """How many of the rising bounds each number reaches. Few are counted: to search them takes a guess at each."""
    if len(bounds) > _FEW or not isinstance(x, np.ndarray):
        return np.searchsorted(bounds, x, "right")
    found = np.zeros(x.shape, dtype=np.int64)
    for bound in bounds:
        found += x >= bound
    return found


def _by_bits(frame: Frame, task: Task, chain: Chain, bits: Bits, x: Any, state: Any) -> Any:
    """``state``: the group, or what leads to it by a table of the segments' own."""
    shape = x.shape if np.ndim(state) <= x.ndim else state.shape
    if shape != x.shape:
        x = np.ascontiguousarray(np.broadcast_to(x, shape))
    cell = frame.scratch(0, np.int64, shape)
    np.right_shift(x.view(np.int64), bits.shift, out=cell)
    np.clip(cell, bits.base, bits.base + bits.count - 1, out=cell)
    starts = bits.starts if task.attrs[2] is None else task.attrs[2].rows  # type: ignore[attr-defined]
    start = starts.take(state, mode="wrap") if np.ndim(state) == 0 else None
    if start is None:
        start = np.take(starts, state, out=frame.scratch(1, np.int64, np.shape(state)), mode="wrap")
    np.add(cell, start, out=cell)
    out = np.empty(shape, np.int64) if chain else frame.buffer(task, shape)
    piece = np.take(bits.pieces, cell, out=out, mode="wrap")
    bound = np.take(bits.bounds, cell, out=frame.scratch(2, np.float64, shape), mode="wrap")
    return np.add(piece, np.greater_equal(x, bound, out=frame.scratch(3, np.bool_, shape)), out=piece)


def _piecewise(frame: Frame, task: Task, chain: Chain) -> Any:
    pieces, infinite, _ = task.attrs
    assert isinstance(pieces, Polynomials)
    x, p = reads(frame, task, chain)
    shape = np.shape(p)
    if not shape or shape != np.shape(x):
        inner, start, y = (part.take(p, mode="wrap") for part in (pieces.a, pieces.start, pieces.y))
    else:
        parts = enumerate((pieces.a, pieces.start, pieces.y))
        inner, start, y = (np.take(v, p, out=frame.scratch(i, np.float64, shape), mode="wrap") for i, v in parts)
    offset = np.subtract(x, start, out=frame.out(task, chain, [x, p]))
    if infinite:
        offset = np.where(np.isinf(x) & (inner == 0.0), 0.0, offset)
    if pieces.b is not None and pieces.c is not None:
        inner = inner + offset * (pieces.b.take(p, mode="wrap") + offset * pieces.c.take(p, mode="clip"))
    out = offset if isinstance(offset, np.ndarray) else None
    result = np.multiply(offset, inner, out=out)
    result = np.add(y, result, out=out)
    if frame.trouble:
        frame.examine(task, chain, result, True)
    return result


def _size_piece(frame: Frame, task: Task, chain: Chain) -> Any:
    (pieces,) = task.attrs
    assert isinstance(pieces, Polynomials)
    size, p, value = reads(frame, task, chain)
    away = size + np.abs(pieces.start.take(p, mode="wrap"))
    return pieces.steep.take(p, mode="wrap") * away + np.abs(pieces.y.take(p, mode="clip")) + np.abs(value)


LOOKUPS: dict[str, Act] = {
    "count_bounds": _count_bounds,
    "advance": _advance,
    "segment": _segment,
    "piecewise": _piecewise,
    "size_piece": _size_piece,
}
