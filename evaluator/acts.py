"""What each task does with a block: one function for each operation, NumPy calls into buffers that are there already.

Values are the same bits as those of the careful kernels, because the operations and their order are the same.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evaluator.bits import Bits
from evaluator.error import HALF_UNIT
from evaluator.frame import Chain, Frame
from evaluator.groups import RUN
from evaluator.logic import _ORDER as ORDER
from evaluator.pieces import Polynomials, Rows, Segments, Step, Values
from evaluator.tasks import Task

Act = Callable[[Frame, Task, Chain], Any]
_CLOSE = 4.0 * HALF_UNIT  # sides closer than so many half units of their sizes; twice what the careful evaluator takes


def _reads(frame: Frame, task: Task, chain: Chain) -> list[Any]:
    return [frame.read(a, chain, task.grain) for a in task.args]


# -- leaves ---------------------------------------------------------------------------------------


def _column(frame: Frame, task: Task, chain: Chain) -> Any:
    found = frame.columns[(task.op, task.grain, *task.attrs)]
    return frame.narrow(found, (), chain, task.grain) if chain else found


def _lookup(frame: Frame, task: Task, chain: Chain) -> Any:
    values, bad = frame.heads[task.attrs[0]]
    (index,) = _reads(frame, task, chain)
    if bad is not None:
        frame.flag(task.grain, chain, bad.take(index, mode="clip"))
    if values.shape == (1,):
        return values[0]
    return _taken(frame, task, chain, values, index)


def _lookup_size(frame: Frame, task: Task, chain: Chain) -> Any:
    (index,) = _reads(frame, task, chain)
    return _taken(frame, task, chain, frame.heads[task.attrs[0], "size"], index)


def _taken(frame: Frame, task: Task, chain: Chain, values: Any, index: Any) -> Any:
    if np.ndim(index) == 0:
        return values[index]
    return np.take(values, index, out=frame.out(task, chain, [index]), mode="clip")


def _map(frame: Frame, task: Task, chain: Chain) -> Any:
    (rows,) = task.attrs
    assert isinstance(rows, Rows)
    (index,) = _reads(frame, task, chain)
    return _taken(frame, task, chain, rows.rows, index)


def _take(frame: Frame, task: Task, chain: Chain) -> Any:
    (constants,) = task.attrs
    assert isinstance(constants, Values)
    (index,) = _reads(frame, task, chain)
    return _taken(frame, task, chain, constants.values, index)


def _spread(frame: Frame, task: Task, chain: Chain) -> Any:
    """The value of the row that a member belongs to."""
    (arg,) = task.args
    link = frame.links.get(task.grain)
    if link is None:  # laid out: it stands above its members
        value = frame.values[arg.id]
        if not chain or not isinstance(value, np.ndarray):
            return value
        return frame.narrow(value, (), chain, task.grain)
    whole = frame.columns[("whole", arg.id)]
    if chain:
        link = frame.narrow(link, (), chain, task.grain)
    return np.take(whole, link, out=frame.out(task, chain, [link]), mode="clip")


def _same(frame: Frame, task: Task, chain: Chain) -> Any:
    return _reads(frame, task, chain)[0]


# -- arithmetic -----------------------------------------------------------------------------------


def _ufunc(ufunc: Callable[..., Any], more: int = 0) -> Act:
    """A NumPy function of all operands (or, of the last ``more`` attributes but one, too)."""

    def act(frame: Frame, task: Task, chain: Chain) -> Any:
        args = _reads(frame, task, chain)
        out = frame.out(task, chain, args)
        result = ufunc(*args, *task.attrs[:more], out=out)
        if frame.trouble:
            frame.examine(task, chain, result, bool(task.attrs and task.attrs[-1]))
        return result

    return act


def _quiet_div(frame: Frame, task: Task, chain: Chain) -> Any:
    """A size divided; where there is nothing to divide, none."""
    above, below = _reads(frame, task, chain)
    result = np.divide(above, np.abs(below), out=frame.out(task, chain, [above, below]))
    if frame.trouble:
        result = np.where((above == 0.0) & (below == 0.0), 0.0, result)
    return result


def _folded(ufunc: Callable[..., Any]) -> Act:
    def act(frame: Frame, task: Task, chain: Chain) -> Any:
        args = _reads(frame, task, chain)
        out = frame.out(task, chain, args)
        result = ufunc(args[0], args[1], out=out)
        for arg in args[2:]:
            result = ufunc(result, arg, out=out)
        return result

    return act


def _clamp(frame: Frame, task: Task, chain: Chain) -> Any:
    x, low, high = _reads(frame, task, chain)
    out = frame.out(task, chain, [x, low, high])
    result = np.maximum(x, low, out=out)
    return np.minimum(result, high, out=out)


def _unsigned(frame: Frame, task: Task, chain: Chain) -> Any:
    (value,) = _reads(frame, task, chain)
    return np.add(value, 0.0, out=frame.out(task, chain, [value]))


# -- decisions ------------------------------------------------------------------------------------


def _compare(frame: Frame, task: Task, chain: Chain) -> Any:
    args = _reads(frame, task, chain)
    ufunc: Any = ORDER[str(task.attrs[0])]
    return ufunc(*args, out=frame.out(task, chain, args))


def _compare_slack(frame: Frame, task: Task, chain: Chain) -> Any:
    operator, tolerance = task.attrs
    a, b = _reads(frame, task, chain)
    gap = np.abs(a - b)
    slack = np.isfinite(gap) & (gap <= tolerance * np.maximum(np.abs(a), np.abs(b)))
    return ORDER[str(operator)](a, b) | slack


def _margin(frame: Frame, task: Task, chain: Chain) -> Any:
    a, b = _reads(frame, task, chain)
    gap = np.where(np.equal(a, b), 0.0, np.subtract(a, b))
    match task.attrs[0]:
        case "<" | "<=":
            return gap
        case ">" | ">=":
            return -gap
        case "=":
            return np.abs(gap)
    return -np.abs(gap)


def _not(frame: Frame, task: Task, chain: Chain) -> Any:
    (value,) = _reads(frame, task, chain)
    return np.logical_not(value, out=frame.out(task, chain, [value]))


def _options(frame: Frame, task: Task, chain: Chain, place: int, wanted: Any) -> tuple[Any, Any]:
    """An operand of which some rows are wanted: its values, and, where it has only those, their numbers."""
    arg = task.args[place]
    inner = (*chain, (task.args[0], wanted))
    if frame.chains[arg.id] != inner or arg.grain != task.grain:
        return frame.read(arg, chain, task.grain), None
    selection = frame.selection(task.grain, inner)
    if selection.none:
        return None, None
    return frame.values[arg.id], selection.rows


def _shaped(value: Any, shape: tuple[int, ...]) -> Any:
    """A branch that was computed for all rows is flat; here as the block has it."""
    if np.ndim(value) == 1 and len(shape) == 2 and value.size == shape[0] * shape[1]:
        return value.reshape(shape)
    return value


def _fill(frame: Frame, task: Task, chain: Chain, parts: Sequence[tuple[Any, Any, Any]]) -> Any:
    """One array of several parts, each with its rows, or the mask of them."""
    length: tuple[int, ...] = (frame._length(task.grain, chain),) if chain else frame.shapes[task.grain]
    out = np.empty(length, dtype=task.dtype) if chain else frame.buffer(task, length)
    flat = out.reshape(-1)
    for value, rows, mask in parts:
        if value is None:
            continue
        if rows is not None:
            flat[rows] = value
            continue
        value = _shaped(value, out.shape)
        if mask is None:
            np.copyto(out, value)
        else:
            np.copyto(out, value, where=mask)
    return out


def _select(frame: Frame, task: Task, chain: Chain) -> Any:
    condition = frame.read(task.args[0], chain, task.grain)
    if np.ndim(condition) == 0:
        place = 1 if condition else 2
        value, _ = _options(frame, task, chain, place, place == 1)
        return _shaped(value, () if chain else frame.shapes[task.grain])
    (then, some), (otherwise, others) = (_options(frame, task, chain, p, p == 1) for p in (1, 2))
    parts: list[tuple[Any, Any, Any]] = []
    if otherwise is not None:
        parts.append((otherwise, others, None))
    parts.append((then, some, condition if otherwise is not None else None))
    if others is not None and some is None and then is not None:  # the smaller part last
        parts = [(then, None, None), (otherwise, others, None)]
    return _fill(frame, task, chain, parts)


def _choose(frame: Frame, task: Task, chain: Chain) -> Any:
    slots = task.attrs[0]
    assert isinstance(slots, tuple)
    index = frame.read(task.args[0], chain, task.grain)
    if np.ndim(index) == 0:
        slot = slots[int(index)]
        value, _ = _options(frame, task, chain, slot + 1, tuple(s == slot for s in slots))
        return _shaped(value, () if chain else frame.shapes[task.grain])
    constants: list[Any] = [0] * len(slots)
    parts: list[tuple[Any, Any, Any]] = [(None, None, None)]
    for k in range(len(task.args) - 1):
        wanted = tuple(s == k for s in slots)
        value, rows = _options(frame, task, chain, k + 1, wanted)
        if value is None:
            continue
        if np.ndim(value) == 0:
            constants = [value if s == k else c for s, c in zip(slots, constants, strict=True)]
        else:
            mask = np.array(wanted, dtype=np.bool_)[index] if rows is None else None
            parts.append((value, rows, mask))
    parts[0] = (np.array(constants, dtype=task.dtype)[index], None, None)
    return _fill(frame, task, chain, parts)


def _pick(frame: Frame, task: Task, chain: Chain) -> Any:
    rows, other = task.attrs
    assert isinstance(rows, tuple)
    flags = _reads(frame, task, chain)
    arrays = [f for f in flags if np.ndim(f)]
    if not arrays:
        return next((r for r, f in zip(rows, flags, strict=True) if f), other)
    result = frame.out(task, chain, arrays)
    if result is None:
        result = np.empty(arrays[0].shape, dtype=np.int32)
    result.fill(other)
    for row, flag in zip(reversed(rows), reversed(flags), strict=True):
        np.copyto(result, row, where=flag)
    return result


# -- lookups --------------------------------------------------------------------------------------


def _count_bounds(frame: Frame, task: Task, chain: Chain) -> Any:
    (step,) = task.attrs
    assert isinstance(step, Step)
    (x,) = _reads(frame, task, chain)
    return np.searchsorted(step.bounds, x, step.side)


def _advance(frame: Frame, task: Task, chain: Chain) -> Any:
    (step,) = task.attrs
    assert isinstance(step, Step) and step.dense is not None
    code, *state = _reads(frame, task, chain)
    return _next(step, state[0] if state else 0, code)


def _next(step: Step, state: Any, code: Any) -> Any:
    assert step.dense is not None
    return step.dense.ravel().take(state * step.dense.shape[1] + code, mode="clip")


def _segment(frame: Frame, task: Task, chain: Chain) -> Any:
    segments, bits = task.attrs
    assert isinstance(segments, Segments)
    x, *state = _reads(frame, task, chain)
    if isinstance(bits, Bits) and isinstance(x, np.ndarray) and x.flags.c_contiguous:
        return _by_bits(frame, task, chain, bits, x, state[0] if state else 0)
    code = np.searchsorted(segments.step.bounds, x, "right")
    return _next(segments.step, state[0] if state else 0, code)


def _by_bits(frame: Frame, task: Task, chain: Chain, bits: Bits, x: Any, state: Any) -> Any:
    shape = x.shape if np.ndim(state) <= x.ndim else state.shape
    if shape != x.shape:
        x = np.ascontiguousarray(np.broadcast_to(x, shape))
    cell = frame.scratch(0, np.int64, shape)
    np.right_shift(x.view(np.int64), bits.shift, out=cell)
    np.subtract(cell, bits.base, out=cell)
    np.clip(cell, 0, bits.count - 1, out=cell)
    np.add(cell, np.multiply(state, bits.count, out=frame.scratch(1, np.int64, np.shape(state))), out=cell)
    out = np.empty(shape, np.int64) if chain else frame.buffer(task, shape)
    piece = np.take(bits.pieces, cell, out=out, mode="clip")
    bound = np.take(bits.bounds, cell, out=frame.scratch(2, np.float64, shape), mode="clip")
    return np.add(piece, np.greater_equal(x, bound, out=frame.scratch(3, np.bool_, shape)), out=piece)


def _piecewise(frame: Frame, task: Task, chain: Chain) -> Any:
    pieces, infinite, _ = task.attrs
    assert isinstance(pieces, Polynomials)
    x, p = _reads(frame, task, chain)
    shape = np.shape(p)
    if not shape or shape != np.shape(x):
        inner, start, y = (part.take(p, mode="clip") for part in (pieces.a, pieces.start, pieces.y))
    else:
        parts = enumerate((pieces.a, pieces.start, pieces.y))
        inner, start, y = (np.take(v, p, out=frame.scratch(i, np.float64, shape), mode="clip") for i, v in parts)
    offset = np.subtract(x, start, out=frame.out(task, chain, [x, p]))
    if infinite:
        offset = np.where(np.isinf(x) & (inner == 0.0), 0.0, offset)
    if pieces.b is not None and pieces.c is not None:
        inner = inner + offset * (pieces.b.take(p, mode="clip") + offset * pieces.c.take(p, mode="clip"))
    out = offset if isinstance(offset, np.ndarray) else None
    result = np.multiply(offset, inner, out=out)
    result = np.add(y, result, out=out)
    if frame.trouble:
        frame.examine(task, chain, result, True)
    return result


def _size_piece(frame: Frame, task: Task, chain: Chain) -> Any:
    (pieces,) = task.attrs
    assert isinstance(pieces, Polynomials)
    size, p, value = _reads(frame, task, chain)
    away = size + np.abs(pieces.start.take(p, mode="clip"))
    return pieces.steep.take(p, mode="clip") * away + np.abs(pieces.y.take(p, mode="clip")) + np.abs(value)


# -- members to the row they belong to, where the book is laid out -----------------------------------


def _reduce(ufunc: np.ufunc) -> Act:
    def act(frame: Frame, task: Task, chain: Chain) -> Any:
        value = frame.values[task.args[0].id]
        shape = frame.shapes[task.args[0].grain]
        if len(task.args) > 1:
            start = np.inf if ufunc is np.minimum else -np.inf
            value = np.where(frame.values[task.args[1].id], value, start)
        value = np.broadcast_to(value, shape)
        out = frame.buffer(task, shape[1:])
        if ufunc is np.add:
            _add_rows(value, out)
            np.add(out, 0.0, out=out)
            if not np.isfinite(out).all():
                frame.flag(task.grain, (), ~np.isfinite(out))
            return out
        initial = np.inf if ufunc is np.minimum else -np.inf
        return ufunc.reduce(value, axis=0, out=out, initial=initial)

    return act


def _add_rows(value: Any, out: Any) -> None:
    """The rows of a matrix added up, top to bottom in runs of RUN: NumPy itself adds in pairs along what it takes for
    the inner axis, which is the rows only where there are columns beside them."""
    count, width = value.shape
    if count > RUN:
        totals = np.empty((-(-count // RUN), width))
        for i, total in enumerate(totals):
            _add_rows(value[i * RUN : (i + 1) * RUN], total)
        _add_rows(totals, out)
    elif width > 1 and value.strides[0] >= value.strides[1] > 0:
        np.add.reduce(value, axis=0, out=out)
    elif width == 1 and count:
        out[...] = np.cumsum(value[:, 0])[-1]
    else:
        out.fill(0.0)
        for row in value:
            np.add(out, row, out=out)


def _members(frame: Frame, task: Task, chain: Chain) -> Any:
    shape = frame.shapes[str(task.attrs[0])]
    if not task.args:
        return float(shape[0])
    value = np.broadcast_to(frame.values[task.args[0].id], shape)
    return np.add.reduce(value, axis=0, dtype=np.float64)


def _has(frame: Frame, task: Task, chain: Chain) -> Any:
    shape = frame.shapes[str(task.attrs[0])]
    return np.logical_or.reduce(np.broadcast_to(frame.values[task.args[0].id], shape), axis=0)


def _peak(frame: Frame, task: Task, chain: Chain) -> Any:
    value, shape = frame.values[task.args[0].id], frame.shapes[task.args[0].grain]
    return float(shape[0]) * float(np.max(value, initial=0.0))


# -- rows flagged ---------------------------------------------------------------------------------


def _near(frame: Frame, task: Task, chain: Chain) -> None:
    a, b, *sizes = _reads(frame, task, chain)
    left, right, has_left, has_right = task.attrs
    rest = iter(sizes)
    size_a = next(rest) if has_left else None
    size_b = next(rest) if has_right else None
    _flag_near(frame, task, chain, a, b, float(left), float(right), size_a, size_b)  # type: ignore[arg-type]


def _flag_near(
    frame: Frame, task: Task, chain: Chain, a: Any, b: Any, left: float, right: float, size_a: Any, size_b: Any
) -> None:
    if np.ndim(b) == 0 and np.ndim(a) and np.isfinite(b):  # first by one bound for the whole block
        peak = float(np.max(size_a, initial=0.0)) if size_a is not None else abs(float(b)) * 1.001
        most = _CLOSE * (
            left * peak + right * (abs(float(b)) if size_b is None else float(np.max(size_b, initial=0.0)))
        )
        if np.isfinite(most):
            low, high = float(b) - most, float(b) + most
            if np.count_nonzero(np.greater_equal(a, low)) == np.count_nonzero(np.greater(a, high)):
                return
    with np.errstate(all="ignore"):
        gap = np.abs(np.subtract(a, b))
        bound = left * (np.abs(a) if size_a is None else size_a) + right * (np.abs(b) if size_b is None else size_b)
        bad = ~(gap > _CLOSE * bound) & (bound != 0.0) & np.isfinite(gap)
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _near_tie(frame: Frame, task: Task, chain: Chain) -> None:
    a, b = _reads(frame, task, chain)
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
    a, b, size_a, size_b = _reads(frame, task, chain)
    with np.errstate(all="ignore"):
        gap = np.abs(np.subtract(a, b))
        allowed = tolerance * np.maximum(np.abs(a), np.abs(b))
        off = _CLOSE * (steps + 16.0) * (size_a + size_b)
        bad = np.isfinite(gap) & (off > 0.0) & ~(np.abs(gap - allowed) > off)
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _near_whole(frame: Frame, task: Task, chain: Chain) -> None:
    x, *sizes = _reads(frame, task, chain)
    steps, once = task.attrs
    assert isinstance(steps, float)
    if once:  # a number rounded once that looks whole is taken to be so, unless all are that large
        bad = np.abs(x) >= 2.0**53
        if np.any(bad):
            frame.flag(task.grain, chain, bad)
    else:
        _flag_near(frame, task, chain, x, np.rint(x), steps, 0.0, sizes[0] if sizes else None, None)


def _near_bound(frame: Frame, task: Task, chain: Chain) -> None:
    """Near a bound where the other side leads elsewhere."""
    step, steps, sized = task.attrs
    assert isinstance(step, Step) and isinstance(steps, float)
    x, code, *rest = _reads(frame, task, chain)
    size = rest.pop(0) if sized else np.abs(x)
    state = rest[0] if rest else 0
    fence = np.array([-np.inf, *step.bounds, np.inf])
    with np.errstate(all="ignore"):
        gap = np.minimum(x - fence[code], fence[code + 1] - x)
        bound = _CLOSE * ((steps + 2.0) * size + 2.0 * np.abs(x))
        near = ~(gap > bound) & np.isfinite(x)
        if not np.any(near):
            return
        here = _next(step, state, code)
        differs = (_next(step, state, np.maximum(code - 1, 0)) != here) | (
            _next(step, state, np.minimum(code + 1, len(step.bounds))) != here
        )
    frame.flag(task.grain, chain, near & differs)


def _near_end(frame: Frame, task: Task, chain: Chain) -> None:
    """Beyond the end of a line, or too near to it."""
    segments, side, steps, sized = task.attrs
    assert isinstance(segments, Segments) and isinstance(steps, float)
    x, *rest = _reads(frame, task, chain)
    size = rest.pop(0) if sized else np.abs(x)
    ends = segments.low if side == "low" else segments.high
    end = ends.take(rest[0], mode="clip") if rest else ends[0]
    with np.errstate(all="ignore"):
        bound = _CLOSE * (steps * size + (np.abs(end) if segments.step.rounded else 0.0))
        gap = x - end if side == "low" else end - x
        bad = (gap < 0.0) | (~(np.abs(gap) > bound) & (bound != 0.0))
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _beyond(frame: Frame, task: Task, chain: Chain) -> None:
    value, edge = _reads(frame, task, chain)
    side, is_open = task.attrs
    bad = np.less(value, edge) if side == "low" else np.greater(value, edge)
    if is_open:
        bad = bad | np.equal(value, edge)
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _infinite(frame: Frame, task: Task, chain: Chain) -> None:
    bad = np.isinf(_reads(frame, task, chain)[0])
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _crossed(frame: Frame, task: Task, chain: Chain) -> None:
    low, high = _reads(frame, task, chain)
    bad = np.greater(low, high)
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


def _open(frame: Frame, task: Task, chain: Chain) -> None:
    """Rows that no row of the tiers takes."""
    flags = _reads(frame, task, chain)
    taken = flags[0]
    for flag in flags[1:]:
        taken = np.logical_or(taken, flag)
    if not np.all(taken):
        frame.flag(task.grain, chain, np.logical_not(taken))


def _absent(frame: Frame, task: Task, chain: Chain) -> None:
    bad = np.less(_reads(frame, task, chain)[0], 0)
    if np.any(bad):
        frame.flag(task.grain, chain, bad)


ACTS: dict[str, Act] = {
    **dict.fromkeys(("input", "blank", "rows"), _column),
    "lookup": _lookup,
    "lookup_size": _lookup_size,
    "map": _map,
    "take": _take,
    "spread": _spread,
    "same": _same,
    "add": _ufunc(np.add),
    "sub": _ufunc(np.subtract),
    "mul": _ufunc(np.multiply),
    "div": _ufunc(np.divide),
    "neg": _ufunc(np.negative),
    "abs": _ufunc(np.abs),
    "sign": _ufunc(np.sign),
    "sqrt": _ufunc(np.sqrt),
    "exp": _ufunc(np.exp),
    "pow": _ufunc(np.power, 1),
    "floor": _ufunc(np.floor),
    "ceil": _ufunc(np.ceil),
    "min": _folded(np.minimum),
    "max": _folded(np.maximum),
    "clamp": _clamp,
    "size_div": _quiet_div,
    "unsigned": _unsigned,
    "compare": _compare,
    "compare_slack": _compare_slack,
    "margin": _margin,
    "not": _not,
    "and": _folded(np.logical_and),
    "or": _folded(np.logical_or),
    "select": _select,
    "choose": _choose,
    "pick": _pick,
    "count_bounds": _count_bounds,
    "advance": _advance,
    "segment": _segment,
    "piecewise": _piecewise,
    "size_piece": _size_piece,
    "agg_sum": _reduce(np.add),
    "agg_min": _reduce(np.minimum),
    "agg_max": _reduce(np.maximum),
    "agg_count": _members,
    "agg_any": _has,
    "peak": _peak,
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
