"""The sums of money that a summary shows of each tier: notional, what is closed, what it costs.

Conventions, by the names of columns, for the entity that has the tiers:
- `notional`: its column of that name, else the sum over the one entity that links to it and has such a column;
- `closed`: likewise, else the tiers' column `close` times the notional;
- `cost`: likewise, else it is left out.
Each counts only where its unit is one of the policy's own, such as USD. A row whose amount is unknown (so where one of
its members' is) is left out of a sum and counted beside it. What is left out is said in a note.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsl.model import Kind, Policy
from evaluator.book import Book
from evaluator.columns import Column

Find = Callable[[str, str], Column | None]  # a column by entity and name, None where there is none
NAMES = ("notional", "closed", "cost")


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum over rows, and how many rows it leaves out because their amount is unknown."""

    total: float
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class RowAmounts:
    """One amount of each row, (n,) both; ``values`` mean nothing where not ``known``. ``unit`` is a policy's own."""

    values: npt.NDArray[np.float64]
    known: npt.NDArray[np.bool_]
    unit: str

    def total(self, here: npt.NDArray[np.bool_]) -> Amount:
        """The sum over the rows chosen, left to right."""
        values = self.values[here & self.known]
        total = float(np.cumsum(values)[-1]) if len(values) else 0.0
        return Amount(total, int(np.count_nonzero(here & ~self.known)))


def summed(policy: Policy) -> set[tuple[str, str]]:
    """The columns that a summary needs: the tiers', and the amounts of their rows and of those that belong to them."""
    found = {(e, c) for e, tiers in policy.tiers.items() for c in ("tier", *(column.name for column in tiers.columns))}
    for entity in policy.entities.values():
        if entity.name in policy.tiers or any(target in policy.tiers for target in entity.links.values()):
            found.update((entity.name, name) for name in NAMES if name in entity.formulas)
    return found


def tier_amounts(
    policy: Policy, book: Book, find: Find, entity: str
) -> tuple[dict[str, RowAmounts | None], str, tuple[str, ...]]:
    """Each of ``NAMES`` for the rows of an entity, their unit (several by commas), and notes on what is left out."""
    found = {name: _amount(policy, book, find, entity, name) for name in NAMES}
    notional, close = found["notional"], find(entity, "close")
    if found["closed"] is None and notional is not None and close is not None:
        with np.errstate(invalid="ignore", over="ignore"):  # infinite times 0 counts as unknown
            values = notional.values * close.values
        found["closed"] = RowAmounts(values, notional.known & close.known() & ~np.isnan(values), notional.unit)
    absent = [name for name in ("notional", "cost") if found[name] is None]
    notes = tuple(f"no `{n}`: neither `{entity}` nor the one entity that links to it has such a column" for n in absent)
    return found, ", ".join(sorted({a.unit for a in found.values() if a is not None})), notes


def _amount(policy: Policy, book: Book, find: Find, entity: str, name: str) -> RowAmounts | None:
    own = _column(policy, find, entity, name)
    if own is not None:
        return own
    members = [
        (amount, links)
        for member in policy.entities.values()
        for link, target in member.links.items()
        if target == entity
        and (amount := _column(policy, find, member.name, name)) is not None
        and (links := find(member.name, link)) is not None
    ]
    return _summed(*members[0], book.tables[entity].rows) if len(members) == 1 else None


def _column(policy: Policy, find: Find, entity: str, name: str) -> RowAmounts | None:
    column = find(entity, name)
    if column is None:
        return None
    type_ = policy.type_of(entity, name)
    if type_.kind is not Kind.NUMBER or str(type_.unit) not in policy.units:
        return None
    return RowAmounts(column.values.astype(np.float64), column.known(), str(type_.unit))


def _summed(amount: RowAmounts, links: Column, rows: int) -> RowAmounts:
    """Members' amounts summed by the row they link to, in the members' order."""
    linked = links.known() & (links.values >= 0)
    targets, known = links.values[linked], amount.known[linked]
    values = np.where(known, amount.values[linked], 0.0)
    sums = np.bincount(targets, weights=values, minlength=rows).astype(np.float64)
    return RowAmounts(sums, np.bincount(targets[~known], minlength=rows) == 0, amount.unit)
