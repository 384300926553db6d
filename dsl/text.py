"""Exact values as people read them: percents, units, instants, ranges."""

from datetime import UTC, datetime
from fractions import Fraction

from dsl.model import Exact, Interval, Kind, Type, Value
from dsl.units import ONE, SECOND, Unit


def decimal_text(value: Fraction, digits: int = 15) -> str:
    """A decimal without exponent or trailing zeros, to that many significant digits."""
    from decimal import ROUND_HALF_EVEN, Context, Decimal

    context = Context(prec=digits, rounding=ROUND_HALF_EVEN)
    found = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    text = format(found, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def exact_text(value: Exact, type_: Type, *, unit: bool = True, digits: int = 15) -> str:
    """A number of a type: ``12.5%``, ``1234.5 USD``, ``30s``, ``infinite``."""
    if not isinstance(value, Fraction):
        return "infinite" if value > 0 else "-infinite"
    if type_.kind is Kind.DATE:
        return date_text(value)
    if type_.unit == Unit.of(SECOND):
        return duration_text(value, digits)
    if type_.shown == "ratio":
        return decimal_text(value * 100, digits) + "%"
    text = decimal_text(value, digits)
    return text if not unit or type_.unit in (None, ONE) else f"{text} {type_.unit}"


def date_text(seconds: Fraction) -> str:
    moment = datetime.fromtimestamp(float(seconds), UTC)
    if seconds % 86400 == 0:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%dT%H:%MZ}" if seconds % 60 == 0 else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def duration_text(seconds: Fraction, digits: int = 15) -> str:
    for size, suffix in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return decimal_text(seconds / size, digits) + suffix
    return decimal_text(seconds, digits) + "s"


def value_text(value: Value, type_: Type, digits: int = 15) -> str:
    """Any constant: a number as ``exact_text`` shows it, yes or no, a label or text as it stands."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return exact_text(value, type_, digits=digits)


def interval_text(interval: Interval, type_: Type) -> str:
    """``in 110% to 150%``, ``> 0``: a range as the language writes it, and ``> 0 and < 1`` where an end is out."""

    def show(value: Exact) -> str:
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
