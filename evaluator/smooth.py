"""Kernels of smooth functions of several numbers: where they have no value, and how far floats may be off.

A bound on the error comes from the function itself: it is computed again with each argument moved by twice what that
may be off, the rounding of its own first steps included, and the changes are added up. That costs two more runs for
each argument, so it is done only where a decision depends on the result.
"""

from collections.abc import Callable, Sequence

import numpy as np

from dsl.causes import Cause
from dsl.records import dataclass
from evaluator.columns import KNOWN
from evaluator.context import Context
from evaluator.error import total
from evaluator.graph import Node
from evaluator.vector import Flags, Floats, Vector, clean, doubts, either, worst

STEPS = 2.0**-45  # the rounding of a formula of some dozen operations, generously
Faults = Sequence[tuple[Cause, Flags]]


@dataclass(frozen=True, slots=True)
class Smooth:
    """``formula``: the values and the size of what was added up to them, shape (n,) or (1,). ``faults``: rows without
    a value, by cause, first come first. ``doubt``: rows where the arguments' errors may decide between these, given
    how far each argument may be off. ``low``: the least value of each argument; ``early``: whether its first steps
    round relative to the arguments."""

    formula: Callable[..., tuple[Floats, Floats]]
    faults: Callable[..., Faults]
    doubt: Callable[[Sequence[Vector], Sequence[Floats]], Flags | None]
    low: tuple[float | None, ...]
    early: bool = True

    def __call__(self, node: Node, args: Sequence[Vector], context: Context) -> Vector:
        values = [np.asarray(a.values) for a in args]
        quality = worst(*args)
        if any(n.facts.infinite for n in node.args):
            infinite = np.asarray(np.isinf(np.broadcast_arrays(*values)).any(axis=0))
            quality = context.fault(node, Cause.OVERFLOW, infinite, quality)
        for cause, where in self.faults(*values):
            quality = context.fault(node, cause, where, quality)
        result, size = self.formula(*values)
        finite = np.isfinite(result)
        if not finite.all():
            quality = context.fault(node, Cause.OVERFLOW, ~finite, quality)
        off = [np.asarray(total(a)) for a in args]
        found = Vector(clean(result, quality), quality, either(doubts(*args), self.doubt(args, off)))
        if context.tracks(node):
            bound = self._bound(values, off, result, size)
            found.absolute = bound if quality is None else np.where(quality == KNOWN, bound, 0.0)
        return found

    def _bound(self, values: Sequence[Floats], off: Sequence[Floats], result: Floats, size: Floats) -> Floats:
        bound = STEPS * size
        for i, (value, error) in enumerate(zip(values, off, strict=True)):
            error = error + STEPS * np.abs(value) if self.early else error
            if not error.any():
                continue
            change = np.zeros(1)
            for side in (-2.0, 2.0):
                moved = [*values]
                moved[i] = value + side * error
                if (least := self.low[i]) is not None:
                    moved[i] = np.maximum(moved[i], least)
                change = np.fmax(change, np.abs(self.formula(*moved)[0] - result))
            bound = bound + change
        return np.where(np.isfinite(bound), bound, 0.0)
