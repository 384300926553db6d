"""Parameters: declared once with a range, maybe dated, overridden from a file or a flag."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from dsl import model, syntax
from dsl.constants import constant
from dsl.diagnostics import Diagnostics, Label
from dsl.expressions import expression, label_or_expression
from dsl.model import Interval, Kind, Param, Type, Value, Version
from dsl.names import Names
from dsl.near import did_you_mean
from dsl.parse import parse_literal
from dsl.source import Source
from dsl.text import exact_text
from dsl.types import coerce, type_of
from dsl.world import Scope, World

BODY = Scope(args={})


def declared(world: World, name: str) -> Type:
    return world.params[name].type if name in world.params else model.ANY


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
    if (
        interval is not None
        and isinstance(value, Fraction | float)
        and not isinstance(value, bool)
        and not interval.holds(value)
    ):
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


# -- values in force --------------------------------------------------------------------------


class ParamError(Exception):
    """Overrides or dates that don't fit the policy: one message each, with help."""

    def __init__(self, problems: list[tuple[str, str | None]]) -> None:
        self.problems = problems
        super().__init__("; ".join(message for message, _ in problems))


def resolve_params(
    policy: model.Policy, as_of: datetime | None = None, overrides: Mapping[str, object] | None = None
) -> dict[str, Value]:
    """Each param's value: its override (text as in a policy, or a number), else its version in force, else its default.

    Raises ParamError: an override that is unknown, badly written, out of range or without effect; no version in force.
    """
    problems: list[tuple[str, str | None]] = []
    values: dict[str, Value] = {}
    given = dict(overrides or {})
    for name in [n for n in given if n not in policy.params]:
        problems.append((f"the policy has no param `{name}`", did_you_mean(name, set(policy.params)) or _all(policy)))
        del given[name]
    for param in policy.params.values():
        if param.name in given:
            found = _override(param, given[param.name], problems)
        elif param.value is not None:
            found = param.value
        else:
            found = _in_force(param, as_of, problems)
        if found is not None:
            values[param.name] = found
    if problems:
        raise ParamError(problems)
    return values


def _all(policy: model.Policy) -> str:
    return "it has " + (", ".join(f"`{n}`" for n in policy.params) or "no params")


def _override(param: Param, given: object, problems: list[tuple[str, str | None]]) -> Value | None:
    if not param.used:
        problems.append(
            (f"`{param.name}` is read by nothing in the policy, so its override has no effect", "remove the override")
        )
        return None
    value = _given_value(param, given)
    if value is None:
        shown = str(given).lower() if isinstance(given, bool) else given
        problems.append((f"`{shown}` is not a value for `{param.name}`", f"it is {wanted(param.type)}"))
        return None
    if (
        param.domain is not None
        and isinstance(value, Fraction | float)
        and not isinstance(value, bool)
        and not param.domain.holds(value)
    ):
        problems.append(
            (
                f"`{given}` is outside the range of `{param.name}`",
                f"it must be {interval_text(param.domain, param.type)}",
            )
        )
        return None
    if endless(param, value):
        problems.append((f"`{param.name}` can't be `{given}`: it makes {param.finite}", "give it a finite value"))
        return None
    return value


def endless(param: Param, value: Value) -> bool:
    """Whether a value is infinite where that can't be, although it is in the param's range."""
    return bool(param.finite) and isinstance(value, float)


def wanted(type_: Type) -> str:
    """What a value of this type is called where another was given."""
    if type_.kind is Kind.NUMBER:
        return "a number such as `1.25` or `125%`" if str(type_) == "number" else f"a number in {type_}"
    return str(type_) if type_.kind is Kind.ENUM else f"a {type_}"


def _given_value(param: Param, given: object) -> Value | None:
    if param.type.kind is Kind.FLAG and isinstance(given, bool):
        return given
    if isinstance(given, bool):
        return None
    if isinstance(given, int | float | Decimal | Fraction):
        if param.type.kind is not Kind.NUMBER or given != given or abs(given) == float("inf"):
            return None
        return Fraction(repr(given)) if isinstance(given, float) else Fraction(given)
    if isinstance(given, datetime):
        return Fraction(given.timestamp()) if param.type.kind is Kind.DATE else None
    if not isinstance(given, str):
        return None
    if param.type.kind is Kind.TEXT:
        return given
    if param.type.kind is Kind.ENUM:
        return given if given in param.type.labels else None
    return _parsed(param, given)


def _parsed(param: Param, given: str) -> Value | None:
    return literal(given, param.type, param.name)


def literal(text: str, type_: Type, name: str) -> Value | None:
    """A literal as typed outside a policy, as a value of a type; None where it isn't one."""
    report = Diagnostics()
    written = parse_literal(text, Source("--set", text), report)
    if written is None or report.failed:
        return None
    names = Names()
    for base, _ in type_.unit.factors if type_.unit else ():
        names.units[base.name] = syntax.Unit(syntax.Name(base.name))
    world = World(names, report)
    expr = coerce(world, written, expression(world, written, BODY), type_, name)
    return None if report.failed else constant(expr)


def _in_force(param: Param, as_of: datetime | None, problems: list[tuple[str, str | None]]) -> Value | None:
    if as_of is None:
        problems.append(
            (f"`{param.name}` is dated, and no date is given", "state `as_of` in snapshot.toml, or give --as-of")
        )
        return None
    moment = as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)
    found = [v for v in param.versions if v.start <= moment]
    if not found:
        problems.append(
            (
                f"no version of `{param.name}` is in force on {moment:%Y-%m-%d}",
                f"its first starts on {param.versions[0].start:%Y-%m-%d}",
            )
        )
        return None
    return found[-1].value


def interval_text(interval: Interval, type_: Type) -> str:
    """``in 110% to 150%``, ``> 0``: a range as the language writes it, and ``> 0 and < 1`` where an end is out."""

    def show(value: model.Exact) -> str:
        return exact_text(value, type_, unit=False)

    if interval.low is not None and interval.high is not None:
        if interval.low_open or interval.high_open:
            low, high = (">" if interval.low_open else ">="), ("<" if interval.high_open else "<=")
            return f"{low} {show(interval.low)} and {high} {show(interval.high)}"
        return f"in {show(interval.low)} to {show(interval.high)}"
    if interval.low is not None:
        return f"{'>' if interval.low_open else '>='} {show(interval.low)}"
    if interval.high is not None:
        return f"{'<' if interval.high_open else '<='} {show(interval.high)}"
    return "any value"
