"""Blocks of rows, done by threads: over the file's order stage by stage, or over a book that is laid out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeVar

import numpy as np

from dsl.model import Kind
from evaluator.act import Act
from evaluator.acts import ACTS
from evaluator.context import Context
from evaluator.frame import Frame, Line, lines
from evaluator.groups import Groups, sums
from evaluator.index import Block, Layout
from evaluator.runner import Progress
from evaluator.shape import Shape
from evaluator.tasks import CROSSING, Schedule, Task
from evaluator.threads import threads

BLOCK = 1 << 16  # rows: a few columns of them fit into the processor's second cache
ALONE = 300_000  # rows of a book below which threads cost more than they bring
READ = ("input", "blank", "rows")
T = TypeVar("T")


@dataclass(slots=True)
class Store:
    """Whole columns of tasks, by task, and what else the blocks read."""

    columns: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    tasks: dict[int, Any] = field(default_factory=dict)
    heads: dict[Any, Any] = field(default_factory=dict)
    flagged: dict[str, Any] = field(default_factory=dict)


class Blocks:
    """What blocks read and where they write. ``groups`` and ``links``: of each entity that belongs to another, the
    members of each row, and each member's row. ``frames``: idle ones. ``lined``: the tasks over a book that is laid
    out, once they were put in a line."""

    def __init__(self, context: Context, shape: Shape, block: int, progress: Progress | None) -> None:
        self.context, self.shape, self.block, self.progress = context, shape, block, progress
        self.groups: dict[str, Groups] = {}
        self.links: dict[str, Any] = {}
        self.store = Store()
        self.layout: Layout | None = None
        self.frames: list[Frame] = []
        self.lined: list[list[tuple[Line, Act]]] = []

    def told(self, share: float) -> None:
        if self.progress is not None:
            self.progress("evaluating", share)

    def laid_blocks(self, order: Schedule, wanted: Sequence[Task]) -> None:
        """Block by block, all grains and stages of it one after the other."""
        layout = self.layout
        assert layout is not None
        tasks = [t for t in order.order if t.op != "const"]
        keep = frozenset({t.id for t in wanted if t.op not in ("const", *READ)})
        for task in tasks:
            if task.id in keep:
                rows = self.context.book.tables[task.grain].rows
                self.store.tasks[task.id] = np.empty(rows, dtype=task.dtype)
        if not self.lined:
            line_up = lines(tasks, order.guards, keep, frozenset({"same", "spread"}))
            self.lined.append([(line, ACTS[line.task.op]) for line in line_up])
        (acts,) = self.lined
        consts = {a.id: a.attrs[1] for t in order.order for a in (t, *t.args) if a.op == "const"}
        count = max((t.id for t in order.order), default=0) + 1
        grains = {t.id: t.grain for t in tasks}
        most = max((prod(s) for b in layout.blocks for s in b.shapes.values()), default=1)

        def work(blocks: Sequence[Block]) -> list[tuple[Block, list[tuple[str, Any]]]]:
            frame = self.frames.pop() if self.frames else Frame(count, max(1, most))
            frame.chains, frame.heads = order.guards, self.store.heads
            for id, value in consts.items():
                frame.values[id] = value
            flagged = []
            with np.errstate(all="call", call=frame.seen):
                for block in blocks:
                    frame.start(block.shapes)
                    frame.kept = {id: _part(block, grains[id], self.store.tasks[id]) for id in keep}
                    frame.columns, frame.links = _Parts(self.store.columns, block), block.owners
                    frame.flagged = []
                    frame.run(acts)
                    if frame.flagged:
                        flagged.append((block, frame.flagged))
            frame.forget()
            self.frames.append(frame)
            return flagged

        moves = sum(t.attrs[1] for t in tasks if t.op == "fold")  # type: ignore[misc]
        for found in self._shared(work, layout.blocks, 1 + moves):
            for block, bad in found:
                for entity, rows_ in bad:
                    self.store.flagged[entity][block.starts[entity] + rows_] = True
        self.told(0.9)

    def _shared(self, work: Callable[[Any], T], parts: Sequence[Any], times: int = 1) -> Iterable[T]:
        """Work done by several threads where that pays, each with its share of the parts. ``times``: for each row."""
        rows = times * sum(self.context.book.tables[entity].rows for entity in self.shape.parts)
        crew = min(threads(), len(parts)) if rows >= ALONE or self.block < BLOCK else 1
        if crew < 2:
            return [work(parts)]
        with ThreadPoolExecutor(crew) as pool:
            return list(pool.map(work, [parts[i::crew] for i in range(crew)]))

    def filed_blocks(self, order: Schedule, wanted: Sequence[Task]) -> None:
        """Stage by stage, grain by grain: first what crosses into it, whole, then its blocks."""
        steps: dict[tuple[int, str], list[Task]] = {}
        for task in order.order:
            if task.op != "const":
                steps.setdefault((order.stages[task.id], task.grain), []).append(task)
        place = {task.id: key for key, tasks in steps.items() for task in tasks}
        stored = {t.id for t in wanted if t.op not in ("const", *READ)}
        for task in order.order:
            for arg in (*task.args, *(g[0] for g in order.guards[task.id])):
                if arg.op not in ("const", *READ) and (place[arg.id] != place[task.id] or task.op in CROSSING):
                    stored.add(arg.id)
        places = sorted(steps.items(), key=lambda s: (s[0][0], self.shape.parts.index(s[0][1])))
        for i, ((_, grain), tasks) in enumerate(places):
            for task in tasks:
                if task.op in CROSSING:
                    self.store.tasks[task.id] = self._cross(task)
            inner = [t for t in tasks if t.op not in CROSSING]
            self._stage(grain, inner, order, stored)
            self.told((i + 1) / (len(places) + 1))

    def _stage(self, grain: str, tasks: list[Task], order: Schedule, stored: set[int]) -> None:
        rows = self.context.book.tables[grain].rows
        here = {t.id for t in tasks}
        before = {
            a.id: a
            for t in tasks
            for a in (*t.args, *(g[0] for g in order.guards[t.id]))
            if a.id not in here and a.op != "const" and a.grain == grain
        }
        spread = {a.id: a for t in tasks if t.op == "spread" for a in t.args}
        for task in tasks:
            if task.id in stored:
                self.store.tasks[task.id] = np.empty(rows, dtype=task.dtype)
        keep = frozenset(here & stored)
        found = lines(tasks, order.guards, keep, frozenset({"same"}))
        acts = [(line, ACTS[line.task.op]) for line in found]
        consts = {
            a.id: a.attrs[1] for t in tasks for a in (*t.args, *(g[0] for g in order.guards[t.id])) if a.op == "const"
        }
        whole = {("whole", i): self.whole(a) for i, a in spread.items() if a.op != "const"}
        count = max([0, *here, *before, *consts, *spread]) + 1
        size = min(self.block, max(rows, 1))

        def work(starts: Sequence[int]) -> list[tuple[int, list[tuple[str, Any]]]]:
            frame = Frame(count, size)
            frame.chains = order.guards
            frame.heads = self.store.heads
            flagged = []
            with np.errstate(all="call", call=frame.seen):
                for start in starts:
                    stop = min(start + size, rows)
                    frame.start({grain: (stop - start,)})
                    for id, value in consts.items():
                        frame.values[id] = value
                    for id in before:
                        frame.values[id] = self.whole(before[id])[start:stop]
                    frame.kept = {id: self.store.tasks[id][start:stop] for id in keep}
                    frame.columns = _Slices(self.store.columns, whole, start, stop)
                    frame.links = {grain: self.links[grain][start:stop]} if grain in self.links else {}
                    frame.flagged = []
                    frame.run(acts)
                    flagged.append((start, frame.flagged))
            return flagged

        for found_ in self._shared(work, range(0, rows, size)):
            for start, parts in found_:
                for where, bad in parts:
                    self.store.flagged[where][start + bad] = True

    def filed(self, task: Task) -> Any:
        """A task's column in the file's order."""
        if self.layout is None or task.op == "const":
            return self.whole(task)
        if task.op == "input":
            entity, name = task.attrs
            column = self.context.book.tables[str(entity)].columns[str(name)]
            if column.quality is None and self.context.policy.type_of(str(entity), str(name)).kind is not Kind.TEXT:
                return column.values
        return self.layout.filed(task.grain, self.whole(task))

    def whole(self, task: Task) -> Any:
        if task.op == "const":
            return task.attrs[1]
        if task.op in READ:
            return self.store.columns[(task.op, task.grain, *task.attrs)]
        return self.store.tasks[task.id]

    def _cross(self, task: Task) -> Any:
        """A value of each row from those of its members."""
        entity = str(task.attrs[0])
        groups = self.groups[entity]
        rows = len(groups.index)
        args = [np.broadcast_to(self.whole(a), (rows,)) for a in task.args]
        match task.op:
            case "agg_sum":
                with np.errstate(all="ignore"):
                    found = sums(groups, args[0])
                self.store.flagged[task.grain] |= ~np.isfinite(found)
                return found
            case "agg_count":
                if not args:
                    return groups.sizes.astype(np.float64)
                return np.bincount(groups.index[args[0]], minlength=groups.count + 1)[: groups.count].astype(np.float64)
            case "agg_any":
                marks = np.zeros(groups.count + 1, dtype=np.bool_)
                marks[groups.index[args[0]]] = True
                return marks[: groups.count]
            case "agg_min" | "agg_max":
                ufunc, start = (np.minimum, np.inf) if task.op == "agg_min" else (np.maximum, -np.inf)
                best = np.full(groups.count + 1, start)
                index = groups.index if len(args) == 1 else groups.index[args[1]]
                ufunc.at(best, index, args[0] if len(args) == 1 else args[0][args[1]])
                return best[: groups.count]
            case "peak":
                peak = float(np.max(args[0], initial=0.0))
                return groups.sizes * (peak if peak == peak else np.inf)
        raise TypeError(f"no task {task.op}")


def _part(block: Block, entity: str, values: Any) -> Any:
    """A laid out column's values in a block, as it has them: a row, or a matrix."""
    start, shape = block.starts[entity], block.shapes[entity]
    return values[start : start + prod(shape)].reshape(shape)


class _Parts(dict[tuple[Any, ...], Any]):
    """Laid out columns, in one block."""

    def __init__(self, columns: Mapping[tuple[Any, ...], Any], block: Block) -> None:
        super().__init__()
        self._columns, self._block = columns, block

    def __missing__(self, key: tuple[Any, ...]) -> Any:
        return _part(self._block, key[1], self._columns[key])


class _Slices(dict[tuple[Any, ...], Any]):
    """Columns at the rows of a block; whole ones where a link leads into them."""

    def __init__(self, columns: Mapping[tuple[Any, ...], Any], whole: Mapping[Any, Any], start: int, stop: int) -> None:
        super().__init__(whole)
        self._columns, self._start, self._stop = columns, start, stop

    def __missing__(self, key: tuple[Any, ...]) -> Any:
        if key[0] == "rows":
            return self._columns["rows", key[1]][self._start : self._stop]
        return self._columns[key][self._start : self._stop]
