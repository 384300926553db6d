"""A policy's text in canonical form. Words, numbers and comments stay; only the space between them changes."""

from itertools import groupby

from dsl import syntax as s
from dsl.cells import Place
from dsl.diagnostics import Diagnostics, Severity
from dsl.format_line import COLUMNS, Kind, align, line_cells, same_words
from dsl.format_rows import grid_cells, indented, piped
from dsl.lines import Block, Line, blocks
from dsl.parse import MAX_CHARACTERS, LineReader, engine, parse
from dsl.records import dataclass
from dsl.source import Source, Span


class MeaningChanged(Exception):
    """The formatted text would not say the same: a fault of the formatter, so the text is not to be used."""


def format_policy(source: Source, diagnostics: Diagnostics) -> str | None:
    """The text in canonical form, or None where it can't be read; why is added to ``diagnostics``."""
    plain = Source(source.name, source.text.removeprefix("\ufeff").replace("\r\n", "\n"), source.folder)
    readable = _readable(plain)
    if readable is None:
        parse(source, diagnostics)
        return None
    text, file = readable
    with engine().lock:
        formatted = _Layout(text).run()
    if len(formatted.encode()) > MAX_CHARACTERS:
        help = 'put long tables into a CSV file: `table ... from "file.csv"`'
        message = f"`{source.name}` would be larger than 1 MiB with its rows aligned"
        diagnostics.error("E003", message, Span(source, 0, 0), help=help)
        return None
    if not same_words(formatted, text.text) or _parsed(Source(source.name, formatted)) != file:
        raise MeaningChanged(source.name)
    return formatted


def _parsed(source: Source) -> s.File | None:
    diagnostics = Diagnostics()
    file = parse(source, diagnostics)
    return None if diagnostics.failed else file


def _readable(source: Source) -> tuple[Source, s.File] | None:
    """The text with pipes in all its rows, and what it says; None where it has other faults."""
    for attempt in (source, indented(source)):
        diagnostics = Diagnostics()
        file = parse(attempt, diagnostics)
        faults = [d for d in diagnostics.found if d.severity is Severity.ERROR]
        if not faults:
            return attempt, file
        if all(fault.code == "E043" for fault in faults):
            text = piped(attempt, faults)
            return (text, file) if _parsed(text) == file else None
    return None


@dataclass(slots=True)
class _Item:
    """A line to be written. ``group``: lines of different groups are not aligned with each other."""

    cells: list[str]
    indent: int
    group: str
    blank: bool = False  # whether a blank line stands before it


class _Layout:
    """The lines of a text that can be read, each with its indentation and the blank lines and comments before it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.items: list[_Item] = []
        self.at = 0  # how much of the text has been laid out

    def run(self) -> str:
        before: Block | None = None
        for block in blocks(self.source, Diagnostics()):
            self._statement(before, block)
            before = block
        self._comments(len(self.source.text), _body_indent(before))
        return self._text()

    def _statement(self, before: Block | None, block: Block) -> None:
        """Comments that stand in column one above a statement are its own; indented ones belong to the block before."""
        first = len(self.items)
        blank = self._comments(block.head.start, _body_indent(before))
        self._code(block.head, "statement", 0, blank)
        own = next(i for i in range(first, len(self.items)) if self.items[i].indent == 0)
        leading = self.items[own:]
        together = before is not None and before.word == block.word and not before.body
        if own and not together and not any(item.blank for item in leading):
            leading[0].blank = True
        rows = self._rows(block)
        kind: Kind = "member" if block.word == "entity" else "line"
        for i, line in enumerate(block.body):
            indent = _indent(block, line)
            opening = len(self.items)
            blank = self._comments(line.start, indent, inside=True)
            if line.row:
                text, comment = rows[line.start]
                self._add([text, "", "", comment], indent, "rows", blank, line)
            else:
                self._code(line, kind, indent, blank)
            if i == 0:
                self.items[opening].blank = False

    def _code(self, line: Line, kind: Kind, indent: int, blank: bool) -> None:
        self._add(line_cells(self.source, line.start, line.end, kind, indent), indent, "code", blank, line)

    def _add(self, cells: list[str], indent: int, group: str, blank: bool, line: Line) -> None:
        self.items.append(_Item(cells, indent, group, blank))
        self.at = line.end

    def _comments(self, until: int, indent: int, inside: bool = False) -> bool:
        """Lay out the comments up to a line; whether a blank line stands before that line.

        Outside a block's body, from the first comment in column one on they stand in column one.
        """
        lines = self.source.text[self.at : until].split("\n")
        lines = lines[1 if self.at else 0 :]  # what is left of the line before is blank
        if until < len(self.source.text):
            lines.pop()  # the indentation of the line that follows
        blank = False
        for line in lines:
            comment = line.strip()
            if not comment:
                blank = True
                continue
            if not inside and not line.startswith((" ", "\t")):
                indent = 0
            self.items.append(_Item([comment, *[""] * (COLUMNS - 1)], indent, "comment", blank))
            blank = False
        return blank

    def _rows(self, block: Block) -> dict[int, tuple[str, str]]:
        """The pipe rows of a block as text: those of a test by their `given`, any others together."""
        found: dict[int, tuple[str, str]] = {}
        reader = LineReader(self.source, Diagnostics())
        place: Place = "given" if block.word == "test" else block.word  # type: ignore[assignment]
        rows = [[line for line in block.body if line.row]]
        if place == "given":
            rows = [list(lines) for row, lines in groupby(block.body, lambda line: line.row) if row]
        for grid in rows:
            if grid:
                found |= grid_cells(reader, grid, place)
        return found

    def _text(self) -> str:
        """All lines; runs of them, between blank lines and comments, are aligned."""
        runs: list[list[_Item]] = []
        for item in self.items:
            last = runs[-1][-1] if runs else None
            if last and not item.blank and (item.group, item.indent) == (last.group, last.indent):
                runs[-1].append(item)
            else:
                runs.append([item])
        lines: list[str] = []
        for run in runs:
            for item, text in zip(run, align([item.cells for item in run]), strict=True):
                lines.append(("\n" if item.blank and lines else "") + " " * item.indent + text)
        return "\n".join(lines) + "\n"


def _indent(block: Block, line: Line) -> int:
    return 4 if line.row and block.word == "test" else 2


def _body_indent(block: Block | None) -> int:
    """Where a comment at the end of a block stands."""
    return _indent(block, block.body[-1]) if block and block.body else 0
