"""Progress of long work, on standard error and only where somebody watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cli.terminal.console import errors, watched

Report = Callable[[str, float], None]


@contextmanager
def progress() -> Iterator[Report | None]:
    """Gives a function of a stage's name and the part done (0 to 1), or None where nobody watches."""
    if not watched(sys.stderr):
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors(), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0)
            bars.update(tasks[stage], completed=min(max(done, 0.0), 1.0))

        yield report
