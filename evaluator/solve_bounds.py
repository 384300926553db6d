"""How far ahead a number that moves comes to the next bound of a table or curve that leads elsewhere."""

from dataclasses import field

import numpy as np

from dsl.records import dataclass
from evaluator.pieces import Step
from evaluator.solve_forms import Form
from evaluator.vector import Floats, Index


@dataclass(slots=True)
class Bounds:
    """The next bounds at which another row is taken, worked out once for each step of a search."""

    _made: dict[int, tuple[Index, Index]] = field(default_factory=dict)

    def ahead(self, x: Form, step: Step, state: Index | int, code: Index) -> Floats:
        """(n,) the distance to the next bound, infinite where there is none, ``nan`` where nobody knows."""
        a, b, c = x.parts
        rise = np.asarray(b - np.where(np.isfinite(a), a, 0.0) * c)
        up, down = self._next(step, state, code)
        fence = np.append(step.bounds, np.nan)
        limit = np.where(rise > 0.0, fence[up], fence[down])
        distance = np.where(rise == 0.0, np.inf, (limit - a) / (b - limit * c))
        distance = np.where(
            np.isnan(limit), np.inf, np.where(distance < 0.0, np.where(c == 0.0, 0.0, np.inf), distance)
        )
        return np.where(np.isnan(rise), np.nan, distance)

    def _next(self, step: Step, state: Index | int, code: Index) -> tuple[Index, Index]:
        """The numbers of the next bounds above and below at which another row is taken; the last for none."""
        last = len(step.bounds)
        if step.dense is None:
            return code, np.where(code > 0, code - 1, last)
        if id(step) not in self._made:
            dense = step.dense
            up, down = np.full(dense.shape, last, dtype=np.int32), np.full(dense.shape, last, dtype=np.int32)
            for j in range(last - 1, -1, -1):
                up[:, j] = np.where(dense[:, j + 1] != dense[:, j], j, up[:, j + 1])
            for j in range(1, last + 1):
                down[:, j] = np.where(dense[:, j - 1] != dense[:, j], j - 1, down[:, j - 1])
            self._made[id(step)] = up, down
        up, down = self._made[id(step)]
        return up[state, code], down[state, code]
