"""Values as a person reads them."""

import math

from cli.terminal.text import instant, safe
from dsl.model import Interval, Kind, Type, Value
from dsl.units import SECOND, Unit

LONGEST_NAME = 96
_SECONDS = Unit.of(SECOND)
_DURATIONS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_COMPACT = ((1e12, "tn"), (1e9, "bn"), (1e6, "M"), (1e3, "k"))


def name(text: str) -> str:
    """A row's key, on one line and not longer than a table bears."""
    shown = safe(text)
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1] + "…"


def percent(ratio: float) -> str:
    """A ratio as a percentage: two decimals at most, three significant digits where it is small."""
    return _decimal(ratio * 100) + "%" if math.isfinite(ratio) else _infinite(ratio)


def share(part: float, whole: float) -> str:
    """How much of the whole; a part that is not nothing is never shown as 0%."""
    if not whole:
        return "–"
    ratio = part / whole
    return "< 0.1%" if 0 < ratio < 0.001 else f"{ratio * 100:.1f}%"


def number(value: float) -> str:
    if not math.isfinite(value):
        return _infinite(value)
    if value and not 1e-6 <= abs(value) < 1e15:
        return f"{value:.6g}"
    return _decimal(value)


def compact(value: float) -> str:
    """For axes: ``50k``, ``2.5M``."""
    if not math.isfinite(value):
        return _infinite(value)
    for size, suffix in _COMPACT:
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.4g}"


def _decimal(value: float) -> str:
    """Grouped, two decimals at most, but at least three significant digits."""
    size = abs(value)
    places = 0 if size >= 1e5 else 2 if size >= 1 or size == 0 else 2 - math.floor(math.log10(size))
    text = f"{value:,.{min(places, 12)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")


def _infinite(value: float) -> str:
    return "not a number" if math.isnan(value) else "infinite" if value > 0 else "−infinite"


def duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return _infinite(seconds)
    for size, suffix in _DURATIONS:
        if abs(seconds) >= size:
            return _decimal(seconds / size) + suffix
    return _decimal(seconds) + "s"


def unit(of: Type) -> str:
    """The unit to print beside a number; nothing for ratios, plain numbers, durations."""
    if of.kind is not Kind.NUMBER or of.unit is None or not of.unit.factors or of.unit == _SECONDS:
        return ""
    return str(of.unit)


def value(of: Value, kind: Type, small: bool = False) -> str:
    """A value of a type, with its unit; ``small`` for an axis, without."""
    if isinstance(of, bool) or kind.kind is Kind.FLAG:
        return "yes" if of else "no"
    if isinstance(of, str):
        return name(of)
    amount = float(of)
    if kind.kind is Kind.DATE:
        return instant(amount)
    if kind.shown == "ratio":
        return percent(amount)
    if kind.unit == _SECONDS:
        return duration(amount)
    beside = unit(kind)
    if small:
        return compact(amount)
    return f"{number(amount)} {beside}" if beside and math.isfinite(amount) else number(amount)


def type_words(of: Type) -> str:
    """``ratio``, ``USD/asset``, ``link to market``, ``one of A, B``."""
    match of.kind:
        case Kind.NUMBER if of.shown == "ratio":
            return "ratio"
        case Kind.NUMBER if of.unit == _SECONDS:
            return "duration"
        case Kind.LINK:
            return f"link to {of.entity}"
        case _:
            return str(of)


def interval(domain: Interval | None, kind: Type) -> str:
    """``0% to 500%``, ``> 0``; nothing where there is no bound."""
    if domain is None or (domain.low is None and domain.high is None):
        return ""
    low, high = domain.low, domain.high
    if low is not None and high is not None and not domain.low_open and not domain.high_open:
        return f"{value(low, kind)} to {value(high, kind)}"
    parts = []
    if low is not None:
        parts.append(f"{'>' if domain.low_open else '≥'} {value(low, kind)}")
    if high is not None:
        parts.append(f"{'<' if domain.high_open else '≤'} {value(high, kind)}")
    return " and ".join(parts)
