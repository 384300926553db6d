"""A draw on its way from the policy to its kernel: what depends on ``left``, and what doesn't."""

from dataclasses import field

from dsl import model
from dsl.records import dataclass
from evaluator.graph import Node
from evaluator.states import State


@dataclass(frozen=True, slots=True)
class Drawing:
    """``varying``: the operations behind ``take`` that depend on ``left``, each after its operands. ``fixed``: what
    those read besides, computed once for all rows. ``state``: of the book, in which the draw stands."""

    expr: model.Draw
    entity: str
    take: Node
    left: Node
    varying: tuple[Node, ...]
    fixed: tuple[Node, ...]
    state: State | None = field(compare=False)


def drawing_of(expr: model.Draw, entity: str, take: Node, left: Node, state: State | None) -> Drawing:
    behind: dict[int, Node] = {}
    stack = [take]
    while stack:
        node = stack.pop()
        if node.id not in behind:
            behind[node.id] = node
            stack.extend(node.args)
    varies = {left.id}
    varying = []
    for _, node in sorted(behind.items()):  # operands are made before what reads them
        if any(a.id in varies for a in node.args):
            varies.add(node.id)
            varying.append(node)
    read = {a.id: a for node in varying for a in node.args if a.id not in varies}
    if take.id not in varies:
        read[take.id] = take
    return Drawing(expr, entity, take, left, tuple(varying), tuple(read.values()), state)
