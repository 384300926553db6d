"""Runs the tests of a policy: small books made of given rows, and expectations decided exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from dsl import model
from dsl.model import Kind
from dsl.params import resolve_params
from dsl.tree import walk
from evaluator.book import Book
from evaluator.explain_steps import Step, Steps
from evaluator.origins import describe_origin
from evaluator.places import Unknown
from evaluator.plain import Plain, constant
from evaluator.problems import SnapshotError
from evaluator.reference import Reference
from evaluator.snapshot import book_of
from evaluator.tries import Tries
from evaluator.until import solve

TOLERANCE = Fraction(1, 10**9)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an expectation that failed: as written, and its value (None where unknown, ``because`` of this)."""

    text: str
    value: Plain
    unit: str
    shown: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that doesn't hold, both sides of it, and where the values come from."""

    expectation: model.Expectation
    sides: tuple[Side, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test passed where it has neither ``failures`` nor a ``fault``, which says why it could not be run."""

    __test__ = False
    test: model.Test
    failures: tuple[Failure, ...] = ()
    fault: str = ""

    @property
    def passed(self) -> bool:
        return not self.failures and not self.fault


def run_tests(policy: model.Policy) -> Iterator[TestResult]:
    """Every test of a policy, in the order of its text. Params have their own values at each test's instant."""
    for test in policy.tests:
        yield run_test(policy, test)


def run_test(policy: model.Policy, test: model.Test) -> TestResult:
    as_of = test.as_of or policy.effective
    try:
        book = test_book(policy, test, as_of)
        params = resolve_params(policy, as_of)
    except SnapshotError as error:
        return TestResult(test, fault="; ".join(p.message for p in error.problems))
    except ValueError as error:
        return TestResult(test, fault=str(error))
    solved = solve(policy, book, params, Tries(params))
    reference = Reference(solved.policy, solved.book, params)
    found = (_failure(reference, e) for e in test.expectations)
    return TestResult(test, tuple(f for f in found if f is not None))


def test_book(policy: model.Policy, test: model.Test, as_of: datetime | None) -> Book:
    """The given rows as a book: cells that aren't given are missing (blank in optional columns), all cells fresh."""
    tables: dict[str, dict[str, list[str | None]]] = {}
    given = {table.entity: table for table in test.given}
    for name, entity in policy.entities.items():
        table = given.get(name, model.GivenTable(name, (), ((),) if entity.once else ()))
        columns: dict[str, list[str | None]] = {} if entity.once else {name: []}
        columns |= {column: [None] * len(table.rows) for column in entity.inputs}
        for number, column in enumerate(table.columns):
            columns[column] = [row[number] or None for row in table.rows]
        for made in entity.inputs.values():
            if made.fresh is not None and f"{made.name}_at" not in columns and as_of is not None:
                columns[f"{made.name}_at"] = [as_of.isoformat()] * len(table.rows)
        tables[name] = columns
    return book_of(policy, tables, as_of, name=test.text)


test_book.__test__ = False  # type: ignore[attr-defined]


def _failure(reference: Reference, expectation: model.Expectation) -> Failure | None:
    """None where the expectation holds."""
    row = _row(reference.book, expectation)
    condition = expectation.condition
    if isinstance(condition, model.Compare):
        values = [reference.evaluate(side, expectation.entity, row) for side in (condition.left, condition.right)]
        if all(isinstance(v, Fraction) for v in values) and _near(values, expectation, condition.operator):
            return None
    result = reference.evaluate(condition, expectation.entity, row)
    if result is True:
        return None
    exprs = (condition.left, condition.right) if isinstance(condition, model.Compare) else (condition,)
    sides = tuple(_side(reference, expr, expectation.entity, row) for expr in exprs)
    steps = Steps(reference)
    reads = [r for r in walk(condition) if isinstance(r, model.Read) and not r.inner and not r.links]
    shown = tuple(steps.column(expectation.entity, r.column, row) for r in dict.fromkeys(reads))
    return Failure(expectation, sides, shown)


def _row(book: Book, expectation: model.Expectation) -> int:
    return list(book.tables[expectation.entity].keys).index(expectation.key) if expectation.key else 0


def _near(values: Sequence[object], expectation: model.Expectation, operator: str) -> bool:
    """Whether the sides are as good as equal, where equality is enough."""
    left, right = values
    assert isinstance(left, Fraction) and isinstance(right, Fraction)
    if operator not in ("=", "<=", ">="):
        return False
    room = TOLERANCE * max(abs(left), abs(right)) if expectation.within is None else expectation.within
    return abs(left - right) <= room


def _side(reference: Reference, expr: model.Expr, entity: str, row: int) -> Side:
    value = reference.evaluate(expr, entity, row)
    text = " ".join(expr.span.text.split())
    unit = str(expr.type.unit) if expr.type.kind is Kind.NUMBER and expr.type.unit is not None else ""
    if isinstance(value, Unknown):
        origin = describe_origin(reference.policy, reference.book, value.code)
        return Side(text, None, unit, expr.type.shown, origin.text)
    return Side(text, _plain(reference, expr, value), unit, expr.type.shown)


def _plain(reference: Reference, expr: model.Expr, value: object) -> Plain:
    if expr.type.kind is Kind.LINK and isinstance(value, int):
        return reference.book.tables[expr.type.entity].keys[value]
    return constant(value, expr.type)  # type: ignore[arg-type]
