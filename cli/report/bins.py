"""Histograms of a book's columns: counts, never the rows themselves, so that ten million rows draw like a hundred."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cli.report.scale import nice
from dsl.records import dataclass

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Histogram:
    """``stacks[s][i]`` rows of stack ``s`` from ``edges[i]`` up to ``edges[i + 1]``; the rest is outside the edges."""

    edges: tuple[float, ...]
    stacks: tuple[tuple[int, ...], ...]
    below: int
    above: int
    infinite: int

    @property
    def heights(self) -> list[int]:
        return [sum(counts) for counts in zip(*self.stacks, strict=True)]


def histogram(values: Floats, edges: Sequence[float], groups: npt.NDArray[np.bool_] | None = None) -> Histogram:
    """``values`` (n,) known values; ``groups`` (s, n) says which stack a row belongs to, one stack without it."""
    finite = np.isfinite(values)
    stacks = [finite] if groups is None else [group & finite for group in groups]
    bounds = np.asarray(edges, dtype=np.float64)
    counts = [tuple(int(c) for c in np.histogram(values[s], bounds)[0]) for s in stacks]
    return Histogram(
        tuple(float(e) for e in edges),
        tuple(counts),
        int(np.count_nonzero(finite & (values < bounds[0]))),
        int(np.count_nonzero(finite & (values > bounds[-1]))),
        int(np.count_nonzero(~finite)),
    )


def even_edges(low: float, high: float, most: int) -> tuple[float, ...]:
    """Round edges from at or below ``low`` to at or above ``high``, so that round bounds fall on them."""
    ticks = nice(low, high, most)
    if len(ticks) < 2:
        half = abs(low) / 2 or 0.5
        return (low - half, low + half)
    step = ticks[1] - ticks[0]
    first = [] if ticks[0] <= low else [float(f"{ticks[0] - step:.12g}")]
    last = [] if ticks[-1] >= high else [float(f"{ticks[-1] + step:.12g}")]
    return (*first, *ticks, *last)


def log_edges(low: float, high: float, most: int) -> tuple[float, ...]:
    """Edges at equal ratios; ``0 < low < high``."""
    return tuple(float(e) for e in np.geomspace(low, high, most + 1))


def window(values: Floats, bounds: Sequence[float]) -> tuple[float, float]:
    """The part of an axis worth drawing: the bounds with room on both sides, and where most rows are.

    Without bounds, from the 1st to the 99th percentile.
    """
    finite = values[np.isfinite(values)]
    marks = [b for b in bounds if math.isfinite(b)]
    if not len(finite):
        low, high = (min(marks), max(marks)) if marks else (0.0, 1.0)
        room = (high - low) or abs(high) or 1.0
        return low - room / 2, high + room / 2
    if not marks:
        low, high = (float(x) for x in np.quantile(finite, [0.01, 0.99]))
    else:
        spread = max(max(marks) - min(marks), max(abs(m) for m in marks) / 2)
        spread = spread or float(np.median(np.abs(finite))) or 1.0  # one bound, at zero: the rows say what is much
        ends = np.quantile(finite, [0.001, 0.999])
        low = min(min(marks) - spread / 4, max(float(ends[0]), min(marks) - 2 * spread))
        high = max(max(marks) + spread / 2, min(float(ends[1]), max(marks) + 3 * spread))
    if float(finite.min()) >= 0 and low < high / 8:
        low = 0.0
    return (low, high) if high > low else (low - 0.5, low + 0.5)
