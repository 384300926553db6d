"""Paths on their way into the graph: columns read through chains of links."""

from dsl import model
from evaluator.graph import SCALAR, Node
from evaluator.lower_operations import Operations
from evaluator.scope import Lowered, Scope


def read(lowering: Operations, path: model.Read, scope: Scope) -> Lowered:
    """The column that a path leads to, at the row that it starts from."""
    if lowering.policy.entities[path.entity].once and not path.links:
        return Lowered(lowering.column(path.entity, path.column), 0)
    start = scope.inner if path.inner else scope.entity
    assert start is not None
    node = lowering.through(start, path.links, lowering.column(path.entity, path.column))
    return Lowered(node, 0 if lowering.grain(start) == SCALAR else 2 if path.inner else 1)


def key(lowering: Operations, base: str, read: model.Read) -> Node:
    """A group's key at the rows of its base."""
    column = lowering.column(read.entity, read.column)
    if column.numeric:
        column = lowering.graph.node("distinct", (column,), grain=column.grain, type=column.type, facts=column.facts)
    return column if column.grain == SCALAR else lowering.through(base, read.links, column)


def of_members(lowering: Operations, value: Lowered, group: str, level: int, scope: Scope) -> Lowered:
    """A value that a group's row has from its members: unknown where these are."""
    members = Lowered(lowering.column(group, model.MEMBERS), level)
    return lowering.select([members, value, value], value.node.type, scope)
