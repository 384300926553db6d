"""What a policy defines: entities, params, functions, tables, curves, tiers, scenarios and grids."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from fractions import Fraction
from typing import Literal

from dsl.model.expressions import Becomes, Expr, Read, Solve
from dsl.model.types import Interval, Kind, Type, Value
from dsl.records import dataclass
from dsl.source import Span, no_span


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
    span: Span = no_span()
    grouped: bool = False
    found: "Solve | None" = None


@dataclass(frozen=True, slots=True)
class Formula:
    """``range``: what interval analysis proves of the known values. ``certain``: proved never unknown."""

    name: str
    type: Type
    value: Expr
    description: str
    span: Span = no_span()
    range: Interval = field(default=Interval(), compare=False)


MEMBERS = "group.members"  # a group's flag: yes, or unknown where a row whose key is unknown may be a member


@dataclass(frozen=True, slots=True)
class Grouping:
    """A group has one row for each combination of ``keys`` (by name, read at a row of ``base``) among the base's rows.

    Each base row has a link to its group's row, named as the group.
    """

    base: str
    keys: tuple[tuple[str, Read], ...]
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Entity:
    """``once``: one row, no key. ``links`` is the subset of ``inputs`` whose type is a link."""

    name: str
    once: bool
    inputs: Mapping[str, Input]
    formulas: Mapping[str, Formula]
    units: tuple[str, ...]
    description: str
    span: Span = no_span()
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
    """``value``, or ``versions`` in order of their dates. ``finite``: what it makes that can't be infinite, if any."""

    name: str
    type: Type
    domain: Interval | None
    max_change: Fraction | None
    value: Value | None
    versions: tuple[Version, ...]
    description: str
    used: bool
    span: Span = no_span()
    finite: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    args: tuple[str, ...]
    description: str
    span: Span = no_span()


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
    span: Span = no_span()


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
    span: Span = no_span()


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
    span: Span = no_span()


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
    span: Span = no_span()


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
    span: Span = no_span()

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(r.label for r in self.rows))

    @property
    def deciding(self) -> list[Expr]:
        """What decides in which tier a row is."""
        return [e for e in (self.variable, *(r.when for r in self.rows)) if e is not None]

    @property
    def exprs(self) -> list[Expr]:
        """All of its expressions."""
        return [*self.deciding, *(cell for row in self.rows for cell in row.cells)]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A shock to the snapshot before everything else. ``params``: those that it changes, by name, as constants."""

    name: str
    args: tuple[tuple[str, Type], ...]
    lines: tuple[Becomes, ...]
    params: Mapping[str, Expr]
    description: str
    span: Span = no_span()


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
    span: Span = no_span()
