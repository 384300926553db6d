"""`over`: an expression recomputed in every move of a grid."""

from dataclasses import replace
from functools import partial
from typing import Literal, cast

from dsl import model, syntax
from dsl.dependence import behind, evaluated, found_by_until
from dsl.diagnostics import Diagnostics
from dsl.expressions import expression
from dsl.grids import clashing, define_grid
from dsl.model import Kind, Type
from dsl.near import did_you_mean, listed
from dsl.state import Touched, reads
from dsl.tree import walk
from dsl.types import describe
from dsl.world import Scope, World, invalid

NAMES = ("argmin", "argmax")  # give the name of a move; the others its value


FOLDS = ("min", "max", "mean", "sum", *NAMES)


def over(world: World, written: syntax.Call, name: str, scope: Scope) -> model.Expr:
    """`max(EXPR over GRID)` and the like."""
    argument = written.arguments[0] if len(written.arguments) == 1 else None
    if argument is None or argument.over is None or name not in FOLDS or argument.where or argument.via or argument.by:
        _misused(world, written, name, argument)
        return invalid(written.span)
    if scope.args is not None:
        help = "write it in a formula of the entity and hand it over as an argument"
        world.report.error("E122", "`over` can't stand in a function, curve or table", written.span, help=help)
        return invalid(written.span)
    wanted = argument.over.text
    if wanted not in world.names.grids:
        if wanted not in world.names.lost:
            help = did_you_mean(wanted, world.names.grids) or "declare it: `grid NAME:` with its moves"
            world.report.error("E720", f"there is no grid `{wanted}`", argument.over.span, help=help)
        return invalid(written.span)
    grid = define_grid(world, wanted, argument.over.span)
    if grid is None:
        return invalid(written.span)
    columns = dict(grid.columns)
    for entity in filter(None, (scope.entity, scope.inner)):
        if clashing(world, columns, entity, world.names.grids[wanted].name, argument.value.span):
            return invalid(written.span)
    inside = replace(scope, shock={**scope.shock, **columns}, over=True)
    value = expression(world, argument.value, inside)
    if value.type.kind is not Kind.NUMBER:
        if value.type.kind is not Kind.ANY:
            message = f"`{name}` over a grid needs numbers, and this is {describe(value.type)}"
            flag = "turn it into a number: `if … then 1 else 0`" if value.type.kind is Kind.FLAG else None
            world.report.error("E203", message, value.span, help=flag)
        return invalid(written.span)
    type_ = Type(Kind.ENUM, labels=tuple(m.name for m in grid.moves)) if name in NAMES else value.type
    fold = cast(Literal["min", "max", "mean", "sum", "argmin", "argmax"], name)
    return model.Over(fold, wanted, grid.lines, value, (), type_, written.span)


def _misused(world: World, written: syntax.Call, name: str, argument: syntax.Argument | None) -> None:
    if argument is not None and argument.over is not None and name in FOLDS:
        extra = argument.where or argument.via or argument.by
        assert extra is not None
        help = "put what it belongs to in parentheses of its own: `max(sum(… where …) over GRID)`"
        world.report.error("E726", "only `over` may follow this expression", extra.span, help=help)
    elif name in FOLDS:
        help = f"write `{name}(expression over GRID)`"
        world.report.error("E726", f"`{name}` over a grid takes one expression", written.span, help=help)
    else:
        help = f"over a grid there are {listed(FOLDS)}"
        world.report.error("E726", f"`{name}` can't run over a grid", written.function.span, help=help)


def check_overs(policy: model.Policy, report: Diagnostics) -> None:
    """What `until` found holds for the book as it stands: no `over` may ask for it in a move."""
    found = {o: None for e in evaluated(policy) for o in walk(e) if isinstance(o, model.Over)}
    for each in found:
        touched = Touched(policy, {(b.entity, b.column) for b in each.lines}, frozenset(each.held))
        if (cell := behind(policy, reads(each.value), touched, partial(found_by_until, policy))) is not None:
            message = f"this depends on `{'.'.join(cell)}`, which `until` finds for the book as it stands"
            help = "read what the move changes without it; `eval --grid` finds it anew in each move"
            report.error("E729", message, each.span, help=help)
