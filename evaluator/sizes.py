"""How large the sizes of errors can be in a block, said without computing them row by row.

Decisions are watched by sizes, and hardly any decision of a block is close. So of what is needed for sizes alone only
the greatest is worked out, from the greatest of what it is made of; sizes by row wait until a decision of the block
looks close by that, and are computed for such rows alone where they can be.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from evaluator.frame import Frame, top_of
from evaluator.line import Line
from evaluator.tasks import Chain, Guard, Task

_WAITS = frozenset({"add", "mul", "abs", "size_div", "select", "max", "members"})


def watched_by(task: Task) -> tuple[Task, ...]:
    """The sizes by which a flagging task watches a decision."""
    if task.op == "near":
        return task.args[2:]
    if task.op == "unless" and task.attrs[0] == "near":
        return task.args[3:]
    return ()


def waiting(
    tasks: Sequence[Task], guards: Mapping[int, tuple[Guard, ...]], keep: frozenset[int]
) -> dict[int, tuple[Task, ...]]:
    """By flagging task, in order, what only the sizes of such tasks need. ``tasks``: of a step; ``keep``: of those,
    what others read."""
    asked = set(keep)
    waits: dict[int, Task] = {}
    for task in reversed(tasks):
        if task.op in _WAITS and task.id not in asked:
            waits[task.id] = task
        else:
            asked.update({a.id for a in task.args} - {a.id for a in watched_by(task)})
        asked.update(condition.id for condition, _ in guards[task.id])
    found: dict[int, tuple[Task, ...]] = {}
    for task in tasks:
        needed = _needed(watched_by(task), waits)
        if needed:
            found[task.id] = tuple(needed)
    return found


def _needed(sizes: Sequence[Task], waits: Mapping[int, Task]) -> list[Task]:
    """Each after its operands."""
    order: dict[int, Task] = {}

    def visit(task: Task) -> None:
        if task.id in waits and task.id not in order:
            for arg in task.args:
                visit(arg)
            order[task.id] = task

    for size in sizes:
        visit(size)
    return list(order.values())


def compute(frame: Frame, lines: Sequence[tuple[Line, Any]]) -> None:
    """What has waited, unless another decision of this block needed it before."""
    for line, act in lines:
        if frame.values[line.task.id] is None:
            frame.one(line, act)


def greatest(frame: Frame, size: Task, chain: Chain, grain: str) -> float:
    """At least the size of every row of the block that reaches ``chain``; infinite or NaN where that says nothing."""
    return frame.noted(("greatest", size.id, chain), lambda: _greatest(frame, size, chain, grain))


def _greatest(frame: Frame, size: Task, chain: Chain, grain: str) -> float:
    if not _waits(frame, size):
        return _top(frame, size, chain, grain)
    own = frame.chains[size.id]
    if own and frame.selection(size.grain, own).none:
        return 0.0

    def of(task: Task) -> float:
        return _greatest(frame, task, own, size.grain)

    match size.op, size.args:
        case "members", _:
            return float(size.attrs[1])  # type: ignore[arg-type]
        case "add", (a, b):
            return of(a) + of(b)
        case "mul", (a, b):
            return of(a) * of(b)
        case "abs", (a,):
            return _top(frame, a, own, size.grain, signed=True)
        case "size_div", (a, b):
            least = _least(frame, b, own, size.grain)
            return of(a) / least if least else np.inf
        case "select", (_, a, b):
            return max(of(a), of(b))
        case "max", args:
            return max(of(a) for a in args)
    raise TypeError(f"no size by {size.op}")


def _least(frame: Frame, task: Task, chain: Chain, grain: str) -> float:
    """At most the size of every row's value; 0 where that isn't known."""
    if _waits(frame, task):
        return _least(frame, task.args[0], chain, grain) if task.op == "abs" else 0.0
    values = frame.read(task, chain, grain)
    if not isinstance(values, np.ndarray) or not values.ndim:
        return np.inf if values is None else abs(float(values))
    sizes = np.abs(values, out=frame.scratch(2, np.float64, values.shape))
    return float(np.min(sizes, initial=np.inf))


def _waits(frame: Frame, task: Task) -> bool:
    """Whether a task has not been computed yet in this block; another without a value is one that no row reaches."""
    return task.id in frame.waits and frame.values[task.id] is None


def at_rows(frame: Frame, size: Task, chain: Chain, shape: tuple[int, ...], rows: Any) -> Any:
    """The sizes at some rows of the block, by number in a column of ``shape``; None where they have to be computed for
    all. Call with NumPy's errors ignored."""
    values = frame.values[size.id]
    if not _waits(frame, size):
        own = frame.chains.get(size.id, ())
        if values is None:  # no row reaches it
            return 0.0
        if len(own) <= len(chain):
            values = frame.narrow(values, own, chain, size.grain)
        elif not frame.same_rows(size.grain, chain, own):
            return None
        if np.ndim(values) == 0:
            return values
        return values.reshape(-1).take(rows) if np.shape(values) == shape or values.size == prod(shape) else None
    if size.op == "members":
        values = frame.columns[(size.op, size.grain, *size.attrs)]
        values = values if not chain else frame.narrow(values, (), chain, size.grain)
        return values.take(rows) if np.shape(values) == shape else None
    args = [at_rows(frame, a, chain, shape, rows) for a in size.args]
    return None if any(a is None for a in args) else _FORMULAS[size.op](*args)


_FORMULAS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "mul": np.multiply,
    "abs": np.abs,
    "max": lambda *args: reduce(np.maximum, args),
    "select": np.where,
    "size_div": lambda a, b: np.where((a == 0.0) & (b == 0.0), 0.0, np.divide(a, np.abs(b))),
}


def _top(frame: Frame, task: Task, chain: Chain, grain: str, signed: bool = False) -> float:
    if task.op == "const":
        return abs(float(task.attrs[1]))  # type: ignore[arg-type]
    if _waits(frame, task):
        return np.inf
    values = frame.read(task, chain, grain)
    return 0.0 if values is None else top_of(values, signed)
