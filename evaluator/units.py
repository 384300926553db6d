"""The units of a book that are evaluated with care: rows that belong to none other, with everything that belongs to
them. Found from a few rows, in the file's order or through a layout, without a look at every row where that can be."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dsl.records import dataclass
from evaluator.acting_rows import laid_members, members_of, where
from evaluator.book import Book
from evaluator.index import Layout
from evaluator.shape import Shape
from evaluator.threads import shared

Rows = npt.NDArray[np.int64]
FEW = 6  # rows whose members are quicker found by comparing with each than by looking up who is marked
MANY = 16  # one row of so many: from there on it is quicker to mark rows than to sort or search them
_NONE: Rows = np.empty(0, dtype=np.int64)


class Belonging(Protocol):
    """Who belongs to whom. Rows are rising."""

    def owners(self, entity: str, rows: Rows) -> Rows:
        """The rows that some belong to, in any order."""

    def members(self, entity: str, rows: Rows) -> Rows:
        """The rows of ``entity`` that belong to some of its parent's, in any order."""


def units(shape: Shape, book: Book, flagged: Mapping[str, Any], belonging: Belonging) -> dict[str, Rows]:
    """The rows of all units with a flagged row, by entity, rising. ``flagged``: (n,) by entity."""
    sizes = {entity: book.tables[entity].rows for entity in shape.parts}
    rows = dict.fromkeys(shape.parts, _NONE)
    more = {entity: np.flatnonzero(flagged[entity]) if entity in flagged else _NONE for entity in shape.parts}
    while any(len(m) for m in more.values()):
        closed = _closed(shape, sizes, more, belonging)
        rows = {e: _rising(sizes[e], rows[e], closed[e]) for e in shape.parts}
        more = dict.fromkeys(shape.parts, _NONE)
        for entity in shape.parts:  # a column of one row would look like a constant
            if len(rows[entity]) == 1 < sizes[entity]:
                more[entity] = np.array([0 if rows[entity][0] else 1])
                break
    return rows


def _closed(shape: Shape, sizes: Mapping[str, int], rows: Mapping[str, Rows], belonging: Belonging) -> dict[str, Rows]:
    """Some rows with what they belong to and what belongs to that."""
    found = dict(rows)
    for entity in shape.parts:
        if entity in shape.parents and len(found[entity]):
            parent = shape.parents[entity][1]
            found[parent] = _rising(sizes[parent], found[parent], belonging.owners(entity, found[entity]))
    for entity in reversed(shape.parts):
        if entity in shape.parents and len(found[shape.parents[entity][1]]):
            members = belonging.members(entity, found[shape.parents[entity][1]])
            found[entity] = _rising(sizes[entity], found[entity], members)
    return found


def _rising(size: int, *parts: Rows) -> Rows:
    """Rows that are in any of the parts, each once. ``size``: of all."""
    rows = np.concatenate(parts)
    if len(rows) * MANY < size:
        rows = np.sort(rows)
        return rows[np.append(True, rows[1:] != rows[:-1])] if len(rows) else rows
    marks = np.zeros(size, dtype=np.bool_)
    marks[rows] = True
    return np.flatnonzero(marks)


@dataclass(frozen=True, slots=True)
class Filed:
    """Rows of the file. ``crew``: how many threads look for them."""

    shape: Shape
    book: Book
    crew: int = 1

    def owners(self, entity: str, rows: Rows) -> Rows:
        found: Rows = self._links(entity)[rows]
        return found[found >= 0]

    def members(self, entity: str, rows: Rows) -> Rows:
        link = self._links(entity)
        work = partial(shared, crew=self.crew)
        if len(rows) <= FEW:
            found: Rows = where(link, partial(_any_of, rows=rows.tolist()), work)
        else:
            marks = np.zeros(self.book.tables[self.shape.parents[entity][1]].rows, dtype=np.bool_)
            marks[rows] = True
            found = members_of(marks, link, work)
        return found

    def _links(self, entity: str) -> Any:
        return self.book.tables[entity].columns[self.shape.parents[entity][0]].values


@dataclass(frozen=True, slots=True)
class Laid:
    """Places of a layout."""

    layout: Layout

    def owners(self, entity: str, rows: Rows) -> Rows:
        root, blocks = self.layout.root, self.layout.blocks
        found = [_NONE]
        edges = np.searchsorted(rows, [b.starts[entity] for b in blocks] + [self._end(entity)]).tolist()
        for block, first, last in zip(blocks, edges, edges[1:], strict=False):
            if first < last:
                places = rows[first:last] - block.starts[entity]
                owners = block.owners.get(entity)
                owners = places % block.shapes[entity][1] if owners is None else owners[places]
                found.append(block.starts[root] + owners)
        return np.concatenate(found)

    def members(self, entity: str, rows: Rows) -> Rows:
        found: Rows = laid_members(self.layout.blocks, self.layout.root, entity, rows)[0]
        return found

    def filed(self, rows: Mapping[str, Rows]) -> dict[str, Rows]:
        """The file's rows at some places, rising."""
        orders = self.layout.orders
        return {entity: _rising(len(orders[entity]), orders[entity][places]) for entity, places in rows.items()}

    def _end(self, entity: str) -> int:
        """Where the rows begin that belong to nobody."""
        if not self.layout.blocks:
            return 0
        last = self.layout.blocks[-1]
        return last.starts[entity] + int(np.prod(last.shapes[entity]))


def _any_of(link: Any, rows: list[int]) -> Any:
    """Whether a link leads to one of a few rows, (n,)."""
    same = link == rows[0]
    for row in rows[1:]:
        same |= link == row
    return same
