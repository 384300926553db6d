"""Single values of a column as plain Python, for summaries, messages and files."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from dsl.model import Kind, Type, Value
from evaluator.book import Book
from evaluator.literals import iso

Plain = float | str | bool | None


def key_of(book: Book, entity: str, row: int) -> str:
    """A row's key; a one-row entity has none and is called by its name."""
    keys = book.tables[entity].keys
    return str(keys[row]) if row < len(keys) else entity


def constant(value: Value, type_: Type) -> Plain:
    """A value as a float (durations in seconds), ISO text (dates), label, text or flag; infinite is the float."""
    if isinstance(value, bool | str):
        return value
    return iso(Fraction(value)) if type_.kind is Kind.DATE else float(value)


def jsonable(value: Any) -> Any:
    """The same with infinite floats as text, all the way down: JSON has no word for them."""
    match value:
        case float():
            return value if abs(value) != float("inf") else "infinite" if value > 0 else "-infinite"
        case dict():
            return {k: jsonable(v) for k, v in value.items()}
        case list() | tuple():
            return [jsonable(v) for v in value]
        case _:
            return value


def moment_of(seconds: Fraction) -> datetime:
    """The instant that many seconds after 1970, UTC, to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(seconds * 1_000_000))
