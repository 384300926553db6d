"""Parameters in force: each one's value by its date, or overridden from a file or a flag."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from numbers import Number, Rational, Real

from dsl import model, syntax
from dsl.constants import LARGEST, constant, too_large
from dsl.diagnostics import Diagnostics
from dsl.expressions import expression
from dsl.model import Kind, Param, Type, Value, allows
from dsl.names import Names
from dsl.near import did_you_mean, listed
from dsl.parse import parse_literal
from dsl.source import Source
from dsl.text import interval_text
from dsl.types import coerce
from dsl.world import Scope, World


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
        help = did_you_mean(name, policy.params) or f"it has {listed(policy.params, 'no params')}"
        problems.append((f"the policy has no param `{name}`", help))
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


def _override(param: Param, given: object, problems: list[tuple[str, str | None]]) -> Value | None:
    if not param.used:
        message = f"`{param.name}` is read by nothing in the policy, so its override has no effect"
        problems.append((message, "remove the override"))
        return None
    value = _given_value(param, given)
    if value is None:
        shown = str(given).lower() if isinstance(given, bool) else given
        problems.append((f"`{shown}` is not a value for `{param.name}`", f"it is {wanted(param.type)}"))
        return None
    if param.domain is not None and not allows(param.domain, value):
        help = f"it must be {interval_text(param.domain, param.type)}"
        problems.append((f"`{given}` is outside the range of `{param.name}`", help))
        return None
    if too_large(value):
        problems.append((f"`{given}` is larger than any number", LARGEST))
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
    if type_.kind is Kind.DATE:
        return "a date such as `2026-12-01`, or a time with its zone"
    return str(type_) if type_.kind is Kind.ENUM else f"a {type_}"


def _given_value(param: Param, given: object) -> Value | None:
    if not isinstance(given, Number) and getattr(given, "shape", None) == () and hasattr(given, "item"):
        given = given.item()  # NumPy's flags and instants
    if isinstance(given, bool):
        return given if param.type.kind is Kind.FLAG else None
    if isinstance(given, Real | Decimal):
        return _exact(given) if param.type.kind is Kind.NUMBER else None
    if isinstance(given, date):
        return _instant(given) if param.type.kind is Kind.DATE else None
    if not isinstance(given, str):
        return None
    if param.type.kind is Kind.TEXT:
        return given
    if param.type.kind is Kind.ENUM:
        return given if given in param.type.labels else None
    return literal(given, param.type, param.name)


def _exact(given: Real | Decimal) -> Fraction | None:
    """A number in the decimals that it shows: of a float the shortest that read back as it, of NumPy's too."""
    if given != given or abs(given) == float("inf"):
        return None
    if isinstance(given, Rational | Decimal):
        return Fraction(given) if isinstance(given, Decimal) else Fraction(int(given.numerator), int(given.denominator))
    return Fraction(float.__repr__(given) if isinstance(given, float) else str(given))


def _instant(given: date) -> Fraction | None:
    """Seconds since 1970 of a day's midnight, UTC, or of a time with its zone; None of one without."""
    if not isinstance(given, datetime):
        given = datetime(given.year, given.month, given.day, tzinfo=UTC)
    since = given - datetime(1970, 1, 1, tzinfo=UTC) if given.tzinfo is not None else None
    return None if since is None else Fraction(since // timedelta(microseconds=1), 10**6)


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
    expr = coerce(world, written, expression(world, written, Scope(args={})), type_, name)
    return None if report.failed else constant(expr)


def _in_force(param: Param, as_of: datetime | None, problems: list[tuple[str, str | None]]) -> Value | None:
    if as_of is None:
        help = "state `as_of` in snapshot.toml, or give --as-of"
        problems.append((f"`{param.name}` is dated, and no date is given", help))
        return None
    moment = as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)
    found = [v for v in param.versions if v.start <= moment]
    if not found:
        message = f"no version of `{param.name}` is in force on {moment:%Y-%m-%d}"
        problems.append((message, f"its first starts on {param.versions[0].start:%Y-%m-%d}"))
        return None
    return found[-1].value
