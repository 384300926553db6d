"""Pipe rows in canonical form, and rows pasted from a spreadsheet turned into pipe rows."""

from collections.abc import Sequence

from dsl import syntax as s
from dsl.cells import Kind, Place, column_kinds, split
from dsl.diagnostics import Diagnostic, Diagnostics
from dsl.format_line import spaced
from dsl.lines import Line, blocks
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
    """The text with pipes in the rows that are separated by tabs; ``faults`` name the first row of each grid."""
    text = source.text
    first = {fault.labels[0].span.start for fault in faults}
    lines: list[Line] = []
    for block in blocks(source, Diagnostics()):
        pasted = False
        for line in block.body:
            words = text[line.start : line.end].split(None, 1)
            other = block.word == "test" and words[0] in ("given", "expect", "each")
            pasted = line.start in first or (pasted and not other)
            if pasted and not line.row and "\t" in text[line.start : line.end].partition("#")[0]:
                lines.append(line)
    for line in reversed(lines):
        if "\n" not in source.text[line.start : line.end]:
            text = text[: line.start] + _piped(source, line.start, line.end) + text[line.end :]
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
