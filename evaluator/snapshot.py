"""Snapshots in: a folder's tables, or columns in memory, read, typed and validated for one policy, as a book."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsl.model import Policy
from dsl.records import dataclass
from evaluator import literals
from evaluator.about import about
from evaluator.alone import alone
from evaluator.book import Book
from evaluator.layout import FOLDER, TOML, Layout, find_layout, needs_table
from evaluator.needs import needs_as_of
from evaluator.problems import Problem, SnapshotError, Unreadable
from evaluator.stored import Found, load, stamps

if TYPE_CHECKING:
    from evaluator.files import TableFile
    from evaluator.reading import Opened, Progress

AsOf = datetime | date | str | None

__all__ = ["Problem", "SnapshotError", "book_of", "index_snapshot", "needs_as_of", "read_snapshot"]


def read_snapshot(path: str | Path, policy: Policy, *, as_of: AsOf = None, progress: "Progress | None" = None) -> Book:
    """The book in a folder (or in its ``snapshot.toml``), from its index where there is one that fits.

    Raises SnapshotError with every fault of structure in all files. Faulty cells are no fault of structure: they become
    unknown, with their cause.
    """
    layout, instant = _found(path, policy, as_of)
    book = None if layout.problems else load(layout, policy, instant).book
    if book is not None:
        return book
    from evaluator.reading import read  # NumPy and pyarrow, which an index takes less of

    return read(policy, layout, instant, progress)[0]


@dataclass(frozen=True, slots=True)
class Indexed:
    """A book and its index. ``kept``: where that stands, None where it could not be written, for the reason ``why``;
    else ``why`` it was written (empty: there was none), or None where it was there. ``damaged``: there was one, and it
    wasn't what had been written."""

    book: Book
    kept: Path | None
    why: str | None
    damaged: bool = False


def index_snapshot(
    path: str | Path | Layout,
    policy: Policy,
    *,
    as_of: AsOf = None,
    progress: "Progress | None" = None,
    anew: bool = True,
    rows: bool = False,
    verify: bool = False,
) -> Indexed:
    """The book as ``read_snapshot`` gives it; its index on disk is written, where none fits. ``anew`` False: only where
    there was one that doesn't fit any more. ``rows``: some rows are explained, by themselves where that can be.
    ``verify``: an index of any size is read and compared with what was written."""
    layout, instant = _found(path, policy, as_of)
    home, found = layout.folder / FOLDER, Found(None)
    if not layout.problems:
        if rows:
            few = load(layout, policy, instant, rows=True).book
            if few is not None and alone(policy, few):
                return Indexed(few, home, None)
        found = load(layout, policy, instant, verify=verify)
        if found.book is not None:
            return Indexed(found.book, home, None)
    from evaluator.reading import read

    if not (anew or found.why):
        return Indexed(read(policy, layout, instant, progress)[0], None, None)
    before = stamps(layout)
    book, raws = read(policy, layout, instant, progress)
    if progress:
        progress("writing the index", 0.0)
    from evaluator.storing import store

    try:
        with about(home):
            kept = store(layout, policy, book, raws, before)
    except OSError as error:
        told = f"{home} can't be written: {(error.strerror or 'no reason given').lower()}"
        return Indexed(book, None, told, found.damaged)
    if kept is None:
        return Indexed(book, None, "a file changed while it was read", found.damaged)
    return Indexed(load(layout, policy, instant).book or book, kept, found.why, found.damaged)


def _found(path: str | Path | Layout, policy: Policy, as_of: AsOf) -> tuple[Layout, Fraction | None]:
    """The files, and the instant."""
    layout = path if isinstance(path, Layout) else find_layout(Path(path), policy)
    return layout, _instant(layout, _seconds(layout, as_of), policy)


def open_snapshot(path: str | Path, policy: Policy, as_of: AsOf = None) -> "Opened":
    """Finds and opens the files; what is wrong so far stands in the layout's problems."""
    from evaluator.reading import open_files

    return open_files(*_found(path, policy, as_of), None)


def book_of(
    policy: Policy,
    tables: Mapping[str, Mapping[str, Any]],
    as_of: AsOf = None,
    name: str = "memory",
) -> Book:
    """A book of columns in memory: ``{"market": {"market": ["BTC"], "mark": [50000]}}``.

    Columns are sequences, NumPy arrays or pyarrow columns, a table may be a pyarrow Table. A text is read like a cell
    of a CSV file, None is blank. Raises SnapshotError as ``read_snapshot`` does.
    """
    from evaluator.memory_table import MemoryTable
    from evaluator.reading import make_book

    layout = Layout(name, Path())
    instant = _instant(layout, _seconds(layout, as_of), policy)
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


def _seconds(layout: Layout, moment: AsOf) -> Fraction | None:
    """The instant that is given, in seconds: text as in files, a day as its midnight, a time without a zone as UTC."""
    if isinstance(moment, str):
        found = literals.instant(moment)
        if found is None:
            layout.problems.append(Problem(f"`{moment}` is no instant", help="write it like 2026-12-01T00:00:00Z"))
        return found
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
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
