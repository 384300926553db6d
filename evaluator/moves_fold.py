"""The least or greatest value over a grid's moves, many moves at a time.

Moves differ in what small tables hold in them (the marks, say) and in constants; what is done with the positions is the
same. Such moves have tasks that are alike, and are done by those of the first: the accounts of a block stand side by
side once for each move, and each reads its move's tables. All that no move touches is computed once.
"""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dsl.records import dataclass
from evaluator.tasks import READ, Guard, Schedule, Task, Tasks

FEWEST = 4  # moves that are worth it
_CLASSES = 8  # kinds of moves: such as those whose constants are exact, and those that are rounded
_FOLDS = ("min", "max")
_LOOKUPS = ("lookup", "lookup_size")
_PLAIN = ("add", "sub", "mul", "div")  # may have a constant of the move for an operand


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Moves that are alike. ``tasks``: the first's, in order, which give ``result``. ``shared``: what they read and no
    move touches. ``heads`` and ``consts``: by the first's task, those of all in the moves' order, or the one of all."""

    tasks: tuple[Task, ...]
    result: Task
    shared: tuple[Task, ...]
    heads: Mapping[int, tuple[int, ...]]
    consts: Mapping[int, tuple[Any, ...]]
    chains: Mapping[int, tuple[Guard, ...]]
    count: int


def with_folds(tasks: Tasks, order: Schedule, wanted: Sequence[Task]) -> Schedule:
    """The schedule with a single task in place of each fold over moves that are alike."""
    made = {last.id: fold for last in _lasts(order) if (fold := _fold(tasks, order, last)) is not None}
    if not made:
        return order
    needed: set[int] = set()
    stack = [made.get(t.id, t) for t in wanted]
    while stack:
        task = stack.pop()
        if task.id not in needed:
            needed.add(task.id)
            stack += [made.get(t.id, t) for t in _read(tasks, order, task)]
    return replace(order, order=tuple(made.get(t.id, t) for t in order.order if t.id in needed or t.op == "const"))


def _read(tasks: Tasks, order: Schedule, task: Task) -> Iterator[Task]:
    """What is needed for a task."""
    yield from task.args
    if task.op != "fold":
        yield from tasks.checks.get(task.id, ())
        yield from (condition for condition, _ in order.guards[task.id])


def _lasts(order: Schedule) -> Iterable[Task]:
    """The last task of each fold that is long enough, and is always needed."""
    inner = {t.args[0].id for t in order.order if t.op in _FOLDS and len(t.args) == 2 and t.args[0].op == t.op}
    for task in order.order:
        if task.op in _FOLDS and task.id not in inner and len(_values(task)) >= FEWEST and not order.guards[task.id]:
            yield task


def _values(last: Task) -> list[Task]:
    """What is folded, in order."""
    values: list[Task] = []
    task = last
    while task.op == last.op and len(task.args) == 2:
        values.append(task.args[1])
        task = task.args[0]
    return [task, *reversed(values)]


def _fold(tasks: Tasks, order: Schedule, last: Task) -> Task | None:
    """All moves that are alike by one task; the others' values are its operands."""
    classes: list[list[_Pairs]] = []
    alone: list[Task] = []
    for value in _values(last):
        for group in classes:
            pairs = _Pairs(tasks, order, group[0].first)
            if pairs.alike(value) and (len(group) == 1 or pairs.touched() == group[1].touched()):
                group.append(pairs)
                break
        else:
            if len(classes) < _CLASSES and value.op not in ("const", *READ):
                classes.append([_Pairs(tasks, order, value)])
            else:
                alone.append(value)
    parts = [_moves(order, group) for group in classes if len(group) >= FEWEST]
    alone += [pairs.value for group in classes if len(group) < FEWEST for pairs in group]
    found = [part for part in parts if part is not None]
    if not found or len(found) < len(parts):
        return None
    shared = {t.id: t for part in found for t in part.shared}
    attrs = (last.op, sum(part.count for part in found), tuple(found), len(alone))
    return replace(last, op="fold", args=(*alone, *shared.values()), attrs=attrs)


class _Pairs:
    """Which task of another move does what one of the first move does. ``by``: by the first's task, both."""

    def __init__(self, tasks: Tasks, order: Schedule, first: Task) -> None:
        self._tasks, self._order, self.first, self.value = tasks, order, first, first
        self.by: dict[int, tuple[Task, Task]] = {}

    def touched(self) -> set[int]:
        return {id for id, (a, b) in self.by.items() if a is not b}

    def alike(self, value: Task) -> bool:
        """Whether both moves do the same, but for what small tables hold, and constants in plain arithmetic."""
        self.value = value
        pairs = [(self.first, value)]
        while pairs:
            a, b = pairs.pop()
            if a.id in self.by:
                if self.by[a.id][1] is not b:
                    return False
                continue
            self.by[a.id] = a, b
            if a is b:
                continue
            if a.op == b.op == "const":
                if not (isinstance(a.attrs[1], float) and isinstance(b.attrs[1], float)):
                    return False
                continue
            checks, others = (self._tasks.checks.get(t.id, []) for t in (a, b))
            if not self._same(a, b) or len(checks) != len(others):
                return False
            pairs += zip((*a.args, *checks), (*b.args, *others), strict=True)
        return True

    def _same(self, a: Task, b: Task) -> bool:
        if (a.op, a.grain, a.dtype, len(a.args)) != (b.op, b.grain, b.dtype, len(b.args)):
            return False
        if a.op in _LOOKUPS:
            return a.args[0] is b.args[0] and a.args[0].op == "input"
        moved = any(x.op == "const" and x is not y for x, y in zip(a.args, b.args, strict=True))
        plain = a.op in _PLAIN and a.grain == self.first.grain and not self._order.guards[a.id]
        return a.attrs == b.attrs and (plain or not moved)


def _moves(order: Schedule, group: Sequence[_Pairs]) -> Moves | None:
    """None where something that no move touches is needed only for some rows."""
    first, others = group[0].first, [pairs.by for pairs in group[1:]]
    touched = group[1].touched()
    moved = [t for t in order.order if t.id in touched and t.op != "const"]
    reached = {a.id: a for a, b in others[0].values() if a is b}
    for task in moved:
        reached |= {c.id: c for c, _ in order.guards[task.id] if c.id not in touched}
    reads = [t for t in reached.values() if t.op in READ]
    shared = tuple(t for t in reached.values() if t.op not in ("const", *READ))
    if any(order.guards[t.id] for t in shared):
        return None

    def all_of(task: Task, attr: int) -> tuple[Any, ...]:
        return tuple(t.attrs[attr] for t in (task, *(by[task.id][1] for by in others)))

    heads = {t.id: all_of(t, 0) for t in moved if t.op in _LOOKUPS}
    consts = {a.id: all_of(a, 1) for a, b in others[0].values() if a is not b and a.op == "const"}
    consts |= {t.id: (t.attrs[1],) for t in reached.values() if t.op == "const"}
    open_: dict[int, tuple[Guard, ...]] = {t.id: () for t in reads}
    chains = ChainMap(open_, order.guards)
    return Moves((*reads, *moved), first, shared, heads, consts, chains, len(group))
