"""Places between which something is drawn, which can't lie at infinity: interpolated keys, points of curves."""

from collections.abc import Iterator

from dsl import model
from dsl.constants import constant
from dsl.diagnostics import Label
from dsl.world import World


def check_finite(world: World, expr: model.Expr, what: str, help: str) -> bool:
    """Whether ``what``, a constant or made of params, is finite; the params that it reads must then stay so."""
    if isinstance(constant(expr), float):
        world.report.error("E415", f"{what} can't be `{expr.span.text.strip()}`", expr.span, help=help)
        return False
    fine = True
    for read in _params(expr):
        world.finite_params.setdefault(read.name, what)
        param = world.params[read.name]
        if any(isinstance(v, float) for v in (param.value, *(version.value for version in param.versions))):
            world.report.error(
                "E415",
                f"{what} can't be infinite, and `{read.name}` is",
                Label(expr.span, "read here"),
                Label(param.span, "infinite here"),
                help=help,
            )
            fine = False
    return fine


def _params(expr: model.Expr) -> Iterator[model.ParamRead]:
    """The params that make an expression infinite where they are; what chooses or calls may make something else of
    them."""
    match expr:
        case model.ParamRead():
            yield expr
        case model.Unary():
            yield from _params(expr.operand)
        case model.Binary():
            yield from _params(expr.left)
            yield from _params(expr.right)
