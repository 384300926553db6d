"""Columns on their way into the graph: inputs, formulas, tiers and checks, in whatever state of the book is read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

from dsl import model
from dsl.model import FLAG, Type, Value
from evaluator.constants import Number
from evaluator.graph import INDEX, SCALAR, Facts, Graph, Node
from evaluator.lower_operations import Operations
from evaluator.lower_pieces import take
from evaluator.scope import Lowered, Scope
from evaluator.states import State, states


class Columns(Operations):
    """One policy with its params. ``infinite``: inputs that hold infinite values. ``state``: of the book, None as it
    stands."""

    def __init__(
        self,
        policy: model.Policy,
        params: Mapping[str, Value],
        as_of: Fraction | None,
        infinite: frozenset[tuple[str, str]],
        graph: Graph | None = None,
    ) -> None:
        super().__init__(policy, graph or Graph())
        self.params, self.as_of = params, as_of
        self._infinite = infinite
        self.state: State | None = None
        self._columns: dict[tuple[str, str, State | None], Node] = {}
        self._sought: tuple[State, dict[str, Lowered]] | None = None
        self._picks: dict[tuple[str, State | None], tuple[Node, Node]] = {}

    def column(self, entity: str, name: str) -> Node:
        """A column at its entity's rows, in the state of the book at hand."""
        state = self.state
        while state is not None and not state.touched((entity, name)):
            state = state.base
        key = (entity, name, state)
        if key not in self._columns:
            with self.reading(state):
                self._columns[key] = self._column(entity, name)
        return self._columns[key]

    def _column(self, entity: str, name: str) -> Node:
        found, grain, type = self.policy.entities[entity], self.grain(entity), self.policy.type_of(entity, name)
        if name == entity:
            return self.graph.node("key", (), (entity,), grain=grain, type=type)
        state = self.state
        if state is not None:  # what is proved of a column's range, is of the book as it stands
            with self.reading(state.base if (entity, name) in state.lines else state):
                value = self._value(entity, name, type, state)
            # The same in another move, where it reads nothing that is moved.
            alike = ("settle", entity, name, state.grid, state.base, value.id)
            attrs = (entity, name, state)
            return self.keep(
                alike, lambda: self.graph.node("settle", (value,), attrs, grain=grain, type=type, facts=value.facts)
            )
        if name in found.inputs:
            domain = found.inputs[name].domain
            nonnegative = domain is not None and domain.low is not None and domain.low >= 0
            facts = Facts(nonnegative, (entity, name) in self._infinite)
            return self.graph.node("input", (), (entity, name), grain=grain, type=type, facts=facts)
        value = self._value(entity, name, type)
        facts = value.facts
        if name in found.formulas:
            low = found.formulas[name].range.low
            facts = Facts(facts.nonnegative or (low is not None and low >= 0), facts.infinite)
        return self.graph.node("settle", (value,), (entity, name), grain=grain, type=type, facts=facts)

    def _value(self, entity: str, name: str, type: Type, state: State | None = None) -> Node:
        scope = Scope(entity)
        if state is not None and (entity, name) in state.lines:
            return self.lower_as(state.lines[entity, name], type, replace(scope, args=self.args_of(state))).node
        formula = self.policy.entities[entity].formulas.get(name)
        if formula is not None:
            return self.lower_as(formula.value, type, scope).node
        tiers, pick = self.policy.tiers[entity], self.tier_pick(entity)[0]
        index = Lowered(pick, 1)
        if name == "tier":
            labels = [Lowered(self.const(r.label, type), 0) for r in tiers.rows]
            return take(self, index, labels, scope, type).node
        place = next(i for i, c in enumerate(tiers.columns) if c.name == name)
        cells = [self._within(self.lower_as(r.cells[place], type, scope), tiers, place) for r in tiers.rows]
        return take(self, index, cells, scope, type).node

    # -- tiers ------------------------------------------------------------------------------------

    def _within(self, cell: Lowered, tiers: model.Tiers, place: int) -> Lowered:
        """A cell, unknown where it is outside its column's stated range."""
        domain = tiers.columns[place].domain
        value = cell.node.constant
        if domain is None or (isinstance(value, Number) and domain.holds(value.value)):
            return cell
        grain = self.grain(tiers.entity)
        return Lowered(self.graph.node("within", (cell.node,), (domain, place), grain=grain, facts=cell.node.facts), 1)

    def tier_pick(self, entity: str) -> tuple[Node, Node]:
        """The number of the tiers row that each row takes, and why where that is the ``unknown`` one."""
        key = (entity, self.state)
        if key not in self._picks:
            tiers, scope, grain = self.policy.tiers[entity], Scope(entity), self.grain(entity)
            flags = tuple(self._holds(tiers, row, scope) for row in tiers.rows if row.when is not None)
            rows = tuple(i for i, row in enumerate(tiers.rows) if row.when is not None)
            other, unknown = (
                next((i for i, row in enumerate(tiers.rows) if row.row == kind), None) for kind in ("other", "unknown")
            )
            pick, reason = (
                self.graph.node(op, flags, (rows, other, unknown), grain=grain, type=INDEX) for op in ("pick", "reason")
            )
            self._picks[key] = pick, reason
        return self._picks[key]

    def _holds(self, tiers: model.Tiers, row: model.TierRow, scope: Scope) -> Node:
        assert row.when is not None
        if tiers.operator is None or tiers.variable is None:
            return self.lower(row.when, scope).node
        sides = [self.lower(tiers.variable, scope), self.lower(row.when, scope)]
        return self.op("compare", sides, scope, (tiers.operator, False), FLAG).node

    def plain_picks(self) -> dict[int, str]:
        """The entities whose tiers were decided for the book as it stands, by the node that picks the row."""
        return {pick.id: entity for (entity, state), (pick, _) in self._picks.items() if state is None}

    # -- sums and checks --------------------------------------------------------------------------

    def sum(self, cell: tuple[str, str], member: str, link: str) -> Node:
        """The sum of the members' column of a name."""
        entity, name = cell
        args = (self.column(member, name), self.column(member, link))
        type = self.policy.type_of(member, name)
        return self.graph.node("agg_sum", args, (member, False, True), grain=self.grain(entity), type=type)

    def check(self, index: int) -> tuple[Node, ...]:
        check = self.policy.checks[index]
        scope = Scope(check.on or SCALAR, tolerant=True)
        grain = self.grain(scope.entity)
        condition = self.lower(check.condition, scope)
        node = self.graph.node("settle", (condition.node,), (index,), grain=grain, type=FLAG)
        if not isinstance(check.condition, model.Compare):
            return (node,)
        sides = [self.lower(s, scope) for s in (check.condition.left, check.condition.right)]
        if not sides[0].node.numeric:
            return (node,)
        return node, self.op("margin", sides, scope, (check.condition.operator,)).node, *(s.node for s in sides)

    # -- states of the book -----------------------------------------------------------------------

    @contextmanager
    def reading(self, state: State | None) -> Iterator[None]:
        """Reads columns in a state. What is lowered there is no part of a fold that has begun."""
        before = self.state, self.graph.fold
        self.state, self.graph.fold = state, None
        try:
            yield
        finally:
            self.state, self.graph.fold = before

    def states(self, expr: model.Over) -> list[State]:
        """The states that an `over` goes through from the one at hand, the same for all that ask."""
        key = ("states", expr.grid, expr.held, self.state)
        return self.keep(key, lambda: list(states(self.policy, self.params, expr, self.state)))

    def sought(self, state: State, name: str, type: Type) -> Node:
        """The node of a scenario's argument that has yet to be found, and is read in that state."""
        node = self.graph.node("sought", (), (name,), grain=SCALAR, type=type)
        self._sought = state, {name: Lowered(node, 0)}
        return node

    def args_of(self, state: State) -> dict[str, Lowered]:
        if self._sought is not None and state is self._sought[0]:
            return self._sought[1]
        return {name: Lowered(self.const(value.value, value.type), 0) for name, value in state.args.items()}
