"""The order of work: which nodes, in which order, what is dropped after each, and whose errors somebody asks for."""

from collections.abc import Iterable
from dataclasses import dataclass

from evaluator.error import DECIDING
from evaluator.graph import Node


@dataclass(frozen=True, slots=True)
class Plan:
    """``order``: every node after its operands. ``last``: beside it, the nodes that nothing later reads.
    ``bounded``: nodes whose error some decision depends on."""

    order: tuple[Node, ...]
    last: tuple[tuple[int, ...], ...]
    bounded: frozenset[int]


def plan(outputs: Iterable[Node]) -> Plan:
    """What the outputs need. Nodes are numbered as they are made, so each comes after its operands."""
    kept = {n.id for n in outputs}
    needed: dict[int, Node] = {}
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node.id not in needed:
            needed[node.id] = node
            stack.extend(node.args)
    order = tuple(needed[i] for i in sorted(needed))
    readers: dict[int, int] = {}
    for node in order:
        for arg in node.args:
            readers[arg.id] = node.id
    last: dict[int, list[int]] = {}
    for read, reader in readers.items():
        if read not in kept:
            last.setdefault(reader, []).append(read)
    return Plan(order, tuple(tuple(last.get(n.id, ())) for n in order), _bounded(order))


def _bounded(order: tuple[Node, ...]) -> frozenset[int]:
    """Numbers that decide something, and all numbers that they are computed from."""
    wanted: set[int] = set()
    for node in reversed(order):
        if node.op in DECIDING:
            places = DECIDING[node.op]
            deciding = node.args if places is None else [node.args[i] for i in places]
            wanted.update(a.id for a in deciding if a.numeric)
        if node.id in wanted:
            wanted.update(a.id for a in node.args if a.numeric)
    return frozenset(wanted)
