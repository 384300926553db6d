"""What an evaluation says, put together from its parts: tiers, checks, unknowns, as of the whole book at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, overload

import numpy as np
import pyarrow as pa

from dsl.model import Policy
from evaluator.amounts import RowAmounts, tier_amounts
from evaluator.book import Book
from evaluator.checks import WORST, CheckResult, Offender, Verdict
from evaluator.columns import KNOWN, Origin, renumbered
from evaluator.evaluation import Evaluation
from evaluator.origins import OriginText
from evaluator.results import LISTED, Results, UnknownRow
from evaluator.stream_table import Rows
from evaluator.tier_sums import TierSummary, TierSums

_TIER, _WHY = "\0tier", "\0why"  # columns beside results that no policy can name


class Listed(Sequence[str]):
    """The first of many keys; its length counts all of them."""

    def __init__(self, first: Iterable[str], count: int) -> None:
        self._first, self._count = list(first), count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._first[index]


class Tiered:
    """The tiers of one entity, from what its parts say, added up row by row in the order of the file."""

    def __init__(self, policy: Policy, entity: str) -> None:
        self._policy, self._entity = policy, entity
        self._sums = TierSums(entity, policy.tiers[entity].labels)
        self._units: dict[str, str] = {}  # by amount
        self._unit, self._notes = "", tuple[str, ...]()

    def columns(self, results: Results) -> dict[str, Any]:
        """What the sums need of a part's rows."""
        tier = results.evaluation.columns[self._entity]["tier"].values
        why = results.evaluation.tier_quality(self._entity) != KNOWN
        found = {_TIER: pa.array(tier.astype(np.int32)), _WHY: pa.array(why)}
        amounts, self._unit, self._notes = tier_amounts(self._policy, results.book, results.column, self._entity, {})
        for name, amount in amounts.items():
            if amount is not None:
                self._units[name] = amount.unit
                values, known = amount.whole(len(tier))
                found["\0" + name] = pa.array(values, mask=~known)
        return found

    def add(self, table: Any) -> None:
        """Rows that follow those added before."""
        tier, why = (table.column(n).to_numpy() for n in (_TIER, _WHY))
        amounts: dict[str, RowAmounts | None] = {}
        for name, unit in self._units.items():
            column = table.column("\0" + name)
            amounts[name] = RowAmounts(column.to_numpy(), np.asarray(column.is_valid().to_numpy()), unit)
        self._sums.add(tier, np.flatnonzero(why), amounts)

    def summary(self) -> TierSummary:
        return self._sums.summary(self._unit, self._notes)


class CheckSums:
    """One check asked of a table's rows: how many fail, and the worst of all."""

    def __init__(self) -> None:
        self._found: CheckResult | None = None
        self._shown: list[tuple[tuple[bool, float, int], Offender]] = []

    def add(self, result: CheckResult, margin: Any, rows: Rows) -> None:
        for one in result.offenders:
            failing = not one.because
            size = 0.0 if margin is None or not failing else -float(margin[one.row])
            number = int(rows[one.row])
            self._shown.append(((not failing, size, number), replace(one, row=number)))
        self._shown = sorted(self._shown, key=lambda s: s[0])[: 2 * WORST]
        if self._found is not None:
            result = replace(
                result,
                rows=result.rows + self._found.rows,
                failing=result.failing + self._found.failing,
                unknown=result.unknown + self._found.unknown,
            )
        self._found = result

    @property
    def result(self) -> CheckResult:
        assert self._found is not None
        found = self._found
        verdict: Verdict = "fail" if found.failing else "unknown" if found.unknown else "pass"
        if found.warn and verdict != "pass":
            verdict = "warn"
        return replace(found, verdict=verdict, offenders=tuple(one for _, one in self._shown[:WORST]))


class Origins:
    """Where unknowns of the whole book began in rows of parts, kept while the part is there."""

    def __init__(self, policy: Policy, parts: Iterable[str]) -> None:
        self._entities, self._parts = list(policy.entities), set(parts)
        self.texts: dict[int, OriginText] = {}

    def take(self, results: Results, code: int, everywhere: int) -> None:
        """``code``: as the part has it; ``everywhere``: as the whole book has it."""
        entity = Origin.of(code).entity
        if entity < len(self._entities) and self._entities[entity] in self._parts:
            self.texts[everywhere] = replace(results.origin(code), row=Origin.of(everywhere).row)

    def book(self, book: Book) -> Book:
        """The book with the keys and cells of these rows, and of no others."""
        tables = dict(book.tables)
        for entity in self._parts:
            found = {text.row: text for text in self.texts.values() if text.entity == entity}
            tables[entity] = replace(
                tables[entity],
                keys=_Few({row: text.key for row, text in found.items()}),
                written=lambda column, row, found=found: found[row].cell or "",  # type: ignore[misc]
            )
        return replace(book, tables=tables)


class _Few(Sequence[str]):
    """The keys of a few rows, by their numbers in the whole book."""

    def __init__(self, keys: Mapping[int, str]) -> None:
        self._keys = keys

    def __len__(self) -> int:
        return 0

    def __getitem__(self, row: Any) -> Any:
        return self._keys[int(row)]


class Rest(Results):
    """The results of all that isn't evaluated in parts."""

    def __init__(self, evaluation: Evaluation, origins: Origins) -> None:
        super().__init__(evaluation)
        self._origins = origins

    def origin(self, code: int) -> OriginText:
        return self._origins.texts.get(code) or super().origin(code)


class Unknowns:
    """The unknown rows of the parts' entities, counted by cause and by origin, the first ones of each listed."""

    def __init__(self, policy: Policy, parts: Iterable[str]) -> None:
        self._policy, self._parts = policy, tuple(parts)
        self._numbers = {e: i for i, e in enumerate(policy.entities) if e in self._parts}
        self.causes: dict[str, dict[str, int]] = {}
        self.counts: dict[str, int] = {}
        self._rows: dict[str, list[tuple[UnknownRow, int]]] = {}
        self._own: dict[str, list[tuple[int, int, dict[str, Any]]]] = {}  # origins in a part: in no other
        self._shared: dict[tuple[str, int], int] = {}
        self._described: dict[int, tuple[int, dict[str, Any], str]] = {}
        self._places = {f": `{e}.{c}`": i for i, (e, c) in enumerate(policy.order)}

    def add(self, results: Results, rows: Mapping[str, Rows]) -> None:
        numbers = {self._numbers[e]: rows[e] for e in self._parts}
        for entity, causes in results.causes.items():
            if entity in self._parts:
                mine = self.causes.setdefault(entity, {})
                for cause, count in causes.items():
                    mine[cause] = mine.get(cause, 0) + count
        all_codes = results.tier_codes if results.policy.tiers else results.unknown_codes
        listed = results.unknown_rows(LISTED)
        for entity, held in results.held.items():
            if entity not in self._parts:
                continue
            self.counts[entity] = self.counts.get(entity, 0) + len(held)
            codes = all_codes[entity]
            mine_ = self._rows.setdefault(entity, [])
            for row in (r for r in listed if r.entity == entity):
                code = int(codes[row.row])
                self._describe(results, code)
                mine_.append((replace(row, row=int(rows[entity][row.row])), code))
            mine_.sort(key=lambda r: r[0].row)
            del mine_[LISTED:]
            self._origins(results, entity, codes[held], numbers)

    def _describe(self, results: Results, code: int) -> None:
        """A fault of one value for the whole book is named after the first formula that has it."""
        if Origin.of(code).entity < len(self._policy.entities):
            return
        found = results.origin(code)
        place = next((i for text, i in self._places.items() if found.text.endswith(text)), len(self._places))
        kept = self._described.get(code)
        if kept is None or place < kept[0]:
            self._described[code] = place, {"cause": found.cause.words, "text": found.text}, found.column

    def _origins(self, results: Results, entity: str, codes: Any, numbers: Mapping[int, Rows]) -> None:
        kinds, counts = np.unique(codes, return_counts=True)
        everywhere = renumbered(kinds, numbers)
        own = self._own.setdefault(entity, [])
        inside = np.array([Origin.of(int(k)).entity in numbers for k in kinds], dtype=np.bool_)
        for i in np.flatnonzero(~inside).tolist():
            key = entity, int(kinds[i])
            self._shared[key] = self._shared.get(key, 0) + int(counts[i])
            self._describe(results, key[1])
            if key[1] not in self._described:
                found = results.origin(key[1])
                self._described[key[1]] = 0, {"cause": found.cause.words, "text": found.text}, found.column
        order = np.lexsort((everywhere, -counts))
        for i in [i for i in order.tolist() if inside[i]][:LISTED]:
            found = results.origin(int(kinds[i]))
            own.append((-int(counts[i]), int(everywhere[i]), {"cause": found.cause.words, "text": found.text}))
        own.sort(key=lambda o: o[:2])
        del own[LISTED:]

    def rows(self, entity: str) -> list[UnknownRow]:
        """The first unknown rows of an entity."""
        found = []
        for row, code in self._rows.get(entity, ()):
            if code in self._described and not row.origin_entity:
                _, said, column = self._described[code]
                row = replace(row, origin_column=column, text=said["text"])
            found.append(row)
        return found

    def origins(self, entity: str) -> list[tuple[int, dict[str, Any]]]:
        """Where unknowns of an entity began, the most frequent first."""
        found = list(self._own.get(entity, ()))
        for (where, code), count in self._shared.items():
            if where == entity:
                found.append((-count, code, self._described[code][1]))
        found.sort(key=lambda o: o[:2])
        return [(-count, {"entity": entity, "rows": -count, **said}) for count, _, said in found[:LISTED]]
