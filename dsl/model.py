"""The checked policy: every name resolved, every expression typed. What the evaluator and the reference both read.

Exact numbers are ``Fraction``; ``INFINITE`` is the one value that is not. Spans never take part in equality.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from dsl.records import dataclass
from dsl.source import NOWHERE, Span
from dsl.units import ONE, SECOND, Unit

INFINITE = float("inf")
Exact = Fraction | float  # the float is only ever INFINITE or -INFINITE
Value = Exact | str | bool  # a constant: number, date (seconds since 1970 UTC), duration (seconds), text, label, flag


class Kind(StrEnum):
    NUMBER = "number"  # ratios, numbers, durations, anything with a unit
    DATE = "date"
    TEXT = "text"
    FLAG = "flag"
    ENUM = "enum"  # one of `labels`
    LINK = "link"  # a row of `entity`; an entity's own key is a link to itself
    ANY = "any"  # only while checking: an untyped argument, or something already reported


@dataclass(frozen=True, slots=True)
class Type:
    """``unit`` is None for a literal that has every unit (0, infinite). ``shown`` only says how a person sees it."""

    kind: Kind
    unit: Unit | None = ONE
    labels: tuple[str, ...] = ()
    entity: str = ""
    shown: Literal["number", "ratio"] = field(default="number", compare=False)

    def __str__(self) -> str:
        match self.kind:
            case Kind.NUMBER:
                return "0" if self.unit is None else str(self.unit)
            case Kind.ENUM:
                return "one of " + ", ".join(self.labels)
            case Kind.LINK:
                return self.entity
            case _:
                return str(self.kind)


NUMBER = Type(Kind.NUMBER)
RATIO = Type(Kind.NUMBER, shown="ratio")
DURATION = Type(Kind.NUMBER, Unit.of(SECOND))
ZERO = Type(Kind.NUMBER, None)
DATE = Type(Kind.DATE)
TEXT = Type(Kind.TEXT)
FLAG = Type(Kind.FLAG)
ANY = Type(Kind.ANY)


@dataclass(frozen=True, slots=True)
class Interval:
    """The values a number may take; None for no bound on that side."""

    low: Exact | None = None
    high: Exact | None = None
    low_open: bool = False
    high_open: bool = False

    def holds(self, value: Exact) -> bool:
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return above and below


# -- expressions ------------------------------------------------------------------------------
# Every expression has `type` and `span`; both stay out of equality.


def _type() -> Type:
    return field(default=ANY, compare=False, repr=False)


def _span() -> Span:
    return field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Const:
    """A literal. An enumeration's label and a text are ``str``; a flag is ``bool``."""

    value: Value
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ParamRead:
    name: str
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ArgRead:
    """An argument of the nearest enclosing function, table or curve."""

    name: str
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class AsOf:
    """The snapshot's instant, a date."""

    type: Type = _type()
    span: Span = _span()


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
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Unary:
    """``-`` of a number, ``not`` of a flag."""

    operator: Literal["-", "not"]
    operand: "Expr"
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Binary:
    """``+ - * /`` and ``^`` (whose right side is a constant without a unit)."""

    operator: Literal["+", "-", "*", "/", "^"]
    left: "Expr"
    right: "Expr"
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Compare:
    """Equality of anything, order of numbers and dates. A flag."""

    operator: Literal["=", "!=", "<", "<=", ">", ">="]
    left: "Expr"
    right: "Expr"
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Logic:
    """Three-valued: an unknown operand matters only where the known ones don't decide."""

    operator: Literal["and", "or"]
    operands: tuple["Expr", ...]
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class If:
    """Looks only at the branch that it takes; unknown where the condition is."""

    condition: "Expr"
    then: "Expr"
    otherwise: "Expr"
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Fallback:
    """``operand ?? otherwise``: otherwise only where the operand is blank (a Read) or finds no row (a TableCall)."""

    operand: "Expr"
    otherwise: "Expr"
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Known:
    """No where the operand (as in Fallback) is blank or finds no row, unknown where it is faulty, else yes."""

    operand: "Expr"
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class BuiltinCall:
    """A row-wise built-in of ``dsl.builtins``, by name."""

    name: str
    args: tuple["Expr", ...]
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A ``let``. ``body`` is the function's, resolved for these arguments' types; it reads them as ArgRead."""

    name: str
    args: tuple[tuple[str, "Expr"], ...]
    body: "Expr" = field(compare=False)  # the name and arguments say which
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class TableCall:
    """``args`` in the table's own order; unknown where any key is, or where no row matches."""

    table: str
    column: str
    args: tuple["Expr", ...]
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class CurveCall:
    curve: str
    arg: "Expr"
    type: Type = _type()
    span: Span = _span()


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
    type: Type = _type()
    span: Span = _span()
    up: tuple[str, ...] = ()
    by: "Expr | None" = None


@dataclass(frozen=True, slots=True)
class Until:
    """A tier cell: the smallest value in its column's range for which the condition holds after this row's action."""

    condition: "Expr"
    type: Type = _type()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Unshocked:
    """``base.x``, in an Over: what the operand is without the move."""

    operand: "Expr"
    type: Type = _type()
    span: Span = _span()


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
    type: Type = _type()
    span: Span = _span()


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
    type: Type = _type()
    span: Span = _span()


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
    type: Type = _type()
    span: Span = _span()


Expr = (
    Const | ParamRead | ArgRead | AsOf | Read | Unary | Binary | Compare | Logic | If | Fallback | Known | BuiltinCall
    | FunctionCall | TableCall | CurveCall | Aggregate | Until | Unshocked | Over | Draw | Solve
)  # fmt: skip


# -- definitions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Input:
    """A column of the snapshot. ``fresh``: seconds that the instant in ``<name>_at`` may lie before ``as_of``.

    ``grouped``: no column of the snapshot, but a group's key, or the link from a member to its group. ``found``: what
    was solved for the values, where they come from no file.
    """

    name: str
    type: Type
    domain: Interval | None
    optional: bool
    fresh: Fraction | None
    description: str
    span: Span = _span()
    grouped: bool = False
    found: "Solve | None" = None


@dataclass(frozen=True, slots=True)
class Formula:
    """``range``: what interval analysis proves of the known values. ``certain``: proved never unknown."""

    name: str
    type: Type
    value: Expr
    description: str
    span: Span = _span()
    range: Interval = field(default=Interval(), compare=False)


MEMBERS = "group.members"  # a group's flag: yes, or unknown where a row whose key is unknown may be a member


@dataclass(frozen=True, slots=True)
class Grouping:
    """A group has one row for each combination of ``keys`` (by name, read at a row of ``base``) among the base's rows.

    Each base row has a link to its group's row, named as the group.
    """

    base: str
    keys: tuple[tuple[str, Read], ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Entity:
    """``once``: one row, no key. ``links`` is the subset of ``inputs`` whose type is a link."""

    name: str
    once: bool
    inputs: Mapping[str, Input]
    formulas: Mapping[str, Formula]
    units: tuple[str, ...]
    description: str
    span: Span = _span()
    groups: Grouping | None = None

    @property
    def given(self) -> dict[str, Input]:
        """The inputs that a snapshot holds."""
        return {n: i for n, i in self.inputs.items() if not i.grouped}

    @property
    def links(self) -> dict[str, str]:
        """Link column to the entity that it leads to."""
        return {i.name: i.type.entity for i in self.inputs.values() if i.type.kind is Kind.LINK}


@dataclass(frozen=True, slots=True)
class Version:
    start: datetime
    value: Value


@dataclass(frozen=True, slots=True)
class Param:
    """``value``, or ``versions`` in order of their dates."""

    name: str
    type: Type
    domain: Interval | None
    max_change: Fraction | None
    value: Value | None
    versions: tuple[Version, ...]
    description: str
    used: bool
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    args: tuple[str, ...]
    description: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Key:
    """A key column of a table: argument number ``arg``, matched by ``operator``."""

    name: str
    arg: int
    operator: Literal["=", ">=", ">", "<=", "<", "~"]


@dataclass(frozen=True, slots=True)
class ValueColumn:
    name: str
    type: Type
    marginal: bool


@dataclass(frozen=True, slots=True)
class TableRow:
    """``keys`` beside the table's keys: text for ``=`` (None for ``other``), else a constant expression of params.
    ``values`` beside the table's value columns: expressions of the arguments and params."""

    keys: tuple["str | None | Expr", ...]
    values: tuple[Expr, ...]
    span: Span = _span()


BoundOperator = Literal[">=", ">", "<=", "<"]
Outside = Literal["flat", "extended", "unknown"]
CurveMethod = Literal["linear", "step", "smooth", "logarithmic", "formula"]
Promise = Literal["increasing", "decreasing", "convex", "continuous"]


@dataclass(frozen=True, slots=True)
class Table:
    """``outside`` rules ``~`` keys beyond their points; None where there is none. Rows stand as written."""

    name: str
    args: tuple[tuple[str, Type | None], ...]
    keys: tuple[Key, ...]
    columns: tuple[ValueColumn, ...]
    rows: tuple[TableRow, ...]
    outside: Outside | None
    description: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Curve:
    """``points`` (x and y, constant expressions of params, by rising x) or ``formula`` (reading ArgRead ``arg``)."""

    name: str
    arg: str
    arg_type: Type
    type: Type
    method: CurveMethod
    outside: Outside | None
    points: tuple[tuple[Expr, Expr], ...]
    formula: Expr | None
    promises: tuple[Promise, ...]
    description: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class TierColumn:
    """A column that the tiers give their entity (``tier`` itself is not among them).

    ``range``: what interval analysis proves of the book as it stands; ``domain``: what its header states.
    """

    name: str
    type: Type
    domain: Interval | None
    range: Interval = field(default=Interval(), compare=False)


@dataclass(frozen=True, slots=True)
class TierRow:
    """``when``: the bound (where the tiers go by bounds) or condition; None for ``other`` and ``unknown``."""

    label: str
    row: Literal["bound", "other", "unknown"]
    when: Expr | None
    cells: tuple[Expr, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Tiers:
    """By bounds on ``variable`` (a Read) with ``operator``, or by conditions (both None). First row that holds wins.

    An unknown variable, or an unknown condition met before the first that holds, gives the ``unknown`` row.
    """

    entity: str
    operator: BoundOperator | None
    variable: Expr | None
    columns: tuple[TierColumn, ...]
    rows: tuple[TierRow, ...]
    description: str
    span: Span = _span()

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(r.label for r in self.rows))


@dataclass(frozen=True, slots=True)
class Check:
    """Per row of ``on``, or, where that is None, one condition on whole entities."""

    text: str
    warn: bool
    on: str | None
    condition: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Shape:
    """How one number of an entity's row moves with another. Both are columns of the row at hand."""

    subject: Read
    word: Promise
    variable: Read
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Law:
    """A claim for every allowed input and param: a condition as in a check, or a shape (then ``on`` is its entity)."""

    text: str
    on: str | None
    claim: Expr | Shape
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Becomes:
    """What an input becomes: an expression at its own row, in the old state. It may read a scenario's arguments."""

    entity: str
    column: str
    value: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A shock to the snapshot before everything else. ``params``: those that it changes, by name, as constants."""

    name: str
    args: tuple[tuple[str, Type], ...]
    lines: tuple[Becomes, ...]
    params: Mapping[str, Expr]
    description: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Move:
    """``values`` beside the grid's columns: expressions of numbers and params."""

    name: str
    values: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A set of moves, each a shock: the ``lines`` with the move's values as arguments."""

    name: str
    columns: tuple[tuple[str, Type], ...]
    moves: tuple[Move, ...]
    lines: tuple[Becomes, ...]
    description: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class GivenTable:
    """The rows of one entity in a test, cells as text, by column; columns that are not given have no cells."""

    entity: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Expectation:
    """A condition on one row (``key`` empty for a ``once`` entity). ``within``: absolute, in the left side's unit."""

    entity: str
    key: str
    condition: Expr
    within: Exact | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Test:
    """An example: rows, an instant (None: the policy's effective date), and what must come out.

    ``case``: the name of one row below `each`, whose place is ``case_span``; empty for a test without such rows.
    """

    text: str
    as_of: datetime | None
    given: tuple[GivenTable, ...]
    expectations: tuple[Expectation, ...]
    span: Span = _span()
    case: str = ""
    case_span: Span = _span()

    @property
    def title(self) -> str:
        return f"{self.text} [{self.case}]" if self.case else self.text

    @property
    def line(self) -> int:
        """Where it stands: the test, or its case's row."""
        return (self.case_span if self.case else self.span).line


@dataclass(frozen=True, slots=True)
class Policy:
    """Mappings are in the order of the text. ``order``: every formula and tiers column, each after all that it reads,
    as (entity, column); a tiers' columns stand together, ``tier`` first. ``groups``: the entities that are groups, each
    after those that its keys need."""

    name: str
    version: Fraction | None
    effective: datetime | None
    description: str
    units: tuple[str, ...]
    entities: Mapping[str, Entity]
    params: Mapping[str, Param]
    functions: Mapping[str, Function]
    tables: Mapping[str, Table]
    curves: Mapping[str, Curve]
    tiers: Mapping[str, Tiers]  # by entity
    checks: tuple[Check, ...]
    order: tuple[tuple[str, str], ...]
    tests: tuple[Test, ...] = ()
    laws: tuple[Law, ...] = ()
    effect: tuple[Becomes, ...] = ()
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)
    grids: Mapping[str, Grid] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    span: Span = _span()

    def type_of(self, entity: str, column: str) -> Type:
        """The type of an entity's column: its key, an input, a formula or a tiers column."""
        if column == entity:
            return Type(Kind.LINK, entity=entity)
        found = self.entities[entity]
        if column in found.inputs:
            return found.inputs[column].type
        if column in found.formulas:
            return found.formulas[column].type
        tiers = self.tiers[entity]
        if column == "tier":
            return Type(Kind.ENUM, labels=tiers.labels)
        return next(c.type for c in tiers.columns if c.name == column)
