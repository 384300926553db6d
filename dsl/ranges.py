"""Interval analysis: what values a formula can take, from the declared ranges; warns of divisors that may be zero."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from dsl import model
from dsl.diagnostics import Diagnostics
from dsl.facts import NO_FACTS, Facts, NonZero, learn
from dsl.intervals import (
    ANYTHING,
    NEVER_NEGATIVE,
    ONE,
    ZERO,
    add,
    builtin,
    intersect,
    may_be_zero,
    multiply,
    negative,
    point,
    reciprocal,
    union,
)
from dsl.model import Interval


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
            case model.Draw():
                return self._draw(expr)
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

    def _draw(self, expr: model.Draw) -> Interval:
        """From nothing to the whole of the smallest pool."""
        self.of(expr.order)
        highs = [high for pool in expr.pools if isinstance(high := self.of(pool).high, Fraction)]
        left = Interval(ZERO, max(ZERO, min(highs)) if highs else None)
        self.of(expr.take, NO_FACTS, {"left": left})
        return left

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
