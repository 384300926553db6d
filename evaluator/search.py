"""Kernels of tables and curves: from keys to a row or piece, and from there to the value."""

from collections.abc import Sequence

import numpy as np

from dsl.causes import Cause
from dsl.model import Kind, Type
from evaluator.columns import KNOWN, Quality
from evaluator.context import Context
from evaluator.error import FUNCTION, GUARD, HALF_UNIT, close, merged, near_zero, plus, total
from evaluator.graph import Node
from evaluator.kernels import Kernel
from evaluator.pieces import Polynomials, Rows, Search, Segments, Step, Values
from evaluator.vector import Flags, Floats, Index, Vector, clean, doubts, either, some, tidy, worst


def text_codes(step: Step, type: Type, v: Vector, context: Context) -> Index:
    """The step's codes of a column of texts, labels, flags or links (by the key of the row)."""
    unlisted = len(step.texts)
    match type.kind:
        case Kind.LINK:
            key = ("keys", id(step), type.entity)
            if key not in context.memo:
                keys = context.book.tables[type.entity].keys
                context.memo[key] = np.array([*(step.texts.get(k, unlisted) for k in keys), unlisted], dtype=np.int32)
            codes = context.memo[key]
        case Kind.ENUM:
            codes = np.array([step.texts.get(label, unlisted) for label in type.labels], dtype=np.int32)
        case Kind.FLAG:
            codes = np.array([step.texts.get(word, unlisted) for word in ("no", "yes")], dtype=np.int32)
        case _:
            codes = np.array([*(step.texts.get(t, unlisted) for t in context.texts), unlisted], dtype=np.int32)
    found: Index = codes[v.values.astype(np.intp, copy=False)]
    return found


def near_bound(step: Step, state: Index | int, code: Index, x: Vector) -> Flags | None:
    """Rows whose value is too near to a bound to tell its side, where the other side leads elsewhere."""
    if x.exact and not step.rounded:
        return None
    fence = np.array([-np.inf, *step.bounds, np.inf])
    below, above = x.values - fence[code], fence[code + 1] - x.values
    gap = np.minimum(below, above, out=below)
    if x.once:
        near = gap == 0.0
        if not near.any():
            return None
        at = np.where(x.values == fence[code], fence[code], fence[code + 1])
        tied = close(x, Vector(at, relative=HALF_UNIT if step.rounded else 0.0, once=True))
        near = near & tied if tied is not None else np.zeros_like(near)
    else:
        bound = np.asarray(total(x)) * GUARD
        if step.rounded:
            bound = bound + np.abs(x.values) * (2 * GUARD * HALF_UNIT)
        near = (gap <= bound) & (bound != 0.0) & np.isfinite(x.values)
    if not near.any():
        return None
    here = step.next(state, code)
    differs = (step.next(state, np.maximum(code - 1, 0)) != here) | (
        step.next(state, np.minimum(code + 1, len(step.bounds))) != here
    )
    return some(near & differs)


def _advance(step: Step, state: Index | int, key: Node, v: Vector, context: Context) -> tuple[Index, Flags | None]:
    if step.operator == "=":
        return step.next(state, text_codes(step, key.type, v, context)), None
    code = np.searchsorted(step.bounds, v.values, step.side)
    return step.next(state, code), near_bound(step, state, code, v)


def _locate(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """The row, or group of rows, that a table's keys lead to."""
    (search,) = node.attrs
    assert isinstance(search, Search)
    state: Index | int = 0
    quality, unsure = worst(*args), doubts(*args)
    lost: Flags = np.zeros(1, dtype=np.bool_)
    for step, key, v in zip(search.steps, node.args, args, strict=False):  # beyond the keys: bounds that are faulty
        found, near = _advance(step, state, key, v, context)
        unsure = either(unsure, near)
        missing = found < 0
        if missing.any():
            lost = lost | missing
            found = np.where(missing, 0, found)
        state = found
    if lost.any():
        quality = context.fault(node, Cause.NO_ROW, lost, quality, search.table)
    return Vector(clean(np.atleast_1d(state), quality), quality, unsure)


def _segment(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """The piece that x lies on, of the group in the second operand where x is ``grouped``. Others have to be known."""
    segments, guarded, grouped = node.attrs
    assert isinstance(segments, Segments)
    x = args[0]
    state: Index | int = args[1].values if grouped else 0
    quality, unsure = worst(*args), doubts(*args)
    if segments.positive:
        quality = context.fault(node, Cause.DOMAIN, x.values <= 0.0, quality)
        unsure = either(unsure, near_zero(x))
    never_below = node.args[0].facts.nonnegative and bool((segments.low <= 0.0).all())
    for ends, beyond in ((segments.low, np.less), (segments.high, np.greater)):
        wanted = ("unknown", "ladder") if beyond is np.less and not never_below else ("unknown",)
        if segments.outside in wanted:
            end = Vector(np.atleast_1d(ends[state]), relative=HALF_UNIT if segments.step.rounded else 0.0, once=True)
            quality = context.fault(node, segments.cause, beyond(x.values, end.values), quality, segments.number)
            unsure = either(unsure, close(x, end))
    if segments.outside == "extended" and node.args[0].facts.infinite:
        quality = context.fault(node, Cause.OVERFLOW, np.isinf(x.values), quality)
    code = np.searchsorted(segments.step.bounds, x.values, "right")
    piece = segments.step.next(state, code)
    if guarded:
        unsure = either(unsure, near_bound(segments.step, state, code, x))
    return Vector(clean(np.atleast_1d(piece), quality), quality, unsure)


def _offset(x: Vector, start: Floats, slope: Floats, infinite: bool) -> Floats:
    offset: Floats = x.values - start
    if infinite:
        offset = np.where(np.isinf(x.values) & (slope == 0.0), 0.0, offset)  # on a flat end, whose value it is
    return offset


def _piecewise(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """The value on a piece, a polynomial of at most the third degree. Points give their value exactly."""
    (pieces,) = node.attrs
    assert isinstance(pieces, Polynomials)
    x, piece = args
    p = piece.values
    y = pieces.y[p]
    inner = pieces.a[p]
    offset = _offset(x, pieces.start[p], inner, node.args[0].facts.infinite)
    if pieces.b is not None and pieces.c is not None:
        inner = inner + offset * (pieces.b[p] + offset * pieces.c[p])
    quality = worst(*args)
    result = _checked(node, y + offset * inner, quality, context)
    result.doubt = doubts(*args)
    if context.tracks(node):
        steep, size = pieces.steep[p], np.abs(x.values) + np.abs(pieces.start[p])
        result.absolute = _finite(steep * (np.asarray(total(x)) + 16 * HALF_UNIT * size) + 8 * HALF_UNIT * np.abs(y))
    return result


def _logarithmic(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """The value on a piece that is straight in ln x."""
    (pieces,) = node.attrs
    assert isinstance(pieces, Polynomials)
    x, piece = args
    p = piece.values
    start, slope = pieces.start[p], pieces.a[p]
    ratio = np.where(x.values > 0.0, x.values / start, 1.0)
    along = np.where(np.isinf(ratio) & (slope == 0.0), 0.0, np.log(ratio))
    quality = worst(*args)
    result = _checked(node, pieces.y[p] + slope * along, quality, context)
    result.doubt = doubts(*args)
    if context.tracks(node):
        relative = np.asarray(total(x)) / np.where(x.values > 0.0, x.values, 1.0)
        off = pieces.steep[p] * (2 * relative + FUNCTION * (1 + np.abs(along)))
        result.absolute = _finite(off + 8 * HALF_UNIT * np.abs(pieces.y[p]))
    return result


def _checked(node: Node, values: Floats, quality: Quality | None, context: Context) -> Vector:
    if not np.isfinite(values).all():
        quality = context.fault(node, Cause.OVERFLOW, ~np.isfinite(values), quality)
    return Vector(clean(values, quality), quality)


def _finite(bound: Floats) -> Floats:
    return np.where(np.isfinite(bound), bound, 0.0)


def _take(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """A constant for each row or piece."""
    (constants,) = node.attrs
    (index,) = args
    if isinstance(constants, Rows):
        return Vector(constants.rows[index.values], index.quality, index.doubt)
    assert isinstance(constants, Values)
    values = clean(constants.values[index.values], index.quality)
    return Vector(values, index.quality, index.doubt, constants.relative, None, constants.once)


def _corner(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """The row of a grid's corner, from the sum of its two axes' parts."""
    (grid,) = node.attrs
    assert isinstance(grid, Rows)
    quality = worst(*args)
    return Vector(grid.rows[args[0].values + args[1].values], quality, doubts(*args))


def _mix(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """From ``low`` to ``high`` by a share; ``low`` alone, whatever the other is, where the share is none."""
    low, high, share = args
    rise = high.values - low.values
    at_low = share.values == 0.0
    values = np.where(at_low, low.values, low.values + rise * share.values)
    quality, unsure = worst(low, share), doubts(low, high, share)
    if high.quality is not None:
        beyond = np.where(at_low, KNOWN, high.quality)
        quality = tidy(beyond if quality is None else np.minimum(quality, beyond))
    bad = ~at_low & ~(np.isfinite(rise) & np.isfinite(values))
    quality = context.fault(node, Cause.OVERFLOW, bad, quality)
    result = Vector(clean(values, quality), quality, unsure)
    if context.tracks(node):
        sides = [np.asarray(total(v)) + 4 * HALF_UNIT * np.abs(v.values) for v in (low, high)]
        off = np.asarray(total(share)) * np.abs(rise) + (sides[0] + sides[1]) * (1 + np.abs(share.values))
        result.absolute = _finite(off)
    return result


def _choose(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """One of several operands, by the first: ``attrs[0]`` gives the operand for each of its values."""
    index, options = args[0], args[1:]
    slots = np.array(node.attrs[0], dtype=np.int32)[index.values]
    picks = [slots == k for k in range(len(options))]

    def pick(parts: Sequence[Floats | float | Quality | Flags | int]) -> Floats:
        return np.select(picks, [np.asarray(p) for p in parts])

    values = pick([o.values for o in options])
    quality, unsure = index.quality, index.doubt
    if any(o.quality is not None for o in options):
        codes = pick([KNOWN if o.quality is None else o.quality for o in options])
        quality = tidy(codes if quality is None else np.where(quality == KNOWN, codes, quality))  # type: ignore[arg-type]
    if any(o.doubt is not None for o in options):
        unsure = either(unsure, some(pick([False if o.doubt is None else o.doubt for o in options]).astype(np.bool_)))
    result = Vector(clean(values.astype(options[0].values.dtype, copy=False), quality), quality, unsure)
    if context.tracks(node):
        relative, absolute = merged(options, pick)
        result.relative, result.absolute = relative, plus(absolute)
        result.once = all(o.once for o in options)
    return result


LOOKUPS: dict[str, Kernel] = {
    "locate": _locate,
    "segment": _segment,
    "piecewise": _piecewise,
    "logarithmic": _logarithmic,
    "take": _take,
    "corner": _corner,
    "mix": _mix,
    "choose": _choose,
}
