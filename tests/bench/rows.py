"""What was measured of one engine over one book."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench.engine import Engine
from tests.bench.engines import BASE


@dataclass(frozen=True, slots=True)
class Row:
    """``seconds``: of every call of every round; none where it was ``skipped``, and why. ``added``: bytes by which the
    first evaluation raised the peak (of a whole process: all of it), ``several``: all that were timed. ``allocator``:
    glibc's settings."""

    size: int
    kind: str
    engine: str
    label: str
    seconds: tuple[float, ...] = ()
    added: int = 0
    several: int = 0
    skipped: str = ""
    allocator: str = "default"

    @property
    def minimum(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return median(self.seconds)

    def data(self, base: "Row | None") -> dict[str, Any]:
        found: dict[str, Any] = {n: getattr(self, n) for n in ("size", "allocator", "kind", "engine", "label")}
        if self.skipped:
            return found | {"skipped": self.skipped}
        found |= {n: getattr(self, n) for n in ("minimum", "median", "seconds", "added", "several")}
        return found | ({"times": base.minimum / self.minimum} if base else {})


@dataclass(frozen=True, slots=True)
class Rows:
    """All that was measured. ``allocator``: the one of the tables for each kind of work."""

    all: tuple[Row, ...]
    allocator: str = "default"

    def get(self, engine: str, size: int, allocator: str = "") -> Row | None:
        """None where it wasn't measured."""
        wanted = engine, size, allocator or self.allocator
        return next((x for x in self.all if (x.engine, x.size, x.allocator) == wanted and not x.skipped), None)

    def base(self, row: Row) -> Row | None:
        """Plain NumPy's row for the same work."""
        return self.get(BASE[row.kind], row.size, row.allocator) if row.kind in BASE else None

    def times(self, engine: str, size: int, allocator: str = "") -> float | None:
        """How many times as fast as plain NumPy."""
        row = self.get(engine, size, allocator)
        base = None if row is None else self.base(row)
        return None if row is None or base is None else base.minimum / row.minimum

    def sections(self) -> dict[tuple[int, str], list[Row]]:
        """By size and kind."""
        found: dict[tuple[int, str], list[Row]] = {}
        for row in self.all:
            if row.allocator == self.allocator:
                found.setdefault((row.size, row.kind), []).append(row)
        return found


def row_of(engine: Engine, size: int, runs: Sequence[Mapping[str, Any]], allocator: str = "default") -> Row:
    """Of what the engine's workers said in all rounds."""
    about = size, engine.kind, engine.name, engine.label
    skipped = next((run["skipped"] for run in runs if "skipped" in run), "")
    if skipped:
        return Row(*about, skipped=skipped, allocator=allocator)
    seconds = tuple(s for run in runs for s in run["seconds"])
    added, several = (max(run[name] for run in runs) for name in ("added", "several"))
    return Row(*about, seconds, added, several, allocator=allocator)


def shown(seconds: float) -> str:
    return f"{seconds:,.2f} s" if seconds >= 10 else f"{seconds * 1e3:,.1f} ms"


def skipped_notes(rows: Iterable[Row]) -> list[str]:
    return [f"{row.label} was skipped: {row.skipped}" for row in rows if row.skipped]
