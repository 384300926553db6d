"""Expressions over a grid on their way into the graph: its moves' values folded, each in its state of the book."""

from dataclasses import replace
from fractions import Fraction

from dsl import model
from dsl.model import FLAG, INFINITE
from evaluator.constants import Number
from evaluator.lower_columns import Columns
from evaluator.scope import Lowered, Scope


def over(lowering: Columns, expr: model.Over, scope: Scope) -> Lowered:
    """The moves' values folded one by one, each in its state."""
    moves = lowering.states(expr)
    fold = {"sum": "add", "mean": "add"}.get(expr.function, expr.function.removeprefix("arg"))
    folded: Lowered | None = None
    best: Lowered | None = None
    seen: set[int] = set()
    for place, state in enumerate(moves):
        with lowering.reading(state):
            value = lowering.lower(expr.value, replace(scope, args={**scope.args, **lowering.args_of(state)}))
            if fold != "add" and value.node.id in seen:
                continue  # as in an earlier move: it changes nothing
            seen.add(value.node.id)
            lowering.graph.fold = (expr.grid, expr.held, state.base), state.number
            if expr.function in ("argmin", "argmax"):
                best = _better(lowering, expr, best, place, [value, folded or value], scope)
            folded = value if folded is None else lowering.op(fold, [folded, value], scope)
    assert folded is not None
    if expr.function == "mean":
        return lowering.op("div", [folded, Lowered(lowering.graph.const(Number(Fraction(len(moves)))), 0)], scope)
    return best or folded


def _better(
    lowering: Columns, expr: model.Over, best: Lowered | None, place: int, sides: list[Lowered], scope: Scope
) -> Lowered:
    """The number of the best move so far; unknown where a value is."""
    here = Lowered(lowering.graph.const(place, expr.type), 0)
    if best is None:
        infinite = Lowered(lowering.graph.const(Number(INFINITE)), 0)
        known = lowering.op("compare", [sides[0], infinite], scope, ("<=", False), FLAG)
        return lowering.select([known, here, here], expr.type, scope)
    operator = "<" if expr.function == "argmin" else ">"
    better = lowering.op("compare", sides, scope, (operator, False), FLAG)
    return lowering.select([better, here, best], expr.type, scope)
