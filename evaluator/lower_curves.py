"""Calls of curves on their way into the graph: their points become pieces, each with a formula."""

from collections.abc import Sequence
from fractions import Fraction

from dsl import model
from dsl.causes import Cause
from dsl.model import NUMBER
from dsl.records import dataclass
from evaluator import pieces
from evaluator.constants import Number
from evaluator.graph import INDEX
from evaluator.keys import rational_of
from evaluator.lower_keys import number_of
from evaluator.lower_operations import Operations
from evaluator.lower_pieces import polynomial, polynomials, take
from evaluator.pieces import Polynomials, Segments, make_segments
from evaluator.scope import Lowered, Scope


@dataclass(frozen=True, slots=True)
class _Line:
    """A curve's points. ``faulty``: coordinates without a value; ``pieces`` of all but steps."""

    points: Sequence[tuple[Number, Number]]
    faulty: Sequence[Lowered]
    segments: Segments
    pieces: Polynomials | None


def curve_call(lowering: Operations, call: model.CurveCall, scope: Scope) -> Lowered:
    """A curve at x: its formula, or the piece of its line that x lies in."""
    curve = lowering.policy.curves[call.curve]
    x = lowering.lower(call.arg, scope)
    if curve.formula is not None:
        return lowering.body(curve.formula, {curve.arg: x}, scope)
    line = lowering.keep(("curve", curve.name), lambda: _line(lowering, curve))
    for fault in line.faulty:  # a point that has no value leaves none to the curve
        x = lowering.op("add", [x, fault], scope)
    piece = lowering.op("segment", [x], scope, (line.segments, curve.method == "step", False), INDEX)
    if line.pieces is None:
        heights = (line.points[0][1], *(y for _, y in line.points))
        values = [Lowered(lowering.const(y.value, NUMBER), 0) for y in heights]
        return take(lowering, piece, values, scope, NUMBER)
    never_below = curve.method == "linear" and (curve.outside or "unknown") != "extended"
    return polynomial(lowering, _operation(curve), x, piece, line.pieces, scope, never_below)


def _operation(curve: model.Curve) -> str:
    return "logarithmic" if curve.method == "logarithmic" else "piecewise"


def _line(lowering: Operations, curve: model.Curve) -> _Line:
    faulty: list[Lowered] = []
    points = [
        (number_of(lowering, x, faulty, True), number_of(lowering, y, faulty, curve.method != "step"))
        for x, y in curve.points
    ]
    if faulty:  # nothing is looked up in it, and what stands for its points may be no curve's
        points = [(Number(Fraction(i)), Number(Fraction(0))) for i in range(1, len(points) + 1)]
    number, outside = list(lowering.policy.curves).index(curve.name), curve.outside or "unknown"
    logarithmic = curve.method == "logarithmic"
    halved = curve.method in ("linear", "smooth")
    xs = [rational_of(a.value) for a, _ in points]
    breaks = pieces.halves(xs) if halved else xs
    segments = make_segments([breaks], outside, Cause.OUTSIDE, number, logarithmic)
    if curve.method == "step":
        return _Line(points, faulty, segments, None)
    exact = [(x, rational_of(y.value)) for x, (_, y) in zip(xs, points, strict=True)]
    part = (
        pieces.hermite(exact, outside)
        if curve.method == "smooth"
        else pieces.chords(exact, outside, logarithmic, halved)
    )
    return _Line(points, faulty, segments, polynomials(lowering, _operation(curve), [part]))
