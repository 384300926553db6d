"""`solve`: the compiled search against the reference's own, against closed forms, and against published figures."""

import os
import shutil
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import softliq
from dsl.check import check
from dsl.diagnostics import Diagnostics
from dsl.model import Policy, Solve
from dsl.params import resolve_params
from dsl.parse import parse
from dsl.shock import with_scenario
from dsl.source import Source
from evaluator.book import Book
from evaluator.columns import KNOWN
from evaluator.grouping import with_groups
from evaluator.places import Unknown
from evaluator.reference import Reference
from evaluator.run import evaluate
from evaluator.snapshot import SnapshotError, book_of
from tests.generators import Case, cases

EXAMPLES = int(os.environ.get("SOFTLIQ_EXAMPLES", "60"))
NEAR = Fraction(1, 10**9)
VENUES = Path(__file__).parent.parent / "policies" / "venues"


def policy_of(text: str) -> Policy:
    report = Diagnostics()
    policy = check(parse(Source("case.policy", text), report), report)
    assert policy is not None, [(d.code, d.message) for d in report.found]
    return policy


# -- against the reference interpreter ----------------------------------------------------------


def differs(reference: Reference, entity: str, name: str, row: int, got: float | Unknown) -> str | None:
    """What differs, or None."""
    expected = reference.cell(entity, name, row)
    if isinstance(got, Unknown) or isinstance(expected, Unknown):
        if got == expected:
            return None
    else:
        assert isinstance(expected, Fraction)
        if abs(Fraction(got) - expected) <= NEAR * max(abs(expected), 1):
            return None
    return f"{entity}.{name} {row}: {got}, exactly {expected}"


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="SOFTLIQ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example],
)
@given(cases(solves=True))
def test_every_solve_is_the_same(case: Case) -> None:
    report = Diagnostics()
    file = parse(Source("random.policy", case.text), report)
    policy = None if report.failed else check(file, report)
    if policy is None:
        reject()
    try:
        book = book_of(policy, case.tables, as_of=case.as_of)
    except SnapshotError:
        reject()
    assert differences(policy, book) == []


def differences(policy: Policy, book: Book) -> list[str]:
    params = resolve_params(policy)
    evaluation = evaluate(policy, book, params)
    reference = Reference(policy, with_groups(policy, book, params), params)
    found = []
    for entity, formulas in ((e.name, e.formulas) for e in policy.entities.values()):
        for name in (n for n, f in formulas.items() if isinstance(f.value, Solve)):
            column = evaluation.column(entity, name)
            for row, value in enumerate(column.values.tolist()):
                known = column.quality is None or column.quality[row] == KNOWN
                got = value if known else Unknown(int(column.quality[row]))  # type: ignore[index]
                found.append(differs(reference, entity, name, row, got))
    return [f for f in found if f is not None]


# -- a linear book, in closed form --------------------------------------------------------------

PERPETUALS = """policy "Perpetuals"

unit USD

entity market:
  unit asset
  mark : USD/asset > 0

entity account:
  collateral : USD
  rate       : ratio in 0% to 50%
  equity      = collateral + sum(position.pnl)
  maintenance = sum(position.notional) * rate
  health      = if maintenance > 0 then equity / maintenance else if equity < 0 then 0% else infinite

entity position:
  account : account
  market  : market
  size    : market.asset
  entry   : USD/market.asset > 0
  notional    = abs(size) * market.mark
  pnl         = size * (market.mark - entry)
  liquidation = solve(market.mark until account.health <= 100%)

scenario crash:
  market.mark becomes mark * 80%
"""

hundredths = st.integers(1, 30_000).map(lambda n: Fraction(n, 100))
SIZES = st.integers(-300, 300).map(lambda n: Fraction(n, 10))


@st.composite
def books(draw: st.DrawFn) -> dict[str, dict[str, list[str]]]:
    marks, accounts = draw(st.lists(hundredths, min_size=1, max_size=3)), draw(st.integers(1, 3))
    rows = draw(st.lists(st.tuples(st.integers(0, accounts - 1), st.integers(0, len(marks) - 1), SIZES, hundredths),
                         max_size=8))  # fmt: skip
    rates = draw(st.lists(st.sampled_from(["0", "0.004", "0.01", "0.5"]), min_size=accounts, max_size=accounts))
    cash = draw(st.lists(st.integers(-500, 5_000), min_size=accounts, max_size=accounts))
    return {
        "market": {"market": [f"m{i}" for i in range(len(marks))], "mark": [str(float(m)) for m in marks]},
        "account": {
            "account": [f"a{i}" for i in range(accounts)], "collateral": [str(c) for c in cash], "rate": rates,
        },
        "position": {
            "position": [f"p{i}" for i in range(len(rows))],
            "account": [f"a{r[0]}" for r in rows], "market": [f"m{r[1]}" for r in rows],
            "size": [str(float(r[2])) for r in rows], "entry": [str(float(r[3])) for r in rows],
        },
    }  # fmt: skip


def liquidation(tables: dict[str, dict[str, list[str]]], account: str, market: str) -> Fraction | None:
    """The nearest mark at which equity is at most margin, or, with no margin to keep, below zero: one line against
    another, since sizes don't change on the way."""
    marks = dict(zip(tables["market"]["market"], map(Fraction, tables["market"]["mark"]), strict=True))
    place = tables["account"]["account"].index(account)
    rate = Fraction(tables["account"]["rate"][place])
    base, slope, margin, growth, any_margin = (
        Fraction(tables["account"]["collateral"][place]),
        Fraction(0),
        Fraction(0),
        Fraction(0),
        False,
    )
    held = tables["position"]
    sizes, entries = map(Fraction, held["size"]), map(Fraction, held["entry"])
    for a, m, size, entry in zip(held["account"], held["market"], sizes, entries, strict=True):
        if a == account:
            any_margin = any_margin or (rate > 0 and size != 0)
            if m == market:
                base, slope, growth = base - size * entry, slope + size, growth + abs(size) * rate
            else:
                base, margin = base + size * (marks[m] - entry), margin + abs(size) * marks[m] * rate
    today = marks[market]
    gap, rise = base - margin, slope - growth  # what is left over the margin is gap + rise * mark
    left = gap + rise * today
    if left < 0 or (left == 0 and any_margin):
        return today
    root = None if rise == 0 else -gap / rise
    if root is None or root <= 0:
        return None
    return root


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(books(), st.booleans())
def test_a_linear_book_has_the_prices_of_its_formula(tables: dict[str, dict[str, list[str]]], crash: bool) -> None:
    policy = policy_of(PERPETUALS)
    book = book_of(policy, tables)
    if crash:
        policy = with_scenario(policy, {}, "crash")[0]
        marks = [str(Fraction(m) * Fraction(4, 5)) for m in tables["market"]["mark"]]
        tables = {**tables, "market": {**tables["market"], "mark": marks}}
    column = evaluate(policy, book, {}).column("position", "liquidation")
    for row, (account, market) in enumerate(
        zip(tables["position"]["account"], tables["position"]["market"], strict=True)
    ):
        wanted = liquidation(tables, account, market)
        assert bool(column.known()[row]) is (wanted is not None)
        if wanted is not None:
            assert column.values[row] == pytest.approx(float(wanted), rel=1e-12)


# -- published figures --------------------------------------------------------------------------

# Binance's own example in its page on liquidation prices of USD-M futures, as freqtrade's tests keep it: a wallet of
# 1,535,443.01 USDT, 109.488 BTC bought at 32,481.98 and marked at 31,967.27 (rate 2.5%, amount 16,300), 3,683.979 ETH
# bought at 1,456.84 and marked at 1,335.18 (rate 10%, amount 135,365). The brackets are the venue's of that time; both
# amounts follow from them.
BRACKETS = {
    "BTC": [(0, "0.004"), (50_000, "0.005"), (250_000, "0.01"), (1_000_000, "0.025"), (5_000_000, "0.05")],
    "ETH": [
        (0, "0.005"), (10_000, "0.0065"), (100_000, "0.01"), (500_000, "0.02"), (1_000_000, "0.05"), (2_000_000, "0.1"),
        (5_000_000, "0.125"),
    ],
}  # fmt: skip
POSITIONS = {"BTC": ("109.488", "32481.98", "31967.27"), "ETH": ("3683.979", "1456.84", "1335.18")}
PUBLISHED = [
    ("cross", "BTC", 26316.89),
    ("cross", "ETH", 1153.26),
    ("isolated", "BTC", 18778.73),
    ("isolated", "ETH", 1114.78),
]


@pytest.mark.parametrize(("mode", "market", "price"), PUBLISHED)
def test_binance_s_published_liquidation_prices(tmp_path: Path, mode: str, market: str, price: float) -> None:
    shutil.copy(VENUES / "binance_usdm.policy", tmp_path)
    lines = ["market,notional_from,maintenance_rate,maintenance_amount"]
    for name, brackets in BRACKETS.items():
        amount, before = Fraction(0), Fraction(brackets[0][1])
        for floor, rate in brackets:
            amount += floor * (Fraction(rate) - before)
            before = Fraction(rate)
            lines.append(f"{name},{floor},{rate},{float(amount)}")
    assert "BTC,1000000,0.025,16300.0" in lines
    assert "ETH,2000000,0.1,135365.0" in lines
    (tmp_path / "binance_usdm_brackets.csv").write_text("\n".join(lines) + "\n", "utf-8")
    policy = softliq.load_policy(tmp_path / "binance_usdm.policy")
    held = [m for m in POSITIONS if mode == "cross" or m == market]
    found = softliq.evaluate(policy, softliq.book_of(policy, {
        "market": {"market": held, "mark": [POSITIONS[m][2] for m in held]},
        "account": {"account": ["a"], "wallet_balance": ["1535443.01"]},
        "position": {
            "position": held, "account": ["a"] * len(held), "market": held, "size": [POSITIONS[m][0] for m in held],
            "entry": [POSITIONS[m][1] for m in held],
        },
    }))  # fmt: skip
    column = found.column("position", "liquidation_price")
    assert column is not None
    assert column.values[held.index(market)] == pytest.approx(price, abs=0.005)


def test_a_short_passes_brackets_on_its_way_up() -> None:
    """The margin at today's bracket would give another price: 10 BTC short at 40,000, 500,000 of collateral. At 400,000
    of notional the margin is 0.5% less 50; at the end, beyond 500,000, it is 1% less 2,550."""
    policy = softliq.load_policy(VENUES / "binance_usdm.policy")
    found = softliq.evaluate(policy, softliq.book_of(policy, {
        "market": {"market": ["BTC/USDT:USDT"], "mark": ["40000"]},
        "account": {"account": ["a"], "wallet_balance": ["500000"]},
        "position": {
            "position": ["p"], "account": ["a"], "market": ["BTC/USDT:USDT"], "size": ["-10"], "entry": ["40000"],
        },
    }))  # fmt: skip
    column = found.column("position", "liquidation_price")
    assert column is not None
    naive = (500_000 + 400_000 + 50) / (10 * 1.005)
    right = (500_000 + 400_000 + 2_550) / (10 * 1.01)
    assert column.values[0] == pytest.approx(right, rel=1e-14)
    assert abs(right - naive) > 190
