"""Blocks of rows, done by threads: step by step over the file's order, or over a book that is laid out by account."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
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
from evaluator.runner import Progress
from evaluator.shape import Shape
from evaluator.steps import Step
from evaluator.store import Parts, Store, part_of
from evaluator.tasks import READ, Task
from evaluator.threads import shared, threads
from evaluator.windows import Place, Remembered, Window, windows

BLOCK = 1 << 16  # rows: a few columns of them fit into the processor's second cache
LAID = 3 << 15  # the same, of a layout: of longer calls there are fewer, between which threads wait for each other
WINDOW = 12  # times as many rows of a layout that are done step by step
_WIDE = 2  # times as many rows in blocks of one entity, whose rows have fewer columns each
ALONE = 300_000  # rows of a book below which threads cost more than they bring
T = TypeVar("T")


class Blocks:
    """What blocks read and where they write. ``groups`` and ``links``: of each entity that belongs to another, the
    members of each row, and each member's row. ``frames``, by the grain of their steps, and ``remembered``:
    idle ones."""

    def __init__(self, context: Context, shape: Shape, block: int, progress: Progress | None) -> None:
        self.context, self.shape, self.block, self.progress = context, shape, block, progress
        self.groups: dict[str, Groups] = {}
        self.links: dict[str, Any] = {}
        self.store = Store()
        self.layout: Layout | None = None
        self.frames: dict[str | None, list[Frame]] = {}
        self.remembered: list[Remembered] = []
        self.remembers = False  # whether rows have columns for the piece that they were on
        self.lasting: set[tuple[Any, ...]] = set()  # keys of columns that are the same ones in the next evaluation
        self._lent: list[Any] = []

    def told(self, share: float) -> None:
        if self.progress is not None:
            self.progress("evaluating", share)

    def run_steps(
        self,
        steps: Sequence[Step],
        shown: Set[int],
        whole: Set[int],
        after: Callable[[Place, Window], T] | None = None,
    ) -> list[T]:
        """``whole``: tasks of which somebody reads whole columns afterwards; ``shown``: those whose columns somebody
        outside sees, so that they must be new ones. ``after``: of a layout, what each window is asked, in its order."""
        if self.layout is not None:
            return self._run_windows(self.layout, steps, shown, whole, after)
        for i, step in enumerate(steps):
            self._crosses(step, shown)
            for task in step.keep:
                self.store.tasks[task.id] = self._room(task, task.id in shown)
            read = {t: self.whole(t) for t in (*step.before, *step.spread)}
            found = self.run_step(step, self._blocks(step), self.store.columns, self.store.tasks, read, laid=False)
            for entity, rows in found:
                self.store.flagged[entity][rows] = True
            self.told(0.9 * (i + 1) / (len(steps) + 1))
        return []

    def _run_windows(
        self,
        layout: Layout,
        steps: Sequence[Step],
        shown: Set[int],
        whole: Set[int],
        after: Callable[[Place, Window], T] | None,
    ) -> list[T]:
        """All steps over some blocks, then over the next ones."""
        remembered = self._remembered(steps)
        times = max((step.times for step in steps), default=1)
        if not remembered.windows:
            remembered.windows += windows(layout, steps, WINDOW * self.block, self._crew(times), self.lasting)
        passing = {t.id for step in steps for t in (*step.keep, *step.tops) if t.id not in whole}
        for task in (t for step in steps for t in step.keep if t.id in whole):
            self.store.tasks[task.id] = self._room(task, task.id in shown)
        columns = dict(self.store.tasks)
        columns |= {t.id: self.whole(t) for s in steps for t in (*s.before, *s.spread) if t.op in READ}

        def work(mine: Iterable[Window]) -> tuple[list[tuple[str, Any]], list[tuple[int, T]], Mapping[int, float]]:
            place = remembered.place(steps, passing)
            for step, frame in place.steps:
                self._prepare(frame, step)
            flagged, asked = [], []
            for window in mine:
                flagged += place.run(window, self.store.columns, columns)
                if after is not None:
                    asked.append((window.starts[layout.root], after(place, window)))
            tops = place.forget()
            remembered.places.append(place)
            return flagged, asked, tops

        done = self._shared(work, remembered.windows, times)
        for task in (t for step in steps for t in step.tops):
            self.store.tasks[task.id] = max((tops[task.id] for _, _, tops in done), default=0.0)
        for entity, rows in (one for flagged, _, _ in done for one in flagged):
            self.store.flagged[entity][rows] = True
        self.remembered.append(remembered)
        self.told(0.9 * len(steps) / (len(steps) + 1))
        return [one for _, one in sorted((one for _, asked, _ in done for one in asked), key=lambda one: one[0])]

    def _remembered(self, steps: Sequence[Step]) -> Remembered:
        """What nobody else has meanwhile."""
        try:
            found = self.remembered.pop()
        except IndexError:
            return Remembered()
        if not found.pieces:
            found.windows.clear()  # in which no piece lasts
            found.places.clear()  # with room for the longest of these windows; the next may be longer
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

    def _crosses(self, step: Step, shown: Set[int]) -> None:
        """Values of each row from those of its members, all rows at once."""
        for task in step.crossing:
            groups = self.groups[str(task.attrs[0])]
            args = [np.broadcast_to(self.whole(a), (len(groups.index),)) for a in task.args]
            total = task.op == "agg_sum"
            room = self._room(task, task.id in shown) if total else None
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
        *,
        laid: bool,
    ) -> list[tuple[str, Any]]:
        """The rows that it flags, by entity. ``columns``: read; ``kept``: written, by task; ``whole``: of steps before.
        ``laid``: an account stands above its members in each block."""
        wide = {} if laid else {("whole", a.id): whole[a] for a in step.spread}
        before = (*step.before, *step.spread) if laid else step.before
        size = max((prod(s) for b in blocks for s in b.shapes.values()), default=1)

        def work(mine: Iterable[Block]) -> tuple[list[tuple[str, Any]], dict[int, float]]:
            frame = self._frame(step)
            frame.fit(step.count, size)
            self._prepare(frame, step)
            frame.tops = {task.id: 0.0 for task in step.tops}
            flagged = []
            for block in mine:
                frame.columns = parts = Parts(block).over(columns)
                parts.update(wide)
                links = {e: part_of(block, e, self.links[e]) for e in block.starts if e in self.links}
                frame.links = block.owners if laid else links
                frame.kept = {t.id: part_of(block, t.grain, kept[t.id]) for t in step.keep}
                read = {t.id: part_of(block, t.grain, whole[t]) for t in before}
                flagged += step.done(frame, block, read, size)
            tops = dict(frame.tops)
            frame.forget()
            self.frames[step.grain].append(frame)
            return flagged, tops

        found = self._shared(work, blocks, step.times)
        for task in step.tops:
            self.store.tasks[task.id] = max((tops[task.id] for _, tops in found), default=0.0)
        return [one for flagged, _ in found for one in flagged]

    def _prepare(self, frame: Frame, step: Step) -> None:
        """A frame, for the blocks of a step."""
        frame.chains, frame.heads, frame.remembers = step.chains, self.store.heads, self.remembers
        frame.waits, frame.waiting, frame.straight = step.waits, step.waiting, True
        for id, value in step.consts:
            frame.values[id] = value

    def _frame(self, step: Step) -> Frame:
        try:
            return self.frames.setdefault(step.grain, []).pop()
        except IndexError:  # another thread may have taken it
            return Frame(step.count)

    def _blocks(self, step: Step) -> Sequence[Block]:
        """Runs of the file's rows."""
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
