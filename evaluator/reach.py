"""How far a task's values may be off, for a block of rows at once: coarser than ``evaluator.error``, and never smaller.

A value is off its exact value by at most ``steps`` half units of ``size``: a task that gives a row's, or the block's,
size; None where the value is its own (a relative error). Sizes are never below the value's own, except beside
``infinite``. Where a decision's sides are closer than twice that, its row is flagged; the careful evaluator, whose
bounds are sharper, decides it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from dsl.records import dataclass
from evaluator.graph import Node
from evaluator.tasks import Task

if TYPE_CHECKING:
    from evaluator.translate import Translator

ROUNDED = 2.0  # half units that an operation adds, as in ``evaluator.error``


@dataclass(frozen=True, slots=True)
class Made:
    """A node's values, and how far they may be off (meaningful where some decision depends on it). ``once``: they are
    exact values, rounded once."""

    task: Task
    steps: float = 0.0
    size: Task | None = None
    once: bool = False

    @property
    def exact(self) -> bool:
        return self.steps == 0.0


# How one kind of node is translated, from its operands' translations; None where the careful evaluator has to do it.
Rule = Callable[["Translator", Node, list[Made]], Made | None]
