"""What the reference interpreter's values look like, where they are computed, and where a fault is said to begin."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from enum import IntEnum
from fractions import Fraction

from dsl import model
from dsl.model import Exact, Expr
from dsl.records import dataclass
from dsl.source import Span


@dataclass(frozen=True, slots=True)
class Unknown:
    """No value; ``code`` says why and where that began (``evaluator.columns.Origin``)."""

    code: int


Result = Exact | str | bool | int | Unknown  # numbers, dates, durations; labels and texts; flags; links as row numbers


Met = tuple[str, int, int, str | int]  # a place in a text, and which way was taken there
Meet = Callable[[Span, str | int], None]


def met(span: Span, arm: str | int) -> Met:
    return span.source.name, span.start, span.end, arm


@dataclass(frozen=True, slots=True)
class Argument:
    """What a function, table or curve is called with: the value, and the expression and place that it came from."""

    value: Result
    expr: Expr
    at: "At"


@dataclass(frozen=True, slots=True)
class At:
    """Where an expression is evaluated: a row, the row inside an aggregate, a function's arguments.

    ``entity`` is empty in a check of the whole book. ``check``: equality and order have a check's tolerance.
    """

    entity: str
    row: int
    inner: tuple[str, int] | None = None
    args: Mapping[str, Argument] = field(default_factory=dict)
    check: bool = False


def first_unknown(results: Sequence[Result]) -> Unknown | None:
    """Of several unknowns the one with the smallest code, or None."""
    codes = [r.code for r in results if isinstance(r, Unknown)]
    return Unknown(min(codes)) if codes else None


def number(result: Result | None) -> Exact:
    if isinstance(result, (Fraction, float)):
        return result
    raise TypeError(f"not a number: {result!r}")


class Grain(IntEnum):
    """What an expression varies with; an operation's is the finest of its operands'."""

    SCALAR = 0  # nothing: constants, params, the one row of a `once` entity, aggregates of whole entities
    ROW = 1  # this row
    INNER = 2  # the row inside the nearest enclosing aggregate


def grain(expr: Expr, at: At, policy: model.Policy) -> Grain:
    """The grain of an expression; an argument has that of what it was called with."""
    match expr:
        case model.Read():
            if policy.entities[expr.entity].once and not expr.links:
                return Grain.SCALAR
            return Grain.INNER if expr.inner else Grain.ROW
        case model.Aggregate():
            return Grain.SCALAR if expr.via is None else Grain.ROW
        case model.Draw() | model.Solve():
            return Grain.ROW
        case model.ArgRead():
            argument = at.args[expr.name]
            return grain(argument.expr, argument.at, policy)
        case model.Unshocked():
            return grain(expr.operand, at, policy)
        case model.Over():
            moved = {name: Argument(False, model.Const(False), at) for name, _ in policy.grids[expr.grid].columns}
            return grain(expr.value, At(at.entity, at.row, at.inner, {**at.args, **moved}), policy)
        case model.FunctionCall():
            args = {name: Argument(False, arg, at) for name, arg in expr.args}
            return grain(expr.body, At(at.entity, at.row, at.inner, args), policy)
        case model.CurveCall() if (curve := policy.curves[expr.curve]).formula is not None:
            args = {curve.arg: Argument(False, expr.arg, at)}
            return grain(curve.formula, At(at.entity, at.row, at.inner, args), policy)
    return max((grain(part, at, policy) for part in operands(expr)), default=Grain.SCALAR)


def operands(expr: Expr) -> tuple[Expr, ...]:
    """The expressions that an expression is made of, in the order of the text."""
    match expr:
        case model.Unary() | model.Fallback() | model.Known():
            return (expr.operand, expr.otherwise) if isinstance(expr, model.Fallback) else (expr.operand,)
        case model.Binary() | model.Compare():
            return (expr.left, expr.right)
        case model.Logic():
            return expr.operands
        case model.If():
            return (expr.condition, expr.then, expr.otherwise)
        case model.BuiltinCall() | model.TableCall():
            return expr.args
        case model.FunctionCall():
            return tuple(arg for _, arg in expr.args)
        case model.CurveCall():
            return (expr.arg,)
        case model.Draw():
            return (*expr.pools, expr.order, expr.take)
        case model.Aggregate():
            return tuple(part for part in (expr.value, expr.where, expr.by) if part is not None)
    return ()
