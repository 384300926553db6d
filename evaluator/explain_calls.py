"""The steps of tables, curves, aggregates and grids: which rows, points, members and moves a value came from."""

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from dsl import model
from evaluator import reference_lookup
from evaluator.exact import Fault
from evaluator.explain_step import Step, Used
from evaluator.places import Argument, At, Result, Unknown, first_unknown, number
from evaluator.plain import key_of
from evaluator.reference_aggregates import contributions

if TYPE_CHECKING:
    from evaluator.explain_steps import Steps

MOST_MEMBERS = 5  # of one aggregate


def table_step(steps: "Steps", call: model.TableCall, at: At) -> Step:
    table = steps.policy.tables[call.table]
    args = [steps.value(arg, at) for arg in call.args]
    used: list[Used] = []
    if first_unknown([args[key.arg] for key in table.keys]) is None:
        try:
            weights = steps.reference.lookups.weights(call, args)
        except (Fault, AssertionError):  # no row, or a bound that is unknown: the step's value says so
            weights = []
        for row, weight in weights:
            value = steps.shown(steps.reference.lookups.table_value(call, row, args, at), call.type)
            span = table.rows[row].span
            used.append(Used(span.text.strip(), span.source.name, span.line, float(weight), value))
    step = steps.call("table", f"{call.table}.{call.column}", call, at)
    return replace(step, used=tuple(used), parts=steps.parts_of(call.args, at))


def curve_step(steps: "Steps", call: model.CurveCall, at: At) -> Step:
    curve, x = steps.policy.curves[call.curve], steps.value(call.arg, at)
    step = replace(steps.call("curve", call.curve, call, at), parts=steps.parts_of((call.arg,), at))
    if curve.formula is not None:
        inside = steps.parts(curve.formula, replace(at, args={curve.arg: Argument(x, call.arg, at)}))
        return replace(step, parts=step.parts + inside)
    points = steps.reference.lookups.points(curve)
    if isinstance(x, Unknown) or isinstance(points, Unknown):
        return step
    try:
        weights = reference_lookup.curve_weights(curve, [number(p[0]) for p in points], number(x))
    except Fault:
        return step
    used = []
    for i, weight in weights:
        span = curve.points[i][0].span.to(curve.points[i][1].span)
        value = steps.shown(points[i][1], curve.type)
        used.append(Used(span.text.strip(), span.source.name, span.line, float(weight), value))
    return replace(step, used=tuple(used))


def aggregate_step(steps: "Steps", expr: model.Aggregate, at: At) -> Step:
    found = contributions(steps.reference, expr, at)
    largest = sorted(found, key=lambda pair: _rank(pair[1]))[:MOST_MEMBERS]
    type_ = model.FLAG if expr.value is None else expr.value.type
    members = []
    for row, value in largest:
        step = steps.step("member", "", value, type_, entity=expr.entity, key=key_of(steps.book, expr.entity, row))
        inner = [part for part in (expr.where, expr.value) if part is not None]
        members.append(replace(step, parts=steps.parts_of(inner, replace(at, inner=(expr.entity, row)))))
    return replace(steps.call("aggregate", expr.function, expr, at), members=len(found), parts=tuple(members))


def over_step(steps: "Steps", expr: model.Over, at: At) -> Step:
    """The moves that decide: the least or greatest, or of a sum the largest; the first of them taken apart."""
    moves = steps.policy.grids[expr.grid].moves
    found = [
        (move.name, steps.reference.moved(state), replace(at, args={**at.args, **steps.reference.args_of(state, at)}))
        for move, state in zip(moves, steps.reference.states(expr), strict=True)
    ]
    values = [moved.at(expr.value, there) for _, moved, there in found]
    order = sorted(range(len(found)), key=lambda i: _decides(expr.function, values[i]))
    most = MOST_MEMBERS if expr.function in ("sum", "mean") else 1
    parts: list[Step] = []
    for i in order[:most]:
        name, moved, there = found[i]
        step = steps.step("move", name, values[i], expr.value.type)
        inside = () if parts else steps.beside(moved).parts(expr.value, there)
        parts.append(replace(step, parts=inside))
    step = steps.call("grid", f"{expr.function} over {expr.grid}", expr, at)
    return replace(step, members=len(moves), parts=tuple(parts))


def _decides(function: str, value: Result) -> tuple[int, float]:
    """Unknown moves first, then those that decide; the first of equal ones."""
    if isinstance(value, Unknown) or not isinstance(value, (Fraction, float)):
        return 0, 0.0
    if function in ("max", "argmax"):
        return 1, -float(value)
    return (1, float(value)) if function in ("min", "argmin") else _rank(value)


def _rank(value: Result) -> tuple[int, float]:
    """Unknown members first, then the largest in size."""
    if isinstance(value, Unknown):
        return 0, float(value.code)
    return 1, -abs(float(number(value))) if isinstance(value, (Fraction, float)) else 0.0
