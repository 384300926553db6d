"""A snapshot larger than memory, evaluated in parts: accounts with their positions, some of them at a time.

The tables of accounts and positions are read once and put down on disk in parts; each part is typed and evaluated as a
book of its own; and its results wait on disk until they can be written in the order of the file. What the evaluator
takes from whole columns (``Context.facts``) is found by a look at all parts before, and what is made of the whole book
is put together from what the parts say, so that every result is the same to the last bit as without parts.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dsl.diagnostics import Diagnostics
from dsl.model import Kind, Policy, Value
from dsl.records import dataclass
from dsl.until import PREFIX, has_until, on_trial
from evaluator import error
from evaluator.arrays import Array
from evaluator.book import Book, BookTable
from evaluator.columns import Column, renumbered
from evaluator.files import TableFile
from evaluator.needs import aggregated_links
from evaluator.outputs import Format, arrays_of, choose, publish, table, write_table
from evaluator.problems import Problem, SnapshotError, Unreadable
from evaluator.results import LISTED, Results
from evaluator.run import Evaluation
from evaluator.snapshot import Progress, make_book, open_snapshot, take_hashes
from evaluator.stream_collect import CheckSums, Listed, Origins, Rest, TierSums, Unknowns
from evaluator.stream_division import Division, Indivisible, divide
from evaluator.stream_merge import Pile
from evaluator.stream_part import Work, evaluate_part, evaluate_rest
from evaluator.stream_results import Streamed
from evaluator.stream_sinks import sink
from evaluator.stream_spill import ROW, Rows, Spilled, spill
from evaluator.stream_wholes import Whole
from evaluator.tables import RawTable, read_raw, typed_table
from evaluator.vector import clean

_OWN = 192 << 20  # bytes that the program takes itself, and the small tables
_CELL = 40  # bytes that a cell of a column, read or computed, takes while a part is evaluated
_MOST = 512  # buckets, each an open file while a table is put down
_PIECE = 1 << 16  # rows read or written at a time


@dataclass(frozen=True, slots=True)
class _NoRows:
    """A table of which nothing but the header is read. ``asked``: the columns that would be, as ``read`` takes them."""

    file: TableFile
    asked: dict[str, bool]

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def sha256(self) -> str:
        return self.file.sha256

    @property
    def header(self) -> Sequence[str]:
        return self.file.header

    @property
    def long(self) -> bool:
        return False

    def read(self, names: Mapping[str, bool]) -> dict[str, Array]:
        self.asked.update(names)
        return self.file.without_rows(names)

    def faithful(self, name: str) -> Array:
        return self.file.without_rows([name])[name]

    def batches(self, names: Sequence[str], rows: int) -> Iterator[dict[str, Array]]:
        return iter(())

    def without_rows(self, names: Iterable[str]) -> dict[str, Array]:
        return self.file.without_rows(names)

    def rows_about(self) -> int:
        return self.file.rows_about()

    def lines(self, rows: Sequence[int]) -> list[int]:
        return self.file.lines(rows)


@dataclass(frozen=True, slots=True)
class _OnlyKeys(_NoRows):
    """A table of which keys and links are read, and nothing else: enough to tell what is wrong with its rows."""

    keys: frozenset[str]

    def read(self, names: Mapping[str, bool]) -> dict[str, Array]:
        found = self.file.read({n: number for n, number in names.items() if n in self.keys})
        rows = len(next(iter(found.values()))) if found else 0
        types = {n: a.type for n, a in self.file.without_rows(names).items()}
        return {n: found[n] if n in found else pa.chunked_array([pa.nulls(rows, types[n])]) for n in names}

    def faithful(self, name: str) -> Array:
        return self.file.faithful(name)


class Stream:
    """A snapshot's files, opened for one policy, to be evaluated in parts."""

    def __init__(self, path: str | Path, policy: Policy, *, as_of: datetime | None = None) -> None:
        """Raises SnapshotError, as ``read_snapshot`` does, for faults that show without reading the rows."""
        self.policy = policy
        self._opened = open_snapshot(path, policy, as_of=as_of)
        if self._opened.layout.problems:
            self._tell()

    @property
    def as_of(self) -> Fraction | None:
        return self._opened.as_of

    def _tell(self) -> None:
        """Raises SnapshotError with all faults of structure, the same as without parts. Keys and links are read."""
        opened, lean = self._opened, {}
        for entity, file in opened.files.items():
            inputs = self.policy.entities[entity].given.values()
            columns = {entity, *(i.name for i in inputs if i.type.kind is Kind.LINK)}
            lean[entity] = _OnlyKeys(file, {}, frozenset(opened.names[entity].get(c, c) for c in columns))
        layout = replace(opened.layout, problems=list(opened.layout.problems))
        make_book(self.policy, layout, opened.as_of, lean, opened.names, None)

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
            run = _Run(self, policy, params, division, Path(folder), memory, parts, progress)
            run.choose(columns if out is not None else ())
            run.evaluate()
            if out is None:
                run.merge(None, format)
            else:
                publish(out, lambda: run.results(hashes or {}).summary(), lambda made: run.merge(made, format))
            return run.results(hashes or {})


class _Run:
    """One evaluation in parts."""

    def __init__(
        self,
        stream: Stream,
        policy: Policy,
        params: Mapping[str, Value],
        division: Division,
        folder: Path,
        memory: int,
        parts: int | None,
        progress: Progress | None,
    ) -> None:
        self.stream, self.policy, self.params, self.division = stream, policy, params, division
        self.folder, self.memory, self.parts, self.progress = folder, memory, parts, progress
        self.opened = stream._opened
        self.counted = aggregated_links(stream.policy)
        self.raws: dict[str, RawTable] = {}
        self.asked: dict[str, dict[str, bool]] = {}  # the file's columns, True where they are wanted as numbers
        self.base = self._base()
        self.chosen: dict[str, list[str]] = {}

    def _told(self, what: str, share: float) -> None:
        if self.progress is not None:
            self.progress(what, share)

    def _broken(self) -> None:
        """Tells what is wrong with the rows, where something is."""
        self.stream._tell()

    # -- reading ----------------------------------------------------------------------------------

    def _base(self) -> Book:
        """All small tables whole, the others without rows."""
        policy, problems = self.stream.policy, list[Problem]()
        for entity, file in self.opened.files.items():
            read: TableFile = file
            if entity in self.division.parts:
                read = _NoRows(file, self.asked.setdefault(entity, {}))
            try:
                raw = read_raw(policy.entities[entity], read, self.opened.names[entity], problems)
            except Unreadable as fault:
                problems.append(fault.problem)
            else:
                if raw is not None:
                    self.raws[entity] = raw
        tables: dict[str, BookTable] = {}
        if not problems:
            for name in policy.entities:
                tables[name] = typed_table(policy, name, self.raws, self.opened.as_of, self.counted, problems)
        layout = self.opened.layout
        take_hashes(layout, self.opened.files, problems)
        if problems:
            self._broken()
            raise SnapshotError(problems)
        return Book(layout.name, self.opened.as_of, tables, dict(layout.hashes))

    def choose(self, columns: Iterable[str] | None) -> None:
        """The columns that are written, by entity. Raises UnknownColumn."""
        if columns is not None and not list(columns):
            return
        made: dict[str, dict[str, Column]] = {name: {} for name in self.policy.entities}
        for entity, name in self.policy.order:
            made[entity][name] = Column(np.zeros(0))
        nothing = Evaluation(self.policy, self.base, self.params, made, (), {}, {})
        self.chosen = choose(Results(nothing), columns)
        for entity, names in self.chosen.items():
            for name in names:
                type_ = self.policy.type_of(entity, name)
                to = type_.entity if type_.kind is Kind.LINK else ""
                if to in self.division.parts and self.division.links.get(entity) != name:
                    raise Indivisible(f"`{entity}.{name}` leads to rows of `{to}` that belong to others")

    def _spill(self) -> dict[str, Spilled]:
        found: dict[str, Spilled] = {}
        count = self._buckets()
        try:
            for i, entity in enumerate(self.division.parts):
                self._told("reading the snapshot", i / len(self.division.parts))
                raw, inputs = self.raws[entity], self.stream.policy.entities[entity].given
                numeric = {raw.names[c] for c, x in inputs.items() if x.type.kind is Kind.NUMBER and c in raw.names}
                link = raw.names[self.division.links.get(entity, entity)]
                found[entity] = spill(
                    self.opened.files[entity], self.folder / entity, self.asked[entity], numeric,
                    key=raw.names[entity], link=link, count=count, batch=_PIECE,
                )  # fmt: skip
        except Unreadable as fault:
            self._broken()
            raise SnapshotError([fault.problem]) from None
        if any(s.repeats for s in found.values()):
            self._broken()  # else two keys have one hash by chance
        return found

    def _buckets(self) -> int:
        if self.parts is not None:
            return self.parts
        return min(_MOST, max(1, 2 * -(-self._size() // self._room())))

    def _room(self) -> int:
        return max(self.memory - _OWN, 32 << 20)

    def _size(self) -> int:
        """About how many bytes the evaluation of all parts at once would take."""
        return sum(self.opened.files[e].rows_about() * self._row_size(e) for e in self.division.parts)

    def _row_size(self, entity: str) -> int:
        columns = len(self.raws[entity].arrays) + sum(1 for e, _ in self.policy.order if e == entity)
        return _CELL * (columns + 2)

    def _grouped(self, spilled: Mapping[str, Spilled]) -> list[list[int]]:
        """Buckets that are evaluated together: as many as fit, and never a single row of several."""
        limit = self._room()
        groups: list[list[int]] = []
        sizes: list[int] = []
        for bucket in range(len(next(iter(spilled.values())).counts)):
            size = sum(int(s.counts[bucket]) * self._row_size(e) for e, s in spilled.items())
            if groups and self.parts is None and sizes[-1] + size <= limit:
                groups[-1].append(bucket)
                sizes[-1] += size
            else:
                groups.append([bucket])
                sizes.append(size)
        return _no_single_rows(groups, spilled)

    def _book(self, spilled: Mapping[str, Spilled], group: Sequence[int]) -> tuple[Book, dict[str, Rows]]:
        """One part's book, and the numbers of its rows by entity. Faults of structure are told."""
        policy, problems = self.stream.policy, list[Problem]()
        raws, tables, rows = dict(self.raws), dict(self.base.tables), dict[str, Rows]()
        for entity, whole in spilled.items():
            file = whole.part(group)
            raw = read_raw(policy.entities[entity], file, self.opened.names[entity], problems)
            assert raw is not None
            raws[entity], rows[entity] = raw, file.rows
        for entity, whole in spilled.items():
            table = typed_table(policy, entity, raws, self.opened.as_of, self.counted, problems)
            long = (c for c in policy.entities[entity].given if whole.long.get(raws[entity].names.get(c, ""), False))
            tables[entity] = replace(table, long=frozenset(long), left_out=self.base.tables[entity].left_out)
        if problems:
            self._broken()
            raise SnapshotError(problems)
        return replace(self.base, tables=tables), rows

    def _survey(self, spilled: Mapping[str, Spilled], groups: list[list[int]]) -> Work:
        """A look at every part: faults of structure, and what results take from whole columns."""
        policy, facts = self.stream.policy, dict[Any, Any]()
        sizes: dict[tuple[str, str], float] = {}
        most: dict[tuple[str, str], float] = {}
        for i, group in enumerate(groups):
            self._told("reading the snapshot", 0.5 + 0.5 * i / len(groups))
            book, _ = self._book(spilled, group)
            for entity in self.division.parts:
                for name, column in book.tables[entity].columns.items():
                    if policy.type_of(entity, name).kind is not Kind.NUMBER:
                        continue
                    values = column.values if column.quality is None else clean(column.values.copy(), column.quality)
                    key = "representation", entity, name
                    facts[key] = max(facts.get(key, 0.0), error.representation(values))
                    with np.errstate(all="ignore"):
                        size = np.abs(values)
                        sizes[entity, name] = sizes.get((entity, name), 0.0) + float(size.sum())
                        most[entity, name] = max(most.get((entity, name), 0.0), float(size.max(initial=0.0)))
            for entity, link in self.division.links.items():
                column = book.tables[entity].columns[link]
                members = np.bincount(column.values[column.known() & (column.values >= 0)])
                key = "longest", entity, self.division.root
                facts[key] = max(facts.get(key, 0), int(members.max(initial=0)))
        large = frozenset(
            cell for cell, size in sizes.items() if facts["representation", *cell] == 0.0 and size >= 2.0**52
        )
        for entity, inputs in ((e, on_trial_inputs(self.policy, e)) for e in self.division.parts):
            facts |= {("representation", entity, name): error.HALF_UNIT for name in inputs}
        optimise = os.environ.get("SOFTLIQ_OPTIMISE") != "0"
        return Work(self.policy, self.params, self.division, facts, large, optimise)

    # -- evaluating -------------------------------------------------------------------------------

    def evaluate(self) -> None:
        """All parts, one after the other; their results wait on disk."""
        spilled = self._spill()
        self.rows = {entity: s.rows for entity, s in spilled.items()}
        groups = self._grouped(spilled)
        self.work = self._survey(spilled, groups)
        while True:
            tried = self._pass(spilled, groups)
            if all(self.work.facts[key] == value for key, value in tried.items()):
                return
            # What `until` found is whole in every row of the book: so sums of it are sharper than was assumed.
            self.work = replace(self.work, facts={**self.work.facts, **tried})
            for entity in self.division.parts:
                shutil.rmtree(self.folder / f"{entity}.results", ignore_errors=True)

    def _pass(self, spilled: Mapping[str, Spilled], groups: list[list[int]]) -> dict[Any, float]:
        """Evaluates each part; gives how sharp the values are that `until` found."""
        policy, parts = self.policy, self.division.parts
        self.unknowns = Unknowns(policy, parts)
        self.checks = {i: CheckSums() for i, check in enumerate(policy.checks) if check.on in parts}
        self.tiers = {e: TierSums(policy, e) for e in policy.tiers if e in parts}
        self.wholes: list[Whole] = []
        self.origins = Origins(policy, parts)
        self.weighed: dict[str, list[int]] = {}
        self.decided: dict[str, int] = {}
        self.unmet: dict[tuple[str, str], tuple[list[tuple[int, str]], int]] = {}
        self.caused: set[tuple[str, str]] = set()
        self.piles = {e: Pile(self.folder / f"{e}.results", len(groups)) for e in parts}
        numbers = {e: i for i, e in enumerate(policy.entities)}
        tried: dict[Any, float] = {}
        for i, group in enumerate(groups):
            self._told("evaluating", i / len(groups))
            book, rows = self._book(spilled, group)
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
            self._told("writing", i / len(self.division.parts))
            path = None if made is None or entity not in self.chosen else made / f"{entity}.{format}"
            self._merge(entity, path, format)
        self.rest = Rest(evaluate_rest(self.work, self.origins.book(self.base), self.wholes), self.origins)
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
        with nullcontext() if path is None else sink(path, schema, format, self._room() // 4) as file:
            for rows in pile.in_order(self.rows[entity], _PIECE):
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
            rows=self.rows,
            tiers={e: t.summary() for e, t in self.tiers.items()},
            checks={i: c.result for i, c in self.checks.items()},
            unknowns=self.unknowns,
            decided=self.decided,
            unmet={cell: Listed((k for _, k in keys), count) for cell, (keys, count) in self.unmet.items()},
        )


def on_trial_inputs(policy: Policy, entity: str) -> list[str]:
    """The inputs of an entity that `until` tries."""
    if not has_until(policy):
        return []
    return [t.variable for t in on_trial(policy, Diagnostics())[1] if t.entity == entity]


def _no_single_rows(groups: list[list[int]], spilled: Mapping[str, Spilled]) -> list[list[int]]:
    """The same with groups put together, so that none has one of several rows: a column of one row would look like one
    value for all."""
    found: list[list[int]] = []
    for group in groups:
        found.append(group)
        while len(found) > 1 and _single(found[-1], spilled):
            found[-2:] = [found[-2] + found[-1]]
    while len(found) > 1 and _single(found[0], spilled):
        found[:2] = [found[0] + found[1]]
    return found


def _single(group: Sequence[int], spilled: Mapping[str, Spilled]) -> bool:
    return any(int(s.counts[list(group)].sum()) == 1 != s.rows for s in spilled.values())
