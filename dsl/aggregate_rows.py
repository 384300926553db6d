"""The rows that an aggregate runs over: which entity's, and by which links they lead back to the row that asks."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from dsl import syntax
from dsl.builtins import AGGREGATES
from dsl.diagnostics import Label
from dsl.near import did_you_mean, listed
from dsl.world import Scope, World

Via = tuple[str, ...]


def inner_entity(world: World, argument: syntax.Argument, name: str, scope: Scope) -> tuple[str, Via] | None:
    """The entity whose rows an aggregate runs over, and the links that lead up from this row to what they belong to."""
    found, above = _named(world, argument, scope)
    leading: dict[tuple[str, Via], syntax.Path] = {(e, ()): p for e, p in found.items() if _leads_here(world, e, scope)}
    rows = leading | above
    if len(rows) == 1:
        return next(iter(rows))  # other entities named inside are reported where they are read
    if rows:
        ((a, _), at), ((b, _), there) = list(rows.items())[:2]
        message = f"`{name}` runs over one entity, and here are `{a}` and `{b}`"
        if above:
            message = f"`{name}` runs over the rows of one path, and here are two"
        labels = Label(there.span, f"rows of `{b}`"), Label(at.span, f"rows of `{a}`")
        world.report.error("E126", message, *labels, help="aggregate each on its own")
    elif scope.entity in world.names.lost:
        pass  # the line of the link, or all of the entity, could not be read
    elif not found:
        help = _children_hint(world, name, scope, argument)
        world.report.error("E124", f"`{name}` has no rows to run over", argument.value.span, help=help)
    else:
        first, path = next(iter(found.items()))
        help = f"declare the link in `{first}`: `{scope.entity} : {scope.entity}`"
        world.report.error("E125", f"`{first}` does not link to `{scope.entity}`", path.span, help=help)
    return None


def _named(
    world: World, argument: syntax.Argument, scope: Scope
) -> tuple[dict[str, syntax.Path], dict[tuple[str, Via], syntax.Path]]:
    """The entities that paths in an argument begin with, and those that they go down to after going up links."""
    found: dict[str, syntax.Path] = {}
    above: dict[tuple[str, Via], syntax.Path] = {}
    here = {scope.entity, *world.names.members.get(scope.entity or "", {})}
    for expr in (argument.by, argument.value, argument.where):
        for path in _paths(expr) if expr is not None else ():
            if path.parts[0].text in ("after", "base") and len(path.parts) > 1:
                path = replace(path, parts=path.parts[1:])
            first = path.parts[0].text
            if first in here and (rows := _up_and_down(world, scope.entity or "", path)) is not None:
                above.setdefault(rows, path)
            if first not in here and first in world.names.entities and not world.names.entities[first].once:
                found.setdefault(first, path)
    return found, above


def _leads_here(world: World, entity: str, scope: Scope) -> bool:
    """Whether links lead from an entity to this row; to one of the whole book all rows belong."""
    return scope.entity is None or _is_once(world, scope.entity) or bool(_chains(world, entity, scope.entity))


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


def entity_above(world: World, up: Via, argument: syntax.Argument, scope: Scope) -> str | None | Literal[False]:
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
    children = [e for e in world.names.entities if _leads_here(world, e, scope)]
    owners = [e for e in children if isinstance(argument.value, syntax.Path) and column in world.names.members[e]]
    if owners:
        return f"prefix the entity: `{name}({owners[0]}.{column})`"
    return "prefix the inner column with its entity" + (
        f", as in `{name}({children[0]}.column)`" if children else f"; nothing links to `{scope.entity}`"
    )


def via_of(world: World, inner: str, argument: syntax.Argument, target: str | None) -> Via | None | Literal[False]:
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
                help=did_you_mean(part.text, links) or f"its links are {listed(links)}",
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


def _paths(written: syntax.Expr) -> Iterator[syntax.Path]:
    """The paths in an expression, outside the aggregates inside it."""
    match written:
        case syntax.Path():
            yield written
        case syntax.Call():
            nested = written.function.text in AGGREGATES and len(written.arguments) == 1
            nested = nested and written.arguments[0].over is None
            for argument in () if nested else written.arguments:
                yield from _paths(argument.value)
        case syntax.Solve():
            yield written.target
            yield from _paths(written.condition)
        case syntax.Draw():
            return
        case _:
            for child in _operands(written):
                yield from _paths(child)


def _operands(written: syntax.Expr) -> tuple[syntax.Expr, ...]:
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
