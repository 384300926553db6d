"""Cells as text: numbers, instants and durations, read exactly. No NumPy: one cell at a time."""

import re
from datetime import UTC, date, datetime
from fractions import Fraction

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"  # also RE2: used on whole columns
_number = re.compile(NUMBER)
_duration = re.compile(rf"({NUMBER})\s*(s|min|h|d)")
_instant = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(\.\d+)?)?\s?(Z|[+-]\d{2}:?\d{2}))?", re.ASCII
)
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_EPOCH = date(1970, 1, 1).toordinal()
_ERA = 146_097  # days of 400 years, after which the calendar begins anew
FIRST = (date.min.toordinal() - _EPOCH) * 86400  # seconds; to the last microsecond that there is
LAST = (date.max.toordinal() + 1 - _EPOCH) * 86400 - Fraction(1, 10**6)

# Beyond these a decimal counts as the float64 it reads as: 1e-99999999 has too many digits to write out.
_LONGEST = 400


def number(text: str) -> Fraction | None:
    """The number as written; None where the text is none, or one too large for float64."""
    text = text.strip()
    if not _number.fullmatch(text):
        return None
    near = float(text)
    if near in (float("inf"), float("-inf")):
        return None
    mantissa, _, power = text.lower().partition("e")
    if len(mantissa) > _LONGEST or len(power) > 5 or abs(int(power or 0)) > _LONGEST:
        return Fraction(near)
    return Fraction(text)


def duration(text: str) -> Fraction | None:
    """Seconds, from plain seconds or ``30s 5min 8h 7d``."""
    found = _duration.fullmatch(text.strip())
    if not found:
        return number(text)
    count = number(found[1])
    return None if count is None else count * _SECONDS[found[2]]


def instant(text: str) -> Fraction | None:
    """Seconds since 1970 UTC of an ISO date (its midnight, UTC) or of an ISO date and time with its zone; None where
    it lies outside of the years 1 to 9999 of UTC."""
    found = _instant.fullmatch(text.strip())
    if not found:
        return None
    day, minute, second, fraction, zone = found.groups()
    try:
        days = date.fromisoformat(day).toordinal() - _EPOCH
        if minute is None:
            return Fraction(days * 86400)
        whole = datetime.fromisoformat(f"{day}T{minute}:{second or '00'}{'+00:00' if zone == 'Z' else zone}")
        seconds = _whole_seconds(whole) + Fraction(f"0{fraction}" if fraction and len(fraction) < _LONGEST else 0)
        return seconds if FIRST <= seconds <= LAST else None
    except (ValueError, OverflowError):
        return None


def _whole_seconds(moment: datetime) -> Fraction:
    offset = moment.utcoffset()
    assert offset is not None
    naive = moment.replace(tzinfo=None)
    seconds = (naive.toordinal() - _EPOCH) * 86400 + naive.hour * 3600 + naive.minute * 60 + naive.second
    return Fraction(seconds) - (offset.days * 86400 + offset.seconds)


def seconds_of(moment: datetime) -> Fraction:
    """Seconds since 1970 UTC, exactly; a time without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _whole_seconds(moment) + Fraction(moment.microsecond, 1_000_000)


def exact(text: str) -> Fraction:
    """A known cell's value as written: a number, a duration or an instant in seconds."""
    for parse in (number, duration, instant):
        value = parse(text)
        if value is not None:
            return value
    raise ValueError(f"not a number, a duration or a date: {text!r}")


def iso(seconds: Fraction) -> str:
    """An instant as ISO text in UTC, with as many decimals as it has (at most nine)."""
    whole = seconds.numerator // seconds.denominator
    days, rest = divmod(whole, 86400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    nanos = int((seconds - whole) * 10**9)
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    return f"{iso_day(days)}T{clock}{fraction}Z"


def iso_day(days: int) -> str:
    """A day by its number from 1970 on; a year of more than four digits, or before the first, has a sign (ISO 8601)."""
    eras = 0 if 0 < days + _EPOCH <= date.max.toordinal() else (days + _EPOCH - 1) // _ERA - 4
    day = date.fromordinal(days + _EPOCH - eras * _ERA)
    year = day.year + 400 * eras
    return f"{day.isoformat() if eras == 0 else f'{year:+05}{day:-%m-%d}'}"
