"""The checked policy as a graph: functions substituted, paths followed, every expression at its own grain.

An expression varies with nothing (level 0), with this row (1) or with the row inside an aggregate (2). It is lowered at
its own level, and carried to a finer one only where it meets it; a fault stands at its operation's level.
"""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from fractions import Fraction
from types import MappingProxyType

from dsl import model
from dsl.model import DATE, FLAG, Expr, Kind, Type, Value
from dsl.records import dataclass
from evaluator.constants import Number
from evaluator.graph import Graph, Node
from evaluator.lower_aggregates import aggregate
from evaluator.lower_columns import Columns
from evaluator.lower_curves import curve_call
from evaluator.lower_draws import draw
from evaluator.lower_grids import over
from evaluator.lower_paths import key, read
from evaluator.lower_tables import table_call
from evaluator.scope import Lowered, Scope

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
    graph: Graph | None = None,
) -> Outputs:
    """Every formula, tiers column and check of the policy. ``infinite``: inputs that hold infinite values. ``sums``: by
    entity and name, the members' entity and the link along which their column of that name is to be summed. ``only``:
    of the columns, these. ``graph``: to begin with, where some params are leaves."""
    with deep():
        lowering = Lowering(policy, params, as_of, infinite, graph or Graph(optimise))
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
        lowering = Lowering(policy, params, as_of, infinite)
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
        lowering = Lowering(policy, params, as_of, infinite)
        return [key(lowering, grouping.base, read) for _, read in grouping.keys]


class Lowering(Columns):
    """One policy with its params on its way into one graph."""

    def lower(self, expr: Expr, scope: Scope) -> Lowered:
        match expr:
            case model.Const():
                return Lowered(self.const(expr.value, expr.type), 0)
            case model.ParamRead(name=name) if name in self.graph.leaves:
                return Lowered(self.graph.leaves[name], 0)
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
                return table_call(self, expr, scope)
            case model.CurveCall():
                return curve_call(self, expr, scope)
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

    def _blank(self, op: str, expr: Expr, operand: Lowered, scope: Scope) -> Lowered:
        table = list(self.policy.tables).index(expr.table) if isinstance(expr, model.TableCall) else None
        return self.op(op, [operand], scope, (table,), FLAG)
