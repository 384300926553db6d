"""The lines of a block, each read on its own, so that one fault doesn't hide the next."""

from collections.abc import Sequence
from typing import Any, Protocol

from dsl.cells import Reader as CellReader
from dsl.diagnostics import Label
from dsl.lines import Block, Line
from dsl.source import Span


class Reader(CellReader, Protocol):
    """What reads one line as a rule of the grammar; None where it was faulty. ``lost`` notes names of faulty lines."""

    def line(self, rule: str, line: Line) -> Any: ...

    def lose(self, line: Line, *, every: bool = False) -> None: ...


def report_empty(reader: Reader, block: Block, what: str) -> None:
    span = Span(reader.source, block.head.start, block.head.end)
    reader.diagnostics.error("E013", f"this `{block.word}` is empty", span, help=f"indent its {what} below it")


def siblings(reader: Reader, body: Sequence[Line]) -> None:
    """Report lines that are not indented as the first of their block; they are read all the same."""
    first = body[0] if body else None
    for line in body:
        if first is None or line.indent == first.indent or line.row or line.broken:
            continue
        span = Span(reader.source, line.start - len(line.indent), line.start)
        begin = Span(reader.source, first.start - len(first.indent), first.start)
        origin = Label(begin, "its siblings are indented like this")
        deeper = len(line.indent) > len(first.indent)
        if line.indent.expandtabs(8) == first.indent.expandtabs(8) or "\t" in line.indent + first.indent:
            message, help = "tabs and spaces are mixed in this block's indentation", "use spaces throughout"
        else:
            message = f"this line is indented by {len(line.indent)}, its siblings by {len(first.indent)}"
            help = f"indent it by {len(first.indent)}"
            if deeper and not reader.source.text[line.start].isalpha():
                help = "to break a line, put parentheses around the value: `(` before it and `)` at its end"
        reader.diagnostics.error("E011", message, Label(span), origin, help=help)
        if deeper:
            line.broken = True


def lines(reader: Reader, rule: str, body: Sequence[Line]) -> list[Any]:
    """Each line as a rule; those that are faulty are left out."""
    siblings(reader, body)
    found = []
    for line in body:
        if line.row:
            message = "a pipe row can't stand here"
            help = "rows belong to `table`, `curve`, `tiers`, `grid` and `given`"
            reader.diagnostics.error("E016", message, Span(reader.source, line.start, line.end), help=help)
            continue
        node = reader.line(rule, line)
        if node is None:
            reader.lose(line)
        else:
            found.append(node)
    return found
