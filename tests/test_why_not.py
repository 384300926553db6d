"""Why a row is not in another tier: whole outputs, and every change of a cell tried on the files themselves."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, Softliq

CASES = Path(__file__).parent / "cases" / "explain"


@pytest.mark.parametrize(
    ("golden", "arguments"),
    [
        ("why_not_fine", ["account:a", "--why-not", "fine"]),
        ("why_not_shut_in_a_move", ["account:a", "--why-not", "shut", "--move", "move=-10%"]),
        ("why_not_trim_in_a_scenario", ["account:b", "--why-not", "trim", "--scenario", "fall(98%)"]),
    ],
)
def test_the_whole_answer(softliq: Softliq, golden: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    ran = softliq("explain", "moves.policy", "moves", *arguments)
    assert ran.out == Path(f"{golden}.txt").read_text("utf-8")
    assert (ran.code, ran.err) == (0, "")


def test_a_tier_that_it_is_in_and_one_that_nothing_leads_to(softliq: Softliq) -> None:
    def said(tier: str) -> str:
        return softliq("explain", str(CASES / "moves.policy"), str(CASES / "moves"), "account:b", "--why-not", tier).out

    assert "\nit is in fine\n" in said("fine")
    assert "\nwhy not hold\n  nothing that decides its tier is unknown\n" in said("hold")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["account:a", "--why-not", "finee"], "did you mean `fine`?"),
        (["market:BTC", "--why-not", "fine"], "`market` has no tiers"),
        (["account:a", "--move", "halfed"], "did you mean `halved`?"),
        (["account:a", "--move", "halved", "--grid", "axes"], "`axes` has no move `halved`"),
        (["account:a", "--move", "halved", "--grid", "axis"], "did you mean `axes`?"),
        (["account:a", "--grid", "axes"], "add `--move NAME`"),
        (["account:a", "--move", "halved", "--scenario", "fall(1%)"], "two shocks"),
    ],
)
def test_what_is_not_there_names_the_nearest(softliq: Softliq, arguments: list[str], said: str) -> None:
    ran = softliq("explain", str(CASES / "moves.policy"), str(CASES / "moves"), *arguments)
    assert ran.code == 2
    assert said in ran.err


POSITIONS = """position,account,market,size,entry,funding
p1,low,BTC,1,54000,
p2,low,ETH,-3,1900,5
p3,mid,BTC,0.5,52000,
p4,lost,BTC,1,54000,
p5,bad,KSM,10,20,
"""
BOOK = {
    "market": "market,mark,mark_at,volatility\nBTC,50000,2026-12-01,60%\nETH,2000,2026-12-01,90%\nKSM,,2026-12-01,1\n",
    "account": "account,collateral\nlow,4700\nmid,1140\nlost,4100\nbad,100\n",
    "position": POSITIONS,
}


@pytest.mark.parametrize("tier", ["healthy", "watch", "trim", "delever", "shut"])
def test_every_change_brings_the_row_there(softliq: Softliq, tmp_path: Path, tier: str) -> None:
    """Each change is written into the file, and the policy run over it."""
    policy, book, changed = str(ROOT / "policies" / "perpetuals.policy"), tmp_path / "book", tmp_path / "changed"
    book.mkdir()
    (book / "snapshot.toml").write_text("as_of = 2026-12-01T00:00:00Z\n", "utf-8")
    for name, text in BOOK.items():
        (book / f"{name}.csv").write_text(text.replace("60%", "0.6").replace("90%", "0.9"), "utf-8")
    tried = 0
    for account in ("low", "mid", "lost"):
        data = json.loads(
            softliq("explain", policy, str(book), f"account:{account}", "--why-not", tier, "--format", "json").out
        )
        why = data["why_not"]
        assert why["taken"] == data["tier"]["tier"]
        changes = why.get("changes", [])
        assert [abs(c["relative"]) for c in changes] == sorted(abs(c["relative"]) for c in changes)
        assert (why["taken"] == tier) or changes, (account, tier)
        for change in changes:
            shutil.copytree(book, changed)
            rewrite(changed / change["file"], change)
            after = json.loads(softliq("explain", policy, str(changed), f"account:{account}", "--format", "json").out)
            assert after["tier"]["tier"] == tier, change
            shutil.rmtree(changed)
            tried += 1
    assert tried >= 4


def rewrite(file: Path, change: dict[str, str]) -> None:
    with file.open(newline="") as read:
        rows = list(csv.DictReader(read))
    for row in rows:
        if row[change["entity"]] == change["key"]:
            assert row[change["column"]] == change["before"]
            row[change["column"]] = change["after"]
    with file.open("w", newline="") as write:
        writer = csv.DictWriter(write, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_of_an_unknown_row_it_says_what_is_unknown(softliq: Softliq, tmp_path: Path) -> None:
    for name, text in BOOK.items():
        (tmp_path / f"{name}.csv").write_text(text.replace("60%", "0.6").replace("90%", "0.9"), "utf-8")
    ran = softliq(
        "explain", str(ROOT / "policies" / "perpetuals.policy"), str(tmp_path), "account:bad", "--why-not", "trim",
        "--as-of", "2026-12-01",
    )  # fmt: skip
    assert "\nwhy not trim\n  missing: `market.mark` of `KSM`\n" in ran.out


def test_what_until_found_is_no_cell(softliq: Softliq, tmp_path: Path) -> None:
    for name, text in BOOK.items():
        (tmp_path / f"{name}.csv").write_text(text.replace("60%", "0.6").replace("90%", "0.9"), "utf-8")
    policy = ROOT / "policies" / "perpetuals.policy"
    accounts = tmp_path / "account.csv"
    accounts.write_text(accounts.read_text().replace("lost,4100", "lost,4210"), "utf-8")
    out = softliq("explain", str(policy), str(tmp_path), "account:lost", "--as-of", "2026-12-01").out
    assert out.startswith("account lost: delever\n")
    assert "    the smallest close that is enough = " in out
    assert "(until after.health >= 125%, " in out


GROUPED = """policy "G"
entity account:
  cash = sum(netting.size)
entity position:
  account : account
  size    : number
  large   = size > 5
entity netting groups position by account, large:
  size = sum(position.size)
tiers account:
  | cash >= | tier | close |
  | 20      | fine | 0%    |
  | other   | shut | 100%  |
  | unknown | hold | 0%    |
"""


def test_a_cell_that_decides_a_group_is_not_changed(softliq: Softliq, tmp_path: Path) -> None:
    """With another size the groups themselves would be others; no answer is better than one about stale groups."""
    (tmp_path / "g.policy").write_text(GROUPED, "utf-8")
    (tmp_path / "account.csv").write_text("account\na\n", "utf-8")
    (tmp_path / "position.csv").write_text("position,account,size\np,a,6\nq,a,4\n", "utf-8")
    ran = softliq("explain", str(tmp_path / "g.policy"), str(tmp_path), "account:a", "--why-not", "fine")
    assert "  cash is 10 and would have to be at or above 20: +10 (+100.00%)\n" in ran.out
    assert "  no change of one cell was found that would bring it there\n" in ran.out
