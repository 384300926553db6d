"""A policy's text and places in it."""

import re
from dataclasses import dataclass, field
from functools import cached_property

_NEWLINE = re.compile("\n")


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open run of characters, ``start`` to ``end``, in one source. Offsets: lines are found on demand."""

    source: "Source"
    start: int
    end: int

    def to(self, other: "Span") -> "Span":
        """The span from the start of this one to the end of ``other``."""
        return Span(self.source, self.start, max(self.end, other.end))

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        """Line number, from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """Column number, from 1."""
        return self.source.position(self.start)[1]


@dataclass(frozen=True, eq=False)
class Source:
    """A file's text. ``name`` is what a person called it; ``folder`` is where relative paths start, as text."""

    name: str
    text: str
    folder: str | None = field(default=None)

    @cached_property
    def line_starts(self) -> list[int]:
        return [0, *(found.end() for found in _NEWLINE.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character offset."""
        from bisect import bisect_right

        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, numbered from 1, without its end."""
        starts = self.line_starts
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")


NOWHERE = Span(Source("", ""), 0, 0)


def no_span() -> Span:
    """The field of a node for its place, which takes no part in whether two are equal."""
    return field(default=NOWHERE, compare=False, repr=False)
