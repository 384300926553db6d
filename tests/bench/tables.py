"""What was measured, as rows; as a table for the terminal, and as Markdown for ``docs/performance.md``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.table import Table

from tests.bench import reference as r
from tests.bench.engines import BASE, COLUMNS, SUMMARY, Engine

HEADER = ("", "minimum", "median", "× NumPy", "added", "of NumPy's")
NONE = "–"
GROWTH = "Nanoseconds and added bytes a position, by size"


@dataclass(frozen=True, slots=True)
class Row:
    """One engine over one book. ``seconds``: of every call of every round; none where it was ``skipped``, and why.
    ``added``: bytes by which an evaluation raised the peak (of a whole process: all of it)."""

    size: int
    kind: str
    engine: str
    label: str
    seconds: tuple[float, ...] = ()
    added: int = 0
    skipped: str = ""

    @property
    def minimum(self) -> float:
        return min(self.seconds)

    def cells(self, base: "Row | None") -> tuple[str, ...]:
        if self.skipped:
            return (self.label, *[NONE] * (len(HEADER) - 1))
        times = f"{base.minimum / self.minimum:.2f}" if base else NONE
        share = f"{self.added / base.added:.2f}" if base and base.added else NONE
        return (
            self.label, shown(self.minimum), shown(median(self.seconds)), times, f"{self.added / 1e6:,.1f} MB", share
        )  # fmt: skip

    def data(self, base: "Row | None") -> dict[str, Any]:
        found: dict[str, Any] = {n: getattr(self, n) for n in ("size", "kind", "engine", "label")}
        if self.skipped:
            return found | {"skipped": self.skipped}
        found |= {"minimum": self.minimum, "median": median(self.seconds), "seconds": self.seconds, "added": self.added}
        return found | ({"times": base.minimum / self.minimum} if base else {})


def row_of(engine: Engine, size: int, runs: Sequence[Mapping[str, Any]]) -> Row:
    """Of what the engine's workers said in all rounds."""
    about = size, engine.kind, engine.name, engine.label
    skipped = next((run["skipped"] for run in runs if "skipped" in run), "")
    if skipped:
        return Row(*about, skipped=skipped)
    return Row(*about, tuple(s for run in runs for s in run["seconds"]), max(run["added"] for run in runs))


def shown(seconds: float) -> str:
    return f"{seconds:,.2f} s" if seconds >= 10 else f"{seconds * 1e3:,.1f} ms"


def base_of(row: Row, rows: Iterable[Row]) -> Row | None:
    """Plain NumPy's row for the same work."""
    found = (b for b in rows if b.engine == BASE[row.kind] and b.size == row.size and not b.skipped)
    return next(found, None)


def limit(size: int, bandwidth: float) -> str:
    """The bytes that must be read and written, and how long they take."""
    each = r.READ + r.WRITTEN
    seconds = each * size / bandwidth
    return f"at least {each} bytes a position at {bandwidth / 1e9:.1f} GB/s: {shown(seconds)}"


def _notes(section: Sequence[Row], bandwidth: float) -> list[str]:
    """What a table's reader should know besides: the limit, and what was skipped."""
    skipped = [f"{row.label} was skipped: {row.skipped}" for row in section if row.skipped]
    first = section[0]
    return [f"the limit: {limit(first.size, bandwidth)}", *skipped] if first.kind == COLUMNS else skipped


def _sections(rows: Sequence[Row]) -> dict[tuple[int, str], list[Row]]:
    found: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.size, row.kind), []).append(row)
    return found


def terminal(rows: Sequence[Row], bandwidth: float) -> Iterator[Table]:
    for (size, kind), section in _sections(rows).items():
        table = Table(title=f"{size:,} positions, {kind}", title_justify="left", caption_justify="left")
        table.caption = "\n".join(_notes(section, bandwidth))
        for i, name in enumerate(HEADER):
            table.add_column(name, justify="right" if i else "left")
        for row in section:
            table.add_row(*row.cells(base_of(row, rows)))
        yield table
    if grown := growth(rows):
        table = Table(*grown[0], title=GROWTH, title_justify="left")
        for line in grown[1:]:
            table.add_row(*line)
        yield table


def markdown(rows: Sequence[Row], bandwidth: float, about: Mapping[str, str]) -> str:
    machine = ", ".join(v if k in ("date", "machine") else f"{k} {v}" for k, v in about.items())
    lines = [f"Measured: {machine}. A copy moves {bandwidth / 1e9:.1f} GB/s."]
    for (size, kind), section in _sections(rows).items():
        lines += ["", f"{size:,} positions, {kind}:", "", _line(HEADER), _line(("---", *["---:"] * (len(HEADER) - 1)))]
        lines += [_line(row.cells(base_of(row, rows))) for row in section]
        for note in _notes(section, bandwidth):
            lines += ["", f"{note[0].upper()}{note[1:]}."]
    if grown := growth(rows):
        lines += ["", f"{GROWTH}:", "", _line(grown[0]), _line(("---", *["---:"] * (len(grown[0]) - 1)))]
        lines += [_line(line) for line in grown[1:]]
    return "\n".join([*lines, ""])


def growth(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """By size what a position takes: a header and a line for each engine; nothing where there is one size."""
    measured = [row for row in rows if not row.skipped and row.kind in (COLUMNS, SUMMARY)]
    sizes = sorted({row.size for row in measured})
    if len(sizes) < 2:
        return []
    found = {(row.kind, row.label, row.size): row for row in measured}
    lines: list[tuple[str, ...]] = [("", *(f"{size:,}" for size in sizes))]
    for kind, label in dict.fromkeys((row.kind, row.label) for row in measured):
        at = [found.get((kind, label, size)) for size in sizes]
        cells = (f"{x.minimum / x.size * 1e9:,.0f} ns, {x.added / x.size:,.0f} B" if x else NONE for x in at)
        lines.append((label if kind == COLUMNS else f"{label}, {kind}", *cells))
    return lines


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
