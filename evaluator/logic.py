"""Kernels that compare, decide and choose: three-valued, row by row. Pure functions of their operands."""

from collections.abc import Callable, Sequence

import numpy as np

from dsl.causes import Cause
from evaluator.columns import KNOWN, Quality
from evaluator.constants import TOLERANCE
from evaluator.context import Context
from evaluator.error import GUARD, ONE_STEP, close, total
from evaluator.graph import Node
from evaluator.kernels import Kernel
from evaluator.vector import Flags, Floats, Vector, clean, doubts, either, some, tidy, worst

_TOLERANCE = float(TOLERANCE)
_ORDER: dict[str, Callable[[Floats, Floats], Flags]] = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def _compare(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    a, b = args
    operator, tolerant = node.attrs
    assert isinstance(operator, str)
    quality, unsure = worst(a, b), doubts(a, b)
    holds = _ORDER[operator](a.values, b.values)
    if node.args[0].numeric:
        if tolerant and operator in ("=", "<=", ">="):
            slack, unsure_slack = _slack(a, b)
            known = True if quality is None else quality == KNOWN
            holds, unsure = holds | slack, either(unsure, None if unsure_slack is None else some(unsure_slack & known))
        else:
            unsure = either(unsure, close(a, b))
    return Vector(clean(holds, quality), quality, unsure)


def _slack(a: Vector, b: Vector) -> tuple[Flags, Flags | None]:
    """Where two numbers are within a check's tolerance of each other, and where that is in doubt."""
    gap = np.abs(a.values - b.values)
    allowed = _TOLERANCE * np.maximum(np.abs(a.values), np.abs(b.values))
    finite = np.isfinite(gap)
    off = np.asarray(total(a) + total(b)) * (GUARD * 1.01) + 4 * ONE_STEP * np.where(finite, gap + allowed, 0.0)
    return finite & (gap <= allowed), some(finite & (off > 0.0) & (np.abs(gap - allowed) <= off))


def _margin(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """By how much a comparison is violated: positive where it is, 0 where it is unknown."""
    a, b = args
    gap = np.where(a.values == b.values, 0.0, a.values - b.values)
    match node.attrs[0]:
        case "<" | "<=":
            result = gap
        case ">" | ">=":
            result = -gap
        case "=":
            result = np.abs(gap)
        case _:
            result = -np.abs(gap)
    quality = worst(a, b)
    return Vector(clean(result, quality), quality)


def _not(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    (a,) = args
    return Vector(clean(~a.values, a.quality), a.quality, a.doubt)


def _logic(decisive: bool) -> Kernel:
    """``or`` (decided by a yes) and ``and`` (decided by a no)."""

    def kernel(node: Node, args: Sequence[Vector], context: Context) -> Vector:
        join = np.logical_or if decisive else np.logical_and
        result = args[0].values
        for arg in args[1:]:
            result = join(result, arg.values)
        quality, unsure = worst(*args), doubts(*args)
        if quality is not None:
            decided = either(*(_known_as(a, decisive) for a in args))
            assert decided is not None
            quality = tidy(np.where(decided, KNOWN, quality))
            result = np.where(decided, decisive, not decisive)
            result = clean(result, quality)
        if unsure is not None:
            sharp = either(*(_known_as(a, decisive) & ~_flag(a.doubt) for a in args))
            assert sharp is not None
            unsure = some(unsure & ~sharp)
        return Vector(result, quality, unsure)

    return kernel


def _flag(flags: Flags | None) -> Flags:
    return np.zeros(1, dtype=np.bool_) if flags is None else flags


def _known_as(v: Vector, value: bool) -> Flags:
    same: Flags = v.values == value
    return same if v.quality is None else same & (v.quality == KNOWN)


# -- choice -----------------------------------------------------------------------------------


def _select(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """``if``: a row has the quality and doubt of its condition and of the branch that it takes."""
    condition, then, otherwise = args
    if condition.uniform:
        return then if condition.values[0] else otherwise
    result = np.where(condition.values, then.values, otherwise.values)
    quality: Quality | None = None
    if then.quality is not None or otherwise.quality is not None:
        quality = np.where(condition.values, _codes(then), _codes(otherwise))
    if condition.quality is not None:
        quality = np.where(condition.quality == KNOWN, KNOWN if quality is None else quality, condition.quality)
    quality = tidy(quality)
    unsure: Flags | None = None
    if then.doubt is not None or otherwise.doubt is not None:
        unsure = some(np.where(condition.values, _flag(then.doubt), _flag(otherwise.doubt)))
    return Vector(clean(result, quality), quality, either(condition.doubt, unsure))


def _codes(v: Vector) -> Quality:
    return np.full(1, KNOWN, dtype=np.int64) if v.quality is None else v.quality


def _blank(node: Node, v: Vector, context: Context) -> Flags | None:
    """Where ``??`` replaces: the operand is blank, or finds no row in the table whose number the node has."""
    if v.quality is None:
        return None
    (table,) = node.attrs
    if table is None:
        blank: Flags = (v.quality >= _BLANK) & (v.quality < _BLANK + _CAUSE)
        return blank
    assert isinstance(table, int)
    lost: Flags = v.quality == context.codes(Cause.NO_ROW, node, table)
    return lost


_CAUSE = 1 << 59
_BLANK = int(Cause.BLANK) * _CAUSE


def _absent(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    blank = _blank(node, args[0], context)
    return Vector(np.zeros(1, dtype=np.bool_) if blank is None else blank, None, args[0].doubt)


def _known(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    (a,) = args
    blank = _blank(node, a, context)
    if blank is None or a.quality is None:
        return Vector(np.ones(1, dtype=np.bool_), None, a.doubt)
    quality = tidy(np.where(blank, KNOWN, a.quality))
    return Vector(a.quality == KNOWN, quality, a.doubt)


LOGIC: dict[str, Kernel] = {
    "compare": _compare,
    "margin": _margin,
    "not": _not,
    "and": _logic(False),
    "or": _logic(True),
    "select": _select,
    "absent": _absent,
    "known": _known,
}
