"""The rows that lead to a row, as groups: their sums, counts and smallest codes.

Sums run left to right in the file's row order in runs of 65,536 members of a group, then over the runs' totals; neither
blocks nor threads can change a bit of that.
"""

import numpy as np
import numpy.typing as npt

from dsl.records import dataclass
from evaluator.columns import KNOWN, Column, Quality
from evaluator.sorting import by_number
from evaluator.vector import Codes, Flags, Floats, tidy

RUN = 65_536
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The members of each of ``count`` rows. ``index``: (n,) each member's row, ``count`` for members of nobody.
    ``strays``: whether there are any of those. ``sizes``: (count,). ``runs``: (n,) each member's run and (runs,) each
    run's row, where a group is longer than one."""

    index: Rows
    count: int
    sizes: Codes
    runs: tuple[Rows, Rows] | None
    strays: bool


def groups_of(link: Column, count: int) -> Groups:
    """The members of each of ``count`` rows that a link leads to."""
    index = link.values.astype(np.intp, copy=False)
    member = index >= 0
    if link.unknown_count():
        member &= link.known()
    return make_groups(index if member.all() else np.where(member, index, count), count)


def make_groups(index: Rows, count: int) -> Groups:
    many = np.bincount(index, minlength=count + 1)
    sizes, strays = many[:count].astype(np.int64), bool(many[count])
    if not len(sizes) or int(sizes.max()) <= RUN:
        return Groups(index, count, sizes, None, strays)
    order = by_number(index)
    starts = np.concatenate(([0], np.cumsum(many)[:-1]))
    rank = np.empty(len(index), dtype=np.intp)
    rank[order] = np.arange(len(index)) - starts[index[order]]
    lengths = np.append((sizes + RUN - 1) // RUN, 1)
    first = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    runs = np.where(index < count, first[index] + rank // RUN, first[-1])
    return Groups(index, count, sizes, (runs, np.repeat(np.arange(count + 1), lengths)), strays)


def sums(groups: Groups, weights: Floats, room: Floats | None = None) -> Floats:
    """(count,) float64: each group's sum, in the fixed order; + 0.0 so that no sum is minus zero. ``room``:
    where to."""
    if groups.runs is None and not groups.strays:
        return _added(groups.index, weights, np.empty(groups.count) if room is None else room)
    index, count = groups.index, groups.count
    if groups.runs is not None:
        runs, index = groups.runs
        weights = _added(runs, weights, np.empty(len(index)))
    found = _added(index, weights, np.empty(count + 1))[:count]
    return found if room is None else np.add(found, 0.0, out=room)


def _added(index: Rows, weights: Floats, found: Floats) -> Floats:
    """``found``: the sum of each index, left to right."""
    found.fill(0.0)
    np.add.at(found, index, weights)  # one after the other, like bincount, which looks at every index before
    return np.add(found, 0.0, out=found)


def any_of(groups: Groups, flags: Flags) -> Flags:
    """(count,) whether a group has a flagged member."""
    found = np.zeros(groups.count + 1, dtype=np.bool_)
    found[groups.index[flags]] = True
    return found[: groups.count]


def counts_of(groups: Groups, flags: Flags | None) -> Codes:
    """(count,) how many flagged members a group has; None for all."""
    if flags is None:
        return groups.sizes
    return np.bincount(groups.index[flags], minlength=groups.count + 1)[: groups.count].astype(np.int64)


def least_of(groups: Groups, quality: Quality) -> Quality | None:
    """(count,) the smallest code of each group."""
    found = np.full(groups.count + 1, KNOWN, dtype=np.int64)
    unknown = np.flatnonzero(quality != KNOWN)
    np.minimum.at(found, groups.index[unknown], quality[unknown])
    return tidy(found[: groups.count])
