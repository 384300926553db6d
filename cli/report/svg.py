"""Drawings as inline SVG: presentation attributes and classes only, for the page's policy allows no inline style."""

from collections.abc import Iterable, Sequence
from dataclasses import field

from markupsafe import Markup, escape

from cli.report.scale import Scale
from cli.terminal.text import safe
from dsl.records import dataclass

Point = tuple[float, float]


def coordinate(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


@dataclass(slots=True)
class Drawing:
    """``ident`` is unique in the page; ``title`` and ``words`` are what a screen reader says in the drawing's place."""

    ident: str
    width: int
    height: int
    title: str
    words: str
    _parts: list[str] = field(default_factory=list)

    def add(self, tag: str, attributes: dict[str, str | float], text: str = "", tip: str = "") -> None:
        """One element; ``tip`` is shown on hover and read by nobody else."""
        written = "".join(
            f' {k}="{coordinate(v) if isinstance(v, (int, float)) else escape(safe(v))}"'
            for k, v in attributes.items()
            if v != ""
        )
        inside = f"<title>{escape(safe(tip))}</title>" if tip else ""
        self._parts.append(f"<{tag}{written}>{inside}{escape(safe(text))}</{tag}>")

    def rect(self, x: float, y: float, width: float, height: float, kind: str, tip: str = "") -> None:
        shape: dict[str, str | float] = {
            "class": kind,
            "x": x,
            "y": y,
            "width": max(width, 0),
            "height": max(height, 0),
        }
        self.add("rect", shape, tip=tip)

    def line(self, start: Point, end: Point, kind: str) -> None:
        self.add("line", {"class": kind, "x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]})

    def path(self, points: Iterable[Point], kind: str) -> None:
        steps = [f"{coordinate(x)} {coordinate(y)}" for x, y in points]
        if steps:
            self.add("path", {"class": kind, "d": "M" + "L".join(steps)})

    def dot(self, at: Point, radius: float, kind: str, tip: str = "") -> None:
        self.add("circle", {"class": kind, "cx": at[0], "cy": at[1], "r": radius}, tip=tip)

    def text(self, at: Point, words: str, kind: str = "", anchor: str = "") -> None:
        self.add("text", {"class": kind, "x": at[0], "y": at[1], "text-anchor": anchor}, words)

    def markup(self, kind: str = "") -> Markup:
        head = (
            f'<svg class="{escape(kind)}" viewBox="0 0 {self.width} {self.height}" width="{self.width}"'
            f' height="{self.height}" role="img" aria-labelledby="{self.ident}-t {self.ident}-d">'
            f'<title id="{self.ident}-t">{escape(safe(self.title))}</title>'
            f'<desc id="{self.ident}-d">{escape(safe(self.words))}</desc>'
        )
        return Markup(head + "".join(self._parts) + "</svg>")


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its scale, its ticks, how a tick is written, and what it measures."""

    scale: Scale
    ticks: Sequence[tuple[float, str]]
    label: str = ""


def horizontal(drawing: Drawing, axis: Axis, y: float, grid_top: float | None = None) -> None:
    """Ticks and label below the line at ``y``; where two labels would touch, the later one is left out."""
    drawing.line((axis.scale.start, y), (axis.scale.end, y), "axis")
    free = float("-inf")
    for value, words in axis.ticks:
        x = axis.scale(value)
        half = len(words) * 3.9
        drawing.line((x, y), (x, y + 4), "axis")
        if grid_top is not None:
            drawing.line((x, y), (x, grid_top), "grid")
        at = min(max(x, half), drawing.width - half)
        if at - half > free:
            drawing.text((at, y + 17), words, "tick", "middle")
            free = at + half + 6
    if axis.label:
        drawing.text(((axis.scale.start + axis.scale.end) / 2, y + 35), axis.label, "label", "middle")


def vertical(drawing: Drawing, axis: Axis, x: float, right: float) -> None:
    """Ticks left of the line at ``x``, and a faint line to ``right`` for each."""
    for value, words in axis.ticks:
        y = axis.scale(value)
        drawing.line((x, y), (right, y), "grid")
        drawing.text((x - 7, y + 4), words, "tick", "end")
    if axis.label:
        drawing.text((0, axis.scale.end - 12), axis.label, "label")
