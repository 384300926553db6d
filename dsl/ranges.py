"""Interval analysis: what values a formula can take, from the declared ranges; warns of divisors that may be zero."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from dsl import model
from dsl.diagnostics import Diagnostics
from dsl.model import INFINITE, Exact, Interval, Kind

ANYTHING = Interval()
ZERO = Fraction(0)
ONE = Fraction(1)
NEVER_NEGATIVE = Interval(ZERO)


@dataclass(frozen=True, slots=True)
class NonZero:
    """Stands among the facts for what a guard has shown not to be zero, which no interval says."""

    expr: model.Expr


Facts = Mapping[model.Expr | NonZero, Interval]
NO_FACTS: Facts = {}


@dataclass(slots=True)
class Ranges:
    """The ranges of one policy's columns so far; ``report`` gets the warnings."""

    params: Mapping[str, model.Param]
    tables: Mapping[str, model.Table]
    curves: Mapping[str, model.Curve]
    report: Diagnostics
    columns: dict[tuple[str, str], Interval] = field(default_factory=dict)

    def of(self, expr: model.Expr, facts: Facts = NO_FACTS, args: Mapping[str, Interval] | None = None) -> Interval:
        """The interval that holds every known value of a number; ANYTHING for what is no number."""
        found = self._of(expr, facts, args or {})
        known = facts.get(expr)
        return found if known is None else intersect(found, known)

    def _of(self, expr: model.Expr, facts: Facts, args: Mapping[str, Interval]) -> Interval:
        match expr:
            case model.Const():
                return (
                    point(expr.value)
                    if isinstance(expr.value, Fraction | float) and not isinstance(expr.value, bool)
                    else ANYTHING
                )
            case model.ParamRead():
                return self._param(expr.name)
            case model.ArgRead():
                return args.get(expr.name, ANYTHING)
            case model.Read():
                return self.columns.get((expr.entity, expr.column), ANYTHING)
            case model.Unary():
                inner = self.of(expr.operand, facts, args)
                return negative(inner) if expr.operator == "-" else ANYTHING
            case model.Binary():
                return self._binary(expr, facts, args)
            case model.Compare():
                self.of(expr.left, facts, args), self.of(expr.right, facts, args)
            case model.Logic():
                for operand in expr.operands:
                    self.of(operand, facts, args)
                    facts = learn(facts, operand, expr.operator == "and")
            case model.If():
                self.of(expr.condition, facts, args)
                then = self.of(expr.then, learn(facts, expr.condition, True), args)
                return union((then, self.of(expr.otherwise, learn(facts, expr.condition, False), args)))
            case model.Fallback():
                return union((self.of(expr.operand, facts, args), self.of(expr.otherwise, facts, args)))
            case model.Known():
                self.of(expr.operand, facts, args)
            case model.BuiltinCall():
                return builtin(expr.name, [self.of(a, facts, args) for a in expr.args])
            case model.FunctionCall():
                return self.of(expr.body, NO_FACTS, {n: self.of(a, facts, args) for n, a in expr.args})
            case model.TableCall():
                return self._table(expr, [self.of(a, facts, args) for a in expr.args])
            case model.CurveCall():
                return self._curve(expr, self.of(expr.arg, facts, args))
            case model.Unshocked():
                return self.of(expr.operand, facts, args)
            case model.Over():
                self.of(expr.value, NO_FACTS, args)
            case model.Aggregate():
                return self._aggregate(expr, facts, args)
            case model.Until():
                self.of(expr.condition, facts, args)
        return ANYTHING

    def _param(self, name: str) -> Interval:
        param = self.params[name]
        if param.domain is not None:
            return param.domain
        return ANYTHING

    def _binary(self, expr: model.Binary, facts: Facts, args: Mapping[str, Interval]) -> Interval:
        left, right = self.of(expr.left, facts, args), self.of(expr.right, facts, args)
        match expr.operator:
            case "+":
                return add(left, right)
            case "-":
                return add(left, negative(right))
            case "*":
                if expr.left == expr.right:
                    return NEVER_NEGATIVE
                return multiply(left, right)
            case "/":
                if may_be_zero(right):
                    if NonZero(expr.right) not in facts:
                        self._divisor(expr.right, right)
                    return ANYTHING
                return multiply(left, reciprocal(right))
        return (
            Interval(ZERO, None, left.low_open and left.low == 0)
            if left.low is not None and left.low >= 0
            else ANYTHING
        )

    def _divisor(self, expr: model.Expr, found: Interval) -> None:
        shown = expr.span.text.strip()
        negative_too = found.low is None or found.low < 0
        self.report.warn(
            "W201",
            f"`{shown}` may be zero{' or negative' if negative_too else ''} here, and nothing handles it",
            expr.span,
            help=f"guard it: `if {shown} > 0 then … else …`, or give its inputs a range; "
            "where it is zero, the result is unknown",
        )

    def _table(self, expr: model.TableCall, keys: list[Interval]) -> Interval:
        table = self.tables[expr.table]
        place, column = next((i, c) for i, c in enumerate(table.columns) if c.name == expr.column)
        args = dict(zip((n for n, _ in table.args), keys, strict=True))
        cells = union(self.of(row.values[place], NO_FACTS, args) for row in table.rows)
        if column.marginal:
            return NEVER_NEGATIVE if cells.low is not None and cells.low >= 0 else ANYTHING
        return ANYTHING if table.outside == "extended" else cells

    def _curve(self, expr: model.CurveCall, arg: Interval) -> Interval:
        curve = self.curves[expr.curve]
        if curve.formula is not None:
            return self.of(curve.formula, NO_FACTS, {curve.arg: arg})
        if curve.outside == "extended" and curve.method != "step":
            return ANYTHING
        return union(self.of(y) for _, y in curve.points)

    def _aggregate(self, expr: model.Aggregate, facts: Facts, args: Mapping[str, Interval]) -> Interval:
        if expr.where is not None:
            self.of(expr.where, facts, args)
            facts = learn(facts, expr.where, True)
        member = ANYTHING if expr.value is None else self.of(expr.value, facts, args)
        match expr.function:
            case "count":
                return NEVER_NEGATIVE
            case "share":
                return Interval(ZERO, ONE)
            case "sum":
                low = ZERO if member.low is not None and member.low >= 0 else None
                high = ZERO if member.high is not None and member.high <= 0 else None
                return Interval(low, high)
            case "min" | "max" | "mean":
                return member
        return ANYTHING


# -- intervals --------------------------------------------------------------------------------


def point(value: Exact) -> Interval:
    if not isinstance(value, Fraction):
        return Interval(INFINITE, None) if value > 0 else Interval(None, -INFINITE)
    return Interval(value, value)


def may_be_zero(x: Interval) -> bool:
    return x.holds(ZERO)


def negative(x: Interval) -> Interval:
    return Interval(None if x.high is None else -x.high, None if x.low is None else -x.low, x.high_open, x.low_open)


def _finite(value: Exact | None) -> bool:
    return isinstance(value, Fraction)


def add(a: Interval, b: Interval) -> Interval:
    low = a.low + b.low if isinstance(a.low, Fraction) and isinstance(b.low, Fraction) else None
    high = a.high + b.high if isinstance(a.high, Fraction) and isinstance(b.high, Fraction) else None
    return Interval(low, high, a.low_open or b.low_open, a.high_open or b.high_open)


def multiply(a: Interval, b: Interval) -> Interval:
    """Of finite values; 0 is in the product only where it is in a factor."""
    ends = [(_times(x, y)) for x in (_low(a), _high(a)) for y in (_low(b), _high(b))]
    low, high = min(ends), max(ends)
    no_zero = not may_be_zero(a) and not may_be_zero(b)
    return Interval(
        None if low == -INFINITE else low,
        None if high == INFINITE else high,
        low == 0 and no_zero,
        high == 0 and no_zero,
    )


def _low(x: Interval) -> Exact:
    return -INFINITE if x.low is None else x.low


def _high(x: Interval) -> Exact:
    return INFINITE if x.high is None else x.high


def _times(x: Exact, y: Exact) -> Exact:
    if x == 0 or y == 0:
        return ZERO
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return x * y
    return INFINITE if (x > 0) == (y > 0) else -INFINITE


def reciprocal(x: Interval) -> Interval:
    """Of an interval without 0; one that holds nothing at all tells nothing."""
    if _low(x) >= _high(x) and not (x.low == x.high != 0):
        return ANYTHING
    if _low(x) >= 0:
        low, high = x.low, x.high
        return Interval(
            ONE / high if isinstance(high, Fraction) else ZERO,
            ONE / low if isinstance(low, Fraction) and low else None,
            not isinstance(high, Fraction),
        )
    return negative(reciprocal(negative(x)))


def union(parts: Iterable[Interval]) -> Interval:
    found: Interval | None = None
    for x in parts:
        if found is None:
            found = x
            continue
        low, low_open = _outer(found.low, found.low_open, x.low, x.low_open, lower=True)
        high, high_open = _outer(found.high, found.high_open, x.high, x.high_open, lower=False)
        found = Interval(low, high, low_open, high_open)
    return found or ANYTHING


def _outer(a: Exact | None, a_open: bool, b: Exact | None, b_open: bool, *, lower: bool) -> tuple[Exact | None, bool]:
    if a is None or b is None:
        return None, False
    if a == b:
        return a, a_open and b_open
    return (a, a_open) if (a < b) == lower else (b, b_open)


def intersect(a: Interval, b: Interval) -> Interval:
    low, low_open = (
        (b.low, b.low_open)
        if a.low is None or (b.low is not None and (b.low, b.low_open) > (a.low, a.low_open))
        else (a.low, a.low_open)
    )
    high, high_open = (
        (b.high, b.high_open)
        if a.high is None or (b.high is not None and (b.high, not b.high_open) < (a.high, not a.high_open))
        else (a.high, a.high_open)
    )
    return Interval(low, high, low_open, high_open)


def builtin(name: str, args: list[Interval]) -> Interval:
    x = args[0]
    match name:
        case "abs":
            if _low(x) >= 0:
                return x
            return NEVER_NEGATIVE if may_be_zero(x) or _high(x) > 0 else negative(x)
        case "min":
            return _fold(args, lower=True)
        case "max":
            return _fold(args, lower=False)
        case "clamp":
            return _fold([_fold([x, args[1]], lower=False), args[2]], lower=True)
        case "sign":
            return Interval(-ONE, ONE) if x.low is None or x.low < 0 else Interval(ZERO, ONE)
        case "sqrt":
            return Interval(ZERO, None, low_open=x.low is not None and not may_be_zero(x))
        case "exp":
            return Interval(ZERO, None, low_open=True)
        case "interpolate":
            return union((args[2], args[4]))
        case "floor" | "ceil" | "round_down" | "round_up" | "round_nearest":
            return NEVER_NEGATIVE if _low(x) >= 0 else ANYTHING
        case "decay_by_steps":
            return Interval(ZERO, ONE) if _low(args[2]) >= 0 else NEVER_NEGATIVE
    return _FIXED.get(name, ANYTHING)


_NEVER_POSITIVE = Interval(None, ZERO)
_FIXED = {
    "normal_cdf": Interval(ZERO, ONE),
    "normal_pdf": Interval(ZERO, Fraction(2, 5)),
    **dict.fromkeys(("bsm_call", "bsm_put", "bsm_gamma", "bsm_vega", "bsm_delta_call", "bsm_rho_call"), NEVER_NEGATIVE),
    **dict.fromkeys(("black76_call", "black76_put", "black76_gamma", "black76_vega"), NEVER_NEGATIVE),
    **dict.fromkeys(("black76_delta_call", "merton_call", "merton_put"), NEVER_NEGATIVE),
    **dict.fromkeys(("bsm_delta_put", "bsm_rho_put", "black76_delta_put"), _NEVER_POSITIVE),
    "year": Interval(ONE, Fraction(9999)),
    "month": Interval(ONE, Fraction(12)),
    "day": Interval(ONE, Fraction(31)),
    "weekday": Interval(ONE, Fraction(7)),
    "hour": Interval(ZERO, Fraction(23)),
}


def _fold(args: list[Interval], *, lower: bool) -> Interval:
    """The range of the smallest (``lower``) or largest of the arguments."""
    if lower:
        return negative(_fold([negative(a) for a in args], lower=False))
    best = max(args, key=lambda a: (_low(a), a.low_open))
    top = max(args, key=lambda a: (_high(a), not a.high_open))
    return Interval(best.low, top.high, best.low_open, top.high_open)


def learn(facts: Facts, condition: model.Expr, truth: bool) -> Facts:
    """What is known of ranges where a condition is yes (``truth``) or no."""
    match condition:
        case model.Unary(operator="not"):
            return learn(facts, condition.operand, not truth)
        case model.Logic() if (condition.operator == "and") == truth:
            for operand in condition.operands:
                facts = learn(facts, operand, truth)
        case model.Compare():
            operator = condition.operator if truth else _INVERSE[condition.operator]
            facts = _bound(facts, condition.left, operator, condition.right)
            facts = _bound(facts, condition.right, _MIRROR[operator], condition.left)
    return facts


_INVERSE = {"=": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MIRROR = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _bound(facts: Facts, subject: model.Expr, operator: str, limit: model.Expr) -> Facts:
    from dsl.constants import constant

    value = constant(limit)
    if subject.type.kind is not Kind.NUMBER or not isinstance(value, Fraction):
        return facts
    new = {
        "=": Interval(value, value),
        "<": Interval(None, value, high_open=True),
        "<=": Interval(None, value),
        ">": Interval(value, None, low_open=True),
        ">=": Interval(value),
    }.get(operator)
    if operator == "!=" and value == 0:
        return {**facts, NonZero(subject): ANYTHING}
    if new is None:
        return facts
    return {**facts, subject: intersect(facts[subject], new) if subject in facts else new}
