"""Which entities the fast evaluator goes through block by block, and which links lead from one to the other."""

from collections import Counter
from collections.abc import Iterable

from dsl.model import Policy
from dsl.records import dataclass
from evaluator.book import Book
from evaluator.graph import SCALAR, Node


@dataclass(frozen=True, slots=True)
class Shape:
    """``parents``: by entity, the link and the entity that its rows are summed by. ``parts``: every entity that is
    computed in blocks, members before those they belong to. All others are ``heads``: small tables such as markets,
    which are only read from and computed whole."""

    parents: dict[str, tuple[str, str]]
    parts: tuple[str, ...]

    def root(self, entity: str) -> str:
        while entity in self.parents:
            entity = self.parents[entity][1]
        return entity


def shape_of(policy: Policy, book: Book, nodes: Iterable[Node]) -> Shape:
    """From the aggregates of a graph. An entity belongs to the one with most rows of those that it is summed by."""
    nodes = list(nodes)
    summed: dict[str, Counter[tuple[str, str]]] = {}
    read: set[str] = set()
    grains = {n.grain for n in nodes if n.grain != SCALAR}
    for node in nodes:
        link = _link(node)
        if link is not None:
            entity, name, target = link
            summed.setdefault(entity, Counter())[name, target] += 1
        elif node.op == "gather":
            read.add(str(node.attrs[0]))
    parents: dict[str, tuple[str, str]] = {}
    for entity, found in summed.items():
        (name, target), _ = max(found.items(), key=lambda f: (book.tables[f[0][1]].rows, f[1], f[0]))
        if target != entity and not _leads(parents, target, entity):
            parents[entity] = name, target
    tree = {*parents, *(target for _, target in parents.values())}
    alone = [e for e in policy.entities if e in grains and e not in tree and e not in read]
    return Shape(parents, _bottom_up(parents, [*(e for e in policy.entities if e in tree), *alone]))


def _link(node: Node) -> tuple[str, str, str] | None:
    """Of an aggregate along one link: the members' entity, the link, and its target."""
    if not node.op.startswith("agg_") or node.grain == SCALAR or not node.attrs[2]:
        return None
    link = node.args[-1]
    if link.op != "input" or link.grain != node.attrs[0]:
        return None
    return str(node.attrs[0]), str(link.attrs[1]), node.grain


def _leads(parents: dict[str, tuple[str, str]], start: str, end: str) -> bool:
    while start in parents:
        start = parents[start][1]
        if start == end:
            return True
    return False


def _bottom_up(parents: dict[str, tuple[str, str]], entities: list[str]) -> tuple[str, ...]:
    def depth(entity: str) -> int:
        return 1 + depth(parents[entity][1]) if entity in parents else 0

    return tuple(sorted(entities, key=lambda e: -depth(e)))
