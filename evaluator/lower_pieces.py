"""What a number leads to, on its way into the graph: the cell of a row, the formula of a piece."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from dsl.model import Kind, Type
from evaluator import pieces
from evaluator.constants import Number
from evaluator.error import HALF_UNIT
from evaluator.graph import Facts, Node
from evaluator.lower_operations import Operations
from evaluator.pieces import Polynomials, Values
from evaluator.scope import Lowered, Scope


def take(lowering: Operations, index: Lowered, cells: Sequence[Lowered], scope: Scope, type: Type) -> Lowered:
    """``cells[index]``: an array where all are constants, else a choice between the distinct ones."""
    constants = [c.node.constant for c in cells]
    if constants and not any(c is None or isinstance(c, str) for c in constants):
        values, facts = lowering.keep(("take", type.kind, *constants), lambda: _array(constants, type))
        return lowering.op("take", [index], scope, (values,), type, facts)
    distinct = {c.node.id: c for c in cells}
    slots = {id: slot for slot, id in enumerate(distinct)}
    attrs = (tuple(slots[c.node.id] for c in cells),)
    return lowering.op("choose", [index, *distinct.values()], scope, attrs, type)


def _array(constants: Sequence[object], type: Type) -> tuple[Values, Facts]:
    numbers = [c for c in constants if isinstance(c, Number)]
    if len(numbers) == len(constants):
        values = np.array([float(n) for n in numbers])
        rounded = [n for n in numbers if not n.exact]
        once = all(float(n) != round(float(n)) for n in rounded)  # what looks whole is taken to be what it says
        facts = Facts(bool((values >= 0).all()), bool(np.isinf(values).any()))
        return Values(values, HALF_UNIT if rounded else 0.0, once), facts
    return Values(np.array(constants, dtype=np.bool_ if type.kind is Kind.FLAG else np.int32), 0.0, False), Facts()


def polynomials(lowering: Operations, op: str, parts: Sequence[Sequence[tuple[Fraction, ...]]]) -> Polynomials:
    """The formulas of the pieces of all groups; equal ones are one array, so that equal lookups are one node."""
    key = (op, *(p for group in parts for p in group))
    return lowering.keep(key, lambda: pieces.polynomials(parts))  # type: ignore[arg-type]


def polynomial(
    lowering: Operations,
    op: str,
    x: Lowered,
    piece: Lowered,
    made: Polynomials,
    scope: Scope,
    never_below: bool = False,
) -> Lowered:
    """The formula of this piece at x. ``never_below``: x is never below the start of its piece."""
    return lowering.op(op, [x, piece], scope, (made,), facts=Facts(never_below and made.nonnegative))


def rational(node: Node) -> Fraction | None:
    """A constant that is finite."""
    constant = node.constant
    return constant.value if isinstance(constant, Number) and isinstance(constant.value, Fraction) else None
