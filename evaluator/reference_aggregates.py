"""Aggregates, exactly: the rows that belong to a row, one by one, and what they come to."""

from dataclasses import replace

from dsl import model
from dsl.causes import Cause
from evaluator.exact import Fault, compare
from evaluator.places import At, Result, Unknown, first_unknown, number
from evaluator.reference_book import Cells
from evaluator.reference_cells import aggregated


def aggregate(reference: Cells, expr: model.Aggregate, at: At) -> Result:
    """What the rows that count come to; unknown where it is unknown which rows these are."""
    above = reference.follow(at.entity, at.row, expr.up)
    if isinstance(above, Unknown):
        return above
    lacking = first_unknown([True if expr.via is None else reference.members_known(*above)])
    if lacking is not None:
        return lacking
    found = contributions(reference, expr, at)
    if expr.by is not None:
        return _first(reference, expr, found, at)
    values = [value for _, value in found]
    if expr.function in ("any", "all") and len(values) == 1 and isinstance(values[0], bool):
        return values[0]
    return first_unknown(values) or aggregated(expr.function, values)


def contributions(reference: Cells, expr: model.Aggregate, at: At) -> list[tuple[int, Result]]:
    """Each member that ``where`` doesn't exclude, with its value; unknown where its value or ``where`` is."""
    found: list[tuple[int, Result]] = []
    above = reference.follow(at.entity, at.row, expr.up)
    for row in () if isinstance(above, Unknown) else reference.members.of(expr.entity, expr.via, above[1]):
        here = replace(at, inner=(expr.entity, row))
        where: Result = True if expr.where is None else reference.value(expr.where, here)
        if where is not False:
            value: Result = True if expr.value is None else reference.value(expr.value, here)
            value = first_unknown([value, reference.members_known(expr.entity, row)]) or value
            found.append((row, first_unknown([where, value]) or value))
            if isinstance(where, bool) and value is {"any": True, "all": False}.get(expr.function):
                return [(row, value)]  # decided, whatever else is unknown
    return found


def _first(reference: Cells, expr: model.Aggregate, members: list[tuple[int, Result]], at: At) -> Result:
    """The value in the member that is first in order; unknown where a member's place is."""
    assert expr.by is not None
    places: dict[int, Result] = {}
    for row, _ in members:
        here = replace(at, inner=(expr.entity, row))
        where: Result = True if expr.where is None else reference.value(expr.where, here)
        place = reference.value(expr.by, here)
        places[row] = first_unknown([where, place, reference.members_known(expr.entity, row)]) or place
    unknown = first_unknown(list(places.values()))
    if unknown is not None:
        return unknown
    keys = reference.book.tables[expr.entity].keys
    best: tuple[int, Result] | None = None
    for row, value in members:
        order = -1 if best is None else compare(number(places[row]), number(places[best[0]]))
        if best is None or order < 0 or (order == 0 and keys[row] < keys[best[0]]):
            best = row, value
    if best is None:
        raise Fault(Cause.EMPTY)
    return best[1]
