"""What the acts of all tasks share: their operands' values, and values by number."""

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluator.frame import Frame
from evaluator.tasks import Chain, Task

Act = Callable[[Frame, Task, Chain], Any]


def reads(frame: Frame, task: Task, chain: Chain) -> list[Any]:
    """The operands at the rows that reach the task."""
    if not chain:
        values = frame.values
        return [values[a.id] for a in task.args]
    return [frame.read(a, chain, task.grain) for a in task.args]


def taken(frame: Frame, task: Task, chain: Chain, values: Any, index: Any) -> Any:
    """``values[index]``."""
    if not isinstance(index, np.ndarray) or index.ndim == 0:
        return values[index]
    return np.take(values, index, out=frame.out(task, chain, [index]), mode="wrap")


def folded(ufunc: Callable[..., Any]) -> Act:
    """A NumPy function of two operands, of all of them one after the other."""

    def act(frame: Frame, task: Task, chain: Chain) -> Any:
        args = reads(frame, task, chain)
        out = frame.out(task, chain, args)
        result = ufunc(args[0], args[1], out=out)
        for arg in args[2:]:
            result = ufunc(result, arg, out=out)
        return result

    return act
