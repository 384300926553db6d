"""What an evaluation says: per tier, per check, what is unknown and why. The summary that people and programs read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import cache, cached_property
from typing import Any

import numpy as np

from dsl.causes import Cause
from dsl.model import DATE, Tiers
from dsl.records import dataclass
from evaluator.amounts import tier_amounts
from evaluator.checks import CheckResult, check_results
from evaluator.columns import KNOWN, Column, Quality, Values, origin_code
from evaluator.evaluation import Evaluation
from evaluator.origins import OriginText, describe_origin
from evaluator.plain import constant, jsonable, key_of
from evaluator.rows import Rows, rows_in
from evaluator.tier_sums import TierSummary, TierSums


@dataclass(frozen=True, slots=True)
class UnknownRow:
    """One row that is unknown and the place where that began: a cell as written, or the formula that could not be
    computed there."""

    entity: str
    row: int
    key: str
    cause: str
    origin_entity: str
    origin_key: str
    origin_column: str
    cell: str | None
    text: str


_SOME = 1 << 17  # rows whose amounts are added up at once
LISTED = 1_000  # of many unknown rows of an entity the summary has the first ones; the results' files have all

_FIELDS = [field.name for field in fields(UnknownRow)]


class Results:
    """An evaluation, summed up. ``hashes``: SHA-256 of the policy's files by name."""

    def __init__(self, evaluation: Evaluation, hashes: Mapping[str, str] | None = None) -> None:
        self.evaluation = evaluation
        self.policy = evaluation.policy
        self.book = evaluation.book
        self.hashes = dict(hashes or {})

    def column(self, entity: str, name: str) -> Column | None:
        """A computed column, or an input that the policy reads; None where there is neither."""
        computed = self.evaluation.columns.get(entity, {})
        return computed[name] if name in computed else self.book.tables[entity].columns.get(name)

    def rows(self, entity: str, tiers: Collection[str]) -> Rows:
        """The entity's rows that stand in one of these tiers, or whose account does (the row that its link leads to),
        with their columns. ValueError where there is no such tier, or no one link to an entity with tiers."""
        return rows_in(self, entity, tiers)

    def texts(self, entity: str, name: str) -> Sequence[str]:
        """What the codes of a text column stand for."""
        return self.book.tables[entity].texts.get(name, self.evaluation.texts)

    # -- tiers ------------------------------------------------------------------------------------

    @cached_property
    def tiers(self) -> tuple[TierSummary, ...]:
        """One summary for each entity that has tiers."""
        return tuple(self._tier_summary(t) for t in self.policy.tiers.values())

    def _tier_summary(self, tiers: Tiers) -> TierSummary:
        entity, sums = tiers.entity, TierSums(tiers.entity, tiers.labels)
        codes, why = self.evaluation.tier_codes(entity), self.evaluation.tier_quality(entity)
        sums_of = self.evaluation.member_sums
        amounts, unit, notes = tier_amounts(self.policy, self.book, self.column, entity, sums_of, self._alone)
        same = not why.strides[0] and bool((why[:1] == KNOWN).all())  # one code stands for all rows
        held = np.empty(0, dtype=np.intp) if same else np.flatnonzero(why != KNOWN)
        for first in range(0, max(1, len(codes)), _SOME):  # no rows have sums, too
            last = min(first + _SOME, len(codes))
            some = {name: None if amount is None else amount.part(first, last) for name, amount in amounts.items()}
            sums.add(codes[first:last], held[slice(*np.searchsorted(held, (first, last)))] - first, some)
        return sums.summary(unit, notes)

    def _alone(self, entity: str, name: str) -> tuple[Values, Column] | None:
        """The numbers of some rows and their cells of a column that is zero in all others, where that is known."""
        acted, node = self.evaluation.acted, self.evaluation.nodes.get((entity, name))
        return None if acted is None or node is None else acted.alone(node, entity)

    # -- checks -----------------------------------------------------------------------------------

    @cached_property
    def checks(self) -> tuple[CheckResult, ...]:
        """Each check's verdict and its worst offenders."""
        return check_results(self.evaluation)

    @property
    def failed(self) -> bool:
        """Whether a check that is not a `warn` has not passed."""
        return any(c.verdict in ("fail", "unknown") for c in self.checks)

    # -- unknown ----------------------------------------------------------------------------------

    @cached_property
    def unknown_codes(self) -> dict[str, Quality]:
        """Per entity with computed columns (n,): the smallest code among a row's columns, KNOWN where all are known."""
        found = {}
        for entity in self.evaluation.columns:
            codes: Quality = np.broadcast_to(np.int64(KNOWN), (self.book.tables[entity].rows,))
            for quality in self._qualities(entity):
                codes = np.minimum(codes, quality)
            found[entity] = codes
        return found

    def _qualities(self, entity: str) -> list[Quality]:
        """Of its computed columns, those that not every row has."""
        watched = (name for e, name in self.evaluation.watched if e == entity)
        found = (self.evaluation.quality(entity, name) for name in (*self.evaluation.columns[entity], *watched))
        return [quality for quality in found if quality is not None]

    @cached_property
    def causes(self) -> dict[str, dict[str, int]]:
        """Per entity: how many rows have an unknown column, by its cause, the gravest first."""
        unknown = (entity for entity in self.evaluation.columns if self._qualities(entity))
        return {entity: counts for entity in unknown if (counts := cause_counts(self.unknown_codes[entity]))}

    @cached_property
    def held(self) -> dict[str, Quality]:
        """Per entity that decides (those with tiers, else all): the numbers of its unknown rows."""
        if not self.policy.tiers:
            return {e: np.flatnonzero(codes != KNOWN) for e, codes in self.unknown_codes.items()}
        return {entity: np.flatnonzero(self.tier_codes[entity] != KNOWN) for entity in self.policy.tiers}

    @cached_property
    def tier_codes(self) -> dict[str, Quality]:
        """Per entity with tiers (n,): why the row stands in the unknown tier or a cell of its tier is unknown."""
        found = {}
        for entity, tiers in self.policy.tiers.items():
            codes = self.evaluation.tier_quality(entity)
            for column in tiers.columns:
                quality = self.evaluation.columns[entity][column.name].quality
                if quality is not None:
                    codes = np.minimum(codes, quality)
            found[entity] = codes
        return found

    @property
    def unknown_count(self) -> int:
        """Rows in an unknown tier or with an unknown cell of it; without tiers, rows with any unknown formula."""
        return sum(len(rows) for rows in self.held.values())

    @property
    def deciding_count(self) -> int:
        """The rows of which `unknown_count` are unknown."""
        return sum(self.book.tables[entity].rows for entity in self.held)

    def unknown_rows(self, most: int | None = None) -> list[UnknownRow]:
        """The unknown rows in the input's order, the first ``most`` of each entity."""
        codes = self.tier_codes if self.policy.tiers else self.unknown_codes
        describe = cache(self.origin)  # one cell may hold up thousands of rows
        return [
            self._unknown_row(entity, int(row), describe(int(codes[entity][row])))
            for entity, rows in self.held.items()
            for row in rows[:most]
        ]

    def unknown_origins(self, most: int) -> list[dict[str, Any]]:
        """Where unknowns began, each with how many rows of an entity it makes unknown, the most first."""
        codes = self.tier_codes if self.policy.tiers else self.unknown_codes
        found: list[tuple[int, str, int]] = []
        for entity, rows in self.held.items():
            kinds, counts = np.unique(codes[entity][rows], return_counts=True)
            order = np.lexsort((kinds, -counts))[:most]
            found += [(int(counts[i]), entity, int(kinds[i])) for i in order]
        found.sort(key=lambda one: -one[0])
        made = []
        for count, entity, code in found[:most]:
            origin = self.origin(code)
            made.append({"entity": entity, "rows": count, "cause": origin.cause.words, "text": origin.text})
        return made

    def origin(self, code: int) -> OriginText:
        """Where an unknown began. A fault of a formula names the first formula of that row that has it."""
        found = describe_origin(self.policy, self.book, code)
        if found.column:
            return found
        for entity, name in self.policy.order:
            quality = self.evaluation.quality(entity, name)
            if quality is not None and entity == (found.entity or entity):
                has = quality[found.row] == code if found.entity else (quality == code).any()
                if has:
                    of = f" of `{found.key}`" if found.key else ""
                    return replace(found, column=name, text=f"{found.cause.words}: `{entity}.{name}`{of}")
        return found

    def _unknown_row(self, entity: str, row: int, origin: OriginText) -> UnknownRow:
        return UnknownRow(
            entity, row, key_of(self.book, entity, row), origin.cause.words,
            origin.entity, origin.key, origin.column, origin.cell, origin.text,
        )  # fmt: skip

    # -- what a reader should know besides ---------------------------------------------------------

    @property
    def left_out(self) -> list[str]:
        """Optional columns that the snapshot doesn't have, `position.funding`: every cell counts as blank."""
        return [f"{entity}.{column}" for entity, table in self.book.tables.items() for column in table.left_out]

    @property
    def unmet(self) -> dict[str, list[str]]:
        """By column with `until`, the keys of the rows where no value in the range was enough."""
        return {
            f"{entity}.{column}": [key_of(self.book, entity, row) for row in np.flatnonzero(rows).tolist()]
            for (entity, column), rows in self.evaluation.unmet.items()
            if rows.any()
        }

    # -- all of it --------------------------------------------------------------------------------

    def summary(self) -> dict[str, Any]:
        """Everything above, JSON-able and the same for the same inputs: no time, no path, no NaN."""
        policy, book = self.policy, self.book
        return {
            "policy": {
                "name": policy.name,
                "version": None if policy.version is None else float(policy.version),
                "sha256": self.hashes,
            },
            "snapshot": {
                "name": book.name,
                "as_of": None if book.as_of is None else constant(book.as_of, DATE),
                "sha256": dict(sorted(book.hashes.items())),
                "rows": {entity: table.rows for entity, table in book.tables.items()},
            },
            "params": {n: jsonable(constant(v, policy.params[n].type)) for n, v in self.evaluation.params.items()},
            "tiers": jsonable([asdict(t) for t in self.tiers]),
            "checks": jsonable([asdict(c) for c in self.checks]),
            "unknown": {
                "rows": self.unknown_count,
                "of": self.deciding_count,
                "causes": self.causes,
                "origins": self.unknown_origins(LISTED),
                "list": [{name: getattr(row, name) for name in _FIELDS} for row in self.unknown_rows(LISTED)],
            },
            "decided": dict(self.evaluation.decided),
            "left_out": self.left_out,
            "until_unmet": {column: keys[:LISTED] for column, keys in self.unmet.items()},
            "until_unmet_rows": {column: len(keys) for column, keys in self.unmet.items()},
        }


def cause_counts(codes: Quality) -> dict[str, int]:
    """How many of the codes have each cause, in words, the gravest cause first; known ones are not counted."""
    starts = [origin_code(cause, 0, 0) for cause in Cause]  # each cause's codes stand together, the gravest first
    counts = np.bincount(np.searchsorted(starts, codes[codes != KNOWN], side="right"), minlength=len(starts) + 1)
    return {cause.words: int(n) for cause, n in zip(Cause, counts[1:], strict=True) if n}
