"""Pipe rows: a line is split at its pipes, and each cell is read as its column asks."""

import re
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from dsl import syntax as s
from dsl.diagnostics import Diagnostics
from dsl.lines import Line
from dsl.literals import BadLiteral, quantity
from dsl.records import dataclass
from dsl.source import Source, Span

Place = Literal["table", "curve", "tiers", "grid", "given"]


class Reader(Protocol):
    """What reads the text between two offsets as one rule of the grammar; None where it was faulty."""

    source: Source
    diagnostics: Diagnostics

    def text(self, rule: str, start: int, end: int) -> s.Expr | s.Until | s.Header | None: ...


@dataclass(frozen=True, slots=True)
class Cells:
    """A row's cells as runs of the source, without the blanks around them."""

    spans: list[tuple[int, int]]
    start: int
    end: int


_QUOTED = re.compile(r'\|((?:[^|"]|"[^"]*"|")*)')
_COMMENT = re.compile(r"\|[ \t]*#[^\n]*")


def split(reader: Reader, line: Line, columns: int | None) -> Cells | None:
    """Split a line at its pipes. ``columns`` is their number by the header, where there is one already."""
    text = reader.source.text[line.start : line.end]
    if not line.row:
        return _unpiped(reader, line, text)
    body, closed = _without_comment(text, columns)
    if not closed:
        row = body.rstrip()
        span = Span(reader.source, line.start, line.start + len(row))
        reader.diagnostics.error("E042", "this row has no pipe at its end", span, help=f"write `{row} |`")
    pieces = [m[1] for m in _QUOTED.finditer(body)] if '"' in body else body.split("|")[1:]
    spans = _spans(pieces[: None if not closed else -1], line.start + 1)
    return Cells(spans, line.start, line.start + len(body.rstrip()))


def _without_comment(text: str, columns: int | None) -> tuple[str, bool]:
    """The row up to its last pipe, and whether it ends there. ``#`` starts a comment only after the last pipe."""
    for found in _COMMENT.finditer(text):
        before = text[: found.start() + 1]
        ends = text.rstrip().endswith("|")
        if not ends or (columns is not None and before.count("|") - 1 == columns):
            return before, True
    row = text.rstrip()
    return row, row.endswith("|") and len(row) > 1


def _unpiped(reader: Reader, line: Line, text: str) -> Cells | None:
    """A row without its first pipe: pasted with tabs, or begun wrongly."""
    span = Span(reader.source, line.start, line.end)
    row = text.split("#")[0].rstrip()
    mark = "\t" if "\t" in row else "|"
    if mark not in row:
        reader.diagnostics.error("E016", "expected a pipe row here", span, help="a row is `| cell | cell |`")
        return None
    pieces = row.removesuffix("|").split(mark)
    mended = _piped(pieces)
    if mark == "|":
        reader.diagnostics.error("E042", "this row has no pipe at its start", span, help=f"write `{mended}`")
    return Cells(_spans(pieces, line.start), line.start, line.end)


def _spans(pieces: Sequence[str], at: int) -> list[tuple[int, int]]:
    """Where each piece begins and ends, without the blanks around it; a mark stands between two."""
    spans = []
    for piece in pieces:
        left = at + len(piece) - len(piece.lstrip())
        spans.append((left, max(left, at + len(piece.rstrip()))))
        at += len(piece) + 1
    return spans


def _piped(pieces: Sequence[str]) -> str:
    return "| " + " | ".join(p.strip() for p in pieces) + " |"


def _pasted(reader: Reader, lines: Sequence[Line]) -> None:
    """Report rows with tabs once for the block: a spreadsheet's cells come many at a time."""
    texts = [(line, reader.source.text[line.start : line.end].split("#")[0].rstrip()) for line in lines if not line.row]
    tabbed = [(line, text) for line, text in texts if "\t" in text]
    if not tabbed:
        return
    line, text = tabbed[0]
    others = len(tabbed) - 1
    also = f", and so {'is' if others == 1 else 'are'} {others} more below it" if others else ""
    help = f"write `{_piped(text.split(chr(9)))}`, or run `softliq fmt`"
    span = Span(reader.source, line.start, line.end)
    reader.diagnostics.error("E043", f"this row is separated by tabs{also}", span, help=help)


@dataclass(frozen=True, slots=True)
class Grid:
    """A block of pipe rows: its header and the rows that could be read."""

    headers: tuple[s.Header, ...]
    rows: tuple[s.Row, ...]


def read_grid(reader: Reader, lines: Sequence[Line], place: Place) -> Grid:
    """The first line is the header; a faulty row or cell doesn't hide the others."""
    headers: tuple[s.Header, ...] | None = None
    width = 0
    rows = []
    _pasted(reader, lines)
    for line in lines:
        cells = split(reader, line, width or None)
        if cells is None:
            continue
        if not width:
            width = len(cells.spans)
            headers = _headers(reader, cells, place)
            kinds = column_kinds(headers or (), place)
            continue
        if len(cells.spans) != width:
            _ragged(reader, cells, width)
        if headers:
            rows.append(read_row(reader, cells, kinds, headers))
    return Grid(headers or (), tuple(rows))


def _headers(reader: Reader, cells: Cells, place: Place) -> tuple[s.Header, ...] | None:
    found = []
    for start, end in cells.spans:
        if start == end:
            span = Span(reader.source, start - 1, end + 1)
            reader.diagnostics.error("E041", "a column has no name", span, help="name it, or delete it")
            continue
        node = reader.text("header", start, end)
        if isinstance(node, s.Header):
            found.append(node)
            plain = node.operator or node.marginal or node.continuous or node.type or node.file_column
            if place == "given" and plain:
                message = f"the header `{node.span.text}` of given rows is a plain column name"
                reader.diagnostics.error("E044", message, node.span, help=f"write `{node.name.text}`")
    return tuple(found) if len(found) == len(cells.spans) else None


def _ragged(reader: Reader, cells: Cells, width: int) -> None:
    count = len(cells.spans)
    span = Span(reader.source, cells.start, cells.end)
    message = f"this row has {count_cells(count)}, its header has {width}"
    mend = f"add {count_cells(width - count)}" if count < width else f"delete {count_cells(count - width)}"
    reader.diagnostics.error("E040", message, span, help=mend)


def count_cells(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells} cells"


# -- cells ------------------------------------------------------------------------------------

Kind = Literal["key", "bound", "value", "tier", "action", "word"]


def column_kinds(headers: Sequence[s.Header], place: Place) -> list[Kind]:
    """How the cells of each column are read."""
    return [_kind(h, i, place) for i, h in enumerate(headers)]


def _kind(header: s.Header, index: int, place: Place) -> Kind:
    if place == "given" or (place == "grid" and index == 0):
        return "word"
    if place == "tiers" and header.name.text == "tier":
        return "tier"
    if header.operator == "=":
        return "key"
    if header.operator or (place == "tiers" and index == 0):
        return "bound"
    return "action" if place == "tiers" else "value"


_NUMBER = re.compile(r"(-?)([0-9]{1,40}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?)(%|bps|k|M|bn)?", re.ASCII)


def read_row(reader: Reader, cells: Cells, kinds: Sequence[Kind], headers: Sequence[s.Header]) -> s.Row:
    """One row; a cell that is faulty, or that a short row lacks, is reported and stands as such."""
    source = reader.source
    found: list[s.Cell] = []
    for (start, end), kind, header in zip(cells.spans, kinds, headers, strict=False):
        span = Span(source, start, end)
        found.append(_CELLS[kind](reader, span, header) or _faulty(kind, span))
    lacking = Span(source, cells.end, cells.end)
    found += [_faulty(kind, lacking) for kind in kinds[len(found) :]]
    return s.Row(tuple(found), Span(source, cells.start, cells.end))


def _faulty(kind: Kind, span: Span) -> s.Cell:
    return s.Word(span.text, span) if kind == "tier" else s.Faulty(span)


def _filled(reader: Reader, span: Span, header: s.Header) -> bool:
    if span.start < span.end:
        return True
    place = Span(span.source, max(0, span.start - 1), min(len(span.source.text), span.end + 1))
    message = f"the cell of `{header.name.text}` is blank"
    reader.diagnostics.error("E041", message, place, help="write its value; a blank has no meaning here")
    return False


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _word(reader: Reader, span: Span, header: s.Header) -> s.Cell | None:
    return s.Word(_unquoted(span.text), span)


def _key(reader: Reader, span: Span, header: s.Header) -> s.Cell | None:
    if not _filled(reader, span, header):
        return None
    return s.Keyword("other", span) if span.text == "other" else s.Word(_unquoted(span.text), span)


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _tier(reader: Reader, span: Span, header: s.Header) -> s.Cell | None:
    if not _filled(reader, span, header):
        return None
    if not _NAME.fullmatch(span.text):
        name = re.sub(r"[^A-Za-z0-9_]+", "_", span.text).strip("_") or "tier"
        name = f"tier_{name}" if name[0].isdecimal() else name
        message = f"`{span.text}` can't be a tier's name"
        help = f"write `{name}`: formulas and tests name the tier, so it is a name"
        reader.diagnostics.error("E045", message, span, help=help)
        return s.Word(name, span)
    return s.Word(span.text, span)


def _bound(reader: Reader, span: Span, header: s.Header) -> s.Cell | None:
    text = span.text
    if text == "other":
        return s.Keyword("other", span)
    if text == "unknown":
        return s.Keyword("unknown", span)
    return value_cell(reader, span, header)


def value_cell(reader: Reader, span: Span, header: s.Header) -> s.Cell | None:
    """A cell read as an expression; None where it is faulty, which is reported."""
    return number(span) or (reader.text("value", span.start, span.end) if _filled(reader, span, header) else None)  # type: ignore[return-value]


def _action(reader: Reader, span: Span, header: s.Header) -> s.Cell | None:
    return number(span) or (reader.text("cell", span.start, span.end) if _filled(reader, span, header) else None)  # type: ignore[return-value]


def number(span: Span) -> s.Expr | None:
    """A plain number without the parser: long tables are made of them."""
    found = _NUMBER.fullmatch(span.source.text, span.start, span.end)
    if found is None:
        return None
    sign, digits, suffix = found.groups()
    try:
        kind, value = quantity(digits, suffix or "")
    except BadLiteral:
        return None
    if not sign:
        return s.Number(value, kind, None, span)
    return s.Sign("-", s.Number(value, kind, None, Span(span.source, span.start + 1, span.end)), span)


_CELLS: dict[Kind, Callable[[Reader, Span, s.Header], s.Cell | None]] = {
    "key": _key, "bound": _bound, "value": value_cell, "tier": _tier, "action": _action, "word": _word,
}  # fmt: skip
