"""What is made of a whole book that is evaluated in parts: counts, shares, extremes and sums over all rows of a table.

Each part says what its own rows come to; sums wait until all rows' weights pass by in the order of the file, because
they are added in runs of 65,536 rows. Put together they are the very vectors that the kernels of ``evaluator.groups``
make of the whole book: values, quality, doubt and bounds.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dsl.causes import Cause
from dsl.records import dataclass
from evaluator.aggregates import members_of
from evaluator.columns import KNOWN
from evaluator.context import Context
from evaluator.error import HALF_UNIT, ONE_STEP
from evaluator.graph import Node
from evaluator.groups import RUN
from evaluator.vector import Flags, Floats, Vector, doubts

Global = Callable[[Any], Any]  # codes of a part as codes of the whole book

SUMMED = ("agg_sum", "agg_mean")


class RunSum:
    """Adds numbers as they come: left to right in runs of 65,536, then the runs' totals left to right."""

    def __init__(self) -> None:
        self._totals: list[float] = []
        self._run, self._length = 0.0, 0

    def add(self, values: Floats) -> None:
        start = 0
        while start < len(values):
            part = values[start : start + RUN - self._length]
            self._run = _left_to_right(self._run, part)
            self._length += len(part)
            start += len(part)
            if self._length == RUN:
                self._totals.append(self._run)
                self._run, self._length = 0.0, 0

    @property
    def total(self) -> float:
        with np.errstate(all="ignore"):
            return _left_to_right(0.0, np.array([*self._totals, self._run])) + 0.0


def _left_to_right(start: float, values: Floats) -> float:
    return float(np.cumsum(np.concatenate(([start], values)))[-1])


@dataclass(slots=True)
class Whole:
    """One aggregate of all rows of an entity. ``sum`` is fed from outside, in the order of the file."""

    node: Node
    rows: int = 0
    counted: int = 0
    yes: int = 0
    quality: int = KNOWN
    fresh: int | None = None  # that code as the part has it that was added last, where it is that part's
    unsure: bool = False
    decided: bool = False  # of any and all: a row decides
    sharp: bool = False  # and that is out of doubt
    best: float | None = None
    relative: float = 0.0
    once: bool = True
    worst: float | None = None  # the largest absolute bound
    off: float | None = None  # the absolute bounds added up
    sizes: float = 0.0
    whole: bool = True
    sum: RunSum | None = None

    def add(self, args: Sequence[Vector], context: Context, globally: Global) -> Floats | None:
        """Takes a part's members in; gives the weights that are to be summed, if any are."""
        members = members_of(self.node, args, context)
        value, rows = members.value, len(members.groups.index)
        counted: Flags = np.ones(rows, dtype=np.bool_) if members.counted is None else members.counted
        self.rows += rows
        self.counted += int(np.count_nonzero(counted))
        self.fresh = None
        if members.quality is not None and int(globally(members.quality)[0]) < self.quality:
            self.quality, self.fresh = int(globally(members.quality)[0]), int(members.quality[0])
        self.unsure |= members.doubt is not None
        name = self.node.op.removeprefix("agg_")
        if name in ("count", "share"):
            self.yes += int(np.count_nonzero(value.values & counted))
        elif name in ("any", "all"):
            self._quantify(name == "any", members, args, counted)
        elif name in ("min", "max"):
            self._extreme(min if name == "min" else max, value, counted)
        else:
            return self._weigh(members, counted)
        return None

    def _quantify(self, decisive: bool, members: Any, args: Sequence[Vector], counted: Flags) -> None:
        value = members.value
        deciding = (value.values == decisive) & counted
        if value.quality is not None:
            deciding = deciding & (value.quality == KNOWN)
        blurred = doubts(*args)
        self.decided |= bool(deciding.any())
        self.sharp |= bool((deciding if blurred is None else deciding & ~blurred).any())

    def _extreme(self, pick: Callable[[float, float], float], value: Vector, counted: Flags) -> None:
        values = value.values[counted]
        if not len(values):
            return
        best = float(values.min() if pick is min else values.max())
        self.best = best if self.best is None else pick(self.best, best)
        self.relative, self.once = max(self.relative, value.relative), self.once and value.once
        if value.absolute is not None:
            off = np.broadcast_to(value.absolute, counted.shape)[counted]
            self.worst = max(self.worst or 0.0, float(off.max()))

    def _weigh(self, members: Any, counted: Flags) -> Floats:
        value = members.value
        weights: Floats = members.weights
        if self.sum is None:
            self.sum = RunSum()
        self.relative, self.once = max(self.relative, value.relative), self.once and value.once
        if value.absolute is not None:
            off = np.where(counted, value.absolute, 0.0)
            self.off = (self.off or 0.0) + float(off.sum())
        self.sizes += float(np.abs(weights).sum())
        self.whole &= bool((np.rint(weights) == weights).all())
        return weights

    # -- put together -----------------------------------------------------------------------------

    def vector(self, context: Context) -> Vector:
        """(1,) the aggregate's value, with all that its readers ask of it."""
        quality = None if self.quality == KNOWN else np.array([self.quality])
        doubt = np.ones(1, dtype=np.bool_) if self.unsure else None
        match self.node.op:
            case "agg_count":
                return _vector(float(self.yes), quality, doubt)
            case "agg_share":
                found = _vector(self.yes / max(self.counted, 1), self._empty(context, quality), doubt)
                found.relative = ONE_STEP
                return found
            case "agg_any" | "agg_all":
                known = None if self.decided else quality
                value = self.decided == (self.node.op == "agg_any")
                return _vector(value, known, None if self.sharp else doubt)
            case "agg_min" | "agg_max":
                start = np.inf if self.node.op == "agg_min" else -np.inf
                found = _vector(start if self.best is None else self.best, self._empty(context, quality), doubt)
                if context.tracks(self.node):
                    found.relative, found.once = self.relative, self.once
                    found.absolute = None if self.worst is None else np.array([self.worst])
                return found
            case "agg_sum" | "agg_mean":
                return self._summed(context, quality, doubt)
        raise TypeError(f"no whole of {self.node.op}")

    def _empty(self, context: Context, quality: Any) -> Any:
        return context.fault(self.node, Cause.EMPTY, np.array([self.counted == 0]), quality)

    def _summed(self, context: Context, quality: Any, doubt: Any) -> Vector:
        value = 0.0 if self.sum is None else self.sum.total
        if not np.isfinite(value):
            quality = context.fault(self.node, Cause.OVERFLOW, np.ones(1, dtype=np.bool_), quality)
        found = _vector(value, quality, doubt)
        if context.tracks(self.node):
            found.relative, found.absolute = self._bound()
        if self.node.op == "agg_sum":
            return found
        count = float(max(self.counted, 1))
        absolute = None if found.absolute is None else found.absolute / count
        mean = _vector(value / count, self._empty(context, quality), doubt)
        return Vector(mean.values, mean.quality, doubt, found.relative + ONE_STEP, absolute)

    def _bound(self) -> tuple[float, Floats | None]:
        steps = (min(self.rows, RUN) + self.rows // RUN + 1) * HALF_UNIT
        exact = self.relative == 0.0 and self.off is None and self.whole and self.sizes < 2.0**52
        relative = 0.0 if exact else self.relative + steps
        absolute = None if self.off is None else np.array([self.off])
        if self.node.args[0].facts.nonnegative or relative == 0.0:
            return relative, absolute
        additions = min(self.rows, RUN) + self.rows // RUN
        more = (self.relative + additions * HALF_UNIT) * self.sizes
        more += self.off or 0.0
        return ONE_STEP, np.array([more if np.isfinite(more) else 0.0])


def _vector(value: float | bool, quality: Any, doubt: Any) -> Vector:
    if quality is not None and bool((quality != KNOWN).all()):
        value = type(value)(0)
    return Vector(np.array([value]), quality, doubt)
