"""Calls of built-in functions: their arguments' kinds and units, and the type that follows."""

from fractions import Fraction

from dsl import model, syntax
from dsl.arguments import arguments
from dsl.builtins import Builtin
from dsl.clashes import alike, call_labels, clash
from dsl.model import DATE, DURATION, NUMBER, RATIO, Kind, Type
from dsl.types import describe, expect, same
from dsl.units import ONE, SECOND, Unit
from dsl.world import Scope, World, invalid

_TAKEN = {"1": NUMBER, "t": DURATION, "d": DATE}


def builtin_call(world: World, written: syntax.Call, builtin: Builtin, scope: Scope) -> model.Expr:
    made = arguments(world, written, scope, builtin.least, builtin.most, builtin.shape)
    if made is None:
        return invalid(written.span)
    if any(a.type.kind is Kind.ANY for a in made):
        return model.BuiltinCall(builtin.name, tuple(made), model.ANY, written.span)
    if builtin.rule == "typed":
        return _typed(world, written, builtin, made, scope)
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
    needs = f"`{builtin.name}` needs one unit, and here are"
    match builtin.rule:
        case "plain":
            plain = expect(world, args[0], NUMBER, f"the argument of `{builtin.name}`", calls=scope.calls)
            return NUMBER if plain else model.ANY
        case "sqrt":
            unit = args[0].type.unit
            return NUMBER if unit is None else Type(Kind.NUMBER, unit ** Fraction(1, 2))
        case "sign":
            return NUMBER
        case "interpolate" if len(args) == 5:
            x = alike(world, "E211", needs, [args[0], args[1], args[3]], scope)
            y = alike(world, "E211", needs, [args[2], args[4]], scope)
            return model.ANY if model.ANY in (x, y) else y
        case _:
            return alike(world, "E211", needs, args, scope)


# -- whose row in the table says what each argument is: prices and their greeks, dates, impact -----------


def _typed(world: World, written: syntax.Call, builtin: Builtin, args: list[model.Expr], scope: Scope) -> model.Expr:
    """The call, its arguments checked one by one."""
    found = model.BuiltinCall(builtin.name, tuple(args), _type(world, builtin, args, scope), written.span)
    if found.type.kind is not Kind.NUMBER or builtin.name not in _WRITTEN_OUT:
        return found
    return _WRITTEN_OUT[builtin.name](found)


def _type(world: World, builtin: Builtin, args: list[model.Expr], scope: Scope) -> Type:
    names, takes = builtin.arguments.split(", "), builtin.takes.split()
    first = next((name for name, taken in zip(names, takes, strict=True) if taken == "U"), "")
    shared = Type(Kind.NUMBER, None)
    anchor = args[0]
    right = True
    for name, taken, arg in zip(names, takes, args, strict=True):
        what = f"`{name}` of `{builtin.name}`"
        if taken != "U":
            right &= expect(world, arg, _TAKEN[taken], what, calls=scope.calls)
        elif not expect(world, arg, Type(Kind.NUMBER, None), what, calls=scope.calls):
            right = False
        elif (joined := same(shared, arg.type)) is None:
            message = f"`{first}` and `{name}` of `{builtin.name}` need one unit, and here are "
            clash(world, "E211", f"{message}{describe(shared)} and {describe(arg.type)}", anchor, arg, scope)
            right = False
        else:
            anchor = arg if shared.unit is None else anchor
            shared = joined
    return _given(builtin.gives, shared.unit) if right else model.ANY


def _given(gives: str, shared: Unit | None) -> Type:
    if gives in ("1", "%"):
        return RATIO if gives == "%" else NUMBER
    if shared is None:
        return Type(Kind.NUMBER, None)
    return Type(Kind.NUMBER, {"U": shared, "1/U": ONE / shared, "U/t": shared / Unit.of(SECOND)}[gives])


def _impact(call: model.BuiltinCall) -> model.Expr:
    """``square_root_impact`` written out, with the guards and ranges of its parts."""
    size, depth, coefficient = call.args
    span = call.span
    part = model.Binary("/", model.BuiltinCall("abs", (size,), size.type, size.span), depth, NUMBER, span)
    root = model.BuiltinCall("sqrt", (part,), NUMBER, span)
    return model.Binary("*", coefficient, root, call.type, span)


def _ramp(call: model.BuiltinCall) -> model.Expr:
    """``ramp`` as the ``interpolate`` that it is."""
    start, before, end, after, at = call.args
    return model.BuiltinCall("interpolate", (at, start, before, end, after), call.type, call.span)


_WRITTEN_OUT = {"square_root_impact": _impact, "ramp": _ramp}
