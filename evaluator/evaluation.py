"""What an evaluation gives: columns, checks, and why rows are unknown; by name, before anything is summed up."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, TypeVar

from dsl.model import Policy, Value
from dsl.records import dataclass
from evaluator.acted import Acted
from evaluator.book import Book
from evaluator.columns import Column
from evaluator.index import LaidColumn
from evaluator.queue import Queue
from evaluator.runner import column_of
from evaluator.vector import Codes, Flags, Floats, Vector

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """``values``: a flag for each row of the check's entity, or one for the whole book. Where the condition compares
    numbers: ``margin``, by how much each row violates it (positive), 0 where that is unknown, and both ``sides``."""

    index: int
    values: Column
    margin: Floats | None
    sides: tuple[Column, Column] | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``columns``: by entity, every formula and tiers column (texts: codes into ``texts``; ``tier``: into the tiers'
    labels). ``reasons``: by entity with tiers, why a row is in the unknown tier. ``decided``: by entity, how many
    of its rows the reference interpreter decided. ``unmet``: by column with `until`, the rows where no value in the
    range was enough. ``queues``: by column that is a `draw`, its rows in their order. ``member_sums``: by entity and
    name, the amounts of its members that a summary shows, where they were summed. ``watched``: by entity and name, the
    quality of columns that are not among these. ``acted``: the rows that acted, by the ``nodes`` of columns. ``laid``:
    by node, what stands in a layout, all known."""

    policy: Policy
    book: Book
    params: Mapping[str, Value]
    columns: Mapping[str, Mapping[str, Column]]
    checks: tuple[CheckOutcome, ...]
    reasons: Mapping[str, Codes]
    decided: dict[str, int]
    texts: tuple[str, ...] = ()
    unmet: dict[tuple[str, str], Flags] = field(default_factory=dict)
    queues: dict[tuple[str, str], Queue] = field(default_factory=dict)
    member_sums: Mapping[tuple[str, str], Column] = field(default_factory=dict)
    watched: Mapping[tuple[str, str], Codes | None] = field(default_factory=dict)
    acted: Acted | None = None
    nodes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    laid: Mapping[int, LaidColumn] = field(default_factory=dict)

    def column(self, entity: str, name: str) -> Column:
        """A computed column, or an input."""
        computed = self.columns.get(entity, {})
        return computed[name] if name in computed else self.book.tables[entity].columns[name]

    def quality(self, entity: str, name: str) -> Codes | None:
        """Why a computed column is unknown, where it is; None where it is not, or was not evaluated."""
        column = self.columns[entity].get(name)
        if column is not None or (entity, name) not in self.watched:
            return None if column is None else column.quality
        return self.watched[entity, name]

    def tier_codes(self, entity: str) -> Any:
        """(n,) integers, the numbers of rows' tiers: to be looked at some rows at a time."""
        found = self.laid.get(self.nodes.get((entity, "tier"), -1))
        return self.columns[entity]["tier"].values if found is None else found

    def tier_quality(self, entity: str) -> Codes:
        """(n,) int64: why a row stands in the ``unknown`` tier, KNOWN where it does not."""
        return self.reasons[entity]


def check_outcome(index: int, on: str | None, found: Sequence[Vector], book: Book) -> CheckOutcome:
    rows = book.tables[on].rows if on else 1
    values, *compared = [column_of(vector, rows) for vector in found]
    if not compared:
        return CheckOutcome(index, values, None)
    margin, left, right = compared
    return CheckOutcome(index, values, margin.values, (left, right))


def in_order(policy: Policy, found: Mapping[str, T]) -> dict[str, T]:
    """By entity, in the policy's order; what belongs to none of its entities comes last."""
    return {e: found[e] for e in dict.fromkeys([*policy.entities, *found]) if e in found}
