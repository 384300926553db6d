"""Aggregates that go up a link and down again: every row beside each member of the row above it, block by block.

An option beside all options of its book, a netting set beside all those of its account. What depends on one of the
two alone is computed at its own rows; only where both meet is it computed for each pair, in the order of the outer rows
and, for each, of the members in their file. Blocks of outer rows bound the memory; a row's pairs are never split, so
that the order of its sum is that of any other aggregate.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from dsl.records import dataclass
from evaluator import error
from evaluator.columns import KNOWN
from evaluator.context import BLOCK, PAIR, Block, Context
from evaluator.graph import Node
from evaluator.kernels import Kernel
from evaluator.sorting import by_number
from evaluator.vector import Codes, Flags, Floats, Vector, clean, tidy

MOST_PAIRS = 1_000_000  # of one block, if a single row has no more


@dataclass(frozen=True, slots=True, eq=False)
class Pairwise:
    """What is computed for the pairs. ``order``: its nodes, each after its operands; the last is the aggregate.
    ``outside``: what they read besides, computed before."""

    outer: str
    inner: str
    order: tuple[Node, ...]
    outside: tuple[Node, ...]


def pairwise(outer: str, inner: str, aggregate: Node) -> Pairwise:
    """The part of the graph under an aggregate that stands at pairs."""
    inside: dict[int, Node] = {}
    outside: dict[int, Node] = {}
    waiting = [aggregate]
    while waiting:
        node = waiting.pop()
        if node.grain not in (PAIR, BLOCK):
            outside[node.id] = node
        elif node.id not in inside:
            inside[node.id] = node
            waiting.extend(node.args)
    return Pairwise(outer, inner, tuple(inside[i] for i in sorted(inside)), tuple(outside[i] for i in sorted(outside)))


def kernel(kernels: dict[str, Kernel]) -> Kernel:
    """The kernel that runs the others over blocks of pairs. Its operands: where each outer row's links lead up to,
    where each inner row's lead, and what is read outside."""

    def run(node: Node, args: Sequence[Vector], context: Context) -> Vector:
        (work,) = node.attrs
        assert isinstance(work, Pairwise)
        rows = context.rows(node.grain)
        up, via = args[0].full(rows), args[1].full(context.rows(work.inner))
        outside = {n.id: v for n, v in zip(work.outside, args[2:], strict=True)}
        bounded = frozenset(n.id for n in (*work.order, *work.outside))
        parts = []
        for block in _blocks(work, up, via):
            within = replace(context, bounded=bounded, memo={}, block=block)
            parts.append(_block(work, outside, within, kernels))
        return _joined(parts, up)

    return run


def _block(work: Pairwise, outside: dict[int, Vector], context: Context, kernels: dict[str, Kernel]) -> Vector:
    done = dict(outside)
    for node in work.order:
        args = [done[a.id] for a in node.args]
        done[node.id] = error.bounded(node, args, kernels[node.op](node, args, context))
    assert context.block is not None
    return done[work.order[-1].id].full(context.block.rows)


def _known(vector: Vector) -> Codes:
    """(n,) where links lead, -1 where that is unknown."""
    values: Codes = vector.values.astype(np.int64, copy=False)
    return values if vector.quality is None else np.where(vector.quality == KNOWN, values, -1)


def _blocks(work: Pairwise, up: Vector, via: Vector) -> Iterator[Block]:
    targets, belongs = _known(up), _known(via)
    order = by_number(belongs + 1)
    belongs = belongs[order]
    first = np.searchsorted(belongs, targets, "left")
    counts = np.where(targets >= 0, np.searchsorted(belongs, targets, "right") - first, 0)
    ends = np.cumsum(counts)
    start, stop = 0, -1
    while stop < len(targets):  # without any row too: one block of none
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + MOST_PAIRS, "right"))) if len(targets) else 0
        sizes = counts[start:stop]
        left = np.repeat(np.arange(start, stop), sizes)
        within = np.arange(len(left)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        yield Block(work.outer, work.inner, start, stop - start, left, order[first[left] + within])
        start = stop


def _joined(parts: Sequence[Vector], up: Vector) -> Vector:
    """The blocks' results one after the other, unknown where it is unknown what is above."""
    values = np.concatenate([p.values for p in parts])
    quality = up.quality
    if any(p.quality is not None for p in parts):
        own = np.concatenate([np.full(len(p.values), KNOWN) if p.quality is None else p.quality for p in parts])
        quality = own if quality is None else np.where(quality == KNOWN, own, quality)
    doubt: Flags | None = None
    if any(p.doubt is not None for p in parts):
        doubt = np.concatenate([np.zeros(len(p.values), np.bool_) if p.doubt is None else p.doubt for p in parts])
    absolute: Floats | None = None
    if any(p.absolute is not None for p in parts):
        absolute = np.concatenate([np.zeros(len(p.values)) if p.absolute is None else p.absolute for p in parts])
    quality = tidy(quality)
    relative = max(p.relative for p in parts)
    return Vector(clean(values, quality), quality, doubt, relative, absolute, all(p.once for p in parts))


# -- the pairs themselves ---------------------------------------------------------------------


def _end(pick: Callable[[Block], Codes]) -> Kernel:
    def kernel(node: Node, args: Sequence[Vector], context: Context) -> Vector:
        assert context.block is not None
        return Vector(pick(context.block))

    return kernel


ENDS: dict[str, Kernel] = {
    "pair_left": _end(lambda block: block.left),
    "pair_right": _end(lambda block: block.right),
    "pair_slot": _end(lambda block: block.left - block.first),
}
