"""From comparisons, logic, choice and tiers in the graph to tasks, with the flagging of what is close."""

from typing import TYPE_CHECKING, Any

import numpy as np

from dsl.model import Interval, Kind
from evaluator.constants import TOLERANCE, Number
from evaluator.graph import Node
from evaluator.logic import _ORDER as ORDER
from evaluator.reach import Made, Rule
from evaluator.rules_numbers import sized_if
from evaluator.tasks import Task

if TYPE_CHECKING:
    from evaluator.translate import Translator


def _compare(t: "Translator", node: Node, args: list[Made]) -> Made | None:
    operator, tolerant = node.attrs
    a, b = args
    if not node.args[0].numeric:
        return Made(t.value(node, "compare", args, (operator,), np.bool_))
    if tolerant and operator in ("=", "<=", ">="):
        sizes = [t.size(m, node.grain) for m in args]
        attrs = (operator, float(TOLERANCE), max(a.steps, b.steps))
        near = t.make("near_slack", [a.task, b.task, *sizes], attrs, grain=node.grain, dtype=None)
        task = t.value(node, "compare_slack", args, (operator, float(TOLERANCE)), np.bool_)
        return Made(t.tasks.check(task, [near]))
    chosen = _compared_options(t, node, a, b)
    if chosen is not None:
        return Made(chosen)
    task = t.value(node, "compare", args, (operator,), np.bool_)
    return Made(t.tasks.check(task, t.near(a, b, node.grain)))


def _compared_options(t: "Translator", node: Node, a: Made, b: Made) -> Task | None:
    """A choice such as a tier's cell, compared with a constant: what each option comes to, chosen. Most options are
    constants too, and far fewer rows have to be watched."""
    task, carried = a.task, []
    while task.op in ("spread", "unsigned"):
        if task.op == "spread":
            carried.append(task)
        task = task.args[0]
    if task.id not in t.choices or b.task.op != "const":
        return None
    index, options, slots = t.choices[task.id]
    found = []
    for option in options:
        if option.task.op != "const":
            made = t.make("compare", [option.task, b.task], node.attrs[:1], grain=task.grain, dtype=np.bool_)
            found.append(t.tasks.check(made, t.near(option, b, task.grain)))
        elif not t.near(option, b, task.grain):
            ufunc: Any = ORDER[str(node.attrs[0])]
            found.append(t.tasks.const(bool(ufunc(option.task.attrs[1], b.task.attrs[1]))))
        else:
            return None
    result = t.make("choose", [index, *found], (slots,), grain=task.grain, dtype=np.bool_)
    for spread in reversed(carried):
        result = t.make("spread", [result], spread.attrs, grain=spread.grain, dtype=np.bool_)
    return result


def _margin(t: "Translator", node: Node, args: list[Made]) -> Made:
    return Made(t.value(node, "margin", args, (node.attrs[0],)))


def _not(t: "Translator", node: Node, args: list[Made]) -> Made:
    return Made(t.value(node, "not", args, (), np.bool_))


def _logic(t: "Translator", node: Node, args: list[Made]) -> Made:
    if len(args) == 1:
        return args[0]
    return Made(t.value(node, node.op, args, (), np.bool_))


def _select(t: "Translator", node: Node, args: list[Made]) -> Made | None:
    condition, then, otherwise = args
    dtype = dtype_of(node, [then, otherwise])
    if condition.task.op == "const":
        return then if condition.task.attrs[1] else otherwise
    task = t.value(node, "select", args, (), dtype)
    return chosen(t, node, "select", condition, [then, otherwise], (), task)


def chosen(
    t: "Translator", node: Node, op: str, index: Made, options: list[Made], attrs: tuple[Any, ...], task: Task
) -> Made:
    """A choice between options, by ``task``, with the size of the one that each row takes."""
    size = None
    if node.numeric and any(o.size for o in options):

        def sized() -> Task:
            sizes = [t.size(o, node.grain) for o in options]
            return t.make(op, [index.task, *sizes], attrs, grain=node.grain)

        size = sized_if(t, node, sized)
    return Made(task, max(o.steps for o in options), size, all(o.once for o in options))


def dtype_of(node: Node, options: list[Made]) -> Any:
    """What NumPy keeps the options in."""
    found = [o.task.dtype for o in options if o.task.dtype is not None]
    if found:
        return found[0]
    return {Kind.FLAG: np.bool_, Kind.ENUM: np.int32, Kind.TEXT: np.int32}.get(node.type.kind, np.float64)


def _absent(t: "Translator", node: Node, args: list[Made]) -> Made | None:
    """Rows whose cell is blank. Elsewhere it is known, or the row is flagged anyway."""
    (arg,) = node.args
    known = node.op == "known"
    if arg.op == "input" and t.blanky(arg):
        blank = t.make("blank", [], arg.attrs, grain=node.grain, dtype=np.bool_)
        return Made(t.make("not", [blank], grain=node.grain, dtype=np.bool_) if known else blank)
    if t.blanky(arg):
        return None
    (made,) = args
    if arg.op == "input" or made.task.op == "const":
        return Made(t.tasks.const(known))
    operator = "=" if known else "!="  # of the value with itself, which flags the rows where it is unknown
    return Made(t.make("compare", [made.task, made.task], (operator,), grain=node.grain, dtype=np.bool_))


def _pick(t: "Translator", node: Node, args: list[Made]) -> Made:
    rows, other, _ = node.attrs
    task = t.value(node, "pick", args, (rows, 0 if other is None else other), np.int32)
    if other is None:
        t.tasks.check(task, [t.make("open", [a.task for a in args], grain=node.grain, dtype=None)])
    return Made(task)


def _reason(t: "Translator", node: Node, args: list[Made]) -> Made:
    """Every row that isn't flagged has its tier."""
    return Made(t.tasks.const(int(np.iinfo(np.int64).max)))


def _within(t: "Translator", node: Node, args: list[Made]) -> Made:
    domain = node.attrs[0]
    assert isinstance(domain, Interval)
    (made,) = args
    checks = []
    for limit, side in ((domain.low, "low"), (domain.high, "high")):
        if limit is None:
            continue
        number = Number(limit)
        edge = Made(t.tasks.const(float(number)), 0.0 if number.exact else 1.0, None, True)
        is_open = domain.low_open if side == "low" else domain.high_open
        checks.append(t.make("beyond", [made.task, edge.task], (side, is_open), grain=node.grain, dtype=None))
        checks += t.near(made, edge, node.grain)
    task = t.make("same", [made.task], (node.id,), grain=node.grain, dtype=made.task.dtype or np.float64)
    if node.facts.nonnegative:
        t.nonnegative.add(task.id)
    return Made(t.tasks.check(task, checks), made.steps, made.size, made.once)


DECISIONS: dict[str, Rule] = {
    "compare": _compare,
    "margin": _margin,
    "not": _not,
    "and": _logic,
    "or": _logic,
    "select": _select,
    "absent": _absent,
    "known": _absent,
    "pick": _pick,
    "reason": _reason,
    "within": _within,
}
