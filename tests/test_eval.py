"""What `eval` prints and writes."""

import json
from pathlib import Path

import pytest

from tests.conftest import Softliq


def read_json(path: Path) -> object:
    return json.loads(path.read_text("utf-8"), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_eval_prints_tiers_and_checks(softliq: Softliq, mine: Path) -> None:
    ran = softliq("eval", mine / "my.policy", mine / "snapshot")
    assert (ran.code, ran.err) == (0, "")
    rows = {line.split()[0]: line.split()[1:3] for line in ran.out.splitlines() if line.count("%") == 1}
    # health: alice 600 %, bob 130 %, carol 107 %, dave 80 %; erin holds nothing, so hers is infinite
    assert rows == {
        "healthy": ["2", "40.00%"],
        "watch": ["1", "20.00%"],
        "trim": ["1", "20.00%"],
        "shut": ["1", "20.00%"],
        "hold": ["0", "0.00%"],
    }
    assert "pass" in ran.out
    assert not any(line != line.rstrip() for line in ran.out.splitlines())


@pytest.mark.parametrize("format", ["parquet", "csv", "json"])
def test_eval_writes_every_entity_in_the_order_of_the_input(softliq: Softliq, mine: Path, format: str) -> None:
    out = mine / "results"
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--out", out, "--format", format)
    assert ran.code == 0
    assert sorted(p.name for p in out.iterdir()) == [f"account.{format}", f"position.{format}", "summary.json"]
    rows = table(out / f"account.{format}")
    assert [r["account"] for r in rows] == ["alice", "bob", "carol", "dave", "erin"]
    alice = rows[0]
    # 2,500 of margin and 500 gained on 0.5 BTC; 2 % of 25,000 is the maintenance
    assert (float(alice["equity"]), float(alice["maintenance"]), float(alice["health"])) == (3000.0, 500.0, 6.0)
    assert alice["tier"] == "healthy"
    assert str(rows[4]["health"]) == {"json": "infinite"}.get(format, "inf")
    assert not [c for c in alice if c.endswith("_cause")]
    assert not list(mine.glob(".results*"))


def table(path: Path) -> list[dict[str, object]]:
    import csv

    import pyarrow.parquet

    match path.suffix:
        case ".parquet":
            found: list[dict[str, object]] = pyarrow.parquet.read_table(path).to_pylist()
            return found
        case ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                return [dict(row) for row in csv.DictReader(file)]
        case _:
            rows = read_json(path)
            assert isinstance(rows, list)
            return rows


def test_the_summary_says_what_it_is_of(softliq: Softliq, mine: Path) -> None:
    import hashlib

    softliq("eval", mine / "my.policy", mine / "snapshot", "--out", mine / "results", "--set", "buffer=140%")
    summary = read_json(mine / "results" / "summary.json")
    assert isinstance(summary, dict)
    assert summary["policy"]["name"] == "My first policy"
    assert hashlib.sha256((mine / "my.policy").read_bytes()).hexdigest() in summary["policy"]["sha256"].values()
    assert summary["snapshot"]["rows"] == {"market": 2, "account": 5, "position": 5}
    assert summary["params"] == {"buffer": 1.4}
    (tiers,) = summary["tiers"]
    assert [t["label"] for t in tiers["lines"]] == ["healthy", "watch", "trim", "shut", "hold"]
    assert sum(t["count"] for t in tiers["lines"]) == 5
    assert tiers["unit"] == "USD"
    # 0.5 BTC, 1 BTC, 20 ETH, 1 BTC and 10 ETH
    assert sum(t["notional"]["total"] for t in tiers["lines"]) == 25_000 + 50_000 + 50_000 + 50_000 + 25_000


def test_the_same_inputs_give_the_same_bytes(softliq: Softliq, blanked: Path) -> None:
    for out in ("one", "two"):
        softliq("eval", blanked / "my.policy", blanked / "snapshot", "--out", blanked / out)
    for one in sorted((blanked / "one").iterdir()):
        assert one.read_bytes() == (blanked / "two" / one.name).read_bytes(), one.name


def test_columns_are_chosen_in_the_order_asked_for(softliq: Softliq, mine: Path) -> None:
    out, columns = mine / "results", "account.tier,account.health"
    assert (
        softliq(
            "eval", mine / "my.policy", mine / "snapshot", "--out", out, "--format", "csv", "--columns", columns
        ).code
        == 0
    )
    assert (out / "account.csv").read_text().splitlines()[0].replace('"', "") == "account,tier,health"
    assert not (out / "position.csv").exists()
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--out", out, "--columns", "account.helth")
    assert ran.code == 2
    assert ran.err == "error: there is no column `account.helth`\nhelp: did you mean `account.health`?\n"


def test_a_later_run_leaves_nothing_of_an_earlier_one_but_what_is_not_its_own(softliq: Softliq, mine: Path) -> None:
    out = mine / "results"
    softliq("eval", mine / "my.policy", mine / "snapshot", "--out", out, "--format", "csv")
    (out / "notes.txt").write_text("mine")
    softliq("eval", mine / "my.policy", mine / "snapshot", "--out", out, "--format", "parquet")
    assert sorted(p.name for p in out.iterdir()) == ["account.parquet", "notes.txt", "position.parquet", "summary.json"]


def test_outputs_are_complete_or_absent(softliq: Softliq, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import evaluator.outputs

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(mine / "results"))

    monkeypatch.setattr(evaluator.outputs, "_sync", full)
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--out", mine / "results")
    assert (ran.code, ran.err.startswith("error: cannot use `")) == (2, True)
    assert not (mine / "results").exists()
    assert not list(mine.glob(".results*"))


def test_keys_that_a_spreadsheet_would_run_are_disarmed_and_numbers_are_not(softliq: Softliq, mine: Path) -> None:
    for name in ("account", "position"):
        path = mine / "snapshot" / f"{name}.csv"
        path.write_text(path.read_text().replace("dave", "=1+1"))
    softliq("eval", mine / "my.policy", mine / "snapshot", "--out", mine / "results", "--format", "csv")
    rows = table(mine / "results" / "account.csv")
    assert rows[3]["account"] == "'=1+1"
    pnl = [row["pnl"] for row in table(mine / "results" / "position.csv")]
    assert float(str(pnl[2])) == -2000
    assert not str(pnl[2]).startswith("'")


def test_an_unknown_cell_is_named_counted_and_changes_the_exit_code(softliq: Softliq, blanked: Path) -> None:
    ran = softliq("eval", blanked / "my.policy", blanked / "snapshot", "--out", blanked / "results", "--format", "csv")
    assert ran.code == 5
    assert "3 rows of 5 unknown" in ran.err
    assert [
        line for line in ran.out.splitlines() if line.startswith("account alice") and "mark" in line and "BTC" in line
    ]
    rows = {str(r["account"]): r for r in table(blanked / "results" / "account.csv")}
    assert [(k, r["tier"], r["health"], r["health_cause"]) for k, r in rows.items() if r["health_cause"]] == [
        (k, "hold", "", "missing") for k in ("alice", "bob", "carol")
    ]
    summary = read_json(blanked / "results" / "summary.json")
    assert isinstance(summary, dict)
    assert (summary["unknown"]["rows"], summary["unknown"]["of"]) == (3, 5)
    assert {
        (u["key"], u["origin_entity"], u["origin_key"], u["origin_column"]) for u in summary["unknown"]["list"]
    } == {(k, "market", "BTC", "mark") for k in ("alice", "bob", "carol")}


def test_an_unknown_formula_is_named_where_it_could_not_be_computed(softliq: Softliq, mine: Path) -> None:
    policy = mine / "my.policy"
    formula = "if maintenance > 0 then equity / maintenance else if equity < 0 then 0% else infinite"
    policy.write_text(policy.read_text().replace(formula, "equity / maintenance"))
    ran = softliq("eval", policy, mine / "snapshot")
    assert ran.code == 5
    assert "account erin  division by zero: `account.health` of `erin`" in ran.out.splitlines()


@pytest.mark.parametrize(("allowed", "code"), [("2", 5), ("3", 0), ("59%", 5), ("60%", 0), ("100%", 0)])
def test_allow_unknown_in_rows_and_in_percent(softliq: Softliq, blanked: Path, allowed: str, code: int) -> None:
    assert softliq("eval", blanked / "my.policy", blanked / "snapshot", "--allow-unknown", allowed).code == code


def test_many_unknown_rows_make_no_large_summary(
    softliq: Softliq, blanked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first rows, how many there are, and what makes most of them unknown; all of them are in the files."""
    monkeypatch.setattr("evaluator.results.LISTED", 2)
    ran = softliq("eval", blanked / "my.policy", blanked / "snapshot", "--json", "--allow-unknown", "100%")
    unknown = json.loads(ran.out)["unknown"]
    assert (unknown["rows"], unknown["of"], len(unknown["list"])) == (3, 5, 2)
    told = "missing: `market.mark` of `BTC`"
    assert unknown["origins"] == [{"entity": "account", "rows": 3, "cause": "missing", "text": told}]


FAILING = 'check "nobody is watched" on account: health >= 7\ncheck warn "nor trimmed" on account: health >= 7\n'


def test_a_failed_check_shows_its_worst_offenders_with_both_sides(softliq: Softliq, mine: Path) -> None:
    with (mine / "my.policy").open("a") as file:
        file.write(FAILING)
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--json")
    assert ran.code == 1
    assert "1 check of 4 did not pass" in ran.err
    failed = json.loads(ran.out)["checks"][2]
    assert (failed["verdict"], failed["failing"], failed["rows"]) == ("fail", 4, 5)
    assert json.loads(ran.out)["checks"][3]["verdict"] == "warn"
    worst = failed["offenders"][0]
    # dave: 850 + 10 x (2,500 - 2,505), over 4 % of 25,000
    assert (worst["key"], worst["left"], worst["right"]) == ("dave", 0.8, 7.0)
    assert [o["key"] for o in failed["offenders"]] == ["dave", "carol", "bob", "alice"]
    text = softliq("eval", mine / "my.policy", mine / "snapshot").out
    assert text.index("nobody is watched") < text.index("dave") < text.index("nor trimmed")


def test_a_check_that_only_warns_and_an_unknown_one(softliq: Softliq, blanked: Path) -> None:
    policy = blanked / "my.policy"
    text = policy.read_text()
    policy.write_text(text + 'check warn "rich" on account: equity >= 1bn USD\n')
    assert softliq("eval", policy, blanked / "snapshot", "--allow-unknown", "3").code == 0
    policy.write_text(text + 'check "fine" on account: equity >= -1bn USD\n')
    ran = softliq("eval", policy, blanked / "snapshot", "--allow-unknown", "3")
    assert ran.code == 1, "a check that is unknown has not passed"
    both = softliq("eval", policy, blanked / "snapshot")
    assert both.code == 5
    assert both.err.count("error: ") == 2


HOSTILE = "[/x]\x1b[31m\u202e[bold]" + "k" * 90


def test_hostile_keys_are_shown_whole_and_harmless(softliq: Softliq, blanked: Path) -> None:
    for name in ("account", "position"):
        path = blanked / "snapshot" / f"{name}.csv"
        path.write_text(path.read_text().replace("alice", HOSTILE), encoding="utf-8")
    ran = softliq("eval", blanked / "my.policy", blanked / "snapshot")
    assert ran.code == 5
    shown = HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    assert shown in ran.out
    assert "\x1b" not in ran.out + ran.err
    assert "\u202e" not in ran.out + ran.err
    assert softliq("explain", blanked / "my.policy", blanked / "snapshot", f"account:{HOSTILE}").code == 0


def test_a_space_that_nobody_sees_is_shown_in_a_faulty_cell(softliq: Softliq, mine: Path) -> None:
    accounts = mine / "snapshot" / "account.csv"
    accounts.write_text(accounts.read_text("utf-8").replace("bob,800", "bob,\u00a0800"), "utf-8")
    ran = softliq("eval", mine / "my.policy", mine / "snapshot")
    assert (ran.code, "`account.collateral` of `bob` is `\\u00a0800`" in ran.out) == (5, True)


def test_a_name_too_long_to_read_is_cut_on_the_terminal_only(softliq: Softliq, mine: Path) -> None:
    long = "x" * 10_000
    accounts = mine / "snapshot" / "account.csv"
    accounts.write_text(f"{accounts.read_text()}{long},n/a\n")
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--out", mine / "results", "--format", "csv")
    assert (ran.code, "…" in ran.out, max(map(len, ran.out.splitlines())) < 600) == (5, True, True)
    assert long in (mine / "results" / "account.csv").read_text()
