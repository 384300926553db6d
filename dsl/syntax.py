"""The tree as written: what the text says, before any name is looked up.

Spans never take part in equality, so two trees are equal when they say the same.
"""

from dataclasses import field
from datetime import datetime
from fractions import Fraction
from typing import Literal

from dsl.records import dataclass
from dsl.source import Span, no_span

# -- expressions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Path:
    """``account.equity``: one name or several, joined by dots."""

    parts: tuple[Name, ...]
    span: Span = no_span()

    @property
    def text(self) -> str:
        return ".".join(p.text for p in self.parts)


@dataclass(frozen=True, slots=True)
class Number:
    """``2.5%``, ``50k USD``, ``30s``: exact, in the base of its kind (1, or seconds for a duration)."""

    value: Fraction
    kind: Literal["plain", "percent", "duration"]
    unit: Path | None
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Infinite:
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Flag:
    """``yes`` or ``no``."""

    value: bool
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Date:
    value: datetime  # with time zone, UTC
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Text:
    value: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Sign:
    """``-x`` (or ``+x``)."""

    operator: Literal["-", "+"]
    operand: "Expr"
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Binary:
    operator: Literal["+", "-", "*", "/", "^"]
    left: "Expr"
    right: "Expr"
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Compare:
    operator: Literal["=", "!=", "<", "<=", ">", ">="]
    left: "Expr"
    right: "Expr"
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Member:
    """``x in (a, b)``."""

    operand: "Expr"
    choices: tuple["Expr", ...]
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Logic:
    """``a and b and c``: two operands or more."""

    operator: Literal["and", "or"]
    operands: tuple["Expr", ...]
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Not:
    operand: "Expr"
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class If:
    condition: "Expr"
    then: "Expr"
    otherwise: "Expr"
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Fallback:
    """``a ?? b``."""

    operand: "Expr"
    otherwise: "Expr"
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument with what may follow it: ``first(X by Y)``, ``sum(X via link where C)``, ``max(X over grid)``."""

    value: "Expr"
    by: "Expr | None" = None
    via: Path | None = None
    where: "Expr | None" = None
    over: Name | None = None
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Call:
    """``f(x, y)`` or ``brackets.margin(x)``: a built-in, a function, a curve, a table or an aggregate."""

    function: Path
    arguments: tuple[Argument, ...]
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Draw:
    """``draw(pool, pool by key: take)``."""

    pools: tuple[Path, ...]
    by: "Expr"
    take: "Expr"
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Solve:
    """``solve(target until condition)``."""

    target: Path
    condition: "Expr"
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Faulty:
    """A cell that could not be read, which has been reported; its row stands all the same."""

    span: Span = no_span()


Expr = (
    Path | Number | Infinite | Flag | Date | Text | Sign | Binary | Compare | Member | Logic | Not | If | Fallback
    | Call | Draw | Solve | Faulty
)  # fmt: skip


# -- types ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnitExpr:
    """``USD/market.asset^0.5``: factors with their powers. One factor of power 1 may also name a type or an entity."""

    factors: tuple[tuple[Path, Fraction], ...]
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class TypeExpr:
    """A unit (or the name of a type or entity), or ``one of A, B``; ``optional`` for the mark ``?``."""

    unit: UnitExpr | None
    labels: tuple[Name, ...]
    optional: bool
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Domain:
    """``> 0`` or ``in 0% to 500%``: bounds as written, each open or closed."""

    low: Expr | None
    high: Expr | None
    low_open: bool
    high_open: bool
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Arg:
    """A parameter of a function, table, curve or scenario; untyped where ``unit`` is None."""

    name: Name
    unit: UnitExpr | None
    span: Span = no_span()


# -- pipe rows --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Header:
    """A header cell: ``notional >=``, ``when``, ``margin marginal``, ``tip : USD``, ``rate "column in file"``.

    ``continuous``: amounts that make the rates left of it join up at every bound.
    """

    name: Name
    operator: Literal["=", ">=", ">", "<=", "<", "~"] | None = None
    marginal: bool = False
    continuous: bool = False
    type: TypeExpr | None = None
    domain: Domain | None = None
    file_column: Text | None = None
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Word:
    """A cell read as text: a key as it stands, a tier's name, or a given value in a test."""

    text: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Keyword:
    """A cell that is ``other`` or ``unknown``."""

    text: Literal["other", "unknown"]
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Until:
    """A tier cell ``until CONDITION``."""

    condition: Expr
    span: Span = no_span()


Cell = Expr | Word | Keyword | Until


@dataclass(frozen=True, slots=True)
class Row:
    cells: tuple[Cell, ...]
    span: Span = no_span()


# -- statements -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Use:
    path: Text
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Unit:
    name: Name
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Input:
    """``name : type domain fresh 30s "description"``."""

    name: Name
    type: TypeExpr
    domain: Domain | None
    fresh: Number | None
    description: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Formula:
    name: Name
    value: Expr
    description: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Entity:
    """``once`` for one row; ``groups`` and ``by`` for ``entity netting groups position by account``."""

    name: Name
    members: tuple[Unit | Input | Formula, ...]
    description: str
    once: bool = False
    groups: Name | None = None
    by: tuple[Path, ...] = ()
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Dated:
    start: Date
    value: Expr
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Param:
    """One ``default``, or versions (``dated``); never both."""

    name: Name
    type: TypeExpr
    domain: Domain | None
    max_change: Number | None
    default: Expr | None
    dated: tuple[Dated, ...]
    description: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Function:
    name: Name
    args: tuple[Arg, ...]
    body: Expr
    description: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Table:
    """``words`` are those after the arguments (``flat outside``); ``file`` is what ``from`` names."""

    name: Name
    args: tuple[Arg, ...]
    words: tuple[tuple[Name, ...], ...]
    file: Text | None
    headers: tuple[Header, ...]
    rows: tuple[Row, ...]
    description: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Curve:
    """By points (``headers``, ``rows``) or a ``formula``; ``words`` as ``linear``, ``flat outside``, ``decreasing``."""

    name: Name
    arg: Arg
    words: tuple[tuple[Name, ...], ...]
    headers: tuple[Header, ...]
    rows: tuple[Row, ...]
    formula: Expr | None
    description: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Tiers:
    entity: Name
    headers: tuple[Header, ...]
    rows: tuple[Row, ...]
    description: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Becomes:
    target: Path
    value: Expr
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Effect:
    lines: tuple[Becomes, ...]
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Scenario:
    name: Name
    args: tuple[Arg, ...]
    lines: tuple[Becomes, ...]
    description: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Axis:
    """``move in -15% to 15% by 5%`` (``step`` set, two ``values``) or ``vol in -25%, 25%``."""

    name: Name
    values: tuple[Expr, ...]
    step: Expr | None
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Grid:
    name: Name
    axes: tuple[Axis, ...]
    headers: tuple[Header, ...]
    rows: tuple[Row, ...]
    lines: tuple[Becomes, ...]
    description: str
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Shape:
    """``account.fee decreasing in account.health``."""

    subject: Path
    word: Literal["increasing", "decreasing", "convex", "continuous"]
    variable: Path
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Law:
    text: str
    on: Name | None
    property: Expr | Shape
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Check:
    text: str
    warn: bool
    on: Name | None
    condition: Expr
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Given:
    """Rows of one entity (header cells are plain names, cells are Word), or the instant ``as_of``."""

    entity: Name
    headers: tuple[Header, ...]
    rows: tuple[Row, ...]
    as_of: Date | None
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Expectation:
    """``health = 125% within 1%``: the value is a comparison as written."""

    condition: Expr
    within: Expr | None
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Expect:
    entity: Name
    key: Word
    expectations: tuple[Expectation, ...]
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Cases:
    """``each``: the rows of a test's cases. Cells are Word, or, in a column that an ``expect`` reads, expressions."""

    headers: tuple[Header, ...]
    rows: tuple[Row, ...]
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Test:
    text: str
    given: tuple[Given, ...]
    expect: tuple[Expect, ...]
    span: Span = no_span()
    cases: Cases | None = None


Statement = (
    Use | Unit | Entity | Param | Function | Table | Curve | Tiers | Effect | Scenario | Grid | Law | Check | Test
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class File:
    """One file. A library file that others ``use`` may leave the ``policy`` line out.

    ``lost``: names whose definitions could not be read, or not wholly; that is reported, so their uses need not be.
    """

    title: str | None
    version: Fraction | None
    effective: Date | None
    description: str
    statements: tuple[Statement, ...]
    span: Span = no_span()
    lost: frozenset[str] = field(default=frozenset(), compare=False)
