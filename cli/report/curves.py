"""Each curve drawn, with the rows of the book that ask for it on the same axis."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from markupsafe import Markup

from cli.report import charts, words
from cli.report.asked import Asked, Floats
from cli.report.bins import Histogram, even_edges, histogram, log_edges, window
from cli.report.charts import Line
from cli.report.fixed import number
from cli.report.scale import Scale
from cli.report.svg import Point
from cli.terminal.text import count
from dsl import model
from dsl.model import Const, Curve, Type
from dsl.records import dataclass
from evaluator.reference import Reference

SAMPLES, BINS = 121, 48


@dataclass(frozen=True, slots=True)
class Panel:
    drawing: Markup
    caption: str


@dataclass(frozen=True, slots=True)
class CurveView:
    """A curve or a table: its drawings, and its points or rows to open."""

    name: str
    kind: str
    description: str
    panels: list[Panel]
    note: str
    summary: str
    headers: list[tuple[str, bool]]
    rows: list[list[str]]

    @property
    def beside(self) -> bool:
        """Whether the rows are few enough to stand beside a single drawing."""
        return len(self.panels) == 1 and len(self.rows) <= 8


def curve_view(curve: Curve, reference: Reference, asked: Asked) -> CurveView:
    values = asked.values(curve.name)
    drawn = [(number(x, reference), number(y, reference)) for x, y in curve.points]
    points = [(x, y) for x, y in drawn if x is not None and y is not None]
    scale = axis_scale(values, [x for x, _ in points], log=curve.method == "logarithmic")
    xs = {scale.at(i / (SAMPLES - 1)) for i in range(SAMPLES)} | {x for x, _ in points if scale.low <= x <= scale.high}
    path = [(x, y) for x in sorted(xs) if (y := _at(curve, x, reference)) is not None]
    if curve.method == "step":
        path = stairs(path)
    rows = book_rows(values, scale)
    write_x, write_y = writer(curve.arg_type), writer(curve.type)
    said = f"from {write_x(scale.low)} to {write_x(scale.high)}; {asks(values, rows, write_x)}"
    dots = [p for p in points if scale.low <= p[0] <= scale.high]
    drawing = charts.function(
        f"curve-{curve.name}", curve.name, said, [Line(path, "curve", dots)], rows, (scale, curve.arg, write_x), write_y
    )
    kind = "by formula" if curve.formula is not None else f"{curve.method}, {curve.outside} outside"
    return CurveView(
        curve.name, ", ".join([f"curve, {kind}", *curve.promises]), curve.description,
        [Panel(drawing, f"{curve.name} by {curve.arg} · {asks(values, rows, write_x)}")],
        curve.formula.span.text if curve.formula is not None else "", count(len(points), "point"),
        [(curve.arg, True), (curve.name, True)], [[write_x(x), write_y(y)] for x, y in points],
    )  # fmt: skip


def _at(curve: Curve, x: float, reference: Reference) -> float | None:
    value = number(model.CurveCall(curve.name, Const(Fraction(x), curve.arg_type)), reference)
    return value if value is not None and np.isfinite(value) else None


# -- shared with tables -----------------------------------------------------------------------


def writer(kind: Type) -> Callable[[float], str]:
    """How an axis writes a value of a type."""
    return lambda value: words.value(value, kind, small=True)


def axis_scale(values: Floats, points: Sequence[float], log: bool = False) -> Scale:
    """An axis with room for the points and for most rows of the book; logarithmic where asked and possible."""
    low, high = window(values, points)
    positive = [p for p in points if p > 0]
    if log and positive:
        asked = values[np.isfinite(values) & (values > 0)]
        few, many = np.quantile(asked, [0.02, 0.99]).tolist() if len(asked) else (min(positive), max(positive))
        high = max(max(positive) * 2, min(many, max(positive) * 100))
        return Scale(max(min(min(positive) / 10, few), high / 1e7), high, 0, 1, True)
    edges = even_edges(low, high, 8)
    low = 0.0 if min(points, default=-1.0) >= 0 and edges[0] < 0 else edges[0]
    return Scale(low, edges[-1], 0, 1)


def book_rows(values: Floats, scale: Scale) -> Histogram | None:
    """The histogram under a drawing; None where the book never asks."""
    if not len(values):
        return None
    if scale.log:
        return histogram(values, log_edges(scale.low, scale.high, BINS))
    step = (scale.high - scale.low) / BINS
    return histogram(values, [scale.low + step * i for i in range(BINS)] + [scale.high])


def asks(values: Floats, rows: Histogram | None, write: Callable[[float], str]) -> str:
    """How many rows there are, and how many of them beyond the drawing."""
    if rows is None:
        return "no row of the book"
    beyond = [
        f"{n:,} {where}"
        for n, where in (
            (rows.below, f"below {write(rows.edges[0])}"),
            (rows.above, f"above {write(rows.edges[-1])}"),
            (rows.infinite, "infinite"),
        )
        if n
    ]
    return count(len(values), "row") + (f", of which {', '.join(beyond)}" if beyond else "")


def stairs(points: Sequence[Point]) -> list[Point]:
    """A path that holds each value until the next point."""
    path: list[Point] = []
    for x, y in points:
        if path:
            path.append((x, path[-1][1]))
        path.append((x, y))
    return path
