"""The tiers of an entity, its rows counted and their amounts added up."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dsl.records import dataclass
from evaluator.amounts import NAMES, Amount, RowAmounts
from evaluator.lanes import Coded, Lanes


@dataclass(frozen=True, slots=True)
class TierLine:
    """One tier's rows. ``share`` of all rows of the entity; None for an amount that the policy does not define.

    ``unknown`` of its ``count`` rows are in it because something that decides their tier is unknown.
    """

    label: str
    count: int
    unknown: int
    share: float
    notional: Amount | None
    closed: Amount | None
    cost: Amount | None


@dataclass(frozen=True, slots=True)
class TierSummary:
    """The tiers of one entity, in the order of their rows. ``unit``: of the amounts, empty where there are none."""

    entity: str
    rows: int
    lines: tuple[TierLine, ...]
    unit: str
    notes: tuple[str, ...]


class TierSums:
    """What was added so far, of rows in the file's order."""

    def __init__(self, entity: str, labels: Sequence[str]) -> None:
        self._entity, self._labels = entity, labels
        self._counts, self._unknown = self._zeros(), self._zeros()
        self._lanes: dict[str, Lanes] = {}
        self._left_out: dict[str, npt.NDArray[np.int64]] = {}

    def _zeros(self) -> npt.NDArray[np.int64]:
        return np.zeros(len(self._labels), dtype=np.int64)

    @property
    def rows(self) -> int:
        return int(self._counts.sum())

    def add(
        self, codes: npt.NDArray[Any], held: npt.NDArray[np.intp], amounts: Mapping[str, RowAmounts | None]
    ) -> None:
        """Rows that follow those added before. ``codes``: (n,) their tiers' numbers; ``held``: the places of those in
        the ``unknown`` tier."""
        count = len(self._labels)
        codes = codes if codes.dtype.kind == "i" else codes.astype(np.intp)  # of no rows it may be anything
        rows = Coded.of(codes, count, self.rows)
        with np.errstate(all="ignore"):
            for name, amount in amounts.items():
                if amount is not None:
                    self._add(name, amount, rows)
        self._unknown += np.bincount(codes[held], minlength=count)
        self._counts += rows.counts

    def _add(self, name: str, amount: RowAmounts, rows: Coded) -> None:
        if name not in self._lanes:
            self._lanes[name], self._left_out[name] = Lanes(len(self._labels)), self._zeros()
        values, places = amount.values, amount.rows
        if amount.known is not None:
            left_out = np.flatnonzero(~amount.known)
            left_out = left_out if places is None else places[left_out]
            self._left_out[name] += np.bincount(rows.codes[left_out], minlength=len(self._labels))
            values = np.where(amount.known, values, 0.0)
        if places is None:
            self._lanes[name].add(rows, values)
        else:
            self._lanes[name].add_some(rows, values, places)

    def summary(self, unit: str, notes: tuple[str, ...]) -> TierSummary:
        """All rows that were added."""
        with np.errstate(all="ignore"):
            totals = {name: lanes.totals.tolist() for name, lanes in self._lanes.items()}
        counts, unknown, rows = self._counts.tolist(), self._unknown.tolist(), self.rows
        lines = []
        for i, label in enumerate(self._labels):
            sums = {n: Amount(totals[n][i], int(self._left_out[n][i])) if n in totals else None for n in NAMES}
            lines.append(TierLine(label, counts[i], unknown[i], counts[i] / rows if rows else 0.0, **sums))
        return TierSummary(self._entity, rows, tuple(lines), unit, notes)
