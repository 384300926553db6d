"""What remains of shared limits while rows draw on them in turn."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dsl.model import Read
from dsl.records import dataclass
from evaluator.columns import KNOWN
from evaluator.context import Context
from evaluator.error import GUARD, total
from evaluator.vector import Codes, Flags, Floats, Vector, some, tidy

LONG = 32  # a run of takes of one pool from which on it is subtracted pool by pool, and not turn by turn
_NEVER = np.iinfo(np.int64).max
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Takes:
    """What some rows in turn take: (w,) ``values``, 0 where that is unknown, for the reason in ``codes``. ``off``: how
    far a value may be off. ``all_left``: rows that take what is left, to the last bit and in exact numbers too."""

    values: Floats
    codes: Codes
    off: Floats
    all_left: Flags

    def first(self, count: int) -> "Takes":
        return Takes(self.values[:count], self.codes[:count], self.off[:count], self.all_left[:count])


@dataclass(frozen=True, slots=True)
class Before:
    """What remains of each row's pools, (w, k), when it is its turn, and what remains of the pools after all."""

    amounts: Floats
    off: Floats
    codes: Codes
    after: "Pools"


@dataclass(frozen=True, slots=True)
class Pools:
    """(P,) what remains of each pool, how far that may be off, and why it is unknown. The last is no pool: it is there
    for rows that have fewer than others, and has no end."""

    amounts: Floats
    off: Floats
    codes: Codes

    def left(self, ids: Places, lost: Codes) -> Vector:
        """What is left for rows in turn if none of them takes anything."""
        return least(self.amounts[ids], self.off[ids], self.codes[ids], lost)

    def drawn(self, ids: Places, takes: Takes) -> Before:
        """Goes through rows in turn, which take what they take of the pools (w, k) ``ids``."""
        w, k = ids.shape
        flat = ids.reshape(-1)
        order = np.argsort(flat, kind="stable")
        pool, row = flat[order], order // k
        starts = np.flatnonzero(np.concatenate(([True], pool[1:] != pool[:-1])))
        pools = pool[starts]
        lengths = np.diff(np.append(starts, len(pool)))
        segment = np.repeat(np.arange(len(starts)), lengths)
        values = takes.values[row]
        after = _subtracted(self.amounts[pools], values, starts, lengths)
        before = np.concatenate(([0.0], after[:-1]))
        before[starts] = self.amounts[pools]
        place = np.arange(len(pool))
        back = np.empty_like(order)
        back[order] = place
        steps = takes.off[row] + _rounding(before, values, after)
        sums = np.cumsum(steps)
        off = self.off[pools][segment] + np.maximum(sums - (sums - steps)[starts][segment], steps)
        emptied = takes.all_left & _one_least(before[back].reshape(w, k), off[back].reshape(w, k))
        emptied_at = _first(emptied[row] & (after == 0.0), segment, len(starts))
        off = np.where(place >= emptied_at[segment], 0.0, off)
        off_before = np.concatenate(([0.0], off[:-1]))
        off_before[starts] = self.off[pools]
        faulty = takes.codes[row] != KNOWN
        fault_at = _first(faulty, segment, len(starts))
        reason = takes.codes[row][np.minimum(fault_at, len(pool) - 1)]
        start = self.codes[pools]
        spoilt = np.where(start != KNOWN, start, reason)[segment]
        codes = np.where((start != KNOWN)[segment] | (place > fault_at[segment]), spoilt, KNOWN)
        ends = starts + lengths - 1
        done = Pools(self.amounts.copy(), self.off.copy(), self.codes.copy())
        done.amounts[pools], done.off[pools] = after[ends], off[ends]
        done.codes[pools] = np.where(start != KNOWN, start, np.where(fault_at < _NEVER, reason, KNOWN))
        done.amounts[-1], done.off[-1], done.codes[-1] = np.inf, 0.0, KNOWN
        shape = (w, k)
        endless = (flat == len(self.amounts) - 1).reshape(shape)
        return Before(
            np.where(endless, np.inf, before[back].reshape(shape)),
            np.where(endless, 0.0, off_before[back].reshape(shape)),
            np.where(endless, KNOWN, codes[back].reshape(shape)),
            done,
        )


def pools_of(
    reads: Sequence[Read], given: Sequence[Vector], rows: int, context: Context
) -> tuple[Pools, Places, Codes]:
    """What there is at first, (P,), the pools of each row, (n, k), and why those can't be found, (n,). ``given``: the
    columns of all that are read, then the links of those that are read through one."""
    columns, links = given[: len(reads)], iter(given[len(reads) :])
    starts: dict[tuple[str, str], int] = {}
    parts: list[Vector] = []
    ids = np.zeros((rows, len(reads)), dtype=np.int64)
    lost = np.full(rows, KNOWN, dtype=np.int64)
    size = 0
    for place, (read, column) in enumerate(zip(reads, columns, strict=True)):
        cell = (read.entity, read.column)
        if cell not in starts:
            starts[cell] = size
            parts.append(column.full(context.rows(read.entity) if read.links else 1))
            size += len(parts[-1].values)
        ids[:, place] = starts[cell]
        if read.links:
            link = next(links).full(rows)
            ids[:, place] += link.values
            if link.quality is not None:
                ids[link.quality != KNOWN, place] = -1
                lost = np.minimum(lost, link.quality)
    for place in range(1, len(reads)):
        again = (ids[:, :place] == ids[:, place : place + 1]).any(axis=1)
        ids[again, place] = -1
    ids[ids < 0] = size
    codes = [np.full(len(p.values), KNOWN) if p.quality is None else p.quality for p in parts]
    off = [np.broadcast_to(np.asarray(total(p)), p.values.shape) for p in parts]
    return (
        Pools(
            np.concatenate([*(p.values for p in parts), [np.inf]]),
            np.concatenate([*off, [0.0]]),
            np.concatenate([*codes, [KNOWN]]).astype(np.int64),
        ),
        ids,
        lost,
    )


def least(amounts: Floats, off: Floats, codes: Codes, lost: Codes) -> Vector:
    """(w,) the least of (w, k) ``amounts``, and never below zero; ``lost``: why a row's pools can't be found."""
    smallest = amounts.min(axis=1)
    left = np.maximum(smallest, 0.0)
    with np.errstate(invalid="ignore"):
        far = amounts - smallest[:, None] > GUARD * (off + off.max(axis=1)[:, None])
    bound = np.where(far, 0.0, off).max(axis=1)
    sharp = ((amounts <= 0.0) & (off == 0.0)).any(axis=1) | (smallest < -GUARD * bound)
    bound = np.where(sharp, 0.0, bound)
    quality = tidy(np.minimum(codes.min(axis=1), lost))
    if quality is not None:
        left, bound = np.where(quality == KNOWN, left, 0.0), np.where(quality == KNOWN, bound, 0.0)
    return Vector(left, quality, None, 0.0, bound if some(bound != 0.0) is not None else None)


def _one_least(amounts: Floats, off: Floats) -> Flags:
    """(w,) whether one of (w, k) amounts is the least beyond doubt, or all that are equal to it are so exactly."""
    if amounts.shape[1] == 1:
        return np.ones(len(amounts), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        near = ~(amounts - amounts.min(axis=1)[:, None] > GUARD * (off + off.max(axis=1)[:, None]))
    sole: Flags = (near.sum(axis=1) == 1) | (np.where(near, off, 0.0).max(axis=1) == 0.0)
    return sole


def _subtracted(amounts: Floats, takes: Floats, starts: Places, lengths: Places) -> Floats:
    """What remains after each take, segment by segment: each one after the other, as the language defines it."""
    after = np.empty_like(takes)
    long = lengths > LONG
    for amount, start, length in zip(
        amounts[long].tolist(), starts[long].tolist(), lengths[long].tolist(), strict=True
    ):
        line = np.concatenate(([amount], takes[start : start + length]))
        after[start : start + length] = np.subtract.accumulate(line)[1:]
    here, now, size = starts[~long], amounts[~long], lengths[~long]
    for turn in range(int(size.max(initial=0))):
        going = size > turn
        here, now, size = here[going], now[going], size[going]
        now = now - takes[here + turn]
        after[here + turn] = now
    return after


def _rounding(before: Floats, takes: Floats, after: Floats) -> Floats:
    """What a subtraction lost, which is a float64 itself (Knuth, Seminumerical Algorithms, 4.2.2, theorem B)."""
    with np.errstate(invalid="ignore"):
        back = after - before
        lost = np.abs((before - (after - back)) - (takes + back))
    return np.where(np.isfinite(lost), lost, 0.0)


def _first(flags: Flags, segment: Places, count: int) -> Places:
    """(count,) the first flagged place of each segment."""
    found = np.full(count, _NEVER, dtype=np.int64)
    places = np.flatnonzero(flags)
    which, first = np.unique(segment[places], return_index=True)
    found[which] = places[first]
    return found
