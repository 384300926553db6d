"""Which rows of a table and points of a curve a value comes from, and with what weight: exact, from the definitions."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from dsl import model
from dsl.causes import Cause
from dsl.model import Exact
from evaluator import exact
from evaluator.exact import UNITY, ZERO, Fault, compare

Weights = list[tuple[int, Fraction]]  # number of the row or point, and how much of its value
Cells = Sequence[Sequence[Exact | str | None]]  # a table's key cells by row: text, None for `other`, or a bound


def table_weights(table: model.Table, column: model.ValueColumn, cells: Cells, keys: Sequence[Exact | str]) -> Weights:
    """The rows that give ``column``'s value at ``keys`` (beside the table's keys). No row raises NO_ROW."""
    rows = list(range(len(cells)))
    smooth: list[int] = []
    for k, key in enumerate(table.keys):
        if key.operator == "~":
            smooth.append(k)
        elif key.operator == "=":
            rows = [r for r in rows if cells[r][k] == keys[k]] or [r for r in rows if cells[r][k] is None]
        elif not column.marginal:
            rows = _by_bound(key.operator, rows, [_number(cells[r][k]) for r in rows], _number(keys[k]))
    if not rows:
        raise Fault(Cause.NO_ROW)
    if column.marginal:
        k = next(k for k, key in enumerate(table.keys) if key.operator != "=")
        return _brackets(rows, [_number(cells[r][k]) for r in rows], _number(keys[k]))
    weights = dict.fromkeys(rows, UNITY)
    for k in smooth:
        axis = sorted({_number(cells[r][k]) for r in rows})
        along = locate(axis, _number(keys[k]), table.outside, Cause.NO_ROW)
        parts = {axis[i]: weight for i, weight in along}
        places = {r: _number(cells[r][k]) for r in weights}
        weights = {r: exact.multiply(w, parts[places[r]]) for r, w in weights.items() if places[r] in parts}
    return list(weights.items()) if smooth else [(rows[0], UNITY)]


def _number(cell: Exact | str | None) -> Exact:
    if isinstance(cell, (Fraction, float)):
        return cell
    raise TypeError(f"a bound is a number, not {cell!r}")


def _by_bound(operator: str, rows: list[int], bounds: list[Exact], x: Exact) -> list[int]:
    """The rows of the nearest bound that holds: the greatest at or below x, or the smallest at or above it."""
    holding = [(b, r) for b, r in zip(bounds, rows, strict=True) if holds(operator, compare(x, b))]
    if not holding:
        return []
    bounds = [b for b, _ in holding]
    nearest = max(bounds) if operator in (">=", ">") else min(bounds)
    return [r for b, r in holding if b == nearest]


def holds(operator: str, order: int) -> bool:
    """Whether ``a operator b``, given -1, 0 or 1 for a below, equal to or above b."""
    match operator:
        case "=":
            return order == 0
        case "!=":
            return order != 0
        case "<":
            return order < 0
        case "<=":
            return order <= 0
        case ">":
            return order > 0
        case ">=":
            return order >= 0
    raise ValueError(operator)


def _brackets(rows: list[int], bounds: list[Exact], x: Exact) -> Weights:
    """How much of x lies in each bracket."""
    ladder = sorted(zip(bounds, rows, strict=True))
    if compare(x, ladder[0][0]) < 0:
        raise Fault(Cause.NO_ROW)
    weights: Weights = []
    for i, (bound, row) in enumerate(ladder):
        if compare(x, bound) > 0:
            top = min(x, ladder[i + 1][0]) if i + 1 < len(ladder) else x
            weights.append((row, exact.subtract(top, bound)))
    return weights


def locate(xs: Sequence[Exact], x: Exact, outside: str | None, cause: Cause, logarithmic: bool = False) -> Weights:
    """The points beside x on a line through points at rising ``xs``, and their shares. ``cause``: of being outside."""
    for i, point in enumerate(xs):
        if compare(x, point) == 0:
            return [(i, UNITY)]
    below = sum(1 for point in xs if compare(point, x) < 0)
    if below in (0, len(xs)):
        if outside == "unknown":
            raise Fault(cause)
        if outside == "flat" or (len(xs) == 1 and isinstance(x, Fraction)):
            return [(0 if below == 0 else len(xs) - 1, UNITY)]
    if isinstance(x, float):
        raise Fault(Cause.OVERFLOW)
    i = min(max(below - 1, 0), len(xs) - 2)
    if logarithmic:
        along = exact.divide(_log_ratio(x, xs[i]), _log_ratio(xs[i + 1], xs[i]))
    else:
        along = exact.divide(exact.subtract(x, xs[i]), exact.subtract(xs[i + 1], xs[i]))
    return [(i, exact.subtract(UNITY, along)), (i + 1, along)]


def _log_ratio(a: Exact, b: Exact) -> Fraction:
    return exact.logarithm(exact.divide(a, b))


def weighted(values: Sequence[tuple[Exact, Fraction]]) -> Exact:
    """The sum of values times weights; one whole value is itself, infinite or not."""
    if len(values) == 1 and values[0][1] == 1:
        return values[0][0]
    return exact.total([exact.multiply(value, weight) for value, weight in values])


# -- curves -----------------------------------------------------------------------------------


def curve_weights(curve: model.Curve, xs: Sequence[Exact], x: Exact) -> Weights:
    """The points that give the value of a step, linear or logarithmic curve at x; for a smooth one, those beside x."""
    if curve.method == "logarithmic" and any(compare(v, ZERO) <= 0 for v in (x, *xs)):
        raise Fault(Cause.DOMAIN)
    weights = locate(xs, x, curve.outside, Cause.OUTSIDE, logarithmic=curve.method == "logarithmic")
    if curve.method == "step" and len(weights) > 1:
        below = sum(1 for point in xs if compare(point, x) < 0)
        return [(max(below - 1, 0), UNITY)]
    return weights


def curve_arms(curve: model.Curve, xs: Sequence[Exact], x: Exact) -> list[tuple[int, str]]:
    """The parts of a curve that x lies on, each as its first point and ``on`` for the run to the next, ``from`` for a
    step, ``below`` or ``above`` outside."""
    order = [compare(point, x) for point in xs]
    if order[0] > 0:
        return [(0, "below")]
    at = sum(1 for o in order if o <= 0) - 1
    if curve.method == "step":
        return [(at, "from")]
    if order[-1] < 0:
        return [(at, "above")]
    return [(i, "on") for i in (at - 1, at) if 0 <= i < len(xs) - 1 and (i == at or order[at] == 0)]


def curve_value(curve: model.Curve, points: Sequence[tuple[Exact, Exact]], x: Exact) -> Exact:
    xs = [p[0] for p in points]
    weights = curve_weights(curve, xs, x)
    if curve.method != "smooth" or len(weights) == 1:
        return weighted([(points[i][1], w) for i, w in weights])
    (i, _), (_, along) = weights
    if along < 0 or along > 1:
        end = 0 if along < 0 else len(points) - 1
        return exact.add(points[end][1], exact.multiply(slope(points, end), exact.subtract(x, xs[end])))
    return _hermite(points, i, along)


def _hermite(points: Sequence[tuple[Exact, Exact]], i: int, t: Fraction) -> Fraction:
    """The cubic between points i and i + 1 with their slopes, at the share ``t`` of the way."""
    (x0, y0), (x1, y1) = points[i], points[i + 1]
    width = exact.subtract(x1, x0)
    t2, t3 = exact.multiply(t, t), exact.multiply(t, exact.multiply(t, t))
    blend = exact.subtract(exact.multiply(Fraction(3), t2), exact.multiply(Fraction(2), t3))
    start = exact.add(exact.subtract(t3, exact.multiply(Fraction(2), t2)), t)
    end = exact.subtract(t3, t2)
    rise = exact.multiply(exact.subtract(y1, y0), blend)
    bend = exact.add(exact.multiply(slope(points, i), start), exact.multiply(slope(points, i + 1), end))
    return exact.total([y0, rise, exact.multiply(width, bend)])


def slope(points: Sequence[tuple[Exact, Exact]], i: int) -> Fraction:
    """The slope at point i that keeps the curve monotone. Source: Fritsch and Butland 1984, as PCHIP computes it."""
    widths = [exact.subtract(b[0], a[0]) for a, b in pairwise(points)]
    chords = [exact.divide(exact.subtract(b[1], a[1]), exact.subtract(b[0], a[0])) for a, b in pairwise(points)]
    if len(chords) == 1:
        return chords[0]
    if i == 0:
        return _end_slope(widths[0], widths[1], chords[0], chords[1])
    if i == len(points) - 1:
        return _end_slope(widths[-1], widths[-2], chords[-1], chords[-2])
    before, after = chords[i - 1], chords[i]
    if compare(before, ZERO) * compare(after, ZERO) <= 0:
        return ZERO
    both = exact.add(widths[i - 1], widths[i])
    left, right = exact.add(both, widths[i]), exact.add(both, widths[i - 1])
    return exact.divide(exact.add(left, right), exact.add(exact.divide(left, before), exact.divide(right, after)))


def _end_slope(width: Fraction, next_width: Fraction, chord: Fraction, next_chord: Fraction) -> Fraction:
    """The one-sided three-point slope, held so that the end segment stays monotone."""
    both = exact.add(width, next_width)
    weighted_chord = exact.multiply(exact.add(width, both), chord)
    raw = exact.divide(exact.subtract(weighted_chord, exact.multiply(width, next_chord)), both)
    if compare(raw, ZERO) != compare(chord, ZERO):
        return ZERO
    steepest = exact.multiply(Fraction(3), chord)
    if compare(chord, ZERO) != compare(next_chord, ZERO) and compare(abs(raw), abs(steepest)) > 0:
        return steepest
    return raw
