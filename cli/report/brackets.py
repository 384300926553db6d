"""Each table drawn by its number, one small drawing for each of the names that the book asks for most."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from cli.report import charts, fixed, words
from cli.report.asked import Asked, Floats, Names
from cli.report.charts import Line
from cli.report.curves import CurveView, Panel, asks, axis_scale, book_rows, stairs, writer
from cli.report.svg import Point
from cli.terminal.text import count
from dsl import model
from dsl.model import Expr, Kind, Table, Type
from evaluator.reference import Reference

PANELS, ROWS = 6, 200


def table_view(table: Table, reference: Reference, asked: Asked) -> CurveView:
    numbers = [k for k, key in enumerate(table.keys) if key.operator != "="]
    panels: list[Panel] = []
    note = "Its keys are names: there is no axis to draw it on." if not numbers else ""
    if len(numbers) == 1:
        panels, note = _panels(table, numbers[0], reference, asked)
    elif numbers:
        note = "It goes by several numbers: its rows are listed, not drawn."
    shown = min(len(table.rows), ROWS)
    summary = count(len(table.rows), "row") + ("" if shown == len(table.rows) else f", the first {shown} listed")
    headers = [(f"{k.name} {k.operator}", k.operator != "=") for k in table.keys]
    headers += [(c.name + (", marginal" if c.marginal else ""), True) for c in table.columns]
    cells = [_cells(table, row, reference) for row in table.rows[:shown]]
    return CurveView(table.name, "table", table.description, panels, note, summary, headers, cells)


def _panels(table: Table, number: int, reference: Reference, asked: Asked) -> tuple[list[Panel], str]:
    named = [k for k, key in enumerate(table.keys) if key.operator == "="]
    sets: dict[Names, list[int]] = {}
    for i, row in enumerate(table.rows):
        sets.setdefault(tuple(c if isinstance(c, str) else None for c in (row.keys[k] for k in named)), []).append(i)
    values = asked.by_rows(table, table.keys[number].arg, [table.keys[k].arg for k in named], list(sets))
    ranked = sorted(zip(sets.items(), values, strict=True), key=lambda one: -len(one[1]))
    drawn = [c for c, column in enumerate(table.columns) if column.type.kind is Kind.NUMBER]
    kept = ranked[: max(1, PANELS // max(len(drawn), 1))]
    panels = []
    for (names, rows), here in kept:
        for column in drawn:
            points = _points(table, rows, number, column, reference)
            if points:
                panels.append(_panel(table, (number, column), names, points, here))
    hidden = len(ranked) - len(kept)
    note = f"The {len(kept)} that the book asks for most are drawn; {count(hidden, 'other')} not." if hidden else ""
    return panels, note


def _points(table: Table, rows: Sequence[int], number: int, column: int, reference: Reference) -> list[Point]:
    """The number and the value of each row whose value is the same for every row of the book."""
    found = []
    for row in (table.rows[i] for i in rows):
        bound, cell = row.keys[number], row.values[column]
        x = None if bound is None or isinstance(bound, str) else fixed.number(bound, reference)
        y = fixed.number(cell, reference)
        if x is not None and y is not None and np.isfinite(x):
            found.append((x, y))
    return sorted(found)


def _panel(table: Table, place: tuple[int, int], names: Names, points: list[Point], values: Floats) -> Panel:
    number, column = place
    key, value = table.keys[number], table.columns[column]
    bounds = [x for x, _ in points]
    positive = [x for x in bounds if x > 0]
    scale = axis_scale(values, bounds, log=min(bounds) >= 0 and _crowded(values, positive))
    rows = book_rows(values, scale)
    write = writer(_key_type(table, number))
    rate = model.RATIO if value.marginal else value.type
    label = " · ".join("other" if n is None else words.name(n) for n in names)
    title = f"{table.name}{f' of {label}' if label else ''}: {value.name} by {key.name}"
    ident = f"table-{table.name}-{column}-{min(i for i, row in enumerate(table.rows) if _names(row, table) == names)}"
    path = _path(points, scale.low, scale.high, key.operator)
    said = f"from {write(scale.low)} to {write(scale.high)}; {asks(values, rows, write)}"
    drawing = charts.function(ident, title, said, [Line(path)], rows, (scale, key.name, write), writer(rate))
    what = f"{value.name}{' of each slice' if value.marginal else ''}"
    return Panel(drawing, f"{label + ': ' if label else ''}{what} · {asks(values, rows, write)}")


def _crowded(values: Floats, positive: list[float]) -> bool:
    """Whether the bounds, or most rows beside them, would stand on a heap at the start of an even axis."""
    if not positive:
        return False
    return max(positive) > 30 * min(positive) or (len(values) > 0 and float(np.median(values)) < max(positive) / 20)


def _names(row: model.TableRow, table: Table) -> Names:
    pairs = zip(table.keys, row.keys, strict=True)
    return tuple(cell if isinstance(cell, str) else None for key, cell in pairs if key.operator == "=")


def _key_type(table: Table, number: int) -> Type:
    cell = next((row.keys[number] for row in table.rows), None)
    return table.args[table.keys[number].arg][1] or (cell.type if isinstance(cell, Expr) else model.NUMBER)


def _path(points: list[Point], low: float, high: float, operator: str) -> list[Point]:
    """What the table gives from ``low`` to ``high``: a line between ``~`` points, else one step a row."""
    if operator == "~":
        return [p for p in points if low <= p[0] <= high]
    if operator in (">=", ">"):
        held = [(max(x, low), y) for x, y in points if x <= high]
        return stairs([*held, (high, held[-1][1])]) if held else []
    starts = [low, *(x for x, _ in points)]
    held = [(min(x, high), y) for x, (_, y) in zip(starts, points, strict=False) if x <= high]
    last = min(points[-1][0], high)
    return stairs([*held, (last, held[-1][1])]) if held else []


def _cells(table: Table, row: model.TableRow, reference: Reference) -> list[str]:
    """A row as text: what is the same for every row of the book as its value, the rest as it is written."""
    shown = []
    for k, cell in enumerate(row.keys):
        if cell is None or isinstance(cell, str):
            shown.append("other" if cell is None else words.name(cell))
        else:
            shown.append(_shown(cell, _key_type(table, k), reference))
    for column, value in zip(table.columns, row.values, strict=True):
        kind = model.RATIO if column.marginal else column.type
        shown.append(_shown(value, kind, reference))
    return shown


def _shown(expr: Expr, kind: Type, reference: Reference) -> str:
    found = fixed.value(expr, reference)
    if found is None:
        return expr.span.text
    return words.value(found, kind) if isinstance(found, (str, bool, Fraction, float)) else "unknown"
