"""The rows nearest to, or deepest in, trouble: ranked by the number that the tiers go by, each with its reason."""

from collections.abc import Iterator

import numpy as np

from cli.report import words
from cli.report.ladder import Chip, Ladder
from cli.terminal.text import count
from dsl import model
from dsl.model import Expr, Kind
from dsl.records import dataclass
from evaluator.columns import Column
from evaluator.places import operands
from evaluator.plain import key_of
from evaluator.results import Results

LISTED, TERMS = 20, 4


@dataclass(frozen=True, slots=True)
class WorstRow:
    key: str
    value: str
    sort: str
    tier: Chip
    reason: str


@dataclass(frozen=True, slots=True)
class WorstSection:
    entity: str
    words: str
    headers: list[tuple[str, bool]]
    rows: list[WorstRow]


def worst_section(results: Results, ladder: Ladder) -> WorstSection | None:
    """The twenty rows at the grave end of the ladder; None where it goes by no number of the entity."""
    entity, name = ladder.tiers.entity, ladder.column
    column = results.column(entity, name) if name else None
    if column is None:
        return None
    kind = results.policy.type_of(entity, name)
    codes = results.evaluation.columns[entity]["tier"].values
    rows = []
    for row in worst_rows(column, ladder.low_is_bad):
        value = float(column.values[row])
        chip = ladder.chip(ladder.tiers.labels[int(codes[row])])
        reason = "; ".join([*_distance(ladder, value), *_reason(results, entity, name, row)])
        key = words.name(key_of(results.book, entity, row))
        rows.append(WorstRow(key, words.value(value, kind), repr(value), chip, reason))
    if not rows:
        return None
    end = "lowest" if ladder.low_is_bad else "highest"
    said = f"The {count(len(rows), entity)} of {end} {name}, of {len(column.values):,}."
    if column.unknown_count():
        said += f" Those of unknown {name} are listed above."
    return WorstSection(
        entity, said, [("#", True), (entity, False), (name, True), ("tier", False), ("reason", False)], rows
    )


def _distance(ladder: Ladder, value: float) -> list[str]:
    """The nearest bound on the calm side."""
    calmer = [b for b in ladder.bounds.values() if (b.value > value) == ladder.low_is_bad and b.value != value]
    if not calmer or not np.isfinite(value):
        return []
    near = min(calmer, key=lambda b: abs(b.value - value))
    return [f"`{near.label}` {'begins' if ladder.low_is_bad else 'ends'} at {near.text}"]


def worst_rows(column: Column, low_is_bad: bool) -> list[int]:
    """The numbers of the worst known rows, the worst first, ties in the file's order."""
    known = np.flatnonzero(column.known())
    values = column.values[known].astype(np.float64)
    ranks = values if low_is_bad else -values
    if len(ranks) > LISTED:
        limit = np.partition(ranks, LISTED - 1)[LISTED - 1]
        near = np.flatnonzero(ranks <= limit)
        known, ranks = known[near], ranks[near]
    return [int(r) for r in known[np.argsort(ranks, kind="stable")][:LISTED]]


def _reason(results: Results, entity: str, name: str, row: int) -> Iterator[str]:
    """What the number is made of, and what that is made of in turn."""
    formula = results.policy.entities[entity].formulas.get(name)
    if formula is None:
        yield "as the snapshot states it"
        return
    for term in _terms(formula.value)[:TERMS]:
        shown = _shown(results, term, entity, row)
        inner = results.policy.entities[entity].formulas.get(term.column) if isinstance(term, model.Read) else None
        if shown is not None and inner is not None:
            whole = _members(results, inner.value, row) if isinstance(inner.value, model.Aggregate) else None
            parts: list[str | None] = [whole[1]] if whole else []
            parts = parts or [_shown(results, t, entity, row) for t in _terms(inner.value)[:TERMS]]
            told = ", ".join(filter(None, parts))
            shown += f" ({told})" if told else ""
        if shown is not None:
            yield shown


def _terms(expr: Expr) -> list[model.Read | model.Aggregate]:
    """The columns and aggregates that an expression is made of, each once."""
    found: dict[model.Read | model.Aggregate, None] = {}
    if isinstance(expr, (model.Read, model.Aggregate)):
        return [expr]
    for operand in operands(expr):
        found.update(dict.fromkeys(_terms(operand)))
    return list(found)


def _shown(results: Results, term: model.Read | model.Aggregate, entity: str, row: int) -> str | None:
    if isinstance(term, model.Read):
        if term.links or term.type.kind is not Kind.NUMBER or term.entity != entity:
            return None
        column = results.column(entity, term.column)
        known = column is not None and bool(column.known()[row])
        value = words.value(float(column.values[row]), term.type) if column is not None and known else "unknown"
        return f"{term.column} {value}"
    told = _members(results, term, row)
    return f"{term.span.text} {told[0]} {told[1]}" if told else None


def _members(results: Results, term: model.Aggregate, row: int) -> tuple[str, str] | None:
    """The sum of a column over what links to the row, and where it is: how many members, which counts most."""
    value = term.value
    plain = isinstance(value, model.Read) and value.inner and not value.links and term.where is None
    if term.function != "sum" or term.via is None or len(term.via) != 1 or term.up or not plain:
        return None
    assert isinstance(value, model.Read)
    column, link = results.column(term.entity, value.column), results.column(term.entity, term.via[0])
    if column is None or link is None:
        return None
    members = np.flatnonzero(link.values == row)
    members = members[link.known()[members] & column.known()[members]]
    amounts = column.values[members].astype(np.float64)
    if not len(members):
        return "0", f"in no {term.entity}"
    total = words.value(float(amounts.sum()), value.type)
    if len(members) == 1:
        return total, f"in `{words.name(key_of(results.book, term.entity, int(members[0])))}`"
    most = int(members[np.argmax(np.abs(amounts))])
    key = words.name(key_of(results.book, term.entity, most))
    return total, f"in {count(len(members), term.entity)}, most in `{key}`"
