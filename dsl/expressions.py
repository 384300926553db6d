"""Expressions as written to expressions of the model: names resolved, types, units and guards checked."""

from dataclasses import replace
from fractions import Fraction

from dsl import model, syntax
from dsl.clashes import alike, call_labels, clash, instead
from dsl.constants import affine, constant
from dsl.diagnostics import Label
from dsl.guards import guards, may_be_blank
from dsl.model import FLAG, Kind, Type
from dsl.near import did_you_mean, listed
from dsl.paths import resolve, start_of
from dsl.types import describe, expect, is_number, literal_unit, same
from dsl.units import ONE
from dsl.world import Scope, World, invalid


def expression(world: World, written: syntax.Expr, scope: Scope) -> model.Expr:
    """The model's expression; of type ANY, reported, where it can't be one."""
    span = written.span
    match written:
        case syntax.Number():
            return model.Const(written.value, literal_unit(world, written, scope), span)
        case syntax.Infinite():
            return model.Const(model.INFINITE, model.ZERO, span)
        case syntax.Flag():
            return model.Const(written.value, FLAG, span)
        case syntax.Date():
            return model.Const(Fraction(written.value.timestamp()), model.DATE, span)
        case syntax.Text():
            return model.Const(written.value, model.TEXT, span)
        case syntax.Path():
            return resolve(world, written, scope)
        case syntax.Sign():
            return _sign(world, written, scope)
        case syntax.Binary():
            return _binary(world, written, scope)
        case syntax.Compare():
            return _compare(world, written, scope)
        case syntax.Member():
            choices = [_compare(world, syntax.Compare("=", written.operand, c, span), scope) for c in written.choices]
            return choices[0] if len(choices) == 1 else model.Logic("or", tuple(choices), FLAG, span)
        case syntax.Logic():
            return _logic(world, written, scope)
        case syntax.Not():
            operand = condition(world, written.operand, scope, "what follows `not`")
            return model.Unary("not", operand, FLAG, span)
        case syntax.If():
            return _if(world, written, scope)
        case syntax.Fallback():
            return _fallback(world, written, scope)
        case syntax.Call():
            from dsl.calls import call

            return call(world, written, scope)
        case syntax.Draw():
            from dsl.draws import misplaced

            return misplaced(world, written)
        case syntax.Solve():
            from dsl.solve import solve

            return solve(world, written, scope)
        case syntax.Faulty():
            return invalid(span)
    raise TypeError(f"no rule for {type(written).__name__}")


def condition(world: World, written: syntax.Expr, scope: Scope, what: str) -> model.Expr:
    """An expression that must be a flag."""
    expr = expression(world, written, scope)
    expect(world, expr, FLAG, what, calls=scope.calls)
    return expr


def label_or_expression(world: World, written: syntax.Expr, wanted: Type, scope: Scope) -> model.Expr:
    """An expression beside something of type ``wanted``: a bare name may be a label of its enumeration."""
    if wanted.kind is Kind.ENUM and isinstance(written, syntax.Path) and len(written.parts) == 1:
        if written.text in wanted.labels:
            return model.Const(written.text, wanted, written.span)
        here = world.names.members.get(scope.entity or "", {})
        if written.text not in here and written.text not in world.names.top and written.text not in (scope.args or {}):
            world.report.error(
                "E117",
                f"`{written.text}` is not one of {listed(wanted.labels)}",
                written.span,
                help=did_you_mean(written.text, wanted.labels),
            )
            return invalid(written.span)
    if wanted.kind is Kind.ENUM and isinstance(written, syntax.Text) and written.value in wanted.labels:
        return model.Const(written.value, wanted, written.span)
    return expression(world, written, scope)


def _sign(world: World, written: syntax.Sign, scope: Scope) -> model.Expr:
    operand = expression(world, written.operand, scope)
    if not is_number(operand.type):
        world.report.error(
            "E203",
            f"`{written.operator}` needs a number, and this is {describe(operand.type)}",
            operand.span,
            help=instead(operand),
        )
        return invalid(written.span)
    if written.operator == "+":
        return operand
    if isinstance(operand, model.Const) and isinstance(operand.value, Fraction | float):
        return model.Const(-operand.value, operand.type, written.span)
    return model.Unary("-", operand, operand.type, written.span)


def _binary(world: World, written: syntax.Binary, scope: Scope) -> model.Expr:
    left, right = expression(world, written.left, scope), expression(world, written.right, scope)
    if Kind.ANY in (left.type.kind, right.type.kind):
        return model.Binary(written.operator, left, right, model.ANY, written.span)
    type_ = _dates(written.operator, left.type, right.type)
    if type_ is None:
        for side in (left, right):
            if side.type.kind is not Kind.NUMBER:
                world.report.error(
                    "E203",
                    f"`{written.operator}` needs numbers, and this is {describe(side.type)}",
                    side.span,
                    *call_labels(scope),
                    help=instead(side),
                )
                return invalid(written.span)
        match written.operator:
            case "+" | "-":
                type_ = _sum(world, written, left, right, scope)
            case "*" | "/":
                type_ = _product(world, written, left, right)
            case _:
                type_ = _power(world, left, right)
    return model.Binary(written.operator, left, right, type_, written.span)


def _dates(operator: str, left: Type, right: Type) -> Type | None:
    if left.kind is Kind.DATE and right.kind is Kind.DATE and operator == "-":
        return model.DURATION
    if left.kind is Kind.DATE and operator in "+-" and same(right, model.DURATION) and right.kind is Kind.NUMBER:
        return model.DATE
    if right.kind is Kind.DATE and operator == "+" and same(left, model.DURATION) and left.kind is Kind.NUMBER:
        return model.DATE
    return None


def _sum(world: World, written: syntax.Binary, left: model.Expr, right: model.Expr, scope: Scope) -> Type:
    found = same(left.type, right.type)
    if found is not None:
        return found
    verb = "add" if written.operator == "+" else "subtract"
    first, second = (left, right) if verb == "add" else (right, left)
    join = "and" if verb == "add" else "from"
    message = f"can't {verb} {describe(first.type)} {join} {describe(second.type)}"
    clash(world, "E205", message, left, right, scope)
    return model.ANY


def _product(world: World, written: syntax.Binary, left: model.Expr, right: model.Expr) -> Type:
    if written.operator == "/" and isinstance(right, model.Const) and right.value == 0:
        world.report.error("E206", "this divides by zero", right.span, help="divide by something that isn't zero")
        return model.ANY
    if left.type.unit is None or right.type.unit is None:
        return model.ZERO
    unit = left.type.unit * right.type.unit if written.operator == "*" else left.type.unit / right.type.unit
    alike = left.type.shown == right.type.shown == "ratio"
    quotient = written.operator == "/" and left.type.unit == right.type.unit and left.type.unit != ONE
    return Type(Kind.NUMBER, unit, shown="ratio" if unit == ONE and (alike or quotient) else "number")


def _power(world: World, base: model.Expr, exponent: model.Expr) -> Type:
    value = constant(exponent)
    if exponent.type.unit not in (ONE, None) or (affine(exponent) is None and value is None):
        world.report.error(
            "E208",
            "a power must be a plain constant",
            Label(exponent.span, describe(exponent.type)),
            help="write a number or a param; `exp(y * ln(x))` is x to a y that varies",
        )
        return model.ANY
    if base.type.unit in (None, ONE):
        return model.NUMBER
    if not isinstance(value, Fraction):
        world.report.error(
            "E208",
            f"{describe(base.type)} can be raised only to a power that is written as a number",
            exponent.span,
            help="divide the unit out first, or write the number",
        )
        return model.ANY
    return Type(Kind.NUMBER, base.type.unit**value)


def _compare(world: World, written: syntax.Compare, scope: Scope) -> model.Expr:
    left, right = _sides(world, written, scope)
    made = model.Compare(written.operator, left, right, FLAG, written.span)
    if Kind.ANY in (left.type.kind, right.type.kind):
        return made
    kinds = {left.type.kind, right.type.kind}
    if written.operator not in ("=", "!=") and not kinds <= {Kind.NUMBER, Kind.DATE}:
        side = left if left.type.kind not in (Kind.NUMBER, Kind.DATE) else right
        world.report.error(
            "E209",
            f"{describe(side.type)} has no order",
            Label(side.span, describe(side.type)),
            help="compare it with `=` or `!=`",
        )
    elif kinds == {Kind.LINK, Kind.TEXT}:
        pass  # a row by its key
    elif same(left.type, right.type) is None:
        clash(world, "E207", f"can't compare {describe(left.type)} with {describe(right.type)}", left, right, scope)
    return made


def _sides(world: World, written: syntax.Compare, scope: Scope) -> tuple[model.Expr, model.Expr]:
    """Both sides; a bare name on one of them may be a label of the other's enumeration."""
    lost = isinstance(written.left, syntax.Path) and written.left.text in world.names.lost
    if _may_be_label(world, written.left, scope) and not lost:
        right = expression(world, written.right, scope)
        return _beside(world, written, written.left, right.type, scope), right
    left = expression(world, written.left, scope)
    return left, _beside(world, written, written.right, left.type, scope)


def _beside(world: World, written: syntax.Compare, side: syntax.Expr, other: Type, scope: Scope) -> model.Expr:
    """One side, seen from the other's type; where that is not known, a bare name may be one of its labels."""
    if other.kind is Kind.ANY and written.operator in ("=", "!=") and _may_be_label(world, side, scope):
        return invalid(side.span)
    return label_or_expression(world, side, other, scope)


def _may_be_label(world: World, written: syntax.Expr, scope: Scope) -> bool:
    return isinstance(written, syntax.Path) and len(written.parts) == 1 and not _resolves(world, written, scope)


def _resolves(world: World, path: syntax.Expr, scope: Scope) -> bool:
    assert isinstance(path, syntax.Path)
    name = path.parts[0].text
    own = scope.args if scope.args is not None else world.names.members.get(scope.entity or "", {})
    return name in (own or {}) or name in world.names.top or name in (scope.entity, "as_of")


def _logic(world: World, written: syntax.Logic, scope: Scope) -> model.Expr:
    operands = []
    for operand in written.operands:
        operands.append(condition(world, operand, scope, f"each side of `{written.operator}`"))
        scope = scope.knowing(guards(operand, scope, truth=written.operator == "and"))
    return model.Logic(written.operator, tuple(operands), FLAG, written.span)


def _if(world: World, written: syntax.If, scope: Scope) -> model.Expr:
    test = condition(world, written.condition, scope, "the condition of `if`")
    then = expression(world, written.then, scope.knowing(guards(written.condition, scope, truth=True)))
    otherwise = expression(world, written.otherwise, scope.knowing(guards(written.condition, scope, truth=False)))
    type_ = alike(world, "E210", "the branches of `if` differ:", (then, otherwise), scope)
    return model.If(test, then, otherwise, type_, written.span)


def _fallback(world: World, written: syntax.Fallback, scope: Scope) -> model.Expr:
    if isinstance(written.operand, syntax.Fallback):  # a ?? b ?? c: the first that is there
        inner = written.operand
        rest = syntax.Fallback(inner.otherwise, written.otherwise, inner.otherwise.span.to(written.span))
        return _fallback(world, syntax.Fallback(inner.operand, rest, written.span), scope)
    operand = optional_operand(world, written.operand, scope, "`??`")
    otherwise = expression(world, written.otherwise, scope)
    type_ = alike(world, "E210", "the sides of `??` differ:", (operand, otherwise), scope)
    return model.Fallback(operand, otherwise, replace(type_, shown=operand.type.shown), written.span)


def optional_operand(world: World, written: syntax.Expr, scope: Scope, what: str) -> model.Expr:
    """What `??` and `known` work on: an optional column, or a table that may have no row."""
    if isinstance(written, syntax.Path):
        expr = resolve(world, written, scope, guarded=True)
        read = expr.operand if isinstance(expr, model.Unshocked) else expr
        if isinstance(read, model.Read) and not may_be_blank(world, read, start_of(read, scope)):
            world.report.error(
                "E302",
                f"`{written.text}` is never blank, so {what} has nothing to do",
                written.span,
                help="remove it; a faulty or missing cell of a column without `?` stays unknown",
            )
        elif not isinstance(read, model.Read) and expr.type.kind is not Kind.ANY:
            world.report.error(
                "E302", f"`{written.text}` is never blank, so {what} has nothing to do", written.span, help="remove it"
            )
        return expr
    expr = expression(world, written, scope)
    if not isinstance(expr, model.TableCall) and expr.type.kind is not Kind.ANY:
        world.report.error(
            "E302",
            f"{what} works on an optional column or a table, and this is neither",
            expr.span,
            help="put it right after the column or the table's call, in parentheses",
        )
    return expr
