"""Built-in functions whose table row says what each argument is: prices and their greeks, dates, impact."""

from dsl import model, syntax
from dsl.builtins import Builtin
from dsl.clashes import clash
from dsl.model import DATE, DURATION, NUMBER, RATIO, Kind, Type
from dsl.types import describe, expect, same
from dsl.units import ONE, SECOND, Unit
from dsl.world import Scope, World

_TAKEN = {"1": NUMBER, "t": DURATION, "d": DATE}


def typed_call(
    world: World, written: syntax.Call, builtin: Builtin, args: list[model.Expr], scope: Scope
) -> model.Expr:
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
