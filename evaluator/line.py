"""Tasks in the order in which a block does them, with what is let go of after each."""

from collections.abc import Mapping, Sequence

from dsl.records import dataclass
from evaluator.tasks import Chain, Task


@dataclass(frozen=True, slots=True)
class Line:
    """A task in its place: its guards, and the values that nobody reads after it."""

    task: Task
    chain: Chain
    free: tuple[int, ...]


def lines(
    order: Sequence[Task],
    chains: Mapping[int, Chain],
    keep: frozenset[int],
    alias: frozenset[str],
    waiting: Mapping[int, Sequence[Task]] | None = None,
) -> list[Line]:
    """Tasks with what may be dropped after each: all but what is kept. ``alias``: operations that hand on the very
    array that they read. ``waiting``: by task, others that may be done with it."""
    source: dict[int, int] = {}
    last: dict[int, int] = {}
    kept = set(keep)
    for i, task in enumerate(order):
        alike = task.op in alias and task.args[0].op != "const"  # which stays for the next block
        source[task.id] = source.get(task.args[0].id, task.args[0].id) if alike else task.id
        last[source[task.id]] = i
        for one in (task, *((waiting or {}).get(task.id, ()))):
            read = [a.id for a in (*one.args, *(g[0] for g in chains[one.id])) if a.op != "const"]
            for arg in read:
                last[source.get(arg, arg)] = i
    for id in keep:
        kept.add(source.get(id, id))
    free: dict[int, list[int]] = {}
    for id, i in last.items():
        if id not in kept:
            free.setdefault(i, []).append(id)
    return [Line(t, chains[t.id], tuple(free.get(i, ()))) for i, t in enumerate(order)]
