"""The shipped policy: the figures of its own example, its book's tiers, and what each faulty cell does."""

from datetime import UTC, datetime

import pytest

import softliq
from tests.conftest import ROOT

POLICY = ROOT / "policies" / "perpetuals.policy"
AS_OF = datetime(2026, 12, 1, tzinfo=UTC)


def evaluated(account: dict[str, list[str]], position: dict[str, list[str]], **params: object) -> softliq.Results:
    policy = softliq.load_policy(POLICY)
    market = {"market": ["BTC"], "mark": ["50000"], "mark_at": ["2026-12-01T00:00:00Z"], "volatility": ["0.6"]}
    book = softliq.book_of(policy, {"market": market, "account": account, "position": position}, AS_OF)
    return softliq.evaluate(policy, book, params)


def one_long(collateral: str, **params: object) -> softliq.Results:
    position = {
        "position": ["p1"],
        "account": ["a1"],
        "market": ["BTC"],
        "size": ["1"],
        "entry": ["54000"],
        "funding": [""],
    }
    return evaluated({"account": ["a1"], "collateral": [collateral]}, position, **params)


def label(found: softliq.Results) -> str:
    return found.policy.tiers["account"].labels[int(found.column("account", "tier").values[0])]


def test_a_long_just_above_its_margin_is_trimmed() -> None:
    found = one_long("4250")
    values = {c: float(found.column("account", c).values[0]) for c in ("equity", "health", "close", "fee", "cost")}
    assert values == {"equity": 250.0, "health": 1.25, "close": 0.1, "fee": 0.01, "cost": 0.2}
    assert label(found) == "trim"


TIERS = [
    # collateral, at a maintenance margin of 200 and a loss of 4,000: the side of every bound
    ("4300", "healthy"), ("4299.99", "watch"), ("4260", "watch"), ("4259.99", "trim"), ("4220", "trim"),
    ("4219.99", "delever"), ("4200", "delever"), ("4199.99", "shut"), ("4000", "shut"), ("", "hold"),
]  # fmt: skip


@pytest.mark.parametrize(("collateral", "tier"), TIERS)
def test_every_bound_holds_at_equality(collateral: str, tier: str) -> None:
    assert label(one_long(collateral)) == tier


def test_an_override_moves_a_bound() -> None:
    assert label(one_long("4250", buffer="1.2")) == "watch"


def test_the_shipped_book_fills_every_tier() -> None:
    policy = softliq.load_policy(POLICY)
    found = softliq.evaluate(policy, softliq.read_snapshot(ROOT / "policies" / "snapshots" / "perpetuals", policy))
    tiers = found.column("account", "tier").values.tolist()
    counts = {name: tiers.count(i) for i, name in enumerate(policy.tiers["account"].labels)}
    assert sum(counts.values()) >= 2000
    assert min(counts.values()) >= 10
    assert counts["hold"] == found.column("account", "health").unknown_count()
