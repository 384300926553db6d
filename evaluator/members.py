"""The rows that belong to a row: the links of an entity, read backwards."""

from collections.abc import Sequence
from dataclasses import field

from dsl import model
from dsl.records import dataclass
from evaluator.book import Book
from evaluator.later import Codes, np
from evaluator.sorting import by_number

Rows = Codes


@dataclass(slots=True)
class Members:
    """One index per entity and chain of links, made when it is first asked for."""

    policy: model.Policy
    book: Book
    _groups: dict[tuple[str, tuple[str, ...]], tuple[Rows, Rows]] = field(default_factory=dict)

    def of(self, entity: str, via: tuple[str, ...] | None, row: int) -> Sequence[int]:
        """The rows of ``entity`` whose links lead to this row, in the file's order; for ``via`` None all of them."""
        if via is None:
            return range(self.book.tables[entity].rows)
        table = self.book.tables[entity]
        known = table.members.get(via[0]) if len(via) == 1 else None
        if known is not None and known.link is table.columns[via[0]]:
            found: list[int] = known.rows[known.starts[row] : known.starts[row + 1]].tolist()
            return found
        if (entity, via) not in self._groups:
            targets = self.targets(entity, via)
            order = by_number(targets + 1)
            self._groups[entity, via] = order, targets[order]
        order, targets = self._groups[entity, via]
        first, last = np.searchsorted(targets, [row, row + 1]).tolist()
        members: list[int] = order[first:last].tolist()
        return members

    def targets(self, entity: str, via: tuple[str, ...]) -> Rows:
        """(rows,) int64: the row that each row's links lead to, -1 where one of them is unknown."""
        targets = np.arange(self.book.tables[entity].rows, dtype=np.int64)
        for link in via:
            column = self.book.tables[entity].columns[link]
            step = np.append(np.where(column.known(), column.values, -1), -1)  # -1 leads to the last, which is -1
            targets = step[targets]
            entity = self.policy.entities[entity].inputs[link].type.entity
        return targets
