"""The fast evaluator against the careful one: the same bits, over random policies and books and over the demo book."""

import os
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from dsl.model import Policy
from dsl.params import resolve_params
from evaluator import fast
from evaluator.book import Book
from evaluator.columns import Column
from evaluator.plain import moment_of
from evaluator.run import Evaluation, evaluate
from tests.generators import Case, cases
from tests.test_compiled_equals_reference import compiled

ROOT = Path(__file__).parent.parent
EXAMPLES = int(os.environ.get("SOFTLIQ_EXAMPLES", "60"))


def both(policy: Policy, book: Book, block: int = 3) -> tuple[Evaluation, Evaluation, int]:
    """The fast evaluation whatever the book's size, the careful one, and how many times the fast one had an answer."""
    answers = []

    def run(*args: object, **options: object) -> object:
        found = partial(fast_run, least=0, block=block)(*args, **options)  # type: ignore[arg-type]
        answers.append(found is not None)
        return found

    fast_run = fast.run
    params = resolve_params(policy, None if book.as_of is None else moment_of(book.as_of))
    with patch.object(fast, "run", run):
        quick = evaluate(policy, book, params)
    return quick, evaluate(policy, book, params, optimise=False), sum(answers)


def differences(a: Evaluation, b: Evaluation) -> list[object]:
    found: list[object] = []
    for entity, columns in a.columns.items():
        found += [(entity, name, *d) for name, c in columns.items() for d in _differ(c, b.columns[entity][name])]
    for one, other in zip(a.checks, b.checks, strict=True):
        found += [("check", one.index, *d) for d in _differ(one.values, other.values)]
        if one.margin is not None and other.margin is not None and not _same(one.margin, other.margin):
            found.append(("margin", one.index))
        for side, same in zip(one.sides or (), other.sides or (), strict=True):
            found += [("side", one.index, *d) for d in _differ(side, same)]
    for entity, codes in a.reasons.items():
        if not _same(codes, b.reasons[entity]):
            found.append(("reasons", entity, codes, b.reasons[entity]))
    if a.decided != b.decided:
        found.append(("decided", a.decided, b.decided))
    return found


def _differ(a: Column, b: Column) -> list[object]:
    known = np.array_equal(a.known(), b.known())
    if not known or (a.quality is not None and b.quality is not None and not _same(a.quality, b.quality)):
        return [("quality", a, b)]
    return [] if _same(a.values, b.values) else [("values", a, b)]


def _same(a: np.ndarray, b: np.ndarray) -> bool:  # type: ignore[type-arg]
    """The same bits, minus zero apart from zero."""
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


@given(cases())
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_fast_and_careful_are_the_same_bits(case: Case) -> None:
    policy, book = compiled(case)
    quick, careful, _ = both(policy, book)
    assert differences(quick, careful) == [], case.text


@pytest.mark.parametrize("block", [7, 1000])
def test_the_demo_book(block: int) -> None:
    import softliq

    policy = softliq.load_policy(ROOT / "policies" / "perpetuals.policy")
    book = softliq.read_snapshot(ROOT / "policies" / "snapshots" / "perpetuals", policy)
    quick, careful, answered = both(policy, book, block)
    assert answered == 1 and differences(quick, careful) == []
