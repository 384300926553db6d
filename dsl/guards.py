"""Which optional cells may be blank, and where a condition says that they are there."""

from dsl import model, syntax
from dsl.paths import facts_of
from dsl.world import Fact, Scope, World

NOTHING: frozenset[Fact] = frozenset()


def guards(written: syntax.Expr, scope: Scope, *, truth: bool) -> frozenset[Fact]:
    """The optional cells that are there wherever a condition is yes (``truth``) or no."""
    match written:
        case syntax.Not():
            return guards(written.operand, scope, truth=not truth)
        case syntax.Logic() if (written.operator == "and") == truth:
            return NOTHING.union(*(guards(o, scope, truth=truth) for o in written.operands))
        case syntax.Call() if truth and written.function.text == "known" and len(written.arguments) == 1:
            path = written.arguments[0].value
            return facts_of(path, scope) if isinstance(path, syntax.Path) else NOTHING
    return NOTHING


def may_be_blank(world: World, read: model.Read, start: str) -> bool:
    """Whether a read that starts at a row of an entity goes through an optional link or ends at an optional column."""
    at = start
    for link in read.links:
        target, optional = world.names.links(at)[link]
        if optional:
            return True
        at = target
    return world.names.optional(read.entity, read.column)
