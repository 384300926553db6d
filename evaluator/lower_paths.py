"""Paths on their way into the graph: columns read through chains of links."""

from typing import TYPE_CHECKING

from dsl import model
from evaluator.graph import SCALAR, Node
from evaluator.scope import Lowered, Scope

if TYPE_CHECKING:
    from evaluator.lower import Lowering


def read(lowering: "Lowering", path: model.Read, scope: Scope) -> Lowered:
    """The column that a path leads to, at the row that it starts from."""
    if lowering.policy.entities[path.entity].once and not path.links:
        return Lowered(lowering.column(path.entity, path.column), 0)
    start = scope.inner if path.inner else scope.entity
    assert start is not None
    node = through(lowering, start, path.links, lowering.column(path.entity, path.column))
    return Lowered(node, 0 if lowering.grain(start) == SCALAR else 2 if path.inner else 1)


def chain(lowering: "Lowering", start: str, links: tuple[str, ...]) -> tuple[Node, str]:
    """The row that a chain of links leads to, and its entity."""
    node, entity = lowering.column(start, links[0]), start
    for i, link in enumerate(links):
        if i:
            step = lowering.column(entity, link)
            node = lowering.graph.node("gather", (node, step), (entity,), grain=lowering.grain(start), type=step.type)
        entity = lowering.policy.type_of(entity, link).entity
    return node, entity


def through(lowering: "Lowering", start: str, links: tuple[str, ...], column: Node) -> Node:
    """A column read through links; the target's own key is where the links lead."""
    if not links:
        return column
    index, entity = chain(lowering, start, links)
    if column.op == "key":
        return index
    return lowering.graph.node("gather", (index, column), (entity,), grain=lowering.grain(start), type=column.type)


def key(lowering: "Lowering", base: str, read: model.Read) -> Node:
    """A group's key at the rows of its base."""
    column = lowering.column(read.entity, read.column)
    if column.numeric:
        column = lowering.graph.node("distinct", (column,), grain=column.grain, type=column.type, facts=column.facts)
    return column if column.grain == SCALAR else through(lowering, base, read.links, column)


def of_members(lowering: "Lowering", value: Lowered, group: str, level: int, scope: Scope) -> Lowered:
    """A value that a group's row has from its members: unknown where these are."""
    members = Lowered(lowering.column(group, model.MEMBERS), level)
    return lowering.select([members, value, value], value.node.type, scope)
