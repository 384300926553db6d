"""The slow, exact evaluator: row by row, in plain Python, from the language's definition. The oracle.

It decides the rows that floating point can't, and the compiled evaluator is tested against it. A cell costs what it
depends on, and is computed once.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from dsl import model
from dsl.causes import Cause
from dsl.model import Exact, Expr, Kind
from evaluator import exact
from evaluator.columns import Origin
from evaluator.exact import Fault, compare, nearly_equal
from evaluator.exact_dates import DATES
from evaluator.exact_finance import FINANCE
from evaluator.places import Argument, At, Result, Unknown, first_unknown, number
from evaluator.reference_aggregates import aggregate
from evaluator.reference_book import Cells
from evaluator.reference_grids import over
from evaluator.reference_lookup import holds
from evaluator.reference_solve import solved

_FUNCTIONS = {**exact.FUNCTIONS, **FINANCE, **DATES}


class Reference(Cells):
    """One policy over one book. ``params``: every parameter's value in force.

    ``computed``: columns of ``once`` entities and draws to take as they are, where going through a whole book would
    take too long.
    """

    def evaluate(self, expr: Expr, entity: str, row: int) -> Result:
        """An expression's value at a row of ``entity`` (empty: on whole entities)."""
        return self.at(expr, At(entity, row))

    def check(self, index: int, row: int = 0) -> bool | Unknown:
        """Whether check number ``index`` holds in a row of its entity (row 0 where it is about the whole book)."""
        check = self.policy.checks[index]
        result = self._settled(lambda: self.value(check.condition, At(check.on or "", row, check=True)))
        assert isinstance(result, (bool, Unknown))
        return result

    def tier_row(self, entity: str, row: int) -> tuple[int, Unknown | None]:
        """The number of the tiers row that a row takes, and, where it is the ``unknown`` row, why."""
        return self._settled(lambda: self.tiers.row(entity, row))

    def tier_holds(self, entity: str, number: int, row: int) -> bool | Unknown:
        """Whether the bound or condition of tiers row ``number`` holds in a row."""
        tiers = self.policy.tiers[entity]
        return self._settled(lambda: self.tiers.holds(tiers, tiers.rows[number], At(entity, row)))

    # -- expressions ------------------------------------------------------------------------------

    def value(self, expr: Expr, at: At) -> Result:
        """An expression's value at a place; a fault becomes an unknown that began there."""
        self._depth += 1
        try:
            result = self._value(expr, at)
        except Fault as fault:
            result = Unknown(self.origin(fault.cause, expr, at))
        self._depth -= 1
        return result

    def _value(self, expr: Expr, at: At) -> Result:
        match expr:
            case model.Const():
                return expr.value
            case model.Read():
                source = self.source(expr, at)
                return source if isinstance(source, Unknown) else self.read(source[0], expr.column, source[1])
            case model.Binary():
                return self._numeric(exact.OPERATORS[expr.operator], (expr.left, expr.right), at)
            case model.BuiltinCall():
                return self._numeric(_FUNCTIONS[expr.name], expr.args, at)
            case model.Compare():
                return self._compare(expr, at)
            case model.Logic():
                return self._logic(expr, at)
            case model.If():
                return self._if(expr, at)
            case model.Unary():
                operand = self.value(expr.operand, at)
                if isinstance(operand, Unknown):
                    return operand
                return exact.negative(number(operand)) if expr.operator == "-" else not operand
            case model.ParamRead():
                return self.params[expr.name]
            case model.ArgRead():
                return at.args[expr.name].value
            case model.FunctionCall():
                args = {name: Argument(self.value(arg, at), arg, at) for name, arg in expr.args}
                return self.value(expr.body, replace(at, args=args))
            case model.TableCall():
                return self.lookups.table(expr, at)
            case model.CurveCall():
                return self.lookups.curve(expr, at)
            case model.Aggregate():
                return aggregate(self, expr, at)
            case model.Draw():
                turn = self.line(expr, at.entity).turn(at.row)
                return Fraction(0) if turn is None else turn.take
            case model.Over():
                return over(self, expr, at)
            case model.Solve():
                return solved(self, expr, at)
            case model.Unshocked():
                assert self.base is not None
                return self.base.at(expr.operand, at)
            case model.Fallback():
                return self._fallback(expr, at)
            case model.Known():
                operand = self.value(expr.operand, at)
                if self._absent(expr.operand, operand, at):
                    return False
                return operand if isinstance(operand, Unknown) else True
            case model.AsOf():
                assert self.book.as_of is not None
                return self.book.as_of
        raise TypeError(f"no meaning for {type(expr).__name__}")

    def _numeric(self, function: Callable[..., Exact], operands: Sequence[Expr], at: At) -> Result:
        values = [self.value(operand, at) for operand in operands]
        return first_unknown(values) or function(*[number(v) for v in values])

    def _compare(self, expr: model.Compare, at: At) -> Result:
        left, right = self.value(expr.left, at), self.value(expr.right, at)
        unknown = first_unknown([left, right])
        if unknown is not None:
            return unknown
        if not isinstance(left, (Fraction, float)) or not isinstance(right, (Fraction, float)):
            left, right = self._by_key(expr.left, left, right), self._by_key(expr.right, right, left)
            return (left == right) is (expr.operator == "=")
        order = compare(left, right)
        if at.check and expr.operator in ("=", "<=", ">=") and nearly_equal(left, right):
            order = 0
        return holds(expr.operator, order)

    def _by_key(self, expr: Expr, value: Result, other: Result) -> Result:
        """A link as its row's key, where it is compared with a text."""
        if expr.type.kind is Kind.LINK and isinstance(value, int) and isinstance(other, str):
            return self.book.tables[expr.type.entity].keys[value]
        return value

    def _logic(self, expr: model.Logic, at: At) -> Result:
        decisive = expr.operator == "or"
        results: list[Result] = []
        for place, operand in enumerate(expr.operands):
            results.append(self.value(operand, at))
            if results[-1] is decisive:
                self.meet(expr.span, place)
                return decisive
        unknown = first_unknown(results)
        if unknown is None:
            self.meet(expr.span, "none")
        return unknown or (not decisive)

    def _if(self, expr: model.If, at: At) -> Result:
        condition = self.value(expr.condition, at)
        if isinstance(condition, Unknown):
            return condition
        self.meet(expr.span, "then" if condition else "else")
        return self.value(expr.then if condition else expr.otherwise, at)

    def _fallback(self, expr: model.Fallback, at: At) -> Result:
        operand = self.value(expr.operand, at)
        absent = self._absent(expr.operand, operand, at)
        self.meet(expr.span, "absent" if absent else "there")
        return self.value(expr.otherwise, at) if absent else operand

    def _absent(self, operand: Expr, result: Result, at: At) -> bool:
        """Whether the operand of ``??`` or ``known`` is blank, or finds no row in its own table."""
        if not isinstance(result, Unknown):
            return False
        if isinstance(operand, model.TableCall):
            return result.code == self.origin(Cause.NO_ROW, operand, at)
        return Origin.of(result.code).cause is Cause.BLANK
