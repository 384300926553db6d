"""One look along the way that a cell goes: every number that moves with it, and how far ahead the next turn is.

Values come from the kernels, as at any other time. Beside them each operation that is straight, a quotient of straight
lines, or chosen between such, says how its result moves, and where a comparison, a bracket or a branch will turn
(``evaluator.solve_rules``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dsl.records import dataclass
from evaluator.aggregates import members_of
from evaluator.columns import KNOWN
from evaluator.context import Context
from evaluator.error import DECIDING, bounded
from evaluator.graph import INDEX, SCALAR, Node
from evaluator.groups import counts_of, sums
from evaluator.runner import ALL_KERNELS
from evaluator.solve_bounds import Bounds
from evaluator.solve_copies import Copies, context_of
from evaluator.solve_forms import Form, level
from evaluator.solve_rules import BY_SIDES, FLAGS, HOLDS, RULES, extreme_member
from evaluator.solve_turns import Turns
from evaluator.vector import Flags, Floats, Vector, doubts, either

_LOGIC = ("and", "or", "not", "settle")


@dataclass(frozen=True, slots=True)
class Seen:
    """By copy (n,): whether the condition ``holds`` just after here; the distance ``ahead`` to the next turn, infinite
    where there is none; whether it holds ``at`` that turn; whether something moves in ways that aren't followed
    (``curved``); whether some part of it can't be decided by floating point (``doubt``)."""

    holds: Flags
    ahead: Floats
    at: Flags
    curved: Flags
    doubt: Flags


class Walk:
    """The moving nodes over some copies. ``fixed``: what doesn't move, over the book; ``rows``: of the target's entity,
    the row that is sought in each copy."""

    def __init__(
        self,
        nodes: Sequence[Node],
        condition: Node,
        target: Node,
        fixed: Mapping[int, Vector],
        context: Context,
        over: Copies,
        rows: npt.NDArray[np.int64],
    ) -> None:
        self.nodes, self.condition, self.target, self.over = nodes, condition, target, over
        self.context = context_of(context, over)
        self._bounds = Bounds()
        self._links: dict[tuple[int, str], Vector] = {}
        self._doubt: Flags = np.zeros(over.count, dtype=np.bool_)
        moving = {n.id for n in nodes} | {target.id}
        self._fixed = {a.id: Form(over.cut(a, fixed[a.id])) for n in nodes for a in n.args if a.id not in moving}
        if target.grain != SCALAR and target.grain in over.rows:
            self._still = over.cut(target, fixed[target.id])
            self._sought = over.rows[target.grain] == rows[over.copy[target.grain]]

    # -- a look -----------------------------------------------------------------------------------

    def look(self, at: Floats, direction: float) -> Seen:
        """From where each copy's cell is ``at``, going up (1) or down (-1)."""
        self._turns = Turns(self.over, self.context, self._bounds, self._doubt)
        self._forms = dict(self._fixed)
        self._forms[self.target.id] = self._start(at, direction)
        for node in self.nodes:
            self._forms[node.id] = self._form(node)
        holds, blurred = self._flags(self._forms[self.condition.id].at)
        ended, blurred_there = self._flags(self._ending(self.condition))
        return Seen(holds, self._turns.ahead, ended, self._turns.curved, self._doubt | blurred | blurred_there)

    def tied(self, at: Floats, direction: float) -> Flags:
        """Copies in which something that will move stands where floats don't say which way it is decided."""
        self.look(at, direction)
        return self._turns.tied

    def _flags(self, found: Vector) -> tuple[Flags, Flags]:
        """By copy: whether a flag is a yes, and whether it is in doubt."""
        asked = found.at(self.over.asked, self.over.size(self.condition.grain))
        holds = asked.values.astype(np.bool_) & (True if asked.quality is None else asked.quality == KNOWN)
        return holds, np.zeros(len(holds), dtype=np.bool_) if asked.doubt is None else asked.doubt

    def _start(self, at: Floats, direction: float) -> Form:
        grain = self.target.grain
        if grain == SCALAR:
            return Form(Vector(at, once=True), np.full(len(at), direction))
        if grain not in self.over.rows:
            return Form(Vector(np.zeros(1)))
        full = self._still.full(len(self._sought))
        values = np.where(self._sought, at[self.over.copy[grain]], full.values)
        quality = None if full.quality is None else np.where(self._sought, KNOWN, full.quality)
        at_ = replace(full, values=values, quality=quality, doubt=None)
        return Form(at_, np.where(self._sought, direction, 0.0))

    def _form(self, node: Node) -> Form:
        if node.op == "settle":
            return self._argument(node, node.args[0])
        if node.op == "gather":
            return self._gather(node)
        if node.op.startswith("agg_"):
            return self._aggregate(node)
        args = [self._argument(node, a) for a in node.args]
        value = self._kernel(node, args)
        rule = RULES.get(node.op)
        if rule is not None:
            return rule(self._turns, node, args, value)
        if not node.numeric and (node.type.kind is INDEX.kind or node.op in FLAGS):
            return Form(value)
        return self._turns.other(node, args, value)

    def _kernel(self, node: Node, args: Sequence[Form]) -> Vector:
        """The value, with its error. What an operation decides by is in doubt only where it doesn't move: where it
        does, a little farther on it is sharp."""
        vectors = [a.at for a in args]
        value = self._value(node, vectors)
        if value.doubt is None or node.op not in DECIDING or node.op in BY_SIDES:
            return value
        places, before = DECIDING[node.op], doubts(*vectors)
        moves = either(*(~level(a) for i, a in enumerate(args) if places is None or i in places))
        assert moves is not None
        own = value.doubt if before is None else value.doubt & ~before
        return replace(value, doubt=either(before, self._turns.lasting(node.grain, own, moves)))

    def _value(self, node: Node, args: Sequence[Vector]) -> Vector:
        value = ALL_KERNELS[node.op](node, args, self.context)
        return bounded(node, args, value) if node.id in self.context.bounded else value

    def _argument(self, node: Node, arg: Node) -> Form:
        return self._carried(node, arg, self._forms[arg.id])

    def _carried(self, node: Node, arg: Node, form: Form) -> Form:
        """What is the same for all rows of a copy, at the rows of a node."""
        if arg.grain == SCALAR and node.grain != SCALAR and (form.at.values.shape != (1,) or not form.still):
            return form.rows(self.over.copy[node.grain], self.over.count)
        return form

    # -- the condition at the turn ----------------------------------------------------------------

    def _ending(self, node: Node) -> Vector:
        """A flag where the next turn is: the comparisons that turn there are equal there."""
        if node.op in _LOGIC and node.id in self._forms and not self._fixed.get(node.id):
            args = [self._carried(node, a, Form(self._ending(a))).at for a in node.args]
            return args[0] if node.op == "settle" else ALL_KERNELS[node.op](node, args, self.context)
        found = self._forms[node.id].at
        if node.id not in self._turns.crossings:
            return found
        ahead = self._turns.ahead if node.grain == SCALAR else self._turns.ahead[self.over.copy[node.grain]]
        reached = np.isfinite(ahead) & (self._turns.crossings[node.id].distance <= ahead * (1 + 1e-9))
        equal = HOLDS[str(node.attrs[0])](np.zeros(1))
        unsure = None if found.doubt is None else found.doubt & ~reached
        return Vector(np.where(reached, equal, found.values), found.quality, unsure)

    # -- links ------------------------------------------------------------------------------------

    def _led(self, link: Node, grain: str, target: str) -> Vector:
        """A link's rows of the book as places among the copies' rows of ``target``."""
        key = (link.id, target)
        if key not in self._links:
            found = self._forms[link.id].at.full(self.over.size(grain))
            known = found.values if found.quality is None else np.where(found.quality == KNOWN, found.values, -1)
            self._links[key] = replace(found, values=self.over.places(grain, target, known.astype(np.int64)))
        return self._links[key]

    def _gather(self, node: Node) -> Form:
        (entity,) = node.attrs
        assert isinstance(entity, str)
        index = self._led(node.args[0], node.grain, entity)
        column = self._forms[node.args[1].id]
        value = ALL_KERNELS["gather"](node, [index, column.at], self.context)
        size = self.over.size(entity)
        if column.still or not size:
            return Form(value)
        rows = np.where(index.values >= 0, index.values, 0)
        slope, bend = (
            None if p is None else np.where(index.values >= 0, np.broadcast_to(p, (size,))[rows], 0.0)
            for p in (column.slope, column.bend)
        )
        return Form(value, slope, bend)

    def _aggregate(self, node: Node) -> Form:
        entity, filtered, linked = node.attrs
        assert isinstance(entity, str)
        inner = Node(-1, "", (), (), entity, node.type, node.facts)
        forms = [self._argument(inner, a) for a in node.args[: 2 if filtered else 1]]
        if linked and node.grain != SCALAR:
            link = self._led(node.args[-1], entity, node.grain)
            args = node.args
        else:  # all rows of the copy
            number = -2 - list(self.context.policy.entities).index(entity)
            link = Vector(self.over.copy[entity])
            args = (*node.args[: 2 if filtered else 1], Node(number, "", (), (), entity, INDEX, node.facts))
        node = replace(node, args=args, attrs=(entity, filtered, True))
        vectors = [*(f.at for f in forms), link]
        value = self._value(node, vectors)
        size = self.over.size(entity)
        if forms[0].still or not node.args[0].numeric or not size:
            return Form(value)
        members = members_of(node, vectors, self.context)
        if node.op in ("agg_min", "agg_max"):
            return extreme_member(self._turns, node, forms[0], members, value)
        _, slope, bend = forms[0].parts
        moved = np.where(np.equal(bend, 0.0) | np.equal(slope, 0.0), slope, np.nan)
        moved = np.broadcast_to(moved, (size,))
        if members.counted is not None:
            moved = np.where(members.counted, moved, 0.0)
        total = sums(members.groups, moved)
        if node.op == "agg_mean":
            total = total / np.maximum(counts_of(members.groups, members.counted), 1)
        return Form(value, total)
