"""A snapshot's files opened and read: typed tables, and every fault of structure in all of them."""

from collections.abc import Callable, Mapping
from fractions import Fraction

import pyarrow as pa

from dsl.model import Policy
from dsl.records import dataclass
from evaluator.arrow_file import ArrowFile
from evaluator.book import Book
from evaluator.csv_file import CsvFile
from evaluator.files import TableFile
from evaluator.layout import TEXT_FILES, Layout, needs_table
from evaluator.needs import aggregated_links
from evaluator.problems import Problem, SnapshotError, Unreadable
from evaluator.raw_table import RawTable, read_raw
from evaluator.scan import cannot_read
from evaluator.tables import typed_table

Progress = Callable[[str, float], None]  # what is being done, and the share of it that is done, 0 to 1
STAGE = "reading the snapshot"


@dataclass(frozen=True, slots=True)
class Opened:
    """A snapshot's files, none of them read yet. ``names``: by entity, the policy's columns to the file's."""

    layout: Layout
    as_of: Fraction | None
    files: dict[str, TableFile]
    names: dict[str, Mapping[str, str]]


def open_files(layout: Layout, as_of: Fraction | None, progress: Progress | None) -> Opened:
    """Opens them; what is wrong so far stands in the layout's problems."""
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
    return Opened(layout, as_of, files, names)


def read(
    policy: Policy, layout: Layout, as_of: Fraction | None, progress: Progress | None
) -> tuple[Book, dict[str, RawTable]]:
    opened = open_files(layout, as_of, progress)
    return make_book(policy, layout, as_of, opened.files, opened.names, progress)


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
