"""The sums of money that a summary shows of each tier: notional, what is closed, what it costs.

Conventions, by the names of columns, for the entity that has the tiers:
- `notional`: its column of that name, else the sum over the one entity that links to it and has such a column;
- `closed`: likewise, else the tiers' column `close` times the notional;
- `cost`: likewise, else it is left out.
Each counts only where its unit is one of the policy's own, such as USD. A row whose amount is unknown (so where one of
its members' is) is left out of a sum and counted beside it. What is left out is said in a note.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dsl.model import Kind, Policy
from dsl.records import dataclass
from evaluator.book import Book
from evaluator.columns import Column
from evaluator.groups import make_groups, sums

Find = Callable[[str, str], Column | None]  # a column by entity and name, None where there is none
NAMES = ("notional", "closed", "cost")
_CHUNK = 1 << 15  # rows that stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum over rows, and how many rows it leaves out because their amount is unknown."""

    total: float
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class RowAmounts:
    """One amount of each row; ``values`` mean nothing where not ``known``. ``unit`` is a policy's own.
    ``rows``: their numbers, where all others are known to have nothing."""

    values: npt.NDArray[np.float64]
    known: npt.NDArray[np.bool_]
    unit: str
    rows: npt.NDArray[np.intp] | None = None

    def whole(self, count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Values of all rows, and whether they are known."""
        if self.rows is None:
            return self.values, self.known
        values, known = np.zeros(count), np.ones(count, dtype=np.bool_)
        values[self.rows], known[self.rows] = self.values, self.known
        return values, known

    def totals(self, codes: npt.NDArray[Any], counts: npt.NDArray[Any]) -> list[Amount]:
        """For each code the sum over the rows that have it, left to right. ``counts``: how many rows have each."""
        values, unknown, count = self.values, np.zeros(len(counts), dtype=np.int64), len(counts)
        if self.rows is not None:
            codes = codes[self.rows]
        if not self.known.all():
            unknown = np.bincount(codes[~self.known], minlength=count)
            codes, values = codes[self.known], values[self.known]
        return [Amount(float(t), int(n)) for t, n in zip(_totals(codes, values, counts), unknown, strict=True)]


def _totals(codes: npt.NDArray[Any], values: npt.NDArray[np.float64], counts: npt.NDArray[Any]) -> Any:
    """(count,): where most rows have one code, its sum apart: to add up in place waits for each sum to be stored."""
    if 4 * np.count_nonzero(values[:1024]) < len(values[:1024]):
        some = np.flatnonzero(values != 0.0)  # the others add nothing
        codes, values = codes[some], values[some]
    most = int(np.argmax(counts))
    if 4 * int(counts[most]) < 3 * len(values):
        return np.bincount(codes, values, len(counts)).astype(np.float64, copy=False)
    running = np.zeros(_CHUNK + 1)  # the sum so far, and what is added to it, 0 for rows with other codes
    rest: list[npt.NDArray[np.intp]] = []
    for start in range(0, len(values), _CHUNK):
        mine = codes[start : start + _CHUNK] == most
        rest.append(start + np.flatnonzero(np.logical_not(mine)))
        part = np.multiply(values[start : start + _CHUNK], mine, out=running[1 : 1 + len(mine)])
        if part.any():
            running[0] = np.add.accumulate(running[: 1 + len(mine)], out=running[: 1 + len(mine)])[-1]
    others = np.concatenate(rest) if rest else np.empty(0, dtype=np.intp)
    found = np.bincount(codes[others], values[others], len(counts)).astype(np.float64)  # of none it is whole numbers
    found[most] = running[0] + 0.0
    return found


def summed(policy: Policy) -> set[tuple[str, str]]:
    """The columns that a summary needs: the tiers', and the amounts of their rows."""
    found = {(e, c) for e, tiers in policy.tiers.items() for c in ("tier", *(column.name for column in tiers.columns))}
    return found | {(e, name) for e in policy.tiers for name in NAMES if name in policy.entities[e].formulas}


def member_amounts(policy: Policy) -> dict[tuple[str, str], tuple[str, str]]:
    """By entity with tiers and name of an amount that isn't its own: the members' entity and the link that it is summed
    along."""
    found = {}
    for entity in policy.tiers:
        for name in NAMES:
            members = [
                (member.name, link)
                for member in policy.entities.values()
                for link, target in member.links.items()
                if target == entity and _unit(policy, member.name, name) is not None
            ]
            if len(members) == 1 and _unit(policy, entity, name) is None:
                found[entity, name] = members[0]
    return found


def tier_amounts(
    policy: Policy, book: Book, find: Find, entity: str, made: Mapping[tuple[str, str], Column]
) -> tuple[dict[str, RowAmounts | None], str, tuple[str, ...]]:
    """Each of ``NAMES`` for the rows of an entity, their unit (several by commas), and notes on what is left out.
    ``made``: of members' amounts those that are summed already."""
    found = {name: _amount(policy, book, find, entity, name, made.get((entity, name))) for name in NAMES}
    notional, close = found["notional"], find(entity, "close")
    if found["closed"] is None and notional is not None and close is not None:
        found["closed"] = _closed(notional, close)
    absent = [name for name in ("notional", "cost") if found[name] is None]
    notes = tuple(f"no `{n}`: neither `{entity}` nor the one entity that links to it has such a column" for n in absent)
    return found, ", ".join(sorted({a.unit for a in found.values() if a is not None})), notes


def _closed(notional: RowAmounts, close: Column) -> RowAmounts:
    """The part of the notional that is closed."""
    values, known, rows = notional.values, notional.known, None
    if close.quality is None and bool(known.all()) and np.isfinite(values.sum()):
        rows = np.flatnonzero(close.values != 0.0)
        values, known = values[rows], known[rows]
    with np.errstate(invalid="ignore", over="ignore"):  # infinite times 0 counts as unknown
        values = values * (close.values if rows is None else close.values[rows])
    if rows is None:
        known = known & close.known()
    return RowAmounts(values, known & ~np.isnan(values), notional.unit, rows)


def _amount(policy: Policy, book: Book, find: Find, entity: str, name: str, summed: Column | None) -> RowAmounts | None:
    own = _column(policy, find, entity, name)
    member = member_amounts(policy).get((entity, name))
    if own is not None or member is None:
        return own
    if summed is not None:
        return RowAmounts(summed.values, summed.known(), _unit(policy, member[0], name) or "")
    amount, links = _column(policy, find, member[0], name), find(*member)
    return None if amount is None or links is None else _summed(amount, links, book.tables[entity].rows)


def _unit(policy: Policy, entity: str, name: str) -> str | None:
    """The unit of an amount; None where there is no such column, or it isn't money."""
    if (entity, name) not in policy.order and name not in policy.entities[entity].inputs:
        return None
    type_ = policy.type_of(entity, name)
    return str(type_.unit) if type_.kind is Kind.NUMBER and str(type_.unit) in policy.units else None


def _column(policy: Policy, find: Find, entity: str, name: str) -> RowAmounts | None:
    unit = _unit(policy, entity, name)
    column = None if unit is None else find(entity, name)
    if column is None or unit is None:
        return None
    return RowAmounts(column.values.astype(np.float64, copy=False), column.known(), unit)


def _summed(amount: RowAmounts, links: Column, rows: int) -> RowAmounts:
    """Members' amounts summed by the row they link to, in the order of all sums; unknown where one of them is."""
    member = links.known() & (links.values >= 0)
    groups = make_groups(np.where(member, links.values, rows).astype(np.intp, copy=False), rows)
    known, values = np.ones(rows, dtype=np.bool_), amount.values
    if not amount.known.all():
        values = np.where(amount.known, values, 0.0)
        known = np.bincount(groups.index[~amount.known], minlength=rows + 1)[:rows] == 0
    found = sums(groups, values)
    return RowAmounts(found, known & np.isfinite(found), amount.unit)
