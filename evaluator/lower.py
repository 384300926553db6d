"""The checked policy as a graph: functions substituted, paths followed, every expression at its own grain.

An expression varies with nothing (level 0), with this row (1) or with the row inside an aggregate (2). It is lowered at
its own level, and carried to a finer one only where it meets it; a fault stands at its operation's level.
"""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from fractions import Fraction
from types import MappingProxyType

from dsl import model
from dsl.model import DATE, FLAG, NUMBER, Expr, Kind, Type, Value
from dsl.records import dataclass
from evaluator.constants import Constant, Number
from evaluator.context import PAIR
from evaluator.graph import INDEX, SCALAR, Facts, Graph, Node
from evaluator.lookups import Lookups
from evaluator.lower_aggregates import aggregate
from evaluator.lower_draws import draw
from evaluator.lower_grids import over
from evaluator.lower_paths import key, read, through
from evaluator.pairs import Pairwise
from evaluator.scope import Lowered, Scope
from evaluator.states import State, states

_FRAMES = 20_000  # expressions nest to a limit, functions inside functions add to it

_BINARY = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


@contextmanager
def deep() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What to compute. ``reasons``: by entity with tiers, why a row stands in the unknown row. ``watched``: columns of
    which nobody asks for the values, but whether they are known."""

    columns: dict[tuple[str, str], Node]
    reasons: dict[str, Node]
    checks: tuple[tuple[Node, ...], ...]  # the condition; of numbers compared also by how much it fails, and both sides
    sums: dict[tuple[str, str], Node] = field(default_factory=dict)  # of members' amounts, for a summary
    watched: dict[tuple[str, str], Node] = field(default_factory=dict)


def lower(
    policy: model.Policy,
    params: Mapping[str, Value],
    as_of: Fraction | None,
    infinite: frozenset[tuple[str, str]] = frozenset(),
    optimise: bool = True,
    sums: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType({}),
    only: Collection[tuple[str, str]] | None = None,
) -> Outputs:
    """Every formula, tiers column and check of the policy. ``infinite``: inputs that hold infinite values. ``sums``: by
    entity and name, the members' entity and the link along which their column of that name is to be summed. ``only``:
    of the columns, these."""
    with deep():
        lowering = Lowering(policy, params, as_of, infinite, Graph(optimise))
        columns = {cell: lowering.column(*cell) for cell in policy.order if only is None or cell in only}
        reasons = {entity: lowering.tier_pick(entity)[1] for entity in policy.tiers}
        added = {cell: lowering.sum(cell, *by) for cell, by in sums.items()}
        return Outputs(columns, reasons, tuple(lowering.check(i) for i in range(len(policy.checks))), added)


def lower_columns(
    policy: model.Policy,
    params: Mapping[str, Value],
    as_of: Fraction | None,
    infinite: frozenset[tuple[str, str]],
    cells: Iterable[tuple[str, str]],
) -> dict[tuple[str, str], Node]:
    """Some columns of the policy only."""
    with deep():
        lowering = Lowering(policy, params, as_of, infinite, Graph())
        return {cell: lowering.column(*cell) for cell in sorted(cells)}


def lower_keys(
    policy: model.Policy,
    params: Mapping[str, Value],
    as_of: Fraction | None,
    infinite: frozenset[tuple[str, str]],
    group: str,
) -> list[Node]:
    """The keys of a group at its base's rows; numbers that floating point can't tell apart are in doubt."""
    grouping = policy.entities[group].groups
    assert grouping is not None
    with deep():
        lowering = Lowering(policy, params, as_of, infinite, Graph())
        return [key(lowering, grouping.base, read) for _, read in grouping.keys]


def lowering(
    policy: model.Policy, params: Mapping[str, Value], as_of: Fraction | None, infinite: frozenset[tuple[str, str]]
) -> "Lowering":
    """A graph to begin with."""
    return Lowering(policy, params, as_of, infinite, Graph())


class Lowering:
    """One policy with its params on its way into one graph."""

    def __init__(
        self,
        policy: model.Policy,
        params: Mapping[str, Value],
        as_of: Fraction | None,
        infinite: frozenset[tuple[str, str]],
        graph: Graph,
    ) -> None:
        self.policy, self.params, self.as_of, self.graph = policy, params, as_of, graph
        self._infinite = infinite
        self.state: State | None = None
        self._states: dict[object, list[State]] = {}
        self._alike: dict[object, Node] = {}
        self._columns: dict[tuple[str, str, State | None], Node] = {}
        self._sought: tuple[State, dict[str, Lowered]] | None = None
        self._picks: dict[tuple[str, State | None], tuple[Node, Node]] = {}
        self._bodies: dict[object, Lowered] = {}
        self.pairwise: dict[Node, Pairwise] = {}
        self._lookups = Lookups(self)

    # -- operations -------------------------------------------------------------------------------

    def op(
        self,
        name: str,
        operands: list[Lowered],
        scope: Scope,
        attrs: tuple[object, ...] = (),
        type: Type = NUMBER,
        facts: Facts | None = None,
        level: int = 0,
    ) -> Lowered:
        """An operation at the finest level of its operands, and at least at ``level``."""
        level = self.joined(operands, scope, level)
        args = tuple(self.carry(o, level, scope) for o in operands)
        grain = (SCALAR, self.grain(scope.entity), self.grain(scope.inner or scope.entity), PAIR)[level]
        return Lowered(self.graph.node(name, args, attrs, grain=grain, type=type, facts=facts), level)

    def joined(self, operands: Iterable[Lowered], scope: Scope, level: int = 0) -> int:
        """The level at which all can meet: of this row and the one inside the latter, which leads to this, or both."""
        levels = {level, *(o.level for o in operands)}
        return 3 if scope.up and {1, 2} <= levels else max(levels)

    def carry(self, operand: Lowered, level: int, scope: Scope) -> Node:
        """An operand brought to a level: from this row down to each inside that leads to it, or to pairs of both."""
        node = operand.node
        if level == 3 and operand.level in (1, 2) and node.grain != SCALAR:
            assert scope.inner is not None
            entity, end = (scope.entity, "left") if operand.level == 1 else (scope.inner, "right")
            return self.graph.node("gather", (self.end(end, scope), node), (entity,), grain=PAIR, type=node.type)
        if operand.level != 1 or level != 2 or node.grain == SCALAR or scope.inner is None:
            return node
        if scope.via is None:
            raise TypeError("an aggregate over whole entities can't read this row")
        return through(self, scope.inner, scope.via, node)

    def end(self, end: str, scope: Scope) -> Node:
        """One end of the pairs of an aggregate that goes up and down again, as row numbers."""
        attrs = (scope.entity, scope.up, scope.inner, scope.via)
        return self.graph.node(f"pair_{end}", (), attrs, grain=PAIR, type=INDEX)

    def grain(self, entity: str) -> str:
        return SCALAR if entity == SCALAR or self.policy.entities[entity].once else entity

    def const(self, value: Value, type: Type) -> Node:
        """A constant: a label as its code among the type's labels, an unknown label as -1."""
        exact: Constant
        if type.kind is Kind.ANY:
            raise TypeError("an expression that the checker gave up on")  # never a quiet zero in its place
        if isinstance(value, bool):
            return self.graph.const(value, FLAG)
        if isinstance(value, str):
            if type.kind is not Kind.ENUM:
                return self.graph.const(value, model.TEXT)
            exact = type.labels.index(value) if value in type.labels else -1
            return self.graph.const(exact, type)
        return self.graph.const(Number(value), DATE if type.kind is Kind.DATE else NUMBER)

    # -- columns ----------------------------------------------------------------------------------

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

    @contextmanager
    def reading(self, state: State | None) -> Iterator[None]:
        """Reads columns in a state. What is lowered there is no part of a fold that has begun."""
        before = self.state, self.graph.fold
        self.state, self.graph.fold = state, None
        try:
            yield
        finally:
            self.state, self.graph.fold = before

    def _column(self, entity: str, name: str) -> Node:
        found, grain, type = self.policy.entities[entity], self.grain(entity), self.policy.type_of(entity, name)
        if name == entity:
            return self.graph.node("key", (), (entity,), grain=grain, type=type)
        state = self.state
        if state is not None:  # what is proved of a column's range, is of the book as it stands
            with self.reading(state.base if (entity, name) in state.lines else state):
                value = self._value(entity, name, type, state)
            alike = (entity, name, state.grid, state.base, value.id)  # in another move: what it moves isn't read here
            if alike not in self._alike:
                self._alike[alike] = self.graph.node(
                    "settle", (value,), (entity, name, state), grain=grain, type=type, facts=value.facts
                )
            return self._alike[alike]
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
            return self._lookups.values(index, labels, scope, type).node
        place = next(i for i, c in enumerate(tiers.columns) if c.name == name)
        cells = [self._within(self.lower_as(r.cells[place], type, scope), tiers, place) for r in tiers.rows]
        return self._lookups.values(index, cells, scope, type).node

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

    # -- expressions ------------------------------------------------------------------------------

    def lower_as(self, expr: Expr, type: Type, scope: Scope) -> Lowered:
        """An expression where a type is declared, whose labels a constant is one of."""
        if isinstance(expr, model.Const):
            return Lowered(self.const(expr.value, type), 0)
        return self.lower(expr, scope)

    def lower(self, expr: Expr, scope: Scope) -> Lowered:
        match expr:
            case model.Const():
                return Lowered(self.const(expr.value, expr.type), 0)
            case model.ParamRead():
                return Lowered(self.const(self.params[expr.name], self.policy.params[expr.name].type), 0)
            case model.ArgRead():
                return scope.args[expr.name]
            case model.AsOf():
                if self.as_of is None:
                    raise ValueError("the policy reads as_of, and the snapshot doesn't state it")
                return Lowered(self.graph.const(Number(self.as_of), DATE), 0)
            case model.Read():
                return read(self, expr, scope)
            case model.Unary():
                operand = self.lower(expr.operand, scope)
                if expr.operator == "not":
                    return self.op("not", [operand], scope, type=FLAG)
                return self.op("neg", [operand], scope)
            case model.Binary():
                return self._binary(expr, scope)
            case model.Compare():
                return self._compare(expr, scope)
            case model.Logic():
                return self.op(expr.operator, [self.lower(o, scope) for o in expr.operands], scope, type=FLAG)
            case model.If():
                parts = [self.lower(e, scope) for e in (expr.condition, expr.then, expr.otherwise)]
                return self.select(parts, expr.type, scope)
            case model.Fallback():
                operand, otherwise = self.lower(expr.operand, scope), self.lower(expr.otherwise, scope)
                return self.select(
                    [self._blank("absent", expr.operand, operand, scope), otherwise, operand], expr.type, scope
                )
            case model.Known():
                return self._blank("known", expr.operand, self.lower(expr.operand, scope), scope)
            case model.BuiltinCall():
                return self.op(expr.name, [self.lower(a, scope) for a in expr.args], scope)
            case model.FunctionCall():
                args = {name: self.lower(arg, scope) for name, arg in expr.args}
                return self.body(expr.body, args, scope)
            case model.TableCall():
                return self._lookups.table(expr, scope)
            case model.CurveCall():
                return self._lookups.curve(expr, scope)
            case model.Aggregate():
                return aggregate(self, expr, scope)
            case model.Unshocked():
                assert self.state is not None
                with self.reading(self.state.base):
                    return self.lower(expr.operand, scope)
            case model.Over():
                return over(self, expr, scope)
            case model.Draw():
                return draw(self, expr, scope)
        raise TypeError(f"no lowering for {type(expr).__name__}")

    def body(self, body: Expr, args: Mapping[str, Lowered], scope: Scope) -> Lowered:
        """A function's body with these arguments; the same arguments give the same node, at once."""
        places = tuple((name, arg.node.id, arg.level) for name, arg in args.items())
        key = (id(body), places, scope.entity, scope.inner, scope.via, scope.up, scope.tolerant)
        if key not in self._bodies:
            self._bodies[key] = self.lower(body, replace(scope, args=args))
        return self._bodies[key]

    def _binary(self, expr: model.Binary, scope: Scope) -> Lowered:
        left, right = self.lower(expr.left, scope), self.lower(expr.right, scope)
        if expr.operator != "^":
            return self.op(_BINARY[expr.operator], [left, right], scope)
        exponent = right.node.constant
        if not isinstance(exponent, Number):
            raise TypeError("the exponent of a power is a constant")
        return self.op("pow", [left], scope, (exponent,))

    def _compare(self, expr: model.Compare, scope: Scope) -> Lowered:
        left, right = self.lower(expr.left, scope), self.lower(expr.right, scope)
        if left.node.type.kind is Kind.ENUM and right.node.op == "const":
            right = Lowered(self._label(right.node, expr.right, left.node.type), right.level)
        elif right.node.type.kind is Kind.ENUM and left.node.op == "const":
            left = Lowered(self._label(left.node, expr.left, right.node.type), left.level)
        sides = [left, right]
        if {expr.left.type.kind, expr.right.type.kind} == {Kind.LINK, Kind.TEXT}:
            sides = [self._by_key(side, scope) for side in sides]
        return self.op("compare", sides, scope, (expr.operator, scope.tolerant), FLAG)

    def _by_key(self, side: Lowered, scope: Scope) -> Lowered:
        """A link beside a text: its row's key."""
        if side.node.type.kind is not Kind.LINK:
            return side
        return self.op("key_text", [side], scope, (side.node.type.entity,), model.TEXT)

    def _label(self, node: Node, expr: Expr, type: Type) -> Node:
        """A label beside a column of labels: its code there."""
        value = expr.value if isinstance(expr, model.Const) else node.constant
        if isinstance(value, str):
            return self.const(value, type)
        if node.type.labels and isinstance(value, int):
            return self.const(node.type.labels[value], type)
        return node

    def select(self, parts: list[Lowered], type: Type, scope: Scope) -> Lowered:
        """``if``; a constant condition leaves one branch, at the level that all three have."""
        condition, then, otherwise = parts
        if type.kind is Kind.ENUM:
            then, otherwise = (Lowered(self._relabel(p.node, type), p.level) for p in (then, otherwise))
        level = self.joined(parts, scope)
        if isinstance(condition.node.constant, bool):
            taken = then if condition.node.constant else otherwise
            return Lowered(self.carry(taken, level, scope), level)
        kind = then.node.type if then.node.op != "const" else otherwise.node.type
        return self.op("select", [condition, then, otherwise], scope, type=kind)

    def _relabel(self, node: Node, type: Type) -> Node:
        return self.const(node.constant, type) if isinstance(node.constant, str) else node

    def _blank(self, op: str, expr: Expr, operand: Lowered, scope: Scope) -> Lowered:
        table = list(self.policy.tables).index(expr.table) if isinstance(expr, model.TableCall) else None
        return self.op(op, [operand], scope, (table,), FLAG)

    # -- moves of a grid --------------------------------------------------------------------------

    def sought(self, state: State, name: str, type: Type) -> Node:
        """The node of a scenario's argument that has yet to be found, and is read in that state."""
        node = self.graph.node("sought", (), (name,), grain=SCALAR, type=type)
        self._sought = state, {name: Lowered(node, 0)}
        return node

    def plain_picks(self) -> dict[int, str]:
        """The entities whose tiers were decided for the book as it stands, by the node that picks the row."""
        return {pick.id: entity for (entity, state), (pick, _) in self._picks.items() if state is None}

    def column_in(self, state: State | None, entity: str, name: str) -> Node:
        """A column in another state."""
        with self.reading(state):
            return self.column(entity, name)

    def states(self, expr: model.Over) -> list[State]:
        """The states that an `over` goes through from the one at hand, the same for all that ask."""
        key = (expr.grid, expr.held, self.state)
        if key not in self._states:
            self._states[key] = list(states(self.policy, self.params, expr, self.state))
        return self._states[key]

    def args_of(self, state: State) -> dict[str, Lowered]:
        if self._sought is not None and state is self._sought[0]:
            return self._sought[1]
        return {name: Lowered(self.const(value.value, value.type), 0) for name, value in state.args.items()}
