"""The order in which rows draw: by a number, ties by the row's key; where floats don't say who is first, exactly."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cmp_to_key

import numpy as np
import numpy.typing as npt

from dsl.model import Exact
from dsl.records import dataclass
from evaluator.columns import KNOWN, Quality
from evaluator.error import GUARD, HALF_UNIT, total
from evaluator.exact import compare
from evaluator.graph import Node
from evaluator.places import Result, Unknown, number
from evaluator.vector import Codes, Floats, Vector

_BY_NUMBER = cmp_to_key(compare)
Rows = npt.NDArray[np.intp]
Exactly = Callable[[int], Result]  # the order of a row


@dataclass(frozen=True, slots=True)
class Queue:
    """The rows of a draw in their order, (m,), and what was left for each; ``codes`` say why that is unknown."""

    rows: Codes
    left: Floats
    codes: Codes

    def left_at(self, place: int) -> Result:
        if self.codes[place] != KNOWN:
            return Unknown(int(self.codes[place]))
        left = float(self.left[place])
        return left if np.isinf(left) else Fraction(left)

    @staticmethod
    def of(rows: Sequence[int], left: Mapping[int, Result]) -> "Queue":
        """The same from what the reference interpreter found; what it was not asked for is 0."""
        found = [left.get(row, Fraction(0)) for row in rows]
        values = [0.0 if isinstance(v, Unknown) else float(number(v)) for v in found]
        codes = [v.code if isinstance(v, Unknown) else KNOWN for v in found]
        return Queue(np.array(rows, dtype=np.int64), np.array(values), np.array(codes, dtype=np.int64))


def queue(rows: Rows, order: Vector, read: bool, keys: Sequence[str], exactly: Exactly) -> tuple[Rows, Rows, Codes]:
    """The ``rows`` in their order; those whose order is unknown, and why. ``read``: the order is an input as it is
    written, so that equal floats are equal numbers."""
    values, off, quality = _decided(rows, order, exactly)
    there = quality == KNOWN
    unordered = rows[~there]
    line, values, off = rows[there], values[there], off[there]
    sorting = np.argsort(values, kind="stable")
    line, values, off = line[sorting], values[sorting], off[sorting]
    with np.errstate(invalid="ignore"):
        gap = values[1:] - values[:-1]
    tied = values[1:] == values[:-1]
    near = tied if order.once else tied | (gap <= GUARD * (off[1:] + off[:-1]))
    for first, last in _runs(near):
        members = line[first:last].tolist()
        same = bool(tied[first : last - 1].all())
        if same and (read or not off[first:last].any() or np.isinf(values[first])):
            members.sort(key=keys.__getitem__)
        else:
            members = _exactly_sorted(members, keys, exactly)
        line[first:last] = members
    return line, unordered, quality[~there]


def is_read(node: Node) -> bool:
    """Whether a number is an input as it is written, maybe through a link or with its sign turned."""
    return node.op == "input" or (node.op in ("neg", "gather") and is_read(node.args[-1]))


def _decided(rows: Rows, order: Vector, exactly: Exactly) -> tuple[Floats, Floats, Quality]:
    """The rows' numbers, how far they may be off, and why they are unknown; those in doubt decided."""
    values = order.values[rows].astype(np.float64)
    off = np.broadcast_to(np.asarray(total(order), dtype=np.float64), order.values.shape)[rows].copy()
    quality = np.full(len(rows), KNOWN, dtype=np.int64) if order.quality is None else order.quality[rows]
    if order.doubt is not None:
        for place in np.flatnonzero(order.doubt[rows]).tolist():
            found = exactly(int(rows[place]))
            if isinstance(found, Unknown):
                values[place], off[place], quality[place] = 0.0, 0.0, found.code
            else:
                values[place] = float(number(found))
                off[place], quality[place] = abs(values[place]) * HALF_UNIT, KNOWN
        off[np.isinf(values)] = 0.0
    return values, off, quality


def _runs(near: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where neighbours are near each other: the first place of each run, and the one after its last."""
    padded = np.concatenate(([False], near, [False])).astype(np.int8)
    edges = np.flatnonzero(np.diff(padded))
    return [(int(first), int(last) + 1) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def _exactly_sorted(members: list[int], keys: Sequence[str], exactly: Exactly) -> list[int]:
    places: list[tuple[Exact, str, int]] = [(number(exactly(row)), keys[row], row) for row in members]
    places.sort(key=lambda place: (_BY_NUMBER(place[0]), place[1]))
    return [row for _, _, row in places]
