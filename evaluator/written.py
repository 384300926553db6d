"""A cell as its file writes it, from an index: what the values don't tell is kept beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from dsl.model import Kind, Policy
from dsl.records import dataclass
from evaluator.book import BookTable
from evaluator.columns import Column
from evaluator.later import pa
from evaluator.mapped import Mapped


def derived(policy: Policy, table: BookTable, column: str, array: Any) -> bool:
    """Whether a column's values say how its cells are written. ``array``: as the file writes it."""
    if column not in table.columns:  # the instants of another column
        return False
    match policy.type_of(table.entity, column).kind:
        case Kind.TEXT:
            return True
        case Kind.LINK:
            return table.columns[column].quality is None
        case Kind.NUMBER:  # a float is written by the shortest decimals that read back
            return bool(pa.types.is_floating(array.type)) and array.null_count == 0
        case _:
            return False


@dataclass(slots=True)
class Written:
    """``links``: the keys that a link leads to. ``derived``: what the values say. ``file`` has the others."""

    columns: Mapping[str, Column]
    texts: Mapping[str, Sequence[str]]
    links: Mapping[str, Sequence[str]]
    derived: frozenset[str]
    file: Mapped
    _kept: dict[str, Any] = field(default_factory=dict)

    def __call__(self, column: str, row: int) -> str:
        if column in self.derived:
            value = self.columns[column].values[row]
            if column in self.texts:
                return self.texts[column][int(value)]
            return self.links[column][int(value)] if column in self.links else repr(float(value))
        if column not in self.file.names:  # an optional column that was left out
            return ""
        if self.file.holds_texts(column):
            return self.file.texts(column)[row]
        from evaluator.cells import cell_text  # and Arrow with it

        if column not in self._kept:
            self._kept[column] = self.file.arrow(column)
        return cell_text(self._kept[column], row)
