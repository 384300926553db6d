"""The parts of a book too large for memory: some accounts with their positions at a time, each part a book."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dsl.model import Kind, Policy
from evaluator.book import Book, BookTable
from evaluator.files import TableFile
from evaluator.needs import aggregated_links
from evaluator.problems import Problem, SnapshotError, Unreadable
from evaluator.raw_table import RawTable, read_raw
from evaluator.reading import Opened, Progress, take_hashes
from evaluator.stream_division import Division
from evaluator.stream_headers import NoRows, tell
from evaluator.stream_order import Ordered, in_order
from evaluator.stream_spill import spill
from evaluator.stream_table import Divided, Keyed, Rows
from evaluator.tables import typed_table

_OWN = 192 << 20  # bytes that the program takes itself, and the small tables
_CELL = 40  # bytes that a cell of a column, read or computed, takes while a part is evaluated
_MOST = 512  # buckets, each an open file while a table is put down
_FINE = 1 << 14  # stretches of files that are in order, of which parts are made
PIECE = 1 << 16  # rows read or written at a time


class Parts:
    """A snapshot's tables, those of accounts and positions to be read in parts.

    ``policy``: as the files are read for it; ``base``: the book without the rows of the parts. ``memory``: about how
    many bytes evaluating a part may take.
    """

    def __init__(
        self, opened: Opened, policy: Policy, division: Division, folder: Path, memory: int, progress: Progress | None
    ) -> None:
        self.opened, self.policy, self.division, self.folder, self.progress = opened, policy, division, folder, progress
        self.room = max(memory - _OWN, 32 << 20)
        self._counted = aggregated_links(policy)
        self._raws: dict[str, RawTable] = {}
        self._asked: dict[str, dict[str, bool]] = {}  # the file's columns, True where they are wanted as numbers
        self._cut: Mapping[str, Divided] = {}
        self._groups: list[list[int]] = []
        self.base = self._base()

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def rows(self) -> dict[str, int]:
        """Of the whole tables, by entity."""
        return {entity: s.rows for entity, s in self._cut.items()}

    def read(self, columns: Mapping[str, int], parts: int | None) -> None:
        """Reads the tables and cuts them into parts. ``columns``: how many an entity has while it is evaluated;
        ``parts``: how many there are to be, instead of as many as fit."""
        sizes = {e: _CELL * (len(self._raws[e].arrays) + columns.get(e, 0) + 2) for e in self.division.parts}
        whole = sum(self.opened.files[e].rows_about() * size for e, size in sizes.items())
        count = min(_MOST, max(1, 2 * -(-whole // self.room))) if parts is None else parts
        self._cut = self._cut_up(count, _FINE if parts is None else parts)
        fine = any(isinstance(c, Ordered) for c in self._cut.values())  # parts of small stretches would all be full
        limit = self.room * 3 // 4 if fine else self.room
        self._groups = self._grouped(sizes, limit if parts is None else -1)

    def told(self, what: str, share: float) -> None:
        if self.progress is not None:
            self.progress(what, share)

    def book(self, part: int) -> tuple[Book, dict[str, Rows]]:
        """One part's book, and the numbers of its rows by entity. Raises SnapshotError with all faults of structure."""
        policy, problems = self.policy, list[Problem]()
        raws, tables, rows = dict(self._raws), dict(self.base.tables), dict[str, Rows]()
        for entity, whole in self._cut.items():
            try:
                file = whole.part(self._groups[part])
            except Unreadable as fault:
                self._tell([fault.problem])
                raise
            raw = read_raw(policy.entities[entity], file, self.opened.names[entity], problems)
            assert raw is not None
            raws[entity], rows[entity] = raw, file.rows
        for entity, whole in self._cut.items():
            table = typed_table(policy, entity, raws, self.opened.as_of, self._counted, problems)
            long = (c for c in policy.entities[entity].given if whole.long.get(raws[entity].names.get(c, ""), False))
            tables[entity] = replace(table, long=frozenset(long), left_out=self.base.tables[entity].left_out)
        self._tell(problems)
        return replace(self.base, tables=tables), rows

    def _base(self) -> Book:
        """All small tables whole, the others without rows."""
        policy, problems = self.policy, list[Problem]()
        for entity, file in self.opened.files.items():
            read: TableFile = file
            if entity in self.division.parts:
                read = NoRows(file, self._asked.setdefault(entity, {}))
            try:
                raw = read_raw(policy.entities[entity], read, self.opened.names[entity], problems)
            except Unreadable as fault:
                problems.append(fault.problem)
            else:
                if raw is not None:
                    self._raws[entity] = raw
        tables: dict[str, BookTable] = {}
        if not problems:
            for name in policy.entities:
                tables[name] = typed_table(policy, name, self._raws, self.opened.as_of, self._counted, problems)
        layout = self.opened.layout
        take_hashes(layout, self.opened.files, problems)
        self._tell(problems)
        return Book(layout.name, self.opened.as_of, tables, dict(layout.hashes))

    def _tell(self, problems: list[Problem]) -> None:
        """Where there are problems: what is wrong with the whole snapshot, or else these."""
        if problems:
            tell(self.opened, self.policy)
            raise SnapshotError(problems)

    def _keyed(self, entity: str) -> Keyed:
        raw, inputs = self._raws[entity], self.policy.entities[entity].given
        numbers = {raw.names[c] for c, x in inputs.items() if x.type.kind is Kind.NUMBER and c in raw.names}
        link = raw.names[self.division.links.get(entity, entity)]
        return Keyed(self.opened.files[entity], self._asked[entity], numbers, raw.names[entity], link)

    def _cut_up(self, count: int, fine: int) -> Mapping[str, Divided]:
        """The tables in buckets: stretches of the files where these are in order, else put down."""
        tables = {entity: self._keyed(entity) for entity in self.division.parts}
        found = dict[str, Divided]()
        try:
            self.told("reading the snapshot", 0.0)
            ordered = in_order(tables, self.folder, fine, PIECE)
            if ordered is not None:
                return ordered
            for i, (entity, table) in enumerate(tables.items()):
                self.told("reading the snapshot", i / len(tables))
                found[entity] = spill(table, self.folder / entity, count, PIECE)
        except Unreadable as fault:
            self._tell([fault.problem])
        if any(s.repeats for s in found.values()):
            tell(self.opened, self.policy)  # else two keys have one hash by chance
        return found

    def _grouped(self, sizes: Mapping[str, int], limit: int) -> list[list[int]]:
        """Buckets that are evaluated together: as many as fit, and never a single row of several."""
        groups: list[list[int]] = []
        size = 0
        for bucket in range(len(next(iter(self._cut.values())).counts)):
            more = sum(int(s.counts[bucket]) * sizes[e] for e, s in self._cut.items())
            if groups and size + more <= limit:
                groups[-1].append(bucket)
                size += more
            else:
                groups.append([bucket])
                size = more
        return _no_single_rows(groups, self._cut)


def _no_single_rows(groups: list[list[int]], cut: Mapping[str, Divided]) -> list[list[int]]:
    """The same with groups put together, so that none has one of several rows: a column of one row would look like one
    value for all."""
    found: list[list[int]] = []
    for group in groups:
        found.append(group)
        while len(found) > 1 and _single(found[-1], cut):
            found[-2:] = [found[-2] + found[-1]]
    while len(found) > 1 and _single(found[0], cut):
        found[:2] = [found[0] + found[1]]
    return found


def _single(group: Sequence[int], cut: Mapping[str, Divided]) -> bool:
    return any(int(s.counts[list(group)].sum()) == 1 != s.rows for s in cut.values())
