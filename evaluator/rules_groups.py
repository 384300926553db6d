"""From aggregates in the graph to tasks."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from evaluator.graph import SCALAR, Node
from evaluator.reach import ROUNDED, Made, Rule
from evaluator.rules_numbers import sized_if
from evaluator.tasks import Task

if TYPE_CHECKING:
    from evaluator.translate import Translator


def _aggregate(t: "Translator", node: Node, args: list[Made]) -> Made | None:
    entity, filtered, linked = node.attrs
    if not linked:
        return None
    entity = str(entity)
    parent = t.shape.parents.get(entity)
    link = node.args[-1]
    if parent is None or parent[1] != node.grain or link.op != "input" or link.attrs != (entity, parent[0]):
        return None
    value, counted = args[0], args[1] if filtered else None

    def cross(op: str, tasks: Sequence[Task], checks: Sequence[Task] = ()) -> Task:
        dtype = np.bool_ if op == "agg_any" else np.float64
        return t.tasks.check(t.make(op, tasks, (entity,), grain=node.grain, dtype=dtype), checks)

    def mask(made: Made) -> list[Task]:
        tasks = [made.task, *([counted.task] if counted is not None else [])]
        tasks = [x for x in tasks if not (x.op == "const" and x.attrs[1] is True)]
        return [t.make("and", tasks, grain=entity, dtype=np.bool_)] if len(tasks) > 1 else tasks

    def count(made: Made) -> Task:
        marks = mask(made)
        return cross("agg_count", marks) if marks else members(t, entity, node.grain)

    every = Made(t.tasks.const(True))
    zero = t.tasks.const(0.0)

    def empty() -> Task:
        """Flags rows without members."""
        return t.make("beyond", [count(every), zero], ("low", True), grain=node.grain, dtype=None)

    def some() -> Task:
        return t.make("compare", [count(every), zero], (">",), grain=node.grain, dtype=np.bool_)

    def filtered_(task: Task) -> Task:
        return task if counted is None else t.make("select", [counted.task, task, zero], grain=entity)

    match node.op:
        case "agg_count":
            return Made(count(value))
        case "agg_share" | "agg_mean":
            safe = t.make("max", [count(every), t.tasks.const(1.0)], grain=node.grain)
            above = Made(count(value)) if node.op == "agg_share" else _total(t, node, value, filtered_, cross)
            task = t.tasks.check(t.make("div", [above.task, safe], (t.tracks(node),), grain=node.grain), [empty()])
            size = above.size and t.make("size_div", [above.size, safe], grain=node.grain)
            return Made(task, above.steps + ROUNDED, size)
        case "agg_sum":
            return _total(t, node, value, filtered_, cross)
        case "agg_any" | "agg_all":
            flags = value.task
            if node.op == "agg_all":
                flags = t.make("not", [flags], grain=entity, dtype=np.bool_)
            found = cross("agg_any", marks) if (marks := mask(Made(flags))) else some()
            return Made(found if node.op == "agg_any" else t.make("not", [found], grain=node.grain, dtype=np.bool_))
        case "agg_min" | "agg_max":
            tasks = [value.task, *([counted.task] if counted is not None else [])]
            task = cross(node.op, tasks, [empty()])
            size = None  # another member may be off by more; infinite ones would make all the others look small
            if value.size is not None or not (value.exact or value.once or node.args[0].facts.infinite):
                size = sized_if(t, node, lambda: peak(t, t.size(value, entity), entity, node.grain))
            return Made(task, value.steps, size, value.once)
    return None


def _total(
    t: "Translator",
    node: Node,
    value: Made,
    filtered: Callable[[Task], Task],
    cross: Callable[..., Task],
) -> Made:
    entity = str(node.attrs[0])
    checks = [t.make("infinite", [value.task], grain=entity, dtype=None)] if node.args[0].facts.infinite else []
    added = value.task.args[0] if value.task.op == "unsigned" else value.task  # a sum is never minus zero anyway
    counted = filtered(added)
    if counted.op == "input":  # the same for every state of the small tables
        task = t.tasks.check(t.make("total", [], counted.attrs, grain=node.grain), checks)
    else:
        task = cross("agg_sum", [counted], checks)
    longest = t.longest[entity]
    size = None
    if value.size is not None or not node.args[0].facts.nonnegative:
        size = sized_if(t, node, lambda: peak(t, t.size(value, entity), entity, node.grain))
    return Made(task, value.steps + longest + 3, size)


def peak(t: "Translator", size: Task, entity: str, grain: str) -> Task:
    """For each row, at least the sum of its members' sizes: the greatest of all (``top``), as many times as it has
    members. Greatest values of parts are looked for where the parts are there anyway."""

    def number(op: str, a: Task, b: Task) -> Task:
        return t.make(op, [a, b], (False,), grain=grain)

    match size.op, size.args:
        case "add", (a, b):
            return number("add", peak(t, a, entity, grain), peak(t, b, entity, grain))
        case "mul", (a, b) if a.op == "const" and b.grain == entity:
            return number("mul", peak(t, b, entity, grain), a)
        case "abs", (a,) if a.op == "input":
            top = t.tasks.const(t.most(a))
        case "abs", (a,) if a.grain == entity:
            top = t.make("top", [a], (entity, True), grain=SCALAR)
        case _:
            top = t.make("top", [size], (entity, False), grain=SCALAR)
    return number("mul", members(t, entity, grain), top)


def members(t: "Translator", entity: str, grain: str) -> Task:
    """How many members each row has; with how many there are at most."""
    return t.make("members", [], (entity, float(t.longest[entity])), grain=grain)


GROUPS: dict[str, Rule] = {
    "agg_sum": _aggregate,
    "agg_mean": _aggregate,
    "agg_min": _aggregate,
    "agg_max": _aggregate,
    "agg_count": _aggregate,
    "agg_share": _aggregate,
    "agg_any": _aggregate,
    "agg_all": _aggregate,
}
