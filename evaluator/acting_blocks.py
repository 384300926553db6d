"""What follows a decision that leaves most rows alone, done for those that act, all of them together: there are too few
in a window for the calls that it takes."""

from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.acting import Acting
from evaluator.acting_rows import ActingRows, filed_rows, laid_rows
from evaluator.blocks import Blocks
from evaluator.context import Context
from evaluator.graph import SCALAR
from evaluator.runner import Progress
from evaluator.shape import Shape
from evaluator.steps import Step
from evaluator.store import Columns
from evaluator.tasks import Task
from evaluator.threads import pool
from evaluator.windows import Place, Window


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """Of a window: which of the root's rows act, as numbers in their columns, and what passes of them, by task."""

    roots: Any
    passing: Mapping[int, Any]


class ActingBlocks(Blocks):
    """``chosen``: the rows that acted; ``acted``: by task that was evaluated for those alone: what it comes to
    elsewhere, its rows, and their values."""

    def __init__(self, context: Context, shape: Shape, block: int, progress: Progress | None) -> None:
        super().__init__(context, shape, block, progress)
        self.acted: dict[int, tuple[Task, Any, Any]] = {}
        self.chosen: ActingRows | None = None

    def run_and_act(self, steps: Sequence[Step], shown: Set[int], whole: Set[int], acting: Acting) -> None:
        """All steps, and what is left for the rows that act."""
        picked = self.run_steps(steps, shown, whole, partial(self._pick, acting))
        if self.layout is None:
            acts, kept = acting.acting(self.whole(acting.decision)), self.context.book.kept
            links = {e: i for e, i in self.links.items() if self.shape.parents[e][1] == acting.root}
            chosen = filed_rows(acting.root, acts, links, self.block, self._shared, kept)
        else:
            roots = np.concatenate([part.roots for part in picked] or [np.empty(0, np.intp)])
            chosen = laid_rows(acting.root, roots, self.layout.blocks, self.shape, self.block)
        self.chosen = chosen
        passing = {id: np.concatenate([p.passing[id] for p in picked]) for id in (picked[0].passing if picked else ())}
        self._act(acting, chosen, passing)

    def _pick(self, acting: Acting, place: Place, window: Window) -> Picked:
        """Looked for while the window is at hand."""
        first = window.starts[acting.root]
        decision = self.whole(acting.decision)[first : first + window.rows[acting.root]]
        rows = np.flatnonzero(acting.acting(decision))
        passing = [id for id, task in acting.live.items() if id in place.passing and task.op != "top"]
        return Picked(first + rows, {id: place.values[id].take(rows) for id in passing})

    def _act(self, acting: Acting, chosen: ActingRows, passing: Mapping[int, Any]) -> None:
        step, columns = acting.step, Columns()
        ahead = self._crew(1) > 1
        for task in acting.reads:
            key, later = (task.op, task.grain, *task.attrs), partial(self._at, acting, chosen, passing, task)
            if ahead and task.op == "input" and task.grain in self.shape.parents:  # most of the rows, far apart
                columns.later[key] = pool(1).submit(later).result
            else:
                columns.later[key] = later
        kept = {t.id: np.empty(len(chosen.rows[t.grain]), dtype=t.dtype) for t in step.keep}
        for entity, rows in self.run_step(step, chosen.blocks, columns, kept, {}, laid=True):
            self.store.flagged[entity][chosen.rows[entity][rows]] = True
        for id, task in acting.results.items():
            found = task.attrs[1] if task.op == "const" else kept.get(task.id)
            if found is None:
                found = columns[(task.op, task.grain, *task.attrs)]
            self.acted[id] = acting.others[id], chosen.rows[acting.grains[id]], found

    def _at(self, acting: Acting, chosen: ActingRows, passing: Mapping[int, Any], task: Task) -> Any:
        """A column that is read for the acting rows, at those."""
        source = acting.live[task.attrs[0]] if task.op == "live" else task  # type: ignore[index]
        if source.id in passing:
            return passing[source.id]
        values = self.whole(source)
        return values if task.grain == SCALAR else values.take(chosen.rows[task.grain])
