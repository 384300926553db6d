"""The order of work: which nodes, in which order, what is dropped after each, and whose errors somebody asks for."""

from collections.abc import Container, Iterable, Sequence

from dsl.records import dataclass
from evaluator.error import DECIDING
from evaluator.graph import Node


@dataclass(frozen=True, slots=True)
class Plan:
    """``order``: every node after its operands. ``last``: beside it, the nodes that nothing later reads.
    ``bounded``: nodes whose error some decision depends on."""

    order: tuple[Node, ...]
    last: tuple[tuple[int, ...], ...]
    bounded: frozenset[int]

    def some(self, nodes: Iterable[Node]) -> "Plan":
        """Some nodes, each after its operands, none of which is dropped."""
        order = tuple(nodes)
        return Plan(order, ((),) * len(order), self.bounded)

    def after(self, done: Container[int]) -> "Plan":
        """Without nodes that are done already, and are not dropped."""
        inner = [(n, last) for n, last in zip(self.order, self.last, strict=True) if n.id not in done]
        last = tuple(tuple(i for i in last if i not in done) for _, last in inner)
        return Plan(tuple(n for n, _ in inner), last, self.bounded)

    def heads(self, parts: Sequence[str]) -> list[Node]:
        """Its nodes that depend on no row of some entities, the ``parts``."""
        found: dict[int, Node] = {}
        for node in self.order:
            of_parts = node.op.startswith("agg_") and str(node.attrs[0]) in parts
            if node.grain not in parts and not of_parts and all(a.id in found for a in node.args):
                found[node.id] = node
        return list(found.values())


def plan(outputs: Iterable[Node], sized: Iterable[Node] = ()) -> Plan:
    """What the outputs need. Nodes are numbered as they are made, so each comes after its operands. ``sized``: of these
    somebody asks for the errors."""
    outputs = tuple(outputs)
    kept = {n.id for n in outputs}
    needed: dict[int, Node] = {}
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node.id not in needed:
            needed[node.id] = node
            stack.extend(node.args)
    order = _in_order([needed[i] for i in sorted(needed)], outputs)
    readers: dict[int, int] = {}
    for node in order:
        for arg in node.args:
            readers[arg.id] = node.id
    last: dict[int, list[int]] = {}
    for read, reader in readers.items():
        if read not in kept:
            last.setdefault(reader, []).append(read)
    return Plan(order, tuple(tuple(last.get(n.id, ())) for n in order), _bounded(order, sized))


def _in_order(nodes: list[Node], outputs: Iterable[Node]) -> tuple[Node, ...]:
    """Nodes, each after its operands. Folds over a grid go move by move, all that run over it side by side, and what a
    move needs is computed only then: no more than one move's columns are held at a time."""
    folds = [n for n in nodes if n.fold is not None]
    if not folds:
        return tuple(nodes)
    level: dict[int, int] = {}  # how many folds have to be through before
    for node in nodes:
        level[node.id] = max((level[a.id] + _waits(node, a) for a in node.args), default=0)
    folds.sort(key=lambda n: (level[n.id], n.fold[1] if n.fold else (), n.id))
    order: dict[int, Node] = {}
    for root in (*folds, *outputs):
        stack = [root]
        while stack:
            node = stack[-1]
            waiting = [a for a in reversed(node.args) if a.id not in order]
            if waiting and node.id not in order:
                stack.extend(waiting)
            else:
                order.setdefault(node.id, stack.pop())
    return tuple(order.values())


def _waits(node: Node, arg: Node) -> bool:
    """Whether a node reads a fold that goes on after it."""
    if arg.fold is None:
        return False
    return node.fold is None or node.fold[0] != arg.fold[0] or node.fold[1] < arg.fold[1]


def _bounded(order: tuple[Node, ...], sized: Iterable[Node]) -> frozenset[int]:
    """Numbers that decide something or are ``sized``, and all numbers that they are computed from."""
    wanted = {n.id for n in sized}
    for node in reversed(order):
        if node.op in DECIDING:
            places = DECIDING[node.op]
            deciding = node.args if places is None else [node.args[i] for i in places]
            wanted.update(a.id for a in deciding if a.numeric)
        if node.id in wanted:
            wanted.update(a.id for a in node.args if a.numeric)
    return frozenset(wanted)
