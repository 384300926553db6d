"""The cells of a book, exactly, and of the book in other states: what every expression reads."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Self, TypeVar

from dsl import model
from dsl.causes import Cause
from dsl.model import Expr, Kind, Value
from dsl.solve import touched_by
from dsl.source import Span
from dsl.state import Touched
from evaluator.book import Book
from evaluator.columns import Column, origin_code
from evaluator.members import Members
from evaluator.places import Argument, At, Grain, Met, Result, Unknown, grain, met
from evaluator.reference_cells import as_it_is, input_cell
from evaluator.reference_draws import Asked, Line
from evaluator.reference_tables import Lookups
from evaluator.reference_tiers import TierRows
from evaluator.states import State, states

_DEEP = 600  # expressions and cells inside each other before a cell is put off to be computed from the bottom
_FRAMES = 20_000  # Python frames that _DEEP, and one deepest expression on top, may take
T = TypeVar("T")


def is_draw(policy: model.Policy, entity: str, column: str) -> bool:
    formula = policy.entities[entity].formulas.get(column)
    return formula is not None and isinstance(formula.value, model.Draw)


class _TooDeep(Exception):
    """This cell has to be computed before those that asked for it."""

    def __init__(self, cell: tuple[str, str, int]) -> None:
        self.cell = cell
        super().__init__()


class Cells(ABC):
    """One policy over one book, or over the book in another ``state``, whose ``base`` it is then. What an expression
    means is said by who inherits."""

    def __init__(
        self,
        policy: model.Policy,
        book: Book,
        params: Mapping[str, Value],
        computed: Mapping[str, Mapping[str, Column]] | None = None,
    ) -> None:
        self.policy, self.book, self.params = policy, book, params
        self._computed = {
            (e, c): column for e, columns in (computed or {}).items() for c, column in columns.items()
            if (policy.entities[e].once and policy.type_of(e, c).kind in (Kind.NUMBER, Kind.FLAG, Kind.ENUM))
            or is_draw(policy, e, c)
        }  # fmt: skip
        self._entity_numbers = {name: i for i, name in enumerate(policy.entities)}
        self._table_numbers = {name: i for i, name in enumerate(policy.tables)}
        self._curve_numbers = {name: i for i, name in enumerate(policy.curves)}
        self._cells: dict[tuple[str, str, int], Result] = {}
        self._depth = 0
        self.state: State | None = None
        self.base: Cells | None = None
        self._touched: Touched | None = None  # by what makes this another state than the base
        self._sought: dict[int, Touched] = {}  # by the solve that asks
        self.instead: dict[tuple[str, str, int], Result] = {}
        self._moved: dict[object, Self] = {}
        self.met: set[Met] | None = None  # what was reached, where somebody wants to know
        self.members = Members(policy, book)
        self.lookups = Lookups(policy, book, self.value, self.meet)
        self.tiers = TierRows(policy, self.value, self.meet)
        self._lines: dict[int, Line] = {}  # by the identity of the draw

    @abstractmethod
    def value(self, expr: Expr, at: At) -> Result:
        """An expression's value at a place; a fault becomes an unknown that began there."""

    def cell(self, entity: str, column: str, row: int) -> Result:
        """A column's value in a row: an input's, a formula's, a tiers column's or the key's."""
        return self._settled(lambda: self.read(entity, column, row))

    def at(self, expr: Expr, at: At) -> Result:
        """An expression's value at a place: in a function's body, or inside an aggregate."""
        return self._settled(lambda: self.value(expr, at))

    def _settled(self, compute: Callable[[], T]) -> T:
        """``compute()``, with cells that lie too deep computed before it, so that long chains need no deep stack."""
        waiting: list[tuple[str, str, int]] = []
        before, depth = sys.getrecursionlimit(), self._depth
        sys.setrecursionlimit(max(before, _FRAMES))
        try:
            while True:
                self._depth = 0
                try:
                    if not waiting:
                        return compute()
                    self.read(*waiting[-1])
                    waiting.pop()
                except _TooDeep as deep:
                    waiting.append(deep.cell)
        finally:
            self._depth = depth
            sys.setrecursionlimit(before)

    def read(self, entity: str, column: str, row: int) -> Result:
        place = (entity, column, row)
        if place in self._cells:
            return self._cells[place]
        if column == entity:
            return row
        found = self.policy.entities[entity]
        state, base, touched = self.state, self.base, self._touched
        if place in self.instead:
            result = self.instead[place]
        elif state is not None and base is not None and (entity, column) in state.lines:
            result = base.at(state.lines[entity, column], At(entity, row, args=self.args_of(state, At(entity, row))))
        elif (
            touched is not None
            and base is not None
            and (not touched((entity, column)) or (entity, column) in touched.targets)
        ):
            result = base.cell(entity, column, row)
        elif column in found.inputs:
            result = self._input(entity, column, row)
        elif (entity, column) in self._computed:
            result = as_it_is(self._computed[entity, column], self.policy.type_of(entity, column), row)
        elif self._depth > _DEEP:
            raise _TooDeep(place)
        elif column in found.formulas:
            result = self.value(found.formulas[column].value, At(entity, row))
        else:
            result = self.tiers.cell(entity, column, row)
        self._cells[place] = result
        return result

    def _input(self, entity: str, column: str, row: int) -> Result:
        """A cell of the snapshot; who knows how far it may be off says so here."""
        return input_cell(self.book.tables[entity], column, self.policy.entities[entity].inputs[column].type, row)

    # -- links ------------------------------------------------------------------------------------

    def source(self, read: model.Read, at: At) -> tuple[str, int] | Unknown:
        """The row that a path leads to, as (entity, row)."""
        if self.policy.entities[read.entity].once and not read.links:
            return read.entity, 0
        place = at.inner if read.inner else (at.entity, at.row)
        assert place is not None
        return self.follow(*place, read.links)

    def follow(self, entity: str, row: int, links: Sequence[str]) -> tuple[str, int] | Unknown:
        """Where a chain of links leads from a row, as (entity, row)."""
        for link in links:
            target = self.read(entity, link, row)
            if isinstance(target, Unknown):
                return target
            assert isinstance(target, int)
            entity, row = self.policy.type_of(entity, link).entity, target
        return entity, row

    def members_known(self, entity: str, row: int) -> Result:
        """Whether it is known which rows belong to this one: unknown where a key of one that may is."""
        return True if self.policy.entities[entity].groups is None else self.read(entity, model.MEMBERS, row)

    # -- limits drawn in order --------------------------------------------------------------------

    def line(self, expr: model.Draw, entity: str, rows: Sequence[int] = (), unordered: int = 0) -> Line:
        """The rows of a draw in their order; ``rows`` and ``unordered`` where somebody knows it (see ``Line``)."""
        if id(expr) not in self._lines:
            tables, members = self.book.tables, self.members_known
            asked = Asked(self.value, self.source, self.origin, self.read, members, lambda e: tables[e].keys)
            self._lines[id(expr)] = Line(expr, entity, asked, rows, unordered)
        return self._lines[id(expr)]

    # -- other states of the book -----------------------------------------------------------------

    def moved(self, state: State) -> Self:
        """The reference over the book as a move makes it."""
        key = (state.grid, state.held, state.number[-1])
        if key not in self._moved:
            found = type(self)(self.policy, self.book, self.params)
            found.members, found.state, found.base, found._touched = self.members, state, self, state.touched
            found.met = self.met
            self._moved[key] = found
        return self._moved[key]

    def beside(self, touched: Touched, instead: Mapping[tuple[str, str, int], Result]) -> Self:
        """The reference over the book with other values of some cells; ``touched``: the columns that this changes."""
        found = type(self)(self.policy, self.book, self.params)
        found.members, found.base, found._touched, found.met = self.members, self, touched, self.met
        found.instead.update(instead)
        return found

    def elsewhere(self, expr: model.Solve, cell: tuple[str, str, int] | None, value: Fraction) -> Self:
        """The reference over the book with another value of one cell, or as a scenario with this argument makes it."""
        if id(expr) not in self._sought:
            self._sought[id(expr)] = touched_by(self.policy, expr)
        found = self.beside(self._sought[id(expr)], {} if cell is None else {cell: value})
        if cell is not None:
            return found
        assert isinstance(expr.target, model.ArgRead) and found._touched is not None
        lines = {(b.entity, b.column): b.value for b in expr.lines}
        args = {expr.target.name: model.Const(value, expr.target.type)}
        number = (*(self.state.number if self.state is not None else ()), 0)
        found.state = State(self.state, expr.scenario, lines, expr.held, args, found._touched, number)
        return found

    def states(self, expr: model.Over) -> Iterator[State]:
        """The states that an `over` goes through from here, move by move."""
        return states(self.policy, self.params, expr, self.state)

    def args_of(self, state: State, at: At) -> dict[str, Argument]:
        """A move's values as arguments."""
        found: dict[str, Argument] = {}
        for name, value in state.args.items():
            assert isinstance(value.value, Fraction)
            found[name] = Argument(value.value, value, at)
        return found

    # -- what is told of an expression ------------------------------------------------------------

    def origin(self, cause: Cause, expr: Expr, at: At) -> int:
        """The code of a fault of this operation: it begins at the operation's grain."""
        column = 0
        if cause is Cause.NO_ROW and isinstance(expr, model.TableCall):
            column = self._table_numbers[expr.table]
        elif cause is Cause.OUTSIDE and isinstance(expr, model.CurveCall):
            column = self._curve_numbers[expr.curve]
        match grain(expr, at, self.policy):
            case Grain.INNER:
                assert at.inner is not None
                entity, row = at.inner
            case Grain.ROW if not self.policy.entities[at.entity].once:
                entity, row = at.entity, at.row
            case _:
                return origin_code(cause, len(self._entity_numbers), column)
        return origin_code(cause, self._entity_numbers[entity], column, row)

    def meet(self, span: Span, arm: str | int) -> None:
        if self.met is not None:
            self.met.add(met(span, arm))
