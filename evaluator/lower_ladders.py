"""Marginal columns of tables on their way into the graph: the brackets below a value summed, and its own."""

from collections.abc import Sequence
from fractions import Fraction

from dsl import model
from dsl.causes import Cause
from dsl.model import INFINITE, NUMBER, Exact
from dsl.records import dataclass
from evaluator import pieces
from evaluator.graph import INDEX
from evaluator.keys import exact_of, rational_of
from evaluator.lately import Lately
from evaluator.lower_keys import Called
from evaluator.lower_operations import Operations
from evaluator.lower_pieces import polynomial, rational, take
from evaluator.pieces import Polynomials, Segments, make_segments
from evaluator.scope import Lowered

_MADE: Lately[tuple[Segments, Polynomials | None]] = Lately()


@dataclass(frozen=True, slots=True)
class _Ladder:
    """A marginal column's brackets: by group its rows in order, and their bounds. ``climb``: of constant rates."""

    groups: Sequence[Sequence[int]]
    bounds: Sequence[Sequence[Exact]]
    segments: Segments
    climb: Polynomials | None


def marginal(lowering: Operations, called: Called, x: Lowered) -> Lowered:
    """What the brackets below x give, and this one's rate on the rest."""
    key = ("ladder", called.table.name, tuple(c.node.id for c in called.cells))
    ladder = lowering.keep(key, lambda: _ladder(lowering, called))
    operands = [x] if called.group is None else [x, called.group]
    attrs = (ladder.segments, ladder.climb is None, called.group is not None)
    piece = lowering.op("segment", operands, called.scope, attrs, INDEX, level=called.level)
    if ladder.climb is not None:
        return polynomial(lowering, "piecewise", x, piece, ladder.climb, called.scope, never_below=True)
    return _climb(lowering, called, ladder, x, piece)


def _ladder(lowering: Operations, called: Called) -> _Ladder:
    table, keys = called.table, called.keys
    i = next(i for i, k in enumerate(table.keys) if k.operator != "=")
    below = [
        [r for r in group if exact_of(keys.cells[r][i]) != INFINITE] for group in keys.groups
    ]  # others hold nothing
    groups = [sorted(group, key=lambda r: exact_of(keys.cells[r][i])) for group in below]
    bounds = [[exact_of(keys.cells[r][i]) for r in group] for group in groups]
    rates = [[rational(called.cells[r].node) for r in group] for group in groups]
    made, climb = _made_of(table, keys.search.table, bounds, rates)
    return _Ladder(groups, bounds, lowering.keep(("brackets", table.name), lambda: made), climb)


def _made_of(
    table: model.Table, number: int, bounds: Sequence[Sequence[Exact]], rates: Sequence[Sequence[Fraction | None]]
) -> tuple[Segments, Polynomials | None]:
    """A marginal column's pieces, and, of constant rates, their formulas. A table is the same in every scenario, and in
    every move of a grid."""
    cells = [x for parts in (bounds, rates) for part in parts for x in part]
    key = number, [len(part) for part in bounds], cells, [type(x) for x in cells]

    def make() -> tuple[Segments, Polynomials | None]:
        climb = None
        known = [[rate for rate in group if rate is not None] for group in rates]
        if known == rates:
            steps = [pieces.ladder([rational_of(b) for b in bs], rs) for bs, rs in zip(bounds, known, strict=True)]
            climb = pieces.polynomials(steps)
        return make_segments(bounds, "ladder", Cause.NO_ROW, number), climb

    return _MADE.once(table, key, make)


def _climb(lowering: Operations, called: Called, ladder: _Ladder, x: Lowered, piece: Lowered) -> Lowered:
    """A ladder whose rates are no constants: its lower brackets are summed in the graph."""
    op, cells, scope = lowering.op, called.cells, called.scope
    bases, rates, starts = [], [], []
    for group, bounds in zip(ladder.groups, ladder.bounds, strict=True):
        base = Lowered(lowering.const(Fraction(0), NUMBER), 0)
        bases.append(base)
        rates.append(base)
        starts.append(Lowered(lowering.const(bounds[0], NUMBER), 0))
        for j, (row, bound) in enumerate(zip(group, bounds, strict=True)):
            if j:
                width = rational_of(bound) - rational_of(bounds[j - 1])
                full = op("mul", [cells[group[j - 1]], Lowered(lowering.const(width, NUMBER), 0)], scope)
                base = op("add", [base, full], scope)
            bases.append(base)
            rates.append(cells[row])
            starts.append(Lowered(lowering.const(bound, NUMBER), 0))
    base, rate, start = (take(lowering, piece, part, scope, NUMBER) for part in (bases, rates, starts))
    return op("add", [base, op("mul", [rate, op("sub", [x, start], scope)], scope)], scope)
