"""A column of values with their quality, and the codes that say why a value is unknown and where that began."""

from collections.abc import Mapping
from dataclasses import field

from dsl.causes import Cause
from dsl.records import dataclass
from evaluator.later import Codes, Flags, Values, np

__all__ = ["KNOWN", "Column", "Origin", "Quality", "Values", "cause_numbers", "origin_code", "renumbered"]

Quality = Codes

# A code packs cause, entity, column and row, in this order of weight, so that of several origins the smallest, which is
# the one reported, never depends on the order of evaluation. A known value has the largest code of all: combining the
# quality of two operands is one np.minimum.
KNOWN = (1 << 63) - 1
_ROW_BITS, _COLUMN_BITS, _ENTITY_BITS = 40, 12, 7


def origin_code(cause: Cause, entity: int, column: int, row: int = 0) -> int:
    """The code of a fault: numbers of the entity, of the column or table in it, and of the row."""
    return ((int(cause) << _ENTITY_BITS | entity) << _COLUMN_BITS | column) << _ROW_BITS | row


def cause_numbers(codes: Quality) -> Quality:
    """(n,) the number of each code's cause, in ``Cause``."""
    return codes >> (_ENTITY_BITS + _COLUMN_BITS + _ROW_BITS)


def renumbered(codes: Quality, rows: Mapping[int, Values]) -> Quality:
    """(n,) the codes with other numbers of rows. ``rows``: by an entity's number, each row's new number."""
    found = codes.copy()
    entities = found >> (_COLUMN_BITS + _ROW_BITS) & ((1 << _ENTITY_BITS) - 1)
    for entity, numbers in rows.items():
        here = np.flatnonzero((entities == entity) & (found != KNOWN))
        row = found[here] & ((1 << _ROW_BITS) - 1)
        found[here] += numbers[row] - row
    return found


@dataclass(frozen=True, slots=True)
class Origin:
    """A code, unpacked."""

    cause: Cause
    entity: int
    column: int
    row: int

    @staticmethod
    def of(code: int) -> "Origin":
        row = code & (1 << _ROW_BITS) - 1
        code >>= _ROW_BITS
        column = code & (1 << _COLUMN_BITS) - 1
        code >>= _COLUMN_BITS
        return Origin(Cause(code >> _ENTITY_BITS), code & (1 << _ENTITY_BITS) - 1, column, row)


@dataclass(frozen=True, slots=True)
class Column:
    """``values`` (n,): float64 (numbers; dates and durations in seconds), bool (flags), int32 (enumeration and text
    codes), int64 (links: the target's row, -1 where there is none). ``quality`` (n,) int64 codes, or None where every
    value is known. The value beside an unknown's code means nothing. Nobody writes to either once they are here.
    ``finite``: no value is infinite, if that is known."""

    values: Values
    quality: Quality | None = None
    finite: bool = field(default=False, repr=False, compare=False)
    _counted: list[int] = field(default_factory=list, init=False, repr=False, compare=False)

    def known(self) -> Flags:
        if self.quality is None:
            return np.ones(len(self.values), dtype=np.bool_)
        known: Flags = np.asarray(self.quality) == KNOWN
        return known

    def at(self, rows: Values) -> "Column":
        """The cells of some rows, given by their numbers."""
        return Column(self.values[rows], None if self.quality is None else self.quality[rows])

    def unknown_count(self) -> int:
        """How many values are unknown; counted once."""
        if self.quality is None:
            return 0
        if not self._counted:
            self._counted.append(int(np.count_nonzero(np.asarray(self.quality) != KNOWN)))
        return self._counted[0]
