"""What a curve promises: proved from its points or the shape of its formula, or refuted with a place."""

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from dsl import model
from dsl.constants import affine, affine_range, difference_range
from dsl.diagnostics import Diagnostics, Label
from dsl.model import Interval
from dsl.ranges import Ranges
from dsl.text import exact_text
from dsl.world import World

_OPPOSITE = {"rising": "falling", "falling": "rising", "convex": "concave", "concave": "convex"}


def check_points(world: World, curve: model.Curve) -> None:
    """Every promise of a curve by points, for every allowed value of the params in its cells."""
    for promise in curve.promises:
        for (_, y0), (_, y1) in pairwise(curve.points):
            broken = _breaks_between(world, curve, promise, y0, y1)
            if broken:
                world.report.error(
                    "E427",
                    f"`{curve.name}` promises to be {promise}, and {broken} here",
                    Label(y1.span, "this point"),
                    Label(y0.span, "after this one"),
                    help=f"change the point, or remove the word `{promise}`",
                )
                return
        if promise == "convex":
            _convex(world, curve)


def _breaks_between(world: World, curve: model.Curve, promise: str, y0: model.Expr, y1: model.Expr) -> str | None:
    rise = difference_range(y1, y0, world.params) or Interval()
    may_fall = rise.low is None or rise.low < 0
    may_rise = rise.high is None or rise.high > 0
    if promise == "increasing" and may_fall:
        return "it falls"
    if promise == "decreasing" and may_rise:
        return "it rises"
    if promise == "continuous" and curve.method == "step" and (may_rise or may_fall):
        return "it jumps"
    return None


def _convex(world: World, curve: model.Curve) -> None:
    xs = [affine(x) for x, _ in curve.points]
    ys = [affine(y) for _, y in curve.points]
    fixed = all(a is not None and not a.terms for a in (*xs, *ys))
    if not fixed or curve.method == "smooth":
        world.report.warn(
            "W404",
            f"whether `{curve.name}` is convex can't be decided",
            curve.span,
            help="use fixed points joined by `linear`, or remove the word",
        )
        return
    x = [a.constant for a in xs if a]
    y = [a.constant for a in ys if a]
    if curve.method == "logarithmic":
        slopes: list[Fraction | float] = [float(y[i + 1] - y[i]) / math.log(x[i + 1] / x[i]) for i in range(len(x) - 1)]
        bends = [s > 0 for s in slopes]
    else:
        slopes = [(y[i + 1] - y[i]) / (x[i + 1] - x[i]) for i in range(len(x) - 1)]
        bends = [curve.method == "step" and s != 0 for s in slopes]
    for i, slope in enumerate(slopes):
        if bends[i] or (i and slope < slopes[i - 1]):
            world.report.error(
                "E427",
                f"`{curve.name}` promises to be convex, and it bends the other way here",
                Label(curve.points[i][0].span, "from this point on"),
                help="change the point, or remove the word `convex`",
            )
            return


def check_formula(world: World, curve: model.Curve) -> None:
    """Every promise of a curve by a formula: proved from its shape, else refuted at sampled points, else a warning."""
    assert curve.formula is not None
    if curve.formula.type.kind is model.Kind.ANY:
        return
    shape = _shape(curve.formula, world)
    proved = {
        "increasing": "rising" in shape,
        "decreasing": "falling" in shape,
        "convex": "convex" in shape,
        "continuous": "continuous" in shape,
    }
    for promise in curve.promises:
        if proved[promise]:
            continue
        broken = _refuted(world, curve, promise)
        if broken is not None:
            world.report.error(
                "E427",
                f"`{curve.name}` promises to be {promise}, and {broken}",
                curve.formula.span,
                help=f"change the formula, or remove the word `{promise}`",
            )
        else:
            world.report.warn(
                "W404",
                f"whether `{curve.name}` is {promise} can't be decided",
                curve.formula.span,
                help="no sampled point breaks it; simplify the formula for a proof",
            )


Shape = frozenset[str]  # of: rising falling convex concave continuous; a constant is all of them
ALL: Shape = frozenset({"rising", "falling", "convex", "concave", "continuous"})
AFFINE = frozenset({"convex", "concave", "continuous"})
NONE: Shape = frozenset()


def _shape(expr: model.Expr, world: World) -> Shape:
    """How an expression moves with the argument, as far as the shape of its parts tells."""
    match expr:
        case model.Const() | model.ParamRead():
            return ALL
        case model.ArgRead():
            return AFFINE | {"rising"}
        case model.Unary(operator="-"):
            return _flip(_shape(expr.operand, world))
        case model.Binary(operator="+"):
            return _shape(expr.left, world) & _shape(expr.right, world)
        case model.Binary(operator="-"):
            return _shape(expr.left, world) & _flip(_shape(expr.right, world))
        case model.Binary(operator="*"):
            for one, other in ((expr.left, expr.right), (expr.right, expr.left)):
                if (sign := _sign(one, world)) is not None:
                    inner = _shape(other, world)
                    return ALL if sign == 0 else inner if sign > 0 else _flip(inner)
            common = _shape(expr.left, world) & _shape(expr.right, world)
            both = _never_negative(expr.left, world) and _never_negative(expr.right, world)
            return common & ({"rising", "falling", "continuous"} if both else {"continuous"})
        case model.Binary(operator="/"):
            if (sign := _sign(expr.right, world)) is not None and sign != 0:
                inner = _shape(expr.left, world)
                return inner if sign > 0 else _flip(inner)
            if _above_zero(expr.right, world) and (sign := _sign(expr.left, world)) is not None:
                inner = _one_over(_shape(expr.right, world))
                return inner if sign >= 0 else _flip(inner)
        case model.Binary(operator="^", right=model.Const(value=Fraction() as power)) if power > 0:
            return _power_shape(expr.left, power, world)
        case model.BuiltinCall():
            return _call_shape(expr, world)
        case model.FunctionCall() if not expr.args:
            return _shape(expr.body, world)
    return NONE


def _call_shape(expr: model.BuiltinCall, world: World) -> Shape:
    shapes = [_shape(a, world) for a in expr.args]
    common = frozenset.intersection(*shapes)
    match expr.name:
        case "max":
            return common - {"concave"}
        case "min":
            return common - {"convex"}
        case "clamp":
            return common - {"convex", "concave"}
        case "exp":
            return common & {"rising", "falling", "convex", "continuous"}
        case "normal_cdf":
            return common - {"convex", "concave"} if common != ALL else ALL
        case "abs":
            return common & {"continuous"} if shapes[0] != ALL else ALL
        case "sqrt":
            return _power_shape(expr.args[0], Fraction(1, 2), world)
    return ALL if common == ALL else NONE


def _one_over(shape: Shape) -> Shape:
    """The shape of one over what is above zero."""
    turned = {"rising": "falling", "falling": "rising", "concave": "convex", "continuous": "continuous"}
    return frozenset(turned[s] for s in shape if s in turned)


def _power_shape(base: model.Expr, power: Fraction, world: World) -> Shape:
    """The shape of a power, above zero, of what is never negative; else only of its whole powers."""
    shape = _shape(base, world)
    if shape == ALL:
        return ALL
    if not _never_negative(base, world):
        return shape & {"continuous"} if power.denominator == 1 else NONE
    kept = {"rising", "falling", "continuous", "convex" if power >= 1 else "concave"}
    return shape & kept


def _never_negative(expr: model.Expr, world: World) -> bool:
    low = _range(expr, world).low
    return low is not None and low >= 0


def _above_zero(expr: model.Expr, world: World) -> bool:
    found = _range(expr, world)
    return found.low is not None and (found.low > 0 or (found.low == 0 and found.low_open))


def _range(expr: model.Expr, world: World) -> Interval:
    """The values of an expression whatever the argument is."""
    return Ranges(world.definitions(), Diagnostics()).of(expr)


def _flip(shape: Shape) -> Shape:
    return frozenset(_OPPOSITE.get(s, s) for s in shape)


def _sign(expr: model.Expr, world: World) -> int | None:
    form = affine(expr)
    if form is None:
        return None
    found = affine_range(form, world.params)
    if found.low is not None and found.low >= 0:
        return 0 if found.high == 0 else 1
    return -1 if found.high is not None and found.high <= 0 else None


def _refuted(world: World, curve: model.Curve, promise: str) -> str | None:
    """How the formula breaks a promise, shown where it does so most among the sampled places."""
    assert curve.formula is not None
    xs = sorted(
        {s * m * 10.0**e for s in (1, -1) for m in (1, 1.5, 2, 3, 5, 7) for e in range(-3, 4)}
        | {i / 20 for i in range(-40, 81)}
    )
    points = [(x, y) for x in xs if (y := _sample(curve.formula, x, world)) is not None]
    worst, found = 0.0, None
    if promise in ("increasing", "decreasing"):
        sign, verb = (1, "falls") if promise == "increasing" else (-1, "rises")
        for (x0, y0), (x1, y1) in pairwise(points):
            against = sign * (y0 - y1)
            if against > max(worst, 1e-9 * max(abs(y0), abs(y1))):
                worst = against
                found = f"it {verb} between {_place(curve, x0)} and {_place(curve, x1)}"
    elif promise == "convex":
        for (x0, y0), (x1, y1), (x2, y2) in zip(points, points[1:], points[2:], strict=False):
            above = y1 - (y0 + (y2 - y0) * (x1 - x0) / (x2 - x0))
            if above > max(worst, 1e-9 * max(abs(y0), abs(y1), abs(y2))):
                worst, found = above, f"it bends the other way at {_place(curve, x1)}"
    return found


def _place(curve: model.Curve, x: float) -> str:
    return f"`{curve.arg} = {exact_text(Fraction(repr(x)), curve.arg_type)}`"


def _sample(expr: model.Expr, x: float, world: World) -> float | None:
    """The formula in floats at one place with the params' values, or None where it is undefined or not simple."""
    try:
        return _float(expr, x, world)
    except (ArithmeticError, ValueError, TypeError):
        return None


def _float(expr: model.Expr, x: float, world: World) -> float:
    match expr:
        case model.Const():
            return float(expr.value)
        case model.ParamRead():
            param = world.params[expr.name]
            return float(param.value if param.value is not None else param.versions[-1].value)
        case model.ArgRead():
            return x
        case model.Unary(operator="-"):
            return -_float(expr.operand, x, world)
        case model.Binary():
            a, b = _float(expr.left, x, world), _float(expr.right, x, world)
            return (
                {"+": a + b, "-": a - b, "*": a * b}[expr.operator]
                if expr.operator in "+-*"
                else a / b
                if expr.operator == "/"
                else a**b
            )
        case model.BuiltinCall():
            args = [_float(a, x, world) for a in expr.args]
            match expr.name:
                case "min" | "max":
                    return min(args) if expr.name == "min" else max(args)
                case "clamp":
                    return min(max(args[0], args[1]), args[2])
                case _ if expr.name in _ONE_ARGUMENT:
                    return _ONE_ARGUMENT[expr.name](args[0])
    raise TypeError(type(expr).__name__)


_ONE_ARGUMENT: dict[str, Callable[[float], float]] = {
    "abs": abs, "ceil": math.ceil, "exp": math.exp, "floor": math.floor, "ln": math.log, "sqrt": math.sqrt,
}  # fmt: skip
