"""A quick guess at what is left for each of many rows in turn: one plain loop of Python, in floats.

It knows the operations that draws are made of mostly, and nothing of unknowns and doubts. It need not be right: what it
guesses is verified (``evaluator.draws``), and a wrong guess costs time only.
"""

from collections.abc import Callable, Sequence
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from evaluator.drawing import Drawing
from evaluator.vector import Floats, Vector

_WORDS = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1} if {1} else 0.0",
    "neg": "-{0}",
    "abs": "abs({0})",
    "not": "not {0}",
    "select": "{1} if {0} else {2}",
    "clamp": "min(max({0}, {1}), {2})",
    "floor": "float(floor({0}))",
    "ceil": "float(ceil({0}))",
    "round_down": "floor({0} / {1}) * {1} if {1} > 0 else 0.0",
    "round_up": "ceil({0} / {1}) * {1} if {1} > 0 else 0.0",
    "within": "{0}",
}
_JOINED = {"min": "min({})", "max": "max({})", "and": " and ", "or": " or "}
Loop = Callable[[list[list[int]], list[float], Sequence[list[object]]], list[float]]


def loop_of(drawing: Drawing, pools: int) -> Loop | None:
    """The loop for one draw; None where it needs an operation that isn't known here."""
    names = {drawing.left.id: "left"} | {node.id: f"f{i}" for i, node in enumerate(drawing.fixed)}
    body = []
    for node in drawing.varying:
        args = [names[a.id] for a in node.args]
        if node.op == "compare":
            operator = {"=": "=="}.get(str(node.attrs[0]), str(node.attrs[0]))
            words = f"{args[0]} {operator} {args[1]}"
        elif node.op in ("min", "max"):
            words = _JOINED[node.op].format(", ".join(args))
        elif node.op in ("and", "or"):
            words = _JOINED[node.op].join(args)
        elif node.op in _WORDS:
            words = _WORDS[node.op].format(*args)
        else:
            return None
        names[node.id] = f"v{node.id}"
        body.append(f"{names[node.id]} = {words}")
    fixed = "".join(f", f{i}" for i in range(len(drawing.fixed)))
    ids = ", ".join(f"p{i}" for i in range(pools))
    lists = ", ".join(f"ids[{i}]" for i in range(pools))
    lines = [
        "def loop(ids, remains, fixed):",
        "  lefts = []",
        f"  for {ids}{fixed} in zip({lists}, *fixed):",
        f"    left = max(0.0, min({', '.join(f'remains[p{i}]' for i in range(pools))}, endless))",
        "    lefts.append(left)",
        *(f"    {line}" for line in body),
        f"    take = {names[drawing.take.id]}",
        "    if 0.0 < take <= left:",
        *(
            f"      if {' and '.join([f'p{i} != p{j}' for j in range(i)] or ['True'])}: remains[p{i}] -= take"
            for i in range(pools)
        ),
        "  return lefts",
    ]
    made: dict[str, Loop] = {}
    exec("\n".join(lines), {"floor": floor, "ceil": ceil, "endless": float("inf")}, made)
    return made["loop"]


def guessed(loop: Loop, ids: npt.NDArray[np.int64], amounts: Floats, fixed: Sequence[Vector]) -> Floats | None:
    """(w,) what is left for each row of (w, k) ``ids``; None where plain numbers can't do it."""
    rows = len(ids)
    columns: list[list[object]] = [np.broadcast_to(v.values, (rows,)).tolist() for v in fixed]
    try:
        return np.array(loop(ids.T.tolist(), amounts.tolist(), columns), dtype=np.float64)
    except (ArithmeticError, ValueError):
        return None
