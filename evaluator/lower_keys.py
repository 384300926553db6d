"""A table's keys on their way into the graph, and which of its rows a call finds by them."""

from collections.abc import Sequence
from fractions import Fraction

from dsl import model
from dsl.model import Exact, Expr
from dsl.records import dataclass
from evaluator.constants import Number
from evaluator.keys import Keys, split
from evaluator.lower_operations import Operations
from evaluator.pieces import Search, Step
from evaluator.scope import Lowered, Scope


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a column of a table. ``cells``: the column's, by row. ``group``: which of the keys' groups of rows it
    is about, None of a table where there is one. ``level``: of a call that finds no row."""

    table: model.Table
    keys: Keys
    cells: Sequence[Lowered]
    group: Lowered | None
    scope: Scope
    level: int


def keys_of(lowering: Operations, table: model.Table, marginal: bool) -> Keys:
    """A table's keys; a marginal column's bound is a ladder, not searched."""

    def make() -> Keys:
        faulty: list[Lowered] = []
        smooth = [key.operator == "~" for key in table.keys]
        cells = [[_cell(lowering, *key, faulty) for key in zip(row.keys, smooth, strict=True)] for row in table.rows]
        groups = [list(range(len(table.rows)))]
        steps: list[Step] = []
        for i, column in enumerate(table.keys):
            if searched(column, marginal):
                step, groups = split(groups, [row[i] for row in cells], column.operator)
                steps.append(step)
        number = list(lowering.policy.tables).index(table.name)
        return Keys(Search(tuple(steps), number), groups, cells, faulty)

    return lowering.keep(("keys", table.name, marginal), make)


def searched(key: model.Key, marginal: bool) -> bool:
    """Whether a key leads to groups of rows, and isn't interpolated nor the bound of a ladder."""
    return key.operator == "=" or (key.operator != "~" and not marginal)


def _cell(lowering: Operations, cell: str | None | Expr, smooth: bool, faulty: list[Lowered]) -> Exact | str | None:
    return cell if cell is None or isinstance(cell, str) else number_of(lowering, cell, faulty, finite=smooth).value


def number_of(lowering: Operations, expr: Expr, faulty: list[Lowered], finite: bool) -> Number:
    """A constant expression's value; one that has none goes to ``faulty``, and an infinite one where it must be
    ``finite``."""
    if isinstance(expr, model.Const) and isinstance(expr.value, Fraction):
        return Number(expr.value)
    lowered = lowering.lower(expr, Scope(""))
    found = lowered.node.constant
    if isinstance(found, Number) and finite and isinstance(found.value, float):
        lowered = lowering.lower(model.Binary("-", expr, expr, expr.type, expr.span), Scope(""))
    elif isinstance(found, Number):
        return found
    faulty.append(lowered)
    return Number(Fraction(0))
