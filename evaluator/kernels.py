"""One NumPy row per operation on rows: arithmetic, comparisons, logic, choice. Pure functions of their operands.

Whether an operation overflowed, divided by zero or left its domain is asked of the processor's floating-point flags,
which costs nothing; only where a flag was raised are the rows looked at one by one.
"""

from collections.abc import Callable, Sequence

import numpy as np

from dsl.causes import Cause
from dsl.model import Kind
from evaluator.columns import KNOWN, Quality
from evaluator.constants import TOLERANCE, Number
from evaluator.context import Context
from evaluator.error import GUARD, ONE_STEP, bounded, close, near_zero, total
from evaluator.graph import Node
from evaluator.vector import Flags, Floats, Vector, clean, doubts, either, some, tidy, worst

Kernel = Callable[[Node, Sequence[Vector], Context], Vector]
_SMALLEST = float(np.finfo(np.float64).smallest_normal)
_TOLERANCE = float(TOLERANCE)
ZERO = Vector(np.zeros(1))


def _arithmetic(ufunc: Callable[..., Floats], faults: "Faults", doubt: "Doubt | None" = None) -> Kernel:
    """The kernel of a NumPy function. ``faults`` finds the rows without a value, ``doubt`` those that may be one."""

    def kernel(node: Node, args: Sequence[Vector], context: Context) -> Vector:
        values = [a.values for a in args]
        quality, unsure = worst(*args), doubts(*args)
        absolute: Floats | None = None
        infinite = any(n.facts.infinite and bool(np.isinf(v).any()) for n, v in zip(node.args, values, strict=True))
        try:
            with np.errstate(all="raise"):
                result = ufunc(*values)
        except FloatingPointError:
            result = ufunc(*values)
            infinite = True
            if context.tracks(node):  # what underflows is off by less than the smallest normal number
                tiny = np.abs(result) < _SMALLEST
                absolute = np.where(tiny, _SMALLEST, 0.0) if tiny.any() else None
        if infinite or quality is not None:
            for cause, where in faults(node, values, result) if infinite else ():
                quality = context.fault(node, cause, where, quality)
            result = clean(result, quality)
            if absolute is not None and quality is not None:
                absolute = np.where(quality == KNOWN, absolute, 0.0)
        if doubt is not None:
            unsure = either(unsure, doubt(args))
        return Vector(result, quality, unsure, absolute=absolute)

    return kernel


Faults = Callable[[Node, list[Floats], Floats], Sequence[tuple[Cause, Flags]]]
Doubt = Callable[[Sequence[Vector]], Flags | None]


def _overflow(node: Node, values: list[Floats], result: Floats) -> list[tuple[Cause, Flags]]:
    bad: Flags = ~np.isfinite(result)
    for value in values:
        bad = bad | np.isinf(value)
    return [(Cause.OVERFLOW, bad)]


def _division(node: Node, values: list[Floats], result: Floats) -> list[tuple[Cause, Flags]]:
    return [(Cause.DIVISION, values[1] == 0.0), *_overflow(node, values, result)]


def _below_zero(node: Node, values: list[Floats], result: Floats) -> list[tuple[Cause, Flags]]:
    return [(Cause.DOMAIN, values[0] < 0.0), *_overflow(node, values, result)]


def _at_or_below_zero(node: Node, values: list[Floats], result: Floats) -> list[tuple[Cause, Flags]]:
    return [(Cause.DOMAIN, values[0] <= 0.0), *_overflow(node, values, result)]


_divide = _arithmetic(np.divide, _division, lambda args: near_zero(args[1]))


def _power(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """``x ^ p`` for the constant p in the node's attributes."""
    exponent = node.attrs[0]
    assert isinstance(exponent, Number)
    power = float(exponent)
    whole = power.is_integer()

    def faults(node: Node, values: list[Floats], result: Floats) -> list[tuple[Cause, Flags]]:
        found = _overflow(node, values, result)
        if not whole:
            found.insert(0, (Cause.DOMAIN, values[0] < 0.0))
        if power < 0:
            found.insert(0, (Cause.DIVISION, values[0] == 0.0))
        return found

    unsure: Doubt | None = (lambda args: near_zero(args[0])) if power < 0 or not whole else None
    return _arithmetic(lambda x: np.power(x, power), faults, unsure)(node, args, context)


def _negative(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    return Vector(np.negative(args[0].values), args[0].quality, args[0].doubt)


def _sign(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    return Vector(np.sign(args[0].values), args[0].quality, either(args[0].doubt, near_zero(args[0])))


def _extreme(ufunc: Callable[[Floats, Floats], Floats]) -> Kernel:
    def kernel(node: Node, args: Sequence[Vector], context: Context) -> Vector:
        result = args[0].values
        for arg in args[1:]:
            result = ufunc(result, arg.values)
        quality = worst(*args)
        return Vector(clean(result, quality), quality, doubts(*args))

    return kernel


def _clamp(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    x, low, high = args
    crossed = low.values > high.values
    quality = worst(*args)
    if crossed.any():
        quality = context.fault(node, Cause.DOMAIN, crossed, quality)
    result = np.minimum(np.maximum(x.values, low.values), high.values)
    return Vector(clean(result, quality), quality, either(doubts(*args), close(low, high)))


# -- rounding ---------------------------------------------------------------------------------


def _whole(v: Vector, rule: Callable[[Floats], Floats]) -> tuple[Floats, Flags | None]:
    """``rule`` (floor or ceil) of v, and the rows where a whole number is too near to tell the side."""
    result = rule(v.values)
    return result, None if v.exact else close(v, Vector(np.rint(v.values)))


def _to_whole(rule: Callable[[Floats], Floats]) -> Kernel:
    def kernel(node: Node, args: Sequence[Vector], context: Context) -> Vector:
        (x,) = args
        result, unsure = _whole(x, rule)
        quality = x.quality
        if node.args[0].facts.infinite:
            quality = context.fault(node, Cause.OVERFLOW, np.isinf(x.values), quality)
        return Vector(clean(result, quality), quality, either(x.doubt, unsure))

    return kernel


def _to_step(rule: Callable[[Floats], Floats], shift: float) -> Kernel:
    """Rounding to a multiple of a step: ``rule(x / step + shift) * step``."""

    def kernel(node: Node, args: Sequence[Vector], context: Context) -> Vector:
        x, step = args
        bad = step.values <= 0.0
        quality = context.fault(node, Cause.DOMAIN, bad, worst(*args)) if bad.any() else worst(*args)
        if any(n.facts.infinite for n in node.args):
            quality = context.fault(node, Cause.OVERFLOW, np.isinf(x.values) | np.isinf(step.values), quality)
        safe = Vector(np.where(step.values > 0.0, step.values, 1.0), relative=step.relative, absolute=step.absolute)
        count = _count(node, x, safe, shift)
        number, unsure = _whole(count, rule)
        result = number * safe.values
        quality = context.fault(node, Cause.OVERFLOW, ~np.isfinite(result), quality)
        return Vector(clean(result, quality), quality, either(doubts(*args), near_zero(step), unsure))

    return kernel


def _count(node: Node, x: Vector, step: Vector, shift: float) -> Vector:
    """``x / step + shift``, exact where an exact x is a whole number of half steps."""
    division = bounded_as("div", node, [x, step], Vector(x.values / step.values))
    count = Vector(division.values + shift, relative=division.relative + ONE_STEP, absolute=division.absolute)
    if x.exact and step.exact:
        halves = np.fmod(x.values, step.values * 0.5) == 0.0  # fmod is exact, and so is a quotient that is whole
        sharp = halves & (np.abs(count.values) < 2.0**51)
        count = Vector(count.values, absolute=np.where(sharp, 0.0, np.asarray(total(count))))
    elif shift:
        count.absolute = np.asarray(total(count)) + ONE_STEP
        count.relative = 0.0
    return count


def bounded_as(op: str, node: Node, args: Sequence[Vector], result: Vector) -> Vector:
    """The result with the bound of another operation on the node's operands."""
    return bounded(Node(-1, op, node.args, (), node.grain, node.type, node.facts), args, result)


# -- comparisons and logic --------------------------------------------------------------------

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
            holds, unsure = holds | slack, either(unsure, unsure_slack)
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


def _const(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    value = node.constant
    match node.type.kind, value:
        case _, Number():
            return Vector(np.array([float(value)]), relative=0.0 if value.exact else ONE_STEP / 2, once=True)
        case Kind.FLAG, _:
            return Vector(np.array([bool(value)]))
        case Kind.ENUM, int():
            return Vector(np.array([value], dtype=np.int32))
        case _, str():
            return Vector(np.array([context.text_code(value)], dtype=np.int32))
    raise TypeError(f"no constant of {node.type.kind} is {value!r}")


KERNELS: dict[str, Kernel] = {
    "const": _const,
    "add": _arithmetic(np.add, _overflow),
    "sub": _arithmetic(np.subtract, _overflow),
    "mul": _arithmetic(np.multiply, _overflow),
    "div": _divide,
    "pow": _power,
    "neg": _negative,
    "abs": _arithmetic(np.abs, _overflow),
    "sign": _sign,
    "min": _extreme(np.minimum),
    "max": _extreme(np.maximum),
    "clamp": _clamp,
    "sqrt": _arithmetic(np.sqrt, _below_zero, lambda args: near_zero(args[0])),
    "exp": _arithmetic(np.exp, _overflow),
    "ln": _arithmetic(np.log, _at_or_below_zero, lambda args: near_zero(args[0])),
    "floor": _to_whole(np.floor),
    "ceil": _to_whole(np.ceil),
    "round_down": _to_step(np.floor, 0.0),
    "round_up": _to_step(np.ceil, 0.0),
    "round_nearest": _to_step(np.floor, 0.5),
    "compare": _compare,
    "margin": _margin,
    "not": _not,
    "and": _logic(False),
    "or": _logic(True),
    "select": _select,
    "absent": _absent,
    "known": _known,
}
