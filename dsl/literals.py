"""Numbers and dates as written: exact values, and what is wrong with those that aren't."""

import re
import sys
from datetime import UTC, datetime
from fractions import Fraction
from typing import Literal

NumberKind = Literal["plain", "percent", "duration"]

SUFFIXES: dict[str, tuple[NumberKind, Fraction]] = {
    "": ("plain", Fraction(1)),
    "k": ("plain", Fraction(1_000)),
    "M": ("plain", Fraction(1_000_000)),
    "bn": ("plain", Fraction(1_000_000_000)),
    "%": ("percent", Fraction(1, 100)),
    "bps": ("percent", Fraction(1, 10_000)),
    "s": ("duration", Fraction(1)),
    "min": ("duration", Fraction(60)),
    "h": ("duration", Fraction(3_600)),
    "d": ("duration", Fraction(86_400)),
}
KNOWN = "the suffixes are `k` `M` `bn` `%` `bps` `s` `min` `h` `d`"

_MEANT = {
    "k": "K",
    "M": "MM mm mn mln mio million Million",
    "bn": "B b BN Bn bln G billion",
    "bps": "bp BP BPS Bps bips",
    "%": "pct percent pc",
    "s": "S sec secs second seconds",
    "min": "mins minute minutes MIN Min",
    "h": "H hr hrs hour hours",
    "d": "D day days",
}
MEANT = {wrong: right for right, words in _MEANT.items() for wrong in words.split()}
"""What people write for a suffix, and the suffix."""

LONGEST = 60  # digits of one number
LARGEST_EXPONENT = 300


_LARGEST = int(sys.float_info.max)


class BadLiteral(ValueError):
    """A literal that can't be read; the argument is the reason, for a person."""


def decimal(text: str) -> Fraction:
    """``1_000.5e-3`` exactly. Bounded, because an exact power of ten can be as large as it likes."""
    mantissa, _, exponent = text.lower().replace("_", "").partition("e")
    whole, _, decimals = mantissa.partition(".")
    if len(whole) + len(decimals) > LONGEST:
        raise BadLiteral(f"has more than {LONGEST} digits")
    if len(exponent) > 4 or abs(int(exponent or 0)) > LARGEST_EXPONENT:
        raise BadLiteral(f"has an exponent beyond {LARGEST_EXPONENT}")
    value = int(whole + decimals)
    power = int(exponent or 0) - len(decimals)
    return Fraction(value * 10**power) if power >= 0 else Fraction(value, 10**-power)


def quantity(digits: str, suffix: str) -> tuple[NumberKind, Fraction]:
    """The kind and value of a number with a known suffix, in the base of its kind."""
    kind, factor = SUFFIXES[suffix]
    value = decimal(digits)
    value = value if factor == 1 else value * factor
    if value.numerator > _LARGEST * value.denominator:
        raise BadLiteral("has an exponent beyond what numbers of 64 bits have")
    return kind, value


_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d))?(Z?))?", re.ASCII)


def date(text: str) -> datetime:
    """``2026-12-01`` or ``2026-12-01T07:30Z``, in UTC."""
    found = _DATE.fullmatch(text)
    if not found:
        raise BadLiteral("is not a date such as `2026-12-01` or `2026-12-01T07:30Z`")
    *numbers, zone = found.groups()
    if numbers[3] is not None and not zone:
        raise BadLiteral(f"does not say its time zone; times are in UTC, so write `{text}Z`")
    try:
        return datetime(*(int(n or 0) for n in numbers), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        raise BadLiteral("is not a day or time of the calendar") from None
