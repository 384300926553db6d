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
from evaluator.aggregates import Members, members_of
from evaluator.columns import KNOWN
from evaluator.context import Context
from evaluator.graph import INDEX, SCALAR, Node
from evaluator.groups import counts_of, sums
from evaluator.pieces import Step
from evaluator.runner import ALL_KERNELS
from evaluator.solve_copies import Copies, context_of
from evaluator.solve_forms import Crossing, Form, crossing
from evaluator.solve_rules import FLAGS, HOLDS, RULES
from evaluator.vector import Flags, Floats, Index, Vector

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
        self._turns: dict[int, tuple[Index, Index]] = {}
        self._links: dict[tuple[int, str], Vector] = {}
        self._doubt: Flags = np.zeros(over.count, dtype=np.bool_)
        moving = {n.id for n in nodes} | {target.id}
        self._fixed = {a.id: Form(self._cut(a, fixed[a.id])) for n in nodes for a in n.args if a.id not in moving}
        if target.grain != SCALAR and target.grain in over.rows:
            self._still = over.cut(target, fixed[target.id])
            self._sought = over.rows[target.grain] == rows[over.copy[target.grain]]

    def _cut(self, node: Node, vector: Vector) -> Vector:
        cut = self.over.cut(node, vector)
        if cut.doubt is not None and node.grain != SCALAR:
            self._doubt[self.over.copy[node.grain][cut.doubt]] = True
        elif cut.doubt is not None:
            self._doubt[:] = True
        return replace(cut, doubt=None)

    # -- a look -----------------------------------------------------------------------------------

    def look(self, at: Floats, direction: float) -> Seen:
        """From where each copy's cell is ``at``, going up (1) or down (-1)."""
        count = self.over.count
        self._ahead = np.full(count, np.inf)
        self._curved = np.zeros(count, dtype=np.bool_)
        self.crossings: dict[int, Crossing] = {}
        self._forms = dict(self._fixed)
        self._forms[self.target.id] = self._start(at, direction)
        for node in self.nodes:
            self._forms[node.id] = self._form(node)
        holds = self._flags(self._forms[self.condition.id].at)
        ended = self._flags(self._ending(self.condition))
        return Seen(holds, self._ahead, ended, self._curved, self._doubt)

    def _flags(self, found: Vector) -> Flags:
        full = found.full(self.over.size(self.condition.grain)).at(
            self.over.asked, self.over.size(self.condition.grain)
        )
        return full.values.astype(np.bool_) & (True if full.quality is None else full.quality == KNOWN)

    def _start(self, at: Floats, direction: float) -> Form:
        grain = self.target.grain
        if grain == SCALAR:
            return Form(Vector(at), np.full(len(at), direction))
        if grain not in self.over.rows:
            return Form(Vector(np.zeros(1)))
        full = self._still.full(len(self._sought))
        values = np.where(self._sought, at[self.over.copy[grain]], full.values)
        quality = None if full.quality is None else np.where(self._sought, KNOWN, full.quality)
        return Form(Vector(values, quality), np.where(self._sought, direction, 0.0))

    def _form(self, node: Node) -> Form:
        if node.op == "settle":
            return self._argument(node, node.args[0])
        if node.op == "gather":
            return self._gather(node)
        if node.op.startswith("agg_"):
            return self._aggregate(node)
        args = [self._argument(node, a) for a in node.args]
        value = ALL_KERNELS[node.op](node, [a.at for a in args], self.context)
        value = Vector(value.values, value.quality)
        rule = RULES.get(node.op)
        if rule is not None:
            return rule(self, node, args, value)
        if not node.numeric and (node.type.kind is INDEX.kind or node.op in FLAGS):
            return Form(value)
        return self.other(node, args, value)

    def other(self, node: Node, args: Sequence[Form], value: Vector) -> Form:
        """What isn't followed: a number that moves somehow, or a choice that may turn anywhere."""
        rows = self.over.size(node.grain)
        moves: Flags = np.zeros(rows, dtype=np.bool_)
        for arg in args:
            if arg.slope is not None:
                moves = moves | np.not_equal(arg.slope, 0.0)
        if not moves.any():
            return Form(value)
        if node.numeric:
            return Form(value, np.where(moves, np.nan, 0.0))
        self.note(node.grain, np.where(moves, np.nan, np.inf), value)
        return Form(value)

    def _argument(self, node: Node, arg: Node) -> Form:
        return self._carried(node, arg, self._forms[arg.id])

    def _carried(self, node: Node, arg: Node, form: Form) -> Form:
        """What is the same for all rows of a copy, at the rows of a node."""
        if arg.grain == SCALAR and node.grain != SCALAR and (form.at.values.shape != (1,) or not form.still):
            return form.rows(self.over.copy[node.grain], self.over.count)
        return form

    def note(self, grain: str, distance: Floats, value: Vector | None = None) -> None:
        """Turns this far ahead, at the rows of a grain that are known."""
        size = self.over.size(grain)
        distance = np.broadcast_to(distance, (size,))
        wanted = distance < np.inf
        wanted |= np.isnan(distance)
        if value is not None and value.quality is not None:
            wanted &= value.quality == KNOWN
        rows = np.flatnonzero(wanted)
        if not len(rows):
            return
        found = distance[rows]
        copy = rows if grain == SCALAR else self.over.copy[grain][rows]
        lost = np.isnan(found)
        self._curved[copy[lost]] = True
        np.minimum.at(self._ahead, copy[~lost], np.maximum(found[~lost], 0.0))

    def doubt(self, grain: str, rows: Flags) -> None:
        """Copies that floating point can't decide, by the rows of a grain."""
        where = np.flatnonzero(np.broadcast_to(rows, (self.over.size(grain),)))
        self._doubt[where if grain == SCALAR else self.over.copy[grain][where]] = True

    def cross(self, node: Node, x: Form, y: Form, value: Vector) -> Crossing:
        found = crossing(x, y)
        if not (x.still and y.still):
            self.note(node.grain, found.distance, value)
        return found

    # -- the condition at the turn ----------------------------------------------------------------

    def _ending(self, node: Node) -> Vector:
        """A flag where the next turn is: the comparisons that turn there are equal there."""
        if node.op in _LOGIC and node.id in self._forms and not self._fixed.get(node.id):
            args = [self._carried(node, a, Form(self._ending(a))).at for a in node.args]
            return args[0] if node.op == "settle" else ALL_KERNELS[node.op](node, args, self.context)
        found = self._forms[node.id].at
        if node.id not in self.crossings:
            return found
        ahead = self._ahead if node.grain == SCALAR else self._ahead[self.over.copy[node.grain]]
        turns = np.isfinite(ahead) & (self.crossings[node.id].distance <= ahead * (1 + 1e-9))
        equal = HOLDS[str(node.attrs[0])](np.zeros(1))
        return Vector(np.where(turns, equal, found.values), found.quality)

    # -- links ------------------------------------------------------------------------------------

    def _led(self, node: Node, link: Node, grain: str, target: str) -> Vector:
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
        index = self._led(node, node.args[0], node.grain, entity)
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
            link = self._led(node, node.args[-1], entity, node.grain)
            args = node.args
        else:  # all rows of the copy
            number = -2 - list(self.context.policy.entities).index(entity)
            link = Vector(self.over.copy[entity])
            args = (*node.args[: 2 if filtered else 1], Node(number, "", (), (), entity, INDEX, node.facts))
        node = replace(node, args=args, attrs=(entity, filtered, True))
        vectors = [*(f.at for f in forms), link]
        value = ALL_KERNELS[node.op](node, vectors, self.context)
        value = Vector(value.values, value.quality)
        size = self.over.size(entity)
        if forms[0].still or not node.args[0].numeric or not size:
            return Form(value)
        members = members_of(node, vectors, self.context)
        if node.op in ("agg_min", "agg_max"):
            return self._extreme_member(node, forms[0], members, value)
        _, slope, bend = forms[0].parts
        moved = np.where(np.equal(bend, 0.0) | np.equal(slope, 0.0), slope, np.nan)
        moved = np.broadcast_to(moved, (size,))
        if members.counted is not None:
            moved = np.where(members.counted, moved, 0.0)
        total = sums(members.groups, moved)
        if node.op == "agg_mean":
            total = total / np.maximum(counts_of(members.groups, members.counted), 1)
        return Form(value, total)

    def _extreme_member(self, node: Node, form: Form, members: Members, value: Vector) -> Form:
        """The member that is the least (or greatest) just after here, and where another takes its place."""
        entity = node.args[-1].grain if node.attrs[0] is None else str(node.attrs[0])
        size = self.over.size(entity)
        form = Form(form.at.full(size), *(None if p is None else np.broadcast_to(p, (size,)) for p in form.parts[1:]))
        a, b, c = form.parts
        group = members.groups.index
        counted = np.flatnonzero(group < members.groups.count)
        if members.counted is not None:
            counted = counted[members.counted[counted]]
        side = 1.0 if node.op == "agg_min" else -1.0
        rise = np.asarray(b - a * c)
        order = counted[np.lexsort((side * rise[counted], side * a[counted], group[counted]))]
        first = np.flatnonzero(np.append(True, np.diff(group[order]) != 0)) if len(order) else order
        winner = np.zeros(members.groups.count, dtype=np.int64)
        winner[group[order[first]]] = order[first]
        best = form.rows(winner, size)
        rivals = form.rows(counted, size)
        found = crossing(rivals, best.rows(group[counted], members.groups.count))
        distance = np.full(size, np.inf)
        distance[counted] = found.distance
        self.note(entity, distance, form.at)
        return Form(value, best.slope, best.bend)

    # -- tables -----------------------------------------------------------------------------------

    def bound(self, node: Node, x: Form, step: Step, state: Index | int, code: Index, value: Vector) -> None:
        """Where x comes to the next bound on its way that leads elsewhere."""
        if x.still:
            return
        a, b, c = x.parts
        rise = np.asarray(b - np.where(np.isfinite(a), a, 0.0) * c)
        up, down = self._next_turns(step, state, code)
        fence = np.append(step.bounds, np.nan)
        limit = np.where(rise > 0.0, fence[up], fence[down])
        distance = np.where(rise == 0.0, np.inf, (limit - a) / (b - limit * c))
        distance = np.where(
            np.isnan(limit), np.inf, np.where(distance < 0.0, np.where(c == 0.0, 0.0, np.inf), distance)
        )
        self.note(node.grain, np.where(np.isnan(rise), np.nan, distance), value)

    def _next_turns(self, step: Step, state: Index | int, code: Index) -> tuple[Index, Index]:
        """The numbers of the next bounds above and below at which another row is taken; the last for none."""
        last = len(step.bounds)
        if step.dense is None:
            return code, np.where(code > 0, code - 1, last)
        if id(step) not in self._turns:
            dense = step.dense
            up, down = np.full(dense.shape, last, dtype=np.int32), np.full(dense.shape, last, dtype=np.int32)
            for j in range(last - 1, -1, -1):
                up[:, j] = np.where(dense[:, j + 1] != dense[:, j], j, up[:, j + 1])
            for j in range(1, last + 1):
                down[:, j] = np.where(dense[:, j - 1] != dense[:, j], j - 1, down[:, j - 1])
            self._turns[id(step)] = up, down
        up, down = self._turns[id(step)]
        return up[state, code], down[state, code]
