"""Faults in parts are those at once; what can't be done in parts is said; the command."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

import softliq
from dsl.model import Policy
from evaluator.problems import SnapshotError
from evaluator.stream_memory import bytes_of
from tests.conftest import ROOT, Softliq
from tests.streamed import DEMO, PERPETUALS, same, streamed, with_order, write_csv
from tests.test_amounts import by_hand
from tests.test_stream import WHOLES, totals, whole_book


def faults(policy: Policy, path: Path) -> list[str]:
    """What is wrong with a snapshot, which is told alike in parts and at once."""
    with pytest.raises(SnapshotError) as at_once:
        softliq.read_snapshot(path, policy)
    with pytest.raises(SnapshotError) as in_parts:
        softliq.evaluate_stream(policy, path)
    assert in_parts.value.problems == at_once.value.problems
    return [problem.message for problem in at_once.value.problems]


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize(
    ("file", "before", "after", "message"),
    [
        ("position", "P00004,A01310", "P00004,zoe", "1 row leads to no row of account.csv"),
        ("position", "P00004,A01310", "P00004,", "1 row without `account`"),
        ("position", "P00004,", "P00009,", "1 key stands in several rows"),
        ("account", "A00002,", "A00009,", "1 key stands in several rows"),
        ("account", "A00002,", ",", "1 row without a key"),
        ("position", "P00004,", "P00004,,", "1 row doesn't have as many columns as the header"),
        ("position", "account,market", "acount,market", "no column `account`"),
        ("market", "BTC,", "ETH,", "1 key stands in several rows"),
    ],
)
def test_faults_of_structure(demo: Path, file: str, before: str, after: str, message: str) -> None:
    path = demo / f"{file}.csv"
    text = path.read_text()
    if before not in text:
        line = next(x for x in text.splitlines() if x.startswith(before.split(",")[0]))
        before, after = line, ",".join([after.split(",")[0], after.split(",")[1], *line.split(",")[2:]])
    path.write_text(text.replace(before, after, 1))
    assert message in faults(PERPETUALS, demo)[0]


@pytest.mark.usefixtures("scratch")
def test_equal_hashes_of_different_keys_are_no_fault(demo: Path) -> None:
    with patch("evaluator.stream_spill.may_repeat", return_value=True):
        assert softliq.evaluate_stream(PERPETUALS, demo).unknown_count == 11


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_nothing_is_left_behind(demo: Path, tmp_path: Path, error: type[BaseException]) -> None:
    with patch("evaluator.stream.evaluate_part", side_effect=error), pytest.raises(error):
        softliq.evaluate_stream(PERPETUALS, demo, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


# -- what can't be done in parts ----------------------------------------------------------------------


BY_TIER = """policy "by tier"
unit USD

entity account:
  cash   : USD
  health = cash / sum(position.notional)

entity position:
  account  : account
  notional : USD >= 0

tiers account:
  | health >= | tier | close | fee |
  | 100%      | fine | 0%    | 0%  |
  | 50%       | trim | 12.3% | 1%  |
  | other     | shut | 100%  | 3%  |
  | unknown   | hold | 0%    | 0%  |
"""


@pytest.mark.parametrize("healthy", [0.3, 0.97])
@pytest.mark.parametrize("order", [1, None])
def test_totals_by_tier(tmp_path: Path, healthy: float, order: int | None) -> None:
    """Amounts go to the lane of their row in the file, wherever its part or the piece that is read begins."""
    policy, count, random = totals(tmp_path, BY_TIER), 1_700, np.random.default_rng(3)
    accounts = [f"a{i}" for i in range(count)]
    notional = [f"{x:.4f}" for x in np.exp(random.normal(3, 5, 2 * count))]
    notional[5] = notional[-1] = ""
    cash = np.where(random.random(count) < healthy, 1e15, random.choice([0.0, 1e5, 1e7], count))
    book = write_csv(
        tmp_path / "book",
        {
            "account": {"account": accounts, "cash": [f"{x:.0f}" for x in cash]},
            "position": {
                "position": [f"p{i}" for i in range(2 * count)],
                "account": [accounts[i % count] for i in range(2 * count)],
                "notional": notional,
            },
        },
    )
    with_order(book, order)
    with patch("evaluator.stream.PIECE", 300):
        assert same(policy, book, 4) == 2
        found = streamed(policy, book, tmp_path / "split", 4, "csv", None)
    plain = softliq.evaluate(policy, softliq.read_snapshot(book, policy))
    tier = plain.column("account", "tier")
    assert tier is not None
    cells = list(zip(notional[:count], notional[count:], strict=True))  # of each account; a sum of two has one order
    known = ["" not in cell for cell in cells]
    values = [float(one or 0) + float(other or 0) for one, other in cells]
    expected = by_hand(list(zip(tier.values.tolist(), values, known, strict=True)))
    lines = [line.notional for line in found.tiers[0].lines]
    assert [(repr(one.total), one.unknown) for one in lines if one] == expected
    assert np.cumsum(np.where(tier.values == 0, values, 0.0))[-1] != float(expected[0][0])  # the order does matter


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("insurance_fund", "rows of `account` draw on one limit in turn"),
        ("internal_matching", "`position` is summed by `market` as well as by `account`"),
        ("risk_netting", "`netting` groups the rows of `position`"),
        ("liquidation_price", "a `solve` looks at the book again and again"),
        ("auction_limits", "formulas of `ilk` depend on a total over the whole book"),
    ],
)
def test_refusals(softliq: Softliq, name: str, message: str) -> None:
    policy, book = ROOT / "policies" / "models" / f"{name}.policy", ROOT / "policies" / "snapshots" / name
    ran = softliq("eval", policy, book, "--memory", "1GB")
    assert ran.code == 2
    assert f"this policy can't be evaluated in parts: {message}" in ran.err
    assert "leave `--memory` out" in ran.err


def test_a_total_too_close_to_call(tmp_path: Path) -> None:
    text = WHOLES.replace("  gap ", "  enough  = sum(position.value) <= 0.3 USD\n  gap ")
    tables = whole_book(6, 3)
    tables["position"]["value"] = ["0.1", "0.1", "0.1", *["0"] * 21]
    policy, book = totals(tmp_path, text), write_csv(tmp_path / "book", tables)
    enough = softliq.evaluate(policy, softliq.read_snapshot(book, policy)).column("system", "enough")
    assert enough is not None
    assert enough.values.tolist() == [True]
    with pytest.raises(softliq.Indivisible, match=r"`system\.enough` is too close to call without all rows at once"):
        softliq.evaluate_stream(policy, book)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("1 gallon", "error: `--memory`: `1 gallon` is no size\nhelp: write it like 1GB or 512MB\n"),
        ("-1GB", "error: `--memory`: `-1GB` is no size\nhelp: write it like 1GB or 512MB\n"),
        ("10MB", "error: `--memory`: `10MB` is too little\nhelp: give at least 256MiB\n"),
    ],
)
def test_sizes_that_are_none(softliq: Softliq, size: str, message: str) -> None:
    ran = softliq("eval", ROOT / "policies" / "perpetuals.policy", DEMO, "--memory", size)
    assert (ran.code, ran.out) == (2, "")
    assert [line.removeprefix("  = ") for line in ran.err.splitlines()] == message.splitlines()


@pytest.mark.parametrize(
    ("text", "size"), [("1GB", 10**9), ("1.5 GiB", 3 << 29), ("300M", 3 * 10**8), (1 << 30, 1 << 30)]
)
def test_sizes(text: str | int, size: int) -> None:
    assert bytes_of(text) == size


def test_a_grid_is_not_for_parts(softliq: Softliq, tmp_path: Path) -> None:
    arguments = ("--memory", "1GB", "--grid", "shocks", "--out", tmp_path / "out")
    assert softliq("eval", ROOT / "policies" / "perpetuals.policy", DEMO, *arguments).code == 2


# -- from the command line and from Python ------------------------------------------------------------


def test_the_command_prints_and_writes_the_same(softliq: Softliq, tmp_path: Path) -> None:
    common = ("eval", ROOT / "policies" / "perpetuals.policy", DEMO, "--columns", "account.health,position.account")
    at_once = softliq(*common, "--out", tmp_path / "a")
    in_parts = softliq(*common, "--out", tmp_path / "b", "--memory", "300MB")
    assert in_parts.out.replace(str(tmp_path / "b"), str(tmp_path / "a")) == at_once.out
    assert (in_parts.code, in_parts.err) == (at_once.code, at_once.err)
    for name in ("account.parquet", "position.parquet", "summary.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert softliq(*common[:3], "--json").out == softliq(*common[:3], "--json", "--memory", "300MB").out


def test_an_unknown_column(softliq: Softliq, tmp_path: Path) -> None:
    common = ("eval", ROOT / "policies" / "perpetuals.policy", DEMO, "--columns", "account.helth")
    at_once = softliq(*common, "--out", tmp_path / "a")
    assert softliq(*common, "--out", tmp_path / "a", "--memory", "1GB") == at_once
    assert at_once.code == 2
    assert not (tmp_path / "a").exists()


def test_columns_of_parts_are_only_in_the_files() -> None:
    results = softliq.evaluate_stream(PERPETUALS, DEMO)
    market = results.column("market", "mark")
    assert market is not None
    assert len(market.values) == 12
    with pytest.raises(LookupError, match="evaluated in parts"):
        results.column("account", "health")
