"""What kernels need besides their operands: the book's rows, where a fault stands, texts, groups."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from typing import Any

import numpy as np

from dsl.causes import Cause
from dsl.model import Policy
from dsl.records import dataclass
from evaluator import error
from evaluator.book import Book
from evaluator.columns import KNOWN, Quality, Values, origin_code
from evaluator.constants import Constant
from evaluator.graph import SCALAR, Node
from evaluator.vector import Codes, Flags, Index

PAIR = "a row beside each member of the row above it"  # grains of evaluator.pairs; no entity is called so
BLOCK = "rows whose pairs are computed together"


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """``rows`` rows of ``outer`` from ``first`` on, and for each pair its row of that (``left``) and of ``inner``."""

    outer: str
    inner: str
    first: int
    rows: int
    left: Codes
    right: Codes

    def codes(self, cause: Cause, grain: str, number: Callable[[str], int], column: int) -> Quality:
        """The codes of faults at each pair, which begin at its inner row, or at each outer row."""
        if grain == PAIR:
            return origin_code(cause, number(self.inner), column) + self.right
        first = origin_code(cause, number(self.outer), column, self.first)
        return first + np.arange(self.rows, dtype=np.int64)


@dataclass(slots=True)
class Context:
    """One evaluation of a policy over a book. ``texts``: every text met, to its code, the same for all columns.

    ``only``: of some entity the rows at hand, in their order, where kernels work on those: their numbers in the whole
    table. What a row's result depends on besides its own unit of the book (whether a whole column is exact, how many
    members a row has at most) stands in ``facts``, and is the whole book's then. ``block``: where pairs of rows are
    computed, which. ``given``: of one graph for several evaluations (``opened``), what nodes are in this one, and
    ``varying`` those that may be otherwise in others.
    """

    policy: Policy
    book: Book
    as_of: Fraction | None
    bounded: frozenset[int] = frozenset()
    texts: dict[str, int] = field(default_factory=dict)
    memo: dict[Any, Any] = field(default_factory=dict)
    only: Mapping[str, Index] = field(default_factory=dict)
    facts: dict[Any, Any] = field(default_factory=dict)
    ranks: dict[str, Any] = field(default_factory=dict)
    block: Block | None = None
    given: Mapping[int, Constant] = field(default_factory=dict)
    varying: frozenset[int] = frozenset()

    def rows(self, grain: str) -> int:
        if grain in (PAIR, BLOCK):
            assert self.block is not None
            return len(self.block.left) if grain == PAIR else self.block.rows
        if grain in self.only:
            return len(self.only[grain])
        return 1 if grain == SCALAR else self.book.tables[grain].rows

    def tracks(self, node: Node) -> bool:
        """Whether some decision depends on the node's error."""
        return node.id in self.bounded

    def text_code(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))

    def text_codes(self, texts: Sequence[str]) -> Values:
        """(len(texts),) int32: the code of each, with one more for a column that has none."""
        return np.array([*(self.text_code(t) for t in texts), 0], dtype=np.int32)

    def entity_number(self, grain: str) -> int:
        """The number of a grain in codes: whole-book values come after all entities."""
        entities = list(self.policy.entities)
        return len(entities) if grain == SCALAR else entities.index(grain)

    def codes(self, cause: Cause, node: Node, column: int = 0) -> Quality:
        """(rows,) int64: the code of a fault of this operation in each of its rows."""
        if self.block is not None and node.grain in (PAIR, BLOCK):
            return self.block.codes(cause, node.grain, self.entity_number, column)
        first = origin_code(cause, self.entity_number(node.grain), column)
        if node.grain in self.only:
            return first + self.only[node.grain]
        return first + np.arange(self.rows(node.grain), dtype=np.int64)

    def representation(self, entity: str, name: str, values: Values | None = None) -> float:
        """The relative error of an input's numbers, as ``error.representation`` has it."""
        key = ("representation", entity, name)
        if key not in self.facts:
            column = self.book.tables[entity].columns[name]
            if values is None:
                values = column.values if column.quality is None else np.where(column.known(), column.values, 0)
            self.facts[key] = error.representation(values)
        found: float = self.facts[key]
        return found

    def fault(self, node: Node, cause: Cause, where: Flags, quality: Quality | None, column: int = 0) -> Quality | None:
        """``quality`` with a fault of this operation where its operands are known and ``where`` holds."""
        rows = self.rows(node.grain)
        where = np.broadcast_to(where, (rows,))
        if quality is not None:
            where = where & (quality == KNOWN)
        if not where.any():
            return quality
        codes = self.codes(cause, node, column)
        return np.where(where, codes, KNOWN if quality is None else quality)
