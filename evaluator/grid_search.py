"""The least (or greatest) value over a grid's moves, for each row, from few of its moves.

A row goes through each line of moves in runs. Where at both ends of a run every number that a formula decides by lies
on the same piece, it does so in between, because it changes in one direction only; a run whose ends differ is split
where a piece ends. On a run whose ends agree the value goes in one direction, so that it is least at an end. That is
told from rounding by the move next to that end: where it isn't greater by far more than the bounds of both errors, all
moves of the run are computed. What is compared are values of the ordinary operations, so the result is the same bits as
if all moves had been computed.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator import error
from evaluator.columns import KNOWN
from evaluator.grid_lines import Index
from evaluator.grid_points import Found, Hinge, Points
from evaluator.vector import Codes, Flags, Floats

_SURE = 64.0  # bounds of error by which one value has to be beyond another
_SHORT = 2  # moves of a run that has nothing in between
_BISECT = 6  # turns after which runs are halved
_ROOM = 1 << 16  # rows computed at a time
SHARE, FEW = 0.1, 16  # of all moves, and moves of a row on average: beyond both, the other way is faster


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """For each row: the value, or why there is none, and by how much it may be off; the first move that gives it; and
    whether it must be evaluated with care instead."""

    value: Floats
    off: Floats
    quality: Codes
    move: Index
    careful: Flags


@dataclass(slots=True)
class _Tried:
    """What was computed: points of rows, with their values and errors; what is flat stands for a run of moves."""

    row: Index
    value: Floats
    off: Floats
    quality: Codes
    move: Index
    flat: Flags


class TooMany(Exception):
    """So many moves would have to be computed that all are computed sooner in another way."""


def best(points: Points, rows: Index, least: bool, named: bool) -> Best:
    """Of some rows of the asking entity, rising. ``named``: it is the move that is asked for. Raises TooMany."""
    return _Search(points, rows, 1.0 if least else -1.0).best(named)


class _Search:
    def __init__(self, points: Points, rows: Index, sign: float) -> None:
        self.points, self.rows, self.sign = points, rows, sign
        self.lines = points.moved.lines
        self.careful = np.zeros(len(rows), dtype=np.bool_)
        self.tried: list[_Tried] = []
        self.room = max(SHARE * len(self.lines.moves), FEW) * float(points.sizes[rows].sum())

    def best(self, named: bool) -> Best:
        row, low, high = self._runs()
        self._inside(row, low, high)
        tried = self._all()
        value = np.full(len(self.rows), np.inf)
        np.minimum.at(value, tried.row, tried.value)
        quality = np.full(len(self.rows), KNOWN, dtype=np.int64)
        np.minimum.at(quality, tried.row, tried.quality)
        move = np.full(len(self.rows), len(self.lines.moves), dtype=np.intp)
        first = tried.value == value[tried.row]
        np.minimum.at(move, tried.row[first], tried.move[first])
        near = self._near(tried)
        off = np.zeros(len(self.rows))
        np.maximum.at(off, tried.row[near], tried.off[near])
        if named:
            self._rivals(tried, near, off)
        return Best(value * self.sign + 0.0, off, quality, move, self.careful)

    def _rivals(self, tried: _Tried, near: Flags, off: Floats) -> None:
        """Which of two moves is the first of the best, is decided exactly where rounding may tell them apart."""
        ends = np.full(len(self.rows), len(self.lines.moves)), np.full(len(self.rows), -1)
        np.minimum.at(ends[0], tried.row[near], tried.move[near])
        np.maximum.at(ends[1], tried.row[near], tried.move[near])
        self.careful |= (ends[0] != ends[1]) & (off > 0.0)

    # -- runs -------------------------------------------------------------------------------------

    def _runs(self) -> tuple[Index, Index, Index]:
        """Runs whose ends agree: their row, and the places of their first and last move. The ends are computed."""
        starts, ends = self.lines.starts[:-1], self.lines.starts[1:] - 1
        row = np.repeat(np.arange(len(self.rows)), len(starts))
        low, high = np.tile(starts, len(self.rows)), np.tile(ends, len(self.rows))
        done: list[tuple[Index, Index, Index]] = []
        turn = 0
        while len(row):
            split_row, split_low, split_high = [], [], []
            for part in self._parts(row):
                found = self._computed(np.tile(row[part], 2), np.concatenate([low[part], high[part]]))
                run, after = self._splits(found, low[part], high[part], turn)
                whole = np.ones(len(part), dtype=np.bool_)
                whole[run] = False
                self._keep(found, row[part], low[part], high[part], whole)
                done.append((row[part][whole], low[part][whole], high[part][whole]))
                pieces = _split(run, after, low[part], high[part])
                split_row.append(row[part][pieces[0]])
                split_low.append(pieces[1])
                split_high.append(pieces[2])
            row, low, high = (np.concatenate(p) for p in (split_row, split_low, split_high))
            turn += 1
        row, low, high = (np.concatenate(p) for p in zip(*done, strict=True))
        return row, low, high

    def _parts(self, row: Index) -> Iterator[Index]:
        """Runs, as many at a time as there is room for."""
        weight = np.cumsum(2 * self.points.sizes[self.rows[row]])
        places = np.searchsorted(weight, np.arange(_ROOM, weight[-1] if len(row) else 0.0, _ROOM))
        parts = np.split(np.arange(len(row)), np.unique(places))
        yield from (part for part in parts if len(part))

    def _computed(self, row: Index, places: Index) -> Found:
        self.room -= float(self.points.sizes[self.rows[row]].sum())
        if self.room < 0.0:
            raise TooMany
        found = self.points.at(self.rows[row], places)
        if found.value.doubt is not None:
            self.careful[row[found.value.doubt]] = True
        return found

    def _keep(self, found: Found, row: Index, low: Index, high: Index, whole: Any) -> None:
        """Keeps both ends of runs that stay whole; of a flat one the first of its moves in the grid's order."""
        count = len(row)
        value = found.value
        off = np.broadcast_to(np.asarray(error.total(value)), value.values.shape)
        quality = np.full(2 * count, KNOWN, dtype=np.int64) if value.quality is None else value.quality
        flat = found.flat[:count] & found.flat[count:] & (value.values[:count] == value.values[count:])
        for places, part in ((low, slice(0, count)), (high, slice(count, 2 * count))):
            moves = self.lines.moves[places]
            if flat.any():
                moves = np.where(flat, self._first(low, high), moves)
            self.tried.append(
                _Tried(row[whole], self.sign * value.values[part][whole], off[part][whole], quality[part][whole],
                       moves[whole], flat[whole])
            )  # fmt: skip

    def _first(self, low: Index, high: Index) -> Index:
        """The first move, in the grid's order, of each run."""
        ends = np.stack([low, high + 1], axis=1).ravel()
        moves = np.append(self.lines.moves, len(self.lines.moves))
        found: Index = np.minimum.reduceat(moves, ends)[::2]
        return found

    def _splits(self, found: Found, low: Index, high: Index, turn: int) -> tuple[Index, Index]:
        """Runs with something in between whose ends differ, and after which places they are to be split."""
        count, long = len(low), high - low >= _SHORT
        runs, places = [], []
        for hinge in found.hinges:
            run, share = _crossings(hinge, found, count)
            keep = long[run]
            run, share = run[keep], share[keep]
            if turn >= _BISECT:
                share = np.full(len(run), 0.5)
            along = self.lines.along
            at = along[low[run]] + share * (along[high[run]] - along[low[run]])
            runs.append(run)
            places.append(self._place(at, low[run], high[run]))
        if not runs:
            return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
        both = np.unique(np.stack([np.concatenate(runs), np.concatenate(places)]), axis=1)
        return both[0], both[1]

    def _place(self, at: Floats, low: Index, high: Index) -> Index:
        """The last place of a run before ``at``, so that something of the run is after it."""
        found = np.empty(len(at), dtype=np.intp)
        line = np.searchsorted(self.lines.starts, low, "right") - 1
        for number in np.unique(line).tolist():
            a, b = self.lines.starts[number], self.lines.starts[number + 1]
            mine = line == number
            found[mine] = a + np.searchsorted(self.lines.along[a:b], at[mine]) - 1
        return np.clip(found, low, high - 1)

    # -- inside of runs ---------------------------------------------------------------------------

    def _inside(self, row: Index, low: Index, high: Index) -> None:
        """Looks beside the ends that may be best, and computes whole runs that don't rise from there."""
        tried = self._all()
        near = self._near(tried)
        ends = np.zeros(len(row), dtype=np.bool_)
        # The ends of each run stand in ``tried`` in the order of the runs: all of a part's first ends, then its last.
        first, last = self._ends
        open_ = (high - low >= _SHORT) & ~tried.flat[first] & ~self.careful[row]
        open_ &= (tried.quality[first] == KNOWN) & (tried.quality[last] == KNOWN)
        beside = []
        for end, inner in ((first, low + 1), (last, high - 1)):
            asked = np.flatnonzero(open_ & near[end])
            for part in self._parts(row[asked]):
                some = asked[part]
                found = self._computed(row[some], inner[some])
                off = np.broadcast_to(np.asarray(error.total(found.value)), found.value.values.shape)
                beyond = self.sign * found.value.values - tried.value[end][some]
                flat = beyond <= _SURE * (off + tried.off[end][some])
                ends[some[flat | (found.value.doubt if found.value.doubt is not None else False)]] = True
            beside.append(asked)
        self._whole(row[ends], low[ends], high[ends])

    @property
    def _ends(self) -> tuple[Index, Index]:
        first: list[Index] = []
        last: list[Index] = []
        at = 0
        for i, part in enumerate(self.tried):
            (first if i % 2 == 0 else last).append(np.arange(at, at + len(part.row)))
            at += len(part.row)
        return np.concatenate(first), np.concatenate(last)

    def _near(self, tried: _Tried) -> Flags:
        value = np.full(len(self.rows), np.inf)
        np.minimum.at(value, tried.row, tried.value)
        off = np.zeros(len(self.rows))
        np.maximum.at(off, tried.row, tried.off)
        with np.errstate(all="ignore"):
            gap = tried.value - value[tried.row]
        far: Flags = gap > _SURE * (off[tried.row] + tried.off)
        return ~far

    def _whole(self, row: Index, low: Index, high: Index) -> None:
        """Every move inside of runs."""
        counts = high - low - 1
        total = int(counts.sum())
        owner = np.repeat(np.arange(len(row)), counts)
        places = np.arange(total) - (np.cumsum(counts) - counts)[owner] + low[owner] + 1
        for part in self._parts(row[owner]):
            at = row[owner[part]]
            found = self._computed(at, places[part])
            quality = found.value.quality
            if quality is None:
                quality = np.full(len(at), KNOWN, dtype=np.int64)
            off = np.broadcast_to(np.asarray(error.total(found.value)), found.value.values.shape)
            moves = self.lines.moves[places[part]]
            flat = np.zeros(len(at), dtype=np.bool_)
            self.tried.append(_Tried(at, self.sign * found.value.values, off, quality, moves, flat))

    def _all(self) -> _Tried:
        names = ("row", "value", "off", "quality", "move", "flat")
        return _Tried(*(np.concatenate([getattr(t, n) for t in self.tried]) for n in names))


def _crossings(hinge: Hinge, found: Found, count: int) -> tuple[Index, Floats]:
    """The runs with a row that is on another piece at the other end, and how far along it leaves that of the first."""
    size = len(found.owners[hinge.grain]) if hinge.grain in found.owners else 2 * count
    piece, x, up, down = (np.broadcast_to(p, (size,)) for p in (hinge.piece, hinge.x, hinge.up, hinge.down))
    half = size // 2
    rows = np.flatnonzero(piece[:half] != piece[half:])
    low, high = x[:half][rows], x[half:][rows]
    with np.errstate(all="ignore"):
        end = np.where(high > low, up[:half][rows], down[:half][rows])
        share = (end - low) / (high - low)
    share = np.where(np.isfinite(share), np.clip(share, 0.0, 1.0), 0.5)
    run = rows if hinge.grain not in found.owners else found.owners[hinge.grain][rows]
    return run, share


def _split(run: Index, after: Index, low: Index, high: Index) -> tuple[Index, Index, Index]:
    """Runs split after places (both rising): the run that each part is of, its first and its last place."""
    some = np.unique(run)
    of = np.concatenate([some, run])
    first = np.concatenate([low[some], after + 1])
    order = np.lexsort((first, of))
    of, first = of[order], first[order]
    last = np.empty(len(of), dtype=np.intp)
    last[:-1] = first[1:] - 1
    ends = np.append(of[1:] != of[:-1], True) if len(of) else np.zeros(0, dtype=np.bool_)
    last[ends] = high[of[ends]]
    return of, first, last
