"""What values are: their kinds, units and constants, and the ranges of numbers."""

from dataclasses import field
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from dsl.records import dataclass
from dsl.units import ONE, SECOND, Unit

INFINITE = float("inf")
Exact = Fraction | float  # the float is only ever INFINITE or -INFINITE
Value = Exact | str | bool  # a constant: number, date (seconds since 1970 UTC), duration (seconds), text, label, flag
Cell = tuple[str, str]  # an entity and a column of it


class Kind(StrEnum):
    NUMBER = "number"  # ratios, numbers, durations, anything with a unit
    DATE = "date"
    TEXT = "text"
    FLAG = "flag"
    ENUM = "enum"  # one of `labels`
    LINK = "link"  # a row of `entity`; an entity's own key is a link to itself
    ANY = "any"  # only while checking: an untyped argument, or something already reported


@dataclass(frozen=True, slots=True)
class Type:
    """``unit`` is None for a literal that has every unit (0, infinite). ``shown`` only says how a person sees it."""

    kind: Kind
    unit: Unit | None = ONE
    labels: tuple[str, ...] = ()
    entity: str = ""
    shown: Literal["number", "ratio"] = field(default="number", compare=False)

    def __str__(self) -> str:
        match self.kind:
            case Kind.NUMBER:
                return "0" if self.unit is None else str(self.unit)
            case Kind.ENUM:
                return "one of " + ", ".join(self.labels)
            case Kind.LINK:
                return self.entity
            case _:
                return str(self.kind)


NUMBER = Type(Kind.NUMBER)
RATIO = Type(Kind.NUMBER, shown="ratio")
DURATION = Type(Kind.NUMBER, Unit.of(SECOND))
ZERO = Type(Kind.NUMBER, None)
DATE = Type(Kind.DATE)
TEXT = Type(Kind.TEXT)
FLAG = Type(Kind.FLAG)
ANY = Type(Kind.ANY)


@dataclass(frozen=True, slots=True)
class Interval:
    """The values a number may take; None for no bound on that side."""

    low: Exact | None = None
    high: Exact | None = None
    low_open: bool = False
    high_open: bool = False

    def holds(self, value: Exact) -> bool:
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return above and below


def allows(domain: Interval | None, value: Value) -> bool:
    """Whether a value is in a range, where there is one; what is no number is in every range."""
    return domain is None or not isinstance(value, Fraction | float) or domain.holds(value)
