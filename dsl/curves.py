"""Curves: points or a formula, what holds outside, and the promises that `check` proves or refutes."""

from fractions import Fraction
from itertools import pairwise
from typing import cast

from dsl import model, syntax
from dsl.constants import constant, difference_range
from dsl.diagnostics import Label
from dsl.expressions import expression
from dsl.finite import check_finite
from dsl.model import Kind
from dsl.near import nearest
from dsl.promises import check_formula, check_points
from dsl.source import Span
from dsl.tables import OUTSIDES, common_type
from dsl.tree import is_constant
from dsl.types import coerce, type_of, unit_type
from dsl.world import Scope, World, invalid

METHODS = ("linear", "step", "smooth", "logarithmic")
PROMISES = ("increasing", "decreasing", "convex", "continuous")


def define_curve(world: World, name: str, span: Span) -> model.Curve | None:
    """A curve, checked once; None where its shape is wrong, which has been reported."""
    return world.once("curve", name, span, world.curves, lambda: _define(world, world.names.curves[name]))


def _define(world: World, written: syntax.Curve) -> model.Curve | None:
    arg_type = model.NUMBER if written.arg.unit is None else unit_type(world, written.arg.unit, None)
    if arg_type.kind not in (Kind.NUMBER, Kind.ANY):
        world.report.error(
            "E420", "a curve's argument is a number", written.arg.span, help="give it a unit, such as `ratio`"
        )
        return None
    method, outside, promises = _words(world, written)
    name = written.arg.name.text
    if written.formula is not None:
        return _by_formula(world, written, written.formula, arg_type, promises, bool(method or outside))
    if method is None:
        world.report.error(
            "E422",
            f"`{written.name.text}` must say how its points are joined",
            written.name.span,
            help="write `linear`, `step`, `smooth` or `logarithmic` after the argument",
        )
        return None
    if outside is None:
        world.report.error(
            "E404",
            f"`{written.name.text}` must say what holds beyond its points",
            written.name.span,
            help="write `flat outside`, `extended outside` or `unknown outside` before the colon",
        )
    points, type_ = _points(world, written, arg_type, method)
    if points is None:
        return None
    curve = model.Curve(
        written.name.text,
        name,
        arg_type,
        type_,
        method,
        outside,
        points,
        None,
        promises,
        written.description,
        written.span,
    )
    check_points(world, curve)
    return curve


def _by_formula(
    world: World,
    written: syntax.Curve,
    body: syntax.Expr,
    arg_type: model.Type,
    promises: tuple[model.Promise, ...],
    joined: bool,
) -> model.Curve:
    """``joined``: its words say how points are joined, or what holds beyond them."""
    name = written.arg.name.text
    if joined:
        world.report.error(
            "E421",
            "a curve by a formula has no points, so it is neither interpolated nor left",
            written.name.span,
            help="remove the words; `clamp` its argument to hold it outside",
        )
    formula = expression(world, body, Scope(args={name: arg_type}))
    if formula.type.kind not in (Kind.NUMBER, Kind.ANY):
        world.report.error(
            "E420", "a curve's value is a number", formula.span, help="write a formula that gives a number"
        )
    made = model.Curve(
        written.name.text, name, arg_type, formula.type, "formula", None, (), formula, promises,
        written.description, written.span,
    )  # fmt: skip
    check_formula(world, made)
    return made


def _words(
    world: World, written: syntax.Curve
) -> "tuple[model.CurveMethod | None, model.Outside | None, tuple[model.Promise, ...]]":
    method: model.CurveMethod | None = None
    outside: model.Outside | None = None
    promises: list[model.Promise] = []
    for group in written.words:
        text = " ".join(w.text for w in group)
        if text in METHODS:
            method = cast(model.CurveMethod, text)
        elif text in PROMISES:
            promises.append(cast(model.Promise, text))
        elif text in OUTSIDES:
            outside = OUTSIDES[text]
        else:
            meant = nearest(text, (*METHODS, *PROMISES, *OUTSIDES))
            world.report.error(
                "E406",
                f"`{text}` says nothing of a curve",
                group[0].span.to(group[-1].span),
                help=f"write `{meant}`"
                if meant
                else "words of a curve: linear, step, smooth, logarithmic; flat, extended or unknown outside; "
                "increasing, decreasing, convex, continuous",
            )
            if meant in METHODS:
                method = cast(model.CurveMethod, meant)
            elif meant in OUTSIDES:
                outside = OUTSIDES[meant]
    return method, outside, tuple(promises)


def _points(
    world: World, written: syntax.Curve, arg_type: model.Type, method: str
) -> tuple[tuple[tuple[model.Expr, model.Expr], ...] | None, model.Type]:
    headers = written.headers
    if len(headers) != 2 or headers[0].name.text != written.arg.name.text or any(h.operator for h in headers):
        span = headers[0].span.to(headers[-1].span) if headers else written.name.span
        world.report.error(
            "E423",
            f"the columns of a curve are its argument, `{written.arg.name.text}`, and its value",
            span,
            help=f"write `| {written.arg.name.text} | {written.name.text} |`",
        )
        return None, model.ANY
    wanted = type_of(world, headers[1].type, None) if headers[1].type else None
    scope = Scope(args={written.arg.name.text: arg_type})
    points = []
    for row in written.rows:
        pair = []
        for cell, type_ in zip(row.cells, (arg_type, wanted), strict=True):
            if isinstance(cell, syntax.Word | syntax.Keyword | syntax.Until):
                world.report.error(
                    "E407", f"`{cell.span.text.strip()}` is no point of a curve", cell.span, help="write a number"
                )
                pair.append(invalid(cell.span))
                continue
            expr: model.Expr = expression(world, cell, scope)
            if expr.type.kind is not Kind.ANY and not is_constant(expr):
                world.report.error(
                    "E408", "a point must be a constant or made of params", expr.span, help="write a number or a param"
                )
                expr = invalid(cell.span)
            expr = coerce(world, cell, expr, type_, "this column") if type_ else expr
            pair.append(expr)  # type: ignore[arg-type]
        points.append((pair[0], pair[1]))
    least = 1 if method == "step" else 2
    if len(points) < least:
        world.report.error(
            "E424",
            f"a {method} curve needs {'a point' if least == 1 else 'two points or more'}",
            written.name.span,
            help="add another row below the header",
        )
        return None, model.ANY
    type_ = wanted or common_type(world, [y for _, y in points])
    return _sorted(world, written, points, method), type_


def _finite(world: World, written: syntax.Curve, points: list[tuple[model.Const, model.Const]], method: str) -> bool:
    """Whether no point lies at infinity, nor, of all but steps, its value."""
    name = written.name.text
    beyond = "write a finite number; what stands before the colon says what holds beyond the last point"
    fine = [check_finite(world, x, f"a point of `{name}`", beyond) for x, _ in points]
    if method != "step":
        steep = "write a finite number, or join the points by `step`: no line leads to infinity"
        fine += [check_finite(world, y, f"a value of `{name}`", steep) for _, y in points]
    return all(fine)


def _sorted(
    world: World, written: syntax.Curve, points: list[tuple[model.Const, model.Const]], method: str
) -> tuple[tuple[model.Expr, model.Expr], ...] | None:
    if any(x.type.kind is Kind.ANY for x, _ in points) or not _finite(world, written, points, method):
        return None
    fixed = all(isinstance(constant(x), Fraction) for x, _ in points)
    ordered = sorted(points, key=lambda p: constant(p[0])) if fixed else points  # type: ignore[arg-type, return-value]
    for (a, _), (b, _) in pairwise(ordered):
        gap = difference_range(b, a, world.params)
        if gap is None or gap.low is None or gap.low <= 0:
            same = constant(a) is not None and constant(a) == constant(b)
            world.report.error(
                "E425",
                "two points of the curve stand at the same place"
                if same
                else "points made of params must rise for every allowed value",
                Label(b.span, "this point"),
                Label(a.span, "and this one"),
                help="keep one; a jump is a `step` curve"
                if same
                else "write them in rising order, and narrow the params' ranges",
            )
            return None
        if (
            method == "logarithmic"
            and (value := constant(a)) is not None
            and isinstance(value, Fraction)
            and value <= 0
        ):
            world.report.error(
                "E426",
                "a logarithmic curve has points above zero only",
                a.span,
                help="move the point above zero, or use `linear`",
            )
            return None
    return tuple(ordered)
