"""Solve at its edges: ranges, ties, batches, and what an explanation shows."""

import re
from fractions import Fraction

import numpy as np
import pytest

from dsl.causes import Cause
from evaluator.columns import Origin
from evaluator.explain import explain
from evaluator.places import Unknown
from evaluator.reference import Reference
from evaluator.run import evaluate
from evaluator.snapshot import book_of
from tests.test_solve import PERPETUALS, policy_of

EDGES = """policy "Edges"
unit USD
entity fund once:
  pool : USD >= 0
  rest = pool - sum(row.loss)
entity row:
  x : number in 0 to 10
  y : number?
  loss = max(0, x - 5) * 1 USD
  kinked = abs(x - 4) + 1
  stepped = rates(x)
  root = sqrt(x)
  square = x * x
  a = solve({target} until {condition})
table rates(x: number):
  | x >= | rate |
  | 0    | 1    |
  | 3    | 2    |
  | 7    | 5    |
"""
# target, condition, x today, the value (None where never reached)
EDGE_CASES = [
    ("x", "x >= 3", "1", 3), ("x", "x > 3", "1", 3), ("x", "x < 3", "7", 3), ("x", "x >= 3", "5", 5),
    ("x", "kinked <= 1", "9", 4), ("x", "kinked < 1", "9", None), ("x", "kinked <= 2", "0", 3),
    ("x", "kinked >= 3", "4", 2),  # as near above as below: the lower
    ("x", "stepped >= 2", "0", 3), ("x", "stepped < 2", "7", 3), ("x", "stepped = 2", "8", 7),
    ("x", "x = 3", "1", 3), ("x", "x != 3", "3", 3), ("x", "x >= 10", "1", 10), ("x", "x > 10", "1", None),
    ("x", "x <= 0", "1", 0), ("x", "x < 0", "1", None),
    ("x", "x > 2 and x < 3", "1", 2), ("x", "x > 2 and x <= 2", "1", None), ("x", "x < 1 or x > 5", "4", 5),
    ("x", "root >= 2", "1", 4), ("x", "square >= 9", "1", 3), ("x", "root >= 2 or x >= 3", "1", 3),
    ("x", "1 / (x - 2) > 2", "1", 2), ("x", "1 / (x - 2) > 2", "5", 2.5),
    ("fund.pool", "fund.rest <= 1 USD", "7", 3), ("x", "fund.rest <= 7 USD", "1", 8),
    ("y", "y ?? 0 > x", "1", "blank"), ("x", "infinite <= x", "1", None),
]  # fmt: skip


@pytest.mark.parametrize(("target", "condition", "today", "value"), EDGE_CASES)
def test_edges(target: str, condition: str, today: str, value: float | str | None) -> None:
    policy = policy_of(EDGES.format(target=target, condition=condition))
    book = book_of(policy, {"fund": {"pool": ["10"]}, "row": {"row": ["r"], "x": [today], "y": [""]}})
    column = evaluate(policy, book, {}).column("row", "a")
    exact = Reference(policy, book, {}).cell("row", "a", 0)
    if isinstance(value, int | float):
        assert column.known().all()
        assert column.values[0] == pytest.approx(value, rel=1e-12, abs=1e-12)
        assert isinstance(exact, Fraction)
        assert float(exact) == pytest.approx(value, rel=1e-12, abs=1e-12)
    else:
        assert isinstance(exact, Unknown)
        assert column.quality is not None
        assert column.quality[0] == exact.code
        wanted = Cause.BLANK if value == "blank" else Cause.UNREACHED
        assert Origin.of(exact.code).cause is wanted


TIES = """policy "Ties"
unit USD
entity system once:
  pool : USD
entity account:
  own   : USD
  cash  : USD
  limit : USD
  a = solve({target} until {condition})
table steps(x: USD):
  | x >=  | step |
  | 0 USD | 1    |
  | 1 USD | 2    |
"""
LESS, MORE = "0.9999999999999999999", "1.0000000000000000001"  # both are 1.0 as floats
# condition of the number x that moves, x today, cash, limit, the value (None where never reached)
TIED = [
    ("max(x, cash) < limit", "1", LESS, "1", 1), ("max(x, cash) < limit", "2", LESS, "1", 1),
    ("max(x, cash) < limit", "2", "1", "1", None), ("max(x, cash) < limit", "1", "0.1", "0.1", None),
    ("min(x, cash) > limit", "1", MORE, "1", 1), ("min(x, cash) > limit", "0", MORE, "1", 1),
    ("clamp(x, 0 USD, cash) > limit", "0", MORE, "1", 1), ("clamp(x, cash, 3 USD) < limit", "2", LESS, "1", 1),
    ("(if max(x, cash) < limit then 1 else 3) < 2", "2", LESS, "1", 1),
    ("(if x < 1 USD then cash else 1 USD) < limit", "1", LESS, "1", 1),
    ("steps(max(x, cash)) <= 1", "1", LESS, "1", 1), ("steps(max(x, cash)) <= 1", "3", LESS, "1", 1),
    ("sign(max(x, cash) - limit) < 0", "2", LESS, "1", 1),
    ("round_down(max(x, cash), 1 USD) < limit", "2", LESS, "1", 1),
    ("x < 1 USD and x + cash < x + limit", "3", LESS, "1", 1),
    ("x < 1 USD and x + cash < x + limit", "3", "1", "1", None),
    ("x < limit and x > cash", "1", LESS, "1", 1),  # what holds for less than floats tell apart
    ("max(x, cash) < limit and x <= 5 USD", "9", "1e15", "1000000000000001", 5),  # near, and yet sharp
    ("max(x, 0.1 USD + 0.2 USD) <= cash + limit", "2", "0.1", "0.2", 0.3),
]  # fmt: skip


@pytest.mark.parametrize("target", ["own", "system.pool"])
@pytest.mark.parametrize(("condition", "today", "cash", "limit", "value"), TIED)
def test_sides_that_float_cannot_tell_apart_are_searched_exactly(
    target: str, condition: str, today: str, cash: str, limit: str, value: float | None
) -> None:
    policy = policy_of(TIES.format(target=target, condition=re.sub(r"\bx\b", target, condition)))
    account = {"account": ["a"], "own": [today], "cash": [cash], "limit": [limit]}
    book = book_of(policy, {"system": {"pool": [today]}, "account": account})
    column = evaluate(policy, book, {}).column("account", "a")
    exact = Reference(policy, book, {}).cell("account", "a", 0)
    assert (float(exact) if isinstance(exact, Fraction) else None) == value
    assert (column.values[0] if column.known()[0] else None) == value


def test_sides_that_are_equal_by_construction_need_no_exact_search(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = policy_of(TIES.format(target="own", condition="max(0 USD, own, cash) > limit"))
    count = 50
    account = {"own": [str(i / 10) for i in range(count)], "cash": ["1"] * count, "limit": ["1"] * count}
    book = book_of(policy, {"system": {"pool": ["1"]}, "account": {"account": list(map(str, range(count))), **account}})
    monkeypatch.setattr("evaluator.solve._Solving._exactly", lambda self, row: pytest.fail(f"row {row} in doubt"))
    column = evaluate(policy, book, {}).column("account", "a")
    assert column.values.tolist() == [max(1.0, i / 10) for i in range(count)]


def test_copies_in_small_batches_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    policy = policy_of(PERPETUALS)
    accounts, positions = 40, 120
    book = book_of(policy, {
        "market": {"market": ["m0", "m1", "m2"], "mark": ["10", "20", "30"]},
        "account": {
            "account": [f"a{i}" for i in range(accounts)], "rate": ["0.01"] * accounts,
            "collateral": [str(c) for c in rng.integers(0, 900, accounts)],
        },
        "position": {
            "position": [f"p{i}" for i in range(positions)],
            "account": [f"a{i}" for i in rng.integers(0, accounts, positions)],
            "market": [f"m{i}" for i in rng.integers(0, 3, positions)],
            "size": [str(s) for s in rng.integers(-9, 9, positions)], "entry": ["15"] * positions,
        },
    })  # fmt: skip
    whole = evaluate(policy, book, {}).column("position", "liquidation")
    monkeypatch.setattr("evaluator.solve_sought.LARGEST", 16)
    parts = evaluate(policy, book, {}).column("position", "liquidation")
    assert np.array_equal(whole.values, parts.values)
    assert whole.quality is not None
    assert parts.quality is not None
    assert np.array_equal(whole.quality, parts.quality)


def test_explain_shows_what_the_condition_is_made_of_there() -> None:
    policy = policy_of(PERPETUALS)
    book = book_of(policy, {
        "market": {"market": ["m"], "mark": ["100"]},
        "account": {"account": ["a"], "collateral": ["21"], "rate": ["0.5"]},
        "position": {"position": ["p"], "account": ["a"], "market": ["m"], "size": ["-1"], "entry": ["129"]},
    })  # fmt: skip
    found = explain(evaluate(policy, book, {}), "position", 0)
    (step,) = next(f for f in found.formulas if f.name == "liquidation").parts
    assert (step.kind, step.name, step.value, step.way) == ("solve", "market.mark", 100.0, "today's value")
    health = next(p for p in step.parts if p.name == "health")
    assert health.value == 1.0
