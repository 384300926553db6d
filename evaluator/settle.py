"""Rows in doubt, decided: the reference interpreter recomputes them, exactly, where a column or a check ends."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from dsl.model import Kind, Policy, Type, Value
from evaluator import error
from evaluator.book import Book
from evaluator.columns import KNOWN
from evaluator.context import Context
from evaluator.graph import Node
from evaluator.places import Unknown
from evaluator.reference import Reference
from evaluator.states import State
from evaluator.vector import Codes, Vector, tidy


class Exactly:
    """Decides rows in doubt by the reference interpreter, which starts when it is first needed."""

    def __init__(self, policy: Policy, book: Book, params: Mapping[str, Value], context: Context) -> None:
        self.policy, self._book, self.params, self._context = policy, book, params, context
        self._reference: Reference | None = None
        self._tiers: dict[str, npt.NDArray[np.intp]] = {}
        self.decided: dict[str, npt.NDArray[np.bool_]] = {}
        self.standing: dict[State, State] = {}  # by a state whose numbers are open, the one that it stands for now

    @property
    def reference(self) -> Reference:
        if self._reference is None:
            self._reference = Reference(self.policy, self._book, self.params)
        return self._reference

    def settle(self, node: Node, args: Sequence[Vector], context: Context) -> Vector:
        """A column's or check's final values: rows in doubt recomputed, no minus zero, nothing of it in doubt."""
        (found,) = args
        grain = node.grain if isinstance(node.attrs[0], str) else (self.policy.checks[_check(node)].on or "")
        rows = self._book.tables[grain].rows if grain in self._book.tables else context.rows(node.grain)
        full = found.full(rows)
        values, quality = full.values, full.quality
        values = values + 0.0 if values.dtype == np.float64 else values
        result = Vector(values, quality, None, full.relative, full.absolute, full.once)
        if full.doubt is None or not full.doubt.any():
            return result
        return self._decide(node, result, np.flatnonzero(full.doubt))

    def _decide(self, node: Node, found: Vector, rows: npt.NDArray[np.intp]) -> Vector:
        values = np.array(found.values)
        quality = np.full(len(values), KNOWN, dtype=np.int64) if found.quality is None else np.array(found.quality)
        where = node.attrs[0] if isinstance(node.attrs[0], str) else self.policy.checks[_check(node)].on or ""
        assert isinstance(where, str)
        rounded: list[int] = []
        for row in rows.tolist():
            result = self._result(node, row)
            if isinstance(result, Unknown):
                values[row], quality[row] = 0, result.code
            else:
                values[row], quality[row] = _stored(result, node.type, self._context), KNOWN
                if node.numeric and np.isfinite(values[row]) and Fraction(values[row]) != result:
                    rounded.append(row)
        marked = self.decided.setdefault(where, np.zeros(len(values), dtype=np.bool_))
        marked[rows] = True
        absolute = found.absolute
        if absolute is not None or (rounded and found.relative < error.HALF_UNIT):
            absolute = np.zeros(len(values)) if absolute is None else np.array(absolute)
            absolute[rows] = 0.0
            if found.relative < error.HALF_UNIT:
                absolute[rounded] = error.HALF_UNIT * np.abs(values[rounded])
        return Vector(values, tidy(quality), None, found.relative, absolute, found.once)

    def rows(self, entity: str) -> int:
        """How many rows a check's or column's entity has; one value of the whole book stands in one."""
        return self._book.tables[entity].rows if entity in self._book.tables else 1

    def number(self, entity: str, row: int) -> int:
        """The number of a row in the whole book."""
        return row

    def mark(self, entity: str, row: int) -> None:
        """Notes a row that was decided exactly elsewhere."""
        rows = self._book.tables[entity].rows
        self.decided.setdefault(entity, np.zeros(rows, dtype=np.bool_))[row] = True

    def _result(self, node: Node, row: int) -> object:
        row = self.number(node.grain, row)
        if len(node.attrs) == 1:
            return self.reference.check(_check(node), row)
        entity, column, *state = node.attrs
        assert isinstance(entity, str) and isinstance(column, str)
        return self.at(state[0] if state else None).cell(entity, column, row)

    def at(self, state: object) -> Reference:
        """The reference over the book as a move of a grid makes it."""
        if not isinstance(state, State):
            return self.reference
        state = self.standing.get(state, state)
        return self.at(state.base).moved(state)

    def picked(self, entity: str, found: Vector) -> Vector:
        """The rows of the tiers that rows take, those in doubt decided."""
        if found.doubt is None:
            return found
        rows = self._book.tables[entity].rows
        full = found.full(rows)
        assert full.doubt is not None
        values = np.array(full.values)
        for row in np.flatnonzero(full.doubt).tolist():
            values[row] = self.reference.tier_row(entity, row)[0]
        return Vector(values, full.quality)

    def reasons(self, entity: str, found: Vector) -> Codes:
        """Why rows stand in the unknown tier, those in doubt decided."""
        codes = found.full(self._book.tables[entity].rows).values
        if found.doubt is not None:
            codes = np.array(codes)
            for row in np.flatnonzero(np.broadcast_to(found.doubt, codes.shape)).tolist():
                unknown = self.reference.tier_row(entity, self.number(entity, row))[1]
                codes[row] = KNOWN if unknown is None else unknown.code
        return codes


def _check(node: Node) -> int:
    index = node.attrs[0]
    assert isinstance(index, int)
    return index


def _stored(result: object, type: Type, context: Context) -> float | int | bool:
    """A value of the reference interpreter as a column holds it."""
    match result:
        case bool():
            return result
        case str():
            return type.labels.index(result) if type.kind is Kind.ENUM else context.text_code(result)
        case int():
            return result
        case Fraction() | float():
            return float(result) + 0.0
    raise TypeError(f"no column holds {result!r}")
