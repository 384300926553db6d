"""The rows that acted in a fast evaluation, with their columns as they were computed, without a whole one."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.columns import Column, Values


@dataclass(frozen=True, slots=True, eq=False)
class Acted:
    """``rows``: by entity, the numbers of ``root``'s acting rows and of their members; ``owners``: by member entity,
    the place of each one's row among those. ``at(node, entity, places)``: a column at some of the rows, None where it
    has to be taken from the whole one. ``elsewhere(node)``: the value of a column in all other rows, None where they
    have several."""

    root: str
    rows: Mapping[str, Values]
    owners: Mapping[str, Values]
    at: Callable[[int, str, Any], Column | None]
    elsewhere: Callable[[int], Any]
    _sorted: dict[str, tuple[Values, Values]] = field(default_factory=dict, init=False)

    def alone(self, node: int, entity: str) -> tuple[Values, Column] | None:
        """The acting rows' numbers in the file's order and their cells of a column of numbers that is zero in all other
        rows; None where it isn't."""
        if entity not in self.rows or self.elsewhere(node) != 0.0:
            return None
        if entity not in self._sorted:
            places = np.argsort(self.rows[entity])
            self._sorted[entity] = places, self.rows[entity].take(places)
        places, rows = self._sorted[entity]
        column = self.at(node, entity, places)
        return None if column is None else (rows, column)
