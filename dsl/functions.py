"""Functions of `let`: a body for each combination of types that it is called with, and its size."""

from dsl import model, syntax
from dsl.arguments import arguments
from dsl.diagnostics import Label
from dsl.expressions import expression
from dsl.model import Type
from dsl.source import Span
from dsl.tree import weigh
from dsl.types import expect, unit_type
from dsl.world import Scope, World, invalid

LARGEST_BODY = 20_000


def function_call(world: World, written: syntax.Call, scope: Scope) -> model.Expr:
    function = world.names.functions[written.function.text]
    world.used.add((function.name.text,))
    count = len(function.args)
    shape = f"{function.name.text}({', '.join(a.name.text for a in function.args)})"
    made = arguments(world, written, scope, count, count, shape)
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
