"""The commands, as one types them: what they print, write and return."""

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cli.memory import keep_blocks
from evaluator import run
from tests.conftest import ROOT, Ran, Softliq

COMMANDS = ("new", "check", "schema", "eval", "report", "explain", "explain-error")


@pytest.fixture
def mine(tmp_path: Path, softliq: Softliq) -> Path:
    """A folder as `softliq new` makes it."""
    assert softliq("new", tmp_path / "mine").code == 0
    return tmp_path / "mine"


@pytest.fixture
def blanked(mine: Path) -> Path:
    """The same with a blank mark: every account that holds BTC becomes unknown."""
    market = mine / "snapshot" / "market.csv"
    market.write_text(market.read_text().replace("BTC,50000,", "BTC,,"))
    return mine


# -- usage ------------------------------------------------------------------------------------------


def test_help_lists_every_command_in_the_order_of_use(softliq: Softliq) -> None:
    ran = softliq("--help")
    assert ran.code == 0
    places = [ran.out.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)


def test_nothing_typed_shows_the_help_and_is_a_usage_error(softliq: Softliq) -> None:
    assert softliq().code == 2
    assert "Usage: softliq" in softliq().out


def test_version(softliq: Softliq) -> None:
    import softliq as face

    assert softliq("--version") == Ran(0, f"softliq {face.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chek", "x"], "error: no such command `chek`; did you mean `check` or `schema`?\n"),
        (
            ["eval", "a", "b", "--alow-unknown", "1"],
            "error: no such option: `--alow-unknown`; did you mean `--allow-unknown`?\n",
        ),
        (["eval", "a"], "error: missing argument `SNAPSHOT`\n"),
        (["check"], "error: missing argument `FILES...`\n"),
        (
            ["check", "x", "--format", "xml"],
            "error: invalid value for `--format`: `xml` is not one of `text`, `json`\n",
        ),
        (["eval", "a", "b", "--allow-unknown", "-1"], "error: `--allow-unknown -1` is not a number of rows\n"),
        (["eval", "a", "b", "--allow-unknown", "nan%"], "error: `--allow-unknown nan%` is not a number of rows\n"),
        (["eval", "a", "b", "--allow-unknown", "101%"], "error: `--allow-unknown 101%` is not a number of rows\n"),
        (["eval", "a", "b", "--columns", "x.y"], "error: `--columns` chooses what is written, and nothing is\n"),
        (["eval", "a", "b", "--format", "csv"], "error: `--format` chooses how results are written, and none are\n"),
        (["gallery", "x"], "error: it takes no further argument: `x`\n"),
        (["eval", "a", "b", "--set"], "error: option `--set` requires an argument\n"),
        (["explain-error", "Z999\x1b"], "error: there is no error code `Z999\\x1b`\n"),
    ],
)
def test_a_usage_error_is_one_clear_message(softliq: Softliq, arguments: list[str], message: str) -> None:
    ran = softliq(*arguments)
    assert (ran.code, ran.out) == (2, "")
    first, _, rest = ran.err.partition("\n")
    assert first + "\n" == message
    assert rest == "" or (rest.startswith("help: ") and rest.count("\n") == 1)


def test_a_policy_that_is_not_there_names_the_nearest(
    softliq: Softliq, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mine)
    (mine / "my.policy").rename("perpetuals.policy")
    message = (
        "error[E002]: there is no file `perpetual.policy`\n --> perpetual.policy\n  |\n"
        "  = help: did you mean `perpetuals.policy`?\n\n1 error\n"
    )
    assert softliq("check", "perpetual.policy") == Ran(3, message, "")
    assert softliq("eval", "perpetual.policy", "snapshot") == Ran(3, "", message)
    assert softliq("check", ".").code == 3


def test_interrupting_is_quiet(softliq: Softliq, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.StringIO):
        @property
        def buffer(self) -> io.BytesIO:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupted())
    assert softliq("check", "-") == Ran(130, "", "")


def test_our_own_fault_is_one_line_that_says_what_to_send(softliq: Softliq, monkeypatch: pytest.MonkeyPatch) -> None:
    import cli.inputs

    monkeypatch.setattr(cli.inputs, "checked", lambda name: 1 // 0)
    ran = softliq("check", "x")
    assert (ran.code, ran.out, ran.err.count("\n")) == (70, "", 1)
    assert "SOFTLIQ_DEBUG=1" in ran.err
    assert "ZeroDivision" not in ran.err
    monkeypatch.setenv("SOFTLIQ_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        softliq("check", "x")


def test_a_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", "from cli.entry import main; main()", "--help"],
            cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


# -- new --------------------------------------------------------------------------------------------


def test_what_new_says_to_type_next_works(softliq: Softliq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = softliq("new", "my book")
    assert ran.code == 0
    import shlex

    lines = [shlex.split(line)[1:] for line in ran.out.splitlines() if line.startswith("  softliq ")]
    assert [line[0] for line in lines] == ["check", "test", "eval", "explain", "report"]
    assert [softliq(*line).code for line in lines] == [0, 0, 0, 0, 0]


def test_new_refuses_what_is_there(softliq: Softliq, mine: Path) -> None:
    before = (mine / "my.policy").read_bytes()
    (mine / "my.policy").write_bytes(before + b"# mine\n")
    ran = softliq("new", mine)
    assert (ran.code, "is not empty" in ran.err) == (2, True)
    assert (mine / "my.policy").read_bytes() == before + b"# mine\n"
    assert softliq("new", mine / "my.policy").code == 2


# -- check ------------------------------------------------------------------------------------------


def test_check_reads_standard_input(softliq: Softliq, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (mine / "my.policy").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert softliq("check", "-") == Ran(0, "-: no errors\n", "")
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(text.replace(b"collateral + sum", b"colateral + sum")))
    )
    ran = softliq("check", "-")
    assert ran.code == 3
    assert "<standard input>:" in ran.out


def test_check_reports_every_file_and_every_fault(softliq: Softliq, mine: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.policy"
    text = (mine / "my.policy").read_text()
    bad.write_text(
        text.replace("collateral + sum", "colateral + sum").replace("notional * market.rate", "notional * market.rat")
    )
    ran = softliq("check", mine / "my.policy", bad)
    assert ran.code == 3
    assert "my.policy: no errors" in ran.out
    assert ran.out.count("error[") >= 2
    assert ran.out.rstrip().splitlines()[-1].startswith("2 errors")


def test_check_as_data(softliq: Softliq, mine: Path) -> None:
    assert json.loads(softliq("check", mine / "my.policy", "--format", "json").out) == []
    (mine / "my.policy").write_text((mine / "my.policy").read_text().replace("collateral + sum", "colateral + sum"))
    ran = softliq("check", "--format", "json", mine / "my.policy")
    assert ran.code == 3
    (fault,) = json.loads(ran.out)
    assert fault["severity"] == "error"
    assert "colateral" in fault["message"]
    assert fault["labels"][0]["end_column"] - fault["labels"][0]["column"] == len("colateral")
    assert fault["file"] == str(mine / "my.policy")


# -- eval -------------------------------------------------------------------------------------------


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


def test_params_from_a_file_and_from_flags(softliq: Softliq, mine: Path) -> None:
    stress = mine / "stress.toml"
    stress.write_text("buffer = 1.4\n")
    command = ("eval", mine / "my.policy", mine / "snapshot", "--json")
    assert json.loads(softliq(*command, "--params", stress).out)["params"] == {"buffer": 1.4}
    both = softliq(*command, "--params", stress, "--set", "buffer=1.3")
    assert json.loads(both.out)["params"] == {"buffer": 1.3}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("buffer=2", "`2` is outside the range of `buffer`"),
        ("bufer=1.2", "the policy has no param `bufer`"),
        ("buffer=much", "`much` is not a value for `buffer`"),
        ("buffer", "`--set buffer` has no value"),
        ("=1.2", "`--set =1.2` has no name"),
        ("buffer=1.2 USD", "`1.2 USD` is not a value for `buffer`; it is a number such as `1.25` or `125%`"),
    ],
)
def test_an_override_that_does_not_fit_is_a_usage_error(softliq: Softliq, mine: Path, given: str, said: str) -> None:
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--set", given)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {said}")


def test_results_never_take_the_place_of_inputs(softliq: Softliq, mine: Path) -> None:
    policy, snapshot = mine / "my.policy", mine / "snapshot"
    before = {p: p.read_bytes() for p in (policy, *snapshot.iterdir())}
    ran = softliq("eval", policy, snapshot, "--out", mine / "." / "snapshot", "--format", "csv")
    assert (ran.code, ran.out, "holds the snapshot" in ran.err) == (2, "", True)
    for target in before:
        ran = softliq("report", policy, snapshot, "-o", target)
        assert (ran.code, ran.out, "is no report" in ran.err) == (2, "", True)
    assert before == {p: p.read_bytes() for p in (policy, *snapshot.iterdir())}


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_results_never_stand_among_tables_that_a_snapshot_reads_from_elsewhere(
    softliq: Softliq, mine: Path, tmp_path: Path, format: str
) -> None:
    """Whatever the format: results beside the tables would be found as a second table of their entity."""
    toml = tmp_path / "elsewhere" / "snapshot.toml"
    toml.parent.mkdir()
    tables = {p.stem: p for p in (mine / "snapshot").glob("*.csv")}
    toml.write_text("".join(f'[{name}]\nfile = "../mine/snapshot/{p.name}"\n' for name, p in tables.items()), "utf-8")
    before = {p: p.read_bytes() for p in tables.values()}
    for given in (toml, toml.parent):
        ran = softliq("eval", mine / "my.policy", given, "--out", mine / "snapshot", "--format", format)
        assert (ran.code, ran.out) == (2, "")
        assert "holds tables of the snapshot" in ran.err
    assert before == {p: p.read_bytes() for p in (mine / "snapshot").iterdir()}


def test_results_never_take_the_place_of_a_table_that_the_policy_reads(softliq: Softliq, mine: Path) -> None:
    policy, table = mine / "my.policy", mine / "account.csv"
    table.write_text("x,rate\n0,1%\n", "utf-8")
    text = policy.read_text("utf-8") + '\ntable rates(x: number) from "account.csv":\n  | x >= | rate |\n'
    policy.write_text(text.replace("cost        =", "dear = rates(1)\n  cost        ="), "utf-8")
    ran = softliq("eval", policy, mine / "snapshot", "--out", mine, "--format", "csv")
    assert (ran.code, "`account.csv`, which the policy is made of" in ran.err) == (2, True)
    assert table.read_text("utf-8") == "x,rate\n0,1%\n"
    assert softliq("eval", policy, mine / "snapshot", "--out", mine, "--format", "parquet").code == 0


def test_junit_never_takes_the_place_of_inputs(softliq: Softliq, mine: Path) -> None:
    policy = mine / "my.policy"
    before = policy.read_bytes()
    ran = softliq("test", policy, "--junit", policy)
    assert (ran.code, "is there already" in ran.err, policy.read_bytes() == before) == (2, True, True)


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


def test_a_param_that_is_set_twice_is_a_usage_error(softliq: Softliq, mine: Path) -> None:
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--set", "buffer=120%", "--set", "buffer=140%")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: `--set` gives `buffer` twice")


def test_columns_that_name_nothing_are_a_usage_error(softliq: Softliq, mine: Path) -> None:
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--out", mine / "results", "--columns", ",")
    assert (ran.code, "names no column" in ran.err) == (2, True)
    assert not (mine / "results").exists()


@pytest.mark.parametrize(("typed", "hint"), [("bob", "write it as `account:bob`"), ("acount", "`account:KEY`")])
def test_explain_without_an_entity_says_how_to_write_it(softliq: Softliq, mine: Path, typed: str, hint: str) -> None:
    ran = softliq("explain", mine / "my.policy", mine / "snapshot", typed)
    assert (ran.code, ran.out, hint in ran.err) == (2, "", True)


def test_a_ratio_too_large_for_percent_is_not_called_infinite(softliq: Softliq, mine: Path) -> None:
    accounts = mine / "snapshot" / "account.csv"
    accounts.write_text(accounts.read_text().replace("alice,2500", "alice,-1e308"))
    markets = mine / "snapshot" / "market.csv"
    markets.write_text(markets.read_text().replace("BTC,50000,0.02", "BTC,50000,0.0001"))
    ran = softliq("explain", mine / "my.policy", mine / "snapshot", "account:alice")
    assert "health is -4e+307" in ran.out
    assert "infinite" not in ran.out.replace("else infinite", "")
    assert max(map(len, ran.out.splitlines()[:11])) < 100


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"buffer: 1.4", "is not TOML: "),
        (b"buffer = 1.4\nbuffer = 1.5", "is not TOML: cannot overwrite a value (at "),
        (b"\xff\xfe", "is not UTF-8 text\nhelp: save it as UTF-8"),
        (b"buffer = true", "`true` is not a value for `buffer`"),
        (b"buffer = [1.4]", "`buffer` in "),
        (b"bufer = 1.4", "no param `bufer`; did you mean `buffer`?"),
    ],
)
def test_a_params_file_that_is_wrong(softliq: Softliq, mine: Path, written: bytes, message: str) -> None:
    (mine / "bad.toml").write_bytes(written)
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--params", mine / "bad.toml")
    assert (ran.code, ran.out, message in ran.err) == (2, "", True), ran.err


@pytest.mark.parametrize(
    ("typed", "help"),
    [
        ("my.polcy", "did you mean `{mine}/my.policy`?"),
        ("my", "did you mean `{mine}/my.policy`?"),
        ("zzz.policy", "check the path; it starts at the folder you are in"),
        ("", "name a file in it, such as `{mine}/my.policy`"),
        ("snapshot", "name the policy's file; where a snapshot is given too, the policy comes first"),
    ],
)
def test_a_path_that_is_no_policy(softliq: Softliq, mine: Path, typed: str, help: str) -> None:
    ran = softliq("check", str(mine / typed))
    assert (ran.code, f"help: {help.format(mine=mine)}\n" in ran.err + ran.out) == (3, True), ran.err + ran.out


def test_a_spreadsheet_in_place_of_a_table_is_named(softliq: Softliq, mine: Path) -> None:
    (mine / "snapshot" / "market.csv").rename(mine / "snapshot" / "market.xlsx")
    ran = softliq("eval", mine / "my.policy", mine / "snapshot")
    assert (ran.code, "help: save `market.xlsx` as `CSV UTF-8`, under the name market.csv" in ran.err) == (4, True)


def test_a_name_too_long_to_read_is_cut_on_the_terminal_only(softliq: Softliq, mine: Path) -> None:
    long = "x" * 10_000
    accounts = mine / "snapshot" / "account.csv"
    accounts.write_text(f"{accounts.read_text()}{long},n/a\n")
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--out", mine / "results", "--format", "csv")
    assert (ran.code, "…" in ran.out, max(map(len, ran.out.splitlines())) < 600) == (5, True, True)
    assert long in (mine / "results" / "account.csv").read_text()


def test_a_policy_with_errors_stops_first(softliq: Softliq, mine: Path) -> None:
    (mine / "my.policy").write_text((mine / "my.policy").read_text().replace("collateral + sum", "colateral + sum"))
    ran = softliq("eval", mine / "my.policy", mine / "no snapshot", "--out", mine / "results")
    assert (ran.code, ran.out) == (3, "")
    assert "colateral" in ran.err
    assert not (mine / "results").exists()


@pytest.mark.parametrize("broken", ["folder", "table", "column", "orphan", "twice"])
def test_a_structural_fault_of_the_snapshot_stops_the_run(softliq: Softliq, mine: Path, broken: str) -> None:
    snapshot = mine / "snapshot"
    match broken:
        case "folder":
            shutil.rmtree(snapshot)
        case "table":
            (snapshot / "market.csv").unlink()
        case "column":
            (snapshot / "market.csv").write_text("market,marc,rate\nBTC,1,0.1\nETH,1,0.1\n")
        case "orphan":
            (snapshot / "position.csv").open("a").write("p9,nobody,BTC,1,1\n")
        case "twice":
            (snapshot / "account.csv").open("a").write("alice,1\n")
    ran = softliq("eval", mine / "my.policy", snapshot, "--out", mine / "results")
    assert (ran.code, ran.out) == (4, "")
    assert "error" in ran.err
    assert not (mine / "results").exists()
    data = softliq("eval", mine / "my.policy", snapshot, "--json")
    assert data.code == 4
    assert json.loads(data.out)["problems"][0]["message"]


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


# -- explain, schema, report ------------------------------------------------------------------------


def test_explain_goes_down_to_the_cells(softliq: Softliq, mine: Path) -> None:
    ran = softliq("explain", mine / "my.policy", mine / "snapshot", "account:bob")
    assert (ran.code, ran.err) == (0, "")
    for word in ("bob", "watch", "equity", "collateral", "800", "p2", "mark"):
        assert word in ran.out.replace(",", ""), word
    data = json.loads(softliq("explain", mine / "my.policy", mine / "snapshot", "account:bob", "--format", "json").out)
    assert data


@pytest.mark.parametrize(
    ("row", "help"),
    [
        ("account:bobb", "did you mean `account:bob`?"),
        ("acount:bob", "did you mean `account:bob`?"),
        ("account", "write it as `account:alice`"),
    ],
)
def test_explain_of_what_is_not_there_names_the_nearest(softliq: Softliq, mine: Path, row: str, help: str) -> None:
    ran = softliq("explain", mine / "my.policy", mine / "snapshot", row)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith(f"help: {help}\n")


def test_schema_names_every_column_that_a_snapshot_needs(softliq: Softliq, mine: Path) -> None:
    tables = json.loads(softliq("schema", mine / "my.policy", "--format", "json").out)
    for found in tables:
        header = (mine / "snapshot" / f"{found['entity']}.csv").read_text().splitlines()[0]
        assert [c["column"] for c in found["columns"]] == header.split(",")
    text = softliq("schema", mine / "my.policy").out
    assert "market.csv" in text
    assert "Mark price" in text


def test_report_writes_one_file_and_ends_as_eval_does(softliq: Softliq, blanked: Path) -> None:
    ran = softliq("report", blanked / "my.policy", blanked / "snapshot", "-o", blanked / "deep" / "report.html")
    assert ran.code == 5
    assert f"report: {blanked / 'deep' / 'report.html'}" in ran.out
    assert (blanked / "deep" / "report.html").read_text("utf-8").lstrip().lower().startswith("<!doctype html>")
    assert [p.name for p in (blanked / "deep").iterdir()] == ["report.html"]


def test_explain_error_knows_every_code(softliq: Softliq) -> None:
    from dsl.codes import CODES

    for code in CODES:
        ran = softliq("explain-error", code.lower())
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.strip()


# -- the terminal -----------------------------------------------------------------------------------


def test_piped_output_has_no_colours_and_no_progress(mine: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from cli.entry import main; main()",
        "eval",
        mine / "my.policy",
        mine / "snapshot",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"FORCE_COLOR": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout


RUN = [sys.executable, "-c", "from cli.entry import main; main()"]
ASCII = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_output_of_few_characters_gets_escapes(mine: Path, options: tuple[str, ...]) -> None:
    accounts = mine / "snapshot" / "account.csv"
    accounts.write_text(f"{accounts.read_text()}\N{GRINNING FACE},n/a\n", "utf-8")
    command = [*RUN, "eval", mine / "my.policy", mine / "snapshot", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, env=os.environ | ASCII)
    assert done.returncode == 5, done.stderr
    if options:
        assert json.loads(done.stdout)["unknown"]["list"][0]["key"] == "\N{GRINNING FACE}"
    else:
        assert b"account \\U0001f600" in done.stdout


@pytest.mark.parametrize(("closed", "arguments", "code"), [(1, ["gallery"], 0), (0, ["check", "-"], 2)])
def test_a_stream_that_is_closed_is_no_fault_of_ours(closed: int, arguments: list[str], code: int) -> None:
    shell = ["sh", "-c", f'exec "$@" {"<" if closed == 0 else ">"}&-', "sh"]
    done = subprocess.run([*shell, *RUN, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, "fault of softliq" in done.stderr) == (code, False), done.stderr


INTERRUPTED = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
from cli.entry import main
main()
"""


@pytest.mark.parametrize("module", ["typer", "cli.terminal.console", "dsl.check"])  # before and while a command runs
@pytest.mark.parametrize(("ignored", "code"), [(False, 130), (True, 0)])
def test_an_interrupt_ends_the_command_quietly_while_it_starts(
    mine: Path, module: str, ignored: bool, code: int
) -> None:
    command = [sys.executable, "-c", INTERRUPTED.format(module=module), "check", mine / "my.policy"]
    shell = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"] if ignored else []
    done = subprocess.run([*shell, *command], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, "")


def in_a_terminal(command: list[str], columns: int, **environment: str) -> str:
    """What a command shows on a terminal of that width, standard error too."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    known = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "CI")}
    process = subprocess.Popen(
        [sys.executable, "-c", "from cli.entry import main; main()", *command],
        cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=known | {"TERM": "xterm-256color"} | environment,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    process.wait()
    return shown.decode("utf-8")


def test_a_narrow_terminal_folds_and_cuts_nothing_off(mine: Path) -> None:
    key = "".join(chr(ord("a") + i % 26) for i in range(100))
    for name in ("account", "position"):
        path = mine / "snapshot" / f"{name}.csv"
        path.write_text(path.read_text().replace("dave", key))
    with (mine / "my.policy").open("a") as file:
        file.write('check "nobody is shut" on account: health >= 90%\n')
    command = ["eval", str(mine / "my.policy"), str(mine / "snapshot")]
    shown = in_a_terminal(command, 40)
    assert "\x1b[1m" in shown
    colourless = in_a_terminal(command, 40, NO_COLOR="1")
    assert "\x1b[3" not in colourless
    told = colourless[colourless.index("nobody is shut") :]
    cells = [line.strip().split("  ")[0] for line in told.splitlines()]
    assert key in "".join(cell for cell in cells if cell in key)


def test_the_python_face(mine: Path) -> None:
    import softliq as face

    policy = face.load_policy(mine / "my.policy")
    book = face.read_snapshot(mine / "snapshot", policy)
    results = face.evaluate(policy, book, {"buffer": 1.5})
    assert results.unknown_count == 0
    health = results.column("account", "health")
    assert health is not None
    assert health.values[0] == 6.0
    for folder in (mine / "by_path", str(mine / "by_text")):
        assert all(path.is_file() for path in face.write_outputs(results, folder))
    fallen = face.evaluate(policy, book, {"buffer": 1.5}, scenario="fall(50%)").column("market", "fall.mark")
    assert fallen is not None
    assert list(fallen.values) == [x / 2 for x in book.tables["market"].columns["mark"].values]
    for scenario in ("fell(50%)", "fall", "fall(x)"):
        with pytest.raises(face.ParamError):
            face.evaluate(policy, book, scenario=scenario)
    with pytest.raises(face.ParamError):
        face.evaluate(policy, book, {"buffer": 9})
    (mine / "my.policy").write_text("policy nonsense")
    with pytest.raises(face.PolicyError):
        face.load_policy(mine / "my.policy")
    with pytest.raises(face.SnapshotError):
        face.read_snapshot(mine / "nowhere", policy)


def test_a_space_that_nobody_sees_is_shown_in_a_faulty_cell(softliq: Softliq, mine: Path) -> None:
    accounts = mine / "snapshot" / "account.csv"
    accounts.write_text(accounts.read_text("utf-8").replace("bob,800", "bob,\u00a0800"), "utf-8")
    ran = softliq("eval", mine / "my.policy", mine / "snapshot")
    assert (ran.code, "`account.collateral` of `bob` is `\\u00a0800`" in ran.out) == (5, True)


def test_a_narrow_terminal_breaks_no_figure_in_two(mine: Path) -> None:
    shown = in_a_terminal(["eval", str(mine / "my.policy"), str(mine / "snapshot")], 30)
    assert "trim        1  20.00%       100,000      20,000      8.67" in shown


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc and Linux")
def test_blocks_are_kept_in_large_pages() -> None:
    code = (
        "from cli.memory import keep_blocks; keep_blocks(); keep_blocks.cache_clear(); keep_blocks()\n"
        "parts = open('/proc/self/smaps').read().split('[heap]')[1:]\n"
        "flags = [part.split('VmFlags:')[1].split('\\n')[0].split() for part in parts]\n"
        "print([one.count('hg') for one in flags], len(bytearray(3 << 20)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["[0,", "1]", str(3 << 20)]  # the second time there is room left


def test_another_c_library_keeps_memory_as_it_will(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    keep_blocks.__wrapped__()


@pytest.mark.parametrize(
    ("arguments", "ahead"),
    [([], True), (["--json"], True), (["--set", "buffer=1.3"], True), (["--params", "{stress}"], False)],
)
def test_a_policy_is_lowered_once_while_tables_are_read(
    arguments: list[str], ahead: bool, mine: Path, softliq: Softliq, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where params stand in a file, which may be a pipe that is read once."""
    (mine / "stress.toml").write_text("buffer = 1.4\n")
    lowered, by = run._lowered, list[bool]()

    def counted(*given: Any) -> Any:
        by.append(threading.current_thread() is not threading.main_thread())
        return lowered(*given)

    monkeypatch.setattr(run, "_lowered", counted)
    given = [a.format(stress=mine / "stress.toml") for a in arguments]
    assert softliq("eval", mine / "my.policy", mine / "snapshot", *given).code == 0
    assert by == [ahead]
