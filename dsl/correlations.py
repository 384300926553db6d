"""`table NAME(a, b) correlation:` promises a correlation matrix: symmetric, 1 with itself, within -1 and 1, and such
that no combination of the names has a negative variance."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from dsl import model, syntax
from dsl.constants import constant
from dsl.diagnostics import Label
from dsl.model import Kind
from dsl.state import rebuild
from dsl.text import decimal_text
from dsl.world import World

WORD = "correlation"
EXACT = 60  # names up to which the variance is decided in rationals; beyond, in floats
NEAR = 1e-9

Pair = tuple[str, str]


def check_correlation(world: World, table: model.Table, written: syntax.Table) -> None:
    """Reports what keeps a table from being a correlation matrix; params count with their own values."""
    if not any(tuple(n.text for n in group) == (WORD,) for group in written.words):
        return
    column = table.columns[0]
    if len(table.columns) != 1 or column.type.kind not in (Kind.NUMBER, Kind.ANY) or column.marginal or [
        key.operator for key in table.keys
    ] != ["=", "="]:  # fmt: skip
        help = "write `| a = | b = | rho |`: two names and one number"
        world.report.error("E751", f"`{table.name}` is no table of correlations", written.name.span, help=help)
        return
    found: dict[Pair, Fraction] = {}
    places: dict[Pair, model.TableRow] = {}
    for row in table.rows:
        first, second = row.keys
        value = constant(rebuild(row.values[0], lambda e: _default(world, e)))
        if not isinstance(first, str) or not isinstance(second, str):
            help = "list every pair of names; one that is not listed is unknown"
            world.report.error("E751", "a correlation has no `other`", row.span, help=help)
        elif not isinstance(value, Fraction):
            help = "write numbers, or params"
            world.report.error(
                "E751", f"the correlation of `{first}` and `{second}` is no constant", row.span, help=help
            )
        else:
            found[first, second], places[first, second] = value, row
    if len(found) == len(table.rows) and _entries(world, found, places):
        _variance(world, table, found)


def _default(world: World, expr: model.Expr) -> model.Expr:
    param = world.params.get(expr.name) if isinstance(expr, model.ParamRead) else None
    if param is None:
        return expr
    value = param.versions[-1].value if param.versions else param.value
    return expr if value is None else model.Const(value, expr.type, expr.span)


def _entries(world: World, found: dict[Pair, Fraction], places: dict[Pair, model.TableRow]) -> bool:
    """Whether every entry is one, and has its mirror image."""
    before = len(world.report.found)
    for (a, b), value in found.items():
        row = places[a, b]
        mirror = found.get((b, a))
        if a == b and value != 1:
            message = f"`{a}` has a correlation of {decimal_text(value)} with itself"
            world.report.error("E752", message, row.span, help="write 1")
        elif abs(value) > 1:
            message = f"{decimal_text(value)} is no correlation"
            world.report.error("E752", message, row.span, help="it lies between -1 and 1")
        elif mirror is None:
            help = f"add the row `| {b} | {a} | {decimal_text(value)} |`"
            world.report.error("E752", f"`{b}` with `{a}` is missing", row.span, help=help)
        elif mirror != value and a < b:
            labels = Label(places[b, a].span, decimal_text(mirror)), Label(row.span, decimal_text(value))
            message = f"`{a}` with `{b}` is not what `{b}` with `{a}` is"
            world.report.error("E752", message, *labels, help="write the same number twice")
    for name in dict.fromkeys(n for pair in found for n in pair):
        if (name, name) not in found:
            row = next(places[pair] for pair in places if name in pair)
            help = f"add the row `| {name} | {name} | 1 |`"
            world.report.error("E752", f"`{name}` with itself is missing", row.span, help=help)
    return len(world.report.found) == before


def _variance(world: World, table: model.Table, found: dict[Pair, Fraction]) -> None:
    names = list(dict.fromkeys(a for a, _ in found))
    if len(found) < len(names) ** 2:
        missing = next((a, b) for a in names for b in names if (a, b) not in found)
        message = f"`{table.name}` has no row for `{missing[0]}` with `{missing[1]}`"
        help = "add both rows; where they meet, the result is unknown"
        world.report.warn("W740", message, table.span, help=help)
        return
    number: type[Number] = Fraction if len(names) <= EXACT else float
    worst = negative([[number(found[a, b]) for b in names] for a in names])
    if worst is not None:
        weights, variance = worst
        largest = max(abs(w) for w in weights)
        shown = ", ".join(
            f"{_short(w / largest)} of `{n}`" for n, w in zip(names, weights, strict=True) if abs(w / largest) > NEAR
        )
        message = f"the correlations of `{table.name}` contradict each other: a variance comes out below zero"
        help = f"{shown} would have a variance of {_short(variance / largest**2)}; the root of that is unknown"
        world.report.warn("W741", message, table.span, help=help)


def _short(value: Fraction | float) -> str:
    return decimal_text(Fraction(value), 4)


Number = Any  # all of a matrix are Fraction, or all are float


def negative(matrix: Sequence[Sequence[Number]]) -> tuple[Sequence[Number], Number] | None:
    """Weights whose variance by a symmetric matrix is below zero, and that variance; None where there are none.

    Symmetric elimination: after each step ``rest[i][j]`` is the covariance of the combinations i and j, which are
    uncorrelated with those taken out before. The largest variance is taken out first.
    """
    size = len(matrix)
    rest = [list(row) for row in matrix]
    weights: list[list[Number]] = [[1 if i == j else 0 for j in range(size)] for i in range(size)]
    left = list(range(size))
    zero = 0 if isinstance(matrix[0][0], Fraction) else NEAR
    while left:
        lowest = min(left, key=lambda i: rest[i][i])
        if rest[lowest][lowest] < -zero:
            return weights[lowest], rest[lowest][lowest]
        pivot = max(left, key=lambda i: rest[i][i])
        if rest[pivot][pivot] <= zero:  # what is left has no variance: then it has no covariance either
            for i in left:
                for j in left:
                    if i < j and abs(rest[i][j]) > zero:
                        sign = 1 if rest[i][j] > 0 else -1
                        both = [a - sign * b for a, b in zip(weights[i], weights[j], strict=True)]
                        return both, rest[i][i] + rest[j][j] - 2 * abs(rest[i][j])
            return None
        left.remove(pivot)
        for i in left:
            share = rest[i][pivot] / rest[pivot][pivot]
            for j in left:
                rest[i][j] = rest[i][j] - share * rest[pivot][j]
            weights[i] = [a - share * b for a, b in zip(weights[i], weights[pivot], strict=True)]
    return None
