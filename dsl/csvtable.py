"""The rows of ``table ... from "file.csv"``: columns are found by their names, cells are read as in a pipe row."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO

from dsl import syntax as s
from dsl.cells import Cells, column_kinds, count_cells, read_row
from dsl.diagnostics import Diagnostics, Label
from dsl.near import nearest
from dsl.parse import LineReader, engine
from dsl.records import dataclass
from dsl.source import Source, Span

EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the file: the number of its line (from 1), its text's run, and each cell's."""

    number: int
    start: int
    end: int
    cells: list[tuple[int, int]]

    def span(self, source: Source) -> Span:
        return Span(source, self.start, self.end)


def read_table(table: s.Table, source: Source, diagnostics: Diagnostics) -> tuple[s.Row, ...]:
    """The rows, with spans in ``source``, the file's text. Faults name the row; of many alike the first ten."""
    assert table.file is not None
    try:
        records = list(_records(source))
    except csv.Error as error:
        reason = "a quoted cell is never closed" if "unexpected end" in str(error) else str(error)
        message = f"`{source.name}` can't be read as CSV: {reason}"
        diagnostics.error("E055", message, table.file.span, help='quote cells with `"`, and write `""` inside them')
        return ()
    if len(records) < 2:
        what = "has a header and no rows" if records else "is empty"
        help = "its first row names the columns, the others are read"
        diagnostics.error("E054", f"`{source.name}` {what}", table.file.span, help=help)
        return ()
    header, *rows = records
    columns = _columns(table, source, header, diagnostics)
    if columns is None:
        return ()
    whole = [r for r in rows if len(r.cells) == len(header.cells)]
    if len(whole) < len(rows):
        _ragged(source, header, [r for r in rows if len(r.cells) != len(header.cells)], diagnostics)
    with engine().lock:
        return _read(table, source, columns, whole, diagnostics)


def _records(source: Source) -> Iterator[Record]:
    """Rows as the csv module reads them, with their places. Blank lines are no rows."""
    lines = list(StringIO(source.text, newline=""))
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line))
    reader = csv.reader(lines, strict=True)
    first = 0
    for values in reader:
        start, end, number = offsets[first], offsets[reader.line_num], first + 1
        first = reader.line_num
        if not values or not source.text[start:end].strip():
            continue
        end = start + len(source.text[start:end].rstrip("\r\n"))
        yield Record(number, start, end, _places(source.text, start, values))


def _places(text: str, start: int, values: list[str]) -> list[tuple[int, int]]:
    """Where each value stands, inside its quotes and without the blanks around it."""
    places = []
    at = start
    for value in values:
        quoted = text.startswith('"', at)
        left = at + quoted
        right = left + len(value) + (value.count('"') if quoted else 0)
        at = right + quoted + 1
        raw = text[left:right]
        left += len(raw) - len(raw.lstrip())
        places.append((left, max(left, right - (len(raw) - len(raw.rstrip())))))
    return places


def _columns(table: s.Table, source: Source, header: Record, diagnostics: Diagnostics) -> list[int] | None:
    """For each column of the table its place in the file."""
    assert table.file is not None
    names = [source.text[a:b] for a, b in header.cells]
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        place = header.span(source)
        message = f"the cells of `{source.name}` are not separated by commas"
        read = Label(table.file.span, "read here")
        diagnostics.error("E055", message, place, read, help="save it as CSV with commas")
        return None
    found = []
    for column in table.headers:
        name = column.file_column.value if column.file_column else column.name.text
        place = column.file_column.span if column.file_column else column.name.span
        count = names.count(name)
        if count == 1:
            found.append(names.index(name))
            continue
        here = Label(header.span(source), "its header")
        if count:
            message = f"`{source.name}` has {count} columns named `{name}`"
            diagnostics.error("E052", message, here, Label(place, "read here"), help="rename or delete all but one")
            continue
        near = nearest(name, names)
        if near:
            words = ("marginal" * column.marginal, "continuous" * column.continuous)
            here_it_is = " ".join(filter(None, (column.name.text, column.operator, *words)))
            help = f'write `{here_it_is} "{near}"` to read that column'
        else:
            help = f"its columns are {' '.join(f'`{n}`' for n in names[:EXAMPLES])}"
        diagnostics.error("E051", f"`{source.name}` has no column `{name}`", place, here, help=help)
    return found if len(found) == len(table.headers) else None


def _ragged(source: Source, header: Record, rows: list[Record], diagnostics: Diagnostics) -> None:
    first, width = rows[0], len(header.cells)
    message = f"row {first.number} of `{source.name}` has {count_cells(len(first.cells))}, its header has {width}"
    if len(rows) > 1:
        message += f"; {len(rows)} rows differ from it"
    labels = [Label(r.span(source), f"row {r.number}: {count_cells(len(r.cells))}") for r in rows[:EXAMPLES]]
    diagnostics.error("E053", message, *labels, help="give each row as many cells as the header")


def _read(
    table: s.Table, source: Source, columns: list[int], rows: list[Record], diagnostics: Diagnostics
) -> tuple[s.Row, ...]:
    kinds = column_kinds(table.headers, "table")
    reader = LineReader(source, diagnostics)
    quiet = LineReader(source, Diagnostics())
    found = []
    faulty: list[Record] = []
    for record in rows:
        cells = Cells([record.cells[i] for i in columns], record.start, record.end)
        chosen = reader if len(faulty) < EXAMPLES else quiet
        chosen.count = 0  # the limit is on a policy's text; a file's is its size
        before = len(chosen.diagnostics.found)
        row = _plain(read_row(chosen, cells, kinds, table.headers))
        if row is None or len(chosen.diagnostics.found) > before:
            faulty.append(record)
        else:
            found.append(row)
    if len(faulty) > EXAMPLES:
        message = f"{len(faulty)} rows of `{source.name}` are faulty; the first {EXAMPLES} are shown"
        place = faulty[EXAMPLES].span(source)
        diagnostics.error(
            "E055", message, Label(place, f"row {faulty[EXAMPLES].number}, the next"), help="mend the file"
        )
    return tuple(found)


def _plain(row: s.Row | None) -> s.Row | None:
    """The row with each doubled quote, as CSV writes one inside a cell, as the one that it is."""
    if row is None or not any(isinstance(c, s.Word) and '""' in c.text for c in row.cells):
        return row
    cells = (replace(c, text=c.text.replace('""', '"')) if isinstance(c, s.Word) else c for c in row.cells)
    return replace(row, cells=tuple(cells))
