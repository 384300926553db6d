"""A book with new cells in one of its tables, such as the marks of the next minute."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from dsl.model import Kind, Policy
from dsl.near import nearest
from evaluator.book import Book, BookTable
from evaluator.memory_table import MemoryTable
from evaluator.needs import aggregated_links
from evaluator.problems import Problem, SnapshotError, Unreadable, quoted
from evaluator.raw_table import RawTable, read_raw
from evaluator.tables import typed_table
from evaluator.texts import Texts


def with_table(policy: Policy, book: Book, entity: str, columns: Mapping[str, Any]) -> Book:
    """The same book with other cells in the rows of one entity: ``with_table(policy, book, "market", {"market": [...],
    "mark": [...]})``. ``columns``: all of them, as ``book_of`` takes them; the keys are the same, in the same order.

    What was laid out and compiled for the book serves the new one too; the old one stays as it is, and so does the
    instant (``as_of``). Raises SnapshotError as ``book_of`` does, and where the rows are others.
    """
    problems: list[Problem] = []
    if entity not in policy.entities or entity not in book.tables:
        near = nearest(entity, book.tables)
        help = f"did you mean `{near}`?" if near else f"its tables are {quoted(list(book.tables))}"
        raise SnapshotError([Problem(f"the book has no table `{entity}`", book.name, help=help)])
    raw = _read(policy, entity, columns, problems)
    if problems or raw is None:
        raise SnapshotError(problems)
    old = book.tables[entity]
    raws = {target: _keys(book.tables[target]) for target in _targets(policy, entity)} | {entity: raw}
    table = typed_table(policy, entity, raws, book.as_of, aggregated_links(policy), problems)
    if not problems and not _alike(table, old):
        help = "give each row of the book in its order, and make another book where rows come or go"
        problems.append(Problem(f"the rows of `{entity}` are others than the book's", entity, help=help))
    if problems:
        raise SnapshotError(problems)
    hashes = {name: hash for name, hash in book.hashes.items() if name != old.path}  # no file has these cells
    return replace(book, tables={**book.tables, entity: table}, hashes=hashes)


def _read(policy: Policy, entity: str, columns: Mapping[str, Any], problems: list[Problem]) -> RawTable | None:
    try:
        return read_raw(policy.entities[entity], MemoryTable.of(entity, columns), {}, problems)
    except Unreadable as error:
        problems.append(error.problem)
        return None


def _targets(policy: Policy, entity: str) -> set[str]:
    kinds = (column.type for column in policy.entities[entity].given.values())
    return {str(type_.entity) for type_ in kinds if type_.kind is Kind.LINK} - {entity}


def _keys(table: BookTable) -> RawTable:
    """What a link needs of the table that it leads into."""
    keys = table.keys.array if isinstance(table.keys, Texts) else pa.array(list(table.keys), pa.string())
    return RawTable(MemoryTable(table.path or table.entity, {}), {}, {}, keys, table.rows)


def _alike(table: BookTable, old: BookTable) -> bool:
    """Whether they have the same rows in the same order."""
    if isinstance(table.keys, Texts) and isinstance(old.keys, Texts) and table.keys.array.equals(old.keys.array):
        return True
    return table.rows == old.rows and list(table.keys) == list(old.keys)
