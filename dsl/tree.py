"""Walking a checked expression."""

from collections.abc import Iterator, Mapping

from dsl import model


def children(expr: model.Expr) -> tuple[model.Expr, ...]:
    """The operands of an expression; of a function's call its arguments and body."""
    match expr:
        case model.Unary() | model.Known() | model.Unshocked():
            return (expr.operand,)
        case model.Binary() | model.Compare():
            return expr.left, expr.right
        case model.Logic():
            return expr.operands
        case model.If():
            return expr.condition, expr.then, expr.otherwise
        case model.Fallback():
            return expr.operand, expr.otherwise
        case model.BuiltinCall() | model.TableCall():
            return expr.args
        case model.FunctionCall():
            return *(a for _, a in expr.args), expr.body
        case model.CurveCall():
            return (expr.arg,)
        case model.Over():
            return expr.value, *(line.value for line in expr.lines)
        case model.Draw():
            return *expr.pools, expr.order, expr.take
        case model.Solve():
            read = (expr.target,) if isinstance(expr.target, model.Read) else ()
            return *read, expr.condition, *(line.value for line in expr.lines)
        case model.Aggregate():
            return tuple(e for e in (expr.value, expr.where, expr.by) if e is not None)
    return ()


def walk(expr: model.Expr) -> Iterator[model.Expr]:
    """An expression and everything in it, outermost first."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def weigh(expr: model.Expr, known: Mapping[int, int]) -> int:
    """How many nodes an expression has; ``known`` holds the weights of functions' bodies by identity."""
    if (found := known.get(id(expr))) is not None:
        return found
    return 1 + sum(weigh(child, known) for child in children(expr))


def is_constant(expr: model.Expr) -> bool:
    """Whether an expression is made of literals and params only."""
    match expr:
        case model.Const() | model.ParamRead():
            return True
        case model.Unary():
            return is_constant(expr.operand)
        case model.Binary() | model.Compare():
            return is_constant(expr.left) and is_constant(expr.right)
        case model.BuiltinCall():
            return all(is_constant(a) for a in expr.args)
        case model.If():
            return all(is_constant(e) for e in (expr.condition, expr.then, expr.otherwise))
        case model.FunctionCall():
            return all(is_constant(a) for _, a in expr.args)
    return False
