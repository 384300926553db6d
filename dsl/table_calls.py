"""Calls of tables: the value that is asked for, and keys that have a row."""

from dsl import model, syntax
from dsl.arguments import arguments
from dsl.diagnostics import Label
from dsl.expressions import expression
from dsl.model import Kind
from dsl.near import did_you_mean, listed
from dsl.table_ends import group_key
from dsl.tables import define_table, marginal_type
from dsl.types import describe, expect
from dsl.world import Scope, World, invalid


def table_call(world: World, written: syntax.Call, scope: Scope) -> model.Expr:
    name = written.function.parts[0].text
    world.used.add((name,))
    table = define_table(world, name, written.span)
    if table is None:
        for argument in written.arguments:
            expression(world, argument.value, scope)
        return invalid(written.span)
    column = _value_column(world, written, table)
    shape = f"{written.function.text}({', '.join(n for n, _ in table.args)})"
    made = arguments(world, written, scope, len(table.args), len(table.args), shape)
    if made is None or column is None:
        return invalid(written.span)
    definition = world.names.tables[name]
    for number, ((arg, wanted), expr) in enumerate(zip(table.args, made, strict=True)):
        place = Label(definition.args[number].span, "declared here")
        keyed = any(k.arg == number and k.operator == "=" for k in table.keys)
        if wanted is not None:
            expect(world, expr, wanted, f"`{arg}` of `{name}`", place, calls=scope.calls)
        elif keyed and expr.type.kind not in (Kind.LINK, Kind.TEXT, Kind.ENUM, Kind.ANY):
            world.report.error(
                "E212",
                f"`{arg}` of `{name}` is matched as text, and this is {describe(expr.type)}",
                expr.span,
                place,
                help="hand over a link, a text or one of an enumeration",
            )
        if keyed and expr.type.kind is Kind.ENUM:
            _labels_covered(world, table, number, expr, definition)
    world.used.add((name, column.name))
    return model.TableCall(name, column.name, tuple(made), marginal_type(table, column), written.span)


def _labels_covered(world: World, table: model.Table, number: int, expr: model.Expr, definition: syntax.Table) -> None:
    position = next(i for i, k in enumerate(table.keys) if k.arg == number)
    place = next(i for i, h in enumerate(definition.headers) if h.name.text == table.keys[position].name)
    for row, written in zip(table.rows, definition.rows, strict=True):
        key = row.keys[position]
        if isinstance(key, str) and key not in expr.type.labels:
            world.report.error(
                "E117",
                f"`{key}` is not one of {listed(expr.type.labels)}",
                written.cells[place].span,
                Label(expr.span, "called with these here"),
                help=did_you_mean(key, expr.type.labels),
            )
    if any(isinstance(key, model.Expr) for key in (row.keys[position] for row in table.rows)):
        return
    groups: dict[tuple[object, ...], dict[object, model.TableRow]] = {}
    for row in table.rows:
        beside = tuple(group_key(k) for k in row.keys[:position])
        groups.setdefault(beside, {}).setdefault(row.keys[position], row)
    for rows in groups.values():
        missing = [x for x in expr.type.labels if x not in rows]
        if missing and None not in rows:
            labels = [Label(expr.span), Label(definition.name.span, "this table")]
            if len(groups) > 1:
                labels.append(Label(next(iter(rows.values())).span, "beside the same keys to its left"))
            what = f"`{definition.name.text}` has no row for `{missing[0]}`" + (" here" if len(groups) > 1 else "")
            world.report.error("E403", what, *labels, help="add the row, or one for `other`")
            return


def _value_column(world: World, written: syntax.Call, table: model.Table) -> model.ValueColumn | None:
    parts = written.function.parts
    choices = {c.name: c for c in table.columns}
    if len(parts) == 1:
        if len(table.columns) == 1:
            return table.columns[0]
        world.report.error(
            "E121",
            f"`{table.name}` has several values",
            written.function.span,
            help="name one: " + ", ".join(f"`{table.name}.{c}(…)`" for c in choices),
        )
        return None
    if len(parts) == 2 and parts[1].text in choices:
        return choices[parts[1].text]
    world.report.error(
        "E121",
        f"`{table.name}` has no value `{'.'.join(p.text for p in parts[1:])}`",
        parts[1].span.to(parts[-1].span),
        help=did_you_mean(parts[-1].text, choices) or f"it has {listed(choices)}",
    )
    return None
