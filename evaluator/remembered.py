"""The piece of a line that each row was on in the evaluation before: it is looked at first, and looked up only where
the row has left it.

From one evaluation to the next, few positions pass from one bracket to another. To see whether a number is still on its
piece takes two comparisons; to find the piece takes eight passes and five reads from tables. The first evaluation keeps
none of it, since nobody knows whether there will be another one.
"""

from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.bits import Bits
from evaluator.pieces import Polynomials, Segments

COLUMNS = ("start", "end", "rate", "height")
_SOME = 1 << 13  # rows that are looked up at once where nothing is kept


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """A line in pieces of which each begins where the one before ends, from zero on. ``starts``: by what leads to a
    group, what is added to a number's cell. ``ends``: by piece."""

    bits: Bits
    starts: Any
    pieces: Polynomials
    ends: Any

    def columns(self, rows: int) -> dict[str, Any]:
        """For so many rows, (rows,) each: none is on a piece yet."""
        found = {name: np.zeros(rows) for name in COLUMNS}
        found["end"].fill(-1.0)
        return found

    def look_up(self, x: Any, state: Any, left: Any, columns: tuple[Any, ...], offset: Any) -> None:
        """For the rows (a mask) that left their piece: ``columns`` as ``COLUMNS`` names them, and x - start."""
        rows = np.flatnonzero(left)
        numbers = x.reshape(-1).take(rows)
        piece = self._pieces(numbers, state.reshape(-1).take(rows))
        tables = self.pieces.start, self.ends, self.pieces.a, self.pieces.y
        for column, table in zip(columns, tables, strict=True):
            column.reshape(-1)[rows] = table.take(piece, mode="wrap")
        offset.reshape(-1)[rows] = numbers - columns[0].reshape(-1).take(rows)

    def values(self, x: Any, state: Any, out: Any) -> None:
        """The line's value at each x, of which nothing is kept."""
        x, state, out = x.reshape(-1), state.reshape(-1), out.reshape(-1)
        for first in range(0, len(x), _SOME):
            part = slice(first, first + _SOME)
            piece = self._pieces(x[part], state[part])
            offset = np.subtract(x[part], self.pieces.start.take(piece, mode="wrap"), out[part])
            np.multiply(offset, self.pieces.a.take(piece, mode="wrap"), offset)
            np.add(self.pieces.y.take(piece, mode="wrap"), offset, offset)

    def _pieces(self, numbers: Any, state: Any) -> Any:
        bits = self.bits
        cell = np.clip(numbers.view(np.int64) >> bits.shift, bits.base, bits.base + bits.count - 1)
        cell += self.starts.take(state, mode="wrap")
        return bits.pieces.take(cell, mode="wrap") + (numbers >= bits.bounds.take(cell, mode="wrap"))


def ladder(segments: Segments, bits: Bits, starts: Any, pieces: Polynomials) -> Ladder | None:
    """None where a piece doesn't begin where the one before ends."""
    dense, bounds = segments.step.dense, segments.step.bounds
    if dense is None or pieces.b is not None or len(pieces.start) != int(dense.max()) + 1:
        return None
    ends = np.full(len(pieces.start), np.inf)
    for row in dense:
        turns = np.flatnonzero(row[1:] != row[:-1])
        ends[row[turns]] = bounds[turns]
        if not bool((pieces.start[row[turns + 1]] == bounds[turns]).all()) or pieces.start[row[0]] > 0.0:
            return None
    return Ladder(bits, starts, pieces, ends)
