"""What the fast evaluator does, as a list of tasks: one NumPy call each, over a block of rows.

A task gives a value for each row of its grain, or flags rows (its ``op`` is in FLAGGING): rows that the careful
evaluator has to decide. Tasks are hash-consed like the nodes of the graph, and stand after what they read.
"""

from collections.abc import Container, Hashable, Iterable, Mapping, Sequence

import numpy as np

from dsl.records import dataclass
from evaluator.graph import SCALAR

# Tasks without a value: they flag rows whose decision may be another one, or that have a fault.
FLAGGING = frozenset(
    {"near", "near_tie", "near_slack", "near_whole", "near_bound", "near_end"}
    | {"beyond", "infinite", "crossed", "open", "absent", "unless"}
)
# Tasks that take a value of another grain, so that all its rows must be there before.
CROSSING = frozenset({"agg_sum", "agg_min", "agg_max", "agg_count", "agg_any", "top"})

# Tasks that are columns of the book, or follow from one alone, or are one number in each evaluation.
READ = ("input", "blank", "rows", "members", "total", "open")

Guard = tuple["Task", Hashable]  # a condition, and the values of it for which somebody needs the task
Chain = tuple[Guard, ...]  # from the outermost on
Guards = Mapping[int, Chain]  # by task


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """``dtype``: of its values, None of a flagging task. ``stage``: how often a value has crossed from one grain to
    another before; all rows of a stage are computed before the next begins, where rows stand in the file's order."""

    id: int
    op: str
    args: tuple["Task", ...]
    attrs: tuple[Hashable, ...]
    grain: str
    dtype: type[np.generic] | None
    stage: int


class Tasks:
    """Makes tasks, each meaning once."""

    def __init__(self) -> None:
        self.all: list[Task] = []
        self.checks: dict[int, list[Task]] = {}  # by task: the flagging tasks that are needed where it is
        self._known: dict[Hashable, Task] = {}

    def make(
        self,
        op: str,
        args: Iterable[Task] = (),
        attrs: tuple[Hashable, ...] = (),
        *,
        grain: str,
        dtype: type[np.generic] | None = np.float64,
    ) -> Task:
        args = tuple(args)
        key = (op, tuple(a.id for a in args), attrs, grain)
        if key not in self._known:
            stage = max((_stage(op, a) for a in args), default=0)
            self._known[key] = Task(len(self.all), op, args, attrs, grain, dtype, stage)
            self.all.append(self._known[key])
        return self._known[key]

    def like(self, task: Task, args: Sequence[Task]) -> Task:
        """The task with other operands; itself where they are its own."""
        if all(a is b for a, b in zip(args, task.args, strict=True)):
            return task
        return self.make(task.op, args, task.attrs, grain=task.grain, dtype=task.dtype)

    def known(self, op: str, args: Iterable[Task], attrs: tuple[Hashable, ...], grain: str) -> Task | None:
        """The task of this meaning, where there is one."""
        return self._known.get((op, tuple(a.id for a in args), attrs, grain))

    def const(self, value: Hashable) -> Task:
        return self.make("const", (), (type(value), value), grain=SCALAR, dtype=None)

    def check(self, task: Task, checks: Iterable[Task]) -> Task:
        """``task``, of which these are the flagging tasks too."""
        known = self.checks.setdefault(task.id, [])
        known.extend(c for c in checks if c not in known)
        return task

    def unchecked(self, done: Container[int] = ()) -> "Tasks":
        """The same tasks, whose flagging tasks are listed apart; without those of some, which are done elsewhere."""
        found = Tasks()
        found.all, found._known = self.all, self._known
        found.checks = {id: list(checks) for id, checks in self.checks.items() if id not in done}
        return found


def _stage(op: str, arg: Task) -> int:
    crosses = op in CROSSING or (op == "spread" and arg.op != "input")
    return arg.stage + crosses


@dataclass(frozen=True, slots=True)
class Schedule:
    """``order``: the tasks by stage, each after what it reads. ``guards``: by task, under which conditions anybody
    needs it, from the outermost on. ``stages``: by task, the stage in which it is done."""

    order: tuple[Task, ...]
    guards: dict[int, tuple[Guard, ...]]
    stages: dict[int, int]


def schedule(tasks: Tasks, wanted: Iterable[Task]) -> Schedule:
    """What the ``wanted`` tasks need."""
    wanted = list(wanted)
    order = in_order(tasks, wanted)
    while True:
        chains = _guards(tasks, order, wanted)
        stages, torn = _stages(tasks, order, chains)
        if not torn:
            break
        wanted += torn  # read in several stages, so kept for all rows
    place = {t.id: i for i, t in enumerate(order)}
    return Schedule(tuple(sorted(order, key=lambda t: (stages[t.id], place[t.id]))), chains, stages)


def in_order(tasks: Tasks, wanted: Iterable[Task]) -> list[Task]:
    """Each after its operands, and after the flagging tasks that belong to it."""
    order: dict[int, Task] = {}
    for root in wanted:
        stack = [root]
        while stack:
            task = stack[-1]
            waiting = [a for a in (*reversed(tasks.checks.get(task.id, ())), *reversed(task.args)) if a.id not in order]
            if waiting and task.id not in order:
                stack.extend(waiting)
            else:
                order.setdefault(task.id, stack.pop())
    return list(order.values())


def _guards(tasks: Tasks, order: list[Task], wanted: list[Task]) -> dict[int, tuple[Guard, ...]]:
    chains: dict[int, tuple[Guard, ...]] = {t.id: () for t in wanted}
    for task in reversed(order):
        chain = chains[task.id]
        for check in tasks.checks.get(task.id, ()):
            _need(chains, check, chain if check.grain == task.grain else ())
        for i, arg in enumerate(task.args):
            own: tuple[Guard, ...] = ()
            if arg.grain == task.grain and task.op not in CROSSING:
                guard = _guard(task, i)
                own = chain if guard is None else (*chain, guard)
            _need(chains, arg, own)
    return chains


def _stages(tasks: Tasks, order: list[Task], chains: dict[int, tuple[Guard, ...]]) -> tuple[dict[int, int], list[Task]]:
    """The stage of each task: of guarded ones, that of what reads them; and those that several stages read."""
    readers: dict[int, set[int]] = {}
    stages: dict[int, int] = {}
    torn: list[Task] = []
    for task in reversed(order):
        stage = task.stage
        if chains[task.id]:
            wanted = readers[task.id]
            stage = max(stage, min(wanted))
            if len(wanted) > 1:
                torn.append(task)
        stages[task.id] = stage
        for part in (*task.args, *tasks.checks.get(task.id, ())):
            readers.setdefault(part.id, set()).add(stage)
    return stages, torn


def _need(chains: dict[int, tuple[Guard, ...]], task: Task, chain: tuple[Guard, ...]) -> None:
    """Needed by one more: under what both have in common. Conditions themselves are needed before."""
    before = chains.get(task.id)
    if task.op in CROSSING:
        chain = ()
    if before is not None:
        same = 0
        while same < min(len(before), len(chain)) and before[same] == chain[same]:
            same += 1
        chain = chain[:same]
    chains[task.id] = chain


def _guard(task: Task, place: int) -> Guard | None:
    """The condition under which a task looks at its operand number ``place``."""
    match task.op:
        case "select" if place in (1, 2):
            return task.args[0], place == 1
        case "choose" if place:
            slots = task.attrs[0]
            assert isinstance(slots, tuple)
            return task.args[0], tuple(slot == place - 1 for slot in slots)
    return None
