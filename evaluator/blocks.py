"""Blocks of rows, done by threads: step by step over the file's order, or over a book that is laid out by account."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any, TypeVar

import numpy as np

from dsl.model import Kind
from evaluator.context import Context
from evaluator.crossing import crossed
from evaluator.frame import Frame
from evaluator.groups import Groups
from evaluator.index import Block, Layout
from evaluator.remembered import Remembered
from evaluator.runner import Progress
from evaluator.shape import Shape
from evaluator.steps import Step
from evaluator.store import Parts, Store, part_of
from evaluator.tasks import READ, Task
from evaluator.threads import shared, threads

BLOCK = 1 << 16  # rows: a few columns of them fit into the processor's second cache
_WIDE = 2  # times as many rows in blocks of one entity, whose rows have fewer columns each
ALONE = 300_000  # rows of a book below which threads cost more than they bring
T = TypeVar("T")


class Blocks:
    """What blocks read and where they write. ``groups`` and ``links``: of each entity that belongs to another, the
    members of each row, and each member's row. ``frames`` and ``remembered``: idle ones."""

    def __init__(self, context: Context, shape: Shape, block: int, progress: Progress | None) -> None:
        self.context, self.shape, self.block, self.progress = context, shape, block, progress
        self.groups: dict[str, Groups] = {}
        self.links: dict[str, Any] = {}
        self.store = Store()
        self.layout: Layout | None = None
        self.frames: list[Frame] = []
        self.remembered: list[Remembered] = []
        self.remembers = False  # whether rows have columns for the piece that they were on
        self.lasting: set[tuple[Any, ...]] = set()  # keys of columns that are the same ones in the next evaluation
        self._lent: list[Any] = []

    def told(self, share: float) -> None:
        if self.progress is not None:
            self.progress("evaluating", share)

    def run_steps(self, steps: Sequence[Step], shown: frozenset[int]) -> None:
        """``shown``: tasks whose columns somebody sees afterwards, so that they must be new ones."""
        remembered = self._remembered(steps)
        for i, step in enumerate(steps):
            self._crosses(step)
            for task in step.keep:
                self.store.tasks[task.id] = self._room(task, task.id in shown)
            laid = self.layout is not None
            whole = {t: self.whole(t) for t in (*step.before, *step.spread)}
            blocks = self._blocks(step)
            views = None
            if self.layout is not None and blocks is self.layout.blocks:
                views = remembered.views.setdefault(i, [Parts(block, self.lasting) for block in blocks])
            columns, tasks = self.store.columns, self.store.tasks
            found = self.run_step(step, blocks, columns, tasks, whole, views, laid=laid)
            for entity, rows in found:
                self.store.flagged[entity][rows] = True
            self.told(0.9 * (i + 1) / (len(steps) + 1))
        self.remembered.append(remembered)

    def _remembered(self, steps: Sequence[Step]) -> Remembered:
        """What nobody else has meanwhile."""
        try:
            found = self.remembered.pop()
        except IndexError:
            return Remembered()
        if not found.pieces:
            found.views.clear()  # in which no piece lasts
            for step in steps:
                for id, one in step.straight.ladders.items() if step.straight is not None else ():
                    rows = self.context.book.tables[step.grain or ""].rows
                    found.pieces |= {("piece", step.grain, id, name): c for name, c in one.columns(rows).items()}
        self.remembers = True
        self.store.columns.update(found.pieces)
        self.lasting.update(found.pieces)
        return found

    def _room(self, task: Task, new: bool) -> Any:
        rows = self.context.book.tables[task.grain].rows
        if new:
            return self.context.book.kept.lent(task.dtype, rows)
        column = self.context.book.kept.column(task.dtype, rows)
        self._lent.append(column)
        return column

    def let_go(self) -> None:
        """Gives back the columns that nobody sees; the next evaluation writes to them."""
        for column in self._lent:
            self.context.book.kept.back(column)
        self._lent.clear()

    def _crosses(self, step: Step) -> None:
        """Values of each row from those of its members, all rows at once."""
        for task in step.crossing:
            groups = self.groups[str(task.attrs[0])]
            args = [np.broadcast_to(self.whole(a), (len(groups.index),)) for a in task.args]
            kept = self.context.book.kept
            total = task.op == "agg_sum"
            room = kept.lent(np.float64, groups.count + 1) if total else None  # which may be shown
            self.store.tasks[task.id] = found = crossed(task, groups, args, room)
            if total and not np.isfinite(found).all():
                self.store.flagged[task.grain] |= ~np.isfinite(found)

    # -- one step ---------------------------------------------------------------------------------

    def run_step(
        self,
        step: Step,
        blocks: Sequence[Block],
        columns: Mapping[tuple[Any, ...], Any],
        kept: Mapping[int, Any],
        whole: Mapping[Task, Any],
        views: Sequence[Parts] | None = None,
        *,
        laid: bool,
    ) -> list[tuple[str, Any]]:
        """The rows that it flags, by entity. ``columns``: read; ``kept``: written, by task; ``whole``: of steps before.
        ``views``: of the columns in each block. ``laid``: an account stands above its members in each block."""
        wide = {("whole", a.id): whole[a] for a in step.spread}
        size = max((prod(s) for b in blocks for s in b.shapes.values()), default=1)

        def work(views: Iterable[Parts]) -> tuple[list[tuple[str, Any]], dict[int, float]]:
            frame = self._frame(step)
            frame.fit(step.count, size)
            frame.chains, frame.heads, frame.remembers = step.chains, self.store.heads, self.remembers
            frame.waits, frame.waiting = step.waits, step.waiting
            frame.tops = {task.id: 0.0 for task in step.tops}
            for id, value in step.consts:
                frame.values[id] = value
            flagged = []
            quick = step.straight
            with np.errstate(all="call", call=frame.seen):
                for parts in views:
                    block = parts.block
                    frame.kept = {t.id: part_of(block, t.grain, kept[t.id]) for t in step.keep}
                    frame.columns = parts.over(columns)
                    if laid:
                        frame.links = block.owners
                    else:
                        parts.update(wide)
                        frame.links = {e: part_of(block, e, self.links[e]) for e in block.starts if e in self.links}
                    if quick is not None:
                        _begin(frame, step, block, whole, laid)
                        buffers = frame.bases(quick.buffers, block.shapes[step.grain or ""], size)
                        quick.call(frame, frame.values, buffers, frame.columns)
                        if frame.trouble:
                            quick = None  # where one block has a fault, others may
                    if quick is None:
                        _begin(frame, step, block, whole, laid)
                        frame.run(step.acts)
                    flagged += [(entity, block.starts[entity] + rows) for entity, rows in frame.flagged]
                    parts.rest()
            tops = dict(frame.tops)
            frame.forget()
            self.frames.append(frame)
            return flagged, tops

        found = self._shared(work, [Parts(block) for block in blocks] if views is None else views, step.times)
        for task in step.tops:
            self.store.tasks[task.id] = max((tops[task.id] for _, tops in found), default=0.0)
        return [one for flagged, _ in found for one in flagged]

    def _frame(self, step: Step) -> Frame:
        try:
            return self.frames.pop()
        except IndexError:  # another thread may have taken it
            return Frame(step.count)

    def _blocks(self, step: Step) -> Sequence[Block]:
        """Those of a layout for members, or runs of rows."""
        if self.layout is not None and (step.grain is None or step.grain in self.shape.parents):
            return self.layout.blocks
        grain = step.grain or ""
        rows = self.context.book.tables[grain].rows
        count = -(-rows // (_WIDE * self.block))
        count += -count % self._crew(step.times)  # so that threads have as much to do as each other
        edges = [rows * i // count for i in range(count + 1)] if rows else []
        return [Block({grain: first}, {grain: (last - first,)}) for first, last in pairwise(edges) if first < last]

    def _shared(self, work: Callable[[Any], T], parts: Sequence[Any], times: int = 1) -> list[T]:
        """Work done by several threads where that pays. ``times``: for each row."""
        crew = min(self._crew(times), len(parts))
        if crew < 2:
            return [work(parts)] if parts else []
        return shared(work, parts, crew)

    def _crew(self, times: int) -> int:
        """How many threads are worth it for work that goes through each row so often."""
        rows = times * sum(self.context.book.tables[entity].rows for entity in self.shape.parts)
        return threads() if rows >= ALONE or self.block < BLOCK else 1

    # -- whole columns ----------------------------------------------------------------------------

    def filed(self, task: Task) -> Any:
        """A task's column in the file's order."""
        if self.layout is None or task.op == "const":
            return self.whole(task)
        if task.op == "input":
            entity, name = task.attrs
            column = self.context.book.tables[str(entity)].columns[str(name)]
            if not column.unknown_count() and self.context.policy.type_of(str(entity), str(name)).kind is not Kind.TEXT:
                return column.values
        values = self.whole(task)
        return self.layout.filed(task.grain, values, self.context.book.kept.lent(values.dtype, len(values)))

    def whole(self, task: Task) -> Any:
        if task.op == "const":
            return task.attrs[1]
        if task.op in READ:
            return self.store.columns[(task.op, task.grain, *task.attrs)]
        return self.store.tasks[task.id]


def _begin(frame: Frame, step: Step, block: Block, whole: Mapping[Task, Any], laid: bool) -> None:
    """A block as the steps before left it."""
    frame.start(block.shapes)
    for task in (*step.before, *(step.spread if laid else ())):
        frame.values[task.id] = part_of(block, task.grain, whole[task])
    frame.flagged, frame.trouble = [], 0
