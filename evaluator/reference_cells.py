"""Single cells of columns as exact values, and what many known values come to."""

from collections.abc import Sequence
from fractions import Fraction

from dsl.causes import Cause
from dsl.model import INFINITE, Kind, Type
from evaluator import exact
from evaluator.book import BookTable
from evaluator.columns import KNOWN, Column
from evaluator.exact import Fault
from evaluator.places import Result, Unknown, number


def input_cell(table: BookTable, name: str, type_: Type, row: int) -> Result:
    """A cell of the snapshot; a number in the decimals that the file writes."""
    column = table.columns[name]
    if column.quality is not None and column.quality[row] != KNOWN:
        return Unknown(int(column.quality[row]))
    match type_.kind:
        case Kind.NUMBER | Kind.DATE:
            return table.exact(name, row)
        case Kind.TEXT:
            return table.texts[name][int(column.values[row])]
    return as_it_is(column, type_, row)


def as_it_is(column: Column, type_: Type, row: int) -> Result:
    """A cell as its column holds it: a number as its float64 is."""
    if column.quality is not None and column.quality[row] != KNOWN:
        return Unknown(int(column.quality[row]))
    value = column.values[row]
    match type_.kind:
        case Kind.FLAG:
            return bool(value)
        case Kind.ENUM:
            return type_.labels[int(value)]
        case Kind.LINK:
            return int(value)
        case Kind.NUMBER | Kind.DATE:
            return float(value) if abs(value) == INFINITE else Fraction(float(value))
    raise TypeError(f"a column of {type_} needs its table")


def aggregated(function: str, values: Sequence[Result]) -> Result:
    """What an aggregate makes of its members' known values; ``any`` and ``all`` where no member decided."""
    if not values and function in ("min", "max", "mean", "share"):
        raise Fault(Cause.EMPTY)
    match function:
        case "any" | "all":
            return function == "all"
        case "count":
            return Fraction(values.count(True))
        case "share":
            return Fraction(values.count(True), len(values))
        case "sum":
            return exact.total([number(v) for v in values])
        case "mean":
            return exact.divide(exact.total([number(v) for v in values]), Fraction(len(values)))
        case "min":
            return min(number(v) for v in values)
        case "max":
            return max(number(v) for v in values)
    raise ValueError(function)
