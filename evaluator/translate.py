"""From the graph to tasks: what the fast evaluator can do, with the flagging of every row that it can't vouch for.

A node that has no translation here, and whatever reads it, is left to the careful evaluator over whole columns.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dsl.model import Kind, Policy
from evaluator import error
from evaluator.acts_members import most_of
from evaluator.bits import Bits, bits_of
from evaluator.constants import Number
from evaluator.context import Context
from evaluator.granted import Granted, granted_of, steps_of
from evaluator.graph import SCALAR, Node
from evaluator.pieces import Segments
from evaluator.reach import Made, Rule
from evaluator.rules_decisions import DECISIONS
from evaluator.rules_groups import GROUPS
from evaluator.rules_inputs import INPUTS
from evaluator.rules_lookups import LOOKUPS
from evaluator.rules_numbers import NUMBERS
from evaluator.shape import Shape
from evaluator.tasks import Task, Tasks
from evaluator.vector import Vector

_STAYS = ("add", "mul", "div", "settle")  # never below zero where no operand is
_UNSIGNED_BY_OPERANDS = frozenset("add mul div sqrt min max spread same select choose".split())


class Translator:
    """Translates the nodes of one plan. ``heads``: nodes computed before, whole. ``longest``: by member entity, the
    most members that a row has."""

    def __init__(
        self,
        context: Context,
        shape: Shape,
        heads: Mapping[int, Vector],
        longest: Mapping[str, int],
    ) -> None:
        self.context, self.shape, self.heads, self.longest = context, shape, heads, longest
        self.policy: Policy = context.policy
        self.tasks = Tasks()
        self.taken: dict[int, Granted] = {}  # by head, what was taken for granted of its values
        self.headed: list[Node] = []  # the heads
        self.read: set[tuple[str, str]] = set()  # inputs
        self.blanks: set[tuple[str, str]] = set()  # optional inputs, whose blank cells aren't faults
        self._made: dict[int, Made | None] = {}
        self.blanky_nodes: set[int] = set()
        self.nonnegative: set[int] = set()
        self.wild: dict[tuple[str, str], Any] = {}  # rows to be flagged
        self.inexact: set[int] = set()  # constants that are rounded
        self.choices: dict[int, tuple[Task, list[Made], tuple[int, ...]]] = {}  # by task: index, options, slots
        self.differences: dict[int, Made] = {}  # by size of a difference: what was subtracted from
        self._bits: dict[Segments, Bits | None] = {}
        self._unsigned: dict[int, bool] = {}

    def node(self, node: Node) -> Made | None:
        """The node's translation; its operands were translated before. None: the careful evaluator's."""
        if node.id not in self._made:
            self._made[node.id] = self._translated(node)
        return self._made[node.id]

    def _translated(self, node: Node) -> Made | None:
        if node.op == "const":
            return self._const(node)
        if node.id in self.heads:
            return self._head(node)
        if node.grain not in self.shape.parts:
            return None
        args = [self._operand(node, a) for a in node.args if not self._is_column(node, a)]
        if any(a is None for a in args):
            return None
        if any(a.id in self.blanky_nodes for a in _lets_through(node)):
            self.blanky_nodes.add(node.id)
        found = RULES[node.op](self, node, [a for a in args if a is not None]) if node.op in RULES else None
        kept = node.op in _STAYS and all(self.never_below(a) for a in node.args)
        if found is not None and (kept or node.facts.nonnegative):
            self.nonnegative.add(found.task.id)
        return found

    def never_below(self, node: Node) -> bool:
        """Whether its values are never below zero: those of any book, or, read from small tables, of this one."""
        made = self._made.get(node.id)
        return node.facts.nonnegative or (made is not None and made.task.id in self.nonnegative)

    def blanky(self, node: Node) -> bool:
        """Whether it may be blank in a row that isn't flagged."""
        return node.id in self.blanky_nodes

    def bits(self, segments: Segments) -> Bits | None:
        """The segments' cells, made once."""
        if segments not in self._bits:
            self._bits[segments] = bits_of(segments)
        return self._bits[segments]

    def _operand(self, node: Node, arg: Node) -> Made | None:
        if arg.id in self.heads and arg.grain == SCALAR and arg.id in self.context.varying:
            return self._opened(arg, str(node.attrs[0]) if node.op.startswith("agg_") else node.grain)
        return self.node(arg)

    def _is_column(self, node: Node, arg: Node) -> bool:
        """Whether an operand is looked up whole, so that it needs no task of its own."""
        return node.op == "gather" and arg is node.args[1] and arg.id in self.heads

    def tracks(self, node: Node) -> bool:
        return self.context.tracks(node)

    def make(
        self, op: str, args: Sequence[Task], attrs: tuple[Any, ...] = (), *, grain: str, dtype: Any = np.float64
    ) -> Task:
        return self.tasks.make(op, args, attrs, grain=grain, dtype=dtype)

    def value(
        self, node: Node, op: str, args: Sequence[Made], attrs: tuple[Any, ...] = (), dtype: Any = np.float64
    ) -> Task:
        return self.make(op, [a.task for a in args], attrs, grain=node.grain, dtype=dtype)

    def size(self, made: Made, grain: str) -> Task:
        """The size of its error, by row or for the block."""
        if made.size is not None:
            return made.size
        task = made.task
        if task.op == "const":
            value = task.attrs[1]
            assert isinstance(value, float)
            return self.tasks.const(0.0 if np.isinf(value) else abs(value))
        if task.id in self.nonnegative:
            return task
        return self.make("abs", [task], grain=task.grain)

    def most(self, task: Task) -> float:
        """The greatest size of an input's finite cells, but for rows far from all others, which are ``wild``."""
        entity, name = task.attrs
        values = self.context.book.tables[str(entity)].columns[str(name)].values
        key = "most", entity, name
        if key not in self.context.facts:
            self.context.facts[key] = most_of(values)
        top, rows = self.context.facts[key]
        if len(rows):
            self.wild[str(entity), str(name)] = rows
        return float(top)

    def near(self, a: Made, b: Made, grain: str) -> list[Task]:
        """Flags rows in which the two are closer than their errors."""
        if a.exact and b.exact:
            return []
        if any(one.size is None and _zero(other) for one, other in ((a, b), (b, a))):
            return []  # a relative error never crosses zero, and zero has none
        if a.once and b.once:
            return [self.make("near_tie", [a.task, b.task], (_look(a), _look(b)), grain=grain, dtype=None)]
        sizes = [m.size for m in (a, b) if m.size is not None]
        attrs = (a.steps, b.steps, a.size is not None, b.size is not None)
        return [self.make("near", [a.task, b.task, *sizes], attrs, grain=grain, dtype=None)]

    def near_zero(self, a: Made, grain: str) -> list[Task]:
        return [] if a.size is None else self.near(a, Made(self.tasks.const(0.0)), grain)

    def added(self, task: Task) -> Task:
        """What a sum is the sum of."""
        if task.op != "total":
            return task.args[0]
        found = self.tasks.known("input", (), task.attrs, str(task.attrs[0]))
        assert found is not None
        return found

    # -- leaves -----------------------------------------------------------------------------------

    def _const(self, node: Node) -> Made:
        value = node.constant
        match node.type.kind, value:
            case _, Number():
                task = self.tasks.const(float(value))
                if not value.exact:
                    self.inexact.add(task.id)
                return Made(task, 0.0 if value.exact else 1.0, None, True)
            case Kind.FLAG, _:
                return Made(self.tasks.const(bool(value)))
            case _, str():
                return Made(self.tasks.const(self.context.text_code(value)))
            case _, int():
                return Made(self.tasks.const(value))
        raise TypeError(f"no constant of {node.type.kind} is {value!r}")

    def _head(self, node: Node) -> Made | None:
        """A value of the whole book. One that is unknown or in doubt leaves everything to the careful evaluator."""
        vector = self.heads[node.id]
        self._take(node, vector)
        if node.grain != SCALAR or vector.quality is not None or vector.doubt is not None:
            return None
        return self._of_vector(node, vector, self.tasks.const(vector.values[0].item()))

    def _opened(self, node: Node, grain: str) -> Made | None:
        """A value of the whole book that is another one in other evaluations, read as a column."""
        vector = self.heads[node.id]
        self._take(node, vector)
        steps = steps_of(vector, True) if node.numeric else 0.0
        if vector.quality is not None or vector.doubt is not None or steps is None:
            return None
        task = self.make("open", (), (node.id,), grain=grain, dtype=vector.values.dtype.type)
        if node.facts.nonnegative:
            self.nonnegative.add(task.id)
        return Made(task, steps, None, vector.once)

    def _of_vector(self, node: Node, vector: Vector, task: Task) -> Made:
        steps, size = vector.relative / error.HALF_UNIT, None
        if vector.absolute is not None:
            size = self.tasks.const(
                float(abs(vector.values[0]) + np.asarray(error.total(vector)).max() / error.HALF_UNIT)
            )
            steps = 1.0
        if steps:
            self.inexact.add(task.id)
        return Made(task, steps, size, vector.once)

    def gathered(self, node: Node, index: Task, column: Node) -> Made:
        """A head's column, read through a link."""
        vector = self.heads[column.id]
        self._take(column, vector)
        dtype = vector.values.dtype.type
        task = self.make("lookup", [index], (column.id,), grain=node.grain, dtype=dtype)
        if node.numeric and bool((vector.values >= 0).all()):
            self.nonnegative.add(task.id)
        steps = steps_of(vector, column.id in self.context.varying)
        if steps is not None:
            return Made(task, steps, None, vector.once)
        size = self.make("lookup_size", [index], (column.id,), grain=node.grain)
        return Made(task, 1.0, size, vector.once)

    def _take(self, head: Node, vector: Vector) -> None:
        self.taken[head.id] = granted_of(head, vector, head.id in self.context.varying)
        self.headed.append(head)

    def fits(self, heads: Mapping[int, Vector]) -> bool:
        """Whether all that was taken for granted of the heads is so of these, too."""
        nodes = {node.id: node for node in self.headed}
        return all(
            id in heads and granted.holds(granted_of(nodes[id], heads[id], id in self.context.varying))
            for id, granted in self.taken.items()
        )

    # -- what can't be minus zero -----------------------------------------------------------------

    def unsigned(self, task: Task) -> bool:
        """Whether its values are never minus zero."""
        # Without recursion: over a grid of a thousand moves `min` is a chain as long.
        waiting = [] if task.id in self._unsigned else [task]
        while waiting:
            top = waiting[-1]
            before = [a for a in top.args if top.op in _UNSIGNED_BY_OPERANDS and a.id not in self._unsigned]
            if not before:
                self._unsigned[top.id] = self._is_unsigned(top)
                waiting.pop()
            waiting += before
        return self._unsigned[task.id]

    def _is_unsigned(self, task: Task) -> bool:
        match task.op:
            case "abs" | "exp" | "unsigned" | "piecewise":
                return True
            case "const":
                value = task.attrs[1]
                return not (isinstance(value, float) and value == 0.0 and bool(np.signbit(value)))
            case "add":
                return any(self.unsigned(a) for a in task.args)
            case "mul" | "div":
                return all(a.id in self.nonnegative and self.unsigned(a) for a in task.args)
            case "lookup":
                values = self.heads[task.attrs[0]].values  # type: ignore[index]
                return not bool((np.signbit(values) & (values == 0)).any())
            case "sqrt" | "min" | "max" | "spread" | "same":
                return all(self.unsigned(a) for a in task.args)
            case "select" | "choose":
                return all(self.unsigned(a) for a in task.args[1:])
            case "input":
                entity, name = task.attrs
                domain = self.policy.entities[str(entity)].inputs[str(name)].domain
                return domain is not None and domain.low is not None and domain.low > 0
            case "take":
                values = task.attrs[0].values  # type: ignore[attr-defined]
                return not bool((np.signbit(values) & (values == 0)).any())
        return task.op in ("members", "total") or task.op.startswith("agg_")


def _lets_through(node: Node) -> tuple[Node, ...]:
    """The operands whose blanks may be the node's."""
    if node.op in ("absent", "known"):
        return ()
    if node.op == "select":
        condition, then, otherwise = node.args
        if condition.op == "absent" and condition.args[0] is otherwise:
            return (then,)
        if condition.op == "known" and condition.args[0] is then:
            return (otherwise,)
    return node.args


def _zero(made: Made) -> bool:
    return made.exact and made.task.op == "const" and made.task.attrs[1] == 0


def _look(made: Made) -> str:
    """Of a number rounded at most once, whether it may have been: none, all, or those that are not whole."""
    return "no" if made.exact else "yes" if made.task.op == "const" else "look"


RULES: dict[str, Rule] = {**INPUTS, **NUMBERS, **DECISIONS, **LOOKUPS, **GROUPS}
