"""The rows that acted in a fast evaluation, with their columns as they were computed, without a whole one."""

from collections.abc import Callable, Mapping
from typing import Any

from dsl.records import dataclass
from evaluator.columns import Column, Values


@dataclass(frozen=True, slots=True, eq=False)
class Acted:
    """``rows``: by entity, the numbers of ``root``'s acting rows and of their members; ``owners``: by member entity,
    the place of each one's row among those. ``at(node, entity, places)``: a column at some of the rows, None where it
    has to be taken from the whole one."""

    root: str
    rows: Mapping[str, Values]
    owners: Mapping[str, Values]
    at: Callable[[int, str, Any], Column | None]
