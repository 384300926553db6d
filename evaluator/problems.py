"""What is wrong with a snapshot's structure, as data. Only the command line turns it into text for people."""

from collections.abc import Iterable, Sequence

from dsl.near import listed
from dsl.records import dataclass

EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of structure: a message in lower case without a full stop, where it is, and what to do.

    ``row`` is the first place: a line of a text file, else a row, both from 1. ``count`` is how often the fault occurs;
    ``examples`` are at most ten of those places, each as text.
    """

    message: str
    file: str = ""
    row: int | None = None
    column: str | None = None
    help: str | None = None
    count: int = 1
    examples: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """``position.csv:12, column `market```; empty where the fault is nowhere in particular."""
        where = self.file if self.row is None else f"{self.file}:{self.row}"
        return where if self.column is None else f"{where}, column `{self.column}`"

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.message}" if self.place else self.message]
        lines += [f"  {example}" for example in self.examples]
        if self.examples and self.count > len(self.examples):
            lines.append(f"  and {self.count - len(self.examples):,} more")
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)


class SnapshotError(Exception):
    """A snapshot that can't be used, with every fault of structure that was found in it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class Unreadable(Exception):
    """A file that isn't a table, with what is wrong. Caught by the reader, which goes on with the other files."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def quoted(names: Iterable[str], most: int = EXAMPLES) -> str:
    """``` `a`, `b` and 3 more```, for messages."""
    found = list(names)
    text = listed(found[:most], "")
    return text if len(found) <= most else f"{text} and {len(found) - most:,} more"
