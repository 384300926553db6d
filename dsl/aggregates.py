"""Aggregates: which rows, which link leads back here, and what unit comes out."""

from dataclasses import replace
from typing import Literal, cast

from dsl import model, syntax
from dsl.aggregate_rows import entity_above, inner_entity, via_of
from dsl.arguments import miscounted
from dsl.clashes import column_in
from dsl.diagnostics import Label
from dsl.expressions import condition, expression
from dsl.groups import define_group
from dsl.guards import NOTHING, guards
from dsl.model import FLAG, NUMBER, Kind, Type
from dsl.types import describe
from dsl.units import ONE, Base, Unit
from dsl.world import Scope, World, invalid

Function = Literal["sum", "min", "max", "mean", "count", "share", "any", "all", "first"]
OF_FLAGS = ("count", "share", "any", "all")


def aggregate(world: World, written: syntax.Call, name: str, scope: Scope) -> model.Expr:
    if miscounted(world, written, 1, 1, f"{name}(entity.column)"):
        return invalid(written.span)
    argument = written.arguments[0]
    if (argument.by is None) == (name == "first"):
        span = written.span if argument.by is None else argument.by.span
        says = "doesn't say in which order" if argument.by is None else "knows no order"
        help = "write `first(position.fee by position.size)`: the value in the row with the smallest size"
        world.report.error("E750", f"`{name}` {says}", span, help=help)
        return invalid(written.span)
    if scope.args is not None:
        world.report.error(
            "E122",
            "an aggregate can't stand in a function, curve or table",
            written.span,
            help="compute it in a formula of the entity and hand it over as an argument",
        )
        return invalid(written.span)
    found = inner_entity(world, argument, name, scope)
    if found is None:
        return invalid(written.span)
    inner, up = found
    if inner in world.names.groups:
        define_group(world, inner, written.span)
    target = entity_above(world, up, argument, scope)
    via = False if target is False else via_of(world, inner, argument, target)
    if via is False:
        return invalid(written.span)
    inside = replace(scope, inner=inner, via=via or None, up=up, facts=frozenset(f for f in scope.facts if not f[0]))
    where = None
    facts = NOTHING
    if argument.where is not None:
        where = condition(world, argument.where, inside, "what follows `where`")
        facts = guards(argument.where, inside, truth=True)
    inside = inside.knowing(facts)
    value, type_ = _value(world, argument, name, inside)
    by = None if argument.by is None else _order(world, argument.by, inside)
    return model.Aggregate(cast(Function, name), inner, via, value, where, type_, written.span, up, by)


def _order(world: World, written: syntax.Expr, inside: Scope) -> model.Expr:
    """What `first` goes by: a number in one unit, or a date."""
    by = expression(world, written, inside)
    if by.type.kind is Kind.NUMBER:
        _one_unit(world, by, "first", inside)
    elif by.type.kind not in (Kind.DATE, Kind.ANY):
        message = f"rows have an order by numbers or dates, and this is {describe(by.type)}"
        world.report.error("E203", message, by.span, help="name a number of each row after `by`")
    return by


def _value(world: World, argument: syntax.Argument, name: str, inside: Scope) -> tuple[model.Expr | None, Type]:
    rows = ".".join(inside.prefix or ())
    bare = isinstance(argument.value, syntax.Path) and argument.value.text == rows
    if name == "count" and bare:
        return None, NUMBER
    if bare:
        world.report.error(
            "E123",
            f"`{name}` needs a value of each `{inside.inner}`, not its rows",
            argument.value.span,
            help=f"write `{name}({rows}.column)`",
        )
        return None, model.ANY
    if name in OF_FLAGS:
        value = condition(
            world,
            argument.value,
            inside,
            f"what `{name}` counts" if name in ("count", "share") else f"what `{name}` looks at",
        )
        return value, {"count": NUMBER, "share": model.RATIO}.get(name, FLAG)
    value = expression(world, argument.value, inside)
    if value.type.kind is Kind.ANY:
        return value, model.ANY
    if value.type.kind is Kind.DATE and name in ("min", "max"):
        return value, model.DATE
    if value.type.kind is not Kind.NUMBER and name == "first":
        return value, value.type
    if value.type.kind is not Kind.NUMBER:
        world.report.error(
            "E203",
            f"`{name}` needs numbers, and this is {describe(value.type)}",
            value.span,
            help="count a condition with `count(…)`",
        )
        return value, model.ANY
    return value, value.type if _one_unit(world, value, name, inside) else model.ANY


def _one_unit(world: World, value: model.Expr, name: str, inside: Scope) -> bool:
    """Whether a number is in the same unit in every inner row; reported where it isn't."""
    rows = ".".join(inside.prefix or ())
    loose = [b for b, _ in (value.type.unit.factors if value.type.unit else ()) if b.inner]
    if loose:
        shown = f"{rows}.{loose[0]}"
        world.report.error(
            "E213",
            f"`{name}` would mix different `{loose[0].name}`: every `{loose[0].entity}` has its own",
            Label(value.span, f"in `{value.type.unit}`"),
            help=_mend(world, value, inside, shown),
        )
    return not loose


def _mend(world: World, value: model.Expr, inside: Scope, shown: str) -> str:
    assert value.type.unit is not None
    loose = {b: p for b, p in value.type.unit.factors if b.inner}
    for base in world.names.units:
        wanted = Unit.of(Base(base))
        for b, p in loose.items():
            wanted = wanted / Unit.of(b) ** p
        column = column_in(world, wanted, inside)
        if column is not None and wanted != ONE:
            return f"multiply by `{column}` first, which is in `{wanted}`"
    return f"multiply by something that turns `{shown}` into a common unit first"
