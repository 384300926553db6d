"""The cases of a test: for each row below `each` the test as it would stand with that row's cells in place."""

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from dsl import syntax
from dsl.diagnostics import Diagnostics, Label
from dsl.near import did_you_mean, listed
from dsl.records import dataclass
from dsl.source import NOWHERE, Span

EACH = "each"
NAME = "name"
T = TypeVar("T")
_CELL = re.compile(rf"{EACH}\.(\w+)")


@dataclass(frozen=True, slots=True)
class Case:
    """A test with a row's cells in place. ``name`` is empty, and ``span`` nowhere, for a test without such rows."""

    test: syntax.Test
    name: str = ""
    span: Span = NOWHERE


def cases_of(report: Diagnostics, test: syntax.Test) -> list[Case]:
    """A test's cases in the order of their rows; of a test without `each` itself, and of one with faulty rows none."""
    cases = test.cases
    if cases is None:
        if _stray(report, test):
            return []
        return [Case(test)]
    columns = [h.name.text for h in cases.headers]
    names = [_name(columns, row) for row in cases.rows]
    if not _sound(report, cases, columns, names):
        return []
    used: set[str] = set()
    found = [
        Case(_placed(report, test, dict(zip(columns, row.cells, strict=True)), used), name, row.span)
        for row, name in zip(cases.rows, names, strict=True)
    ]
    for header in cases.headers if used <= set(columns) else ():
        if header.name.text not in (*used, NAME):
            message = f"nothing in this test reads `{EACH}.{header.name.text}`"
            help = f"write `{EACH}.{header.name.text}` in a given row or an expectation, or remove the column"
            report.warn("W800", message, header.span, help=help)
    return found


def case_names(node: Any) -> set[str]:
    """The columns of `each` that the expressions in a part of the tree read."""
    found: set[str] = set()

    def note(path: Any) -> Any:
        if isinstance(path, syntax.Path) and path.parts[0].text == EACH and len(path.parts) > 1:
            found.add(path.parts[1].text)
        return path

    _changed(node, note)
    return found


def _stray(report: Diagnostics, test: syntax.Test) -> bool:
    """Whether a given row reads a case in a test that has none; reported."""
    cells = [c for g in test.given for row in g.rows for c in row.cells]
    stray = [c.span for c in (*cells, *(e.key for e in test.expect)) if _CELL.fullmatch(c.span.text)]
    for span in stray:
        help = "add `each` with a header and a row for each case; quoted it is a text as it stands"
        report.error("E800", f"this test has no `{EACH}` rows for `{span.text}`", span, help=help)
    return bool(stray)


def _name(columns: list[str], row: syntax.Row) -> str:
    """A case's name: its cell under `name`, else all its cells."""
    texts = [_text(cell) for cell in row.cells]
    if NAME in columns:
        return texts[columns.index(NAME)]
    return ", ".join(f"{c} = {t}" for c, t in zip(columns, texts, strict=True))


def _text(cell: syntax.Cell) -> str:
    if isinstance(cell, syntax.Word):
        return cell.text
    text = cell.span.text
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _sound(report: Diagnostics, cases: syntax.Cases, columns: list[str], names: list[str]) -> bool:
    """Whether columns and cases can be told apart, and every cell could be read."""
    sound = bool(columns) and not any(isinstance(c, syntax.Faulty) for row in cases.rows for c in row.cells)
    for i, header in enumerate(cases.headers):
        if columns[i] in columns[:i]:
            first = cases.headers[columns.index(columns[i])].span
            help = "rename or remove one of the columns"
            report.error("E801", f"`{columns[i]}` is a column of `each` twice", header.span, first, help=help)
            sound = False
    for i, row in enumerate(cases.rows):
        if names[i] in names[:i] or not names[i]:
            labels = [Label(row.span, "again")] if names[i] else [Label(row.span)]
            labels += [Label(cases.rows[names.index(names[i])].span, "first here")] if names[i] in names[:i] else []
            message = f"two cases are called `{names[i]}`" if names[i] else "this case has no name"
            report.error("E802", message, *labels, help="each case needs a name of its own")
            sound = False
    return sound


def _placed(report: Diagnostics, test: syntax.Test, cells: dict[str, syntax.Cell], used: set[str]) -> syntax.Test:
    """The test with `each.x` replaced: in given rows and keys by the cell's text, in expectations by what it says."""

    def cell(name: str, span: Span) -> syntax.Cell | None:
        used.add(name)
        if name not in cells:
            help = did_you_mean(name, cells) or f"it has {listed(cells)}"
            report.error("E800", f"`each` has no column `{name}`", span, help=help)
        return cells.get(name)

    def word(part: Any) -> Any:
        if isinstance(part, syntax.Word) and (found := _CELL.fullmatch(part.span.text)):
            value = cell(found[1], part.span)
            return syntax.Faulty(part.span) if value is None else syntax.Word(_text(value), value.span)
        return part

    def path(part: Any) -> Any:
        if isinstance(part, syntax.Path) and part.parts[0].text == EACH and len(part.parts) > 1:
            value = cell(part.parts[1].text, part.span)
            return syntax.Faulty(part.span) if value is None else value
        return part

    given = tuple(replace(g, rows=_changed(g.rows, word)) for g in test.given)
    expect = tuple(
        replace(e, key=_key(word(e.key), e.key), expectations=_changed(e.expectations, path)) for e in test.expect
    )
    return replace(test, given=given, expect=expect)


def _key(made: Any, before: syntax.Word) -> syntax.Word:
    return made if isinstance(made, syntax.Word) else before


def _changed(item: T, change: Callable[[Any], Any]) -> T:
    """A part of the tree with every part in it changed, from the inside out."""
    if isinstance(item, tuple | list):
        return cast(T, tuple(_changed(part, change) for part in item))
    if not is_dataclass(item) or isinstance(item, type | Span):
        return item
    new = {f.name: _changed(getattr(item, f.name), change) for f in fields(item) if f.name != "span"}
    return cast(T, change(replace(item, **new)))
