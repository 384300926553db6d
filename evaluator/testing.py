"""Runs the tests of a policy: small books made of given rows, and expectations decided exactly."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction

from dsl import model
from dsl.params import resolve_params
from dsl.records import dataclass
from evaluator.asserted import Failure, failure
from evaluator.book import Book
from evaluator.grouping import with_groups
from evaluator.places import Met
from evaluator.problems import SnapshotError, quoted
from evaluator.reference import Reference
from evaluator.snapshot import book_of
from evaluator.tries import Tries
from evaluator.until import solve_untils

TOLERANCE = Fraction(1, 10**9)


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


def run_tests(policy: model.Policy, met: set[Met] | None = None) -> Iterator[TestResult]:
    """Every test of a policy, in the order of its text. Params have their own values at each test's instant.

    ``met`` gathers what deciding the expectations reaches of the policy.
    """
    for test in policy.tests:
        yield run_test(policy, test, met)


def run_test(policy: model.Policy, test: model.Test, met: set[Met] | None = None) -> TestResult:
    as_of = test.as_of or policy.effective
    try:
        book = test_book(policy, test, as_of)
        params = resolve_params(policy, as_of)
    except SnapshotError as error:
        return TestResult(test, fault="; ".join(p.message for p in error.problems))
    except ValueError as error:
        return TestResult(test, fault=str(error))
    book = with_groups(policy, book, params)
    if (missing := _missing(book, test)) is not None:
        return TestResult(test, fault=missing)
    solved = solve_untils(policy, book, Tries(params))
    reference = Reference(solved.policy, solved.book, params)
    reference.met = met
    rows = [(e, _row(reference.book, e)) for e in test.expectations]
    failed = [(e, row) for e, row in rows if not _holds(reference, e, row)]
    reference.met = None  # an explanation looks at more
    return TestResult(test, tuple(failure(reference, e, row) for e, row in failed))


def test_book(policy: model.Policy, test: model.Test, as_of: datetime | None) -> Book:
    """The given rows as a book: cells that aren't given are missing (blank in optional columns), all cells fresh."""
    tables: dict[str, dict[str, list[str | None]]] = {}
    given = {table.entity: table for table in test.given}
    for name, entity in policy.entities.items():
        if entity.groups is not None:
            continue
        table = given.get(name, model.GivenTable(name, (), ((),) if entity.once else ()))
        columns: dict[str, list[str | None]] = {} if entity.once else {name: []}
        columns |= {column: [None] * len(table.rows) for column in entity.given}
        for number, column in enumerate(table.columns):
            columns[column] = [row[number] or None for row in table.rows]
        for made in entity.given.values():
            if made.fresh is not None and f"{made.name}_at" not in columns and as_of is not None:
                columns[f"{made.name}_at"] = [as_of.isoformat()] * len(table.rows)
        tables[name] = columns
    return book_of(policy, tables, as_of, name=test.text)


test_book.__test__ = False  # type: ignore[attr-defined]


def _holds(reference: Reference, expectation: model.Expectation, row: int) -> bool:
    condition = expectation.condition
    if isinstance(condition, model.Compare):
        values = [reference.evaluate(side, expectation.entity, row) for side in (condition.left, condition.right)]
        if all(isinstance(v, Fraction) for v in values) and _near(values, expectation, condition.operator):
            return True
    return reference.evaluate(condition, expectation.entity, row) is True


def _missing(book: Book, test: model.Test) -> str | None:
    """An expectation of a row that isn't there: which groups there are shows only when they are formed."""
    for expected in test.expectations:
        keys = list(book.tables[expected.entity].keys)
        if expected.key and expected.key not in keys:
            rows = f"its rows are {quoted(keys, 5)}" if keys else "it has no rows"
            return f"there is no row `{expected.key}` of `{expected.entity}`; {rows}"
    return None


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
