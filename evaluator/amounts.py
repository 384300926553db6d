"""The sums of money that a summary shows of each tier: notional, what is closed, what it costs.

Conventions, by the names of columns, for the entity that has the tiers:
- `notional`: its column of that name, else the sum over the one entity that links to it and has such a column;
- `closed`: likewise, else the tiers' column `close` times the notional;
- `cost`: likewise, else it is left out.
Each counts only where its unit is one of the policy's own, such as USD. A row whose amount is unknown (so where one of
its members' is) or infinite is left out of a sum and counted beside it. What is left out is said in a note.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dsl.model import Kind, Policy
from dsl.records import dataclass
from evaluator.book import Book
from evaluator.columns import Column, Values
from evaluator.groups import make_groups, sums
from evaluator.vector import Flags

Find = Callable[[str, str], Column | None]  # a column by entity and name, None where there is none
Alone = Callable[[str, str], tuple[Values, Column] | None]  # rows of one that is zero in all others, if that is known
NAMES = ("notional", "closed", "cost")


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum over rows, and how many rows it leaves out because their amount is unknown."""

    total: float
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class RowAmounts:
    """One amount of each row; ``values`` mean nothing where not ``known`` (None: all are), and are finite elsewhere.
    ``unit`` is a policy's own. ``rows``: their numbers, in order, where all others are known to have nothing."""

    values: npt.NDArray[np.float64]
    known: Flags | None
    unit: str
    rows: npt.NDArray[np.intp] | None = None

    def part(self, first: int, last: int) -> "RowAmounts":
        """Of the rows from ``first`` up to ``last``, which are numbered from 0."""
        if self.rows is not None:
            begin, end = np.searchsorted(self.rows, (first, last))
            rows, first, last = self.rows[begin:end] - first, begin, end
        known = None if self.known is None else self.known[first:last]
        return RowAmounts(self.values[first:last], known, self.unit, None if self.rows is None else rows)

    def whole(self, count: int) -> tuple[npt.NDArray[np.float64], Flags]:
        """Values of all rows, and whether they are known."""
        known = np.ones(len(self.values), dtype=np.bool_) if self.known is None else self.known
        if self.rows is None:
            return self.values, known
        values, everywhere = np.zeros(count), np.ones(count, dtype=np.bool_)
        values[self.rows], everywhere[self.rows] = self.values, known
        return values, everywhere


def summed(policy: Policy) -> set[tuple[str, str]]:
    """The columns that a summary needs: the tiers', and the amounts of their rows."""
    found = {(e, c) for e, tiers in policy.tiers.items() for c in ("tier", *(column.name for column in tiers.columns))}
    return found | {(e, name) for e in policy.tiers for name in NAMES if name in policy.entities[e].formulas}


def member_amounts(policy: Policy) -> dict[tuple[str, str], tuple[str, str]]:
    """By entity with tiers and name of an amount that isn't its own: the members' entity and the link that it is summed
    along."""
    found = {}
    named = {name: [e for e in policy.entities if _unit(policy, e, name) is not None] for name in NAMES}
    for entity in policy.tiers:
        for name in (name for name, owners in named.items() if entity not in owners):
            links = [(e, link) for e in named[name] for link, to in policy.entities[e].links.items() if to == entity]
            if len(links) == 1:
                found[entity, name] = links[0]
    return found


def _unseen(entity: str, name: str) -> None:
    return None


def tier_amounts(
    policy: Policy,
    book: Book,
    find: Find,
    entity: str,
    made: Mapping[tuple[str, str], Column],
    alone: Alone = _unseen,
) -> tuple[dict[str, RowAmounts | None], str, tuple[str, ...]]:
    """Each of ``NAMES`` for the rows of an entity, their unit (several by commas), and notes on what is left out.
    ``made``: of members' amounts those that are summed already."""
    found: dict[str, RowAmounts | None] = {}
    members = member_amounts(policy)
    for name in NAMES:
        by = members.get((entity, name))
        if by is not None:
            found[name] = _members(policy, book, find, entity, name, by, made.get((entity, name)))
        else:
            found[name] = _own(policy, find, entity, name, _unseen if name == "notional" else alone)
    closes = any(column.name == "close" for column in policy.tiers[entity].columns)
    if found["closed"] is None and found["notional"] is not None and closes:
        found["closed"] = _closed(found["notional"], find, entity, alone)
    absent = [name for name in ("notional", "cost") if found[name] is None]
    notes = tuple(f"no `{n}`: neither `{entity}` nor the one entity that links to it has such a column" for n in absent)
    return found, ", ".join(sorted({a.unit for a in found.values() if a is not None})), notes


def _closed(notional: RowAmounts, find: Find, entity: str, alone: Alone) -> RowAmounts | None:
    """The part of the notional that is closed."""
    few = alone(entity, "close")
    if few is not None and (notional.known is None or np.delete(notional.known, few[0]).all()):
        return _part(notional, few[1], few[0])
    close = find(entity, "close")
    if close is not None and close.quality is None and notional.known is None:
        some = close.values != 0.0
        if 4 * np.count_nonzero(some) < len(some):
            rows = np.flatnonzero(some)
            return _part(notional, close.at(rows), rows)
    return None if close is None else _part(notional, close)


def _part(notional: RowAmounts, close: Column, rows: Values | None = None) -> RowAmounts:
    """``close`` times the notional; of some rows, where that of all others is known."""
    of, known = notional.values[slice(None) if rows is None else rows], notional.known
    if rows is not None:
        known = None if known is None else known[rows]
    with np.errstate(invalid="ignore", over="ignore"):
        values = of * close.values
    return RowAmounts(values, _finite(values, known, _known(close)), notional.unit, rows)


def _finite(values: npt.NDArray[np.float64], *known: Flags | None) -> Flags | None:
    """Where values are finite, and known too; None for all."""
    found = np.isfinite(values)
    for one in known:
        found = found if one is None else found & one
    return None if found.all() else found


def _known(column: Column) -> Flags | None:
    return None if column.quality is None else column.known()


def _own(policy: Policy, find: Find, entity: str, name: str, alone: Alone = _unseen) -> RowAmounts | None:
    """An entity's own column."""
    unit = _unit(policy, entity, name)
    if unit is None:
        return None
    few = alone(entity, name)
    if few is not None:
        return _amounts(few[1], unit, few[0])
    column = find(entity, name)
    return None if column is None else _amounts(column, unit)


def _amounts(column: Column, unit: str, rows: Values | None = None) -> RowAmounts:
    values, known = column.values, _known(column)
    values = values if values.dtype == np.float64 else values.astype(np.float64)
    return RowAmounts(values, known if column.finite else _finite(values, known), unit, rows)


def _members(
    policy: Policy, book: Book, find: Find, entity: str, name: str, by: tuple[str, str], made: Column | None
) -> RowAmounts | None:
    """The members' amounts, summed by the row they belong to; a sum that isn't finite is unknown."""
    unit = _unit(policy, by[0], name) or ""
    if made is not None:
        return _amounts(replace(made, finite=True), unit)  # a sum that is known is finite
    amount, links = _own(policy, find, by[0], name), find(*by)
    return None if amount is None or links is None else _summed(amount, links, book.tables[entity].rows)


def _unit(policy: Policy, entity: str, name: str) -> str | None:
    """The unit of an amount; None where there is no such column, or it isn't money."""
    owner, tiers = policy.entities[entity], policy.tiers.get(entity)
    of_tiers = tiers is not None and any(column.name == name for column in tiers.columns)
    if name not in owner.formulas and name not in owner.inputs and not of_tiers:
        return None
    type_ = policy.type_of(entity, name)
    return str(type_.unit) if type_.kind is Kind.NUMBER and str(type_.unit) in policy.units else None


def _summed(amount: RowAmounts, links: Column, rows: int) -> RowAmounts:
    """Members' amounts by the row they link to, in the order of all sums; unknown where one of them is."""
    member = links.known() & (links.values >= 0)
    groups = make_groups(np.where(member, links.values, rows).astype(np.intp, copy=False), rows)
    known, values = None, amount.values
    if amount.known is not None:
        values = np.where(amount.known, values, 0.0)
        known = np.bincount(groups.index[~amount.known], minlength=rows + 1)[:rows] == 0
    found = sums(groups, values)
    return RowAmounts(found, _finite(found, known), amount.unit)
