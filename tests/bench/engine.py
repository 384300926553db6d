"""What is measured: a kind of work, and an engine that does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Call = Callable[[], Any]  # one evaluation, as it is timed
Found = Mapping[str, Any]  # what came of it, by the names that plain NumPy's results are kept under (``verify``)

COLUMNS = "columns in memory, any order, all six columns"
ROWS = "columns in memory, any order, summary and liquidated rows"
SUMMARY = "columns in memory, summary alone"
LAID = "indexed, all six columns"
LAID_ROWS = "indexed, summary and liquidated rows"
PROCESS, EXPLAIN, GRID = "whole process", "explain of one account", "grid"
IN_MEMORY = (COLUMNS, ROWS, LAID, LAID_ROWS, SUMMARY)  # plain NumPy with all six columns is their 1


class Absent(Exception):
    """The engine isn't here: its library isn't installed, or softliq can't do that yet."""


@dataclass(frozen=True)
class Engine:
    """``kind``: the work, within which it is compared. ``make(folder, moves)`` sets it up and gives the call that is
    timed; ``found`` makes of its result what is compared, after the clock has stopped."""

    name: str
    label: str
    kind: str
    make: Callable[[Path, int], Call]
    found: Callable[[Any], Found] = dict

    @property
    def apart(self) -> bool:
        """Whether a call is a process of its own."""
        return self.kind in (PROCESS, EXPLAIN)
