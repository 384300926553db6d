"""Snapshots in: a folder's tables, or columns in memory, read, typed and validated for one policy, as a book."""

from collections.abc import Callable, Mapping
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa

from dsl.model import Policy
from dsl.records import dataclass
from evaluator import literals
from evaluator.book import Book
from evaluator.files import ArrowFile, CsvFile, MemoryTable, TableFile
from evaluator.layout import FOLDER, TEXT_FILES, TOML, Layout, find_layout, needs_table
from evaluator.needs import aggregated_links, needs_as_of
from evaluator.problems import Problem, SnapshotError, Unreadable
from evaluator.scan import cannot_read
from evaluator.stored import Found, load, stamps, store
from evaluator.tables import RawTable, read_raw, typed_table

__all__ = ["Problem", "Progress", "SnapshotError", "book_of", "index_snapshot", "needs_as_of", "read_snapshot"]

Progress = Callable[[str, float], None]  # what is being done, and the share of it that is done, 0 to 1
STAGE = "reading the snapshot"


def read_snapshot(
    path: str | Path, policy: Policy, *, as_of: datetime | None = None, progress: Progress | None = None
) -> Book:
    """The book in a folder (or in its ``snapshot.toml``), from its index where there is one that fits.

    Raises SnapshotError with every fault of structure in all files. Faulty cells are no fault of structure: they become
    unknown, with their cause.
    """
    layout, instant, found = _indexed(path, policy, as_of)
    return found.book or _read(policy, layout, instant, progress)[0]


@dataclass(frozen=True, slots=True)
class Indexed:
    """A book and its index. ``kept``: where that stands, None where it could not be written, for the reason ``why``;
    else ``why`` it was written (empty: there was none), or None where it was there."""

    book: Book
    kept: Path | None
    why: str | None


def index_snapshot(
    path: str | Path | Layout,
    policy: Policy,
    *,
    as_of: datetime | None = None,
    progress: Progress | None = None,
    anew: bool = True,
) -> Indexed:
    """The book as ``read_snapshot`` gives it; its index on disk is written, where none fits. ``anew`` False: only where
    there was one that doesn't fit any more."""
    layout, instant, found = _indexed(path, policy, as_of)
    home = layout.folder / FOLDER
    if found.book is not None:
        return Indexed(found.book, home, None)
    if not (anew or found.why):
        return Indexed(_read(policy, layout, instant, progress)[0], None, None)
    before = stamps(layout)
    book, raws = _read(policy, layout, instant, progress)
    if progress:
        progress("writing the index", 0.0)
    try:
        kept = store(layout, policy, book, raws, before)
    except OSError as error:
        return Indexed(book, None, f"{home} can't be written: {(error.strerror or 'no reason given').lower()}")
    if kept is None:
        return Indexed(book, None, "a file changed while it was read")
    return Indexed(load(layout, policy, instant).book or book, kept, found.why)


def _indexed(
    path: str | Path | Layout, policy: Policy, as_of: datetime | None
) -> tuple[Layout, Fraction | None, Found]:
    layout = path if isinstance(path, Layout) else find_layout(Path(path), policy)
    instant = _instant(layout, _seconds(as_of), policy)
    return layout, instant, Found(None) if layout.problems else load(layout, policy, instant)


def _read(
    policy: Policy, layout: Layout, instant: Fraction | None, progress: Progress | None
) -> tuple[Book, dict[str, RawTable]]:
    opened = _opened(layout, instant, progress)
    return make_book(policy, layout, instant, opened.files, opened.names, progress)


@dataclass(frozen=True, slots=True)
class Opened:
    """A snapshot's files, none of them read yet. ``names``: by entity, the policy's columns to the file's."""

    layout: Layout
    as_of: Fraction | None
    files: dict[str, TableFile]
    names: dict[str, Mapping[str, str]]


def open_snapshot(path: str | Path, policy: Policy, as_of: datetime | None = None) -> Opened:
    """Finds and opens the files; what is wrong so far stands in the layout's problems."""
    layout = find_layout(Path(path), policy)
    return _opened(layout, _instant(layout, _seconds(as_of), policy), None)


def _opened(layout: Layout, instant: Fraction | None, progress: Progress | None) -> Opened:
    files: dict[str, TableFile] = {}
    names: dict[str, Mapping[str, str]] = {}
    for i, (entity, place) in enumerate(layout.places.items()):
        if progress:
            progress(STAGE, 0.3 * i / len(layout.places))
        try:
            if place.path.name.endswith(TEXT_FILES):
                files[entity] = CsvFile.open(place.path, place.shown)
            else:
                files[entity] = ArrowFile.open(place.path, place.shown, layout.hash(entity))
            names[entity] = place.columns
        except OSError as fault:
            layout.problems.append(cannot_read(place.shown, fault))
        except Unreadable as error:
            layout.problems.append(error.problem)
    return Opened(layout, instant, files, names)


def book_of(
    policy: Policy,
    tables: Mapping[str, Mapping[str, Any]],
    as_of: datetime | str | None = None,
    name: str = "memory",
) -> Book:
    """A book of columns in memory: ``{"market": {"market": ["BTC"], "mark": [50000]}}``.

    Columns are sequences, NumPy arrays or pyarrow columns, a table may be a pyarrow Table. A text is read like a cell
    of a CSV file, None is blank. Raises SnapshotError as ``read_snapshot`` does.
    """
    layout = Layout(name, Path())
    at = literals.instant(as_of) if isinstance(as_of, str) else _seconds(as_of)
    if isinstance(as_of, str) and at is None:
        layout.problems.append(Problem(f"`{as_of}` is no instant", help="write it like 2026-12-01T00:00:00Z"))
    instant = _instant(layout, at, policy) if not layout.problems else None
    files: dict[str, TableFile] = {}
    for entity in policy.entities.values():
        if not needs_table(entity):
            continue
        if entity.name not in tables:
            layout.problems.append(Problem(f"no table for `{entity.name}`", name, help="give it its columns"))
            continue
        try:
            files[entity.name] = MemoryTable.of(entity.name, tables[entity.name])
        except Unreadable as error:
            layout.problems.append(error.problem)
    return make_book(policy, layout, instant, files, {}, None)[0]


def _seconds(moment: datetime | None) -> Fraction | None:
    return None if moment is None else literals.seconds_of(moment)


def _instant(layout: Layout, given: Fraction | None, policy: Policy) -> Fraction | None:
    """The snapshot's instant in seconds, as given or as stated; a fault where both differ or the policy needs one."""
    stated = literals.seconds_of(layout.as_of) if layout.as_of is not None else None
    if given is not None and stated is not None and given != stated:
        message = f"two instants: {literals.iso(given)} is given, and {TOML} states {literals.iso(stated)}"
        layout.problems.append(Problem(message, TOML, help="leave out --as-of, or change as_of in the file"))
    found = stated if given is None else given
    if found is None and not layout.problems and needs_as_of(policy):
        message = "the policy needs the snapshot's instant, for freshness or dated parameters, and none is stated"
        layout.problems.append(Problem(message, help=f"state as_of in {TOML} or give --as-of"))
    return found


def make_book(
    policy: Policy,
    layout: Layout,
    as_of: Fraction | None,
    files: Mapping[str, TableFile],
    names: Mapping[str, Mapping[str, str]],
    progress: Progress | None,
) -> tuple[Book, dict[str, RawTable]]:
    problems = layout.problems
    raws: dict[str, RawTable] = {}
    for i, (entity, file) in enumerate(files.items()):
        if progress:
            progress(STAGE, 0.3 + 0.5 * i / len(files))
        try:
            raw = read_raw(policy.entities[entity], file, names.get(entity, {}), problems)
        except Unreadable as error:
            problems.append(error.problem)
        else:
            if raw is not None:
                raws[entity] = raw
    counted = aggregated_links(policy)
    tables = {}
    for i, entity in enumerate(policy.entities):
        if progress:
            progress(STAGE, 0.8 + 0.2 * i / len(policy.entities))
        found = policy.entities[entity]
        if entity in raws or (not needs_table(found) and found.groups is None):
            tables[entity] = typed_table(policy, entity, raws, as_of, counted, problems)
    take_hashes(layout, files, problems)
    pa.default_memory_pool().release_unused()  # what decoding took
    if problems:
        raise SnapshotError(problems)
    if progress:
        progress(STAGE, 1.0)
    return Book(layout.name, as_of, tables, dict(layout.hashes)), raws


def take_hashes(layout: Layout, files: Mapping[str, TableFile], problems: list[Problem]) -> None:
    """Waits for the files' hashes."""
    for entity, place in layout.places.items():
        if problems:
            return
        try:
            layout.hashes[place.shown] = files[entity].sha256
        except Unreadable as error:
            problems.append(error.problem)
