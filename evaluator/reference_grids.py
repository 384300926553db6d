"""Expressions over a grid, exactly: each move's value in the book as the move makes it, folded one by one."""

from dataclasses import replace
from fractions import Fraction

from dsl import model
from evaluator import exact
from evaluator.exact import Fault, compare
from evaluator.places import At, Result, Unknown, first_unknown, number
from evaluator.reference_book import Cells


def over(reference: Cells, expr: model.Over, at: At) -> Result:
    """The moves' values folded one by one, the first of equal ones the best."""
    folded: Result | None = None
    best: Result = expr.type.labels[0] if expr.type.labels else Fraction(0)
    fold = exact.OPERATORS["+"] if expr.function in ("sum", "mean") else exact.FUNCTIONS[expr.function[-3:]]
    count = 0
    for move, state in zip(reference.policy.grids[expr.grid].moves, reference.states(expr), strict=True):
        count += 1
        args = {**at.args, **reference.args_of(state, at)}
        value = reference.moved(state).at(expr.value, replace(at, args=args))
        unknown = first_unknown([value] if folded is None else [folded, value])
        if unknown is not None or folded is None:
            folded = unknown or value
            continue
        order = compare(number(value), number(folded))
        if order < 0 if expr.function == "argmin" else order > 0:
            best = move.name
        try:
            folded = fold(number(folded), number(value))
        except Fault as fault:
            folded = Unknown(reference.origin(fault.cause, expr, at))
    assert folded is not None
    if isinstance(folded, Unknown) or expr.function in ("min", "max", "sum"):
        return folded
    return best if expr.function in ("argmin", "argmax") else exact.divide(number(folded), Fraction(count))
