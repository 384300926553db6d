"""Parameters as declared: type, range, a value or dated ones."""

from fractions import Fraction
from itertools import pairwise

from dsl import model, syntax
from dsl.constants import LARGEST, constant, too_large
from dsl.diagnostics import Label
from dsl.expressions import expression, label_or_expression
from dsl.model import Interval, Kind, Param, Type, Value, Version, allows
from dsl.types import coerce, type_of
from dsl.world import Scope, World

BODY = Scope(args={})


def define_params(world: World) -> None:
    for written in world.names.params.values():
        world.params[written.name.text] = _define(world, written)


def _define(world: World, written: syntax.Param) -> Param:
    type_ = type_of(world, written.type, None)
    if type_.kind is Kind.LINK or written.type.optional:
        world.report.error(
            "E501",
            f"a param can't be {'optional' if written.type.optional else 'a link'}",
            written.type.span,
            help="give it a unit, `flag`, `text`, `date` or `one of`",
        )
        type_ = model.ANY
    interval = domain(world, written.domain, type_)
    change = written.max_change.value if written.max_change else None
    value = None
    versions = []
    if written.default is not None:
        value = _value(world, written.default, type_, written, interval)
    for dated in written.dated:
        found = _value(world, dated.value, type_, written, interval)
        if found is not None:
            versions.append((dated, Version(dated.start.value, found)))
    _in_order(world, versions, change)
    return Param(
        written.name.text,
        type_,
        interval,
        change,
        value,
        tuple(v for _, v in versions),
        written.description,
        True,
        written.span,
    )


def _value(
    world: World, written: syntax.Expr, type_: Type, param: syntax.Param, interval: Interval | None
) -> Value | None:
    expr = (
        label_or_expression(world, written, type_, BODY)
        if type_.kind is Kind.ENUM
        else expression(world, written, BODY)
    )
    expr = coerce(world, written, expr, type_, f"`{param.name.text}`", Label(param.type.span, "declared here"))
    if expr.type.kind is Kind.ANY:
        return None
    value = constant(expr)
    if value is None:
        world.report.error(
            "E503",
            f"the value of `{param.name.text}` must be a constant",
            expr.span,
            help="write a number; compute in a formula or a `let`",
        )
        return None
    if too_large(value):
        message = f"`{expr.span.text.strip()}` is larger than any number"
        world.report.error("E504", message, expr.span, help=LARGEST)
        return None
    if not allows(interval, value):
        assert param.domain is not None
        world.report.error(
            "E504",
            f"`{expr.span.text.strip()}` is outside the range of `{param.name.text}`",
            Label(expr.span, "not allowed"),
            Label(param.domain.span, "by this range"),
            help="change the value or widen the range",
        )
    return value


def _in_order(world: World, versions: list[tuple[syntax.Dated, Version]], change: Fraction | None) -> None:
    for (before, old), (after, new) in pairwise(versions):
        if new.start <= old.start:
            world.report.error(
                "E505",
                "versions must stand in order of their dates",
                Label(after.span, "not later"),
                Label(before.span, "than this"),
                help="sort the lines, one for each date",
            )
        elif (
            change is not None
            and isinstance(old.value, Fraction)
            and isinstance(new.value, Fraction)
            and abs(new.value - old.value) > change * abs(old.value)
        ):
            limit = f"more than `max change {float(change * 100):g}%`"
            told = f" from zero, of which any step is {limit}"
            if old.value:
                told = f" by {float(abs(new.value - old.value) / abs(old.value) * 100):.4g}%, {limit}"
            world.report.error(
                "E506",
                f"this version changes the value{told}",
                Label(after.span, "too large a step"),
                Label(before.span, "from here"),
                help="go there in smaller steps, on several dates",
            )


def domain(world: World, written: syntax.Domain | None, type_: Type) -> Interval | None:
    """A declared range as exact bounds."""
    if written is None:
        return None
    if type_.kind not in (Kind.NUMBER, Kind.DATE, Kind.ANY):
        world.report.error("E204", f"{type_} has no order, so it has no range", written.span, help="remove the range")
        return None
    bounds: list[model.Exact | None] = []
    for side in (written.low, written.high):
        if side is None:
            bounds.append(None)
            continue
        expr = coerce(world, side, expression(world, side, BODY), type_, "a bound of the range")
        value = constant(expr)
        if value is None and expr.type.kind is not Kind.ANY:
            world.report.error("E503", "a bound of a range must be a constant", expr.span, help="write a number")
        bounds.append(value if isinstance(value, Fraction | float) else None)
    low, high = bounds
    if (
        low is not None
        and high is not None
        and (low > high or (low == high and (written.low_open or written.high_open)))
    ):
        world.report.error(
            "E507", "no value is in this range", written.span, help="write the lower bound first: `in LOW to HIGH`"
        )
        return None
    return Interval(low, high, written.low_open, written.high_open)
