"""Policies as text over small books in memory, evaluated, for tests of the compiled evaluator."""

from collections.abc import Mapping, Sequence
from typing import Any

from dsl.causes import Cause
from dsl.check import check
from dsl.diagnostics import Diagnostics
from dsl.model import Kind, Policy
from dsl.params import resolve_params
from dsl.parse import parse
from dsl.source import Source
from evaluator.book import Book
from evaluator.columns import KNOWN, Column, Origin
from evaluator.evaluation import Evaluation
from evaluator.run import evaluate
from evaluator.snapshot import book_of

Tables = Mapping[str, Mapping[str, Any]]

ROWS = """policy "rows"
unit USD
entity group:
  weight : number
entity row:
  group : group
  x : number
  y : number
  z : number?
  a : flag
  b : flag
  name : text
  grade : one of A, B, C
  since : date
"""
FILLED = {"x": "0", "y": "0", "z": "", "a": "yes", "b": "no", "name": "n", "grade": "A", "since": "2026-01-01"}


def checked(text: str) -> Policy:
    """The policy of a text, which must compile."""
    report = Diagnostics()
    policy = check(parse(Source("test.policy", text), report), report)
    assert policy is not None and not report.failed, [d.message for d in report.found]
    return policy


def compiled(text: str, tables: Tables, as_of: str | None = "2026-06-30T00:00:00Z") -> tuple[Policy, Book]:
    policy = checked(text)
    return policy, book_of(policy, tables, as_of=as_of)


def evaluated(text: str, tables: Tables, as_of: str | None = "2026-06-30T00:00:00Z", **options: Any) -> Evaluation:
    policy, book = compiled(text, tables, as_of)
    return evaluate(policy, book, resolve_params(policy), **options)


def row_tables(rows: Sequence[Mapping[str, str]], weights: Sequence[str] = ("1",)) -> dict[str, dict[str, list[str]]]:
    """Rows of the entity ``row`` (see ROWS; what a row leaves out is FILLED) that all link to group g0 unless said."""
    columns = {name: [row.get(name, FILLED[name]) for row in rows] for name in FILLED}
    columns["group"] = [row.get("group", "g0") for row in rows]
    columns["row"] = [f"r{i}" for i in range(len(rows))]
    return {"group": {"group": [f"g{i}" for i in range(len(weights))], "weight": list(weights)}, "row": columns}


def column_of(evaluation: Evaluation, entity: str, name: str) -> list[Any]:
    """A column as plain values; an unknown as its Origin."""
    column, type_ = evaluation.column(entity, name), evaluation.policy.type_of(entity, name)
    return [_plain(column, row, type_.kind, type_.labels) for row in range(len(column.values))]


def _plain(column: Column, row: int, kind: Kind, labels: Sequence[str]) -> Any:
    if column.quality is not None and column.quality[row] != KNOWN:
        assert not column.values[row], "beside an unknown's code stands nothing"
        return Origin.of(int(column.quality[row]))
    value = column.values[row].item()
    return labels[value] if kind is Kind.ENUM else value


def values_of(expression: str, *rows: Mapping[str, str], more: str = "", **options: Any) -> list[Any]:
    """The expression at each of some rows of the entity ``row``; ``more``: further statements."""
    text = f"{ROWS}  v = {expression}\n{more}"
    return column_of(evaluated(text, row_tables(rows), **options), "row", "v")


def value_of(expression: str, more: str = "", **row: str) -> Any:
    """The expression at one row: a plain value, or the cause of its being unknown."""
    (found,) = values_of(expression, row, more=more)
    return found.cause if isinstance(found, Origin) else found


def origin(cause: Cause, entity: int, column: int = 0, row: int = 0) -> Origin:
    return Origin(cause, entity, column, row)
