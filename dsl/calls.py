"""Calls: built-ins, functions, curves, tables; ``known``. Aggregates have a file of their own."""

from fractions import Fraction

from dsl import model, syntax
from dsl.aggregates import aggregate
from dsl.builtins import AGGREGATES, BUILTINS, Builtin
from dsl.clashes import call_labels, clash
from dsl.curves import define_curve
from dsl.diagnostics import Label
from dsl.expressions import expression, optional_operand
from dsl.model import FLAG, NUMBER, Kind, Type
from dsl.names import BUILTIN_NAMES
from dsl.near import did_you_mean
from dsl.over import over
from dsl.signatures import typed_call
from dsl.source import Span
from dsl.table_ends import group_key
from dsl.tables import define_table, marginal_type
from dsl.tree import weigh
from dsl.types import describe, expect, same, unit_type
from dsl.world import Scope, World, invalid

LARGEST_BODY = 20_000


def call(world: World, written: syntax.Call, scope: Scope) -> model.Expr:
    name = written.function.parts[0].text
    names = world.names
    plain = len(written.function.parts) == 1
    if plain and (name in ("argmin", "argmax") or any(a.over is not None for a in written.arguments)):
        return over(world, written, name, scope)
    if plain and name in AGGREGATES and (len(written.arguments) == 1 or name not in BUILTINS):
        return aggregate(world, written, name, scope)
    for argument in written.arguments:
        extra = argument.by or argument.via or argument.where or argument.over
        if extra is not None:
            world.report.error(
                "E120",
                f"`{written.function.text}` is no aggregate, so nothing may follow its argument",
                extra.span,
                help="`where` and `via` go inside an aggregate such as `sum(…)`",
            )
            return invalid(written.span)
    if plain and name == "known":
        return _known(world, written, scope)
    if plain and name in BUILTINS:
        return _builtin(world, written, BUILTINS[name], scope)
    if name in names.tables:
        return _table(world, written, scope)
    if plain and name in names.functions:
        return _function(world, written, scope)
    if plain and name in names.curves:
        return _curve(world, written, scope)
    callable_ = {*BUILTIN_NAMES, *names.tables, *names.functions, *names.curves, "known"}
    if name in names.top or name in names.members.get(scope.entity or "", {}):
        help_: str | None = "only built-ins, functions, curves and tables are called"
    else:
        help_ = did_you_mean(name, callable_)
    if name not in names.lost:
        world.report.error("E118", f"there is no function `{written.function.text}`", written.function.span, help=help_)
    for argument in written.arguments:
        expression(world, argument.value, scope)
    return invalid(written.span)


def _arguments(
    world: World, written: syntax.Call, scope: Scope, least: int, most: int | None, shape: str
) -> list[model.Expr] | None:
    count = len(written.arguments)
    made = [expression(world, a.value, scope) for a in written.arguments]
    if count < least or (most is not None and count > most):
        wanted = str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        plural = "" if wanted == "1" else "s"
        world.report.error(
            "E119",
            f"`{written.function.text}` takes {wanted} argument{plural}, "
            f"and here {'is' if count == 1 else 'are'} {count}",
            written.span,
            help=f"write `{shape}`",
        )
        return None
    return made


def _known(world: World, written: syntax.Call, scope: Scope) -> model.Expr:
    if len(written.arguments) != 1:
        world.report.error(
            "E119",
            f"`known` takes 1 argument, and here are {len(written.arguments)}",
            written.span,
            help="write `known(column)`",
        )
        return invalid(written.span)
    operand = optional_operand(world, written.arguments[0].value, scope, "`known`")
    return model.Known(operand, FLAG, written.span)


def _builtin(world: World, written: syntax.Call, builtin: Builtin, scope: Scope) -> model.Expr:
    made = _arguments(world, written, scope, builtin.least, builtin.most, builtin.shape)
    if made is None:
        return invalid(written.span)
    if any(a.type.kind is Kind.ANY for a in made):
        return model.BuiltinCall(builtin.name, tuple(made), model.ANY, written.span)
    if builtin.rule == "typed":
        return typed_call(world, written, builtin, made, scope)
    if builtin.rule == "interpolate" and all(made[i].type.kind is Kind.DATE for i in (0, 1, 3)):
        return _between_dates(world, written, builtin, made, scope)
    dates = builtin.name in ("min", "max", "clamp") and all(a.type.kind is Kind.DATE for a in made)
    return _of_numbers(world, written, builtin, made, scope, dates=dates)


def _between_dates(
    world: World, written: syntax.Call, builtin: Builtin, made: list[model.Expr], scope: Scope
) -> model.Expr:
    """``interpolate`` over time."""
    values = _of_numbers(world, written, builtin, [made[2], made[4]], scope)
    return model.BuiltinCall(builtin.name, tuple(made), values.type, written.span)


def _of_numbers(
    world: World, written: syntax.Call, builtin: Builtin, made: list[model.Expr], scope: Scope, *, dates: bool = False
) -> model.Expr:
    for arg in made:
        if arg.type.kind is not Kind.NUMBER and not dates:
            world.report.error(
                "E203",
                f"`{builtin.name}` needs numbers, and this is {describe(arg.type)}",
                arg.span,
                *call_labels(scope),
            )
            return invalid(written.span)
    type_ = model.DATE if dates else _builtin_type(world, builtin, made, scope)
    return model.BuiltinCall(builtin.name, tuple(made), type_, written.span)


def _builtin_type(world: World, builtin: Builtin, args: list[model.Expr], scope: Scope) -> Type:
    match builtin.rule:
        case "plain":
            return (
                NUMBER
                if expect(world, args[0], NUMBER, f"the argument of `{builtin.name}`", calls=scope.calls)
                else model.ANY
            )
        case "sqrt":
            unit = args[0].type.unit
            return NUMBER if unit is None else Type(Kind.NUMBER, unit ** Fraction(1, 2))
        case "sign":
            return NUMBER
        case "interpolate" if len(args) == 5:
            x = _alike(world, [args[0], args[1], args[3]], builtin, scope)
            y = _alike(world, [args[2], args[4]], builtin, scope)
            return model.ANY if model.ANY in (x, y) else y
        case _:
            return _alike(world, args, builtin, scope)


def _alike(world: World, args: list[model.Expr], builtin: Builtin, scope: Scope) -> Type:
    found = args[0].type
    anchor = args[0]
    for arg in args[1:]:
        joined = same(found, arg.type)
        if joined is None:
            clash(
                world,
                "E211",
                f"`{builtin.name}` needs one unit, and here are {describe(found)} and {describe(arg.type)}",
                anchor,
                arg,
                scope,
            )
            return model.ANY
        if found.unit is None:
            anchor = arg
        found = joined
    return found


def _function(world: World, written: syntax.Call, scope: Scope) -> model.Expr:
    function = world.names.functions[written.function.text]
    world.used.add((function.name.text,))
    count = len(function.args)
    shape = f"{function.name.text}({', '.join(a.name.text for a in function.args)})"
    made = _arguments(world, written, scope, count, count, shape)
    if made is None:
        return invalid(written.span)
    types = {}
    for arg, expr in zip(function.args, made, strict=True):
        type_ = expr.type
        if arg.unit is not None:
            wanted = unit_type(world, arg.unit, None)
            if not expect(
                world,
                expr,
                wanted,
                f"`{arg.name.text}` of `{function.name.text}`",
                Label(arg.span, "declared here"),
                calls=scope.calls,
            ):
                type_ = model.ANY
            else:
                type_ = wanted
        types[arg.name.text] = type_
    body = function_body(world, function, types, (*scope.calls, written.span))
    pairs = tuple(zip((a.name.text for a in function.args), made, strict=True))
    return model.FunctionCall(function.name.text, pairs, body, body.type, written.span)


def function_body(
    world: World, function: syntax.Function, types: dict[str, Type], calls: tuple[Span, ...]
) -> model.Expr:
    """A function's body for arguments of these types, checked once for each."""
    key = (function.name.text, tuple(types.values()))
    if key not in world.bodies:
        name = ("let", function.name.text)
        if name in world.failed or not world.enter(name, calls[-1] if calls else function.name.span):
            return invalid(function.span)
        before = world.report.errors
        world.bodies[key] = expression(world, function.body, Scope(args=types, calls=calls))
        world.leave(name)
        if world.report.errors > before:
            if not calls:  # it is wrong whatever it is called with: say so once
                world.failed.add(name)
            world.bodies[key] = invalid(function.span)
        _limit(world, key, function)
    return world.bodies[key]


def _limit(world: World, key: tuple[str, tuple[Type, ...]], function: syntax.Function) -> None:
    """Functions that call functions twice grow as powers of two: stop before they outgrow every machine."""
    body = world.bodies[key]
    weight = world.weights[id(body)] = weigh(body, world.weights)
    if weight > LARGEST_BODY:
        world.report.error(
            "E129",
            f"`{function.name.text}` grows to more than {LARGEST_BODY:,} operations once its calls are put in",
            function.name.span,
            help="compute the parts in formulas, which are computed once",
        )
        world.failed.add(("let", function.name.text))
        world.bodies[key] = invalid(function.span)


def define_functions(world: World) -> None:
    """Check every function's body on its own, so that one that nothing calls is checked too."""
    for function in world.names.functions.values():
        types = {}
        for arg in function.args:
            if arg.name.text in types:
                world.report.error("E101", f"`{arg.name.text}` is an argument twice", arg.span, help="rename one")
            types[arg.name.text] = model.ANY if arg.unit is None else unit_type(world, arg.unit, None)
        function_body(world, function, types, ())


def _table(world: World, written: syntax.Call, scope: Scope) -> model.Expr:
    name = written.function.parts[0].text
    world.used.add((name,))
    table = define_table(world, name, written.span)
    if table is None:
        for argument in written.arguments:
            expression(world, argument.value, scope)
        return invalid(written.span)
    column = _value_column(world, written, table)
    shape = f"{written.function.text}({', '.join(n for n, _ in table.args)})"
    made = _arguments(world, written, scope, len(table.args), len(table.args), shape)
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
    listed = {row.keys[position] for row in table.rows}
    place = next(i for i, h in enumerate(definition.headers) if h.name.text == table.keys[position].name)
    for row, written in zip(table.rows, definition.rows, strict=True):
        key = row.keys[position]
        if isinstance(key, str) and key not in expr.type.labels:
            world.report.error(
                "E117",
                f"`{key}` is not one of {', '.join(f'`{x}`' for x in expr.type.labels)}",
                written.cells[place].span,
                Label(expr.span, "called with these here"),
                help=did_you_mean(key, set(expr.type.labels)),
            )
    if any(isinstance(key, model.Expr) for key in listed):
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
        help=did_you_mean(parts[-1].text, set(choices)) or f"it has {', '.join(f'`{c}`' for c in choices)}",
    )
    return None


def _curve(world: World, written: syntax.Call, scope: Scope) -> model.Expr:
    curve = define_curve(world, written.function.text, written.span)
    definition = world.names.curves[written.function.text]
    made = _arguments(world, written, scope, 1, 1, f"{definition.name.text}({definition.arg.name.text})")
    if made is None or curve is None:
        return invalid(written.span)
    expect(
        world,
        made[0],
        curve.arg_type,
        f"`{curve.arg}` of `{curve.name}`",
        Label(definition.arg.span, "declared here"),
        calls=scope.calls,
    )
    return model.CurveCall(curve.name, made[0], curve.type, written.span)
