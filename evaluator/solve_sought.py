"""What is asked of a book again and again with one number of it changed: the graph, cut where that number comes in.

All that doesn't depend on the number is computed once, over the whole book.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from dsl.model import Policy, Value
from dsl.records import dataclass
from evaluator.book import Book
from evaluator.columns import Column
from evaluator.context import Context
from evaluator.graph import Node
from evaluator.plan import plan
from evaluator.runner import Runner, column_of
from evaluator.settle import Exactly
from evaluator.solve_copies import Copies, Index, Rows, copies
from evaluator.solve_walk import Walk
from evaluator.vector import Vector

LARGEST = 500_000  # rows of copies at a time
_MOST = 65_536  # copies at a time


@dataclass(slots=True)
class Sought:
    """``nodes``: those that move with ``target``, in order. ``done``: what they read that doesn't move, and the target
    as it is today. ``holds``: the condition today, in each row of its entity."""

    condition: Node
    target: Node
    nodes: tuple[Node, ...]
    done: dict[int, Vector]
    context: Context
    sizes: Mapping[str, int]
    holds: Column
    today: Column
    index: Index

    def walks(self, asked: Rows, rows: Rows) -> Iterator[tuple[Rows, Walk]]:
        """Walks over copies, batch by batch, and the numbers of the copies in each: row number i of ``asked`` asks,
        with row number i of ``rows`` of the target's entity changed."""
        waiting = [np.arange(i, min(i + _MOST, len(asked))) for i in range(0, len(asked), _MOST)][::-1]
        while waiting:
            batch = waiting.pop()
            over = self._copies(asked[batch])
            if over.total > LARGEST and len(batch) > 1:
                half = len(batch) // 2
                waiting += [batch[half:], batch[:half]]
                continue
            yield batch, self.walk(over, rows[batch])

    def again(self, asked: Rows, rows: Rows) -> Walk:
        """A walk over copies for fewer rows."""
        return self.walk(self._copies(asked), rows)

    def walk(self, over: Copies, rows: Rows) -> Walk:
        return Walk(self.nodes, self.condition, self.target, self.done, self.context, over, rows)

    def _copies(self, asked: Rows) -> Copies:
        return copies(self.nodes, self.target, self.done, self.sizes, self.index, self.condition.grain, asked)


def sought(
    policy: Policy,
    book: Book,
    params: Mapping[str, Value],
    condition: Node,
    target: Node,
    held: frozenset[int] = frozenset(),
) -> Sought:
    """The graph cut at ``target``; ``held``: nodes that don't move with it."""
    context = Context(policy, book, book.as_of)
    planned = plan([condition, target])
    context.bounded = planned.bounded
    moves = {target.id}
    for node in planned.order:
        if node.id != target.id and node.id not in held and any(a.id in moves for a in node.args):
            moves.add(node.id)
    nodes = tuple(n for n in planned.order if n.id in moves and n.id != target.id)
    read = {a.id: a for n in nodes for a in n.args if a.id not in moves}
    full = replace(plan([condition, target, *read.values()]), bounded=planned.bounded)
    done: dict[int, Vector] = {}
    if target.op == "sought":
        done[target.id] = Vector(np.zeros(1), once=True)
        order = [(n, d) for n, d in zip(full.order, full.last, strict=True) if n.id != target.id]
        full = replace(full, order=tuple(n for n, _ in order), last=tuple(d for _, d in order))
    with np.errstate(all="ignore"):
        done = Runner(context, Exactly(policy, book, params, context)).run(full, None, done)
    sizes = {name: table.rows for name, table in book.tables.items()}
    holds = column_of(done[condition.id], context.rows(condition.grain))
    today = column_of(done[target.id], context.rows(target.grain))
    kept = {i: v for i, v in done.items() if i in read or i == target.id}
    return Sought(condition, target, nodes, kept, replace(context, memo={}), sizes, holds, today, Index())
