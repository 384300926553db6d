"""Calls of tables on their way into the graph: rows found by keys, brackets summed, or a value between rows."""

from collections.abc import Mapping
from dataclasses import replace

from dsl import model
from dsl.model import Expr
from evaluator.graph import INDEX
from evaluator.lower_keys import Called, keys_of, searched
from evaluator.lower_ladders import marginal
from evaluator.lower_operations import Operations
from evaluator.lower_pieces import take
from evaluator.lower_surfaces import between_rows
from evaluator.places import operands
from evaluator.scope import Lowered, Scope


def table_call(lowering: Operations, call: model.TableCall, scope: Scope) -> Lowered:
    """A call of one of a table's columns."""
    table = lowering.policy.tables[call.table]
    place = next(i for i, c in enumerate(table.columns) if c.name == call.column)
    column = table.columns[place]
    args = [lowering.lower(a, scope) for a in call.args]
    keys = keys_of(lowering, table, column.marginal)
    bound = {name: arg for (name, _), arg in zip(table.args, args, strict=True)}
    cells = _cells(lowering, table, place, bound, scope)
    keyed = [*(args[k.arg] for k in table.keys if searched(k, column.marginal)), *keys.faulty]
    level = lowering.joined(args, scope)
    group = lowering.op("locate", keyed, scope, (keys.search,), INDEX, level=level) if keyed else None
    called = Called(table, keys, cells, group, scope, level)
    if column.marginal:
        return marginal(lowering, called, next(args[k.arg] for k in table.keys if k.operator != "="))
    smooth = [(i, args[k.arg]) for i, k in enumerate(table.keys) if k.operator == "~"]
    if smooth:
        return between_rows(lowering, called, smooth)
    assert group is not None
    return take(lowering, group, [cells[rows[0]] for rows in keys.groups], scope, column.type)


def _cells(
    lowering: Operations, table: model.Table, place: int, args: Mapping[str, Lowered], scope: Scope
) -> list[Lowered]:
    """One value column's cells; those that read no argument are lowered once for all calls."""
    type = table.columns[place].type
    exprs = [row.values[place] for row in table.rows]

    def make() -> list[Lowered | None]:
        outside = replace(scope, args={})
        return [None if _reads(e) else lowering.lower_as(e, type, outside) for e in exprs]

    inside = replace(scope, args=args)
    fixed = lowering.keep(("cells", table.name, place), make)
    return [found or lowering.lower_as(e, type, inside) for found, e in zip(fixed, exprs, strict=True)]


def _reads(expr: Expr) -> bool:
    """Whether an expression reads an argument."""
    return isinstance(expr, model.ArgRead) or any(_reads(part) for part in operands(expr))
