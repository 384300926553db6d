"""Aggregates: which rows, which link leads back here, and what unit comes out."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, cast

from dsl import model, syntax
from dsl.builtins import AGGREGATES
from dsl.diagnostics import Label
from dsl.expressions import NOTHING, condition, expression, guards
from dsl.groups import define_group
from dsl.model import FLAG, NUMBER, Kind, Type
from dsl.names import did_you_mean
from dsl.types import describe
from dsl.world import Scope, World, invalid

Function = Literal["sum", "min", "max", "mean", "count", "share", "any", "all", "first"]
OF_FLAGS = ("count", "share", "any", "all")
Via = tuple[str, ...]


def aggregate(world: World, written: syntax.Call, name: str, scope: Scope) -> model.Expr:
    if len(written.arguments) != 1:
        world.report.error(
            "E119",
            f"`{name}` takes 1 argument, and here are {len(written.arguments)}",
            written.span,
            help=f"write `{name}(entity.column)`",
        )
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
    found = _inner_entity(world, written, argument, name, scope)
    if found is None:
        return invalid(written.span)
    inner, up = found
    if inner in world.names.groups:
        define_group(world, inner, written.span)
    target = _above(world, up, argument, scope)
    via = False if target is False else _via(world, inner, argument, target, written)
    if via is False:
        return invalid(written.span)
    inside = replace(scope, inner=inner, via=via or None, up=up, facts=frozenset(f for f in scope.facts if not f[0]))
    where = None
    facts = NOTHING
    if argument.where is not None:
        where = condition(world, argument.where, inside, "what follows `where`")
        facts = guards(argument.where, inside, truth=True)
    inside = inside.knowing(facts)
    value, type_ = _value(world, argument, name, inside, written)
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


def _value(
    world: World, argument: syntax.Argument, name: str, inside: Scope, written: syntax.Call
) -> tuple[model.Expr | None, Type]:
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
    from dsl.expressions import column_in
    from dsl.units import ONE

    assert value.type.unit is not None
    loose = {b: p for b, p in value.type.unit.factors if b.inner}
    for base in world.names.units:
        from dsl.units import Base, Unit

        wanted = Unit.of(Base(base))
        for b, p in loose.items():
            wanted = wanted / Unit.of(b) ** p
        column = column_in(world, wanted, inside)
        if column is not None and wanted != ONE:
            return f"multiply by `{column}` first, which is in `{wanted}`"
    return f"multiply by something that turns `{shown}` into a common unit first"


def _inner_entity(
    world: World, written: syntax.Call, argument: syntax.Argument, name: str, scope: Scope
) -> tuple[str, Via] | None:
    """The entity whose rows an aggregate runs over, and the links that lead up from this row to what they belong to."""
    found: dict[str, syntax.Path] = {}
    above: dict[tuple[str, Via], syntax.Path] = {}
    here = {scope.entity, *world.names.members.get(scope.entity or "", {})}
    for expr in (argument.by, argument.value, argument.where):
        for path in paths(expr) if expr is not None else ():
            if path.parts[0].text in ("after", "base") and len(path.parts) > 1:
                path = replace(path, parts=path.parts[1:])
            first = path.parts[0].text
            if first in here and (rows := _up_and_down(world, scope.entity or "", path)) is not None:
                above.setdefault(rows, path)
            if first not in here and first in world.names.entities and not world.names.entities[first].once:
                found.setdefault(first, path)
    leading = [
        e for e in found if scope.entity is None or _is_once(world, scope.entity) or _chains(world, e, scope.entity)
    ]
    both: dict[tuple[str, Via], syntax.Path] = {(e, ()): found[e] for e in leading} | above
    if len(both) == 1:
        return next(iter(both))  # other entities named inside are reported where they are read
    if above:
        ((a, _), at), ((b, _), there) = list(both.items())[:2]
        labels = Label(there.span, f"rows of `{b}`"), Label(at.span, f"rows of `{a}`")
        message = f"`{name}` runs over the rows of one path, and here are two"
        world.report.error("E126", message, *labels, help="aggregate each on its own")
        return None
    if not found:
        if scope.entity in world.names.lost:
            return None
        world.report.error(
            "E124",
            f"`{name}` has no rows to run over",
            argument.value.span,
            help=_children_hint(world, name, scope, argument),
        )
        return None
    if not leading:
        first, path = next(iter(found.items()))
        if scope.entity in world.names.lost:  # the link's line could not be read
            return None
        world.report.error(
            "E125",
            f"`{first}` does not link to `{scope.entity}`",
            path.span,
            help=f"declare the link in `{first}`: `{scope.entity} : {scope.entity}`",
        )
        return None
    a, b = leading[:2]
    world.report.error(
        "E126",
        f"`{name}` runs over one entity, and here are `{a}` and `{b}`",
        Label(found[b].span, f"rows of `{b}`"),
        Label(found[a].span, f"rows of `{a}`"),
        help="aggregate each on its own",
    )
    return None


def _up_and_down(world: World, entity: str, path: syntax.Path) -> tuple[str, Via] | None:
    """Of a path that goes up links and then down to the rows of an entity: that entity and the links; else None."""
    at = entity
    for i, part in enumerate(path.parts):
        if part.text in world.names.members.get(at, {}):
            link = world.names.links(at).get(part.text)
            if link is None:
                return None
            at = link[0]
            continue
        down = world.names.entities.get(part.text)
        if i == 0 or down is None or down.once or part.text == at:
            return None
        return part.text, tuple(p.text for p in path.parts[:i])
    return None


def _above(world: World, up: Via, argument: syntax.Argument, scope: Scope) -> str | None | Literal[False]:
    """The entity that links lead up to (this row's own for none); False, reported, where one of them may be blank."""
    at = scope.entity
    for i, part in enumerate(up):
        assert at is not None
        target, optional = world.names.links(at)[part]
        world.read.add((at, part))
        if optional and (False, up[: i + 1]) not in scope.facts:
            path = ".".join(up[: i + 1])
            world.report.error(
                "E301",
                f"`{path}` may be blank, and nothing here says what then",
                argument.value.span,
                help=f"guard it: `if known({path}) then … else …`",
            )
            return False
        at = target
    return at


def _is_once(world: World, entity: str) -> bool:
    return world.names.entities[entity].once


def _children_hint(world: World, name: str, scope: Scope, argument: syntax.Argument) -> str:
    column = argument.value.span.text.strip()
    children = [
        e
        for e in world.names.entities
        if scope.entity is None or _is_once(world, scope.entity) or _chains(world, e, scope.entity)
    ]
    owners = [e for e in children if isinstance(argument.value, syntax.Path) and column in world.names.members[e]]
    if owners:
        return f"prefix the entity: `{name}({owners[0]}.{column})`"
    return "prefix the inner column with its entity" + (
        f", as in `{name}({children[0]}.column)`" if children else f"; nothing links to `{scope.entity}`"
    )


def _via(
    world: World, inner: str, argument: syntax.Argument, target: str | None, written: syntax.Call
) -> Via | None | Literal[False]:
    """The links from an inner row back to the row that it belongs to; None over whole entities; False, reported, where
    it isn't clear."""
    if target is None or _is_once(world, target):
        if argument.via is not None:
            world.report.error(
                "E127",
                "there is no link to choose here: this aggregate runs over all rows",
                argument.via.span,
                help="remove `via`",
            )
            return False
        return None
    if argument.via is not None:
        return _stated_via(world, inner, argument.via, target)
    chains = _chains(world, inner, target)
    if not chains:
        world.report.error(
            "E125",
            f"`{inner}` does not link to `{target}`",
            argument.value.span,
            help=f"declare the link in `{inner}`: `{target} : {target}`",
        )
        return False
    if len(chains) == 1:
        _mark_read(world, inner, chains[0])
        return chains[0]
    shown = ", ".join(f"`via {'.'.join(c)}`" for c in chains)
    world.report.error(
        "E127",
        f"`{inner}` leads to `{target}` in {len(chains)} ways",
        argument.value.span,
        help=f"choose one: {shown}",
    )
    return False


def _stated_via(world: World, inner: str, via: syntax.Path, entity: str) -> Via | Literal[False]:
    at = inner
    for part in via.parts:
        links = world.names.links(at)
        if part.text not in links:
            world.report.error(
                "E127",
                f"`{part.text}` is not a link of `{at}`",
                part.span,
                help=did_you_mean(part.text, set(links))
                or f"its links are {', '.join(f'`{x}`' for x in links) or 'none'}",
            )
            return False
        world.read.add((at, part.text))
        at = links[part.text][0]
    if at != entity:
        world.report.error(
            "E127",
            f"`{via.text}` leads to `{at}`, not to `{entity}`",
            via.span,
            help=f"name a link that ends at `{entity}`",
        )
        return False
    return tuple(p.text for p in via.parts)


def _mark_read(world: World, inner: str, chain: Via) -> None:
    at = inner
    for link in chain:
        world.read.add((at, link))
        at = world.names.links(at)[link][0]


def _chains(world: World, inner: str, entity: str) -> list[Via]:
    """The shortest chains of links that lead from one entity to another. A group only repeats its members' own links,
    so from a group's row that a chain came to it goes on to groups alone."""
    level: list[tuple[str, Via]] = [(inner, ())]
    for _ in range(len(world.names.entities)):
        level = [
            (target, (*chain, link))
            for at, chain in level
            for link, (target, _) in world.names.links(at).items()
            if (target != at or target == entity)
            and (not chain or at not in world.names.groups or _joins(world, target, at))
        ]
        if found := [chain for at, chain in level if at == entity]:
            return found
    return []


def _joins(world: World, group: str, entity: str) -> bool:
    """Whether rows of the entity are members of the group."""
    found = world.names.groups.get(group)
    return found is not None and found.base == entity


def paths(written: syntax.Expr) -> Iterator[syntax.Path]:
    """The paths in an expression, outside the aggregates inside it."""
    match written:
        case syntax.Path():
            yield written
        case syntax.Call():
            nested = written.function.text in AGGREGATES and len(written.arguments) == 1
            nested = nested and written.arguments[0].over is None
            for argument in () if nested else written.arguments:
                yield from paths(argument.value)
        case syntax.Solve():
            yield written.target
            yield from paths(written.condition)
        case syntax.Draw():
            return
        case _:
            for child in children(written):
                yield from paths(child)


def children(written: syntax.Expr) -> tuple[syntax.Expr, ...]:
    """The operands of an expression that is no path, call, draw or solve."""
    match written:
        case syntax.Sign() | syntax.Not():
            return (written.operand,)
        case syntax.Binary() | syntax.Compare():
            return written.left, written.right
        case syntax.Member():
            return written.operand, *written.choices
        case syntax.Logic():
            return written.operands
        case syntax.If():
            return written.condition, written.then, written.otherwise
        case syntax.Fallback():
            return written.operand, written.otherwise
    return ()
