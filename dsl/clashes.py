"""Two sides that don't fit: both are shown, with the factor or column that would mend it."""

from collections.abc import Sequence

from dsl import model, syntax
from dsl.diagnostics import Label
from dsl.model import Kind, Type
from dsl.paths import resolve
from dsl.types import describe, same
from dsl.units import ONE, Unit
from dsl.world import Scope, World


def instead(expr: model.Expr) -> str | None:
    """What to write where something that is no number stands for one."""
    match expr.type.kind:
        case Kind.TEXT:
            literal = isinstance(expr, model.Const)
            return "write a number without quotes" if literal else "declare it with a unit, not as text"
        case Kind.FLAG | Kind.ENUM:
            return "choose between numbers: `if … then … else …`"
        case Kind.LINK:
            return "read one of its columns"
        case Kind.DATE:
            return "subtract dates for a duration, or add a duration to one"
    return None


def clash(world: World, code: str, message: str, left: model.Expr, right: model.Expr, scope: Scope) -> None:
    """Two sides whose units differ: both are shown, with the factor that would mend it."""
    world.report.error(
        code,
        message,
        Label(right.span, describe(right.type)),
        Label(left.span, describe(left.type)),
        *call_labels(scope),
        help=mend(world, left, right, scope),
    )


def alike(world: World, code: str, told: str, exprs: Sequence[model.Expr], scope: Scope) -> Type:
    """The one type that expressions have; where they differ, two of them are shown, their types after what is
    ``told``."""
    found, anchor = exprs[0].type, exprs[0]
    for expr in exprs[1:]:
        joined = same(found, expr.type)
        if joined is None:
            clash(world, code, f"{told} {describe(found)} and {describe(expr.type)}", anchor, expr, scope)
            return model.ANY
        if found.unit is None:
            anchor = expr
        found = joined
    return found


def mend(world: World, left: model.Expr, right: model.Expr, scope: Scope) -> str | None:
    """What to multiply the right side by, with a column that would do it where there is one."""
    if left.type.kind is not Kind.NUMBER or right.type.kind is not Kind.NUMBER:
        return None
    wanted, has = left.type.unit, right.type.unit
    if wanted is None or has is None:
        return None
    for side, unit, other in ((right, has, wanted), (left, wanted, has)):
        if isinstance(side, model.Const) and unit == ONE and side.type.shown != "ratio":
            return f"write the unit: `{side.span.text.strip()} {other}`"
    named = _named(right)
    factor = wanted / has
    for word, side, unit in (
        ("multiply", right, factor), ("multiply", left, ONE / factor), ("divide", right, ONE / factor),
    ):  # fmt: skip
        column = column_in(world, unit, scope) if len(unit.factors) > 1 else None
        if column is not None and column != side.span.text.strip():
            return f"{word} {_named(side)} by `{column}`, which is in `{unit}`"
    if all(power < 0 for _, power in factor.factors):
        return f"divide {named} by something in `{ONE / factor}`"
    return f"multiply {named} by something in `{factor}`"


def _named(side: model.Expr) -> str:
    shown = side.span.text.strip()
    return f"`{shown}`" if len(shown) <= 40 and "\n" not in shown else "this side"


def column_in(world: World, unit: Unit, scope: Scope) -> str | None:
    if scope.entity is None or scope.args is not None:
        return None
    for start in filter(None, (scope.inner, scope.entity)):
        prefix = (scope.prefix or ()) if start == scope.inner else ()
        for links, entity in [((), start), *(((n,), t) for n, (t, _) in world.names.links(start).items())]:
            for name in world.inputs.get(entity, {}):
                path = syntax.Path(tuple(syntax.Name(p) for p in (*prefix, *links, name)))
                found = resolve(world, path, scope, guarded=True)
                if found.type.kind is Kind.NUMBER and found.type.unit == unit:
                    return path.text
    return None


def call_labels(scope: Scope) -> tuple[Label, ...]:
    """The calls that led into a body, to show beside a fault in it."""
    return tuple(Label(c, "called here") for c in scope.calls)
