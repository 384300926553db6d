"""A block of `test`: rows given, cases, and what is expected."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dsl import syntax as s
from dsl.block_lines import Reader, siblings
from dsl.cases import case_names
from dsl.cells import read_grid, value_cell
from dsl.lines import Block, Line
from dsl.source import Span


def read_test(reader: Reader, head: s.Test | None, body: Sequence[Line], block: Block) -> s.Test | None:
    given: list[s.Given] = []
    expect: list[s.Expect] = []
    cases: s.Cases | None = None
    parts = list(_parts(reader, body))
    for line, rows in parts:
        node = None if line.row else reader.line("test_line", line)
        if isinstance(node, s.Given) and node.as_of is None:
            given.append(_given(reader, node, line, rows))
            continue
        if isinstance(node, s.Cases):
            cases = _cases(reader, node, rows, cases)
            continue
        if node is None and not line.row and reader.source.text[line.start :].lower().startswith("each"):
            cases = cases or s.Cases((), (), Span(reader.source, line.start, line.end))  # faulty, but meant
        if line.row or (rows and node is not None):
            stray = line if line.row else rows[0]
            span = Span(reader.source, stray.start, stray.end)
            message, help = "a pipe row can't stand here", "rows belong below `given` or `each`"
            reader.diagnostics.error("E016", message, span, help=help)
        if isinstance(node, s.Given):
            given.append(node)
        elif node is not None:
            expect.append(node)
    siblings(reader, [line for line, _ in parts if not line.row])
    if head and not any(not x.row and reader.source.text.startswith("expect", x.start) for x in body):
        message = "this `test` expects nothing"
        help = "add a line such as `expect account a1: tier = trim`"
        reader.diagnostics.error("E013", message, head.span, help=help)
    if cases is not None:
        cases = _compared(reader, cases, expect)
    return replace(head, given=tuple(given), expect=tuple(expect), cases=cases) if head else None


def _parts(reader: Reader, body: Sequence[Line]) -> Iterator[tuple[Line, list[Line]]]:
    """Each line with the rows below it; rows that no line stands above go with the first of them."""
    at = 0
    while at < len(body):
        line, rows = body[at], list[Line]()
        at += 1
        while at < len(body) and (body[at].row or _pasted(reader, line, body[at])):
            rows.append(body[at])
            at += 1
        yield line, rows


def _given(reader: Reader, node: s.Given, line: Line, rows: Sequence[Line]) -> s.Given:
    if not rows:
        message = f"`given {node.entity.text}` has no rows"
        reader.diagnostics.error("E013", message, node.span, help="indent its header and rows below it")
    grid = read_grid(reader, rows, "given")
    span = Span(reader.source, line.start, (rows or [line])[-1].end)
    return replace(node, headers=grid.headers, rows=grid.rows, span=span)


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
