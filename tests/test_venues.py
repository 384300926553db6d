"""The venues' policies over real accounts and real brackets, against what the venues publish.

The data isn't part of the project: it is looked for in SOFTLIQ_DATA, else in `shared/data` beside the checkout.
"""

import csv
import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import softliq
from tests.conftest import ROOT

DATA = Path(os.environ.get("SOFTLIQ_DATA") or ROOT.parent / "shared" / "data")
VENUES = ROOT / "policies" / "venues"
real = pytest.mark.skipif(not DATA.is_dir(), reason="real data is not there: set SOFTLIQ_DATA to its folder")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, records: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


# -- Aave -------------------------------------------------------------------------------------


def health_factors(folder: Path) -> dict[str, float]:
    policy = softliq.load_policy(VENUES / "aave_v3.policy")
    found = softliq.evaluate(policy, softliq.read_snapshot(folder, policy))
    column = found.column("account", "health_factor")
    assert column.unknown_count() == 0
    return dict(zip(found.book.tables["account"].keys, column.values.tolist(), strict=True))


def published() -> dict[str, float]:
    return {r["account"]: float(r["health_factor"]) for r in rows(DATA / "aave_v3" / "published.csv")}


def agree(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-12 * abs(b)


def snapshot(tmp_path: Path) -> Path:
    folder = tmp_path / "aave"
    folder.mkdir()
    for name in ("account", "market", "position"):
        shutil.copy(DATA / "aave_v3" / f"{name}.csv", folder)
    return folder


@real
def test_aave_health_factors_are_the_published_ones_outside_efficiency_mode(tmp_path: Path) -> None:
    found, wanted = health_factors(snapshot(tmp_path)), published()
    assert found.keys() == wanted.keys()
    assert len(wanted) == 375
    assert sum(agree(found[a], wanted[a]) for a in wanted) >= 364


@real
def test_aave_health_factors_are_all_published_once_efficiency_mode_is_told(tmp_path: Path) -> None:
    folder, wanted = snapshot(tmp_path), published()
    plain = health_factors(folder)
    mode = {a for a in wanted if not agree(plain[a], wanted[a])}
    assert len(mode) == 11
    thresholds = {r["account"]: r["liquidation_threshold"] for r in rows(DATA / "aave_v3" / "published.csv")}
    positions = rows(folder / "position.csv")
    write(
        folder / "position.csv",
        [r | {"efficiency_threshold": thresholds[r["account"]] if r["account"] in mode else ""} for r in positions],
    )
    found = health_factors(folder)
    assert [a for a in wanted if not agree(found[a], wanted[a])] == []
    assert {a for a in found if found[a] < 1} == {a for a in wanted if wanted[a] < 1}
    assert len({a for a in wanted if wanted[a] < 1}) == 10


AAVE_TIERS = [
    # supplied, borrowed at a price of 1 and a threshold of 80%: health factor, tier, closed
    ("10000", "8000", 1.0, "healthy", 0),  # exactly 1 is healthy: the trigger is strict
    ("10000", "8000.01", 8000 / 8000.01, "partial", 4000.005),
    ("10000", "8421.06", 8000 / 8421.06, "full", 8421.06),  # just above 0.95 would be partial; this is just below
    ("10000", "8421.05", 8000 / 8421.05, "partial", 4210.525),
    ("2400", "1999.99", 1920 / 1999.99, "full", 1999.99),  # the debt is below 2,000
    ("2500", "2000.01", 2000 / 2000.01, "partial", 1000.005),
    ("1999", "1650", 1599.2 / 1650, "full", 1650),
    ("0", "5", 0.0, "full", 0),  # nothing can be seized, so nothing is repaid
]


@pytest.mark.parametrize(("supplied", "borrowed", "health", "tier", "closed"), AAVE_TIERS)
def test_aave_close_factor(supplied: str, borrowed: str, health: float, tier: str, closed: float) -> None:
    policy = softliq.load_policy(VENUES / "aave_v3.policy")
    market = {
        "market": ["A", "D"], "price": ["1", "1"],
        "liquidation_threshold": ["0.8", "0.8"], "loan_to_value": ["0.75", "0.75"],
    }  # fmt: skip
    position = {
        "position": ["c", "d"], "account": ["a", "a"], "market": ["A", "D"],
        "supplied": [supplied, "0"], "borrowed": ["0", borrowed], "is_collateral": ["yes", "no"],
    }  # fmt: skip
    book = softliq.book_of(policy, {"market": market, "account": {"account": ["a"]}, "position": position})
    found = softliq.evaluate(policy, book)
    label = policy.tiers["account"].labels[found.column("account", "tier").values[0]]
    assert label == tier
    assert found.column("account", "health_factor").values[0] == pytest.approx(health, rel=1e-14)
    assert found.column("account", "closed").values[0] == pytest.approx(closed, rel=1e-14)


# -- Compound ---------------------------------------------------------------------------------

COMPOUND_FACTORS = [
    ("0.8", "0.85", "0.9"),
    ("0.75", "0.8", "0.9"),
    ("0.55", "0.62", "0.85"),
]  # borrow, liquidate, credit


def compound_loop(debt: Fraction, values: list[Fraction]) -> tuple[list[Fraction], Fraction]:
    """What DefaultLiquidationModule seizes of each asset and what debt it leaves: target 105%, least debt 100."""
    target, least = Fraction("1.05"), Fraction(100)
    factors = [(Fraction(b), Fraction(f)) for b, _, f in COMPOUND_FACTORS]
    capacity = sum((v * b for v, (b, _) in zip(values, factors, strict=True)), Fraction(0))
    seized = []
    for value, (borrow, credit) in zip(values, factors, strict=True):
        closing = min(value, debt / credit)
        wanted = min((debt * target - capacity) / (credit * target - borrow), debt / credit)
        if debt <= least:
            part = closing
        elif debt * target <= capacity:
            part = Fraction(0)
        elif wanted >= value:
            part = value
        else:
            part = closing if debt - wanted * credit <= least else wanted
        seized.append(part)
        capacity -= part * borrow
        debt -= part * credit
    return seized, Fraction(0) if capacity == 0 else debt


def test_compound_partial_liquidation_is_the_modules_loop() -> None:
    draws = np.random.default_rng(7)
    debts: list[Fraction] = []
    held: list[list[Fraction]] = []
    while len(debts) < 400:
        values = [Fraction(int(draws.integers(0, 1 + int(draws.choice([0, 400, 20_000]))))) for _ in range(3)]
        line = sum((v * Fraction(f[1]) for v, f in zip(values, COMPOUND_FACTORS, strict=True)), Fraction(0))
        debt = Fraction(int(line * int(draws.integers(95, 140)) / 100) + int(draws.choice([0, 1, 60])))
        if debt > line:
            debts.append(debt)
            held.append(values)
    policy = softliq.load_policy(VENUES / "compound_v3.policy")
    market = {
        "market": ["M"], "base_price": ["1"], "reserves": ["0"], "target_reserves": ["0"],
        "store_front_factor": ["0.5"], "target_health": ["1.05"], "borrow_min": ["100"],
    }  # fmt: skip
    asset = {"asset": ["A0", "A1", "A2"], "market": ["M"] * 3, "position": ["0", "1", "2"], "price": ["1"] * 3}
    for column, name in enumerate(("borrow_factor", "liquidate_factor", "liquidation_factor")):
        asset[name] = [f[column] for f in COMPOUND_FACTORS]
    keys = [f"a{i}" for i in range(len(debts))]
    account = {"account": keys, "market": ["M"] * len(keys), "principal": [str(-d) for d in debts]}
    holding = {
        "holding": [f"{a}-{k}" for a in keys for k in range(3)], "account": [a for a in keys for _ in range(3)],
        "asset": asset["asset"] * len(keys), "amount": [str(v) for values in held for v in values],
    }  # fmt: skip
    book = softliq.book_of(policy, {"market": market, "asset": asset, "account": account, "holding": holding})
    found = softliq.evaluate(policy, book)
    wanted = [compound_loop(d, v) for d, v in zip(debts, held, strict=True)]
    assert found.column("holding", "seized_value").values.tolist() == pytest.approx(
        [float(s) for seized, _ in wanted for s in seized], rel=1e-12, abs=1e-9
    )
    assert found.column("account", "principal_after").values.tolist() == pytest.approx(
        [-float(left) for _, left in wanted], rel=1e-12, abs=1e-9
    )
    assert {"partial", "absorbable"} == {
        policy.tiers["account"].labels[i] for i in found.column("account", "tier").values.tolist()
    }


# -- Binance ----------------------------------------------------------------------------------


def edges(brackets: list[dict[str, str]]) -> list[tuple[str, float, Fraction]]:
    """Every bracket's bound, just below and just above it: market, notional, the margin by the venue's amounts."""
    by_market: dict[str, list[tuple[Fraction, Fraction, Fraction]]] = {}
    for r in brackets:
        bracket = (Fraction(r["notional_from"]), Fraction(r["maintenance_rate"]), Fraction(r["maintenance_amount"]))
        by_market.setdefault(r["market"], []).append(bracket)
    found = []
    for market, levels in by_market.items():
        for floor, _, _ in levels:
            at = float(floor)
            for notional in {at, float(np.nextafter(at, 0)), float(np.nextafter(at, np.inf))}:
                exact = Fraction(repr(notional))
                level = next(x for x in reversed(levels) if x[0] <= exact)
                found.append((market, notional, exact * level[1] - level[2]))
    return found


def check_brackets(policy_path: Path) -> int:
    policy = softliq.load_policy(policy_path)
    cases = edges(rows(policy_path.with_name("binance_usdm_brackets.csv")))
    markets = sorted({m for m, _, _ in cases})
    keys = [f"p{i}" for i in range(len(cases))]
    book = softliq.book_of(policy, {
        "market": {"market": markets, "mark": ["1"] * len(markets)},
        "account": {"account": ["a"], "wallet_balance": ["1"]},
        "position": {
            "position": keys, "account": ["a"] * len(keys), "market": [m for m, _, _ in cases],
            "size": [n for _, n, _ in cases], "entry": ["1"] * len(keys),
        },
    })  # fmt: skip
    found = softliq.evaluate(policy, book)
    for name in ("maintenance", "maintenance_by_slice"):
        column = found.column("position", name)
        assert column.unknown_count() == 0
        wanted = np.array([float(m) for _, _, m in cases])
        notional = np.array([n for _, n, _ in cases])
        # near a bracket's foot rate * notional and the amount almost cancel: the error is of the products' size
        scale = np.maximum(np.abs(wanted), notional * 1e-3)
        assert np.all(np.abs(column.values - wanted) <= 1e-12 * scale), name
    return len(cases)


@real
def test_binance_margin_at_every_real_bracket(tmp_path: Path) -> None:
    shutil.copy(VENUES / "binance_usdm.policy", tmp_path)
    shutil.copy(DATA / "binance_usdm_brackets.csv", tmp_path)
    assert check_brackets(tmp_path / "binance_usdm.policy") >= 2805 * 2


def test_binance_margin_at_every_shipped_bracket() -> None:
    assert check_brackets(VENUES / "binance_usdm.policy") >= 32 * 2


BINANCE_TIERS = [
    # wallet balance beside a position of 10,000 at 0.4% (margin 40): ratio, tier
    ("400", 0.1, "safe"),
    ("50", 0.8, "warned"),  # exactly the warning is no longer below it
    ("40.01", 40 / 40.01, "warned"),
    ("40", 1.0, "liquidated"),  # a ratio of 100% is liquidated
    ("-1", np.inf, "liquidated"),
]


@pytest.mark.parametrize(("wallet", "ratio", "tier"), BINANCE_TIERS)
def test_binance_tiers(wallet: str, ratio: float, tier: str) -> None:
    policy = softliq.load_policy(VENUES / "binance_usdm.policy")
    book = softliq.book_of(policy, {
        "market": {"market": ["BTC/USDT:USDT"], "mark": ["50000"]},
        "account": {"account": ["a"], "wallet_balance": [wallet]},
        "position": {
            "position": ["p"], "account": ["a"], "market": ["BTC/USDT:USDT"], "size": ["0.2"], "entry": ["50000"],
        },
    })  # fmt: skip
    found = softliq.evaluate(policy, book)
    assert policy.tiers["account"].labels[found.column("account", "tier").values[0]] == tier
    assert found.column("account", "margin_ratio").values[0] == pytest.approx(ratio, rel=1e-14)
