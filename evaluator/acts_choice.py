"""Acts that compare, decide and choose: an operand of which some rows are wanted is computed for those."""

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np

from evaluator.act import Act, folded, reads
from evaluator.frame import Frame
from evaluator.logic import _ORDER as ORDER
from evaluator.tasks import Chain, Task

_BITS = 12  # flags of rows whose first is looked up in a table


def _compare(frame: Frame, task: Task, chain: Chain) -> Any:
    args = reads(frame, task, chain)
    ufunc: Any = ORDER[str(task.attrs[0])]
    return ufunc(*args, out=frame.out(task, chain, args))


def _compare_slack(frame: Frame, task: Task, chain: Chain) -> Any:
    operator, tolerance = task.attrs
    a, b = reads(frame, task, chain)
    gap = np.abs(a - b)
    slack = np.isfinite(gap) & (gap <= tolerance * np.maximum(np.abs(a), np.abs(b)))
    return ORDER[str(operator)](a, b) | slack


def _margin(frame: Frame, task: Task, chain: Chain) -> Any:
    a, b = reads(frame, task, chain)
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
    (value,) = reads(frame, task, chain)
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
    """A branch that was computed for all rows is flat, or as the block has it; here as it is asked for."""
    if {np.ndim(value), len(shape)} == {1, 2} and value.size == prod(shape):
        return value.reshape(shape)
    return value


def _own(value: Any) -> Any:
    """Not the very array of an operand, which is used again."""
    return value.copy() if isinstance(value, np.ndarray) else value


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
        return _own(_shaped(value, () if chain else frame.shapes[task.grain]))
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
        return _own(_shaped(value, () if chain else frame.shapes[task.grain]))
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
    flags = reads(frame, task, chain)
    arrays = [f for f in flags if np.ndim(f)]
    if not arrays:
        return next((r for r, f in zip(rows, flags, strict=True) if f), other)
    shape = max((f.shape for f in arrays), key=len)  # of a row that stands above its members it is shorter
    kind: Any = np.uint8 if len(flags) <= 8 else np.uint16
    if len(flags) > _BITS:
        return _pick_long(frame, task, chain, flags, shape)
    code = frame.scratch(0, kind, shape)  # a bit for each flag
    code.fill(sum(1 << i for i, f in enumerate(flags) if np.ndim(f) == 0 and f))
    bit = frame.scratch(1, kind, shape)
    for i, flag in enumerate(flags):
        if np.ndim(flag):
            np.bitwise_or(code, np.multiply(flag.view(np.uint8), kind(1 << i), out=bit), out=code)
    found = frame.out(task, chain, arrays)
    return np.take(_first(rows, int(other)), code, out=found, mode="wrap")  # type: ignore[call-overload]


@cache
def _first(rows: tuple[int, ...], other: int) -> Any:
    """By the flags' bits, the row of the first that is set."""
    found = np.full(1 << len(rows), other, dtype=np.int32)
    for i in reversed(range(len(rows))):
        found.reshape(-1, 2, 1 << i)[:, 1] = rows[i]
    return found


def _pick_long(frame: Frame, task: Task, chain: Chain, flags: Sequence[Any], shape: tuple[int, ...]) -> Any:
    rows, other = task.attrs
    result = frame.out(task, chain, [f for f in flags if np.ndim(f)])
    if result is None:
        result = np.empty(shape, dtype=np.int32)
    result.fill(other)
    for row, flag in zip(reversed(rows), reversed(flags), strict=True):  # type: ignore[call-overload]
        np.copyto(result, row, where=flag)
    return result


CHOICE: dict[str, Act] = {
    "compare": _compare,
    "compare_slack": _compare_slack,
    "margin": _margin,
    "not": _not,
    "and": folded(np.logical_and),
    "or": folded(np.logical_or),
    "select": _select,
    "choose": _choose,
    "pick": _pick,
}
