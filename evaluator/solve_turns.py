"""What one look along the way notes: how far ahead the next turn is, and what floating point can't tell."""

from collections.abc import Sequence

import numpy as np

from evaluator.columns import KNOWN
from evaluator.context import Context
from evaluator.graph import SCALAR, Node
from evaluator.pieces import Step
from evaluator.search import near_bound
from evaluator.solve_bounds import Bounds
from evaluator.solve_copies import Copies
from evaluator.solve_forms import Crossing, Form, crossing, level
from evaluator.vector import Flags, Floats, Index, Vector, some


class Turns:
    """By copy (n,): ``ahead``, the distance to the next turn, infinite where there is none; ``curved``, whether
    something moves in ways that aren't followed; ``tied``, whether something that will move stands where floats don't
    say which way it is decided; ``unsure``, whether floating point can't decide a part. ``crossings``: those of
    comparisons, by node."""

    def __init__(self, over: Copies, context: Context, bounds: Bounds, unsure: Flags) -> None:
        """``bounds`` and ``unsure`` are kept from look to look."""
        self.over, self.context, self.unsure = over, context, unsure
        self.ahead = np.full(over.count, np.inf)
        self.curved: Flags = np.zeros(over.count, dtype=np.bool_)
        self.tied: Flags = np.zeros(over.count, dtype=np.bool_)
        self.crossings: dict[int, Crossing] = {}
        self._bounds = bounds

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
        self.curved[copy[lost]] = True
        np.minimum.at(self.ahead, copy[~lost], np.maximum(found[~lost], 0.0))

    def doubt(self, grain: str, rows: Flags) -> None:
        """Copies that floating point can't decide, by the rows of a grain."""
        self._mark(self.unsure, grain, rows)

    def _mark(self, copies: Flags, grain: str, rows: Flags) -> None:
        where = np.flatnonzero(np.broadcast_to(rows, (self.over.size(grain),)))
        copies[where if grain == SCALAR else self.over.copy[grain][where]] = True

    def cross(self, node: Node, x: Form, y: Form, value: Vector) -> Crossing:
        found = crossing(x, y)
        if not (x.still and y.still):
            self.note(node.grain, found.distance, value)
        return found

    def lasting(self, grain: str, near: Flags | None, moves: Flags) -> Flags | None:
        """Of the rows where what decides is too ``near`` to tell, those where it stays so: where it ``moves``, a little
        farther on it is sharp."""
        if near is None:
            return None
        self._mark(self.tied, grain, near & moves)
        return some(near & ~moves)

    def bound(self, node: Node, x: Form, step: Step, state: Index | int, code: Index, value: Vector) -> Flags | None:
        """Notes where x comes to the next bound that leads elsewhere; and the rows where floats don't say on which side
        of a bound x stays."""
        unsure = near_bound(step, state, code, x.at)
        if x.still:
            return unsure
        self.note(node.grain, self._bounds.ahead(x, step, state, code), value)
        return self.lasting(node.grain, unsure, ~level(x))

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
