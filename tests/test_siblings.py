"""Aggregates that go up and down again, `first`, and tables of correlations, against plain Python."""

import itertools
import random
from fractions import Fraction
from math import sqrt

import numpy as np
import pytest

from dsl.correlations import negative
from evaluator import pairs
from evaluator.explain import explain
from evaluator.run import evaluate
from evaluator.snapshot import book_of
from tests.test_groups import column, policy_of, results_of

BOOKS = """policy "Books"

entity book:
  worst = if count(option via book) > 0 then min(option.payoff via book) else 0

entity option:
  book   : book
  strike : number
  size   : number
  twin   : book?
  payoff  = sum(book.option.size * max(0, strike - book.option.strike) via book)
  nearer  = sum(1 / (book.option.strike - strike) via book where book.option.strike > strike)
  beyond  = if known(twin) then count(twin.option.strike > strike via book) else -1
  heaviest = first(book.option.strike by -abs(book.option.size) via book)
  next     = first(book.option.strike by book.option.strike via book where book.option.strike > strike)
"""


def options(count: int, books: int) -> dict[str, dict[str, list[str]]]:
    draw = random.Random(7)
    names = [f"b{i}" for i in range(books)]
    return {
        "book": {"book": names},
        "option": {
            "option": [f"o{i}" for i in range(count)],
            "book": [draw.choice(names) for _ in range(count)],
            "strike": [str(draw.randint(1, 9) * 10) for _ in range(count)],
            "size": [str(draw.choice((-2, -1, 1, 3))) for _ in range(count)],
            "twin": [draw.choice((*names, "")) for _ in range(count)],
        },
    }


def test_siblings_are_the_rows_of_what_is_above() -> None:
    book = options(40, 4)
    results = results_of(BOOKS, book)
    rows = [dict(zip(book["option"], cells, strict=True)) for cells in zip(*book["option"].values(), strict=True)]
    payoff, beyond = column(results, "option", "payoff"), column(results, "option", "beyond")
    nearer = column(results, "option", "nearer")
    heaviest, following = column(results, "option", "heaviest"), column(results, "option", "next")
    for row in rows:
        own = [r for r in rows if r["book"] == row["book"]]
        strike = int(row["strike"])
        assert payoff[row["option"]] == sum(int(r["size"]) * max(0, strike - int(r["strike"])) for r in own)
        higher = [int(r["strike"]) for r in own if int(r["strike"]) > strike]
        assert nearer[row["option"]] == pytest.approx(sum(1 / (h - strike) for h in higher))
        assert following[row["option"]] == (min(higher) if higher else None)
        there = [r for r in rows if r["book"] == row["twin"]]
        expected = sum(int(r["strike"]) > strike for r in there) if row["twin"] else -1
        assert beyond[row["option"]] == expected
        first = min(own, key=lambda r: (-abs(int(r["size"])), r["option"]))
        assert heaviest[row["option"]] == int(first["strike"])


def test_the_size_of_blocks_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = results_of(BOOKS, options(60, 5)).evaluation.columns["option"]
    for most in (1, 7, 100):
        monkeypatch.setattr(pairs, "MOST_PAIRS", most)
        blocks = results_of(BOOKS, options(60, 5)).evaluation.columns["option"]
        for name, found in whole.items():
            assert np.array_equal(found.values, blocks[name].values), name
            known = (found.known(), blocks[name].known())
            assert np.array_equal(*known), name


def test_an_unknown_sibling_makes_unknown_and_a_filtered_one_does_not() -> None:
    book = options(6, 1)
    book["option"] |= {"strike": ["10", "20", "x", "40", "50", "60"], "size": ["1"] * 6}
    results = results_of(BOOKS + "  small = count(book.option.size > 5 via book)\n", book)
    assert set(column(results, "option", "payoff").values()) == {None}
    assert set(column(results, "option", "small").values()) == {0.0}


FIRST = """policy "First"
unit USD

entity account:
  name   = first(position.label by -position.notional)
  side   = first(position.side by position.opened where position.notional > 10 USD)
  long   = first(position.notional > 15 USD by position.notional)
  opened = first(position.opened by position.notional / 3)
  owner  = first(position.market by position.notional) = "BTC"
  fee    = first(position.fee by position.notional where known(position.fee))

entity market:
  mark : USD

entity position:
  account  : account
  market   : market
  label    : text
  side     : one of long, short
  notional : USD
  opened   : date
  fee      : USD?
"""


def positions(notional: list[str], fee: list[str]) -> dict[str, dict[str, list[str]]]:
    n = len(notional)
    return {
        "account": {"account": ["a", "none"]},
        "market": {"market": ["BTC", "ETH"], "mark": ["1", "2"]},
        "position": {
            "position": [f"p{9 - i}" for i in range(n)], "account": ["a"] * n, "market": ["ETH", "BTC", "BTC"][:n],
            "label": ["x", "y", "z"][:n], "side": ["long", "short", "short"][:n], "notional": notional,
            "opened": ["2026-03-01", "2026-02-01", "2026-01-01"][:n], "fee": fee,
        },
    }  # fmt: skip


def test_first_of_every_type() -> None:
    results = results_of(FIRST, positions(["20", "10", "30"], ["1", "2", ""]))
    texts = results.texts("account", "name")
    assert texts[int(column(results, "account", "name")["a"])] == "z"  # type: ignore[call-overload]
    assert column(results, "account", "side") == {"a": 1, "none": None}
    assert column(results, "account", "long") == {"a": False, "none": None}
    assert column(results, "account", "opened")["a"] == 1769904000.0  # 2026-02-01
    assert column(results, "account", "owner") == {"a": True, "none": None}
    assert column(results, "account", "fee") == {"a": 2.0, "none": None}


def test_first_goes_by_the_key_where_rows_are_equal() -> None:
    results = results_of(FIRST, positions(["10", "10", "10"], ["1", "2", "3"]))
    assert column(results, "account", "fee")["a"] == 3.0  # p7 before p8 and p9
    third = results_of(FIRST, positions(["0.3", "0.3", "0.30000000000000000001"], ["1", "2", "3"]))
    assert column(third, "account", "fee")["a"] == 2.0  # p8 before p9; p7 is larger, by less than floats tell


def test_an_unknown_place_makes_first_unknown_and_an_unknown_value_only_the_first_s() -> None:
    assert column(results_of(FIRST, positions(["10", "x", "10"], ["1", "2", "3"])), "account", "fee")["a"] is None
    assert column(results_of(FIRST, positions(["10", "20", "30"], ["1", "x", "3"])), "account", "fee")["a"] is None
    no_where = FIRST.replace(" where known(position.fee)", "").replace("USD?", "USD")
    assert column(results_of(no_where, positions(["10", "20", "30"], ["1", "x", "3"])), "account", "fee")["a"] == 1.0
    assert column(results_of(no_where, positions(["10", "20", "30"], ["x", "2", "3"])), "account", "fee")["a"] is None


def test_explain_shows_siblings() -> None:
    policy = policy_of(BOOKS)
    book = book_of(policy, options(6, 1))
    evaluation = evaluate(policy, book, {})
    payoff = next(f for f in explain(evaluation, "option", 0).formulas if f.name == "payoff")
    (total,) = payoff.parts
    assert (total.kind, total.members, len(total.parts)) == ("aggregate", 6, 5)


MATRICES: list[tuple[list[list[str]], bool]] = [
    ([["1"]], False),
    ([["1", "1"], ["1", "1"]], False),
    ([["1", "0.9", "-0.9"], ["0.9", "1", "0.9"], ["-0.9", "0.9", "1"]], True),
    ([["1", "0.5", "0.5"], ["0.5", "1", "-0.5"], ["0.5", "-0.5", "1"]], False),  # just at the edge: determinant 0
    ([["1", "0.5", "0.5"], ["0.5", "1", "-0.500001"], ["0.5", "-0.500001", "1"]], True),
    ([["0", "1"], ["1", "0"]], True),
]


@pytest.mark.parametrize(("cells", "bad"), MATRICES)
def test_a_combination_of_negative_variance_is_found_where_there_is_one(cells: list[list[str]], bad: bool) -> None:
    matrix = [[Fraction(c) for c in row] for row in cells]
    found = negative(matrix)
    assert (found is not None) is bad
    if found is not None:
        weights, variance = found
        size = range(len(matrix))
        assert sum(weights[i] * weights[j] * matrix[i][j] for i, j in itertools.product(size, size)) == variance < 0


def test_random_matrices_agree_with_their_eigenvalues() -> None:
    draw = random.Random(3)
    seen = set()
    for _ in range(60):
        size = draw.randint(2, 5)
        matrix = [[Fraction(1)] * size for _ in range(size)]
        for i, j in itertools.combinations(range(size), 2):
            matrix[i][j] = matrix[j][i] = Fraction(draw.randint(-9, 9), 10)
        lowest = float(np.linalg.eigvalsh(np.array(matrix, dtype=float))[0])
        if abs(lowest) > 1e-6:
            seen.add(lowest < 0)
            assert (negative(matrix) is not None) is (lowest < 0)
    assert seen == {True, False}


def test_correlated_risk_is_the_root_of_the_sum_over_pairs() -> None:
    text = """policy "Risk"
entity account:
  risk = sqrt(sum(leg.risk * leg.mixed))
entity leg:
  account : account
  name    : text
  risk    : number
  mixed   = sum(account.leg.risk * rho(name, account.leg.name))
table rho(a, b) correlation:
  | a = | b = | rho |
  | x   | x   | 1   |
  | x   | y   | 0.3 |
  | y   | x   | 0.3 |
  | y   | y   | 1   |
"""
    legs = {"leg": ["1", "2", "3"], "account": ["a"] * 3, "name": ["x", "y", "x"], "risk": ["3", "-4", "1"]}
    results = results_of(text, {"account": {"account": ["a"]}, "leg": legs})
    assert column(results, "account", "risk")["a"] == pytest.approx(sqrt(16 + 16 - 2 * 0.3 * 16))


KEYS = """policy "Keys"
entity market:
  mark : number
entity position:
  market : market
  label  : text
  fixed  = market = "BTC"
  told   = label != market
"""


def test_a_link_is_compared_with_a_text_by_its_key() -> None:
    position = {"position": ["a", "b", "c"], "market": ["BTC", "ETH", "BTC"], "label": ["BTC", "BTC", "ETH"]}
    results = results_of(KEYS, {"market": {"market": ["ETH", "BTC"], "mark": ["1", "2"]}, "position": position})
    assert column(results, "position", "fixed") == {"a": True, "b": False, "c": True}
    assert column(results, "position", "told") == {"a": False, "b": True, "c": True}


TRIED = """policy "Tried"
unit USD

entity account:
  cash  : USD
  next  = first(leg.fee by leg.size * 0)
  need  = if next > 0 then 10 USD else 20 USD
  lacks = need - cash

tiers account:
  | cash >= | tier | close                                                              |
  | 100     | fine | 0%                                                                 |
  | other   | trim | until after.cash >= 50 USD and first(leg.fee by after.cash * 0) > 0 |
  | unknown | hold | 0%                                                                 |

effect:
  account.cash becomes cash + close * 100 USD

entity leg:
  account : account
  fee     : number
  size    : number
"""


def test_first_goes_by_the_key_where_only_some_rows_are_tried() -> None:
    legs = {
        "leg": ["y", "z", "b", "a"], "account": ["rich", "rich", "poor", "poor"], "fee": ["1", "2", "-1", "1"],
        "size": ["1"] * 4,
    }  # fmt: skip
    results = results_of(TRIED, {"account": {"account": ["rich", "poor"], "cash": ["200", "10"]}, "leg": legs})
    assert column(results, "account", "close") == {"rich": 0.0, "poor": 0.4}
