"""A snapshot as a command reads it, from its tables or its index; its faults are printed, and stop the command."""

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from cli.exits import Exit, Stop
from cli.options import TextOrJson
from cli.params import parse_instant
from cli.terminal.text import safe
from dsl.model import Policy

if TYPE_CHECKING:
    from evaluator.book import Book
    from evaluator.snapshot import Indexed

Ahead = Callable[[Policy, Fraction | None], None]  # what another thread does while tables are read; told the instant


def read_book(
    path: str,
    policy: Policy,
    as_of: str | None,
    format: TextOrJson = "text",
    ahead: Ahead | None = None,
    rows: bool = False,
) -> "Book":
    """The snapshot typed for the policy, from its index where it has one; else its faults on standard error, and stop.

    What became of an index is said in a line: used, made again and why, or not writable.
    """

    opened = open_book(path, policy, as_of, format, ahead=ahead, rows=rows)
    if opened.kept is None and opened.why is not None:
        print(f"note: the index is not used: {safe(opened.why)}", file=sys.stderr)
    elif opened.kept is not None:
        shown = f"`{safe(str(opened.kept))}`"
        told = f"read from the index {shown}" if opened.why is None else f"{safe(opened.why)}: {shown} is made again"
        print(f"note: {told}", file=sys.stderr)
    return opened.book


def open_book(
    path: str,
    policy: Policy,
    as_of: str | None,
    format: TextOrJson = "text",
    anew: bool = False,
    ahead: Ahead | None = None,
    rows: bool = False,
    verify: bool = False,
) -> "Indexed":
    """The snapshot and what became of its index; ``anew``: make one where there is none. ``ahead`` is done meanwhile,
    where all of it is read. ``rows``: some rows are explained, which may need no evaluation."""
    from cli.terminal.problems import show_problems
    from cli.terminal.progress import progress
    from evaluator.layout import find_layout
    from evaluator.problems import SnapshotError

    layout = find_layout(Path(path), policy)
    layout.hash_ahead()
    moment = parse_instant(as_of) if as_of is not None else None
    from evaluator.snapshot import index_snapshot

    other: Thread | None = None
    if ahead is not None and layout.to_be_read:
        import_module("evaluator.reading")  # NumPy and pyarrow: the hashes are on their way
        other = _begun(ahead, policy, layout.as_of if moment is None else moment)
    try:
        with progress() as report:
            found = index_snapshot(layout, policy, as_of=moment, progress=report, anew=anew, rows=rows, verify=verify)
    except SnapshotError as error:
        show_problems(error.problems, format)
        raise Stop(Exit.SNAPSHOT) from None
    if other is not None:
        other.join()
    return found


def _begun(ahead: Ahead, policy: Policy, moment: datetime | None) -> Thread:
    def work() -> None:
        from evaluator.literals import seconds_of

        with suppress(Exception):  # told where it is needed
            ahead(policy, None if moment is None else seconds_of(moment))

    other = Thread(target=work)
    other.start()
    return other
