"""How far floating point may be off, and the rows where that could turn a decision.

Every value carries a bound ``relative * |v| + absolute`` on its distance from the exact result of the decimals as
written (running error analysis, first order): a number read from a file is off by half a unit in the last place unless
it is whole, and every operation hands on its operands' errors, multiplied by its slope, and adds its own. ``relative``
is one number for the column, so that products and quotients cost nothing; ``absolute`` is an array, and appears where
numbers of both signs are added. Bounds are computed only for what some decision depends on (``evaluator.plan``). Each
operation's own error counts twice (ONE_STEP is two half units), and decisions take twice the bound again: that covers
the products of errors that first order leaves out.

A decision (a comparison, a bound, a step, a divisor's zero) is in doubt where its sides are closer than their bounds.
Whatever depends on a row in doubt is in doubt, until a formula's cell is settled by the reference interpreter.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from evaluator.columns import KNOWN
from evaluator.constants import Number
from evaluator.exact_dates import DATES
from evaluator.exact_finance import FINANCE
from evaluator.graph import Node
from evaluator.vector import Flags, Floats, Vector, some, worst

HALF_UNIT = 2.0**-53
ONE_STEP = 2 * HALF_UNIT
FUNCTION = 16 * HALF_UNIT  # of exp, ln and powers in NumPy, generously
GUARD = 2.0
_WHOLE = 2.0**53

# Which operands an operation decides by (None: all of them): their errors must be known.
DECIDING: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(("compare", "round_down", "round_up", "round_nearest", "locate", "segment", "logarithmic"), None),
    **dict.fromkeys(("distinct", "pairwise", "agg_first", "draw"), None),
    **dict.fromkeys(("sqrt", "ln", "pow", "floor", "ceil", "sign", "within"), (0,)),
    "div": (1,),
    "clamp": (1, 2),
    "interpolate": (1, 3),
    **dict.fromkeys((*FINANCE, *DATES), None),
}


def representation(values: Floats) -> float:
    """The relative error of numbers read from decimals: none where all are whole."""
    head = values[:1024]
    if not bool((np.rint(head) == head).all()):
        return HALF_UNIT
    whole = bool((np.rint(values) == values).all()) and bool((np.abs(values) < _WHOLE).all())
    return 0.0 if whole else HALF_UNIT


def total(v: Vector) -> Floats | float:
    """The bound of each row; 0.0 where there is no error."""
    if v.relative == 0.0:
        return 0.0 if v.absolute is None else v.absolute
    relative = np.abs(v.values)
    relative *= v.relative
    if relative.size and not np.isfinite(relative.max()):
        relative[~np.isfinite(relative)] = 0.0  # infinite is infinite, and nothing else
    if v.absolute is not None:
        relative = relative + v.absolute
    return relative


def plus(*parts: Floats | float | None) -> Floats | None:
    """The sum of those that are not zero; None for zero."""
    found: Floats | None = None
    for part in parts:
        if part is not None and not isinstance(part, float):
            found = part if found is None else found + part
    return found


# -- decisions --------------------------------------------------------------------------------


def _inexact(v: Vector, shape: tuple[int, ...], rows: npt.NDArray[np.intp]) -> Flags | bool:
    """Which of the rows may have been rounded: of a column, those that are not whole."""
    if v.exact or v.values.shape == (1,):
        return not v.exact
    values = np.broadcast_to(v.values, shape)[rows]
    found: Flags = (np.rint(values) != values) | (np.abs(values) >= _WHOLE)
    return found


def close(a: Vector, b: Vector, gap: Floats | None = None) -> Flags | None:
    """Rows in which ``a`` and ``b`` are closer than their errors, so that floats don't say which is greater."""
    if a.exact and b.exact:
        return None
    if a.once and b.once:  # rounding never swaps two numbers: only a tie is in doubt
        tied = np.equal(a.values, b.values)
        if not tied.any():
            return None
        rows = np.flatnonzero(tied)
        tied[rows] = _inexact(a, tied.shape, rows) | _inexact(b, tied.shape, rows)
        return some(tied & _both_known(a, b))
    if gap is None:
        gap = np.subtract(a.values, b.values)
    distance = np.abs(gap)
    bound = total(a) + total(b)
    far = distance > (bound * GUARD)
    if far.all():
        return None
    return some(~far & (np.asarray(bound) != 0.0) & np.isfinite(distance) & _both_known(a, b))


def _both_known(a: Vector, b: Vector) -> Flags | bool:
    """Rows whose values mean something: what is unknown is not compared, so that nothing is in doubt there."""
    quality = worst(a, b)
    return True if quality is None else quality == KNOWN


def near_zero(v: Vector) -> Flags | None:
    """Rows whose value may be on the other side of zero, or zero."""
    if v.absolute is None:  # a relative error never crosses zero; zero itself then has none
        return None
    return close(v, Vector(np.zeros(1)))


# -- bounds of results ------------------------------------------------------------------------

Bound = tuple[float, Floats | None]


def _sum(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    a, b = args
    if node.op == "add" and all(n.facts.nonnegative for n in node.args):
        return max(a.relative, b.relative) + ONE_STEP, plus(a.absolute, b.absolute)
    return ONE_STEP, plus(total(a), total(b))


def _product(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    a, b = args
    parts: list[Floats | None] = [
        None if a.absolute is None else a.absolute * np.abs(b.values),
        None if b.absolute is None else b.absolute * np.abs(a.values),
        None if a.absolute is None or b.absolute is None else a.absolute * b.absolute,
    ]
    return a.relative + b.relative + ONE_STEP, plus(*parts)


def _quotient(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    a, b = args
    absolute = plus(a.absolute, None if b.absolute is None else b.absolute * np.abs(result.values))
    if absolute is not None:  # where it is out of doubt, the divisor is at least twice its error
        absolute = 2.0 * absolute / np.abs(b.values)
    return a.relative + b.relative + ONE_STEP, absolute


def _same(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    return args[0].relative, args[0].absolute


def _exact(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    return 0.0, None


def _extreme(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    """Of min, max and clamp: the bound of the operand that gives the value; of those that might, the largest.

    An exact operand stays exact where it is the one: ``min(100%, x)`` is 100 % sharp there.
    """
    relative = _shared(args)
    if relative is not None:
        return relative, None
    bounds = [total(a) for a in args]
    largest = _greatest(bounds)
    taken = [
        np.where(np.abs(a.values - result.values) > GUARD * (b + largest), 0.0, b)
        for a, b in zip(args, bounds, strict=True)
        if not a.exact
    ]
    return 0.0, np.asarray(_greatest(taken))


def _greatest(bounds: Sequence[Floats | float]) -> Floats | float:
    found = bounds[0]
    for bound in bounds[1:]:
        found = np.maximum(found, bound)
    return found


def _shared(options: Sequence[Vector]) -> float | None:
    """The relative bound that all options have, if that is all they have; a constant zero has any."""
    if any(o.absolute is not None for o in options):
        return None
    relatives = {o.relative for o in options if not (o.exact and o.values.shape == (1,) and o.values[0] == 0.0)}
    return max(relatives, default=0.0) if len(relatives) <= 1 else None


def _select(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    condition, then, otherwise = args
    if condition.uniform:
        taken = then if condition.values[0] else otherwise
        return taken.relative, taken.absolute
    return merged([then, otherwise], lambda bounds: np.where(condition.values, *bounds))


def merged(options: Sequence[Vector], pick: Callable[[list[Floats | float]], Floats]) -> Bound:
    """The bound of values each taken from one of the options: ``pick`` takes their bounds as it took the values."""
    relative = _shared(options)
    return (0.0, pick([total(o) for o in options])) if relative is None else (relative, None)


def _power(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    (x,) = args
    exponent = node.attrs[0]
    assert isinstance(exponent, Number)
    p = abs(float(exponent))
    relative = 1.01 * p * x.relative + FUNCTION
    if x.absolute is None:
        return relative, None
    size, off = np.abs(x.values), x.absolute
    if float(exponent) >= 1:
        return relative, p * (size + off) ** (p - 1) * off
    if float(exponent) > 0:  # concave: never more than the error's own power
        slope = p * np.maximum(size - off, 0.0) ** (p - 1) * off
        return relative, np.where(size > 2 * off, slope, (size + off) ** p)
    return relative, np.where(size > off, p * (size - off) ** (float(exponent) - 1) * off, np.inf)


def _root(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    (x,) = args
    if x.absolute is None:
        return x.relative + ONE_STEP, None
    size, off = np.abs(x.values), x.absolute
    return x.relative + ONE_STEP, np.where(size > 2 * off, off / np.sqrt(np.maximum(size, 1e-300)), np.sqrt(size + off))


def _exponential(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    off = total(args[0])
    return FUNCTION, None if isinstance(off, float) else np.expm1(off) * result.values * 1.01


def _logarithm(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    (x,) = args
    absolute = np.asarray([2 * x.relative]) if x.relative else None
    if x.absolute is not None:
        absolute = plus(absolute, x.absolute / np.maximum(np.abs(x.values) - x.absolute, 1e-300))
    return FUNCTION, absolute


def _round(node: Node, args: Sequence[Vector], result: Vector) -> Bound:
    step = args[1]
    if step.absolute is None:
        return step.relative + ONE_STEP, None
    return step.relative + ONE_STEP, 2.0 * step.absolute * np.abs(result.values) / np.abs(step.values)


_ONCE = {"neg", "abs", "min", "max", "clamp", "select", "within"}  # what rounding doesn't change the order of

_BOUNDS: dict[str, Callable[[Node, Sequence[Vector], Vector], Bound]] = {
    **dict.fromkeys(("add", "sub"), _sum),
    "mul": _product,
    "div": _quotient,
    **dict.fromkeys(("neg", "abs", "within"), _same),
    **dict.fromkeys(("min", "max", "clamp"), _extreme),
    **dict.fromkeys(("sign", "floor", "ceil"), _exact),
    **dict.fromkeys(("round_down", "round_up", "round_nearest"), _round),
    "select": _select,
    "pow": _power,
    "sqrt": _root,
    "exp": _exponential,
    "ln": _logarithm,
}


def bounded(node: Node, args: Sequence[Vector], result: Vector) -> Vector:
    """The result with its bound. Kernels of inputs, lookups and groups give their own."""
    rule = _BOUNDS.get(node.op)
    if rule is None:
        return result
    relative, absolute = rule(node, args, result)
    absolute = plus(absolute, result.absolute)
    if absolute is not None and result.quality is not None:
        absolute = np.where(result.quality == KNOWN, absolute, 0.0)
    numbers = [a for n, a in zip(node.args, args, strict=True) if n.numeric]
    once = node.op in _ONCE and all(a.once for a in numbers)
    return replace(result, relative=relative, absolute=absolute, once=once)  # it may be an operand itself
