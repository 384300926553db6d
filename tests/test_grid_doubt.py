"""Folds over long grids found move by move, where floating point decides wrongly: judged by plain fractions, by the
reference interpreter, and by the written-out graph with care, bit by bit.

A case is a policy's fold and a few accounts, each of them at a place where floats go astray; all other accounts are far
from any bound. Which decisions floats alone get wrong is worked out here, too, so that no case loses its point.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial, reduce
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from dsl.causes import Cause
from dsl.model import Policy
from dsl.params import resolve_params
from evaluator import acting, fast, grid_folds, grid_turns
from evaluator.book import Book, indexed
from evaluator.columns import Column, Origin
from evaluator.error import HALF_UNIT
from evaluator.grid_careful import _with_care, completed
from evaluator.run import evaluate
from evaluator.snapshot import book_of
from evaluator.threads import using
from tests.evaluator_models import checked, column_of
from tests.test_compiled_equals_reference import differences as from_reference
from tests.test_fast import differences
from tests.test_grid_turns import in_turn

TEXT = """policy "in doubt"
unit USD

entity bank once:
  widest = max(account.edge)

entity market:
  unit asset
  mark : USD/asset >= 0

entity account:
  cash : USD
  weight : USD
  edge : USD
  limit : USD
  equity = cash + sum(position.worth)
{account}
entity position:
  account : account
  market : market
  size : market.asset
  lots : number
  worth = size * market.mark
{position}
grid moves:
{grid}
"""
FOUND = """
  found = {fold}({value} over moves)
  at_least = found >= {of}limit
  above = found > {of}limit
  beyond = found * {of}weight > {of}limit * 1 USD
  twice = found * 2
"""
DECIDED = ("at_least", "above", "beyond")
GRID = "  move in -40% to 50% by 10%\n  market.mark becomes mark * (1 + move)\n"
MOVES = tuple(Fraction(move, 10) for move in range(-4, 6))
FIRST, MIDDLE, LAST = 0, 10, 20  # of 21 accounts, in blocks of seven
ROW = {"cash": "1", "weight": "1", "edge": "0", "limit": "-7.5", "sizes": "1"}

Number = Callable[[Any], Any]  # float or Fraction
Row = Mapping[str, str]
UNKNOWN = None


def equity(n: Number, row: Row, move: Fraction) -> Any:
    worth = n(0)
    for size in row["sizes"].split():
        worth = worth + n(size) * (n("0.7") * n(1 + move))
    return n(row["cash"]) + worth


def _hit(n: Number, row: Row, move: Fraction) -> Any:
    return n(0) if equity(n, row, move) > n(row["edge"]) else n(row["weight"])


def _share(n: Number, row: Row, move: Fraction) -> Any:
    return n(row["weight"]) / (equity(n, row, move) - n(row["edge"]))


def _lent(n: Number, row: Row, move: Fraction) -> Any:
    """The cash is asked for in some moves alone."""
    return n(row["cash"]) if n(move) * n(row["weight"]) > n(row["edge"]) else n(row["weight"])


def _health(n: Number, row: Row, move: Fraction) -> Any:
    return n(row["weight"]) / equity(n, row, move) if equity(n, row, move) > n(row["edge"]) else float("inf")


def _turned(n: Number, row: Row, side: Fraction) -> Any:
    return n(row["weight"]) * n(side)


def _net(n: Number, row: Row, side: Fraction) -> Any:
    return n(0) if equity(n, row, Fraction(0)) > n(row["edge"]) else _turned(n, row, side) + n(row["cash"])


def _member(n: Number, row: Row, move: Fraction) -> Any:
    """What a position counts, for as long as its account is no more than on the edge."""
    worth = n(row["sizes"].split()[int(row.get("at", 0))]) * (n("0.7") * n(1 + move))
    return n(0) if equity(n, row, move) > n(row["edge"]) else worth


@dataclass(frozen=True)
class Case:
    """``value``: what is folded, and the same in plain Python. ``rows``: the accounts that are special, by their place.
    ``wrong``: which of them floats alone decide wrongly. ``unknown``: where what is found is, and why."""

    fold: str
    value: str
    plain: Callable[[Number, Row, Fraction], Any]
    rows: Mapping[int, Row]
    wrong: Sequence[int]
    unknown: Mapping[int, Cause] = field(default_factory=dict)
    formulas: str = ""
    grid: str = GRID
    moves: Sequence[Fraction] = MOVES
    entity: str = "account"
    folds: int = 1

    def policy(self) -> Policy:
        found = FOUND.format(fold=self.fold, value=self.value, of="" if self.entity == "account" else "account.")
        lines = {"account": self.formulas, "position": ""}
        lines[self.entity] += found
        return checked(TEXT.format(grid=self.grid, **lines))

    def book(self, policy: Policy) -> Book:
        return book_in(policy, [{**ROW, **self.rows.get(i, {})} for i in range(LAST + 1)])

    def decided(self, n: Number, row: Row) -> tuple[object, ...]:
        """Whether the fold is at least the row's limit, and above it, and times the row's weight."""
        try:
            values = [self.plain(n, row, move) for move in self.moves]
            if float("inf") in values and self.fold in ("sum", "mean"):
                return UNKNOWN, UNKNOWN, UNKNOWN
            found = reduce({"min": min, "max": max}.get(self.fold, lambda a, b: a + b), values)
            if self.fold == "mean":
                found = found / n(len(values))
            limit = n(row["limit"])
            weighed = UNKNOWN if found == float("inf") else found * n(row["weight"]) > limit
            return found >= limit, found > limit, weighed
        except (ValueError, ZeroDivisionError):
            return UNKNOWN, UNKNOWN, UNKNOWN


def book_in(policy: Policy, rows: Sequence[Row]) -> Book:
    """Positions stand in turn: the first of each account, the second of each, ..."""
    held = [(i, size, at) for i, row in enumerate(rows) for at, size in enumerate(row["sizes"].split())]
    held.sort(key=lambda position: position[2])
    tables: dict[str, dict[str, list[Any]]] = {
        "market": {"market": ["m0"], "mark": ["0.7"]},
        "account": {name: [row[name] for row in rows] for name in ROW if name != "sizes"},
        "position": {
            "position": [f"p{i}" for i in range(len(held))],
            "account": [f"a{i}" for i, _, _ in held],
            "market": ["m0"] * len(held),
            "size": [size for _, size, _ in held],
            "lots": [size for _, size, _ in held],
        },
    }
    tables["account"]["account"] = [f"a{i}" for i in range(len(rows))]
    return book_of(policy, tables)


# Limits stand exactly on what is found, or beside it by less than a float tells.
ON_THE_BOUND = {
    "sum": {
        FIRST: {"cash": "3.0", "sizes": "1.9 1.8", "limit": "57.195"},  # floats are below
        MIDDLE: {"cash": "7.5", "sizes": "0.2 1.0", "limit": "83.82"},  # above
        LAST: {"cash": "4.9", "sizes": "2.3 2.6", "limit": "85.01500000000000000001"},  # the same
        5: {"cash": "-623347485.4215", "sizes": "848091816.9 0.3", "limit": "2.205"},  # below by far
        15: {"cash": "-278368350.8235", "sizes": "378732450.1 0.3", "limit": "2.205"},  # above by far
    },
    "mean": {
        FIRST: {"cash": "5.3", "sizes": "1.7 2.7", "limit": "8.534"},
        MIDDLE: {"cash": "4.2", "sizes": "1.8 2.9", "limit": "7.6545"},
        LAST: {"cash": "3.5", "sizes": "1.7 0.8", "limit": "5.33750000000000000001"},
        5: {"cash": "-467018231.484", "sizes": "635398954.4 0.3", "limit": "0.2205"},
        15: {"cash": "-584097567.1125", "sizes": "794690567.5 0.3", "limit": "0.2205"},
    },
    "min": {
        FIRST: {"cash": "6.6", "sizes": "1.3 2.1", "limit": "8.028"},
        MIDDLE: {"cash": "6.4", "sizes": "0.9 1.4", "limit": "7.366"},
        LAST: {"cash": "8.1", "sizes": "2.4 2.3", "limit": "10.07400000000000000001"},
        5: {"cash": "-64855100.604", "sizes": "154416906.2 0.3", "limit": "0.126"},
        15: {"cash": "-78939895.566", "sizes": "187952132.3 0.3", "limit": "0.126"},
    },
    "max": {
        FIRST: {"cash": "5.4", "sizes": "0.5 2.9", "limit": "8.97"},
        MIDDLE: {"cash": "9.3", "sizes": "0.4 0.6", "limit": "10.35"},
        LAST: {"cash": "2.1", "sizes": "1.9 0.6", "limit": "4.72500000000000000001"},
        5: {"cash": "-416459879.535", "sizes": "396628456.7 0.3", "limit": "0.315"},
        15: {"cash": "-581677365.675", "sizes": "553978443.5 0.3", "limit": "0.315"},
    },
}  # fmt: skip
# Equity stands on the edge in the first, the middle and the last move; a float is above.
IN_ONE_MOVE = {
    FIRST: {"cash": "3.2", "sizes": "2.5 1.5", "edge": "4.88"},
    MIDDLE: {"cash": "3.9", "sizes": "2.2 1.1", "edge": "6.441"},
    LAST: {"cash": "8.4", "sizes": "0.1 1.3", "edge": "9.87"},
}
WHOLE = {"cash": "2", "sizes": "3 17", "limit": "167"}
ONE = {**IN_ONE_MOVE[FIRST], "limit": "1"}


def in_one_move(**columns: Sequence[str]) -> dict[int, Row]:
    """The same with more columns, at the three places."""
    more = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return {place: {**row, **m} for (place, row), m in zip(IN_ONE_MOVE.items(), more, strict=True)}


HIT = "if equity > edge then 0 USD else weight"
TURNED = "  side in 1, -1.000000000000000003\n  account.weight becomes weight * side\n"
CASES = {
    **{f"{fold} on the bound": Case(fold, "equity", equity, rows, [*sorted(rows)])
       for fold, rows in ON_THE_BOUND.items()},
    "a formula that one move decides": Case(
        "sum", "hit", lambda n, row, move: _hit(n, row, move) * equity(n, row, move),
        in_one_move(limit=["4.88", "35.181", "94.29"]), [FIRST, MIDDLE, LAST],
        formulas="  hit = if equity > edge then 0 USD else equity\n",
    ),
    "what one move decides": Case(
        "sum", HIT, _hit, in_one_move(weight=["0.3"] * 3, limit=["0.3", "1.8", "3"]), [FIRST, MIDDLE, LAST],
    ),
    "a whole number, by a weight": Case(
        "min", "if equity > edge then 4 USD else 3 USD",
        lambda n, row, move: n(4) if equity(n, row, move) > n(row["edge"]) else n(3),
        {FIRST: {"weight": "0.1", "edge": "1.6", "limit": "0.3"}, LAST: {"weight": "0.3", "limit": "1.2"}}, [FIRST],
    ),
    "the mean of what one move decides": Case(
        "mean", HIT, _hit, in_one_move(weight=["0.3"] * 3, limit=["0.03", "0.18", "0.3"]), [FIRST, MIDDLE, LAST],
    ),
    "the greatest of what one move decides": Case(
        "max", "if equity > edge then 0 USD else weight * (1 + move)",
        lambda n, row, move: _hit(n, row, move) * n(1 + move),
        in_one_move(weight=["0.3"] * 3, limit=["0.18", "0.33", "0.45"]), [FIRST, MIDDLE, LAST],
    ),
    "two folds, in doubt in different rows": Case(
        "sum", "hit", lambda n, row, move: _hit(n, row, move) if n(row["weight"]) > 0 else n(1),
        in_one_move(weight=["0.3", "0", "0.3"], limit=["0.3", "1.8", "3"]), [FIRST, LAST],
        formulas=f"  hit = if weight > 0 then {HIT} else 1 USD\n"
        "  second = mean(if weight > 0 then 1 USD else if edge < equity then weight else 2 USD over moves)\n",
        folds=2,
    ),
    "whole numbers among others that are not": Case(  # the book's lots are rounded, so that a tie is decided exactly
        "sum", "if sum(position.lots) >= 20 then equity else 0 USD",
        lambda n, row, move: equity(n, row, move) if sum(map(n, row["sizes"].split())) >= n(20) else n(0),
        {8: WHOLE, 9: WHOLE, FIRST: {"sizes": "0.3"}}, [8, 9],
    ),
    "as many in doubt as are evaluated apart": Case(
        "sum", HIT, _hit, dict.fromkeys(range(9), ONE), range(9),
    ),
    "more in doubt": Case(
        "sum", HIT, _hit, dict.fromkeys(range(10), ONE), range(10), folds=0,
    ),
    "one in doubt by what is made of all": Case(
        "sum", "if equity > bank.widest then 0 USD else weight",
        lambda n, row, move: _hit(n, {**row, "edge": "4.88"}, move),
        {FIRST: ONE}, [FIRST], folds=0,
    ),
    "a member's": Case(
        "sum", "if account.equity > account.edge then 0 USD else worth", _member,
        in_one_move(limit=["1.05", "0.5", "0.5"]), [FIRST], entity="position",
    ),
    "a divisor that is zero in one move": Case(
        "sum", "weight / (equity - edge) * 1 USD", _share, in_one_move(limit=["0"] * 3), [FIRST, MIDDLE, LAST],
        dict.fromkeys((FIRST, MIDDLE, LAST), Cause.DIVISION),
    ),
    "a divisor that floats take for zero": Case(
        "max", "weight / (equity - edge) * 1 USD", _share,
        {FIRST: {"cash": "1.3", "sizes": "1.9 2.4", "edge": "3.10599999999999999999", "limit": "1e19"},
         MIDDLE: {"cash": "9.2", "sizes": "2.3 1.0", "edge": "11.74099999999999999999", "limit": "1e21"},
         LAST: {"cash": "7.8", "sizes": "1.8 0.5", "edge": "10.21499999999999999999", "limit": "1e20"}},
        [FIRST, MIDDLE, LAST],
    ),
    "cells that are unknown in some moves": Case(
        "sum", "if move * weight > edge then cash else weight", _lent,
        {FIRST: {"cash": "x", "weight": "0.1", "edge": "1", "limit": "1"},  # never asked for: ten tenths
         MIDDLE: {"cash": "x", "weight": "3", "edge": "0.4"},  # in some
         7: {"cash": "x", "weight": "3", "edge": "-9"},  # in all
         LAST: {"cash": "2", "weight": "x"}},
        [FIRST], {MIDDLE: Cause.NOT_A_VALUE, 7: Cause.NOT_A_VALUE, LAST: Cause.NOT_A_VALUE},
    ),
    "a cell that floats would ask for in the last move": Case(
        "min", "if move * weight > edge then cash else weight", _lent,
        {FIRST: {"cash": "x", "weight": "0.1", "edge": "0.09", "limit": "0.1"},
         LAST: {"cash": "0", "weight": "0.1", "edge": "0.09", "limit": "0.1"}},
        [FIRST, LAST],
        grid="  move in -40%, 30%, 90%\n  market.mark becomes mark * (1 + move)\n",
        moves=(Fraction(-2, 5), Fraction(3, 10), Fraction(9, 10)),
    ),
    "infinite in the first move": Case(
        "sum", "if equity > edge then weight / equity * 1 USD else infinite", _health,
        {MIDDLE: {"cash": "1", "sizes": "2", "edge": "1.9"}}, [], {MIDDLE: Cause.OVERFLOW},
    ),
    "infinite in the last move": Case(
        "mean", "if equity > edge then weight / equity * 1 USD else infinite", _health,
        {MIDDLE: {"cash": "9", "sizes": "-2", "edge": "7"}}, [], {MIDDLE: Cause.OVERFLOW},
    ),
    "the least of what is infinite in some moves": Case(
        "min", "if equity > edge then weight / equity * 1 USD else infinite", _health,
        {FIRST: {"cash": "1", "sizes": "2", "edge": "1.9", "limit": "0.3"},
         MIDDLE: {"cash": "1", "sizes": "2", "edge": "99", "limit": "9e99"}}, [],
    ),
    "two moves that differ by less than a float tells": Case(
        "sum", "weight", _turned,
        {FIRST: {"weight": "0.3", "limit": "0"}, LAST: {"weight": "-0.3", "limit": "0"}}, [FIRST, LAST],
        grid=TURNED, moves=(Fraction(1), Fraction("-1.000000000000000003")),
    ),
    "a branch that floats don't take": Case(  # of zero, whose error is none
        "sum", "net", _net,
        {FIRST: {"cash": "0", "weight": "0.3", "sizes": "0.5 2.2", "edge": "1.89", "limit": "0"},
         LAST: {"cash": "0", "weight": "0.3", "sizes": "0.5 2.2", "edge": "1.89", "limit": "0"}},
        [FIRST, LAST], formulas="  net = if equity > edge then 0 USD else weight + cash\n",
        grid=TURNED, moves=(Fraction(1), Fraction("-1.000000000000000003")),
    ),
}  # fmt: skip


FEW, MANY = 2, 999
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
def small_books() -> Iterator[None]:
    with (
        patch.multiple(grid_folds, FEWEST=FEW, LEAST=0),
        patch.object(grid_folds, "_shaped", lambda *_: None),  # nor from few moves
        patch.multiple(fast, AGAIN=0, BLOCK=7),
        patch.object(acting, "FEWEST", 1),
    ):
        yield


@pytest.mark.parametrize("name", CASES)
def test_what_floats_get_wrong(name: str) -> None:
    assert from_reference(*judged(CASES[name])) == []


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


def judged(case: Case) -> tuple[Policy, Book]:
    """Decided as plain fractions decide it, in every way of evaluating it."""
    policy = case.policy()
    given = case.book(policy)
    plain = _plain(case, given, Fraction)
    assert _accounts(given, case, plain, _plain(case, given, float)) == [*case.wrong]
    for row, (_, above, _) in enumerate(plain):
        assert (above is UNKNOWN) == (_account(given, case, row) in case.unknown)
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
        columns = zip(*(column_of(quick, case.entity, name) for name in DECIDED), strict=True)
        got = [tuple(UNKNOWN if isinstance(v, Origin) else v for v in values) for values in columns]
        assert got == plain
        for row, value in enumerate(column_of(quick, case.entity, "found")):
            cause = case.unknown.get(_account(given, case, row))
            assert (value.cause if isinstance(value, Origin) else None) is cause
        assert differences(quick, careful) == []
    return policy, given


def _plain(case: Case, book: Book, n: Number) -> list[tuple[object, ...]]:
    rows = [{**ROW, **case.rows.get(i, {})} for i in range(LAST + 1)]
    if case.entity == "account":
        return [case.decided(n, row) for row in rows]
    seen = [0] * len(rows)
    found = []
    for account in book.tables["position"].columns["account"].values.tolist():
        found.append(case.decided(n, {**rows[account], "at": str(seen[account])}))
        seen[account] += 1
    return found


def _account(book: Book, case: Case, row: int) -> int:
    return row if case.entity == "account" else int(book.tables["position"].columns["account"].values[row])


def _accounts(book: Book, case: Case, a: Sequence[object], b: Sequence[object]) -> list[int]:
    """Those with a row in which the two differ."""
    rows = (i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y)
    return sorted({_account(book, case, row) for row in rows})
