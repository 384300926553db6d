"""The tiers of one entity as a ladder: which rung is calm and which grave, and the number that it is climbed by."""

from collections.abc import Iterator

from cli.report import words
from cli.report.fixed import number
from dsl import model
from dsl.model import Expr, Kind, TierRow, Tiers
from dsl.records import dataclass
from evaluator.reference import Reference

RAMP = 9  # steps of the style sheet's colours, from calm to grave


@dataclass(frozen=True, slots=True)
class Chip:
    """A tier's name and its colour class."""

    label: str
    grade: str


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a rung begins, as a number and as text."""

    value: float
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """``grades``: the colour class of each label. ``column``: the entity's number that the tiers go by, empty where
    there is none; ``low_is_bad`` where its low end is the grave one. ``bounds`` by number of the tiers' row: those
    that are the same for every row of the book."""

    tiers: Tiers
    grades: dict[str, str]
    column: str
    low_is_bad: bool
    bounds: dict[int, Bound]

    def chip(self, label: str) -> Chip:
        return Chip(label, self.grades[label])


def ladder(tiers: Tiers, reference: Reference) -> Ladder:
    order = _calm_first(tiers, reference)
    step = (RAMP - 1) / max(len(order) - 1, 1)
    grades = {label: f"s{round(i * step)}" for i, label in enumerate(order)}
    grades |= {r.label: "su" for r in tiers.rows if r.row == "unknown" and r.label not in grades}
    if tiers.operator is not None:
        column = _column(tiers, tiers.variable)
        return Ladder(tiers, grades, column, tiers.operator in (">", ">="), _bounds(tiers, reference))
    column, low_is_bad = _compared_column(tiers, order)
    return Ladder(tiers, grades, column, low_is_bad, _condition_bounds(tiers, column, reference))


def _calm_first(tiers: Tiers, reference: Reference) -> list[str]:
    """The labels from calm to grave: as they stand for bounds, by what their ``close`` says for conditions."""
    known = [r for r in tiers.rows if r.row != "unknown"]
    labels = list(dict.fromkeys(r.label for r in known))
    names = [c.name for c in tiers.columns]
    if tiers.operator is not None or "close" not in names:
        return labels
    closes = {r.label: number(r.cells[names.index("close")], reference) for r in reversed(known)}
    return labels if None in closes.values() else sorted(labels, key=lambda label: closes[label] or 0.0)


def _column(tiers: Tiers, expr: Expr | None) -> str:
    own = isinstance(expr, model.Read) and not expr.links and expr.entity == tiers.entity
    return expr.column if isinstance(expr, model.Read) and own and expr.type.kind is Kind.NUMBER else ""


def _bounds(tiers: Tiers, reference: Reference) -> dict[int, Bound]:
    found = {}
    for i, row in enumerate(tiers.rows):
        value = None if row.when is None else number(row.when, reference)
        if value is not None and tiers.variable is not None:
            found[i] = Bound(value, words.value(value, tiers.variable.type), row.label)
    return found


def _comparisons(expr: Expr) -> Iterator[model.Compare]:
    if isinstance(expr, model.Compare) and expr.operator in ("<", "<=", ">", ">="):
        yield expr
    if isinstance(expr, model.Logic):
        for operand in expr.operands:
            yield from _comparisons(operand)


def _compared_column(tiers: Tiers, order: list[str]) -> tuple[str, bool]:
    """The first number that a condition compares. Its high end is calm if more of it leads to a calm rung."""
    for row in tiers.rows:
        for compare in _comparisons(row.when) if row.when is not None else ():
            for side, more in ((compare.left, (">", ">=")), (compare.right, ("<", "<="))):
                column = _column(tiers, side)
                if column:
                    calm = order.index(row.label) < (len(order) - 1) / 2
                    return column, (compare.operator in more) == calm
    return "", False


def _condition_bounds(tiers: Tiers, column: str, reference: Reference) -> dict[int, Bound]:
    """The first number that each condition compares the column with."""
    found: dict[int, Bound] = {}
    for i, row in enumerate(tiers.rows):
        for compare in _comparisons(row.when) if row.when is not None else ():
            sides = (compare.left, compare.right)
            for side, other in (sides, sides[::-1]):
                value = number(other, reference) if column and _column(tiers, side) == column else None
                if value is not None and i not in found:
                    found[i] = Bound(value, words.value(value, side.type), row.label)
    return found


def asked(tiers: Tiers, row: TierRow, bound: Bound | None) -> str:
    """What a row of the tiers asks, in words."""
    if row.row == "unknown":
        return "cannot be known"
    if row.when is None:
        return "otherwise"
    written = row.when.span.text
    if tiers.variable is None or tiers.operator is None:
        return written
    sign = {">=": "≥", "<=": "≤"}.get(tiers.operator, tiers.operator)
    text = written if bound is None else bound.text
    return f"{tiers.variable.span.text} {sign} {text}" + ("" if isinstance(row.when, model.Const) else f" ({written})")
