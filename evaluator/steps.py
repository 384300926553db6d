"""A schedule in steps: tasks that are done together, block by block, with what they read of the steps before."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.acts import ACTS
from evaluator.frame import Frame
from evaluator.index import Block
from evaluator.line import Line, lines
from evaluator.shape import Shape
from evaluator.sizes import waiting
from evaluator.straight import Straight, straight
from evaluator.tasks import CROSSING, READ, Guards, Schedule, Task


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """``grain``: of its blocks' rows; None where a block has all grains. ``acts``: what is done with each block;
    ``straight``: the same as one function. ``keep``: tasks whose columns are kept. ``before``: tasks of steps before,
    at the same rows; ``spread``: those read by members. ``crossing``: done before, over whole columns; ``tops``:
    after, from the greatest value of all blocks. ``waiting``: by flagging task, what is done where it finds a decision
    close. ``times``: how often each row is gone through."""

    grain: str | None
    acts: Sequence[tuple[Line, Any]]
    straight: Straight | None
    keep: tuple[Task, ...]
    before: tuple[Task, ...]
    spread: tuple[Task, ...]
    crossing: tuple[Task, ...]
    tops: tuple[Task, ...]
    consts: tuple[tuple[int, Any], ...]
    chains: Guards
    waiting: Mapping[int, tuple[tuple[Line, Any], ...]]
    waits: frozenset[int]
    count: int
    times: int = 1

    def done(self, frame: Frame, block: Block, read: Mapping[int, Any], size: int) -> list[tuple[str, Any]]:
        """The rows of a block that it flags, by entity. ``read``: of steps before; ``size``: of the largest block."""
        straight = self.straight if frame.straight else None
        with np.errstate(all="call", call=frame.seen):
            if straight is not None:
                frame.enter(block.shapes, read)
                buffers = frame.bases(straight.buffers, block.shapes[self.grain or ""], size)
                straight.call(frame, frame.values, buffers, frame.columns)
                frame.straight = not frame.trouble  # where one block has a fault, others may
            if not frame.straight or straight is None:
                frame.enter(block.shapes, read)
                frame.run(self.acts)
        return [(entity, block.starts[entity] + rows) for entity, rows in frame.flagged]


def filed_steps(order: Schedule, wanted: Sequence[Task], shape: Shape) -> list[Step]:
    """Over the file's order: grain by grain, what crosses from members over whole columns."""
    return _steps(order, wanted, shape, laid=False)


def laid_steps(order: Schedule, wanted: Sequence[Task], shape: Shape) -> list[Step]:
    """Over a layout: what crosses from members is done in their blocks. Folds over a grid's moves need all grains of an
    account together."""
    if any(t.op == "fold" for t in order.order):
        return [whole_step(order, wanted)]
    return _steps(order, wanted, shape, laid=True)


def whole_step(order: Schedule, wanted: Sequence[Task]) -> Step:
    """All of it in one: of blocks that have all grains of some accounts."""
    tasks = [t for t in order.order if t.op != "const"]
    moves = sum(int(t.attrs[1]) for t in tasks if t.op == "fold")  # type: ignore[call-overload]
    stored = {t.id for t in wanted if t.op not in ("const", *READ)}
    return _step(order, None, tasks, stored, (), laid=True, times=1 + moves)


def _steps(order: Schedule, wanted: Sequence[Task], shape: Shape, laid: bool) -> list[Step]:
    found: dict[tuple[int, str], list[Task]] = {}
    place: dict[int, tuple[int, str]] = {}
    for task in order.order:
        if task.op == "const":
            continue
        key = order.stages[task.id], task.grain
        if task.op in CROSSING and (laid or task.op == "top"):  # with the last of its members' values
            entity = str(task.attrs[0])
            own = [place[a.id][0] for a in task.args if a.id in place]
            key = max(own, default=0), entity
        found.setdefault(key, []).append(task)
        place[task.id] = key
    stored = {t.id for t in wanted if t.op not in ("const", *READ)}
    for task in order.order:
        if task.op != "const":
            for arg in _read(order, task):
                if arg.op not in READ and (place[arg.id] != place[task.id] or (not laid and _whole(task))):
                    stored.add(arg.id)
    keys = sorted(found, key=lambda k: (k[0], shape.parts.index(k[1])))
    steps = []
    for key in keys:
        if all(t.op in READ for t in found[key]):
            continue
        crossing = () if laid else tuple(t for t in found[key] if _whole(t))
        tasks = found[key] if laid else [t for t in found[key] if not _whole(t)]
        steps.append(_step(order, key[1], tasks, stored, crossing, laid=laid))
    return steps


def _whole(task: Task) -> bool:
    """Over the file's order: whether it needs whole columns."""
    return task.op in CROSSING and task.op != "top"


def _read(order: Schedule, task: Task) -> Iterable[Task]:
    """What must be there before a task: operands, and what its guards ask."""
    for arg in (*task.args, *(condition for condition, _ in order.guards[task.id])):
        if arg.op != "const":
            yield arg


def _step(
    order: Schedule,
    grain: str | None,
    tasks: list[Task],
    stored: set[int],
    crossing: tuple[Task, ...],
    *,
    laid: bool,
    times: int = 1,
) -> Step:
    here = {t.id for t in tasks}
    before = {a.id: a for t in tasks for a in _read(order, t) if a.id not in here and a.op != "const"}
    spread = {a.id: a for t in tasks if t.op == "spread" for a in t.args if a.op != "const" and a.id not in here}
    consts = {
        a.id: a.attrs[1] for t in tasks for a in (*t.args, *(g[0] for g in order.guards[t.id])) if a.op == "const"
    }
    tops = tuple(t for t in tasks if t.op == "top" and grain is not None)
    keep = tuple(t for t in tasks if t.id in stored and t not in tops)
    kept = frozenset(t.id for t in keep)
    waits = waiting(tasks, order.guards, kept)
    waiting_ids = frozenset(t.id for found in waits.values() for t in found)
    alias = frozenset({"same", "spread"}) if laid else frozenset({"same"})
    found = lines([t for t in tasks if t.id not in waiting_ids], order.guards, kept, alias, waits)
    acts = [(line, ACTS[line.task.op]) for line in found]
    return Step(
        grain,
        acts,
        straight(grain, acts, keep, before.values(), remember=laid),
        keep,
        tuple(a for i, a in before.items() if i not in spread or a.grain == grain),
        tuple(spread.values()),
        crossing,
        tops,
        tuple(consts.items()),
        order.guards,
        {id: tuple((Line(t, order.guards[t.id], ()), ACTS[t.op]) for t in found) for id, found in waits.items()},
        waiting_ids,
        1 + max((a.id for t in order.order for a in (t, *t.args)), default=0),
        times,
    )
