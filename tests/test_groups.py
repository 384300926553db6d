"""Groups: their rows, keys and exactness, what an unknown key makes unknown, and the commands that show them."""

from pathlib import Path

import pytest

from dsl.check import check
from dsl.diagnostics import Diagnostics
from dsl.model import Policy
from dsl.parse import parse
from dsl.shock import with_scenario
from dsl.source import Source
from evaluator.explain import explain
from evaluator.laws import run_laws
from evaluator.results import Results
from evaluator.run import evaluate
from evaluator.snapshot import SnapshotError, book_of
from evaluator.testing import run_tests
from tests.conftest import Softliq

POLICY = """policy "Netting" effective 2026-12-01
unit USD

entity underlying:
  unit coin
  spot   : USD/coin > 0
  sector : one of layer1, stable

entity market:
  unit asset
  underlying : underlying
  mark       : USD/asset > 0

entity account:
  cash : USD
  risk = sum(netting.risk)
  sets = count(netting)

entity position:
  account : account
  market  : market
  size    : market.asset
  coins   : market.underlying.coin
  tenor   : number
  value   = size * market.mark
  part    = if netting.gross > 0 then abs(value) / netting.gross else 0

entity netting groups position by account, market.underlying:
  net   = sum(position.value)
  gross = sum(abs(position.value))
  coins = sum(position.coins)
  worth = coins * underlying.spot
  risk  = abs(net) * 10%

entity cluster groups netting by underlying.sector:
  risk    = sum(netting.risk)
  members = count(netting)

scenario moved:
  market.mark    becomes mark * 2
  position.tenor becomes 1
"""

BOOK = {
    "underlying": {
        "underlying": ["BTC", "ETH", "USDC"], "spot": ["50000", "3000", "1"], "sector": ["layer1", "layer1", "stable"],
    },
    "market": {
        "market": ["BTCUSD", "BTCF", "ETHUSD"], "underlying": ["BTC", "BTC", "ETH"], "mark": ["50000", "50100", "3000"],
    },
    "account": {"account": ["a1", "a2", "idle"], "cash": ["1", "2", "3"]},
    "position": {
        "position": ["p1", "p2", "p3", "p4"], "account": ["a2", "a1", "a1", "a1"],
        "market": ["ETHUSD", "BTCUSD", "BTCF", "ETHUSD"], "size": ["-4", "1", "-2", "3"],
        "coins": ["-4", "1", "-2", "3"], "tenor": ["30", "60", "90", "7"],
    },
}  # fmt: skip


def policy_of(text: str) -> Policy:
    report = Diagnostics()
    policy = check(parse(Source("groups.policy", text), report), report)
    assert policy is not None, [f"{d.code} {d.message}" for d in report.found]
    return policy


def results_of(text: str, book: dict[str, dict[str, list[str]]], scenario: str = "") -> Results:
    policy, params = policy_of(text), {}
    if scenario:
        policy, params = with_scenario(policy, params, scenario)
    return Results(evaluate(policy, book_of(policy, book), params))


def column(results: Results, entity: str, name: str) -> dict[str, object]:
    found = results.column(entity, name)
    assert found is not None
    known = found.known()
    return {key: found.values[i].item() if known[i] else None for i, key in enumerate(results.book.tables[entity].keys)}


def with_cell(entity: str, name: str, row: int, text: str) -> dict[str, dict[str, list[str]]]:
    cells = list(BOOK[entity][name])
    cells[row] = text
    return {**BOOK, entity: {**BOOK[entity], name: cells}}


def test_one_row_for_each_combination_in_the_order_of_first_appearance() -> None:
    results = results_of(POLICY, BOOK)
    assert column(results, "netting", "net") == {"a2/ETH": -12000.0, "a1/BTC": -50200.0, "a1/ETH": 9000.0}
    assert column(results, "netting", "worth") == {"a2/ETH": -12000.0, "a1/BTC": -50000.0, "a1/ETH": 9000.0}
    assert column(results, "account", "risk") == {"a1": 5920.0, "a2": 1200.0, "idle": 0.0}
    assert column(results, "account", "sets") == {"a1": 2.0, "a2": 1.0, "idle": 0.0}
    assert column(results, "position", "part") == {"p1": 1.0, "p2": 50000 / 150200, "p3": 100200 / 150200, "p4": 1.0}


def test_groups_of_groups() -> None:
    results = results_of(POLICY, BOOK)
    assert column(results, "cluster", "risk") == {"layer1": 7120.0}
    assert column(results, "cluster", "members") == {"layer1": 3.0}


def test_an_infinite_key_is_a_key_like_any_other() -> None:
    text = """policy "P" version 1
unit USD
entity account:
  cash : USD
  cover = if cash > 0 then 100 / (cash * 3 / 3) else infinite
entity band groups account by cover:
  members = count(account)
entity tranche groups band by cover:
  bands = count(band)
"""
    cash = ["0", "0.1", "0", "0.3", "0.1"]
    results = results_of(text, {"account": {"account": list("abcde"), "cash": cash}})
    members = column(results, "band", "members")
    assert list(members.values()) == [2.0, 2.0, 1.0] and next(iter(members)) == "infinite"
    assert list(column(results, "tranche", "bands").values()) == [1.0, 1.0, 1.0]


def test_without_members_there_are_no_groups() -> None:
    book = {**BOOK, "position": {name: [] for name in BOOK["position"]}}
    results = results_of(POLICY, book)
    assert column(results, "netting", "net") == {}
    assert column(results, "account", "risk") == {"a1": 0.0, "a2": 0.0, "idle": 0.0}


def test_keys_that_look_alike_stay_apart() -> None:
    book = {
        **BOOK,
        "account": {"account": ["a", "a/BTC", '"a', "?"], "cash": ["1"] * 4},
        "position": {**BOOK["position"], "account": ["a", "a/BTC", '"a', "?"], "market": ["BTCUSD"] * 4},
    }
    results = results_of(POLICY, book)
    assert list(column(results, "netting", "net")) == ["a/BTC", '"a/BTC"/BTC', '"\\"a"/BTC', '"?"/BTC']


NUMBERS = """policy "Numbers"

entity trade:
  x    : number
  y    : number
  both = x + y
  part = if y != 0 then x / y else 0

entity bucket groups trade by KEY:
  n      = count(trade)
  double = 2 * KEY
  fits   = KEY = 0.3
"""
# 0.1 + 0.2 is 0.3 and not its float sum; 1/3, 2/6 and 0.333… are three ways to nearly one number
CASES = [
    ("both", [("0.1", "0.2"), ("0.3", "0"), ("0", "0.3"), ("0.15", "0.15")], [4.0]),
    ("x", [("0.3", "0"), ("0.30000000000000000001", "0"), ("3e-1", "1"), ("0.300", "2")], [3.0, 1.0]),
    ("part", [("1", "3"), ("2", "6"), ("0.3333333333333333", "1"), ("1", "3.0")], [3.0, 1.0]),
    ("x", [("0", "1"), ("-0", "1"), ("1e0", "1"), ("1", "1")], [2.0, 2.0]),
]


@pytest.mark.parametrize(("key", "trades", "sizes"), CASES)
def test_numbers_group_by_their_exact_values(key: str, trades: list[tuple[str, str]], sizes: list[float]) -> None:
    x, y = zip(*trades, strict=True)
    book = {"trade": {"trade": [f"t{i}" for i in range(len(x))], "x": list(x), "y": list(y)}}
    results = results_of(NUMBERS.replace("KEY", key), book)
    n = results.column("bucket", "n")
    assert n is not None
    assert n.values.tolist() == sizes
    assert len(set(results.book.tables["bucket"].keys)) == len(sizes)


def test_what_a_group_reads_of_its_key_is_exact() -> None:
    book = {"trade": {"trade": ["a", "b"], "x": ["0.1", "0.3"], "y": ["0.2", "0"]}}
    results = results_of(NUMBERS.replace("KEY", "both"), book)
    assert list(column(results, "bucket", "fits").values()) == [True]


SECTORS = POLICY.replace(
    "entity cluster groups netting by underlying.sector:\n  risk    = sum(netting.risk)\n  members = count(netting)\n",
    """entity cluster groups position by account, market.underlying.sector:
  gross = sum(abs(position.value))
""",
).replace("  sets = count(netting)\n", "  sets = count(cluster)\n  deep = sum(cluster.gross)\n")


def test_an_unknown_key_makes_every_group_unknown_that_the_row_may_belong_to() -> None:
    markets = ["BTCUSD", "BTCUSD", "BTCF", "ETHUSD"]
    book = {
        **with_cell("underlying", "sector", 1, "layer3"),
        "position": {**BOOK["position"], "account": ["a2", "a1", "a1", "a1"], "market": markets},
    }
    results = results_of(SECTORS, book)
    lost = "a1/? not a number: underlying.sector of ETH is layer3"
    assert column(results, "cluster", "gross") == {"a2/layer1": 200000.0, "a1/layer1": None, lost: None}
    assert column(results, "account", "deep") == {"a1": None, "a2": 200000.0, "idle": 0.0}
    assert column(results, "account", "sets") == {"a1": None, "a2": 1.0, "idle": 0.0}
    assert column(results, "netting", "gross") == {"a2/BTC": 200000.0, "a1/BTC": 150200.0, "a1/ETH": 9000.0}
    assert {row.text for row in results.unknown_rows()} == {
        "not a number: `underlying.sector` of `ETH` is `layer3`",
    }


def test_a_row_without_an_account_stops_the_run_as_ever() -> None:
    with pytest.raises(SnapshotError, match="belong to nobody"):
        results_of(POLICY, with_cell("position", "account", 0, "nobody"))


def test_a_scenario_comes_before_groups() -> None:
    text = POLICY + "\nentity ladder groups position by tenor:\n  n = count(position)\n"
    assert column(results_of(text, BOOK), "ladder", "n") == {"30": 1.0, "60": 1.0, "90": 1.0, "7": 1.0}
    assert column(results_of(text, BOOK, "moved"), "ladder", "n") == {"1": 4.0}


AFTER = """
entity ladder groups position by account, large:
  gross = sum(abs(position.value))

tiers account:
  | risk <= | tier | close                                   |
  | 1000    | fine | 0%                                      |
  | other   | trim | until after.risk <= 2500 USD            |
  | unknown | hold | 0%                                      |

effect:
  position.size becomes size * (1 - account.close)

grid up:
  move in 0%, 100%
  market.mark becomes mark * (1 + move)
"""


def test_groups_stay_as_they_are_in_the_state_after_and_in_moves() -> None:
    text = POLICY.replace("  part    =", "  large   = abs(value) > 10k USD\n  part    =").replace(
        "  sets = count(netting)\n", "  high = max(sum(ladder.gross where ladder.large) over up)\n"
    )
    results = results_of(text + AFTER, BOOK)
    close, risk = column(results, "account", "close"), column(results, "account", "after.risk")
    assert close["a2"] == 0.0
    assert close["a1"] == pytest.approx(1 - 2500 / 5920, abs=1e-12)
    assert risk["a1"] == pytest.approx(2500.0)
    assert column(results, "ladder", "gross") == {"a2/yes": 12000.0, "a1/yes": 150200.0, "a1/no": 9000.0}
    after = column(results, "ladder", "after.gross")
    assert after["a1/no"] == pytest.approx(9000 * 2500 / 5920)  # no longer large, if it were asked again
    assert column(results, "account", "high") == {"a1": 300400.0, "a2": 24000.0, "idle": 0.0}


TEST = """
test "a hedge nets":
  given underlying
    | underlying | spot  | sector |
    | BTC        | 50000 | layer1 |
  given market
    | market | underlying | mark  |
    | spot   | BTC        | 50000 |
    | future | BTC        | 50100 |
  given account
    | account | cash |
    | a1      | 0    |
  given position
    | position | account | market | size | coins |
    | p1       | a1      | spot   | 2    | 2     |
    | p2       | a1      | future | -2   | -2    |
  expect netting a1/BTC: net = -200, underlying = "BTC"
  expect netting a1/ETH: net = 0
"""


def test_a_test_expects_of_a_group_by_its_key() -> None:
    (missing,) = run_tests(policy_of(POLICY + TEST))
    assert missing.fault == "there is no row `a1/ETH` of `netting`; its rows are `a1/BTC`"
    (passed,) = run_tests(policy_of(POLICY + TEST.replace("  expect netting a1/ETH: net = 0\n", "")))
    assert passed.passed


def test_a_law_of_a_group_s_rows_is_refuted_by_a_test_to_paste() -> None:
    law = '\nalways "small" on netting: gross <= 1M USD\nalways "nets" on netting: abs(net) <= gross\n'
    refuted, undecided = run_laws(policy_of(POLICY + law))
    assert (refuted.verdict, undecided.verdict) == ("refuted", "undecided")
    assert refuted.counterexample is not None
    assert "  expect netting a1/u2: gross = " in refuted.counterexample.test
    again = policy_of(POLICY + law + "\n" + refuted.counterexample.test)
    assert all(result.passed for result in run_tests(again))


def test_explain_shows_a_group_s_members() -> None:
    policy = policy_of(POLICY)
    evaluation = evaluate(policy, book_of(policy, BOOK), {})
    found = explain(evaluation, "netting", 1)
    assert (found.key, [f.name for f in found.formulas]) == ("a1/BTC", ["net", "gross", "coins", "worth", "risk"])
    (total,) = found.formulas[0].parts
    assert [(part.key, part.value) for part in total.parts] == [("p3", -100200.0), ("p2", 50000.0)]


def test_the_commands_know_groups(tmp_path: Path, softliq: Softliq) -> None:
    policy = tmp_path / "g.policy"
    policy.write_text(POLICY, "utf-8")
    for entity, columns in BOOK.items():
        rows = [",".join(columns), *(",".join(cells) for cells in zip(*columns.values(), strict=True))]
        (tmp_path / f"{entity}.csv").write_text("\n".join(rows) + "\n", "utf-8")
    schema = softliq("schema", str(policy))
    assert "netting" not in schema.out
    shown = softliq("explain", str(policy), str(tmp_path), "netting:a1/BTC")
    assert shown.code == 0
    assert "-50,200" in shown.out
    report = softliq("report", str(policy), str(tmp_path), "-o", str(tmp_path / "r.html"))
    assert report.code == 0, report.err
    html = (tmp_path / "r.html").read_text("utf-8")
    assert "groups position by account, market.underlying" in html
    assert "group.members" not in html
    out = softliq("eval", str(policy), str(tmp_path), "--out", str(tmp_path / "out"), "--format", "csv")
    assert out.code == 0, out.err
    assert (tmp_path / "out" / "netting.csv").read_text("utf-8").startswith('"netting","net"')
