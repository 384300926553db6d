"""Folds over long grids found move by move, where floating point decides wrongly: judged by plain fractions, by the
reference interpreter, and by the written-out graph with care, bit by bit."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from dsl.model import Policy
from dsl.params import resolve_params
from evaluator import fast, grid_folds, grid_turns
from evaluator.book import Book, indexed
from evaluator.columns import Column, Origin
from evaluator.error import HALF_UNIT
from evaluator.grid_careful import _with_care, completed
from evaluator.run import evaluate
from evaluator.threads import using
from tests.doubt_cases import CASES, IN_ONE_MOVE, ON_THE_BOUND
from tests.doubt_models import (
    FEW,
    FIRST,
    GRID,
    LAST,
    MIDDLE,
    ROW,
    TEXT,
    UNKNOWN,
    Case,
    Number,
    Row,
    account_of,
    accounts_that_differ,
    book_in,
    by_hand,
    decisions,
    small_books,
)
from tests.evaluator_models import checked, column_of
from tests.test_compiled_equals_reference import differences as from_reference
from tests.test_fast import differences
from tests.test_grid_turns import in_turn

MANY = 999
# Laid out or not; threads; moves from which a fold is found in turn; rows from which moves, and the rest, are fast.
WAYS = (
    (False, 1, FEW, 0, MANY),
    (True, 1, FEW, 0, 0),
    (False, 3, FEW, 0, 0),
    (True, 3, FEW, 0, MANY),
    (False, 1, FEW, MANY, 0),
    (False, 1, MANY, 0, 0),  # written out, as in short grids
    (True, 3, MANY, 0, 0),
)


@pytest.fixture(autouse=True)
def anything_pays() -> Iterator[None]:
    with small_books():
        yield


@pytest.mark.parametrize("name", CASES)
def test_what_floats_get_wrong(name: str) -> None:
    assert from_reference(*judged(CASES[name])) == []


def judged(case: Case) -> tuple[Policy, Book]:
    """Decided as plain fractions decide it, in every way of evaluating it."""
    policy = case.policy()
    given = case.book(policy)
    plain = by_hand(case, given, Fraction)
    assert accounts_that_differ(given, case, plain, by_hand(case, given, float)) == [*case.wrong]
    for row, (_, above, _) in enumerate(plain):
        assert (above is UNKNOWN) == (account_of(given, case, row) in case.unknown)
    careful = evaluate(policy, given, resolve_params(policy), optimise=False)
    books = {False: given, True: indexed(given)}
    for laid_out, threads, fewest, moves, rest in WAYS:
        with (
            using(threads),
            patch.object(grid_folds, "FEWEST", fewest),
            patch.object(fast, "AGAIN", moves),
            patch.object(fast, "run", partial(fast.run, least=rest, block=7)),
        ):
            quick, found = in_turn(policy, books[laid_out])
        assert found == (case.folds if fewest == FEW else 0)
        assert decisions(quick, case) == plain
        for row, value in enumerate(column_of(quick, case.entity, "found")):
            cause = case.unknown.get(account_of(given, case, row))
            assert (value.cause if isinstance(value, Origin) else None) is cause
        assert differences(quick, careful) == []
    return policy, given


def test_a_row_in_doubt_is_decided_in_its_move() -> None:
    """Where nobody asks how far the sums are off, however many rows they are, in one sum or the other."""
    formulas = """
  one = if equity > edge then 0 USD else weight
  two = if equity > limit then 0 USD else weight
  ones = sum(one over moves)
  twos = sum(two over moves)
"""
    policy = checked(TEXT.format(account=formulas, position="", grid=GRID))
    rows = [{**ROW, **IN_ONE_MOVE[place]} for place in (FIRST, MIDDLE, LAST) for _ in range(7)]
    given = book_in(policy, [*rows[:14], *({**row, "edge": "0", "limit": row["edge"]} for row in rows[14:])])
    careful = evaluate(policy, given, resolve_params(policy), optimise=False)
    assert column_of(careful, "account", "ones") == [1.0] * 7 + [6.0] * 7 + [0.0] * 7
    assert column_of(careful, "account", "twos") == [0.0] * 14 + [10.0] * 7
    for book in (given, indexed(given)):
        quick, folds = in_turn(policy, book)
        assert folds == 2 and differences(quick, careful) == [] and quick.decided == {"account": 21}


def test_first_as_it_is_and_then_how_far_it_is_off() -> None:
    """Of one book, at first somebody asks for the least values alone, and then for what is decided by them."""
    case = CASES["min on the bound"]
    policy = case.policy()
    given = case.book(policy)
    careful = evaluate(policy, given, resolve_params(policy), optimise=False)
    for book in (given, indexed(given)):
        evaluate(policy, book, resolve_params(policy), wanted=[("account", "found")])
        quick, folds = in_turn(policy, book)
        assert folds == 1 and differences(quick, careful) == []


SIZED = (
    *(f"{fold} on the bound" for fold in ON_THE_BOUND), "cells that are unknown in some moves",
    "the least of what is infinite in some moves", "a whole number, by a weight",
)  # fmt: skip


@pytest.mark.parametrize("moves", [0, MANY])
@pytest.mark.parametrize("name", SIZED)
def test_how_far_a_fold_may_be_off(name: str, moves: int) -> None:
    """As far as the careful evaluator says of all moves written out: no less, and the same where it does the moves."""
    case = CASES[name]
    policy = case.policy()
    given = case.book(policy)
    asked, found = asked_of(policy, given, moves)
    values, off = with_care(asked, np.ones(LAST + 1, dtype=np.bool_))
    column, size = found
    known, finite = column.known(), column.known() & np.isfinite(column.values)
    assert column.values.tolist() == values.tolist() and not size.values[~finite].any()
    careful = np.where(finite, np.maximum(off / HALF_UNIT, np.abs(values)), 0.0)
    assert (size.values >= careful).all() if moves == 0 else (size.values == careful).all()
    for row in np.flatnonzero(finite).tolist():
        plain = [case.plain(Fraction, {**ROW, **case.rows.get(row, {})}, move) for move in case.moves]
        exact = {"sum": sum(plain), "mean": sum(plain) / len(plain), "min": min(plain), "max": max(plain)}[case.fold]
        assert abs(Fraction(values[row]) - exact) <= Fraction(size.values[row] * HALF_UNIT)
    assert (~known).sum() == len(case.unknown)


def test_how_far_one_row_may_be_off_is_its_own_matter() -> None:
    """Whatever else is evaluated with care; but how many members a row has at most, counts for all."""
    formulas = "  gross = sum(abs(position.worth))\n  found = sum(gross over moves)\n  above = found > limit\n"
    policy = checked(TEXT.format(account=formulas, position="", grid=GRID))
    rows = [{**ROW, "sizes": "0.3 0.1"} for _ in range(LAST + 1)]
    rows[MIDDLE] = {**ROW, "sizes": "0.1 0.2 0.3 0.4 0.5"}
    asked, _ = asked_of(policy, book_in(policy, rows), MANY)
    flagged = np.zeros(LAST + 1, dtype=np.bool_)
    flagged[[FIRST, LAST]] = True
    every, some = (with_care(asked, rows)[1] for rows in (~flagged | flagged, flagged))
    assert some.tolist() == every[flagged].tolist()


def asked_of(policy: Policy, given: Book, moves: int) -> tuple[tuple[Any, ...], tuple[Column, Column]]:
    """What a fold in turn asks for with care, and the columns that it comes to. ``moves``: rows from which each of them
    is fast."""
    seen: list[tuple[tuple[Any, ...], tuple[Column, Column]]] = []

    def asked(*args: Any) -> object:
        made = completed(*args)
        assert made is not None
        seen.append((args[:6], made))
        return made

    with patch.object(fast, "AGAIN", moves), patch.object(grid_turns, "completed", asked):
        in_turn(policy, given)
    (found,) = seen
    return found


def with_care(asked: Sequence[Any], flagged: Any) -> tuple[Any, Any]:
    """The values of some rows, all moves written out, and how far they may be off."""
    policy, book, params, one, known, decided = asked
    with np.errstate(all="ignore"):
        found = _with_care(policy, book, params, one, known, flagged, decided)
    assert found is not None and found[0].tolist() == np.flatnonzero(flagged).tolist()
    return found[1].values, found[2]


def test_a_mean_that_floats_take_for_zero() -> None:
    """A third of the smallest float."""
    rows = {FIRST: {"edge": "5e-324", "limit": "0"}, LAST: {"edge": "-5e-324", "limit": "0"}}
    grid, moves = "  side in 2, -2, 1\n  account.edge becomes edge * side\n", (Fraction(2), Fraction(-2), Fraction(1))

    def turned(n: Number, row: Row, side: Fraction) -> Any:
        return n(row["edge"]) * n(side)

    judged(Case("mean", "edge", turned, rows, [FIRST, LAST], grid=grid, moves=moves))
