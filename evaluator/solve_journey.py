"""From where a number is, step by step to where its condition comes to hold: each copy of the book on its own way."""

from collections.abc import Callable

import numpy as np

from dsl.records import dataclass
from evaluator.solve_copies import Rows
from evaluator.solve_walk import Walk
from evaluator.vector import Flags, Floats

MOST_TURNS, FEWEST_TURNS = 2_000, 100
_WORK = 50_000_000  # rows looked at, beyond which the fewest turns have to do
_STEP = 2.0**-45  # how far beyond a turn is looked, of the number's size
_ENOUGH = 0.5  # as long as this part of the copies is on its way, none is left behind


@dataclass(frozen=True, slots=True)
class Journey:
    """By copy (n,): the value ``found``, ``nan`` where there is none. ``curved``: not followed to the end, because
    something moves in ways that aren't followed; ``doubt``: where floating point doesn't say."""

    found: Floats
    curved: Flags
    doubt: Flags


def journey(
    walk: Walk, again: Callable[[Rows], Walk], start: Floats, direction: float, end: Floats, size: Floats
) -> Journey:
    """From ``start`` up (1) or down (-1) to ``end``, which may be infinite; ``size``: of the numbers. ``again`` makes a
    walk of some of the copies."""
    count = len(start)
    found = np.full(count, np.nan)
    curved, doubt = np.zeros(count, dtype=np.bool_), walk.tied(start, direction)
    way = np.flatnonzero(~doubt)  # the copies on their way
    here = start.copy()  # the last turn
    from_ = start.copy()  # where it is looked from
    stride = np.full(count, _STEP)
    held = np.zeros(count, dtype=np.bool_)  # whether the condition held at the last turn
    inside = np.arange(count)  # the copies that the walk is over
    for _ in range(max(FEWEST_TURNS, min(MOST_TURNS, _WORK // max(walk.over.total, 1)))):
        if not len(way):
            return Journey(found, curved, doubt)
        if len(way) < _ENOUGH * len(inside):
            walk, inside = again(way), way
        place = np.searchsorted(inside, way)
        at = start[inside].copy()
        scale = np.maximum(np.maximum(np.abs(from_[way]), size[way]), 1e-300)
        looked = from_[way] + direction * stride[way] * scale
        at[place] = looked
        seen = walk.look(at, direction)
        holds, ahead, ends = seen.holds[place], seen.ahead[place], seen.at[place]
        lost, unsure = seen.curved[place], seen.doubt[place]
        past = direction * (looked - end[way]) >= 0.0
        next_ = looked + direction * ahead
        beyond = ~np.isfinite(next_) | (direction * (next_ - end[way]) > scale * 4 * _STEP)
        slow = ahead <= 8 * stride[way] * scale  # the same turn again: floats haven't come past it
        touched = held[way] & ~holds & ~slow  # at the very turn it held, and not beyond
        doubtful = (unsure & ~past) | (touched & ~lost)
        arrived = holds & ~(lost | doubtful | past)
        found[way[arrived]] = here[way[arrived]]
        curved[way[lost & ~doubtful]] = True
        doubt[way[doubtful]] = True
        on = ~(holds | lost | doubtful | past)
        last = on & ~beyond & (direction * (next_ - end[way]) > -scale * 4 * _STEP)  # a turn where the range ends
        doubt[way[last & ends]] = True
        on &= ~beyond & ~last
        moved = way[on & ~slow]
        here[moved] = next_[on & ~slow]
        stride[moved] = _STEP
        stride[way[on & slow]] *= 4.0
        from_[way[on]] = next_[on]
        held[way[on]] = ends[on]
        way = way[on]
    curved[way] = True
    return Journey(found, curved, doubt)
