"""The summary of a book that was evaluated in parts. Its columns were written, and are no longer there."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from dsl.causes import Cause
from evaluator.checks import CheckResult, check_results
from evaluator.columns import Column
from evaluator.evaluation import in_order
from evaluator.results import LISTED, Results, UnknownRow
from evaluator.stream_collect import Listed, Unknowns
from evaluator.tier_sums import TierSummary


class Streamed(Results):
    """``parts``: the entities whose rows were evaluated in parts, with what was found of them; ``rest`` is all else."""

    def __init__(
        self,
        rest: Results,
        hashes: Mapping[str, str],
        *,
        parts: tuple[str, ...],
        rows: Mapping[str, int],
        tiers: Mapping[str, TierSummary],
        checks: Mapping[int, CheckResult],
        unknowns: Unknowns,
        decided: Mapping[str, int],
        unmet: Mapping[tuple[str, str], Listed],
    ) -> None:
        self._rest, evaluation = rest, rest.evaluation
        tables = {e: replace(t, rows=rows.get(e, t.rows)) for e, t in evaluation.book.tables.items()}
        told = in_order(rest.policy, {**evaluation.decided, **decided})
        super().__init__(replace(evaluation, book=replace(rest.book, tables=tables), decided=told), hashes)
        self._parts, self._tiers, self._checks = parts, tiers, checks
        self._unknowns, self._unmet = unknowns, unmet

    def column(self, entity: str, name: str) -> Column | None:
        """A column of a small table. Of the others nothing is kept: LookupError."""
        if entity in self._parts:
            raise LookupError(f"`{entity}` was evaluated in parts: its columns are in the files that were written")
        return super().column(entity, name)

    @cached_property
    def tiers(self) -> tuple[TierSummary, ...]:
        small = {t.entity: t for t in self._rest.tiers}
        return tuple(self._tiers.get(entity, small[entity]) for entity in self.policy.tiers)

    @cached_property
    def checks(self) -> tuple[CheckResult, ...]:
        small = dict(zip((c.index for c in self.evaluation.checks), check_results(self.evaluation), strict=True))
        return tuple((small | dict(self._checks))[i] for i in range(len(self.policy.checks)))

    @cached_property
    def causes(self) -> dict[str, dict[str, int]]:
        found = {**self._rest.causes, **self._unknowns.causes}
        ordered = [cause.words for cause in Cause]
        return {e: {c: found[e][c] for c in ordered if c in found[e]} for e in self.evaluation.columns if e in found}

    @cached_property
    def _held(self) -> list[str]:
        return list(self._rest.held)

    @property
    def unknown_count(self) -> int:
        return sum(self._unknowns.counts.get(e, len(self._rest.held[e])) for e in self._held)

    @property
    def deciding_count(self) -> int:
        return sum(self.book.tables[entity].rows for entity in self._held)

    def unknown_rows(self, most: int | None = None) -> list[UnknownRow]:
        """The first unknown rows of each entity: at most 1,000 of one that was evaluated in parts."""
        small = self._rest.unknown_rows(most)
        found: list[UnknownRow] = []
        for entity in self._held:
            found += self._unknowns.rows(entity)[:most] if entity in self._parts else [
                row for row in small if row.entity == entity
            ]  # fmt: skip
        return found

    def unknown_origins(self, most: int) -> list[dict[str, Any]]:
        """Where unknowns began, at most 1,000 places."""
        small = self._rest.unknown_origins(LISTED)
        found: list[dict[str, Any]] = []
        for entity in self._held:
            if entity in self._parts:
                found += [said for _, said in self._unknowns.origins(entity)[:most]]
            else:
                found += [said for said in small if said["entity"] == entity][:most]
        found.sort(key=lambda said: -int(said["rows"]))
        return found[:most]

    @property
    def unmet(self) -> dict[str, Any]:
        return {f"{e}.{c}": keys for (e, c), keys in self._unmet.items() if len(keys)}
