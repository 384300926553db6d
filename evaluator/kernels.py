"""One NumPy row per arithmetic operation. Pure functions of their operands.

Whether an operation overflowed, divided by zero or left its domain is asked of the processor's floating-point flags,
which costs nothing; only where a flag was raised are the rows looked at one by one.
"""

from collections.abc import Callable, Sequence

import numpy as np

from dsl.causes import Cause
from dsl.model import Kind
from evaluator.columns import KNOWN
from evaluator.constants import Constant, Number
from evaluator.context import Context
from evaluator.error import ONE_STEP, bounded, close, near_zero, total
from evaluator.graph import Node
from evaluator.vector import Flags, Floats, Vector, clean, doubts, either, worst

Kernel = Callable[[Node, Sequence[Vector], Context], Vector]
_SMALLEST = float(np.finfo(np.float64).smallest_normal)
UNDERFLOW = 4  # the flag that NumPy's error handler gets


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
            seen: list[int] = []
            with np.errstate(all="call", call=lambda kind, flag: seen.append(flag)):
                result = ufunc(*values)
            infinite = True
            if context.tracks(node) and any(
                flag & UNDERFLOW for flag in seen
            ):  # what underflows is off by less than the smallest normal number
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


def _interpolate(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """``y0 + (y1 - y0) * clamp((x - x0) / (x1 - x0), 0, 1)``."""
    x, x0, y0, x1, y1 = (a.values for a in args)
    span, rise = x1 - x0, y1 - y0
    along = np.clip((x - x0) / span, 0.0, 1.0)
    result = y0 + rise * along
    bad = x0 == x1
    quality = context.fault(node, Cause.DIVISION, bad, worst(*args)) if bad.any() else worst(*args)
    if not np.isfinite(result).all() or any(n.facts.infinite for n in node.args):
        for cause, where in _overflow(node, [x, x0, y0, x1, y1], result + span):
            quality = context.fault(node, cause, where, quality)
    unsure = either(doubts(*args), close(args[1], args[3]))
    found = Vector(clean(result, quality), quality, unsure)
    if context.tracks(node):
        off = np.zeros(1)
        for arg in (args[0], args[1], args[3]):
            off = off + total(arg) + 4 * ONE_STEP * np.abs(arg.values)
        bound = np.asarray(total(args[2]) + total(args[4])) + 4 * ONE_STEP * (np.abs(y0) + np.abs(y1))
        found.absolute = np.nan_to_num(bound + 2 * np.abs(rise / span) * off, posinf=0.0)
    return found


# -- rounding ---------------------------------------------------------------------------------


def _whole(v: Vector, rule: Callable[[Floats], Floats]) -> tuple[Floats, Flags | None]:
    """``rule`` (floor or ceil) of v, and the rows where a whole number is too near to tell the side."""
    result = rule(v.values)
    return result, None if v.exact else close(v, Vector(np.rint(v.values), once=True))


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


# -- constants ------------------------------------------------------------------------------------


def _const(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    return constant(node, node.constant, context)


def constant(node: Node, value: Constant | None, context: Context) -> Vector:
    """A node's value where it is that constant."""
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
    "interpolate": _interpolate,
    "sqrt": _arithmetic(np.sqrt, _below_zero, lambda args: near_zero(args[0])),
    "exp": _arithmetic(np.exp, _overflow),
    "ln": _arithmetic(np.log, _at_or_below_zero, lambda args: near_zero(args[0])),
    "floor": _to_whole(np.floor),
    "ceil": _to_whole(np.ceil),
    "round_down": _to_step(np.floor, 0.0),
    "round_up": _to_step(np.ceil, 0.0),
    "round_nearest": _to_step(np.floor, 0.5),
}
