"""Why a value is unknown. The order is the order of blame: of several causes, the smallest is the one reported."""

from enum import IntEnum


class Cause(IntEnum):
    """Faults of the snapshot's cells come before faults that a formula meets."""

    MISSING = 1
    NOT_A_VALUE = 2
    OUT_OF_RANGE = 3
    STALE = 4
    ORPHAN = 5
    BLANK = 6
    DIVISION = 7
    DOMAIN = 8
    OVERFLOW = 9
    NO_ROW = 10
    OUTSIDE = 11
    EMPTY = 12
    CELL_RANGE = 13
    OVERDRAWN = 14
    UNREACHED = 15

    @property
    def words(self) -> str:
        return WORDS[self]


WORDS = {
    Cause.MISSING: "missing",
    Cause.NOT_A_VALUE: "not a number",
    Cause.OUT_OF_RANGE: "out of range",
    Cause.STALE: "stale",
    Cause.ORPHAN: "orphan link",
    Cause.BLANK: "blank",
    Cause.DIVISION: "division by zero",
    Cause.DOMAIN: "root or logarithm out of range",
    Cause.OVERFLOW: "too large, or infinite",
    Cause.NO_ROW: "no row in the table",
    Cause.OUTSIDE: "outside the curve",
    Cause.EMPTY: "no rows to aggregate",
    Cause.CELL_RANGE: "outside the column's stated range",
    Cause.OVERDRAWN: "takes more than is left, or less than nothing",
    Cause.UNREACHED: "never reached",
}
