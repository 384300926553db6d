"""A value of each row from those of its members, over whole columns in the file's order."""

from typing import Any

import numpy as np

from evaluator.groups import Groups, sums
from evaluator.tasks import Task


def crossed(task: Task, groups: Groups, args: list[Any], room: Any) -> Any:
    """(count,) from one column of all members (and, of some tasks, a mask of those that count). ``room``: for a sum."""
    match task.op:
        case "agg_sum":
            with np.errstate(all="ignore"):
                return sums(groups, args[0], room)
        case "agg_count":
            return np.bincount(groups.index[args[0]], minlength=groups.count + 1)[: groups.count].astype(np.float64)
        case "agg_any":
            marks = np.zeros(groups.count + 1, dtype=np.bool_)
            marks[groups.index[args[0]]] = True
            return marks[: groups.count]
        case "agg_min" | "agg_max":
            ufunc, start = (np.minimum, np.inf) if task.op == "agg_min" else (np.maximum, -np.inf)
            best = np.full(groups.count + 1, start)
            index = groups.index if len(args) == 1 else groups.index[args[1]]
            ufunc.at(best, index, args[0] if len(args) == 1 else args[0][args[1]])
            return best[: groups.count]
    raise TypeError(f"no task {task.op}")
