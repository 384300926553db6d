"""What was measured as tables, for the terminal and as Markdown for ``docs/performance.md``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import rich.table

from tests.bench import goals
from tests.bench import reference as r
from tests.bench.engine import COLUMNS, IN_MEMORY, LAID, LAID_ROWS, ROWS
from tests.bench.engines import BY_NAME
from tests.bench.rows import Row, Rows, shown, skipped_notes

HEADER = ("", "minimum", "median", "× NumPy", "added", "of NumPy's", "by several")
NONE = "–"
# What must be read and written of each position: laid out, its account needn't be read; few positions are liquidated.
BYTES = {
    COLUMNS: r.READ + r.WRITTEN,
    ROWS: r.READ,
    LAID: r.READ - r.ACCOUNT + r.WRITTEN,
    LAID_ROWS: r.READ - r.ACCOUNT,
}


@dataclass(frozen=True, slots=True)
class Table:
    """``lines``: the header is the first. ``notes`` stand under it."""

    title: str
    lines: Sequence[tuple[str, ...]]
    notes: Sequence[str] = ()


def tables(rows: Rows, bandwidth: float) -> Iterator[Table]:
    """The goals, each kind of work at each size, and how figures grow."""
    if found := goals.lines(rows):
        yield Table("Goals, as times plain NumPy's speed; ✓ where reached", found)
    for (size, kind), section in rows.sections().items():
        notes = [limit(kind, size, bandwidth)] if kind in BYTES else []
        lines = [HEADER, *(cells(row, rows.base(row)) for row in section)]
        yield Table(f"{size:,} positions, {kind}", lines, [*notes, *skipped_notes(section)])
    yield from growth(rows)


def cells(row: Row, base: Row | None) -> tuple[str, ...]:
    if row.skipped:
        return (row.label, *[NONE] * (len(HEADER) - 1))
    times = f"{base.minimum / row.minimum:.2f}" if base else NONE
    share = f"{row.added / base.added:.2f}" if base and base.added else NONE
    added, several = (f"{memory / 1e6:,.1f} MB" for memory in (row.added, row.several))
    return row.label, shown(row.minimum), shown(row.median), times, added, share, several


def limit(kind: str, size: int, bandwidth: float) -> str:
    """How long what must be read and written takes."""
    each, rate = BYTES[kind], bandwidth / 1e9
    return f"the limit: at least {each} bytes a position at {rate:.1f} GB/s: {shown(each * size / bandwidth)}"


def growth(rows: Rows) -> Iterator[Table]:
    """By size what a position takes, and how many times as fast as plain NumPy that is, with both allocators."""
    measured = [row for row in rows.all if not row.skipped and row.kind in IN_MEMORY]
    sizes = sorted({row.size for row in measured})
    both = len({row.allocator for row in measured}) > 1
    names = [engine for engine in BY_NAME if any(row.engine == engine for row in measured)]
    header = ("", *(f"{size:,}" for size in sizes))
    if len(sizes) > 1:
        found = [(_label(n), *(_each(rows.get(n, size)) for size in sizes)) for n in names]
        yield Table("Nanoseconds and added bytes a position, by size", [header, *found])
    if both:
        found = [(_label(n), *(_both(rows, n, size) for size in sizes)) for n in names if n != "numpy_plain"]
        plain = "NumPy, whole columns", *(_plain(rows, size) for size in sizes)
        yield Table("Times plain NumPy's speed, by size: default / tuned allocator", [header, plain, *found])


def _label(engine: str) -> str:
    made = BY_NAME[engine]
    return made.label if made.kind == COLUMNS else f"{made.label}: {made.kind.removeprefix('columns in memory, ')}"


def _each(row: Row | None) -> str:
    return f"{row.minimum / row.size * 1e9:,.0f} ns, {row.added / row.size:,.0f} B" if row else NONE


def _both(rows: Rows, engine: str, size: int) -> str:
    found = [rows.times(engine, size, allocator) for allocator in ("default", "tuned")]
    return " / ".join(NONE if times is None else f"{times:.2f}" for times in found)


def _plain(rows: Rows, size: int) -> str:
    found = [rows.get("numpy_plain", size, allocator) for allocator in ("default", "tuned")]
    return " / ".join(NONE if row is None else shown(row.minimum) for row in found)


# -- as text --------------------------------------------------------------------------------------


def terminal(found: Iterable[Table]) -> Iterator[rich.table.Table]:
    for table in found:
        made = rich.table.Table(title=table.title, title_justify="left", caption_justify="left")
        made.caption = "\n".join(table.notes)
        for i, name in enumerate(table.lines[0]):
            made.add_column(name, justify="right" if i else "left")
        for line in table.lines[1:]:
            made.add_row(*line)
        yield made


def markdown(found: Iterable[Table], bandwidth: float, about: Mapping[str, str]) -> str:
    machine = ", ".join(v if k in ("date", "machine") else f"{k} {v}" for k, v in about.items())
    text = [f"Measured: {machine}. A copy moves {bandwidth / 1e9:.1f} GB/s."]
    for table in found:
        header, *lines = table.lines
        text += ["", f"{table.title}:", "", _line(header), _line(("---", *["---:"] * (len(header) - 1)))]
        text += [_line(line) for line in lines]
        for note in table.notes:
            text += ["", f"{note[0].upper()}{note[1:]}."]
    return "\n".join([*text, ""])


def _line(line: Iterable[str]) -> str:
    return f"| {' | '.join(line)} |"
