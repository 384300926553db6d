"""How each operation's result moves with what it is made of, and where it turns: a rule for each."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from evaluator.aggregates import Members
from evaluator.error import close
from evaluator.graph import Node
from evaluator.pieces import Polynomials, Search, Segments
from evaluator.search import text_codes
from evaluator.solve_forms import Form, Moves, added, constant, crossing, divided, multiplied, scaled, taken
from evaluator.solve_turns import Turns
from evaluator.vector import Flags, Floats, Index, Vector, clean, doubts, either, worst

HOLDS: dict[str, Callable[[Floats], Flags]] = {
    "=": lambda sign: sign == 0,
    "!=": lambda sign: sign != 0,
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


Rule = Callable[[Turns, Node, Sequence[Form], Vector], Form]
BY_SIDES = ("compare", "locate")  # their rules say themselves what is in doubt, each of their sides by itself
FLAGS = ("and", "or", "not", "absent", "known", "pick", "reason", "take", "corner")


def _plain(rule: Callable[..., Moves]) -> Rule:
    return lambda turns, node, args, value: Form(value, *rule(*args))


def _division(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    x, y = args
    if not y.still:
        turns.note(node.grain, crossing(y, constant(0.0)).distance, y.at)
    return Form(value, *divided(x, y))


def _absolute(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    (x,) = args
    below = turns.cross(node, x, constant(0.0), value).sign < 0
    return Form(value, None if x.slope is None else np.where(below, -x.slope, x.slope), x.bend)


def _sign(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    found = turns.cross(node, args[0], constant(0.0), value)
    return Form(replace(value, values=clean(found.sign, value.quality)))


def _extreme(side: float) -> Rule:
    def rule(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
        return replace(_best(turns, node, args, value, side), at=value)

    return rule


def _best(turns: Turns, node: Node, args: Sequence[Form], value: Vector, side: float) -> Form:
    best = args[0]
    for arg in args[1:]:
        first = turns.cross(node, best, arg, value).sign * side <= 0
        at = Vector(np.where(first, best.at.values, arg.at.values))
        best = Form(at, *taken(first, best, arg))
    return best


def _clamp(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    x, low, high = args
    if not (low.still and high.still):
        turns.note(node.grain, crossing(low, high).distance, value)
    held = _best(turns, node, [x, low], value, -1.0)
    return replace(_best(turns, node, [held, high], value, 1.0), at=value)


def _interpolate(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    x, x0, y0, x1, y1 = args
    if not (x0.still and y0.still and x1.still and y1.still):
        return turns.other(node, args, value)
    low, high = (turns.cross(node, x, end, value).sign for end in (x0, x1))
    inside = low * high < 0
    factor = (y1.at.values - y0.at.values) / np.where(x1.at.values == x0.at.values, np.nan, x1.at.values - x0.at.values)
    start = y0.at.values - factor * x0.at.values
    slope, bend = scaled(x, start, factor)
    return Form(value, None if slope is None else np.where(inside, slope, 0.0), bend)


def _compare(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    x, y = args
    if not node.args[0].numeric or (x.still and y.still) or node.attrs[1]:
        return Form(value) if x.still and y.still else turns.other(node, args, value)
    quality = worst(x.at, y.at)
    found = turns.cross(node, x, y, Vector(value.values, quality))
    turns.crossings[node.id] = found
    if node.attrs[0] in ("=", "!="):  # what holds at a single point isn't seen by looking beyond it
        turns.doubt(node.grain, np.isfinite(found.distance))
    unsure = either(doubts(x.at, y.at), turns.lasting(node.grain, close(x.at, y.at), found.apart))
    return Form(Vector(clean(HOLDS[str(node.attrs[0])](found.sign), quality), quality, unsure))


def _select(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    condition, then, otherwise = args
    if condition.at.uniform:
        return then if condition.at.values[0] else otherwise
    return Form(value, *taken(condition.at.values.astype(np.bool_), then, otherwise))


def _choose(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    options = args[1:]
    if all(o.still for o in options):
        return Form(value)
    slots = np.array(node.attrs[0], dtype=np.int32)[args[0].at.values]
    picks = [slots == k for k in range(len(options))]
    slope, bend = (np.select(picks, [np.asarray(o.parts[i]) for o in options]) for i in (1, 2))
    return Form(value, slope, bend if bend.any() else None)


def _within(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    (x,) = args
    domain = node.attrs[0]
    for limit in (domain.low, domain.high):  # type: ignore[attr-defined]
        if limit is not None and not x.still:
            turns.note(node.grain, crossing(x, constant(float(limit))).distance, x.at)
    return Form(value, x.slope, x.bend)


def _locate(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    (search,) = node.attrs
    assert isinstance(search, Search)
    state: Index | int = 0
    unsure = doubts(*(a.at for a in args))
    for step, key, x in zip(search.steps, node.args, args, strict=False):
        if step.operator == "=":
            state = step.next(state, text_codes(step, key.type, x.at, turns.context))
        else:
            code = np.searchsorted(step.bounds, x.at.values, step.side)
            unsure = either(unsure, turns.bound(node, x, step, state, code, x.at))
            state = step.next(state, code)
        state = np.where(state < 0, 0, state)
    return Form(replace(value, doubt=unsure))


def _segment(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    segments, _, grouped = node.attrs
    assert isinstance(segments, Segments)
    state: Index | int = args[1].at.values if grouped else 0
    code = np.searchsorted(segments.step.bounds, args[0].at.values, "right")
    turns.bound(node, args[0], segments.step, state, code, args[0].at)
    return Form(value)


def _piecewise(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    (pieces,) = node.attrs
    assert isinstance(pieces, Polynomials)
    x, p = args[0], args[1].at.values
    factor = pieces.a[p]
    slope, bend = scaled(x, pieces.y[p] - factor * pieces.start[p], factor)
    if slope is not None and pieces.b is not None and pieces.c is not None:
        round_ = (pieces.b[p] != 0.0) | (pieces.c[p] != 0.0)
        slope = np.where(round_ & np.not_equal(x.parts[1], 0.0), np.nan, slope)
    return Form(value, slope, bend)


def _logarithmic(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    (pieces,) = node.attrs
    assert isinstance(pieces, Polynomials)
    x, p = args[0], args[1].at.values
    if x.slope is None:
        return Form(value)
    return Form(value, np.where((pieces.a[p] != 0.0) & (x.slope != 0.0), np.nan, 0.0))


def _mix(turns: Turns, node: Node, args: Sequence[Form], value: Vector) -> Form:
    low, high, share = args
    if not (low.still and high.still):
        return turns.other(node, args, value)
    return Form(value, *scaled(share, low.at.values, high.at.values - low.at.values))


def extreme_member(turns: Turns, node: Node, form: Form, members: Members, value: Vector) -> Form:
    """The member that is the least (or greatest) just after here, and where another takes its place."""
    entity = node.args[-1].grain if node.attrs[0] is None else str(node.attrs[0])
    size = turns.over.size(entity)
    form = Form(form.at.full(size), *(None if p is None else np.broadcast_to(p, (size,)) for p in form.parts[1:]))
    a, b, c = form.parts
    group = members.groups.index
    counted = np.flatnonzero(group < members.groups.count)
    if members.counted is not None:
        counted = counted[members.counted[counted]]
    side = 1.0 if node.op == "agg_min" else -1.0
    rise = np.asarray(b - a * c)
    order = counted[np.lexsort((side * rise[counted], side * a[counted], group[counted]))]
    first = np.flatnonzero(np.append(True, np.diff(group[order]) != 0)) if len(order) else order
    winner = np.zeros(members.groups.count, dtype=np.int64)
    winner[group[order[first]]] = order[first]
    best = form.rows(winner, size)
    rivals = form.rows(counted, size)
    found = crossing(rivals, best.rows(group[counted], members.groups.count))
    distance = np.full(size, np.inf)
    distance[counted] = found.distance
    turns.note(entity, distance, form.at)
    return Form(value, best.slope, best.bend)


RULES: dict[str, Rule] = {
    "add": _plain(added),
    "sub": _plain(lambda x, y: added(x, y, -1.0)),
    "mul": _plain(multiplied),
    "div": _division,
    "neg": _plain(lambda x: scaled(x, 0.0, -1.0)),
    "abs": _absolute,
    "sign": _sign,
    "min": _extreme(1.0),
    "max": _extreme(-1.0),
    "clamp": _clamp,
    "interpolate": _interpolate,
    "compare": _compare,
    "select": _select,
    "choose": _choose,
    "within": _within,
    "locate": _locate,
    "segment": _segment,
    "piecewise": _piecewise,
    "logarithmic": _logarithmic,
    "mix": _mix,
}
