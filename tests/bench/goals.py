"""What softliq is to reach, and what was measured of it: ratios to plain NumPy, or of two figures of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.rows import Rows

SIZES = (1_000_000, 10_000_000)
GRID = 100_000  # positions of the grid's book
Figure = Callable[[Rows, str, int], float | None]  # of an engine at a size; None where it wasn't measured


@dataclass(frozen=True, slots=True)
class Goal:
    """``at``: the goal at each of ``SIZES``, None where there is none. ``hand``: what does the same by hand."""

    work: str
    engine: str
    at: tuple[float | None, float | None]
    hand: str = ""
    figure: Figure = Rows.times
    most: bool = False  # the figure is to be no larger, rather than no smaller
    unit: str = ""

    def cells(self, rows: Rows, size: int, goal: float | None) -> tuple[str, str, str]:
        """The goal, the figure (marked where it is reached), and the figure of what is written by hand."""
        found, hand = (self.figure(rows, engine, size) if engine else None for engine in (self.engine, self.hand))
        if goal is None:
            return "", "", ""
        reached = found is not None and (found <= goal if self.most else found >= goal)
        return f"{goal:g}{self.unit}", f"{_shown(found, self.unit)}{' ✓' if reached else ''}", _shown(hand, self.unit)


def _shown(figure: float | None, unit: str) -> str:
    return "" if figure is None else f"{figure:.2f}{unit}" if figure < 10 else f"{figure:.1f}{unit}"


def _added(rows: Rows, engine: str, size: int) -> float | None:
    row = rows.get(engine, size)
    base = None if row is None else rows.base(row)
    return None if row is None or base is None else row.added / base.added


def _masked(rows: Rows, engine: str, size: int) -> float | None:
    row, base = rows.get(engine, size), rows.get(engine.replace("_masked", ""), size)
    return None if row is None or base is None else row.minimum / base.minimum


def _seconds(rows: Rows, engine: str, size: int) -> float | None:
    row = rows.get(engine, size)
    return None if row is None else row.minimum


def _grid(rows: Rows, engine: str, size: int) -> float | None:
    return rows.times(engine, GRID)


GOALS = (
    Goal("columns in memory, any order, all six columns", "softliq", (6, 8), "numpy_blocks"),
    Goal("the same, accounts' columns spread over positions", "softliq_spread", (6, 8), "numpy_blocks"),
    Goal("the same, summary and liquidated rows", "softliq_rows", (10, 11), "numpy_blocks_rows"),
    Goal("indexed, all six columns", "softliq_indexed", (15, 24), "numpy_laid_out"),
    Goal("indexed, summary and liquidated rows", "softliq_indexed_rows", (16, 30), "numpy_laid_out_rows"),
    Goal("whole process, Parquet in, summary out", "softliq_process", (2.5, 9), "numpy_blocks_process"),
    Goal("grid, 1e5 positions, 1,000 moves", "softliq_grid", (40, None), "numpy_grid_health", _grid),
    Goal("memory that an evaluation adds, at most", "softliq", (0.4, 0.4), "numpy_blocks", _added, most=True),
    Goal("the same, indexed, summary alone", "softliq_indexed_summary", (0.05, 0.05), "", _added, most=True),
    Goal("with masks on all inputs, of the time without", "softliq_masked", (1.3, 1.3), "", _masked, most=True),
    Goal("the same, indexed", "softliq_indexed_masked", (1.3, 1.3), "", _masked, most=True),
    Goal("`explain` of one account, indexed", "softliq_explain", (None, 0.2), "", _seconds, most=True, unit=" s"),
)  # fmt: skip


def lines(rows: Rows) -> list[tuple[str, ...]]:
    """A header and a line for each goal; nothing where none was measured."""
    if not any(row.engine == goal.engine and row.size in SIZES for goal in GOALS for row in rows.all):
        return []
    header = ["work"]
    for size in SIZES:
        header += [f"goal at {size:.0e}".replace("e+0", "e"), "softliq", "by hand"]
    found = [
        (goal.work, *(cell for size, at in zip(SIZES, goal.at, strict=True) for cell in goal.cells(rows, size, at)))
        for goal in GOALS
    ]
    return [tuple(header), *found]
