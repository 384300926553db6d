"""Calls: which of all that can be called a name is; ``known``, and curves."""

from dsl import model, syntax
from dsl.aggregates import aggregate
from dsl.arguments import arguments, miscounted, more_said
from dsl.builtin_calls import builtin_call
from dsl.builtins import AGGREGATES, BUILTINS
from dsl.curves import define_curve
from dsl.diagnostics import Label
from dsl.expressions import expression, optional_operand
from dsl.functions import function_call
from dsl.model import FLAG
from dsl.names import BUILTIN_NAMES
from dsl.near import did_you_mean
from dsl.over import over
from dsl.table_calls import table_call
from dsl.types import expect
from dsl.world import Scope, World, invalid


def call(world: World, written: syntax.Call, scope: Scope) -> model.Expr:
    name = written.function.parts[0].text
    names = world.names
    plain = len(written.function.parts) == 1
    if plain and (name in ("argmin", "argmax") or any(a.over is not None for a in written.arguments)):
        return over(world, written, name, scope)
    if plain and name in AGGREGATES and (len(written.arguments) == 1 or name not in BUILTINS):
        return aggregate(world, written, name, scope)
    if more_said(world, written):
        return invalid(written.span)
    if plain and name == "known":
        return _known(world, written, scope)
    if plain and name in BUILTINS:
        return builtin_call(world, written, BUILTINS[name], scope)
    if name in names.tables:
        return table_call(world, written, scope)
    if plain and name in names.functions:
        return function_call(world, written, scope)
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


def _known(world: World, written: syntax.Call, scope: Scope) -> model.Expr:
    if miscounted(world, written, 1, 1, "known(column)"):
        return invalid(written.span)
    operand = optional_operand(world, written.arguments[0].value, scope, "`known`")
    return model.Known(operand, FLAG, written.span)


def _curve(world: World, written: syntax.Call, scope: Scope) -> model.Expr:
    curve = define_curve(world, written.function.text, written.span)
    definition = world.names.curves[written.function.text]
    made = arguments(world, written, scope, 1, 1, f"{definition.name.text}({definition.arg.name.text})")
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
