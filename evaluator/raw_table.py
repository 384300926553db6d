"""One entity's table as it is read: its columns found, its keys checked, its cells as the file has them."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from dsl.model import DATE, Entity, Input, Kind, Type
from dsl.near import nearest
from dsl.records import dataclass
from evaluator.arrays import Array, Mask, Values, column_of, mask_of, values_of
from evaluator.arrays import compute as pc
from evaluator.arrow_file import ArrowFile
from evaluator.cells import accepts, blanks, cell_text, exact_cells, is_duration, many_digits, names
from evaluator.files import TableFile
from evaluator.layout import TEXT_FILES
from evaluator.problems import EXAMPLES, Problem, quoted
from evaluator.texts import rise

_KEY = Type(Kind.LINK)
_FEW = 10_000  # keys that are compared one by one sooner than Arrow's functions are loaded


@dataclass(frozen=True, slots=True)
class RawTable:
    """An entity's columns as read, by the policy's names; ``names`` are the file's. ``keys``: texts or whole numbers;
    None for ``once``."""

    file: TableFile
    names: Mapping[str, str]
    arrays: Mapping[str, Array]
    keys: Array | None
    rows: int

    def long(self, column: str) -> bool:
        """Whether some cell has more digits than a float64 tells apart."""
        if column not in self.names or not self.file.long:
            return False
        read = self.arrays[column].type
        if not self.file.name.endswith(TEXT_FILES) and (pa.types.is_floating(read) or pa.types.is_integer(read)):
            return False
        return many_digits(self.file.faithful(self.names[column]))

    def exact(self, column: str, rows: Values) -> list[Fraction]:
        return exact_cells(self.file.faithful(self.names[column]).take(column_of(rows)))

    def places(self, rows: Sequence[int]) -> list[str]:
        """``line 12`` of a text file, ``row 11`` of another; the rows rise."""
        word = "line" if self.file.name.endswith(TEXT_FILES) else "row"
        return [f"{word} {line}" for line in self.file.lines(rows)]

    def problem(self, message: str, column: str, mask: Mask, help: str, texts: Array | None = None) -> Problem:
        """A fault of some rows, the first ten with their place and, where given, their text."""
        rows = np.flatnonzero(mask)
        first = rows[:EXAMPLES].tolist()
        places = self.places(first)
        shown = [p if texts is None else f"`{texts[r].as_py()}` in {p}" for p, r in zip(places, first, strict=True)]
        line = int(places[0].split()[1])
        return Problem(message, self.file.name, line, self.names[column], help, len(rows), tuple(shown))


@dataclass(frozen=True, slots=True)
class AsWritten:
    """A table's cells as its file writes them. It keeps nothing of what was read."""

    file: TableFile
    names: Mapping[str, str]

    def __call__(self, column: str, row: int) -> str:
        if column not in self.names:  # an optional column that was left out
            return ""
        return cell_text(self.file.faithful(self.names[column]), row)


def read_raw(entity: Entity, file: TableFile, renamed: Mapping[str, str], problems: list[Problem]) -> RawTable | None:
    """The columns that the policy reads; None, with the problems, where some aren't there or hold something else."""
    types: dict[str, Type] = {} if entity.once else {entity.name: _KEY}
    for input in entity.given.values():
        types[input.name] = input.type
        at = f"{input.name}_at"
        if input.fresh is not None and renamed.get(at, at) in file.header:
            types[at] = DATE
        elif input.fresh is not None and at in renamed:
            problems.append(_no_column(file, at, renamed[at], list(file.header)))
    found = {column: renamed.get(column, column) for column in types}
    absent = [column for column, name in found.items() if name not in file.header]
    separator = next((s for s in (";", "\t", "|") if len(file.header) == 1 and s in file.header[0]), None)
    if absent and separator:
        what = "tabs" if separator == "\t" else f"`{separator}`"
        problems.append(Problem(f"the columns are separated by {what}", file.name, 1, help="save it with commas"))
        return None
    unused = [name for name in file.header if name not in found.values()]
    left_out = [c for c in absent if _may_be_left_out(entity, c, renamed, unused)] if len(absent) < len(found) else []
    problems += [_no_column(file, c, found[c], unused, entity.given.get(c)) for c in absent if c not in left_out]
    if set(absent) - set(left_out):
        return None
    for column in left_out:
        del found[column]
    wanted: dict[str, bool] = {}
    for column, name in found.items():
        number = types[column].kind is Kind.NUMBER and not is_duration(types[column])
        wanted[name] = number and wanted.get(name, True)
    read = file.read(wanted, _links(entity, found, types)) if isinstance(file, ArrowFile) else file.read(wanted)
    arrays = {column: read[name] for column, name in found.items()}
    rows = len(next(iter(arrays.values())))
    arrays |= {column: pa.chunked_array([pa.nulls(rows, pa.string())]) for column in left_out}
    wrong = [c for c, array in arrays.items() if not accepts(types[c].kind, types[c], _stored(array))]
    problems += [_wrong_type(file, found[c], types[c], arrays[c].type) for c in wrong]
    if wrong:
        return None
    keys = None if entity.once else arrays[entity.name]
    if keys is not None and not pa.types.is_integer(keys.type):
        keys = names(keys)
    raw = RawTable(file, found, arrays, keys, rows)
    _check_rows(entity, raw, problems)
    return raw


def _links(entity: Entity, found: Mapping[str, str], types: Mapping[str, Type]) -> frozenset[str]:
    """The file's columns that are read as links, and as nothing else."""
    links = {c for c in found if types[c].kind is Kind.LINK and c != entity.name}
    return frozenset(found[c] for c in links) - {name for c, name in found.items() if c not in links}


def _stored(array: Array) -> Any:
    """The type of a column's cells."""
    return array.type.value_type if pa.types.is_dictionary(array.type) else array.type


def _may_be_left_out(entity: Entity, column: str, renamed: Mapping[str, str], unused: list[str]) -> bool:
    """Whether an optional column is simply not kept by this venue: nothing in the file looks like it, mistyped."""
    input = entity.given.get(column)
    return input is not None and input.optional and column not in renamed and nearest(column, unused) is None


def _no_column(file: TableFile, column: str, name: str, unused: list[str], input: Input | None = None) -> Problem:
    near = nearest(name, unused) or nearest(column, unused)
    help = f"the header has {quoted(file.header)}"
    if near == column:
        help = f"`{column}` is there: leave its renaming out of snapshot.toml"
    elif near:
        help = f'did you mean `{near}`? rename it, or map it in snapshot.toml: columns = {{ {column} = "{near}" }}'
    elif input is not None and input.optional:
        help = "leave its renaming out of snapshot.toml if the file has no such column"
    return Problem(f"no column `{name}`" + (f" (for `{column}`)" if name != column else ""), file.name, help=help)


def _wrong_type(file: TableFile, name: str, type: Type, stored: Any) -> Problem:
    t = pa.types
    kinds = (
        (t.is_nested, "lists or structures"), (t.is_floating, "floating-point numbers"),
        (t.is_integer, "whole numbers"),
        (t.is_decimal, "decimals"), (t.is_boolean, "flags"), (t.is_timestamp, "instants"), (t.is_date, "dates"),
        (t.is_duration, "durations"), (t.is_time, "times of day"),
    )  # fmt: skip
    holds = next((words for test, words in kinds if test(stored)), "bytes")
    needed = {
        Kind.NUMBER: "numbers", Kind.DATE: "dates or instants", Kind.FLAG: "flags (yes, no)", Kind.TEXT: "text",
        Kind.ENUM: "text", Kind.LINK: "keys, as text or whole numbers",
    }[type.kind]  # fmt: skip
    return Problem(f"the column holds {holds}, not {needed}", file.name, None, name, "write it with another type")


def _check_rows(entity: Entity, raw: RawTable, problems: list[Problem]) -> None:
    """One row for ``once``; else keys that are there, each once."""
    if raw.keys is None:
        if raw.rows != 1:
            message = f"`{entity.name}` has exactly one row, and this table has {raw.rows:,}"
            problems.append(Problem(message, raw.file.name, help="leave one row below the header"))
        return
    blank = blanks(raw.keys)
    if blank is not None:
        message = f"{row_count(blank)} without a key"
        problems.append(raw.problem(message, entity.name, blank, "each row needs a key of its own"))
    if not _once(raw.keys if blank is None else raw.keys.filter(mask_of(~blank))):
        problems += _duplicates(entity, raw, np.zeros(raw.rows, dtype=np.bool_) if blank is None else blank)


def _once(keys: Array) -> bool:
    """Whether no key stands there twice. Keys that rise need no search."""
    if len(keys) <= _FEW:
        return len(set(keys.to_pylist())) == len(keys)
    if pa.types.is_signed_integer(keys.type):
        numbers = values_of(keys)
        if rise(numbers):
            return True
        first, last = int(numbers.min()), int(numbers.max())
        if last - first < 8 * len(numbers):  # a flag for each whole number that may be a key
            seen = np.zeros(last - first + 1, dtype=np.bool_)
            seen[np.subtract(numbers, first, dtype=np.int64)] = True
            return int(np.count_nonzero(seen)) == len(numbers)
    elif pc.all(pc.less(keys[:-1], keys[1:])).as_py():
        return True
    return len(pc.unique(keys)) == len(keys)


def row_count(mask: Mask) -> str:
    count = int(np.count_nonzero(mask))
    return "1 row" if count == 1 else f"{count:,} rows"


def _duplicates(entity: Entity, raw: RawTable, blank: Mask) -> list[Problem]:
    assert raw.keys is not None
    keys = pc.fill_null(names(raw.keys), "").to_pylist()
    rows: dict[str, list[int]] = {}
    for row in np.flatnonzero(~blank).tolist():
        rows.setdefault(keys[row], []).append(row)
    twice = {key: where for key, where in rows.items() if len(where) > 1}
    if not twice:
        return []
    shown = {key: where[:5] for key, where in list(twice.items())[:EXAMPLES]}
    wanted = sorted({row for where in shown.values() for row in where})
    place = dict(zip(wanted, raw.places(wanted), strict=True))
    word = place[wanted[0]].split()[0]
    examples = tuple(
        f"`{key}` in {word}s {_listed([place[r].split()[1] for r in where], len(twice[key]))}"
        for key, where in shown.items()
    )
    message = "1 key stands in several rows" if len(twice) == 1 else f"{len(twice):,} keys stand in several rows"
    first = int(place[wanted[0]].split()[1])
    help = "each row needs a key of its own: remove or rename the others"
    return [Problem(message, raw.file.name, first, raw.names[entity.name], help, len(twice), examples)]


def _listed(lines: list[str], count: int) -> str:
    if count > len(lines):
        return ", ".join(lines) + f" and {count - len(lines):,} more"
    return ", ".join(lines[:-1]) + " and " + lines[-1]
