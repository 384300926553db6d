"""Some units of a book, cut out and evaluated with care: rows that the fast evaluator can't vouch for, with all that
their results depend on. The same bits as the careful evaluator over the whole book gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dsl.model import Kind, Policy
from dsl.records import dataclass
from evaluator import error
from evaluator.book import Book
from evaluator.columns import KNOWN, Column
from evaluator.context import Context
from evaluator.graph import Node
from evaluator.plan import Plan
from evaluator.reference import Reference
from evaluator.runner import Runner
from evaluator.settle import Exactly
from evaluator.units import MANY, Rows
from evaluator.vector import Floats, Vector


@dataclass(slots=True)
class Cut:
    """``rows``: by entity, the rows that are kept, rising."""

    rows: Mapping[str, Rows]

    def book(self, policy: Policy, book: Book) -> Book:
        """The kept rows of the tables; links lead to where their rows stand among those."""
        tables = dict(book.tables)
        for entity, rows in self.rows.items():
            table = tables[entity]
            columns = {name: self._column(policy, entity, name, c, rows) for name, c in table.columns.items()}
            tables[entity] = replace(table, rows=len(rows), columns=columns, keys=Some(table.keys, rows))
        return replace(book, tables=tables)

    def _column(self, policy: Policy, entity: str, name: str, column: Column, rows: Rows) -> Column:
        values = column.values[rows]
        quality = None if column.quality is None else column.quality[rows]
        type_ = policy.type_of(entity, name)
        if type_.kind is Kind.LINK and type_.entity in self.rows:
            values = self.places(type_.entity, values)
        return Column(values, quality)

    def places(self, entity: str, values: Any) -> Any:
        """Of rows of the whole book their places among the kept ones; -1 for others."""
        kept = self.rows[entity]
        if not len(kept):
            return np.full(len(values), -1, dtype=np.int64)
        size = int(kept[-1]) + 1
        if len(kept) * MANY > size:
            places = np.full(size + 1, -1, dtype=np.int64)  # the last one is what rows read that aren't kept
            places[kept] = np.arange(len(kept))
            return places[np.clip(values, -1, size)]
        place = np.minimum(np.searchsorted(kept, values), len(kept) - 1)
        return np.where(kept[place] == values, place, -1)

    def whole(self, node: Node, values: Any) -> Any:
        """Links as row numbers of the whole book again."""
        if node.type.kind is Kind.LINK and node.type.entity in self.rows:
            kept = self.rows[node.type.entity]
            return np.where(values >= 0, kept[np.maximum(values, 0)], -1) if len(kept) else values
        return values


@dataclass(frozen=True, slots=True)
class Some(Sequence[str]):
    """Some of the keys, looked up when they are read."""

    keys: Sequence[str]
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Any) -> Any:
        return self.keys[int(self.rows[place])]


class CutExactly(Exactly):
    """Decides the rows of a cut, by the whole book."""

    def __init__(self, whole: Exactly, book: Book, context: Context, cut: Cut) -> None:
        super().__init__(whole.policy, book, whole.params, context)
        self._whole, self._cut, self.standing = whole, cut, whole.standing

    @property
    def reference(self) -> Reference:
        return self._whole.reference

    def number(self, entity: str, row: int) -> int:
        rows = self._cut.rows.get(entity)
        return row if rows is None else int(rows[row])

    def hand_over(self) -> None:
        """What was decided, to the whole book's."""
        for entity, marked in self.decided.items():
            whole = self._whole.decided.setdefault(entity, np.zeros(self._whole.rows(entity), dtype=np.bool_))
            rows = self._cut.rows.get(entity)
            if rows is None:
                whole |= marked
            else:
                whole[rows[marked]] = True


@dataclass(frozen=True, slots=True)
class Careful:
    """What the careful evaluator gives for the rows of a cut, by node: values and quality. ``off``: of what is asked
    for, how far each value may be off."""

    rows: Mapping[str, Rows]
    columns: dict[int, Column]
    reasons: dict[int, Any]
    off: dict[int, Floats]


def evaluate_cut(
    context: Context,
    exactly: Exactly,
    rows: Mapping[str, Rows],
    planned: Plan,
    heads: Mapping[int, Vector],
    outputs: Sequence[Node],
    facts: Mapping[Any, Any],
    sized: Sequence[Node] = (),
) -> Careful:
    """``outputs`` at the rows of a cut. ``facts``: of the whole book. ``sized``: outputs that somebody asks how far
    they are off."""
    cut = Cut(rows)
    book = cut.book(context.policy, context.book)
    inner = replace(context, book=book, memo={}, only=dict(rows), facts=dict(facts))
    settling = CutExactly(exactly, book, inner, cut)
    done = Runner(inner, settling).run(planned, None, dict(heads))
    columns: dict[int, Column] = {}
    reasons: dict[int, Any] = {}
    for node in outputs:
        size = len(rows[node.grain])
        if node.op == "reason":
            reasons[node.id] = settling.reasons(node.grain, done[node.id])
            continue
        vector = done[node.id].full(size)
        quality = vector.quality
        values = cut.whole(node, vector.values)
        if quality is not None and values is not vector.values:
            values = np.where(quality == KNOWN, values, vector.values)
        columns[node.id] = Column(np.asarray(values), quality)
    off = {n.id: np.asarray(error.total(done[n.id].full(len(rows[n.grain])))) for n in sized}
    settling.hand_over()
    return Careful(rows, columns, reasons, off)
