"""What the fast evaluator's tasks take for granted of small tables and values of the whole book, so that a program
compiled for some of their cells serves others, too."""

from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator import error
from evaluator.graph import SCALAR, Node
from evaluator.vector import Vector

_COARSE = 16.0
_MANY = 2.0**20  # half units of error up to which a relative one is small enough


@dataclass(frozen=True, slots=True)
class Granted:
    """What the tasks rest on, of a head. ``exactly``: must be the same; ``sure``: what is so must stay so; ``steps``:
    the relative error is at most that, None where each row's is looked up."""

    exactly: tuple[Any, ...]
    sure: tuple[bool, ...]
    steps: float | None

    def holds(self, now: "Granted") -> bool:
        if self.exactly != now.exactly or any(
            was and not still for was, still in zip(self.sure, now.sure, strict=True)
        ):
            return False
        if self.steps is None or now.steps is None:
            return self.steps is now.steps
        return now.steps <= self.steps


def granted_of(node: Node, vector: Vector, varies: bool) -> Granted:
    """``varies``: of one graph for several evaluations, whether it may be otherwise in another; a value of the whole
    book is read anew in each then, and else a constant of the tasks."""
    values = vector.values
    known = vector.quality is None and vector.doubt is None
    if node.grain == SCALAR and varies:
        return Granted((values.dtype, known), (vector.once,), steps_of(vector, varies))
    if node.grain == SCALAR:
        off = None if vector.absolute is None else np.asarray(vector.absolute).tobytes()
        return Granted((known, values.tobytes(), off, vector.once), (), vector.relative)
    unsigned = not bool((np.signbit(values) & (values == 0)).any()) if node.numeric else True
    sure = bool((values >= 0).all()), unsigned, vector.once
    return Granted((values.dtype,), sure, steps_of(vector, varies))


def steps_of(vector: Vector, varies: bool) -> float | None:
    """The largest error in half units of the value itself; None where that says nothing. Coarsely where it depends on
    the values, or where they vary: what is exact in one evaluation may not be in another."""
    if vector.absolute is None:
        steps = vector.relative / error.HALF_UNIT
        return _coarse(max(1.0, steps)) if varies else steps
    size = np.abs(vector.values)
    if not len(size) or not size.all() or not np.isfinite(size).all():
        return None
    steps = float((np.asarray(error.total(vector)) / size).max()) / error.HALF_UNIT
    steps = _coarse(max(1.0, steps) if varies else steps) if steps or varies else steps
    return steps if steps < _MANY else None


def _coarse(steps: float) -> float:
    """Rounded up, so that the moves of a grid have the same."""
    return float(_COARSE ** np.ceil(np.log(steps) / np.log(_COARSE) + 1e-9))
