"""Draws by hand, in other states of the book, and explained."""

from fractions import Fraction
from typing import Any

import pytest

from dsl.causes import Cause
from dsl.check import check
from dsl.diagnostics import Diagnostics
from dsl.model import Const, Policy
from dsl.parse import parse
from dsl.source import Source
from dsl.state import shocked
from evaluator.columns import Origin
from evaluator.explain import explain
from evaluator.laws import run_laws
from evaluator.reference import Reference
from evaluator.run import evaluate
from evaluator.snapshot import book_of
from evaluator.testing import run_tests
from tests.test_compiled_equals_reference import differences
from tests.test_draws import TAKES, Line, Number, paid, row

# what is drawn from, what is taken, the rows, what there is; what each takes (None: unknown)
CASES: dict[str, tuple[str, str, list[dict[str, Any]], float, dict[str, Number], dict[str, Number]]] = {
    "the smallest rank first": (
        "fund.pool", "min(need, left)", [row("a", 60, 2), row("b", 70, 1)], 100, {"i0": 0.0}, {"a": 30.0, "b": 70.0},
    ),
    "ties by key, as texts": (
        "fund.pool", "min(need, left)", [row("a2", 60, 1), row("a10", 60, 1)], 100, {"i0": 0.0},
        {"a2": 40.0, "a10": 60.0},
    ),
    "the least of two pools": (
        "fund.pool, ilk.room", "min(need, left)", [row("a", 50, 1), row("b", 50, 2, ilk="i1"), row("c", 50, 3)], 90,
        {"i0": 40.0, "i1": 90.0}, {"a": 40.0, "b": 50.0, "c": 0.0},
    ),
    "one row of one entity on two ways is one pool": (
        "ilk.room, second.room", "min(need, left)", [row("a", 30, 1, second="i0"), row("b", 90, 2, second="i0")], 0,
        {"i0": 100.0}, {"a": 30.0, "b": 70.0},
    ),
    "nothing is left of a pool below zero": (
        "fund.pool", "min(need, left)", [row("a", 1, 1)], -5, {"i0": 0.0}, {"a": 0.0},
    ),
    "taking more than is left is unknown, and so is the rest": (
        "fund.pool", "need", [row("a", 60, 1), row("b", 41, 2), row("c", 0, 3), row("d", 1, 4)], 100, {"i0": 0.0},
        {"a": 60.0, "b": None, "c": 0.0, "d": None},
    ),
    "taking less than nothing is unknown": (
        "fund.pool", "need", [row("a", -1, 1)], 100, {"i0": 0.0}, {"a": None},
    ),
    "an unknown order makes the pool unknown": (
        "ilk.room", "min(need, left)", [row("a", 1, 1), row("b", 1, None), row("c", 1, 9, ilk="i1")], 0,
        {"i0": 9.0, "i1": 9.0}, {"a": None, "b": None, "c": 1.0},
    ),
    "but not that of one who takes nothing anyway": (
        "fund.pool", "if shut then min(need, left) else 0", [row("a", 1, 1), row("b", 1, None, shut=False)], 9,
        {"i0": 9.0}, {"a": 1.0, "b": 0.0},
    ),
    "an unknown take makes what is left unknown after it": (
        "fund.pool", "min(need, left)", [row("a", 1, 1), row("b", None, 2), row("c", 1, 3)], 9, {"i0": 9.0},
        {"a": 1.0, "b": None, "c": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_by_hand(name: str) -> None:
    named, take, rows, fund, ilks, expected = CASES[name]
    line = Line(named, take, rows, fund, ilks if "i1" in ilks else {**ilks, "i1": 0.0})
    policy, book = line.book()
    found = paid(policy, book)
    known = zip(book.tables["account"].keys, found.values.tolist(), found.known().tolist(), strict=True)
    assert {key: value if there else None for key, value, there in known} == expected
    assert line.expected() == expected
    assert differences(policy, book) == []


def test_an_overdraft_has_its_own_cause_where_it_began() -> None:
    rows = [row("a", 60, 1), row("b", 41, 2), row("d", 1, 4)]
    policy, book = Line("fund.pool", "need", rows, 100, {"i0": 0.0, "i1": 0.0}).book()
    quality = paid(policy, book).quality
    assert quality is not None
    origins = [Origin.of(int(code)) for code in quality[1:]]
    assert [o.cause for o in origins] == [Cause.OVERDRAWN, Cause.OVERDRAWN]
    assert [book.tables["account"].keys[o.row] for o in origins] == ["b", "b"]


def test_a_turn_in_doubt_is_decided_exactly_and_counted() -> None:
    # 0.3 - 0.1 is less than 0.2 in floats, and 0.2 in decimals: all or nothing hangs on it
    rows = [row("a", 0.1, 1), row("b", 0.2, 2), row("c", 0.1, 3)]
    policy, book = Line("fund.pool", list(TAKES)[2], rows, 0.3, {"i0": 0.0, "i1": 0.0}).book()
    found = evaluate(policy, book, {})
    assert found.columns["account"]["paid"].values.tolist() == [0.1, 0.2, 0.0]
    assert found.decided["account"] >= 1
    # and the other way round: 0.8 - 0.7 is above 0.1 in floats, so that a tenth and a bit more than that would fit
    rows = [row("a", 0.7, 1), row("b", 0.10000000000000002, 2)]
    policy, book = Line("fund.pool", list(TAKES)[2], rows, 0.8, {"i0": 0.0, "i1": 0.0}).book()
    assert paid(policy, book).values.tolist() == [0.7, 0.0]


# -- other states of the book ---------------------------------------------------------------------

STATES = """policy "drawn"
unit USD
entity fund once:
  pool : USD >= 0
  kept = pool - sum(account.paid)
entity account:
  cash : USD
  rank : number
  deficit = max(0, -cash)
  paid    = draw(fund.pool by rank: min(deficit, left))
  least   = min(paid over moves)
  at      = argmin(paid over moves)
  later   = after.paid
tiers account:
  | cash >= | tier | close |
  | 0       | fine | 0%    |
  | other   | shut | 50%   |
  | unknown | hold | 0%    |
effect:
  account.cash becomes cash * (1 - close)
scenario run(more: USD):
  account.cash becomes cash - more
grid moves:
  | name | off    | part |
  | none | 0 USD  | 100% |
  | all  | 10 USD | 100% |
  | dry  | 0 USD  | 10%  |
  account.cash becomes cash - off
  fund.pool    becomes pool * part
check "the fund holds": fund.kept >= 0
always "nobody is paid more than is missing" on account: paid <= deficit
test "by hand":
  given fund
    | pool |
    | 100  |
  given account
    | account | cash | rank |
    | a       | -80  | 1    |
    | b       | -60  | 2    |
    | c       | 5    | 0    |
  expect account a: paid = 80, after.paid = 40, least = 10
  expect account b: paid = 20, after.paid = 30, least = 0, at = "dry"
  expect account c: paid = 0
  expect fund: kept = 0
"""
BOOK = {
    "fund": {"pool": ["100"]},
    "account": {"account": ["a", "b", "c"], "cash": ["-80", "-60", "5"], "rank": ["1", "2", "0"]},
}


def states() -> Policy:
    report = Diagnostics()
    policy = check(parse(Source("drawn.policy", STATES), report), report)
    assert policy is not None, [d.message for d in report.found]
    return policy


def test_rows_draw_anew_in_other_states() -> None:
    policy = states()
    assert [r.failures or r.fault for r in run_tests(policy) if not r.passed] == []
    assert [r.law.text for r in run_laws(policy) if not r.passed] == []
    assert differences(policy, book_of(policy, BOOK)) == []


def test_rows_draw_anew_in_a_scenario() -> None:
    policy = states()
    scenario = policy.scenarios["run"]
    moved = shocked(policy, scenario, {"more": Const(Fraction(10), scenario.args[0][1])})
    columns = evaluate(moved, book_of(moved, BOOK), {}).columns
    # deficits 90, 70 and 5, c first: 5, 90, then the 5 that are left
    assert columns["account"]["paid"].values.tolist() == [90.0, 5.0, 5.0]
    assert differences(moved, book_of(moved, BOOK)) == []


def test_an_explanation_shows_the_turn() -> None:
    policy = states()
    evaluation = evaluate(policy, book_of(policy, BOOK), {})
    for source in (evaluation, Reference(policy, evaluation.book, {})):
        explained = explain(source, "account", 1)
        formula = next(step for step in explained.formulas if step.name == "paid")
        turn = formula.parts[0]
        assert (turn.kind, turn.place, turn.members, turn.value, turn.name) == ("draw", 3, 3, 20.0, "fund.pool")
        assert [(p.kind, p.key, p.value) for p in turn.parts if p.kind == "before"] == [("before", "a", 80.0)]


def test_a_row_that_draws_nothing_anyway_has_no_turn_to_explain() -> None:
    policy, book = Line("fund.pool", list(TAKES)[1], [row("a", 1, 1, shut=False)], 9, {"i0": 9.0, "i1": 0.0}).book()
    formula = explain(evaluate(policy, book, {}), "account", 0).formulas[0]
    assert (formula.value, [part.kind for part in formula.parts]) == (0.0, ["input"])
