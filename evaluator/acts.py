"""What each task does with a block: one function for each operation, NumPy calls into buffers that are there already.

Values are the same bits as those of the careful kernels, because the operations and their order are the same.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluator.act import Act, folded, reads, taken
from evaluator.acts_choice import CHOICE
from evaluator.acts_flags import FLAGS, unless
from evaluator.acts_lookups import LOOKUPS
from evaluator.acts_members import MEMBERS
from evaluator.acts_moves import folds
from evaluator.frame import Frame
from evaluator.pieces import Rows, Values
from evaluator.tasks import READ, Chain, Task

# -- leaves ---------------------------------------------------------------------------------------


def _column(frame: Frame, task: Task, chain: Chain) -> Any:
    found = frame.columns[(task.op, task.grain, *task.attrs)]
    return frame.narrow(found, (), chain, task.grain) if chain else found


def _lookup(frame: Frame, task: Task, chain: Chain) -> Any:
    values, bad = frame.heads[task.attrs[0]]
    (index,) = reads(frame, task, chain)
    if bad is not None:
        frame.flag(task.grain, chain, bad.take(index, mode="wrap"))
    if values.shape == (1,):
        return values[0]
    return taken(frame, task, chain, values, index)


def _lookup_size(frame: Frame, task: Task, chain: Chain) -> Any:
    (index,) = reads(frame, task, chain)
    return taken(frame, task, chain, frame.heads[task.attrs[0], "size"], index)


def _map(frame: Frame, task: Task, chain: Chain) -> Any:
    (rows,) = task.attrs
    assert isinstance(rows, Rows)
    (index,) = reads(frame, task, chain)
    return taken(frame, task, chain, rows.rows, index)


def _take(frame: Frame, task: Task, chain: Chain) -> Any:
    (constants,) = task.attrs
    assert isinstance(constants, Values)
    (index,) = reads(frame, task, chain)
    return taken(frame, task, chain, constants.values, index)


def _spread(frame: Frame, task: Task, chain: Chain) -> Any:
    """The value of the row that a member belongs to."""
    (arg,) = task.args
    link = frame.links.get(task.grain)
    whole = frame.columns.get(("whole", arg.id))
    if whole is None:  # laid out
        whole = frame.values[arg.id]
        if not isinstance(whole, np.ndarray) or whole.ndim == 0:
            return whole
    if link is None:  # it stands above its members
        return frame.narrow(whole, (), chain, task.grain) if chain else whole
    if chain:
        link = frame.narrow(link, (), chain, task.grain)
    return np.take(whole, link, out=frame.out(task, chain, [link]), mode="wrap")


def _same(frame: Frame, task: Task, chain: Chain) -> Any:
    return reads(frame, task, chain)[0]


# -- arithmetic -----------------------------------------------------------------------------------


def _ufunc(ufunc: Callable[..., Any], more: int = 0) -> Act:
    """A NumPy function of all operands (or, of the last ``more`` attributes but one, too)."""

    def act(frame: Frame, task: Task, chain: Chain) -> Any:
        args = reads(frame, task, chain)
        out = frame.out(task, chain, args)
        result = ufunc(*args, *task.attrs[:more], out=out)
        if frame.trouble:
            frame.examine(task, chain, result, bool(task.attrs and task.attrs[-1]))
        return result

    return act


def _quiet_div(frame: Frame, task: Task, chain: Chain) -> Any:
    """A size divided; where there is nothing to divide, none."""
    above, below = reads(frame, task, chain)
    result = np.divide(above, np.abs(below), out=frame.out(task, chain, [above, below]))
    if frame.trouble:
        result = np.where((above == 0.0) & (below == 0.0), 0.0, result)
    return result


def _clamp(frame: Frame, task: Task, chain: Chain) -> Any:
    x, low, high = reads(frame, task, chain)
    out = frame.out(task, chain, [x, low, high])
    result = np.maximum(x, low, out=out)
    return np.minimum(result, high, out=out)


def _unsigned(frame: Frame, task: Task, chain: Chain) -> Any:
    (value,) = reads(frame, task, chain)
    return np.add(value, 0.0, out=frame.out(task, chain, [value]))


ACTS: dict[str, Act] = {
    **CHOICE,
    **FLAGS,
    **LOOKUPS,
    **MEMBERS,
    **dict.fromkeys((*READ, "live"), _column),
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
    "min": folded(np.minimum),
    "max": folded(np.maximum),
    "clamp": _clamp,
    "size_div": _quiet_div,
    "unsigned": _unsigned,
}
ACTS["fold"] = folds(ACTS)
ACTS["unless"] = unless(ACTS)
