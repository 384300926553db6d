"""Blocks as nodes: a head, read as one line, filled with what its indented lines say."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from dsl import syntax as s
from dsl.cases import case_names
from dsl.cells import Grid, Place, read_grid, value_cell
from dsl.cells import Reader as CellReader
from dsl.diagnostics import Label
from dsl.lines import Block, Line
from dsl.source import Span
from dsl.statements import PolicyLine


class Reader(CellReader, Protocol):
    """What reads one line as a rule of the grammar; None where it was faulty. ``lost`` notes names of faulty lines."""

    def line(self, rule: str, line: Line) -> Any: ...

    def lose(self, line: Line, *, every: bool = False) -> None: ...


def read_block(reader: Reader, block: Block) -> Any:
    """The statement (or the policy line with its description), or None. Every line is read, whatever the head is."""
    head = reader.line("statement", block.head) if block.known else None
    if head is None:
        reader.lose(block.head)
    fill = _FILLS.get(block.word, _nothing)
    body, description = _description(reader, block)
    node = fill(reader, head, body, block)
    if node is None or isinstance(node, PolicyLine):
        return node if not description or node is None else replace(node, description=description)
    changes: dict[str, Any] = {"span": _whole(reader, block)}
    if description:
        if getattr(node, "description", None) == "":
            changes["description"] = description
        else:
            span = Span(reader.source, block.body[0].start, block.body[0].end)
            reader.diagnostics.error("E016", "text means nothing here", span, help="delete it")
    return replace(node, **changes)


def _whole(reader: Reader, block: Block) -> Span:
    last = block.body[-1] if block.body else block.head
    return Span(reader.source, block.head.start, last.end)


def _description(reader: Reader, block: Block) -> tuple[list[Line], str]:
    """Lines of a block that are only text, before all others, are the statement's description."""
    texts = []
    body = list(block.body)
    while body and not body[0].row and reader.source.text[body[0].start] == '"':
        line = body.pop(0)
        node = reader.text("value", line.start, line.end)
        if isinstance(node, s.Text):
            texts.append(node.value)
    return body, " ".join(texts)


# -- what each kind of block holds ------------------------------------------------------------


def _nothing(reader: Reader, head: Any, body: Sequence[Line], block: Block) -> Any:
    for line in body[:1] if block.word else ():
        message = f"`{block.word}` has no lines of its own"
        help = "a line may break only inside parentheses; a new statement starts in column one"
        reader.diagnostics.error("E011", message, Span(reader.source, line.start, line.end), help=help)
    return head


def _filled(reader: Reader, block: Block, what: str) -> None:
    span = Span(reader.source, block.head.start, block.head.end)
    reader.diagnostics.error("E013", f"this `{block.word}` is empty", span, help=f"indent its {what} below it")


def _siblings(reader: Reader, body: Sequence[Line]) -> None:
    """Report lines that are not indented as the first of their block; they are read all the same."""
    first = body[0] if body else None
    for line in body:
        if first is None or line.indent == first.indent or line.row or line.broken:
            continue
        span = Span(reader.source, line.start - len(line.indent), line.start)
        begin = Span(reader.source, first.start - len(first.indent), first.start)
        origin = Label(begin, "its siblings are indented like this")
        if line.indent.expandtabs(8) == first.indent.expandtabs(8) or "\t" in line.indent + first.indent:
            message, help = "tabs and spaces are mixed in this block's indentation", "use spaces throughout"
        elif len(line.indent) > len(first.indent):
            message = f"this line is indented by {len(line.indent)}, its siblings by {len(first.indent)}"
            help = f"indent it by {len(first.indent)}"
            if not reader.source.text[line.start].isalpha():
                help = "to break a line, put parentheses around the value: `(` before it and `)` at its end"
        else:
            message = f"this line is indented by {len(line.indent)}, its siblings by {len(first.indent)}"
            help = f"indent it by {len(first.indent)}"
        reader.diagnostics.error("E011", message, Label(span), origin, help=help)
        if len(line.indent) > len(first.indent):
            line.broken = True


def _lines(reader: Reader, rule: str, body: Sequence[Line]) -> list[Any]:
    """Each line on its own, so that one fault doesn't hide the next."""
    _siblings(reader, body)
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


def _entity(reader: Reader, head: s.Entity | None, body: Sequence[Line], block: Block) -> s.Entity | None:
    members = tuple(_lines(reader, "member", body))
    if head is None:
        return None
    if not body and head.groups is None:
        _filled(reader, block, "columns and formulas")
    return replace(head, members=members)


def _param(reader: Reader, head: s.Param | None, body: Sequence[Line], block: Block) -> s.Param | None:
    dated = tuple(_lines(reader, "dated", body))
    if head is None:
        return None
    if dated and head.default is not None:
        message = f"the param `{head.name.text}` has a value and dated values"
        help = "write the first as a dated one, from the day it began"
        reader.diagnostics.error("E012", message, head.default.span, dated[0].span, help=help)
    elif not body and head.default is None:
        message = f"the param `{head.name.text}` has no value"
        help = "write `= 60%` after its type, or `:` and lines such as `from 2026-01-01 = 60%`"
        reader.diagnostics.error("E012", message, head.span, help=help)
    elif dated and not head.span.text.endswith(":"):
        message = "`:` is missing at the end of this line"
        reader.diagnostics.error("E012", message, _end(head.span), help="write `:` after it")
    return replace(head, dated=dated)


def _end(span: Span) -> Span:
    return Span(span.source, max(span.start, span.end - 1), span.end)


def _rows(reader: Reader, head: Any, body: Sequence[Line], block: Block, place: Place, needed: int = 2) -> Grid:
    grid = read_grid(reader, body, place)
    if body and not grid.headers:
        reader.lose(block.head)
        if place == "tiers":
            reader.lose(body[0], every=True)
    if head is None:
        pass  # a faulty head may have meant something without rows
    elif not body:
        reader.lose(block.head)
        _filled(reader, block, "header and rows" if needed > 1 else "header")
    elif len(body) < needed:
        reader.lose(block.head)
        span = Span(reader.source, block.head.start, block.head.end)
        message = f"this `{block.word}` has a header and no rows"
        reader.diagnostics.error("E013", message, span, help="add a pipe row below its header")
    return grid


def _table(reader: Reader, head: s.Table | None, body: Sequence[Line], block: Block) -> s.Table | None:
    file = head.file if head else None
    grid = _rows(reader, head, body, block, "table", 1 if file else 2)
    if head is None:
        return None
    if file and grid.rows:
        message = f"the table `{head.name.text}` has rows here and reads rows from a file"
        help = "keep only the header here"
        reader.diagnostics.error("E016", message, grid.rows[0].span, file.span, help=help)
    return replace(head, headers=grid.headers, rows=grid.rows)


def _curve(reader: Reader, head: s.Curve | None, body: Sequence[Line], block: Block) -> s.Curve | None:
    if head is not None and head.formula is not None:
        return _nothing(reader, head, body, block)  # type: ignore[no-any-return]
    grid = _rows(reader, head, body, block, "curve")
    return replace(head, headers=grid.headers, rows=grid.rows) if head else None


def _tiers(reader: Reader, head: s.Tiers | None, body: Sequence[Line], block: Block) -> s.Tiers | None:
    grid = _rows(reader, head, body, block, "tiers")
    return replace(head, headers=grid.headers, rows=grid.rows) if head else None


def _becomes(reader: Reader, head: Any, body: Sequence[Line], block: Block) -> Any:
    lines = tuple(_lines(reader, "becomes", body))
    if not body:
        _filled(reader, block, "lines, such as `market.mark becomes mark * 70%`,")
    return replace(head, lines=lines) if head else None


def _grid(reader: Reader, head: s.Grid | None, body: Sequence[Line], block: Block) -> s.Grid | None:
    rows = [line for line in body if line.row]
    lines = _lines(reader, "grid_line", [line for line in body if not line.row])
    grid = read_grid(reader, rows, "grid") if rows else Grid((), ())
    if not body:
        _filled(reader, block, "moves")
    if head is None:
        return None
    axes = tuple(x for x in lines if isinstance(x, s.Axis))
    becomes = tuple(x for x in lines if isinstance(x, s.Becomes))
    return replace(head, axes=axes, headers=grid.headers, rows=grid.rows, lines=becomes)


def _test(reader: Reader, head: s.Test | None, body: Sequence[Line], block: Block) -> s.Test | None:
    given: list[s.Given] = []
    expect: list[s.Expect] = []
    cases: s.Cases | None = None
    at = 0
    siblings = [line for line in body if not line.row]
    while at < len(body):
        line = body[at]
        at += 1
        rows = []
        while at < len(body) and (body[at].row or _pasted(reader, line, body[at])):
            if body[at] in siblings:
                siblings.remove(body[at])
            rows.append(body[at])
            at += 1
        node = None if line.row else reader.line("test_line", line)
        if isinstance(node, s.Given) and node.as_of is None:
            grid = read_grid(reader, rows, "given")
            span = Span(reader.source, line.start, (rows or [line])[-1].end)
            given.append(replace(node, headers=grid.headers, rows=grid.rows, span=span))
            if not rows:
                message = f"`given {node.entity.text}` has no rows"
                reader.diagnostics.error("E013", message, node.span, help="indent its header and rows below it")
            continue
        if isinstance(node, s.Cases):
            cases = _cases(reader, node, rows, cases)
            continue
        if node is None and not line.row and reader.source.text[line.start :].lower().startswith("each"):
            cases = cases or s.Cases((), (), Span(reader.source, line.start, line.end))  # faulty, but meant
        stray = [line, *rows] if line.row else rows
        if line.row or (rows and node is not None):
            span = Span(reader.source, stray[0].start, stray[0].end)
            reader.diagnostics.error(
                "E016", "a pipe row can't stand here", span, help="rows belong below `given` or `each`"
            )
        if isinstance(node, s.Given):
            given.append(node)
        elif node is not None:
            expect.append(node)
    _siblings(reader, siblings)
    if head and not any(not x.row and reader.source.text.startswith("expect", x.start) for x in body):
        message = "this `test` expects nothing"
        help = "add a line such as `expect account a1: tier = trim`"
        reader.diagnostics.error("E013", message, head.span, help=help)
    if cases is not None:
        cases = _compared(reader, cases, expect)
    return replace(head, given=tuple(given), expect=tuple(expect), cases=cases) if head else None


def _cases(reader: Reader, node: s.Cases, rows: Sequence[Line], before: s.Cases | None) -> s.Cases:
    if before is not None:
        help = "put all cases below one `each`"
        reader.diagnostics.error("E801", "this test has `each` twice", node.span, before.span, help=help)
    elif len(rows) < 2:
        help = "indent a header and a row for each case below it"
        reader.diagnostics.error("E013", "`each` has no rows", node.span, help=help)
    grid = read_grid(reader, rows, "given")
    return before or replace(node, headers=grid.headers, rows=grid.rows)


def _compared(reader: Reader, cases: s.Cases, expect: Sequence[s.Expect]) -> s.Cases:
    """Cells that an expectation reads are expressions; the others are text, as in given rows."""
    read = case_names([e.expectations for e in expect])
    rows = []
    for row in cases.rows:
        cells = [
            (value_cell(reader, cell.span, header) or s.Faulty(cell.span)) if header.name.text in read else cell
            for cell, header in zip(row.cells, cases.headers, strict=True)
        ]
        rows.append(replace(row, cells=tuple(cells)))
    return replace(cases, rows=tuple(rows))


def _pasted(reader: Reader, head: Line, line: Line) -> bool:
    """Whether a line without a pipe at its start is meant as a row of the ``given`` or ``each`` above it."""
    text = reader.source.text
    word = text[line.start : line.end].split(None, 1)[0]
    rows = text.startswith(("given", "each"), head.start)
    deeper = len(line.indent.expandtabs(8)) > len(head.indent.expandtabs(8))
    return rows and word not in ("given", "expect", "each") and deeper


_FILLS: dict[str, Callable[[Reader, Any, Sequence[Line], Block], Any]] = {
    "policy": _nothing,
    "entity": _entity,
    "param": _param,
    "table": _table,
    "curve": _curve,
    "tiers": _tiers,
    "effect": _becomes,
    "scenario": _becomes,
    "grid": _grid,
    "test": _test,
}
