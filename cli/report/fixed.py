"""Expressions that are the same for every row of a book: bounds, points, cells of constants and params."""

from fractions import Fraction

from dsl import model
from dsl.model import Expr
from evaluator.places import Result, operands
from evaluator.reference import Reference


def varies(expr: Expr) -> bool:
    """Whether an expression reads a row or an argument."""
    return isinstance(expr, (model.Read, model.Aggregate, model.ArgRead)) or any(varies(o) for o in operands(expr))


def value(expr: Expr, reference: Reference) -> Result | None:
    """What an expression comes to; None where it varies."""
    return None if varies(expr) else reference.evaluate(expr, "", 0)


def number(expr: Expr, reference: Reference) -> float | None:
    """The same as a number; None where it is unknown or none."""
    found = value(expr, reference)
    return float(found) if isinstance(found, (Fraction, float)) else None
