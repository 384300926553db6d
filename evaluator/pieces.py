"""Tables and curves as arrays: which row or piece a key leads to, and each piece's formula. Coefficients are exact
rationals, rounded once."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import numpy as np

from dsl.causes import Cause
from dsl.model import Exact
from dsl.records import dataclass
from evaluator.constants import ln
from evaluator.vector import Codes, Floats, Index

_DENSE = 1 << 24  # entries of a step table at most; beyond, it is searched


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One key: from a state (the rows that the keys before left) and a code of the key's value to the next state.

    ``=``: the code of a text is its number in ``texts``; others get ``len(texts)``. Bounds: the code is the number of
    ``bounds`` (sorted, of all states) below the value, or at or below it, by ``side``. -1: no row.
    """

    operator: str
    texts: dict[str, int]
    bounds: Floats
    rounded: bool  # whether a bound is not what is written, but the float64 nearest to it
    side: Literal["left", "right"]
    entries: Codes  # sorted: state * width + position in bounds or texts
    children: Index
    other: Index  # by state: where the entries give none
    dense: Index | None

    @property
    def width(self) -> int:
        return len(self.texts or self.bounds) + 2

    def next(self, state: Index | int, code: Index) -> Index:
        if self.dense is not None:
            dense: Index = self.dense.ravel().take(state * self.dense.shape[1] + code)
            return dense
        return self.search(np.asarray(state, dtype=np.int64), code)

    def search(self, state: Codes, code: Index) -> Index:
        """The next state, by binary search over all states' entries."""
        if self.operator in (">=", ">"):
            place = np.searchsorted(self.entries, state * self.width + code - 1, "right") - 1
        else:
            place = np.searchsorted(self.entries, state * self.width + code, "left")
        inside = (place >= 0) & (place < len(self.entries))
        place = np.where(inside, place, 0)
        entry = self.entries[place] if len(self.entries) else np.full(place.shape, -1)
        same = entry == state * self.width + code if self.operator == "=" else entry // self.width == state
        children = self.children[place] if len(self.entries) else place
        found: Index = np.where(inside & same, children, self.other[state])
        return found


def make_step(
    operator: str, positions: Sequence[Exact] | Sequence[str], entries: list[tuple[int, int, int]], other: list[int]
) -> Step:
    """``positions``: the distinct texts, or bounds in order; ``entries``: (state, position, next state)."""
    entries = sorted(entries)
    width = len(positions) + 2
    bounds = [p for p in positions if not isinstance(p, str)]
    texts = {p: i for i, p in enumerate(positions) if isinstance(p, str)}
    step = Step(
        operator,
        texts,
        np.array([float(b) for b in bounds]),
        any(isinstance(b, Fraction) and Fraction(float(b)) != b for b in bounds),
        "right" if operator in (">=", "<") else "left",
        np.array([s * width + p for s, p, _ in entries], dtype=np.int64),
        np.array([c for _, _, c in entries], dtype=np.int32),
        np.array(other, dtype=np.int32),
        None,
    )
    if len(other) * (width - 1) > _DENSE:
        return step
    states, codes = np.meshgrid(np.arange(len(other)), np.arange(width - 1), indexing="ij")
    return replace(step, dense=step.search(states, codes).astype(np.int32))


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """The steps of a table's keys, left to right; the last leads to a row, or to a group of rows."""

    steps: tuple[Step, ...]
    table: int


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The pieces of a line through points at rising x, for each group. Piece p starts at ``starts[p]``.

    ``outside``: as a curve's; ``ladder``: the last piece has no end, and below the first there is nothing. ``cause``
    and ``number``: the fault of being outside. ``low`` and ``high``: each group's first and last point.
    """

    step: Step
    starts: Floats
    low: Floats
    high: Floats
    outside: Literal["flat", "extended", "unknown", "ladder"]
    cause: Cause
    number: int
    positive: bool
    first: tuple[int, ...]  # by group: the number of the piece below its first point; the piece after it starts there


def make_segments(
    groups: Sequence[Sequence[Exact]], outside: str, cause: Cause, number: int, positive: bool = False
) -> Segments:
    """A group of m points has m + 1 pieces: below the first, between each two, and from the last on."""
    positions = sorted({x for group in groups for x in group})
    place = {x: i for i, x in enumerate(positions)}
    entries: list[tuple[int, int, int]] = []
    first: list[int] = []
    starts: list[Exact] = []
    for state, group in enumerate(groups):
        first.append(len(starts))
        entries += [(state, place[x], len(starts) + 1 + i) for i, x in enumerate(group)]
        starts += [group[0], *group]
    return Segments(
        make_step(">=", positions, entries, first),
        np.array([float(x) for x in starts]),
        np.array([float(g[0]) for g in groups]),
        np.array([float(g[-1]) for g in groups]),
        outside,  # type: ignore[arg-type]
        cause,
        number,
        positive,
        tuple(first),
    )


# -- formulas of pieces -----------------------------------------------------------------------

Points = Sequence[tuple[Fraction, Fraction]]


@dataclass(frozen=True, slots=True, eq=False)
class Polynomials:
    """Each piece: y + dx * (a + dx * (b + dx * c)) with dx = x - start, or ln(x / start) for a logarithmic curve.

    ``steep``: the steepest slope of the piece and its neighbours: how an error of x shows in the value.
    """

    start: Floats
    y: Floats
    a: Floats
    b: Floats | None
    c: Floats | None
    steep: Floats
    nonnegative: bool


_Piece = tuple[Fraction, Fraction, Fraction, Fraction, Fraction, Fraction]  # start, y, a, b, c, steepest slope


def polynomials(groups: Sequence[Sequence[_Piece]]) -> Polynomials:
    """From each group's pieces in order."""
    pieces = [p for group in groups for p in group]
    steep: list[Fraction] = []
    for group in groups:
        slopes = [p[5] for p in group]
        steep += [max(slopes[max(i - 1, 0) : i + 2]) for i in range(len(slopes))]
    columns = [np.array([float(p[k]) for p in pieces]) for k in range(5)]
    cubic = any(p[3] or p[4] for p in pieces)
    rising = all(p[1] >= 0 and p[2] >= 0 for p in pieces) and not cubic
    return Polynomials(
        columns[0], columns[1], columns[2], columns[3] if cubic else None, columns[4] if cubic else None,
        np.array([float(s) for s in steep]), rising,
    )  # fmt: skip


def line(x: Fraction, y: Fraction, slope: Fraction) -> _Piece:
    return x, y, slope, Fraction(0), Fraction(0), abs(slope)


def ladder(bounds: Sequence[Fraction], rates: Sequence[Fraction]) -> list[_Piece]:
    """The pieces of a marginal column: what the brackets below give, and the rate of this one."""
    pieces, base = [line(bounds[0], Fraction(0), Fraction(0))], Fraction(0)
    for i, (bound, rate) in enumerate(zip(bounds, rates, strict=True)):
        if i:
            base += rates[i - 1] * (bound - bounds[i - 1])
        pieces.append(line(bound, base, rate))
    return pieces


def halves(xs: Sequence[Fraction]) -> list[Fraction]:
    """The points, and the middle between each two: a piece's formula starts at the nearer of its ends, where its error
    is smallest, so that a value that falls to zero keeps its digits."""
    between = [(a + b) / 2 for a, b in pairwise(xs)]
    return sorted([*xs, *between])


def chords(points: Points, outside: str, logarithmic: bool = False, halved: bool = False) -> list[_Piece]:
    """The pieces of straight lines through points, straight in ln x for ``logarithmic``."""
    slopes = [(b[1] - a[1]) / (ln(b[0] / a[0]) if logarithmic else b[0] - a[0]) for a, b in pairwise(points)]
    ends = (slopes[0], slopes[-1]) if slopes and outside == "extended" else (Fraction(0), Fraction(0))
    inner = []
    for (left, right), slope in zip(pairwise(points), slopes, strict=True):
        inner += [line(*left, slope), line(*right, slope)] if halved else [line(*left, slope)]
    return [line(*points[0], ends[0]), *inner, line(*points[-1], ends[1])]


def hermite(points: Points, outside: str) -> list[_Piece]:
    """The pieces, halved, of the monotone cubic through points. Source: Fritsch and Butland 1984, as in PCHIP."""
    widths = [b[0] - a[0] for a, b in pairwise(points)]
    rises = [(b[1] - a[1]) / w for (a, b), w in zip(pairwise(points), widths, strict=True)]
    slopes = _slopes(widths, rises)
    ends = (slopes[0], slopes[-1]) if outside == "extended" else (Fraction(0), Fraction(0))
    pieces = [line(*points[0], ends[0])]
    for i, (width, rise) in enumerate(zip(widths, rises, strict=True)):
        d0, d1 = slopes[i], slopes[i + 1]
        steep, cube = abs(d0) + abs(d1) + 3 * abs(rise), (d0 + d1 - 2 * rise) / width**2
        pieces.append((*points[i], d0, (3 * rise - 2 * d0 - d1) / width, cube, steep))
        pieces.append((*points[i + 1], d1, (d0 + 2 * d1 - 3 * rise) / width, cube, steep))
    return [*pieces, line(*points[-1], ends[1])]


def _slopes(widths: Sequence[Fraction], rises: Sequence[Fraction]) -> list[Fraction]:
    if not rises:
        return [Fraction(0)]
    if len(rises) == 1:
        return [rises[0], rises[0]]
    slopes = [_end(widths[0], widths[1], rises[0], rises[1])]
    for i in range(1, len(rises)):
        left, right = 2 * widths[i] + widths[i - 1], widths[i] + 2 * widths[i - 1]
        flat = rises[i - 1] * rises[i] <= 0
        slopes.append(Fraction(0) if flat else (left + right) / (left / rises[i - 1] + right / rises[i]))
    return [*slopes, _end(widths[-1], widths[-2], rises[-1], rises[-2])]


def _end(width: Fraction, next_width: Fraction, rise: Fraction, next_rise: Fraction) -> Fraction:
    raw = ((2 * width + next_width) * rise - width * next_rise) / (width + next_width)
    if raw * rise <= 0:
        return Fraction(0)
    if rise * next_rise <= 0 and abs(raw) > 3 * abs(rise):
        return 3 * rise
    return raw


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Constants by row or piece: float64, int32 (labels) or bool. ``relative``: their error of being rounded."""

    values: Floats | Index
    relative: float
    once: bool


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Row numbers by piece, or by the sum of two."""

    rows: Index
