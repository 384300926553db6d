"""Interval analysis: what values a column can take, from the declared ranges; warns where one may be undefined."""

from collections.abc import Mapping, Set
from dataclasses import field
from fractions import Fraction

from dsl import model
from dsl.diagnostics import Diagnostics, Label
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
from dsl.model import Cell, Interval, Kind
from dsl.records import dataclass
from dsl.table_ends import End, beyond, ends
from dsl.text import exact_text


@dataclass(frozen=True, slots=True)
class Definitions:
    """What ranges are worked out from: a policy's definitions, or those that the checker has so far.

    ``shocked``: inputs that a scenario or grid rewrites; they may take any value, where that is asked.
    """

    params: Mapping[str, model.Param]
    tables: Mapping[str, model.Table]
    curves: Mapping[str, model.Curve]
    inputs: Mapping[str, Mapping[str, model.Input]]
    formulas: Mapping[Cell, model.Formula]
    tiers: Mapping[str, model.Tiers]
    shocked: Set[Cell] = frozenset()


@dataclass(slots=True)
class Ranges:
    """The ranges of columns, each worked out when it is first asked for; ``report`` gets the warnings."""

    of_what: Definitions
    report: Diagnostics
    columns: dict[Cell, Interval] = field(default_factory=dict)
    cells: dict[tuple[str, int], tuple[Interval | None, tuple[model.Expr, ...]]] = field(default_factory=dict)
    ends: dict[str, tuple[End, ...]] = field(default_factory=dict)

    def column(self, entity: str, name: str) -> Interval:
        """The range of an input, formula or tier column."""
        cell = (entity, name)
        if cell not in self.columns:
            self.columns[cell] = ANYTHING  # what a circle reads, which has been reported
            self.columns[cell] = self._column(entity, name)
        return self.columns[cell]

    def _column(self, entity: str, name: str) -> Interval:
        found = self.of_what
        if (made := found.inputs.get(entity, {}).get(name)) is not None:
            return made.domain or ANYTHING if (entity, name) not in found.shocked else ANYTHING
        if (formula := found.formulas.get((entity, name))) is not None:
            return self.of(formula.value)
        tiers = found.tiers.get(entity)
        place = next((i for i, c in enumerate(tiers.columns) if c.name == name), None) if tiers else None
        if tiers is None or place is None:
            return ANYTHING
        domain = tiers.columns[place].domain
        cells = union(self.of(row.cells[place]) for row in tiers.rows)
        return cells if domain is None else intersect(cells, domain)

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
                    if isinstance(expr.value, Fraction | float) and expr.type.kind is not Kind.ANY
                    else ANYTHING
                )
            case model.ParamRead():
                return self._param(expr.name)
            case model.ArgRead():
                return args.get(expr.name, ANYTHING)
            case model.Read():
                return self.column(expr.entity, expr.column)
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
                    facts = self.learn(facts, operand, expr.operator == "and", args)
            case model.If():
                self.of(expr.condition, facts, args)
                then = self.of(expr.then, self.learn(facts, expr.condition, True, args), args)
                return union((then, self.of(expr.otherwise, self.learn(facts, expr.condition, False, args), args)))
            case model.Fallback():
                return union((self._handled(expr.operand, facts, args), self.of(expr.otherwise, facts, args)))
            case model.Known():
                self._handled(expr.operand, facts, args)
            case model.BuiltinCall():
                return builtin(expr.name, [self.of(a, facts, args) for a in expr.args])
            case model.FunctionCall():
                return self.of(expr.body, NO_FACTS, {n: self.of(a, facts, args) for n, a in expr.args})
            case model.TableCall():
                keys = [self.of(a, facts, args) for a in expr.args]
                self._rows(expr, keys)
                return self._table(expr, keys)
            case model.CurveCall():
                return self._curve(expr, self.of(expr.arg, facts, args))
            case model.Unshocked():
                return self.of(expr.operand, facts, args)
            case model.Over():
                self.of(expr.value, NO_FACTS, args)
            case model.Draw():
                return self._draw(expr)
            case model.Solve():
                self.of(expr.condition, NO_FACTS, args)
                return expr.range
            case model.Aggregate():
                return self._aggregate(expr, facts, args)
        return ANYTHING

    def learn(self, facts: Facts, condition: model.Expr, truth: bool, args: Mapping[str, Interval]) -> Facts:
        """What is known besides where a condition is yes or no."""

        def limit(expr: model.Expr) -> Interval:
            return self.of(expr, NO_FACTS, args) if _simple(expr) else ANYTHING

        return learn(facts, condition, truth, limit)

    def _handled(self, expr: model.Expr, facts: Facts, args: Mapping[str, Interval]) -> Interval:
        """A table's call or a read that somebody asks whether it is there."""
        if isinstance(expr, model.TableCall):
            return self._table(expr, [self.of(a, facts, args) for a in expr.args])
        return self.of(expr, facts, args)

    def _param(self, name: str) -> Interval:
        param = self.of_what.params.get(name)
        return param.domain or ANYTHING if param else ANYTHING

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
        table = self.of_what.tables[expr.table]
        place, column = next((i, c) for i, c in enumerate(table.columns) if c.name == expr.column)
        args = dict(zip((n for n, _ in table.args), keys, strict=True))
        if (table.name, place) not in self.cells:
            values = [row.values[place] for row in table.rows]
            fixed = [v for v in values if isinstance(v, model.Const)]
            within = union(map(self.of, fixed)) if fixed else None
            self.cells[table.name, place] = within, tuple(v for v in values if not isinstance(v, model.Const))
        within, moving = self.cells[table.name, place]
        cells = union([*([] if within is None else [within]), *(self.of(v, NO_FACTS, args) for v in moving)])
        if column.marginal:
            return NEVER_NEGATIVE if cells.low is not None and cells.low >= 0 else ANYTHING
        return ANYTHING if table.outside == "extended" else cells

    def _rows(self, expr: model.TableCall, keys: list[Interval]) -> None:
        """Warns where a key may lie beyond the bounds of a table's rows."""
        table = self.of_what.tables[expr.table]
        if table.outside == "unknown":  # which is meant
            return
        if table.name not in self.ends:
            self.ends[table.name] = ends(table, self.of)
        for end in self.ends[table.name]:
            arg = expr.args[end.key.arg]
            if (side := beyond(end, keys[end.key.arg])) is not None:
                edge = exact_text(end.value, table.args[end.key.arg][1] or model.NUMBER)
                self.report.warn(
                    "W820",
                    f"`{arg.span.text.strip()}` may be {side} {edge}, where `{table.name}` has no row",
                    Label(arg.span, "looked up here"),
                    Label(end.row.span, "the first row" if side.endswith("below") else "the last row"),
                    help=f"add a row, write `{table.name}(…) ?? …`, or say `unknown outside` before the table's colon",
                )

    def _curve(self, expr: model.CurveCall, arg: Interval) -> Interval:
        curve = self.of_what.curves[expr.curve]
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
            facts = self.learn(facts, expr.where, True, args)
        if expr.by is not None:
            self.of(expr.by, facts, args)
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
            case "min" | "max" | "mean" | "first":
                return member
        return ANYTHING


def _simple(expr: model.Expr) -> bool:
    """Whether an expression's range is found without looking into conditions, so that learning stays cheap."""
    match expr:
        case model.Const() | model.ParamRead() | model.ArgRead() | model.Read():
            return True
        case model.Unary():
            return _simple(expr.operand)
        case model.Binary():
            return _simple(expr.left) and _simple(expr.right)
    return False
