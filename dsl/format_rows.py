"""Pipe rows in canonical form, and rows pasted from a spreadsheet turned into pipe rows."""

from collections.abc import Sequence

from dsl import syntax as s
from dsl.cells import Kind, Place, column_kinds, split
from dsl.diagnostics import Diagnostic, Diagnostics
from dsl.format_line import spaced
from dsl.lines import Line
from dsl.parse import LineReader
from dsl.source import Source
from dsl.tokens import STATEMENTS

_AS_IT_STANDS: tuple[Kind, ...] = ("key", "word", "tier")


def grid_cells(reader: LineReader, lines: Sequence[Line], place: Place) -> dict[int, tuple[str, str]]:
    """By the start of each line: the row with its cells padded to one width, and its comment."""
    kinds: list[Kind] = []
    rows: list[tuple[int, list[str], str]] = []
    for line in lines:
        cells = split(reader, line, len(kinds) or None)
        assert cells is not None  # the text has been parsed without a fault
        comment = reader.source.text[cells.end : line.end].strip()
        if kinds:
            written = [_cell(reader.source, span, kind) for span, kind in zip(cells.spans, kinds, strict=True)]
        else:
            headers = [reader.text("header", start, end) for start, end in cells.spans]
            kinds = column_kinds([h for h in headers if isinstance(h, s.Header)], place)
            written = [spaced(reader.source, start, end, "header") for start, end in cells.spans]
        rows.append((line.start, written, comment))
    widths = [max(map(len, column)) for column in zip(*(row for _, row, _ in rows), strict=True)]
    return {start: (_row(row, widths), comment) for start, row, comment in rows}


def _cell(source: Source, span: tuple[int, int], kind: Kind) -> str:
    start, end = span
    return source.text[start:end] if kind in _AS_IT_STANDS or start == end else spaced(source, start, end, "cell")


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


# -- rows from a spreadsheet ------------------------------------------------------------------


def piped(source: Source, faults: Sequence[Diagnostic]) -> Source:
    """The text with pipes in the rows that are separated by tabs; ``faults`` say where they are."""
    text = source.text
    for span in sorted((fault.labels[0].span for fault in faults), key=lambda span: -span.start):
        if "\n" not in span.text:
            text = text[: span.start] + _piped(source, span.start, span.end) + text[span.end :]
    return Source(source.name, text, source.folder)


def _piped(source: Source, start: int, end: int) -> str:
    cells = split(LineReader(source, Diagnostics()), Line(start, end, ""), None)
    assert cells is not None
    comment = source.text[start:end].partition("#")[1:]
    pieces = [_quoted(source.text[left:right]) for left, right in cells.spans]
    return "| " + " | ".join(pieces) + " |" + (f"  {''.join(comment)}" if comment[0] else "")


def _quoted(cell: str) -> str:
    return f'"{cell}"' if "|" in cell and '"' not in cell else cell


def indented(source: Source) -> Source:
    """The text with its rows of tabs moved out of column one, where pasting leaves them."""
    lines = source.text.split("\n")
    moved = ["    " + line if _pasted(line) else line for line in lines]
    return Source(source.name, "\n".join(moved), source.folder)


def _pasted(line: str) -> bool:
    words = line.split(None, 1)
    return "\t" in line.strip() and line[0] not in " \t#|" and words[0] not in STATEMENTS
