"""A snapshot larger than memory, evaluated in parts: accounts with their positions, some of them at a time.

The tables of accounts and positions are cut into parts where they stand, or put down on disk in parts; each part is
typed and evaluated as a book of its own; and its results wait on disk until they can be written in the order of the
file. What the evaluator takes from whole columns (``Context.facts``) is found by a look at all parts before, and what
is made of the whole book is put together from what the parts say, so that every result is the same to the last bit as
without parts.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dsl.model import Kind, Policy, Value
from dsl.until import PREFIX
from evaluator import error
from evaluator.about import about
from evaluator.columns import Column, renumbered
from evaluator.evaluation import Evaluation
from evaluator.outputs import Format, arrays_of, choose, publish, table, write_table
from evaluator.reading import Opened, Progress
from evaluator.results import LISTED, Results
from evaluator.snapshot import AsOf, open_snapshot
from evaluator.stream_collect import CheckSums, Listed, Origins, Rest, Tiered, Unknowns
from evaluator.stream_division import Division, Indivisible, divide
from evaluator.stream_headers import tell
from evaluator.stream_merge import Pile
from evaluator.stream_part import evaluate_part, evaluate_rest
from evaluator.stream_parts import PIECE, Parts
from evaluator.stream_results import Streamed
from evaluator.stream_sinks import sink
from evaluator.stream_spill import ROW
from evaluator.stream_survey import survey
from evaluator.stream_table import Rows
from evaluator.stream_wholes import Whole


class Stream:
    """A snapshot's files, opened for one policy, to be evaluated in parts."""

    def __init__(self, path: str | Path, policy: Policy, *, as_of: AsOf = None) -> None:
        """Raises SnapshotError, as ``read_snapshot`` does, for faults that show without reading the rows."""
        self.policy = policy
        self._opened = open_snapshot(path, policy, as_of=as_of)
        if self._opened.layout.problems:
            tell(self._opened, policy)

    @property
    def as_of(self) -> Fraction | None:
        return self._opened.as_of

    def evaluate(
        self,
        policy: Policy,
        params: Mapping[str, Value],
        *,
        memory: int,
        out: Path | None = None,
        format: Format = "parquet",
        columns: Iterable[str] | None = None,
        hashes: Mapping[str, str] | None = None,
        parts: int | None = None,
        progress: Progress | None = None,
    ) -> Results:
        """The summary of an evaluation in about ``memory`` bytes; results are written where ``out`` names a folder.

        ``policy``: the one that the files were opened for, or that one after a scenario. ``parts``: how many there are,
        instead of what fits. Raises SnapshotError, Indivisible; UnknownColumn and OSError as ``write_outputs`` does.
        """
        places = self._opened.layout.places
        sizes = {entity: place.path.stat().st_size for entity, place in places.items()}
        division = divide(policy, params, self.as_of, sizes)
        with tempfile.TemporaryDirectory(prefix="softliq-") as folder:
            run = _Run(self._opened, self.policy, policy, params, division, Path(folder), memory, progress)
            run.choose(columns if out is not None else ())
            with about(Path(folder)):
                run.evaluate(parts)
            if out is None:
                run.merge(None, format)
            else:
                publish(out, lambda: run.results(hashes or {}).summary(), lambda made: run.merge(made, format))
            return run.results(hashes or {})


class _Run:
    """One evaluation in parts."""

    def __init__(
        self,
        opened: Opened,
        stored: Policy,
        policy: Policy,
        params: Mapping[str, Value],
        division: Division,
        folder: Path,
        memory: int,
        progress: Progress | None,
    ) -> None:
        self.policy, self.params, self.division, self.folder = policy, params, division, folder
        self.parts = Parts(opened, stored, division, folder, memory, progress)
        self.chosen: dict[str, list[str]] = {}

    def choose(self, columns: Iterable[str] | None) -> None:
        """The columns that are written, by entity. Raises UnknownColumn."""
        if columns is not None and not list(columns):
            return
        made: dict[str, dict[str, Column]] = {name: {} for name in self.policy.entities}
        for entity, name in self.policy.order:
            made[entity][name] = Column(np.zeros(0))
        nothing = Evaluation(self.policy, self.parts.base, self.params, made, (), {}, {})
        self.chosen = choose(Results(nothing), columns)
        for entity, names in self.chosen.items():
            for name in names:
                type_ = self.policy.type_of(entity, name)
                to = type_.entity if type_.kind is Kind.LINK else ""
                if to in self.division.parts and self.division.links.get(entity) != name:
                    raise Indivisible(f"`{entity}.{name}` leads to rows of `{to}` that belong to others")

    # -- evaluating -------------------------------------------------------------------------------

    def evaluate(self, parts: int | None) -> None:
        """All parts, one after the other; their results wait on disk."""
        self.parts.read(Counter(entity for entity, _ in self.policy.order), parts)
        self.work = survey(self.parts, self.policy, self.params)
        while True:
            tried = self._pass()
            if all(self.work.facts[key] == value for key, value in tried.items()):
                return
            # What `until` found is whole in every row of the book: so sums of it are sharper than was assumed.
            self.work = replace(self.work, facts={**self.work.facts, **tried})
            for entity in self.division.parts:
                shutil.rmtree(self.folder / f"{entity}.results", ignore_errors=True)

    def _pass(self) -> dict[Any, float]:
        """Evaluates each part; gives how sharp the values are that `until` found."""
        policy, parts = self.policy, self.division.parts
        self.unknowns = Unknowns(policy, parts)
        self.checks = {i: CheckSums() for i, check in enumerate(policy.checks) if check.on in parts}
        self.tiers = {e: Tiered(policy, e) for e in policy.tiers if e in parts}
        self.wholes: list[Whole] = []
        self.origins = Origins(policy, parts)
        self.weighed: dict[str, list[int]] = {}
        self.decided: dict[str, int] = {}
        self.unmet: dict[tuple[str, str], tuple[list[tuple[int, str]], int]] = {}
        self.caused: set[tuple[str, str]] = set()
        self.piles = {e: Pile(self.folder / f"{e}.results", len(self.parts)) for e in parts}
        numbers = {e: i for i, e in enumerate(policy.entities)}
        tried: dict[Any, float] = {}
        for i in range(len(self.parts)):
            self.parts.told("evaluating", i / len(self.parts))
            book, rows = self.parts.book(i)
            places = {numbers[e]: r for e, r in rows.items()}
            evaluation, weights = evaluate_part(
                self.work,
                book,
                self.wholes,
                lambda codes, places=places: renumbered(codes, places),  # type: ignore[misc]
            )
            for entity in parts:
                for name, column in evaluation.book.tables[entity].columns.items():
                    if name.startswith(PREFIX):
                        key = "representation", entity, name
                        tried[key] = max(tried.get(key, 0.0), error.representation(column.values))
            self._take(Results(evaluation), rows, weights)
            del book, evaluation, weights
            pa.default_memory_pool().release_unused()
        return tried

    def _take(self, results: Results, rows: Mapping[str, Rows], weights: Sequence[tuple[int, str, Any]]) -> None:
        """Takes a part's results in."""
        evaluation = results.evaluation
        self.unknowns.add(results, rows)
        for whole in self.wholes:
            if whole.fresh is not None:
                self.origins.take(results, whole.fresh, whole.quality)
        for outcome, result in zip(evaluation.checks, results.checks, strict=True):
            entity = self.policy.checks[outcome.index].on
            assert entity is not None
            self.checks[outcome.index].add(result, outcome.margin, rows[entity])
        for entity, count in evaluation.decided.items():
            self.decided[entity] = self.decided.get(entity, 0) + count
        for cell, flags in evaluation.unmet.items():
            keys, count = self.unmet.get(cell, ([], 0))
            table = results.book.tables[cell[0]]
            found = np.flatnonzero(flags)
            keys = sorted([*keys, *((int(rows[cell[0]][r]), str(table.keys[r])) for r in found[:LISTED].tolist())])
            self.unmet[cell] = keys[:LISTED], count + len(found)
        for entity, pile in self.piles.items():
            table_ = self._results(results, entity, rows[entity])
            for i, where, values in weights:
                if where == entity:
                    table_[f"\0sum{i}"] = pa.array(values)
                    if i not in self.weighed.setdefault(entity, []):
                        self.weighed[entity].append(i)
            pile.put(pa.table(table_))

    def _results(self, results: Results, entity: str, rows: Rows) -> dict[str, Any]:
        found: dict[str, Any] = {ROW: pa.array(rows)}
        for name, array in (arrays_of(results, entity, self.chosen[entity]) if entity in self.chosen else {}).items():
            found[name] = pa.nulls(len(rows), pa.string()) if array is None else array
            if array is not None:
                self.caused.add((entity, name))
        if entity in self.tiers:
            found |= self.tiers[entity].columns(results)
        return found

    # -- the whole --------------------------------------------------------------------------------

    def merge(self, made: Path | None, format: Format) -> list[str]:
        """Puts all together, in the order of the files; writes the results into ``made`` and gives the files' names."""
        for i, entity in enumerate(self.division.parts):
            self.parts.told("writing", i / len(self.division.parts))
            path = None if made is None or entity not in self.chosen else made / f"{entity}.{format}"
            self._merge(entity, path, format)
        self.rest = Rest(evaluate_rest(self.work, self.origins.book(self.parts.base), self.wholes), self.origins)
        for entity, names in self.chosen.items():
            if made is not None and entity not in self.division.parts:
                write_table(table(self.rest, entity, names), made / f"{entity}.{format}", format)
        return [f"{entity}.{format}" for entity in self.chosen]

    def _merge(self, entity: str, path: Path | None, format: Format) -> None:
        """One entity's results in the order of its file: added up, and written where there is a ``path``."""
        sums, pile = self.weighed.get(entity, []), self.piles[entity]
        if path is None and not sums and entity not in self.tiers:
            return
        columns = [entity, *(n for c in self.chosen.get(entity, ()) for n in (c, f"{c}_cause"))]
        wanted = [name for name in columns if (entity, name) in self.caused]
        schema = pa.schema([pile.schema.field(name) for name in wanted])
        with nullcontext() if path is None else sink(path, schema, format, self.parts.room // 4) as file:
            for rows in pile.in_order(self.parts.rows[entity], PIECE):
                if file is not None:
                    file.write(rows.select(wanted))
                for i in sums:
                    sum_ = self.wholes[i].sum
                    assert sum_ is not None
                    sum_.add(rows.column(f"\0sum{i}").to_numpy())
                if entity in self.tiers:
                    self.tiers[entity].add(rows)

    def results(self, hashes: Mapping[str, str]) -> Streamed:
        """The evaluation's summary, once all is merged."""
        return Streamed(
            self.rest,
            hashes,
            parts=self.division.parts,
            rows=self.parts.rows,
            tiers={e: t.summary() for e, t in self.tiers.items()},
            checks={i: c.result for i, c in self.checks.items()},
            unknowns=self.unknowns,
            decided=self.decided,
            unmet={cell: Listed((k for _, k in keys), count) for cell, (keys, count) in self.unmet.items()},
        )
