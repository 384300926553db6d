"""Whole columns as blocks read and write them, and as they stand in a block."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from math import prod
from typing import Any

from dsl.records import dataclass
from evaluator.graph import SCALAR
from evaluator.index import Block


class Columns(dict[tuple[Any, ...], Any]):
    """Whole columns of the book. ``later``: those that are made when a block reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.later: dict[tuple[Any, ...], Callable[[], Any]] = {}

    def __missing__(self, key: tuple[Any, ...]) -> Any:
        found = self[key] = self.later[key]()
        return found


@dataclass(slots=True)
class Store:
    """Whole columns of tasks, by task, and what else the blocks read."""

    columns: Columns = field(default_factory=Columns)
    tasks: dict[int, Any] = field(default_factory=dict)
    heads: dict[Any, Any] = field(default_factory=dict)
    flagged: dict[str, Any] = field(default_factory=dict)


def part_of(block: Block, entity: str, values: Any, first: int = 0) -> Any:
    """A column's values in a block, as it has them: a row, or a matrix; one for all rows as it is. ``first``: the row
    with which the column begins."""
    if entity == SCALAR:
        return values
    start, shape = block.starts[entity] - first, block.shapes[entity]
    found = values[start : start + prod(shape)]
    return found if len(shape) == 1 else found.reshape(shape)


class Parts(dict[tuple[Any, ...], Any]):
    """Whole columns, in one block. Of ``lasting`` ones the views stay for the next evaluation."""

    def __init__(self, block: Block, lasting: Collection[tuple[Any, ...]] = ()) -> None:
        super().__init__()
        self.block, self._lasting = block, lasting
        self._columns: Mapping[tuple[Any, ...], Any] = {}
        self._sources: dict[tuple[Any, ...], Any] = {}
        self._passing: list[tuple[Any, ...]] = []

    def over(self, columns: Mapping[tuple[Any, ...], Any]) -> "Parts":
        self._columns = columns
        for key, source in list(self._sources.items()):
            if columns.get(key) is not source:
                del self[key], self._sources[key]
        return self

    def rest(self) -> None:
        """Lets go of what doesn't last."""
        self._columns = {}
        for key in self._passing:
            del self[key]
        self._passing.clear()

    def __missing__(self, key: tuple[Any, ...]) -> Any:
        source = self._columns[key]
        if key in self._lasting:
            self._sources[key] = source
        else:
            self._passing.append(key)
        found = self[key] = part_of(self.block, key[1], source)
        return found
