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


def granted_of(node: Node, vector: Vector) -> Granted:
    values = vector.values
    if node.grain == SCALAR:
        known = vector.quality is None and vector.doubt is None
        off = None if vector.absolute is None else np.asarray(vector.absolute).tobytes()
        return Granted((known, values.tobytes(), off, vector.once), (), vector.relative)
    unsigned = not bool((np.signbit(values) & (values == 0)).any()) if node.numeric else True
    steps = vector.relative / error.HALF_UNIT if vector.absolute is None else relative_of(vector)
    return Granted((values.dtype,), (bool((values >= 0).all()), unsigned, vector.once), steps)


def relative_of(vector: Vector) -> float | None:
    """The largest error in half units of the value itself; None where that says nothing."""
    size = np.abs(vector.values)
    if not len(size) or not size.all() or not np.isfinite(size).all():
        return None
    steps = float((np.asarray(error.total(vector)) / size).max()) / error.HALF_UNIT
    if steps:  # coarsely, so that the moves of a grid have the same
        steps = _COARSE ** float(np.ceil(np.log(steps) / np.log(_COARSE) + 1e-9))
    return steps if steps < _MANY else None
