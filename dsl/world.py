"""What the passes of the checker share: declarations, diagnostics, and what has been worked out so far."""

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from fractions import Fraction
from typing import TypeVar

from dsl import model, syntax
from dsl.diagnostics import Diagnostics, Label
from dsl.model import Cell
from dsl.names import Names
from dsl.near import did_you_mean
from dsl.ranges import Definitions
from dsl.records import dataclass
from dsl.source import NOWHERE, Span

T = TypeVar("T")
Fact = tuple[bool, tuple[str, ...]]  # whether it starts at the inner row, then links and column: known to be there


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression stands.

    ``entity``: the row at hand (None in bodies and whole-book checks). ``inner``: the entity inside an aggregate, which
    ``via`` leads back from, to this row or to the one that ``up`` leads to from here. ``args``: a body's arguments;
    then no column is visible. ``calls``: the calls that led into a body, outermost first. ``shock``: a scenario's
    arguments or a grid's columns, beside the row's. ``over``: inside an `over`, where `base.x` can be read. ``facts``:
    optional cells that a guard has shown to be there.
    """

    entity: str | None = None
    whole: bool = False
    inner: str | None = None
    via: tuple[str, ...] | None = None
    up: tuple[str, ...] = ()
    args: Mapping[str, model.Type] | None = None
    shock: Mapping[str, model.Type] = field(default_factory=dict)
    over: bool = False
    calls: tuple[Span, ...] = ()
    facts: frozenset[Fact] = frozenset()

    @property
    def prefix(self) -> tuple[str, ...] | None:
        """What a path to a column of the inner row starts with."""
        return None if self.inner is None else (*self.up, self.inner)

    def knowing(self, facts: frozenset[Fact]) -> "Scope":
        return replace(self, facts=self.facts | facts) if facts else self


@dataclass(slots=True)
class World:
    names: Names
    report: Diagnostics
    inputs: dict[str, dict[str, model.Input]] = field(default_factory=dict)
    formulas: dict[Cell, model.Formula] = field(default_factory=dict)
    params: dict[str, model.Param] = field(default_factory=dict)
    tables: dict[str, model.Table] = field(default_factory=dict)
    curves: dict[str, model.Curve] = field(default_factory=dict)
    tiers: dict[str, model.Tiers] = field(default_factory=dict)
    grids: dict[str, model.Grid] = field(default_factory=dict)
    groups: dict[str, model.Grouping] = field(default_factory=dict)  # each after those that its keys need
    order: list[Cell] = field(default_factory=list)
    visiting: dict[tuple[str, ...], Span] = field(default_factory=dict)
    failed: set[tuple[str, ...]] = field(default_factory=set)
    bodies: dict[tuple[str, tuple[model.Type, ...]], model.Expr] = field(default_factory=dict)
    weights: dict[int, int] = field(default_factory=dict)  # of bodies, by identity: nodes once all calls are put in
    read: set[Cell] = field(default_factory=set)
    used: set[tuple[str, ...]] = field(default_factory=set)  # units, functions, tables and their columns
    used_params: set[str] = field(default_factory=set)
    finite_params: dict[str, str] = field(default_factory=dict)  # those that can't be infinite, and what they make

    def definitions(self) -> Definitions:
        """What has been worked out so far, to ask for ranges of it."""
        lines = [line for scenario in self.names.scenarios.values() for line in scenario.lines]
        lines += [line for grid in self.names.grids.values() for line in grid.lines]
        shocked = {(p[0].text, p[1].text) for line in lines if len(p := line.target.parts) == 2}
        return Definitions(self.params, self.tables, self.curves, self.inputs, self.formulas, self.tiers, shocked)

    def param_type(self, name: str) -> model.Type:
        return self.params[name].type if name in self.params else model.ANY

    def has_entity(self, name: syntax.Name) -> bool:
        """Whether a name is an entity's; reported where it isn't, unless its definition could not be read."""
        if name.text in self.names.entities:
            return True
        if name.text not in self.names.lost:
            help = did_you_mean(name.text, self.names.entities)
            self.report.error("E105", f"there is no entity `{name.text}`", name.span, help=help)
        return False

    def once(self, kind: str, name: str, span: Span, made: dict[str, T], work: Callable[[], T | None]) -> T | None:
        """What a name stands for, worked out when it is first asked for and kept in ``made``; None where it is wrong or
        leads back to itself, which is reported then."""
        key = (kind, name)
        if name in self.names.lost:
            self.failed.add(key)
        if name in made or key in self.failed or not self.enter(key, span):
            return made.get(name)
        found = work()
        self.leave(key)
        if found is None:
            self.failed.add(key)
        else:
            made[name] = found
        return found

    def enter(self, key: tuple[str, ...], span: Span) -> bool:
        """Start on a definition; False, with an error that shows the circle, where it is being worked out already."""
        if key not in self.visiting:
            self.visiting[key] = span
            return True
        chain = list(self.visiting)
        circle = chain[chain.index(key) :]
        if not any(k in self.failed for k in circle):
            shown = " -> ".join(map(_named, (*circle, key)))
            self.report.error(
                "E110", f"`{_named(key)}` is defined by itself: {shown}",
                Label(span, "leads back"), Label(self.visiting[key], "to here"),
                help="a formula can't read its own value, at once or through others; break the circle",
            )  # fmt: skip
            self.failed.update(circle)
        return False

    def leave(self, key: tuple[str, ...]) -> None:
        self.visiting.pop(key, None)


def _named(key: tuple[str, ...]) -> str:
    return key[1] if key[0] in ("let", "table", "curve", "grid") else ".".join(key)


def invalid(span: Span = NOWHERE) -> model.Const:
    """What stands for an expression that has been reported already."""
    return model.Const(Fraction(0), model.ANY, span)


def is_literal(expr: syntax.Expr) -> bool:
    """Whether an expression is a number as written, maybe signed, without a unit."""
    while isinstance(expr, syntax.Sign):
        expr = expr.operand
    return isinstance(expr, syntax.Number) and expr.unit is None
