"""Expressions, resolved and typed. Each has ``type`` and ``span``; both stay out of equality."""

from dataclasses import field
from typing import Literal

from dsl.model.types import ANY, Interval, Type, Value
from dsl.records import dataclass
from dsl.source import Span, no_span


def no_type() -> Type:
    return field(default=ANY, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Const:
    """A literal. An enumeration's label and a text are ``str``; a flag is ``bool``."""

    value: Value
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class ParamRead:
    name: str
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class ArgRead:
    """An argument of the nearest enclosing function, table or curve."""

    name: str
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class AsOf:
    """The snapshot's instant, a date."""

    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Read:
    """A column, read from the row at hand through ``links`` (maybe none).

    ``entity`` is where the column stands; ``column`` its name there: an input, a formula, a tier column, or the key
    (its name equals the entity's: the row itself as a link). ``inner``: the path starts at the row inside the nearest
    enclosing aggregate, not at this row. A ``once`` entity is read from anywhere with no links.
    """

    entity: str
    column: str
    links: tuple[str, ...] = ()
    inner: bool = False
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Unary:
    """``-`` of a number, ``not`` of a flag."""

    operator: Literal["-", "not"]
    operand: "Expr"
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Binary:
    """``+ - * /`` and ``^`` (whose right side is a constant without a unit)."""

    operator: Literal["+", "-", "*", "/", "^"]
    left: "Expr"
    right: "Expr"
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Compare:
    """Equality of anything, order of numbers and dates. A flag."""

    operator: Literal["=", "!=", "<", "<=", ">", ">="]
    left: "Expr"
    right: "Expr"
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Logic:
    """Three-valued: an unknown operand matters only where the known ones don't decide."""

    operator: Literal["and", "or"]
    operands: tuple["Expr", ...]
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class If:
    """Looks only at the branch that it takes; unknown where the condition is."""

    condition: "Expr"
    then: "Expr"
    otherwise: "Expr"
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Fallback:
    """``operand ?? otherwise``: otherwise only where the operand is blank (a Read) or finds no row (a TableCall)."""

    operand: "Expr"
    otherwise: "Expr"
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Known:
    """No where the operand (as in Fallback) is blank or finds no row, unknown where it is faulty, else yes."""

    operand: "Expr"
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class BuiltinCall:
    """A row-wise built-in of ``dsl.builtins``, by name."""

    name: str
    args: tuple["Expr", ...]
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A ``let``. ``body`` is the function's, resolved for these arguments' types; it reads them as ArgRead."""

    name: str
    args: tuple[tuple[str, "Expr"], ...]
    body: "Expr" = field(compare=False)  # the name and arguments say which
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class TableCall:
    """``args`` in the table's own order; unknown where any key is, or where no row matches."""

    table: str
    column: str
    args: tuple["Expr", ...]
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class CurveCall:
    curve: str
    arg: "Expr"
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Over the rows of ``entity`` whose ``via`` (a chain of links) leads to this row; ``via`` None: over all its rows.

    ``up``: links that lead from this row to another, whose members these are instead.
    ``value`` (None for a bare ``count``) and ``where`` are evaluated at the inner row: their ``inner`` reads start
    there, the others at this row. ``sum min max mean`` take a number, ``count share any all`` a flag. ``first``
    is the value in the row with the smallest ``by``, a number or date, of equal ones in that whose key is first.
    """

    function: Literal["sum", "min", "max", "mean", "count", "share", "any", "all", "first"]
    entity: str
    via: tuple[str, ...] | None
    value: "Expr | None"
    where: "Expr | None" = None
    type: Type = no_type()
    span: Span = no_span()
    up: tuple[str, ...] = ()
    by: "Expr | None" = None


@dataclass(frozen=True, slots=True)
class Until:
    """A tier cell: the smallest value in its column's range for which the condition holds after this row's action."""

    condition: "Expr"
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Unshocked:
    """``base.x``, in an Over: what the operand is without the move."""

    operand: "Expr"
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Becomes:
    """What an input becomes: an expression at its own row, in the old state. It may read a scenario's arguments."""

    entity: str
    column: str
    value: "Expr"
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Over:
    """``value`` recomputed in each move of ``grid``, and the moves' values folded, in the grid's order.

    ``lines`` are the grid's, as this state of the book reads them. ``value`` reads the grid's columns as ArgRead.
    ``held``: columns that no move changes unless it rewrites them: what the effect wrote, where the state after it is
    shocked. ``argmin argmax`` give the move's name, the first among equals.
    """

    function: Literal["min", "max", "mean", "sum", "argmin", "argmax"]
    grid: str
    lines: tuple["Becomes", ...]
    value: "Expr"
    held: tuple[tuple[str, str], ...] = ()
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Draw:
    """What each row takes of ``pools`` in turn: by rising ``order``, ties by the row's key.

    ``pools`` are numbers of one unit: columns of ``once`` entities, or columns read through links, where each target
    row is a pool of its own. ``take`` reads, as ArgRead ``left``, the least of what remains of this row's pools, and
    never less than nothing. What it gives is subtracted from each of them. It is the whole of a formula.
    """

    pools: tuple[Read, ...]
    order: "Expr"
    take: "Expr"
    type: Type = no_type()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Solve:
    """The value of one number, nearest to today's and within ``range``, at which the condition comes to hold.

    ``target``: a cell, read from this row; or the argument of ``scenario``, whose ``lines`` then shock the book, and
    which is 0 today. ``held``: columns that stay as they are, as in Over.
    """

    target: "Read | ArgRead"
    condition: "Expr"
    range: Interval = field(compare=False)
    scenario: str = ""
    lines: tuple["Becomes", ...] = ()
    held: tuple[tuple[str, str], ...] = ()
    type: Type = no_type()
    span: Span = no_span()


Expr = (
    Const | ParamRead | ArgRead | AsOf | Read | Unary | Binary | Compare | Logic | If | Fallback | Known | BuiltinCall
    | FunctionCall | TableCall | CurveCall | Aggregate | Until | Unshocked | Over | Draw | Solve
)  # fmt: skip
