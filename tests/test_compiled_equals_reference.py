"""The compiled evaluator against the reference interpreter: random policies over random books, every cell.

Labels, flags and the codes of unknowns are equal. A number is within the rounding that its own formula explains: as
though each cell read and each operation were off by 2**-44 of its size (a float64 operation is off by 2**-53), carried
through the formula to its result.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, reject, settings

from dsl.check import check
from dsl.diagnostics import Diagnostics
from dsl.model import MEMBERS, Kind, Policy
from dsl.params import resolve_params
from dsl.parse import parse
from dsl.source import Source
from evaluator import exact
from evaluator.book import Book
from evaluator.columns import KNOWN, Origin
from evaluator.evaluation import Evaluation
from evaluator.exact import Approximate
from evaluator.places import Result, Unknown
from evaluator.plain import moment_of
from evaluator.reference import Reference
from evaluator.run import evaluate
from evaluator.snapshot import SnapshotError, book_of
from tests.generators import Case, cases

EXAMPLES = int(os.environ.get("SOFTLIQ_EXAMPLES", "60"))
STEP_BITS = 44
STEP = Fraction(1, 1 << STEP_BITS)


class Rounded(Reference):
    """A reference whose cells and operations are taken to be off by 2**-44, so that each number knows its bound."""

    def _input(self, *cell: object) -> Result:
        value = super()._input(*cell)  # type: ignore[arg-type]
        return Approximate(value, -5_000) if isinstance(value, Fraction) else value

    def bound(self, entity: str, column: str, row: int, value: Fraction) -> Fraction:
        """How far a float64 may be off the exact value of the cell."""
        with patch.object(exact, "_TIE_BITS", STEP_BITS):
            found = self.cell(entity, column, row)
        if not isinstance(found, Fraction):
            return abs(value)  # rounding alone makes it unknown: nothing can be said
        spread = Fraction(0)
        if isinstance(found, Approximate):
            spread = Fraction(1 << max(found.tie, 0), 1 << max(-found.tie, 0))
        return spread + 2 * abs(found - value) + abs(value) * STEP


def compiled(case: Case) -> tuple[Policy, Book]:
    """The case's policy and book; a case that doesn't compile is none."""
    report = Diagnostics()
    file = parse(Source("random.policy", case.text), report)
    policy = None if report.failed else check(file, report)
    if policy is None:
        reject()
    try:
        return policy, book_of(policy, case.tables, as_of=case.as_of)
    except SnapshotError:
        reject()


def plain(evaluation: Evaluation, book: Book, entity: str, name: str, row: int) -> Result:
    """A compiled cell as the reference gives it, but for numbers, which are floats."""
    column = evaluation.columns[entity][name]
    if column.quality is not None and column.quality[row] != KNOWN:
        return Unknown(int(column.quality[row]))
    value, type_ = column.values[row], evaluation.policy.type_of(entity, name)
    match type_.kind:
        case Kind.FLAG:
            return bool(value)
        case Kind.ENUM:
            return type_.labels[int(value)]
        case Kind.TEXT:
            return book.tables[entity].texts.get(name, evaluation.texts)[int(value)]
        case Kind.LINK:
            return int(value)
    return float(value)


def difference(got: Result, expected: Result, rounded: Rounded, cell: tuple[str, str, int]) -> str | None:
    """What differs, or None."""
    if isinstance(got, float) and isinstance(expected, Fraction) and abs(got) != float("inf"):
        off, bound = abs(Fraction(got) - expected), rounded.bound(*cell, expected)
        return None if off <= bound else f"{cell}: {got!r}, exactly {float(expected)!r}: off by {float(off)}"
    if isinstance(got, Unknown) and isinstance(expected, Unknown) and got != expected:
        return f"{cell}: {Origin.of(got.code)}, expected {Origin.of(expected.code)}"
    if got != expected or type(got) is not type(expected):
        return f"{cell}: {_words(got)}, expected {_words(expected)}"
    return None


def _words(value: Result) -> str:
    return str(Origin.of(value.code)) if isinstance(value, Unknown) else repr(value)


def differences(policy: Policy, book: Book) -> list[str]:
    params = resolve_params(policy, None if book.as_of is None else moment_of(book.as_of))
    evaluation = evaluate(policy, book, params)
    found: list[str | None] = list(_group_differences(policy, book, evaluation))
    book = evaluation.book
    reference, rounded = Reference(policy, book, params), Rounded(policy, book, params)
    for entity, columns in evaluation.columns.items():
        for name in columns:
            for row in range(book.tables[entity].rows):
                got = plain(evaluation, book, entity, name, row)
                found.append(difference(got, reference.cell(entity, name, row), rounded, (entity, name, row)))
    found += _tier_differences(evaluation, reference)
    for outcome in evaluation.checks:
        quality = outcome.values.quality
        for row, value in enumerate(outcome.values.values):
            unknown = quality is not None and quality[row] != KNOWN
            got = Unknown(int(quality[row])) if unknown and quality is not None else bool(value)
            expected = reference.check(outcome.index, row)
            if got != expected:
                found.append(f"check {outcome.index}, row {row}: {_words(got)}, expected {_words(expected)}")
    return [f for f in found if f is not None]


def _group_differences(policy: Policy, book: Book, evaluation: Evaluation) -> Iterator[str]:
    """Every group's rows, formed again one row after the other from the reference's keys."""
    for name in policy.groups:
        grouping, formed = policy.entities[name].groups, evaluation.book.tables[name]
        assert grouping is not None
        reference = Reference(policy, book, resolve_params(policy))
        keys = [
            tuple(reference.evaluate(read, grouping.base, row) for _, read in grouping.keys)
            for row in range(book.tables[grouping.base].rows)
        ]
        rows = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        links = evaluation.book.tables[grouping.base].columns[name].values.tolist()
        if links != [rows[key] for key in keys] or formed.rows != len(rows) or len(set(formed.keys)) != len(rows):
            yield f"{name}: {links} of {list(formed.keys)}, expected {[rows[key] for key in keys]}"
            continue
        here = Reference(policy, evaluation.book, {})
        for key, row in rows.items():
            for (column, _), expected in zip(grouping.keys, key, strict=True):
                if here.cell(name, column, row) != expected:
                    yield f"{name}.{column} {row}: {here.cell(name, column, row)}, expected {expected}"
            codes = [k.code for other in rows if _agree(other, key) for k in other if isinstance(k, Unknown)]
            expected = Unknown(min(codes)) if codes else True
            if here.cell(name, MEMBERS, row) != expected:
                yield f"{name} {row}: members {here.cell(name, MEMBERS, row)}, expected {expected}"
        base = replace(book.tables[grouping.base], columns=evaluation.book.tables[grouping.base].columns)
        book = replace(book, tables={**book.tables, grouping.base: base, name: formed})


def _agree(other: tuple[Result, ...], key: tuple[Result, ...]) -> bool:
    """Whether the keys that ``other`` knows are this key's."""
    return all(isinstance(a, Unknown) or a == b for a, b in zip(other, key, strict=True))


def _tier_differences(evaluation: Evaluation, reference: Reference) -> list[str | None]:
    found: list[str | None] = []
    for entity in evaluation.policy.tiers:
        for row, code in enumerate(evaluation.tier_quality(entity)):
            why = reference.tier_row(entity, row)[1]
            expected = KNOWN if why is None else why.code
            if code != expected:
                found.append(f"{entity} {row}: the tier is unknown for {code}, expected {expected}")
    return found


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="SOFTLIQ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example],
)
@given(cases())
def test_every_cell_is_the_same(case: Case) -> None:
    assert differences(*compiled(case)) == []


TIGHT = """policy "tight"
entity row:
  x : number
  y : number
  product = x * y
  cancelled = x + y - x
  quotient = 1 / (x - y)
"""
# column, the bound of x = 1000.1, y = 0.3 in units of 2**-44: what a few operations of that size may be off, no more
BOUNDS = [("product", 300, 2_000), ("cancelled", 1_000, 5_000), ("quotient", 0.001, 0.01)]


@pytest.mark.parametrize(("column", "least", "most"), BOUNDS)
def test_the_bound_of_a_number_is_neither_loose_nor_nothing(column: str, least: float, most: float) -> None:
    policy, book = compiled(Case(TIGHT, {"row": {"row": ["a"], "x": ["1000.1"], "y": ["0.3"]}}))
    value = Reference(policy, book, {}).cell("row", column, 0)
    assert isinstance(value, Fraction)
    assert least <= Rounded(policy, book, {}).bound("row", column, 0, value) / STEP <= most
