"""What follows a decision is evaluated for the rows that act, and comes to the same bits as with care for all rows."""

from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

import softliq
from evaluator import acting, fast
from evaluator.results import Results
from evaluator.run import evaluate
from evaluator.snapshot import book_of
from tests.evaluator_models import compiled as small_book
from tests.test_fast import both, counting_flagged, differences

POLICY = """
policy "acting" version 1
unit USD
entity market:
  unit asset
  mark  : USD/asset > 0
entity account:
  cash   : USD
  pnl    = sum(position.pnl)
  need   = sum(position.notional) * 10%
  health = if need > 0 then (cash + pnl) / need else infinite
{account}
entity position:
  account : account
  market  : market
  size    : market.asset
  entry   : USD/market.asset
  lot     : number
  notional = abs(size) * market.mark
  pnl      = size * (market.mark - entry)
{position}
curve part(health: ratio) linear, flat outside, decreasing:
  | health | share |
  | 100%   | 60%   |
  | 120%   | 20%   |
tiers account:
  | health >= | tier    | close        | fee  |
  | 150%      | fine    | {still} | 1%   |
  | 120%      | watch   | {still} | 1%   |
  | 110%      | trim    | 10%          | 2%   |
  | 100%      | delever | part(health) | 2.5% |
  | other     | shut    | 100%         | 3%   |
  | unknown   | hold    | {still} | 1%   |
"""
_SHARES = [0.12, 0.06, 0.06, 0.06, 0.05, 0.15, 0.2, 0.3]  # of accounts, from the least healthy on
CLOSED = "cut = account.close * notional"
CASES = [  # formulas of an account and of its positions
    ("cut = sum(position.cut)", CLOSED),
    ("rest = cash - sum(position.cut)", "cut = account.close * pnl"),  # 0 times a loss is minus zero
    ("kept = sum(position.kept)\n  later = if kept > 0 then cash / kept else infinite",
     "kept = notional * (1 - account.close)"),
    ("worst = max(position.cut)\n  least = min(position.cut)",
     "cut = (account.close - 10%) * pnl + account.fee * notional"),
    ("cuts = count(position where position.cut > 0 USD)\n  any_cut = any(position.cut > 5 USD)", CLOSED),
    ("deep = if health < 1 then 1 - health else 0",
     "cut = account.deep * notional\n  root = sqrt(cut / market.mark)"),
    ("slice = if close > 0 then close * cash / need else 0", "piece = account.slice * size"),
    ("grown = 1 / (1 - close / 2)", "cut = notional / account.grown"),
    ("mean_cut = mean(position.cut)", "cut = min(account.close * notional, 1000 USD)"),
    ("flat = need * 2", "twice = notional * 2"),
    ("cut = sum(position.cut)", "cut = account.close * (notional / abs(lot - 1))"),  # a fault that 0 doesn't heal
    ("cut = sum(position.cut)", "cut = account.close * (pnl / (lot - 1))"),
    ("cut = close * (cash / (cash - 100 USD))", "step = account.close * (if notional > 1000 USD then 1 else 2)"),
    ("endless = if need > 100 USD then health else infinite",
     "cut = account.close * (if notional > 1000 USD then 1 else infinite)"),
    ("some = any(position.closes)", "closes = account.close > 0 and notional / abs(lot - 1) > 5 USD"),
]  # fmt: skip


def loaded(text: str, folder: Path) -> softliq.Policy:
    path = folder / "acting.policy"
    path.write_text(text.lstrip(), "utf-8")
    return softliq.load_policy(path)


def book(policy: softliq.Policy, accounts: int = 300, *, wild: bool = True) -> softliq.Book:
    """Accounts in all tiers, one without positions; if ``wild``, with cells at fault."""
    rng = np.random.default_rng(7)
    owner = rng.integers(0, accounts - 1, accounts * 3)
    market = rng.integers(0, 3, len(owner))
    mark = np.array([0.1, 20.0, 30_000.0])
    size = np.round(rng.normal(0, 400, len(owner)) / mark[market], 3)
    entry = np.round(mark[market] * rng.uniform(0.8, 1.2, len(owner)), 4)
    pnl = np.bincount(owner, size * (mark[market] - entry), accounts)
    need = np.bincount(owner, np.abs(size) * mark[market], accounts) / 10
    cash = np.round(need * rng.choice([0.5, 1.0, 1.05, 1.1, 1.15, 1.2, 1.6, 3.0], accounts, p=_SHARES) - pnl, 2)
    cells = {"size": size.astype(object), "entry": entry.astype(object)}
    if wild:
        cells["size"][[3, 40]], cells["entry"][[5, 77]] = ["", "1e300"], ["x", "-5"]
    return book_of(policy, {
        "market": {"market": ["a", "b", "c"], "mark": mark.tolist()},
        "account": {"account": [f"a{i}" for i in range(accounts)], "cash": [str(c) for c in cash.tolist()]},
        "position": {
            "position": [f"p{i}" for i in range(len(owner))],
            "account": [f"a{o}" for o in owner.tolist()],
            "market": [["a", "b", "c"][m] for m in market.tolist()],
            "size": [str(v) for v in cells["size"].tolist()],
            "lot": rng.integers(0, 40, len(owner)).tolist(),
            "entry": [str(v) for v in cells["entry"].tolist()],
        },
    })  # fmt: skip


@pytest.mark.parametrize("block", [50, 1 << 15])
@pytest.mark.parametrize("still", ["0%", "10%", "100%"])
@pytest.mark.parametrize(("account", "position"), CASES)
def test_the_same_bits(account: str, position: str, still: str, block: int, tmp_path: Path) -> None:
    text = POLICY.format(account=f"  {account}", position=f"  {position}", still=still)
    policy = loaded(text, tmp_path)
    found: list[bool] = []

    def find(*args: object) -> object:
        result = acting.find_acting(*args)  # type: ignore[arg-type]
        found.append(result is not None)
        return result

    with patch.object(fast, "find_acting", find):
        quick, careful, answered = both(policy, book(policy), block)
    assert answered == 3
    assert [differences(evaluation, careful) for evaluation in quick] == [[], [], []]
    assert found[0]


@pytest.mark.parametrize("block", [16, 50])
def test_a_constant_stays_for_the_next_block(block: int, tmp_path: Path) -> None:
    """A cell of a tier is the very constant that other tasks read."""
    text = POLICY.format(account="  flat = need * 2", position="  twice = notional * 2", still="0%")
    text = text.replace("| 10%          |", "| part((2026-02-02 - 2026-02-02) / 1d) |")
    policy = loaded(text.replace("| 100%   | 60%   |", "| 10%    | 60%   |\n  | 100%   | 60%   |"), tmp_path)
    quick, slow, answered = both(policy, book(policy), block)
    assert answered == 3 and [differences(evaluation, slow) for evaluation in quick] == [[], [], []]


def test_a_number_that_is_exact_needs_no_care(tmp_path: Path) -> None:
    """Accounts that are closed whole keep exactly nothing: none of them is evaluated again with care."""
    text = POLICY.format(account="  kept = sum(position.kept)\n  open = kept > 0", still="0%",
                         position="  kept = notional * (1 - account.close)")  # fmt: skip
    policy = loaded(text, tmp_path)
    clean = book(policy, wild=False)
    with counting_flagged() as flagged:
        quick, slow, _ = both(policy, clean, 64)
    assert [differences(evaluation, slow) for evaluation in quick] == [[], [], []]
    shut = list(policy.tiers["account"].labels).index("shut")
    tier, kept = slow.columns["account"]["tier"], slow.columns["account"]["kept"]
    assert ((tier.values == shut) & kept.known() & (kept.values == 0.0)).sum() > 20
    assert max(flagged) < 20


@pytest.mark.parametrize("tiers", [["trim", "delever", "shut"], ["shut"], ["watch", "shut"], ["hold"]])
@pytest.mark.parametrize("wild", [False, True])
def test_rows_of_tiers(tiers: list[str], wild: bool, tmp_path: Path) -> None:
    """The rows that acted, without a whole column: the same as from whole columns with care."""
    account, position = CASES[2]
    text = POLICY.format(account=f"  {account}", position=f"  {position}", still="0%")
    policy = loaded(text, tmp_path)
    given = book(policy, wild=wild)
    quick, slow, _ = both(policy, given, 64)
    expected = Results(slow)
    for evaluation in quick:
        assert Results(evaluation).tiers == expected.tiers
        for entity in ("account", "position"):
            rows, wanted = Results(evaluation).rows(entity, tiers), expected.rows(entity, tiers)
            assert wild or (rows.places is None) == (tiers == ["watch", "shut"])
            assert rows.numbers.tolist() == wanted.numbers.tolist()
            for name in evaluation.columns[entity]:
                one, other = rows.column(name), wanted.column(name)
                assert one is not None and other is not None
                assert one.values.tobytes() == other.values.tobytes() and one.values.dtype == other.values.dtype
                assert one.known().tolist() == other.known().tolist()


@pytest.mark.parametrize("still", ["0%", "10%"])
def test_totals_by_tier(still: str, tmp_path: Path) -> None:
    """Where only rows that act close or pay anything, no whole column is looked at."""
    text = POLICY.format(account="  cost = sum(position.cost)", still=still,
                         position="  cost = account.close * account.fee * notional")  # fmt: skip
    policy = loaded(text, tmp_path)
    given = book(policy, 1_500, wild=False)
    expected = Results(evaluate(policy, given, {}, optimise=False)).tiers
    with patch.object(fast, "run", partial(fast.run, least=0, block=64)):
        for held in (given, softliq.indexed(given)):
            for wanted in (None, []):
                found = Results(evaluate(policy, held, {}, optimise=True, wanted=wanted))
                assert found.tiers == expected
                alone = [found._alone("account", name) is not None for name in ("close", "cost", "need")]
                assert alone == [still == "0%", still == "0%", False]
    assert all(line.cost and line.closed and line.closed.total > 0 for line in expected[0].lines[2:5])


def test_members_of_nobody(tmp_path: Path) -> None:
    """A position whose optional account is blank belongs to none of the accounts that act, the first one included."""
    text = POLICY.format(account="  cut = sum(position.cut)", still="0%",
                         position="  cut = if known(account) then account.close * notional else 0 USD")  # fmt: skip
    policy = loaded(text.replace("  account : account\n", "  account : account?\n"), tmp_path)
    given = {
        "market": {"market": ["a"], "mark": [10.0]},
        "account": {"account": [f"a{i}" for i in range(40)], "cash": [1.0, *[900.0] * 39]},
        "position": {
            "position": [f"p{i}" for i in range(120)],
            "account": [None if i % 5 == 2 else f"a{i % 40}" for i in range(120)],
            "market": ["a"] * 120, "size": [20.0] * 120, "entry": [10.0] * 120, "lot": [0.0] * 120,
        },
    }  # fmt: skip
    quick, slow, _ = both(policy, book_of(policy, given), 16)
    assert [differences(evaluation, slow) for evaluation in quick] == [[], [], []]
    cut = slow.columns["account"]["cut"].values
    assert cut[0] > 0 and not cut[1:].any()


BOTH_SIDES = """policy "one comparison on both sides of a decision"
unit USD
entity account:
  cash : USD
  edge : USD
  vip : flag
  one = if vip then if cash * 3 > edge then 1 else 2 else 3
  two = if vip then 4 else if cash * 3 > edge then 5 else 6
"""


def test_what_is_decided_on_both_sides_of_a_decision() -> None:
    """All stand on their edge, where a float is above it: whoever acts, it is watched for those, too."""
    accounts = {"account": ["a0", "a1", "a2", "a3"], "cash": ["0.1"] * 4, "edge": ["0.3"] * 4}
    accounts["vip"] = ["yes", "no", "yes", "no"]
    quick, careful, answered = both(*small_book(BOTH_SIDES, {"account": accounts}))
    assert answered == 3
    for evaluation in (*quick, careful):
        found = {name: evaluation.columns["account"][name].values.tolist() for name in ("one", "two")}
        assert found == {"one": [2, 3, 2, 3], "two": [4, 6, 4, 6]}
        assert differences(evaluation, careful) == []


NESTED = """policy "a choice within a choice, in a block that is a matrix"
unit USD
entity account:
  vip : flag
  cuts = sum(position.cut)
entity position:
  account : account
  size : ratio
  cut = if account.vip then if size > 1 then size * 2 + 1 else size else if size > 2 then 5 * size else size * size
"""


@pytest.mark.parametrize("sizes", [[2, 3, 4, 5], [0.5, 3, 4, 5], [2, 3, 0.5, 0.25]], ids=str)
@pytest.mark.parametrize("vip", ["yes", "no"])
def test_a_choice_within_a_choice(sizes: list[float], vip: str) -> None:
    tables = {
        "account": {"account": ["a0", "a1"], "vip": [vip] * 2},
        "position": {"position": list("pqrs"), "account": ["a0", "a0", "a1", "a1"], "size": [str(s) for s in sizes]},
    }
    quick, careful, answered = both(*small_book(NESTED, tables), block=2)
    expected = [(s * 2 + 1 if s > 1 else s) if vip == "yes" else 5 * s if s > 2 else s * s for s in sizes]
    assert answered == 3
    for evaluation in (*quick, careful):
        assert evaluation.columns["position"]["cut"].values.tolist() == expected
