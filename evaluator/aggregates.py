"""Kernels of aggregates: over the members of each row, all of them or those that ``where`` takes."""

from collections.abc import Sequence

import numpy as np

from dsl.causes import Cause
from dsl.records import dataclass
from evaluator.columns import KNOWN, Quality
from evaluator.context import PAIR, Context
from evaluator.error import GUARD, HALF_UNIT, ONE_STEP, plus, total
from evaluator.graph import Node
from evaluator.groups import RUN, Groups, Rows, any_of, counts_of, least_of, make_groups, sums
from evaluator.kernels import Kernel
from evaluator.vector import Codes, Flags, Floats, Vector, clean, doubts, either, some, tidy


def _groups(node: Node, args: Sequence[Vector], context: Context) -> Groups:
    """The groups of the node's links, made once for all aggregates over them."""
    entity, _, linked = node.attrs
    assert isinstance(entity, str)
    rows, count = context.rows(entity), context.rows(node.grain)
    key = ("groups", node.args[-1].id, node.grain) if linked else ("groups", entity)
    if key not in context.memo:
        index = np.zeros(rows, dtype=np.intp)
        if linked:
            link = args[-1].full(rows)
            member = link.values >= 0
            if link.quality is not None:
                member = member & (link.quality == KNOWN)
            index = link.values.astype(np.intp, copy=False) if member.all() else np.where(member, link.values, count)
        context.memo[key] = make_groups(index, count if linked else 1)
    found = context.memo[key]
    assert isinstance(found, Groups)
    return found


@dataclass(slots=True)
class Members:
    """One aggregate's members: ``value`` at each, ``counted`` those that ``where`` takes (None: all), and per group the
    quality and doubt that they give the result."""

    groups: Groups
    value: Vector
    counted: Flags | None
    quality: Quality | None
    doubt: Flags | None

    @property
    def weights(self) -> Floats:
        """The values, 0 for members that don't count."""
        return self.value.values if self.counted is None else np.where(self.counted, self.value.values, 0.0)


def members_of(node: Node, args: Sequence[Vector], context: Context) -> Members:
    entity, filtered, _ = node.attrs
    assert isinstance(entity, str)
    groups, rows = _groups(node, args, context), context.rows(entity)
    value, counted = args[0].full(rows), None
    quality, unsure = value.quality, value.doubt
    if filtered:
        where = args[1].full(rows)
        counted = where.values
        if where.quality is not None:
            counted = counted & (where.quality == KNOWN)
        if quality is not None:
            asked = counted if where.quality is None else counted | (where.quality != KNOWN)
            quality = np.where(asked, quality, KNOWN)
        if where.quality is not None:
            quality = where.quality if quality is None else np.minimum(quality, where.quality)
        unsure = where.doubt if unsure is None else either(where.doubt, unsure & (counted | _flags(where.doubt, rows)))
    worst = None if quality is None else least_of(groups, quality)
    return Members(groups, value, counted, worst, None if unsure is None else some(any_of(groups, unsure)))


def _flags(flags: Flags | None, rows: int) -> Flags:
    return np.zeros(rows, dtype=np.bool_) if flags is None else flags


def _result(node: Node, members: Members, values: Floats, context: Context, empty: Flags | None = None) -> Vector:
    quality = members.quality
    if empty is not None and empty.any():
        quality = context.fault(node, Cause.EMPTY, empty, quality)
    return Vector(clean(values, quality), quality, members.doubt)


def _sum(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    members = members_of(node, args, context)
    values = sums(members.groups, members.weights)
    if not np.isfinite(values).all() or node.args[0].facts.infinite:
        infinite = any_of(members.groups, np.isinf(members.weights))
        members.quality = context.fault(node, Cause.OVERFLOW, infinite | ~np.isfinite(values), members.quality)
    result = _result(node, members, values, context)
    if context.tracks(node):
        result.relative, result.absolute = _sum_bound(node, members, result, context)
    return result


def _sum_bound(node: Node, members: Members, result: Vector, context: Context) -> tuple[float, Floats | None]:
    """Each addition is off by half a unit of what is summed so far, so by no more than of the sum of sizes."""
    groups, value, weights = members.groups, members.value, members.weights
    longest = context.facts.get(("longest", node.attrs[0], node.grain)) or int(groups.sizes.max(initial=0))
    steps = (min(longest, RUN) + longest // RUN + 1) * HALF_UNIT
    off = None if value.absolute is None else value.absolute
    if off is not None and members.counted is not None:
        off = np.where(members.counted, off, 0.0)
    absolute = None if off is None else sums(groups, off)
    relative = 0.0 if value.exact and _small_whole(node, members, context) else value.relative + steps
    if node.args[0].facts.nonnegative or relative == 0.0:
        return relative, absolute
    sizes = np.minimum(groups.sizes, RUN) + groups.sizes // RUN
    sizes_sum = sums(groups, np.abs(weights))
    absolute = plus(absolute, (value.relative + sizes * HALF_UNIT) * sizes_sum)
    return ONE_STEP, None if absolute is None else np.where(np.isfinite(absolute), absolute, 0.0)


def _small_whole(node: Node, members: Members, context: Context) -> bool:
    """Whether all are whole and far from 2^53, so that sums are exact."""
    weights = members.weights
    whole, most = context.facts.get(("whole", node.id), (True, 0.0))  # of the rows that aren't here
    if not whole or not bool((np.rint(weights[:256]) == weights[:256]).all()):
        return False
    return bool((np.rint(weights) == weights).all()) and most + float(np.abs(weights).sum()) < 2.0**52


def _mean(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    result = _sum(node, args, context)
    members = members_of(node, args, context)
    counts = counts_of(members.groups, members.counted)
    safe = np.maximum(counts, 1).astype(np.float64)
    quality = context.fault(node, Cause.EMPTY, counts == 0, result.quality)
    absolute = None if result.absolute is None else result.absolute / safe
    return Vector(clean(result.values / safe, quality), quality, result.doubt, result.relative + ONE_STEP, absolute)


def _extreme(ufunc: np.ufunc, start: float) -> Kernel:
    def kernel(node: Node, args: Sequence[Vector], context: Context) -> Vector:
        members = members_of(node, args, context)
        groups, values = members.groups, members.value.values
        found = np.full(groups.count + 1, start)
        index = groups.index
        if members.counted is not None:
            index, values = index[members.counted], values[members.counted]
        ufunc.at(found, index, values)
        counts = counts_of(groups, members.counted)
        result = _result(node, members, found[: groups.count], context, counts == 0)
        if context.tracks(node):
            value = members.value
            result.relative, result.once = value.relative, value.once
            if value.absolute is not None:
                off = np.broadcast_to(np.asarray(value.absolute), members.value.values.shape)
                worst = np.zeros(groups.count + 1)
                np.maximum.at(worst, index, off if members.counted is None else off[members.counted])
                result.absolute = worst[: groups.count]
        return result

    return kernel


def _count(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    members = members_of(node, args, context)
    return _result(node, members, _yes(members).astype(np.float64), context)


def _yes(members: Members) -> Codes:
    """How many of each group's members fulfil the condition."""
    yes = members.value.values
    return counts_of(members.groups, yes if members.counted is None else yes & members.counted)


def _share(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    members = members_of(node, args, context)
    counts = counts_of(members.groups, members.counted)
    shares = _yes(members) / np.maximum(counts, 1)
    result = _result(node, members, shares, context, counts == 0)
    result.relative = ONE_STEP
    return result


def _quantifier(decisive: bool) -> Kernel:
    """``any`` (decided by a yes) and ``all`` (decided by a no)."""

    def kernel(node: Node, args: Sequence[Vector], context: Context) -> Vector:
        members = members_of(node, args, context)
        value = members.value
        deciding: Flags = value.values == decisive
        if value.quality is not None:
            deciding = deciding & (value.quality == KNOWN)
        if members.counted is not None:
            deciding = deciding & members.counted
        decided = any_of(members.groups, deciding)
        quality, unsure = members.quality, members.doubt
        if quality is not None:
            quality = tidy(np.where(decided, KNOWN, quality))
        if unsure is not None:
            blurred = doubts(*args[: 2 if node.attrs[1] else 1])
            sharp = deciding if blurred is None else deciding & ~blurred
            unsure = some(unsure & ~any_of(members.groups, sharp))
        return Vector(clean(decided if decisive else ~decided, quality), quality, unsure)

    return kernel


def _first(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """The value in the member whose order is smallest; in doubt where another may be."""
    entity, filtered, _ = node.attrs
    assert isinstance(entity, str)
    place = 2 if filtered else 1
    rows = context.rows(entity)
    by, value = args[place].full(rows), args[0].full(rows)
    members = members_of(node, [by, *args[1:]], context)
    groups = members.groups
    counted = np.flatnonzero(groups.index < groups.count)
    if members.counted is not None:
        counted = counted[members.counted[counted]]
    index, values = groups.index[counted], by.values[counted]
    order = np.lexsort((values, index))
    if ((np.diff(index[order]) == 0) & (np.diff(values[order]) == 0)).any():
        order = np.lexsort((_key_ranks(entity, context)[counted], values, index))
    starts = order[np.flatnonzero(np.diff(index[order], prepend=-1))]
    best = np.zeros(groups.count, dtype=np.intp)
    best[index[starts]] = counted[starts]
    empty = np.ones(groups.count, dtype=np.bool_)
    empty[index] = False
    if not rows:
        value = Vector(np.zeros(1, dtype=value.values.dtype))
    taken = value.at(best, max(rows, 1))
    quality = members.quality
    if taken.quality is not None:
        own = np.where(empty, KNOWN, taken.quality)
        quality = own if quality is None else np.where(quality == KNOWN, own, quality)
    quality = tidy(context.fault(node, Cause.EMPTY, empty, quality))
    doubt = either(members.doubt, taken.doubt, _rivals(node.args[place], by, groups, counted, best))
    return Vector(clean(taken.values, quality), quality, doubt, taken.relative, taken.absolute, taken.once)


def _rivals(node: Node, by: Vector, groups: Groups, counted: Rows, best: Rows) -> Flags | None:
    """(count,) whether a member is so close to the first that floating point doesn't tell which is."""
    if by.exact or (by.once and node.op == "input"):
        return None
    bound = np.broadcast_to(np.asarray(total(by)), by.values.shape)
    first = best[groups.index[counted]]
    near = by.values[counted] - by.values[first] <= GUARD * (bound[counted] + bound[first])
    found = np.zeros(groups.count + 1, dtype=np.bool_)
    found[groups.index[counted[near & (counted != first)]]] = True
    return some(found[: groups.count])


def _key_ranks(entity: str, context: Context) -> Rows:
    """(rows,) the place of each row's key among all, in the order of their characters."""
    block = context.block if entity == PAIR else None
    inner = entity if block is None else block.inner
    if inner not in context.ranks:
        keys = list(context.book.tables[inner].keys)
        ranks = np.empty(len(keys), dtype=np.intp)
        ranks[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
        context.ranks[inner] = ranks
    found: Rows = context.ranks[inner]
    return found if block is None else found[block.right]


AGGREGATES: dict[str, Kernel] = {
    "agg_sum": _sum,
    "agg_mean": _mean,
    "agg_min": _extreme(np.minimum, np.inf),
    "agg_max": _extreme(np.maximum, -np.inf),
    "agg_count": _count,
    "agg_share": _share,
    "agg_any": _quantifier(True),
    "agg_all": _quantifier(False),
    "agg_first": _first,
}
