"""`softliq test --watch`: runs again whenever a file that took part changes, until it is interrupted."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cli.exits import Exit, Stop

EVERY = 0.3  # seconds between two looks

Stamps = Mapping[Path, tuple[int, int] | None]


def watch(run: Callable[[], int], files: Callable[[], Iterable[Path]], every: float = EVERY) -> int:
    """Runs, and again after each change of a file's time or size, or of which files there are; ``files`` are asked for
    after each run. A run that stops is told and goes on. Interrupted, it ends with the last
    whole run's code."""
    from cli.terminal.text import count

    code: int = Exit.INTERRUPTED
    try:
        while True:
            code = _told(run)
            before = _stamps(files())
            print(f"\nwatching {count(len(before), 'file')}, Ctrl-C ends", flush=True)
            while _stamps(files()) == before:
                time.sleep(every)
            _clear()
    except KeyboardInterrupt:
        return code


def _told(run: Callable[[], int]) -> int:
    """A run's code; what stops it is said as everywhere."""
    from cli.app import say

    try:
        return run()
    except Stop as stop:
        say(stop.message, stop.help)
        return stop.code


def _clear() -> None:
    from cli.terminal.console import output

    output().clear()  # does nothing where output is piped


def _stamps(files: Iterable[Path]) -> Stamps:
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> tuple[int, int] | None:
    """None for a file that is gone: an editor may be about to put another in its place."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
