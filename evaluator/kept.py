"""What evaluations of one book keep for the next, so that it is neither made nor asked from the system again."""

import ctypes
import weakref
from dataclasses import field
from typing import TYPE_CHECKING, Any

from dsl.records import dataclass
from evaluator.columns import Column
from evaluator.later import np

if TYPE_CHECKING:
    from evaluator.groups import Groups


@dataclass(slots=True, eq=False)
class Kept:
    """What was ``compiled``; by entity and link, the column and whose members it makes the rows, and how many each row
    has; by entity, link and name, the sums of a column by these rows, and which of them are not finite; and idle
    memory, by kind and length: a new page of memory takes longer to get than to fill. Of grids (``grid_folds``):
    ``blanks``, by policy the book with room for what is found before; ``orders``, by entity and link the column and its
    members."""

    compiled: list[Any] = field(default_factory=list)
    groups: dict[tuple[str, str], tuple[Any, "Groups"]] = field(default_factory=dict)
    counts: dict[tuple[str, str], tuple["Groups", Any]] = field(default_factory=dict)
    totals: dict[tuple[str, str, str], tuple[Any, "Groups", Any, Any]] = field(default_factory=dict)
    blanks: list[tuple[Any, ...]] = field(default_factory=list)
    orders: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)
    room: dict[tuple[Any, int], list[Any]] = field(default_factory=dict)

    def members(self, entity: str, link: str, column: Column, count: int) -> "Groups":
        """Whose member each row of an entity is; ``count``: of the rows that the link leads to."""
        from evaluator.groups import groups_of  # and NumPy with it

        known = self.groups.get((entity, link))
        if known is None or known[0] is not column:
            known = self.groups[entity, link] = column, groups_of(column, count)
        return known[1]

    def counted(self, entity: str, link: str, groups: "Groups") -> Any:
        """(count,) float64: how many members each row has."""
        known = self.counts.get((entity, link))
        if known is None or known[0] is not groups:
            known = self.counts[entity, link] = groups, groups.sizes.astype(np.float64)
        return known[1]

    def total(self, entity: str, link: str, name: str, column: Column, groups: "Groups") -> tuple[Any, Any]:
        """(count,) float64: the sum of a column of each row's members, and the rows where it isn't finite, as with a
        cell that is unknown."""
        known = self.totals.get((entity, link, name))
        if known is None or known[0] is not column or known[1] is not groups:
            from evaluator.groups import sums

            with np.errstate(all="ignore"):
                found = sums(groups, column.values)
            found.setflags(write=False)
            known = self.totals[entity, link, name] = column, groups, found, np.flatnonzero(~np.isfinite(found))
        return known[2:]

    def column(self, dtype: Any, rows: int) -> Any:
        """One to write to, whatever stands in it, until it is given ``back``."""
        idle = self.room.setdefault((dtype, rows), [])
        try:
            return idle.pop()
        except IndexError:
            return np.empty(rows, dtype=dtype)

    def back(self, column: Any) -> None:
        self.room[column.dtype.type, len(column)].append(column)

    def lent(self, dtype: Any, rows: int) -> Any:
        """One that somebody outside gets, whatever stands in it; its memory comes back when nothing looks at it any
        more, neither the array nor any view of it."""
        column = self.column(np.dtype(dtype).type, rows)
        if not rows:
            return column
        owner = (ctypes.c_char * column.nbytes).from_buffer(column.view(np.uint8))  # every view's last base
        weakref.finalize(owner, self.back, column)
        return np.frombuffer(owner, dtype=column.dtype)
