"""Decisions that are close: rows in which floating point takes the wrong side are decided exactly, wherever they stand
in a book, and hardly any others are looked at."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import softliq
from tests.evaluator_models import compiled as small_book
from tests.test_fast import both, counting_flagged, differences

POLICY = """policy "watch" version 1
unit USD
entity account:
  cash   : USD
  equity = cash + sum(position.pnl)
  need   = sum(position.need)
  health = if need > 0 then equity / need else infinite
entity position:
  account : account
  pnl     : USD
  need    : USD{range}
{tiers}
"""
FALLING = """tiers account:
  | health >= | tier    |
  | 150%      | healthy |
  | 125%      | watch   |
  | 110%      | trim    |
  | 100%      | delever |
  | other     | shut    |
  | unknown   | hold    |
"""
BOTH_WAYS = """tiers account:
  | when           | tier    |
  | health < 100%  | shut    |
  | health <= 110% | delever |
  | health > 150%  | healthy |
  | health >= 125% | watch   |
  | other          | trim    |
  | unknown        | hold    |
"""
RISING = """tiers account:
  | health <= | tier    |
  | 100%      | shut    |
  | 110%      | delever |
  | 125%      | trim    |
  | 150%      | watch   |
  | other     | healthy |
  | unknown   | hold    |
"""
_BOUNDS = [Fraction("1"), Fraction("1.1"), Fraction("1.25"), Fraction("1.5")]


def ties(count: int, seed: int) -> list[tuple[str, list[tuple[str, str]]]]:
    """Accounts whose health is a bound exactly, by cells whose sums in floating point are not: cash, and each
    position's profit and need."""
    random = np.random.default_rng(seed)
    found = []
    for i in range(count):
        needs = [Fraction(int(n), 10) for n in random.integers(1, 9_999, random.integers(1, 6))]
        profits = [Fraction(int(p), 100) for p in random.integers(-99_999, 99_999, len(needs))]
        cash = _BOUNDS[i % 4] * sum(needs) - sum(profits)
        found.append((_decimal(cash), [(_decimal(p), _decimal(n)) for p, n in zip(profits, needs, strict=True)]))
    return found


def _decimal(number: Fraction) -> str:
    return f"{number.numerator * 10_000 // number.denominator / 10_000:.4f}"


def cancelling(count: int, seed: int) -> list[tuple[str, list[tuple[str, str]]]]:
    """Accounts of which two positions, far larger than all others, cancel out; floating point loses what is left."""
    found = []
    for i, (cash, positions) in enumerate(ties(count, seed)):
        huge = 10**17 + 12_345_678 * i
        found.append((cash, [*positions, (f"{huge}.37", "0"), (f"-{huge}.37", "0")]))
    return found


def accounts_of(seed: int, least: float, most: float) -> list[tuple[str, list[tuple[str, str]]]]:
    """Ties among thousands of other accounts, some of them a million times as large as others, in any order; those of
    a health between about ``least`` and ``most``."""
    random = np.random.default_rng(seed)
    found = ties(60, seed) + cancelling(1, seed + 1)
    for _ in range(3_000):
        size = 10.0 ** random.uniform(0, 7)
        needs = [size * random.uniform(0.01, 0.2) for _ in range(random.integers(1, 5))]
        cash = sum(needs) * random.uniform(least, most)
        found.append((f"{cash:.4f}", [(f"{random.normal() * n / 9:.4f}", f"{n:.4f}") for n in needs]))
    return [found[i] for i in random.permutation(len(found)).tolist()]


def book_of_accounts(policy: softliq.Policy, accounts: list[tuple[str, list[tuple[str, str]]]]) -> softliq.Book:
    rows = [(f"a{i}", *cells) for i, (_, positions) in enumerate(accounts) for cells in positions]
    rows = [rows[i] for i in np.random.default_rng(1).permutation(len(rows)).tolist()]
    tables: dict[str, dict[str, Any]] = {
        "account": {"account": [f"a{i}" for i in range(len(accounts))], "cash": [cash for cash, _ in accounts]},
        "position": {
            "position": [str(i) for i in range(len(rows))],
            **{name: [row[i] for row in rows] for i, name in enumerate(("account", "pnl", "need"))},
        },
    }
    return softliq.book_of(policy, tables)


def tier_of(cash: str, positions: list[tuple[str, str]], sides: str) -> str:
    """By rationals. ``sides``: of each bound, whether it belongs to the tier above it or the one below."""
    need = sum(Fraction(n) for _, n in positions)
    if not need:
        return "healthy"
    health = (Fraction(cash) + sum(Fraction(p) for p, _ in positions)) / need
    above = sum(health > b or (health == b and side == "+") for b, side in zip(_BOUNDS, sides, strict=True))
    return ("shut", "delever", "trim", "watch", "healthy")[above]


@pytest.mark.parametrize(
    "tiers, sides", [(FALLING, "++++"), (RISING, "----"), (BOTH_WAYS, "+-+-")], ids=["falling", "rising", "both ways"]
)
@pytest.mark.parametrize(
    "block, least, most, range",
    [
        (300, 0.5, 3, " >= 0"),
        (1 << 16, 0.5, 3, " >= 0"),
        (1 << 16, 0.5, 3, ""),
        (1 << 16, 1.7, 3, " >= 0"),
        (1 << 16, 0.1, 0.8, ""),
    ],
    ids=["small blocks", "any health", "of any sign", "most above", "most below, of any sign"],
)
def test_ties_are_decided_exactly(
    tiers: str, sides: str, block: int, least: float, most: float, range: str, tmp_path: Path
) -> None:
    path = tmp_path / "watch.policy"
    path.write_text(POLICY.format(tiers=tiers, range=range), "utf-8")
    policy = softliq.load_policy(path)
    accounts = accounts_of(7, least, most)
    book = book_of_accounts(policy, accounts)
    with counting_flagged() as flagged:
        quick, careful, answered = both(policy, book, block)
    assert answered == 3 and [differences(evaluation, careful) for evaluation in quick] == [[], [], []]
    labels = policy.tiers["account"].labels
    found = [labels[code] for code in quick[0].columns["account"]["tier"].values]
    assert found == [tier_of(cash, positions, sides) for cash, positions in accounts]
    if block > 1_000:  # else a block has too few rows to tell which cells are far from all others
        assert 30 < max(flagged) < 150  # about as many as there are ties, and all of an account with such a cell


DIFFERENCES = """policy "differences of differences"
unit USD
entity account:
  a : ratio
  b : ratio
  v = {formula}
  tied = if v = 0 then yes else no
"""


@pytest.mark.parametrize(
    "formula",
    [
        "2 * (0 - (a * 3 - b))",
        "a * (0 - (a * 3 - b))",
        "2 * abs(0 - (a * 3 - b))",
        "(a - (a * 4 - b)) * 2",
        "2 * (a * 3 - b)",
    ],
)
def test_what_is_left_of_a_difference_is_watched_by_what_it_was_made_of(formula: str) -> None:
    """Three times 0.1 is not 0.3 where floats add up, and whatever that is subtracted from again is no larger."""
    accounts = {"account": ["a0", "a1", "a2"], "a": ["0.1", "0.7", "3"], "b": ["0.3", "2.1", "9"]}
    quick, careful, answered = both(*small_book(DIFFERENCES.format(formula=formula), {"account": accounts}))
    assert answered == 3
    for evaluation in (*quick, careful):
        assert evaluation.columns["account"]["tied"].values.all() and evaluation.decided == careful.decided


LEAST = """policy "the least of what is off by more"
unit USD
entity account:
  cash : ratio
  least = min(position.margin)
  ratio_left = cash / (least + 1)
entity position:
  account : account
  size : ratio
  margin = brackets(abs(size) * 0.7) * 1.1
table brackets(notional: ratio):
  | notional >= | margin marginal |
  | 0 | 1% |
  | 0.3 | 5% |
  | 2.1 | 10% |
"""


def test_the_least_of_members_of_which_others_are_far_larger() -> None:
    """The careful evaluator takes the error of the largest for that of the least, and so decides exactly."""
    tables = {
        "account": {"account": ["a0", "a1"], "cash": ["0.7", "3"]},
        "position": {
            "position": list("pqrs"),
            "account": ["a0", "a0", "a1", "a1"],
            "size": ["0.3", "1e18", "3", "9e17"],
        },
    }
    quick, careful, answered = both(*small_book(LEAST, tables))
    assert answered == 3 and careful.decided == {"account": 2}
    assert [differences(evaluation, careful) for evaluation in quick] == [[], [], []]
