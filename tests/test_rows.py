"""Rows of a table by the tiers in which they, or their accounts, stand."""

import numpy as np
import pytest

import softliq
from evaluator.results import Results
from evaluator.run import evaluate
from tests.evaluator_models import checked, compiled

POLICY = """policy "Rows"
unit USD

entity account:
  cash : USD > 0
  owed = sum(position.owed)
  load = owed / cash

entity position:
  account : account
  owed    : USD
  fee     = account.fee * owed

entity leg:
  position : position
  weight   : number

entity market:
  mark : USD

tiers account:
  | load <= | tier    | fee |
  | 100%    | healthy | 0%  |
  | 200%    | watch   | 1%  |
  | other   | shut    | 5%  |
  | unknown | hold    | 0%  |
"""
TABLES = {
    "account": {"account": ["a", "b", "c", "d"], "cash": [100, 100, 100, None]},
    "position": {
        "position": ["p0", "p1", "p2", "p3", "p4", "p5"],
        "account": ["c", "a", "b", "c", "d", "b"],
        "owed": [250, 50, 100, 100, 1, 50],
    },
    "leg": {"leg": ["x", "y", "z"], "position": ["p3", "p1", "p0"], "weight": [1, 2, 3]},
    "market": {"market": ["m"], "mark": [1]},
}


@pytest.fixture
def results() -> Results:
    return Results(evaluate(*compiled(POLICY, TABLES), {}))


@pytest.mark.parametrize(
    ("entity", "tiers", "keys"),
    [
        ("account", ["healthy"], ["a"]),
        ("account", ("shut", "watch"), ["b", "c"]),
        ("account", {"hold"}, ["d"]),
        ("account", [], []),
        ("position", ["shut"], ["p0", "p3"]),
        ("position", ["watch", "hold"], ["p2", "p4", "p5"]),
        ("leg", ["shut"], ["x", "z"]),
    ],
)
def test_the_rows_of_some_tiers(results: Results, entity: str, tiers: list[str], keys: list[str]) -> None:
    found = results.rows(entity, tiers)
    assert found.keys == keys and len(found) == len(keys)
    assert [results.book.tables[entity].keys[n] for n in found.numbers.tolist()] == keys


def test_their_columns(results: Results) -> None:
    shut = results.rows("position", ["shut"])
    fee, owed, account = (shut.column(name) for name in ("fee", "owed", "account"))
    assert fee is not None and fee.values.tolist() == [12.5, 5] and fee.quality is None
    assert owed is not None and owed.values.tolist() == [250, 100]
    assert account is not None and account.values.tolist() == [2, 2]
    assert shut.column("nothing") is None
    held = results.rows("account", ["hold", "healthy"]).column("cash")
    assert held is not None and held.known().tolist() == [True, False]


@pytest.mark.parametrize(
    ("entity", "tiers", "message"),
    [
        ("account", ["shutt"], "`account` has no tier `shutt`; it has `healthy`, `watch`, `shut`, `hold`"),
        ("account", "shut", "tiers are given as a list: ['shut']"),
        ("market", ["shut"], "neither `market` nor what its links lead to has tiers"),
        ("trade", ["shut"], "the policy has no entity `trade`; it has `account`, `position`, `leg`, `market`"),
    ],
)
def test_what_is_asked_for_is_there(results: Results, entity: str, tiers: list[str], message: str) -> None:
    with pytest.raises(ValueError) as error:
        results.rows(entity, tiers)
    assert str(error.value) == message


TWO = POLICY.replace("  account : account\n", "  account : account\n  payer   : account\n")
TWO = TWO.replace("sum(position.owed)", "sum(position.owed via account)")


def test_it_is_clear_which_link_is_meant() -> None:
    tables = TABLES | {"position": TABLES["position"] | {"payer": ["a"] * 6}}
    with pytest.raises(ValueError) as error:
        Results(evaluate(*compiled(TWO, tables), {})).rows("leg", ["shut"])
    wanted = "several links lead from `leg` to rows with tiers: `leg.position.account`, `leg.position.payer`"
    assert str(error.value) == wanted


def test_a_link_that_is_unknown_leads_nowhere() -> None:
    tables = TABLES | {"leg": TABLES["leg"] | {"position": ["p3", None, "p0"]}}
    results = Results(evaluate(*compiled(POLICY, tables), {}))
    assert results.rows("leg", ["healthy", "watch", "shut", "hold"]).keys == ["x", "z"]


@pytest.mark.parametrize("laid_out", [False, True])
def test_large_books_have_the_same(laid_out: bool) -> None:
    rows, rng = 30_000, np.random.default_rng(5)
    account = rng.integers(0, rows // 4, rows)
    owed = rng.uniform(0, 50, rows)
    book = softliq.book_of(
        checked(POLICY),
        {
            "account": {"account": np.arange(rows // 4), "cash": np.full(rows // 4, 60.0)},
            "position": {"position": np.arange(rows), "account": account, "owed": owed},
            "leg": {"leg": [], "position": [], "weight": []},
            "market": {"market": [], "mark": []},
        },
    )
    policy = checked(POLICY)
    found = softliq.evaluate(policy, softliq.indexed(book) if laid_out else book, columns=["position.fee"])
    total = np.bincount(account, owed, rows // 4)
    shut = np.flatnonzero((total > 120)[account])
    assert 100 < len(shut) < rows - 100
    positions = found.rows("position", ["shut"])
    fee = positions.column("fee")
    assert np.array_equal(positions.numbers, shut) and fee is not None
    assert np.array_equal(fee.values, 0.05 * owed[shut])
    assert np.array_equal(found.rows("account", ["shut"]).numbers, np.flatnonzero(total > 120))
