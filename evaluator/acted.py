"""The rows that acted in a fast evaluation, with their columns as they were computed, without a whole one."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.columns import KNOWN, Column, Values
from evaluator.cut import Careful


@dataclass(frozen=True, slots=True, eq=False)
class Acted:
    """``rows``: by entity, the numbers of ``root``'s acting rows and of their members, and of what was evaluated with
    care; ``owners``: by member entity, the place of each one's row among those, -1 for members of nobody. ``at(node,
    entity, places)``: a column at some of the rows, None where it has to be taken from the whole one.
    ``elsewhere(node)``: the value of a column in all other rows, None where they have several."""

    root: str
    rows: Mapping[str, Values]
    owners: Mapping[str, Values]
    at: Callable[[int, str, Any], Column | None]
    elsewhere: Callable[[int], Any]
    _filed: dict[str, tuple[Values, Values]] = field(default_factory=dict, init=False)

    def alone(self, node: int, entity: str) -> tuple[Values, Column] | None:
        """The acting rows' numbers in the file's order and their cells of a column of numbers that is zero in all other
        rows; None where it isn't."""
        if entity not in self.rows or self.elsewhere(node) != 0.0:
            return None
        places, rows = self.filed(entity)
        column = self.at(node, entity, places)
        return None if column is None else (rows, column)

    def filed(self, entity: str) -> tuple[Values, Values]:
        """An entity's acting rows in the file's order: their places among those, and their numbers."""
        if entity not in self._filed:
            places = np.argsort(self.rows[entity])
            self._filed[entity] = places, self.rows[entity].take(places)
        return self._filed[entity]


def with_care(acted: Acted, careful: Careful, links: Mapping[str, Values], count: int) -> Acted | None:
    """The same with all rows that were evaluated with care, whether they act or not, which stand last; with a row of
    the root stand all of its members. ``links``: by member entity, each one's row of the root, ``count`` for nobody's.
    None where these are so many that whole columns take no longer.
    """
    roots, added = acted.rows[acted.root], careful.rows[acted.root]
    if 4 * sum(len(careful.rows[e]) for e in acted.rows) > count + sum(len(links[e]) for e in acted.owners):
        return None
    marks = np.zeros(count, dtype=np.bool_)
    marks[added] = True
    keeps = ~marks[roots]
    before = np.cumsum(keeps)  # of the roots that stay
    kept, owners = {acted.root: np.flatnonzero(keeps)}, {}
    for entity, of in acted.owners.items():
        kept[entity] = np.flatnonzero(keeps[of])
        to = links[entity][careful.rows[entity]]
        late = np.where(to < count, len(kept[acted.root]) + np.searchsorted(added, to), -1)
        owners[entity] = np.concatenate((before[of[kept[entity]]] - 1, late))
    rows = {e: np.concatenate((acted.rows[e][places], careful.rows[e])) for e, places in kept.items()}

    def at(node: int, entity: str, places: Any) -> Column | None:
        first = len(kept[entity])
        plain = places < first
        found, column = acted.at(node, entity, kept[entity][places[plain]]), careful.columns.get(node)
        if found is None or column is None:
            return None
        late = places[~plain] - first
        values = np.empty(len(places), dtype=found.values.dtype)
        values[plain], values[~plain] = found.values, column.values[late]
        if column.quality is None:
            return Column(values)
        quality = np.full(len(places), KNOWN, dtype=np.int64)
        quality[~plain] = column.quality[late]
        return Column(values, quality)

    return Acted(acted.root, rows, owners, at, acted.elsewhere)
