"""Which piece a number lies on, by arithmetic instead of a search: from the bits of its exponent and first digits."""

from collections.abc import Iterable

import numpy as np

from dsl.records import dataclass
from evaluator.pieces import Segments
from evaluator.vector import Floats, Index

_EXPONENT = 52  # where the exponent begins in a float64
_MOST = 1 << 18  # cells of all groups at most


@dataclass(frozen=True, slots=True, eq=False)
class Bits:
    """Numbers from zero on are cut into cells, ``1 << shift`` floats in each; the first and last have no end. Group g
    has ``count`` cells from ``g * count`` on: the piece on which the cell begins, and the bound in it where the next
    begins, infinite where there is none. ``starts``: by group, what is added to a number's cell of all cells."""

    shift: int
    base: int
    count: int
    pieces: Index
    bounds: Floats
    starts: Index


def bits_of(segments: Segments) -> Bits | None:
    """None where two bounds of a group are too near to each other, or there are too many."""
    dense, bounds = segments.step.dense, segments.step.bounds
    if dense is None:
        return None
    turns = [np.flatnonzero(row[1:] != row[:-1]) for row in dense]
    turns = [t[bounds[t] > 0.0] for t in turns]
    one_by_one = all(bool((row[t + 1] == row[t] + 1).all()) for row, t in zip(dense, turns, strict=True))
    if not any(len(t) for t in turns) or not one_by_one:
        return None
    for shift in range(_EXPONENT, _EXPONENT - 7, -1):
        keys = [bounds[t].view(np.int64) >> shift for t in turns]
        if all(bool(np.diff(np.sort(k)).all()) for k in keys):
            return _table(segments, shift, keys, turns)
    return None


def _table(segments: Segments, shift: int, keys: list[Index], turns: Iterable[Index]) -> Bits | None:
    dense, bounds = segments.step.dense, segments.step.bounds
    assert dense is not None
    base = int(min(k.min() for k in keys if len(k))) - 1
    count = int(max(k.max() for k in keys if len(k))) - base + 2
    if count * len(keys) > _MOST:
        return None
    edges = ((np.arange(count, dtype=np.int64) + base) << shift).view(np.float64)
    edges[0] = 0.0
    pieces = np.array([row[np.searchsorted(bounds, edges, "right")] for row in dense], dtype=np.int64)
    inside = np.full((len(keys), count), np.inf)
    for group, (key, turn) in enumerate(zip(keys, turns, strict=True)):
        found = bounds[turn]
        later = found > edges[key - base]
        inside[group, (key - base)[later]] = found[later]
    starts = np.arange(len(keys), dtype=np.int64) * count - base
    return Bits(shift, base, count, pieces.ravel(), inside.ravel(), starts)
