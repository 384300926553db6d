"""Blocks as nodes: a head, read as one line, filled with what its indented lines say."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dsl import syntax as s
from dsl.block_lines import Reader, lines, report_empty
from dsl.block_tests import read_test
from dsl.cells import Grid, Place, read_grid
from dsl.lines import Block, Line
from dsl.source import Span
from dsl.statements import PolicyLine


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


def _entity(reader: Reader, head: s.Entity | None, body: Sequence[Line], block: Block) -> s.Entity | None:
    members = tuple(lines(reader, "member", body))
    if head is None:
        return None
    if not body and head.groups is None:
        report_empty(reader, block, "columns and formulas")
    return replace(head, members=members)


def _param(reader: Reader, head: s.Param | None, body: Sequence[Line], block: Block) -> s.Param | None:
    dated = tuple(lines(reader, "dated", body))
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
        report_empty(reader, block, "header and rows" if needed > 1 else "header")
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
    becomes = tuple(lines(reader, "becomes", body))
    if not body:
        report_empty(reader, block, "lines, such as `market.mark becomes mark * 70%`,")
    return replace(head, lines=becomes) if head else None


def _grid(reader: Reader, head: s.Grid | None, body: Sequence[Line], block: Block) -> s.Grid | None:
    rows = [line for line in body if line.row]
    found = lines(reader, "grid_line", [line for line in body if not line.row])
    grid = read_grid(reader, rows, "grid") if rows else Grid((), ())
    if not body:
        report_empty(reader, block, "moves")
    if head is None:
        return None
    axes = tuple(x for x in found if isinstance(x, s.Axis))
    becomes = tuple(x for x in found if isinstance(x, s.Becomes))
    return replace(head, axes=axes, headers=grid.headers, rows=grid.rows, lines=becomes)


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
    "test": read_test,
}
