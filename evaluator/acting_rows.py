"""The rows that act, with their members, cut out of all blocks and put together in blocks of their own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.groups import RUN
from evaluator.index import Block
from evaluator.kept import Kept
from evaluator.shape import Shape
from evaluator.sorting import by_number

Rows = Any


@dataclass(frozen=True, slots=True)
class ActingRows:
    """``rows``: by entity, as numbers in their columns; ``owners``: the place of each member's row among them. Members
    stand account by account where there are several blocks."""

    rows: Mapping[str, Rows]
    owners: Mapping[str, Rows]
    blocks: tuple[Block, ...]


def filed_rows(
    root: str, acts: Rows, links: Mapping[str, Rows], block: int, shared: Callable[..., Any], kept: Kept
) -> ActingRows:
    """``acts``: (n,) of the root's rows, whether they act. ``links``: by member entity, each one's root row."""
    roots = np.flatnonzero(acts)
    rows: dict[str, Rows] = {root: roots}
    owners: dict[str, Rows] = {}
    place = kept.column(np.int32, len(acts))
    place[roots] = np.arange(len(roots), dtype=np.int32)
    for entity, link in links.items():
        rows[entity] = found = members_of(acts, link, shared)
        owners[entity] = place[link[found]].astype(np.intp)
    kept.back(place)
    return _in_blocks(root, rows, owners, block)


def laid_rows(root: str, roots: Rows, blocks: Sequence[Block], shape: Shape, block: int) -> ActingRows:
    """``roots``: the root's acting rows, all of which stand in some ``blocks`` of a layout."""
    rows: dict[str, Rows] = {root: roots}
    owners: dict[str, Rows] = {}
    for entity in shape.parents:
        rows[entity], owners[entity] = laid_members(blocks, root, entity, roots)
    return _in_blocks(root, rows, owners, block)


def _in_blocks(root: str, rows: dict[str, Rows], owners: dict[str, Rows], block: int) -> ActingRows:
    count = len(rows[root])
    counts = {entity: np.bincount(owner, minlength=count) for entity, owner in owners.items()}
    most = max((int(c.max(initial=0)) for c in counts.values()), default=0)
    if max([len(r) for r in rows.values()]) <= 2 * block and most <= RUN:
        return ActingRows(rows, owners, (_one(rows, owners),) if count else ())
    for entity, owner in owners.items():
        order = by_number(owner)
        rows[entity], owners[entity] = rows[entity][order], owner[order]
    return ActingRows(rows, owners, tuple(_blocks(root, count, counts, block)))


def _one(rows: Mapping[str, Rows], owners: Mapping[str, Rows]) -> Block:
    return Block(dict.fromkeys(rows, 0), {e: (len(r),) for e, r in rows.items()}, dict(owners))


def members_of(acts: Rows, link: Rows, shared: Callable[..., Any]) -> Rows:
    """The members whose row acts, in the file's order."""
    marks = np.append(acts, False)  # which is what members of nobody read
    return where(link, lambda part: marks.take(part, mode="wrap"), shared)


def where(link: Rows, holds: Callable[[Any], Any], shared: Callable[..., Any]) -> Rows:
    """The rows, rising, in which something holds of a link: asked block by block, in threads."""
    size = 1 << 16

    def work(starts: Any) -> list[tuple[int, Rows]]:
        return [(start, start + np.flatnonzero(holds(link[start : start + size]))) for start in starts]

    parts = [part for found in shared(work, range(0, len(link), size)) for part in found]
    return np.concatenate([rows for _, rows in sorted(parts, key=lambda p: p[0])] or [np.empty(0, np.int64)])


def laid_members(blocks: Sequence[Block], root: str, entity: str, roots: Rows) -> tuple[Rows, Rows]:
    """The members of some rows, which all stand in these blocks of a layout, account by account, and whose they are."""
    found, owners = [], []
    edges = [*np.searchsorted(roots, [b.starts[root] for b in blocks]).tolist(), len(roots)]
    for block, first, last in zip(blocks, edges, edges[1:], strict=False):
        if first == last:
            continue
        places = roots[first:last] - block.starts[root]
        start, shape = block.starts[entity], block.shapes[entity]
        if entity in block.owners:
            counts = np.bincount(block.owners[entity], minlength=block.shapes[root][0])
            begins = np.concatenate(([0], np.cumsum(counts)[:-1]))[places]
            many = counts[places]
            whose = np.repeat(np.arange(last - first), many)
            offset = np.arange(len(whose)) - np.repeat(np.cumsum(many) - many, many)
            found.append(start + begins[whose] + offset)
            owners.append(first + whose)
        else:
            depth, width = shape
            found.append((start + places[:, None] + np.arange(depth) * width).ravel())
            owners.append(np.repeat(np.arange(first, last), depth))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(found), np.concatenate(owners)


def _blocks(root: str, count: int, counts: Mapping[str, Rows], block: int) -> Any:
    """About ``block`` members in each; a row with more than are summed in one go is a block alone, as a matrix."""
    ends = {entity: np.cumsum(c) for entity, c in counts.items()}
    first = 0
    while first < count:
        last = count
        for entity, end in ends.items():
            before = int(end[first - 1]) if first else 0
            last = min(last, max(first + 1, int(np.searchsorted(end, before + block, "right"))))
            long = np.flatnonzero(counts[entity][first:last] > RUN)
            if len(long):
                last = first + max(1, int(long[0]))
        starts = {root: first} | {e: int(end[first - 1]) if first else 0 for e, end in ends.items()}
        many = {e: int(end[last - 1]) - starts[e] for e, end in ends.items()}
        if last - first == 1:
            shapes: dict[str, tuple[int, ...]] = {root: (1,)}
            yield Block(starts, shapes | {e: (n, 1) for e, n in many.items()})
        else:
            owners = {e: np.repeat(np.arange(last - first), counts[e][first:last]) for e in ends}
            shapes = {root: (last - first,)}
            yield Block(starts, shapes | {e: (n,) for e, n in many.items()}, owners)
        first = last
