"""Text from data made safe to print, and numbers as people read them."""

import unicodedata
from fractions import Fraction

from evaluator.literals import iso

LONGEST = 500  # characters of a cell on the terminal
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def safe(text: str) -> str:
    """Text in which every character that could move the cursor, or hide or reverse its neighbours, is an escape."""
    return "".join(_shown(c) for c in text)


def brief(text: str) -> str:
    """Safe text for a table or a list: of one that nobody could read, its beginning, its end and its length."""
    shown = safe(text)
    return shown if len(shown) <= LONGEST else f"{shown[:100]}…{shown[-40:]} ({len(text):,} characters)"


def _shown(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() else f"\\x{ord(character):02x}"
    if unicodedata.category(character) not in _UNSAFE:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def amount(value: float | None) -> str:
    """A sum of money: whole where it is large, two places where it is not, two digits of a sum below a hundredth, and
    a power of ten beyond what anybody owns; a dash where there is none."""
    if value is None:
        return "–"
    if value in (float("inf"), float("-inf")):
        return "infinite" if value > 0 else "-infinite"
    if value and not 0.005 <= abs(value) < 1e18:
        return f"{value:.2g}" if abs(value) < 1 else f"{value:.6g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"


def percent(share: float | None) -> str:
    """A share as a percentage with two places; never 0.00% or 100.00% for what is neither none nor all."""
    if share is None:
        return "–"
    if 0 < share < 0.00005:
        return "<0.01%"
    if 0.99995 < share < 1:
        return ">99.99%"
    return f"{share:.2%}"


def figure(value: object) -> str:
    """Any value of a column or parameter: numbers in at most ten significant digits."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float() | Fraction():
            number = float(value)
            if number in (float("inf"), float("-inf")):
                return "infinite" if number > 0 else "-infinite"
            return f"{number:,.10g}"
        case _:
            return safe(str(value))


def instant(seconds: Fraction | float | None) -> str:
    """``2026-12-01T07:30:00Z`` for seconds since 1970; ``not stated`` for None."""
    if seconds is None:
        return "not stated"
    return iso(Fraction(seconds))
