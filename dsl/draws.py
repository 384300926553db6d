"""`draw(pool, … by order: TAKE)`: what rows take of limits that they share, in a stated order."""

from dataclasses import replace

from dsl import model, syntax
from dsl.clashes import alike
from dsl.diagnostics import Label
from dsl.expressions import expression
from dsl.guards import may_be_blank
from dsl.model import Kind, Type
from dsl.paths import resolve, start_of
from dsl.tree import walk
from dsl.types import coerce, describe
from dsl.world import Scope, World, invalid

LEFT = "left"


def misplaced(world: World, written: syntax.Draw) -> model.Expr:
    """A `draw` that is not the whole of a formula."""
    help = "write `taken = draw(…)` in the entity whose rows draw, and read `taken` here"
    world.report.error("E780", "a `draw` is a formula of its own", written.span, help=help)
    return invalid(written.span)


def draw(world: World, written: syntax.Draw, scope: Scope) -> model.Expr:
    """A formula that is a `draw`, of the rows of ``scope.entity``."""
    entity = scope.entity
    assert entity is not None
    if world.names.entities[entity].once:
        help = "write it in the entity whose rows draw"
        world.report.error("E784", f"`{entity}` has one row, and nobody to share with", written.span, help=help)
        return invalid(written.span)
    pools = [found for path in written.pools if (found := _pool(world, path, scope)) is not None]
    type_ = _common(world, pools, scope) if len(pools) == len(written.pools) else model.ANY
    order = expression(world, written.by, scope)
    if order.type.kind not in (Kind.NUMBER, Kind.DATE, Kind.ANY):
        help = "give each row a number; ties go by the row's key"
        message = f"rows go by a number or a date, and this is {describe(order.type)}"
        world.report.error("E783", message, order.span, help=help)
    inside = replace(scope, shock={**scope.shock, LEFT: type_})
    take = expression(world, written.take, inside)
    if type_.kind is Kind.NUMBER:
        same_unit = Label(written.pools[0].span, f"the pool is in {describe(type_)}")
        take = coerce(world, written.take, take, type_, "what a row takes", same_unit)
    _how_left_is_read(world, take)
    if type_.kind is Kind.ANY or order.type.kind is Kind.ANY or take.type.kind is Kind.ANY:
        return invalid(written.span)
    return model.Draw(tuple(pools), order, take, type_, written.span)


def _pool(world: World, path: syntax.Path, scope: Scope) -> model.Read | None:
    """The number that a path leads to, where several rows share it."""
    found = resolve(world, path, scope, guarded=True)
    if found.type.kind is Kind.ANY:
        return None
    if not isinstance(found, model.Read) or (not found.links and not world.names.entities[found.entity].once):
        own = isinstance(found, model.Read)
        whose = "is each row's own" if own else "is no column"
        help = "draw from a column of a one-row entity (`system.pool`), or from one read through a link (`market.cap`)"
        world.report.error("E781", f"`{path.text}` {whose}, so rows don't share it", path.span, help=help)
        return None
    if found.type.kind is not Kind.NUMBER:
        message = f"a pool is a number, and this is {describe(found.type)}"
        world.report.error("E782", message, path.span, help="name the column that says how much there is")
        return None
    if may_be_blank(world, found, start_of(found, scope)):
        help = f"say what then in a formula of `{found.entity}` (`room = {found.column} ?? infinite`), and draw from it"
        if found.links and not world.names.optional(found.entity, found.column):
            help = "give the link a row in every case; or draw in an entity that always has one"
        world.report.error("E785", f"the pool `{path.text}` may be blank", path.span, help=help)
        return None
    return found


def _common(world: World, pools: list[model.Read], scope: Scope) -> Type:
    """The unit that all pools have."""
    for place, pool in enumerate(pools):
        twice = next((p for p in pools[:place] if p == pool), None)
        if twice is not None:
            labels = Label(pool.span, "again"), Label(twice.span, "first here")
            world.report.error("E787", "a draw names this pool twice", *labels, help="remove one of them")
    return alike(world, "E782", "pools of one draw have one unit, and here are", pools, scope)


def _how_left_is_read(world: World, take: model.Expr) -> None:
    for part in walk(take):
        if isinstance(part, model.Aggregate) and (read := _left_in(part)) is not None:
            help = "compute the aggregate in a formula of its own, and compare `left` with that"
            world.report.error("E786", "`left` can't be read inside an aggregate", read.span, help=help)
            return
    if _left_in(take) is None and take.type.kind is not Kind.ANY:
        help = "write `min(…, left)`; a row that takes more than is left is unknown, and so is what is left after it"
        world.report.warn("W780", "this takes the same whatever is `left`", take.span, help=help)


def _left_in(expr: model.Expr) -> model.Expr | None:
    return next((e for e in walk(expr) if isinstance(e, model.ArgRead) and e.name == LEFT), None)
