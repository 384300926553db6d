"""From inputs, links and columns' ends in the graph to tasks."""

from typing import TYPE_CHECKING

import numpy as np

from dsl.model import Kind
from evaluator import error
from evaluator.columns import Column
from evaluator.graph import SCALAR, Node
from evaluator.reach import Made, Rule
from evaluator.tasks import Task

if TYPE_CHECKING:
    from evaluator.translate import Translator


def _input(t: "Translator", node: Node, args: list[Made]) -> Made | None:
    entity, name = (str(a) for a in node.attrs)
    table, column = t.context.book.tables[entity], t.policy.entities[entity].inputs[name]
    found: Column = table.columns[name]
    t.read.add((entity, name))
    if column.optional and found.unknown_count() and node.type.kind is not Kind.LINK:
        t.blanks.add((entity, name))
        t.blanky_nodes.add(node.id)
    if node.type.kind is Kind.TEXT:
        t.context.text_codes(table.texts[name])
    task = t.make("input", [], (entity, name), grain=node.grain, dtype=found.values.dtype.type)
    if not node.numeric:
        return Made(task)
    if name in table.sizes:  # it was computed
        t.read.add((entity, table.sizes[name]))
        return Made(task, 1.0, t.make("input", [], (entity, table.sizes[name]), grain=node.grain))
    long = name in table.long
    steps = t.context.representation(entity, name) / error.HALF_UNIT if node.type.kind is Kind.NUMBER else 0.0
    return Made(task, steps, None, not long)


def _key(t: "Translator", node: Node, args: list[Made]) -> Made:
    return Made(t.make("rows", [], (), grain=node.grain, dtype=np.int64))


def _gather(t: "Translator", node: Node, args: list[Made]) -> Made | None:
    index, column = node.args
    if column.id in t.heads:
        if column.grain == SCALAR:
            return None
        return t.gathered(node, args[0].task, column)
    parent = t.shape.parents.get(node.grain)
    if parent is None or index.op != "input" or index.attrs != (node.grain, parent[0]) or column.grain != parent[1]:
        return None
    made = args[1]
    spread = [made.task if made.task.grain != column.grain else _spread(t, node, made.task, parent[0])]
    size = made.size
    if size is not None and size.grain == column.grain:
        size = _spread(t, node, size, parent[0])
    if column.facts.nonnegative:
        t.nonnegative.add(spread[0].id)
    return Made(spread[0], made.steps, size, made.once)


def _spread(t: "Translator", node: Node, task: Task, link: str) -> Task:
    return t.make("spread", [task], (link,), grain=node.grain, dtype=task.dtype)


def _settle(t: "Translator", node: Node, args: list[Made]) -> Made | None:
    (made,) = args
    if len(node.attrs) == 3 and node.attrs[2] is not None and made.task.grain not in ("", node.grain):
        return None
    if made.task.dtype is np.float64 and not t.unsigned(made.task):
        return Made(t.make("unsigned", [made.task], grain=made.task.grain), made.steps, made.size, made.once)
    return made


INPUTS: dict[str, Rule] = {
    "input": _input,
    "key": _key,
    "gather": _gather,
    "settle": _settle,
}
