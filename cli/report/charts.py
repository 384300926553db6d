"""The report's drawings. Each is drawn for a width in pixels, so that its lettering is legible on a telephone too."""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from cli.report import words
from cli.report.bins import Histogram
from cli.report.ladder import Bound
from cli.report.scale import Scale, nice, top
from cli.report.svg import Axis, Drawing, Point, horizontal, vertical
from cli.terminal.text import count as counted
from dsl.records import dataclass

WIDE, NARROW, SMALL = 860, 340, 400
_BOLD = 8.5  # of a drawing's width, what a character of a label takes on average
Write = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Bar:
    """A tier's part of the book; ``grade`` is its colour class."""

    label: str
    grade: str
    count: int
    share: float
    notional: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """One drawing for a wide page and one for a narrow."""

    wide: Markup
    narrow: Markup


@dataclass(frozen=True, slots=True)
class Line:
    """``points`` in data units; ``kind`` a class of the style sheet."""

    points: Sequence[Point]
    kind: str = "curve"
    dots: Sequence[Point] = ()


def tier_bars(ident: str, title: str, bars: Sequence[Bar], width: int = WIDE) -> Markup:
    """Two bars a tier: its share of the rows, and beneath, thinner, its share of the notional where that is known."""
    paired = any(b.notional is not None for b in bars)
    pitch = 46 if paired else 34
    least, most, right = (140, 28, 130) if width > 600 else (96, 15, 64)
    fitting = min(max((len(words.name(b.label)) for b in bars), default=0), most)  # characters of the longest label
    left = max(least, _BOLD * fitting + 14)
    said = "; ".join(f"{b.label}: {counted(b.count, 'row')}, {b.share:.1%}" for b in bars)
    drawing = Drawing(ident, width, pitch * len(bars) + 30, title, said)
    scale = Scale(0, 1, left, width - right)
    bottom = pitch * len(bars) + 4
    for tick in (0, 0.25, 0.5, 0.75, 1):
        drawing.line((scale(tick), 2), (scale(tick), bottom), "grid")
        if width > 600 or tick in (0, 0.5, 1):
            drawing.text((scale(tick), bottom + 17), f"{tick:.0%}", "tick", "middle")
    for i, bar in enumerate(bars):
        y = i * pitch + 7
        label = words.name(bar.label)
        drawing.text((0, y + 14), label if len(label) <= fitting else label[: fitting - 1] + "…", "name")
        length = max(scale(bar.share) - left, 1.5 if bar.count else 0)
        drawing.rect(left, y, length, 19, bar.grade, f"{bar.label}: {bar.share:.2%} of the rows")
        written = f"{bar.count:,}" if width <= 600 else f"{bar.count:,} · {words.share(bar.count, _rows(bars))}"
        drawing.text((left + length + 8, y + 14), written, "value")
        if bar.notional is not None:
            thin = max(scale(bar.notional) - left, 1.5 if bar.notional > 0 else 0)
            drawing.rect(
                left, y + 22, thin, 8, f"{bar.grade} second", f"{bar.label}: {bar.notional:.2%} of the notional"
            )
    return drawing.markup("bars")


def _rows(bars: Sequence[Bar]) -> int:
    return sum(b.count for b in bars)


def distribution(
    ident: str, title: str, spread: Histogram, grades: Sequence[str], bounds: Sequence[Bound], axis: tuple[str, Write],
    width: int = WIDE,
) -> Markup:  # fmt: skip
    """Rows by the value that the tiers go by, stacked by tier, with the bounds as labelled lines."""
    levels = _levels(bounds, Scale(spread.edges[0], spread.edges[-1], 52, width - 12))
    ceiling = 26 + 16 * (max((level for _, _, level in levels), default=0) + 1)
    height = ceiling + 240
    label, write = axis
    highest = top(max(spread.heights, default=0) or 1)
    x = Scale(spread.edges[0], spread.edges[-1], 52, width - 12)
    y = Scale(0, highest, height - 44, ceiling)
    said = f"{label} from {write(spread.edges[0])} to {write(spread.edges[-1])}; bounds: " + (
        ", ".join(f"{b.text} {b.label}" for b in bounds) or "none"
    )
    drawing = Drawing(ident, width, height, title, said)
    vertical(
        drawing, Axis(y, [(t, words.compact(t)) for t in nice(0, highest, 5) if t == int(t)], "rows"), 52, width - 12
    )
    for i, (low, high) in enumerate(zip(spread.edges, spread.edges[1:], strict=False)):
        foot = 0
        for grade, counts in zip(grades, spread.stacks, strict=True):
            if counts[i]:
                box = (x(low) + 0.5, y(foot + counts[i]), x(high) - x(low) - 1, y(foot) - y(foot + counts[i]))
                drawing.rect(*box, grade, f"{write(low)} to {write(high)}: {counted(counts[i], 'row')}")
                foot += counts[i]
    if spread.below:
        drawing.text((56, ceiling + 14), f"← {spread.below:,} below", "far")
    if spread.above:
        drawing.text((width - 14, ceiling + 14), f"{spread.above:,} above →", "far", "end")
    ticks = nice(spread.edges[0], spread.edges[-1], 12 if width > 600 else 5)
    horizontal(drawing, Axis(x, [(t, write(t)) for t in ticks], label), height - 44)
    for bound, _, level in levels:
        drawing.line((x(bound.value), ceiling - 16 * level - 22), (x(bound.value), height - 44), "bound")
    for bound, at, level in levels:
        drawing.text((at, ceiling - 16 * level - 26), f"{bound.text} {bound.label}", "bound-label", "middle")
    return drawing.markup("distribution")


def _levels(bounds: Sequence[Bound], x: Scale) -> list[tuple[Bound, float, int]]:
    """Where each bound's label is centred, and how many lines above the lowest, so that no two touch."""
    free: list[float] = []
    placed = []
    for bound in sorted(bounds, key=lambda b: b.value):
        half = len(f"{bound.text} {bound.label}") * 3.5
        at = min(max(x(bound.value), half), x.end + 12 - half)
        level = next((i for i, end in enumerate(free) if at - half > end + 8), len(free))
        free[level : level + 1] = [at + half]
        placed.append((bound, at, level))
    return placed


def function(
    ident: str, title: str, said: str, lines: Sequence[Line], rows: Histogram | None, x: tuple[Scale, str, Write],
    write_y: Write, width: int = SMALL,
) -> Markup:  # fmt: skip
    """A curve or a table's column above, and below on the same axis how many rows of the book ask for it there."""
    base, label, write_x = x
    values = [v for line in lines for _, v in line.points]
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) or abs(high) or 1.0
    low, high = (0.0 if 0 <= low <= room else low - room * 0.08), high + room * 0.08
    left, foot, height = 58, 150, 298 if rows else 200
    across = Scale(base.low, base.high, left, width - 14, base.log)
    up = Scale(low, high, foot, 18)
    drawing = Drawing(ident, width, height, title, said)
    vertical(drawing, Axis(up, [(t, write_y(t)) for t in nice(low, high, 4)]), left, width - 14)
    for line in lines:
        drawing.path([(across(a), up(b)) for a, b in line.points], line.kind)
        for a, b in line.dots:
            drawing.dot((across(a), up(b)), 3.2, "dot", f"{write_x(a)}: {write_y(b)}")
    axis = Axis(across, [(t, write_x(t)) for t in across.ticks(5)], label)
    if rows is None:
        horizontal(drawing, axis, foot)
        return drawing.markup("function")
    drawing.line((left, foot), (width - 14, foot), "axis")
    highest = top(max(rows.heights, default=0) or 1)
    count = Scale(0, highest, 254, 186)
    vertical(drawing, Axis(count, [(highest, words.compact(highest)), (0, "0")]), left, width - 14)
    drawing.text((left, 176), "rows of the book", "note")
    for a, b, n in zip(rows.edges, rows.edges[1:], rows.heights, strict=False):
        if n:
            tip = f"{write_x(a)} to {write_x(b)}: {counted(n, 'row')}"
            wide = max(across(b) - across(a) - 0.8, 0.6)
            drawing.rect(across(a) + 0.4, count(n), wide, 254 - count(n), "book", tip)
    horizontal(drawing, axis, 254)
    return drawing.markup("function")
