"""Copies of some rows of the book, one set for each value that is sought: in each, one cell is another.

A copy holds the rows that lead from the cell to what is asked, found by following the graph backwards, so that copies
of small accounts are small, and only what looks at the whole book copies the whole book.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field

import numpy as np
import numpy.typing as npt

from dsl.records import dataclass
from evaluator.context import Context
from evaluator.graph import SCALAR, Node
from evaluator.vector import Vector

Rows = npt.NDArray[np.int64]
_FEW = 8  # asked for less than one row in so many, an index of all isn't worth its while


@dataclass(slots=True)
class Index:
    """The rows that links lead from, by the row that they lead to; made once for each link."""

    _made: dict[int, tuple[Rows, Rows]] = field(default_factory=dict)

    def members(self, link: Node, values: Rows, count: int, rows: Rows) -> tuple[Rows, Rows]:
        """For each of the rows, those whose link leads to it: the place in ``rows``, and the member."""
        if link.id in self._made:
            order, starts = self._made[link.id]
        elif len(rows) * _FEW < count:  # only the members of those rows are put in order
            wanted = np.zeros(count + 1, dtype=np.bool_)
            wanted[rows] = True
            some = np.flatnonzero(wanted[values])  # a link that leads nowhere is -1, the last
            order, starts = _in_order(values[some], count)
            order = some[order]
        else:
            order, starts = self._made[link.id] = _in_order(values, count)
        sizes = starts[rows + 1] - starts[rows]
        place = np.repeat(np.arange(len(rows)), sizes)
        within = np.arange(len(place)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return place, order[starts[rows][place] + within]


def _in_order(values: Rows, count: int) -> tuple[Rows, Rows]:
    """The places of the values in rising order, and where each of 0 to ``count`` starts."""
    order = np.argsort(values, kind="stable")
    return order, np.searchsorted(values[order], np.arange(count + 1))


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """``count`` copies. By entity: ``rows``, the book's rows in them, copy by copy, and ``copy``, which each is in.
    ``asked`` (count,): where the row that asks stands among those of its entity."""

    count: int
    sizes: Mapping[str, int]
    rows: Mapping[str, Rows]
    copy: Mapping[str, Rows]
    asked: Rows

    def size(self, grain: str) -> int:
        return self.count if grain == SCALAR else len(self.rows[grain])

    @property
    def total(self) -> int:
        return sum(len(rows) for rows in self.rows.values())

    def cut(self, node: Node, vector: Vector) -> Vector:
        """A result over the book at the rows of the copies."""
        if node.grain == SCALAR or vector.uniform:
            return vector
        return vector.at(self.rows[node.grain], self.sizes[node.grain])

    def places(self, grain: str, target: str, rows: Rows) -> Rows:
        """Where rows of ``target`` stand in the copies of the rows of ``grain``; -1 where they don't."""
        size = self.sizes[target]
        keys = self.copy[target] * size + self.rows[target]
        wanted = self.copy[grain] * size + rows
        place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        found = np.zeros(len(rows), dtype=np.bool_) if len(keys) == 0 else (keys[place] == wanted) & (rows >= 0)
        return np.where(found, place, -1)


def copies(
    nodes: Sequence[Node],
    target: Node,
    done: Mapping[int, Vector],
    sizes: Mapping[str, int],
    index: Index,
    asked: str,
    rows: Rows,
) -> Copies:
    """One copy for each of the ``rows`` of ``asked``, with all that the ``nodes`` that move with the target need."""
    moving = {n.id for n in (*nodes, target)}
    needed: dict[str, Rows] = {n.grain: np.zeros(0, dtype=np.int64) for n in nodes if n.grain != SCALAR}
    count = len(rows)
    wanted = np.arange(count, dtype=np.int64)
    if asked != SCALAR:
        wanted = wanted * sizes[asked] + rows
        needed[asked] = wanted
    grown = True
    while grown:
        grown = False
        for node in reversed(nodes):
            for entity, keys in _asks(node, moving, needed, done, sizes, index, count):
                before = needed.get(entity, np.zeros(0, dtype=np.int64))
                needed[entity] = np.union1d(before, keys)
                grown |= len(needed[entity]) > len(before)
    found = {e: keys % sizes[e] for e, keys in needed.items()}
    place = np.searchsorted(needed[asked], wanted) if asked != SCALAR else wanted
    return Copies(count, sizes, found, {e: keys // sizes[e] for e, keys in needed.items()}, place)


def _asks(
    node: Node,
    moving: set[int],
    needed: Mapping[str, Rows],
    done: Mapping[int, Vector],
    sizes: Mapping[str, int],
    index: Index,
    count: int,
) -> list[tuple[str, Rows]]:
    """The rows of other entities that one operation needs, as copy times the entity's rows plus the row."""
    if node.op == "gather" and node.args[1].id in moving:
        (entity,) = node.attrs
        assert isinstance(entity, str)
        keys = needed[node.grain]
        copy, row = keys // sizes[node.grain], keys % sizes[node.grain]
        link = done[node.args[0].id].full(sizes[node.grain]).values[row]
        return [(entity, (copy * sizes[entity] + link)[link >= 0])]
    if not node.op.startswith("agg_"):
        return []
    entity, _, linked = node.attrs
    assert isinstance(entity, str)
    if not linked:
        return [(entity, np.arange(count * sizes[entity], dtype=np.int64))]
    target, backwards = node.grain, node.args[-1]
    if target == SCALAR:
        return [(entity, np.arange(count * sizes[entity], dtype=np.int64))]
    values = done[backwards.id].full(sizes[entity]).values
    keys = needed[target]
    place, members = index.members(backwards, values, sizes[target], keys % sizes[target])
    return [(entity, (keys // sizes[target])[place] * sizes[entity] + members)]


def context_of(context: Context, over: Copies) -> Context:
    """What kernels need, over copies."""
    only = {**over.rows, SCALAR: np.arange(over.count)}
    return Context(context.policy, context.book, context.as_of, context.bounded, context.texts, {}, only)
