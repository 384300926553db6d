"""A table's keys as arrays: the ways through them to groups of rows, and axes and grids to interpolate on."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from dsl.model import Exact
from dsl.records import dataclass
from evaluator import pieces
from evaluator.pieces import Polynomials, Rows, Search, Segments, Step, make_step
from evaluator.scope import Lowered
from evaluator.vector import Index


@dataclass(slots=True)
class Keys:
    """A table's keys, read once. ``groups``: the rows that each way through the searched keys leaves."""

    search: Search
    groups: list[list[int]]
    cells: list[list[Exact | str | None]]  # by row and key
    faulty: list[Lowered]  # bounds that can't be computed: they make every call unknown


@dataclass(frozen=True, slots=True)
class Axis:
    """One ``~`` key, or a ladder: its pieces, and for each of them the rows at its ends and how far between x is."""

    segments: Segments
    low: Rows
    high: Rows
    along: Polynomials


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """All groups' grids, flattened: ``flat[starts[g] + i * strides[0][g] + j * strides[1][g]]`` is a row's number."""

    flat: Rows
    starts: Index
    strides: tuple[Index, ...]


def make_grid(keys: Keys, axes: Sequence[int]) -> Grid:
    flat: list[int] = []
    starts, widths = [], []
    for group in keys.groups:
        values = [sorted({exact_of(keys.cells[r][i]) for r in group}) for i in axes]
        rows = {tuple(exact_of(keys.cells[r][i]) for i in axes): r for r in reversed(group)}
        starts.append(len(flat))
        widths.append(len(values[1]) if len(axes) > 1 else 1)
        if len(axes) == 1:
            flat += [rows[a,] for a in values[0]]
        else:
            flat += [rows[a, b] for a in values[0] for b in values[1]]
    width = np.array(widths, dtype=np.int64)
    return Grid(Rows(np.array(flat, dtype=np.int64)), np.array(starts, dtype=np.int64), (width, np.ones_like(width)))


def axis_groups(axis: Axis) -> Index:
    """(pieces,) the group of each piece."""
    first = np.array(axis.segments.first, dtype=np.int64)
    return np.searchsorted(first, np.arange(len(axis.segments.starts)), "right") - 1


def between(segments: Segments, groups: Sequence[Sequence[Exact]], outside: str) -> Axis:
    """For each piece the two points between which, or from which on, its line goes, and how far along x is."""
    low: list[int] = []
    high: list[int] = []
    parts = []
    for group in groups:
        points, last = [rational_of(x) for x in group], len(group) - 1
        ends = outside == "extended" and last > 0
        pairs = [(0, 1 if ends else 0), *((i, i + 1) for i in range(last)), (last, last - 1 if ends else last)]
        low += [a for a, _ in pairs]
        high += [b for _, b in pairs]
        slopes = [Fraction(0) if a == b else 1 / (points[b] - points[a]) for a, b in pairs]
        parts.append(
            [
                (points[a], Fraction(0), s, Fraction(0), Fraction(0), abs(s))
                for (a, _), s in zip(pairs, slopes, strict=True)
            ]
        )
    rows = [Rows(np.array(ends, dtype=np.int64)) for ends in (low, high)]
    return Axis(segments, rows[0], rows[1], pieces.polynomials(parts))


def split(groups: list[list[int]], cells: Sequence[Exact | str | None], operator: str) -> tuple[Step, list[list[int]]]:
    """The step of one key, and the groups of rows that it leads to."""
    named = dict.fromkeys(c for c in cells if c is not None)
    positions = list(named) if operator == "=" else sorted(named)
    place = {value: i for i, value in enumerate(positions)}
    after: list[list[int]] = []
    entries: list[tuple[int, int, int]] = []
    other = [-1] * len(groups)
    for state, group in enumerate(groups):
        parts: dict[Exact | str | None, list[int]] = {}
        for row in group:
            parts.setdefault(cells[row], []).append(row)
        for value, rows in parts.items():
            if value is None:
                other[state] = len(after)
            else:
                entries.append((state, place[value], len(after)))
            after.append(rows)
    return make_step(operator, positions, entries, other), after  # type: ignore[arg-type]


def exact_of(cell: Exact | str | None) -> Exact:
    assert isinstance(cell, Fraction | float)
    return cell


def rational_of(cell: Exact | str | None) -> Fraction:
    assert isinstance(cell, Fraction)
    return cell
