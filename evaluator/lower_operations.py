"""Operations on their way into the graph: each at the level where its operands meet, and carried to it.

What every other part of the lowering builds on: constants, operations, columns read through links, choices.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from dsl import model
from dsl.model import DATE, FLAG, NUMBER, Expr, Kind, Type, Value
from evaluator.constants import Constant, Number
from evaluator.context import PAIR
from evaluator.graph import INDEX, SCALAR, Facts, Graph, Node
from evaluator.scope import Lowered, Scope

T = TypeVar("T")


class Operations(ABC):
    """One policy on its way into one graph. What an expression and a column mean is said by who inherits."""

    def __init__(self, policy: model.Policy, graph: Graph) -> None:
        self.policy, self.graph = policy, graph
        self._kept: dict[object, object] = {}

    @abstractmethod
    def lower(self, expr: Expr, scope: Scope) -> Lowered:
        """An expression where it stands."""

    @abstractmethod
    def column(self, entity: str, name: str) -> Node:
        """A column at its entity's rows, in the state of the book at hand."""

    def keep(self, key: object, make: Callable[[], T]) -> T:
        """What is the same wherever this key is met, such as in each move of a grid: made at the first."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[return-value]

    def lower_as(self, expr: Expr, type: Type, scope: Scope) -> Lowered:
        """An expression where a type is declared, whose labels a constant is one of."""
        if isinstance(expr, model.Const):
            return Lowered(self.const(expr.value, type), 0)
        return self.lower(expr, scope)

    def body(self, body: Expr, args: Mapping[str, Lowered], scope: Scope) -> Lowered:
        """A function's body with these arguments; the same arguments give the same node, at once."""
        places = tuple((name, arg.node.id, arg.level) for name, arg in args.items())
        key = ("body", id(body), places, scope.entity, scope.inner, scope.via, scope.up, scope.tolerant)
        return self.keep(key, lambda: self.lower(body, replace(scope, args=args)))

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

    # -- levels -----------------------------------------------------------------------------------

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
        return self.through(scope.inner, scope.via, node)

    def end(self, end: str, scope: Scope) -> Node:
        """One end of the pairs of an aggregate that goes up and down again, as row numbers."""
        attrs = (scope.entity, scope.up, scope.inner, scope.via)
        return self.graph.node(f"pair_{end}", (), attrs, grain=PAIR, type=INDEX)

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

    # -- links ------------------------------------------------------------------------------------

    def chain(self, start: str, links: tuple[str, ...]) -> tuple[Node, str]:
        """The row that a chain of links leads to, and its entity."""
        node, entity = self.column(start, links[0]), start
        for i, link in enumerate(links):
            if i:
                step = self.column(entity, link)
                node = self.graph.node("gather", (node, step), (entity,), grain=self.grain(start), type=step.type)
            entity = self.policy.type_of(entity, link).entity
        return node, entity

    def through(self, start: str, links: tuple[str, ...], column: Node) -> Node:
        """A column read through links; the target's own key is where the links lead."""
        if not links:
            return column
        index, entity = self.chain(start, links)
        if column.op == "key":
            return index
        return self.graph.node("gather", (index, column), (entity,), grain=self.grain(start), type=column.type)
