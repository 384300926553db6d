"""What follows a decision that leaves most rows alone: evaluated for the rows that act, and settled for the rest.

A tier that closes nothing puts the same constants into every cell of its rows. What a policy computes from those cells
is then much simpler (``evaluator.folding``): nothing is reduced, nothing paid. So one decision of the accounts is
looked for, with those of its ways that put the same constants everywhere; the rows that go another way *act*. First
everything that the decision needs is evaluated for all rows, with what the others come to; then the rest for the acting
accounts and their members alone, put together from all blocks.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.folding import ExactFolding, Folding, Unsettled
from evaluator.graph import SCALAR
from evaluator.shape import Shape
from evaluator.sizes import waiting
from evaluator.steps import Step, whole_step
from evaluator.tasks import CROSSING, FLAGGING, READ, Task, Tasks, in_order, schedule
from evaluator.translate import Translator

_MOST = 8  # decisions that are tried
_MANY = 16  # tiers among which no one stands for most of the work
FEWEST = 8  # tasks that nobody but the acting rows needs, from which it pays


@dataclass(frozen=True, slots=True, eq=False)
class Acting:
    """``tasks``: with what was made for this. ``decision``: of the rows that may act; ``acts``: whether one does, by
    the decision's value. ``others``: by task, what it comes to where a row does not. ``step``: for the acting rows,
    which gives ``results`` by task, of ``grains``; ``reads``: what it reads, ``live``: of that, by number, tasks
    evaluated for all rows. ``watched``: evaluated for all rows, only to see where they are unknown."""

    tasks: Tasks
    decision: Task
    acts: Any
    others: Mapping[int, Task]
    step: Step
    results: Mapping[int, Task]
    grains: Mapping[int, str]
    reads: tuple[Task, ...]
    live: Mapping[int, Task]
    watched: tuple[Task, ...]

    @property
    def root(self) -> str:
        """The entity whose rows act."""
        return self.decision.grain

    def acting(self, decided: Any) -> Any:
        """Whether each row acts, by its decision. Mostly the ways that do follow each other."""
        if decided.dtype == np.bool_:
            decided = decided.view(np.int8)
        ways = np.flatnonzero(self.acts)
        if len(ways) and ways[-1] - ways[0] == len(ways) - 1:
            return (decided >= ways[0]) & (decided <= ways[-1])
        return self.acts.take(decided, mode="wrap")

    def first(self, wanted: Iterable[Task]) -> list[Task]:
        """What is evaluated for all rows, of what is wanted, but for what is only ``live``."""
        found = [self.decision]
        for task in wanted:
            found.append(self.others.get(task.id, task))
        return list({t.id: t for t in found if t.op != "const"}.values())


def find_acting(
    translator: Translator, shape: Shape, wanted: Sequence[Task], whole: Sequence[Task], passed: Container[int] = ()
) -> Acting | None:
    """The decision that leaves most to the acting rows: one of many ways, such as a tier, before an `if`, which is
    seldom for most rows. ``whole``: needed for all rows. ``passed``: decisions by which most rows acted. None where
    nothing pays."""
    tasks = translator.tasks
    everything, order = _closure(tasks, [*wanted, *whole]), in_order(tasks, wanted)
    best: tuple[tuple[bool, int], Callable[[], Acting | None]] | None = None
    found = [(d, choices) for d, choices in _decisions(everything, shape).items() if d.id not in passed]
    if sum(d.op == "pick" for d, _ in found) > _MANY:
        return None  # tiers of a grid's moves: leaving one of them to few rows saves next to nothing
    found.sort(key=lambda d: (d[0].op != "pick", -len(d[1])))
    for decision, choices in found[:_MOST]:
        if best is not None and best[0][0] and decision.op != "pick":
            break  # a tier goes before
        for ways in _alike(choices):
            plan = _Plan(translator, shape, decision, choices, ways, wanted, whole, order)
            score = decision.op == "pick", plan.saved
            if plan.saved >= FEWEST and (best is None or score > best[0]):
                best = score, plan.made
    return None if best is None else best[1]()


def _closure(tasks: Tasks, wanted: Iterable[Task]) -> dict[int, Task]:
    """Everything that is needed for the wanted."""
    found: dict[int, Task] = {}
    stack = list(wanted)
    while stack:
        task = stack.pop()
        if task.id not in found:
            found[task.id] = task
            stack += (*task.args, *tasks.checks.get(task.id, ()))
    return found


def _decisions(everything: Mapping[int, Task], shape: Shape) -> dict[Task, list[Task]]:
    """By decision of a root entity, the tasks that choose by it."""
    found: dict[Task, list[Task]] = {}
    for task in everything.values():
        if task.op in ("select", "choose") and task.args[0].op != "const":
            decision = task.args[0]
            while decision.op == "spread":
                (decision,) = decision.args
            if decision.grain in shape.parts and decision.grain not in shape.parents and decision.op != "const":
                found.setdefault(decision, []).append(task)
    return found


def _slots(task: Task) -> tuple[int, ...]:
    """By the decision's value, the place of the option among the operands after it."""
    return (1, 0) if task.op == "select" else task.attrs[0]  # type: ignore[return-value]


def _alike(choices: Sequence[Task]) -> list[tuple[int, ...]]:
    """Ways that put the same constants everywhere: the decision's values, in groups."""
    many = max(len(_slots(c)) for c in choices)
    if any(len(_slots(c)) != many for c in choices):
        return []
    groups: dict[tuple[int | None, ...], list[int]] = {}
    for way in range(many):
        options = [c.args[1 + _slots(c)[way]] for c in choices]
        groups.setdefault(tuple(o.id if o.op == "const" else None for o in options), []).append(way)
    return [tuple(ways) for key, ways in groups.items() if any(id is not None for id in key)]


class _Plan:
    """One decision, one group of its ways. ``order``: what is wanted, with all that it needs."""

    def __init__(
        self,
        translator: Translator,
        shape: Shape,
        decision: Task,
        choices: Sequence[Task],
        ways: tuple[int, ...],
        wanted: Sequence[Task],
        whole: Sequence[Task],
        order: Sequence[Task],
    ) -> None:
        self._tasks, self._shape, self._decision, self._ways = translator.tasks.unchecked(), shape, decision, ways
        self._many = len(_slots(choices[0]))
        self._translator, self._choices = translator, choices
        options = self._options(ways[0])
        self._following, away = self._follow(order, options)
        self._exact: dict[int, ExactFolding] = {}
        folding = Folding(self._tasks, translator, options, self._following)
        self.others: dict[int, Task] = {}
        first: list[Task] = [decision, *whole]
        for task in wanted:
            other = None if task.id in away else self._other(folding, task)
            if other is not None:
                self.others[task.id] = other
            first.append(task if other is None else other)
        self.watched = list({t.id: t for t in folding.dropped}.values())
        first += self.watched
        self.results = [t for t in wanted if t.id in self.others]
        self._first_wanted = list({t.id: t for t in first}.values())
        self._first = _closure(self._tasks, first)
        cold = _closure(self._tasks, self.results)
        self.saved = sum(1 for id in cold if id not in self._first)

    def _options(self, way: int) -> dict[int, Task]:
        """The constants that the decision's way puts in, by the task that chooses."""
        return {c.id: o for c in self._choices if (o := c.args[1 + _slots(c)[way]]).op == "const"}

    def _follow(self, order: Iterable[Task], options: Mapping[int, Task]) -> tuple[set[int], set[int]]:
        """What depends on the choices, and what of that needs rows that are not at hand."""
        following: set[int] = set()
        away: set[int] = set()
        for task in order:
            before = [t.id for t in (*task.args, *self._tasks.checks.get(task.id, ()))]
            if task.id in options or not following.isdisjoint(before):
                following.add(task.id)
                if not self._at_hand(task) or not away.isdisjoint(before):
                    away.add(task.id)
        return following, away

    def _other(self, folding: Folding, task: Task) -> Task | None:
        """What a wanted task comes to where its row does not act; None where it is evaluated for all rows."""
        if task.id not in self._following:
            return None
        try:
            return folding.folded(task)
        except Unsettled:
            return None

    def _at_hand(self, task: Task) -> bool:
        """Whether its rows, and those that it adds up, are the decision's or their members."""
        root, parents = self._decision.grain, self._shape.parents
        grains = [task.grain, *([str(task.attrs[0])] if task.op in CROSSING else [])]
        return all(g in (SCALAR, root) or (g in parents and parents[g][1] == root) for g in grains)

    # -- for the acting rows ----------------------------------------------------------------------

    def made(self) -> Acting | None:
        """None where it reads rows that are neither the decision's nor their members."""
        live: dict[int, Task] = {}
        done: dict[int, Task] = {}
        first = schedule(self._tasks, self._first_wanted)
        waits = waiting(first.order, first.guards, frozenset(t.id for t in self._first_wanted))
        seldom = {t.id for found in waits.values() for t in found}  # computed where a decision looks close
        watched = {t.id for t in first.order if not first.guards[t.id]}  # for all rows
        there = watched - seldom
        for task in in_order(self._tasks, self.results):
            done[task.id] = self._again(task, there, watched, live, done)
        results = {t.id: done[t.id] for t in self.results}
        tasks = self._tasks.unchecked(watched)
        order = schedule(tasks, list({t.id: t for t in results.values()}.values()))
        if not all(self._at_hand(t) for t in order.order):
            return None
        reads = tuple(t for t in order.order if t.op in (*READ, "live"))
        needed = {t.attrs[0] for t in reads if t.op == "live"}
        acts = np.ones(self._many, dtype=np.bool_)
        acts[list(self._ways)] = False
        return Acting(
            self._tasks,
            self._decision,
            acts,
            self.others,
            whole_step(order, list(results.values())),
            results,
            {t.id: t.grain for t in self.results},
            reads,
            {id: t for id, t in live.items() if id in needed},
            tuple(self.watched),
        )

    def _again(
        self, task: Task, there: set[int], watched: set[int], live: dict[int, Task], done: dict[int, Task]
    ) -> Task:
        """The task as it is evaluated for acting rows: what all accounts have is read; members' values are computed
        again, which takes less than to keep them. ``watched``: tasks whose flagging tasks are done for all rows."""
        if task.op == "const" or task.op in READ:
            return task
        if task.id in there and (task.grain == self._decision.grain or task.op == "top") and task.op not in FLAGGING:
            live[task.id] = task
            return self._tasks.make("live", (), (task.id,), grain=task.grain, dtype=task.dtype)
        again = self._tasks.like(task, [done[a.id] for a in task.args])
        if task.id not in watched and again is not task:
            checks = self._tasks.checks.get(task.id, ())
            self._tasks.check(again, [self._watched(task, done[c.id], done) for c in checks])
        return again

    def _watched(self, task: Task, check: Task, done: Mapping[int, Task]) -> Task:
        """The flagging task without rows whose way of the decision makes certain what the task comes to."""
        decision = done.get(self._decision.id)
        if check.op != "near" or check.grain != self._decision.grain or decision is None or decision.op != "live":
            return check
        certain = tuple(self._certain(task, way) for way in range(self._many))
        if not any(certain):
            return check
        attrs = (check.op, check.attrs, certain)
        return self._tasks.make("unless", [decision, *check.args], attrs, grain=check.grain, dtype=None)

    def _certain(self, task: Task, way: int) -> bool:
        if way not in self._exact:
            options = {id: o for id, o in self._options(way).items() if o.id not in self._translator.inexact}
            self._exact[way] = ExactFolding(self._tasks, self._translator, options, self._following)
        try:
            return self._exact[way].folded(task).op == "const"
        except Unsettled:
            return False
