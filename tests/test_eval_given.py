"""What `eval` is given: params, a folder for its results, a policy and a snapshot that may be wrong."""

import json
import os
import shutil
from pathlib import Path

import pytest

import softliq as softliq_face
from evaluator.outputs import write_outputs
from evaluator.snapshot import read_snapshot
from tests.conftest import Softliq


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


def test_a_param_that_makes_a_point_is_finite(softliq: Softliq, mine: Path) -> None:
    policy = mine / "my.policy"
    curve = """
param reach : ratio >= 200% = 300%
curve ease(h: ratio) linear, flat outside:
  | h     | ease |
  | 100%  | 0    |
  | reach | 1    |
"""
    policy.write_text(policy.read_text() + curve)
    assert softliq("eval", policy, mine / "snapshot", "--set", "reach=400%").code == 0
    ran = softliq("eval", policy, mine / "snapshot", "--set", "reach=infinite")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: `reach` can't be `infinite`: it makes a point of `ease`; give it a finite value\n"


def test_a_param_that_is_set_twice_is_a_usage_error(softliq: Softliq, mine: Path) -> None:
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--set", "buffer=120%", "--set", "buffer=140%")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: `--set` gives `buffer` twice")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"buffer: 1.4", "is not TOML: "),
        (b"buffer = 1.4\nbuffer = 1.5", "is not TOML: cannot overwrite a value (at "),
        (b"\xff\xfe", "is not UTF-8 text\nhelp: save it as UTF-8"),
        (b"buffer = true", "`true` is not a value for `buffer`"),
        (b"buffer = [1.4]", "`buffer` in "),
        (b"buffer = " + b"9" * 5000, "is not TOML: exceeds the limit"),
        (b"buffer = " + b"[" * 5000, "is not TOML: "),
        (b"bufer = 1.4", "no param `bufer`; did you mean `buffer`?"),
    ],
)
def test_a_params_file_that_is_wrong(softliq: Softliq, mine: Path, written: bytes, message: str) -> None:
    (mine / "bad.toml").write_bytes(written)
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--params", mine / "bad.toml")
    assert (ran.code, ran.out, message in ran.err) == (2, "", True), ran.err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("fal", "the policy has no scenario `fal`\nhelp: did you mean `fall`?"),
        ("fall 20%", "`fall 20%` is not how a scenario is written\nhelp: write `fall(share)`"),
        ("fall(20%", "`fall(20%` is not how a scenario is written\nhelp: write `fall(share)`"),
        ("fall", "`fall` takes 1 argument, and here are 0\nhelp: write `fall(share)`"),
        ("fall(20%,)", "`fall` takes 1 argument, and here are 2\nhelp: write `fall(share)`"),
        ("fall(soon)", "`soon` is not a value for `share` of `fall`\nhelp: it is a number such as `1.25` or `125%`"),
    ],
)
def test_a_scenario_that_is_asked_for_wrongly(softliq: Softliq, mine: Path, asked: str, said: str) -> None:
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--scenario", asked)
    assert (ran.code, ran.out, ran.err) == (2, "", f"error: {said}\n")


@pytest.mark.parametrize(
    ("columns", "help"),
    [
        ("acount.health", "did you mean `account.health`?"),
        ("position.pln", "did you mean `position.pnl`?"),
        ("position.xyz", "there are `position.pnl`, `position.notional`, `position.maintenance`"),
        ("position", "there are `position.pnl`, `position.notional`, `position.maintenance`"),
    ],
)
def test_a_column_that_is_not_there(softliq: Softliq, mine: Path, columns: str, help: str) -> None:
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--out", mine / "results", "--columns", columns)
    assert (ran.code, ran.err) == (2, f"error: there is no column `{columns}`\nhelp: {help}\n")


def test_columns_that_name_nothing_are_a_usage_error(softliq: Softliq, mine: Path) -> None:
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--out", mine / "results", "--columns", ",")
    assert (ran.code, "names no column" in ran.err) == (2, True)
    assert not (mine / "results").exists()


def test_results_never_take_the_place_of_inputs(softliq: Softliq, mine: Path) -> None:
    policy, snapshot = mine / "my.policy", mine / "snapshot"
    before = {p: p.read_bytes() for p in (policy, *snapshot.iterdir())}
    ran = softliq("eval", policy, snapshot, "--out", mine / "." / "snapshot", "--format", "csv")
    assert (ran.code, ran.out, "holds the snapshot" in ran.err) == (2, "", True)
    for target in before:
        ran = softliq("report", policy, snapshot, "-o", target)
        assert (ran.code, ran.out, "is no report" in ran.err) == (2, "", True)
    assert before == {p: p.read_bytes() for p in (policy, *snapshot.iterdir())}


def test_a_report_never_takes_the_place_of_a_device_or_pipe(softliq: Softliq, mine: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ran = softliq("report", mine / "my.policy", mine / "snapshot", "-o", pipe)
    assert (ran.code, ran.out, "is no report" in ran.err) == (2, "", True)
    assert pipe.is_fifo()


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


def test_nothing_is_written_among_the_files_of_an_index(softliq: Softliq, mine: Path, tmp_path: Path) -> None:
    policy, snapshot = mine / "my.policy", mine / "snapshot"
    assert softliq("index", policy, snapshot).code == 0
    home = snapshot / ".softliq"
    before = {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}
    (folder,) = (p for p in home.iterdir() if p.is_dir())
    (tmp_path / "elsewhere").symlink_to(home)
    for out in (home, home / "deep" / "er", folder, tmp_path / "elsewhere", tmp_path / "elsewhere" / "results"):
        for more in ((), ("--memory", "1GB"), ("--grid", "shocks")):
            ran = softliq("eval", policy, snapshot, "--out", out, *more)
            assert (ran.code, ran.out, "lies in `.softliq`, where" in ran.err) == (2, "", True)
        ran = softliq("report", policy, snapshot, "-o", out / "report.html")
        assert (ran.code, ran.out, "lies in `.softliq`, where" in ran.err) == (2, "", True)
        ran = softliq("new", out / "policy")
        assert (ran.code, ran.out, "lies in `.softliq`, where" in ran.err) == (2, "", True)
    assert before == {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}


def test_a_report_never_takes_the_place_of_what_is_read(softliq: Softliq, mine: Path) -> None:
    """By whatever name: the policy, a file that it uses, its table, params, the snapshot's own file."""
    (mine / "my.policy").rename(mine / "mine.txt")
    text = (mine / "mine.txt").read_text("utf-8")
    text += '\nuse "more.policy"\ntable rates(x: number) from "rates.text":\n  | x >= | rate |\n'
    (mine / "mine.txt").write_text(text.replace("cost        =", "dear = rates(twice(1))\n  cost        ="), "utf-8")
    (mine / "more.policy").write_text("let twice(x: number) = 2 * x\n", "utf-8")
    (mine / "rates.text").write_text("x,rate\n0,1%\n", "utf-8")
    (mine / "set").write_text("buffer = 1.4\n", "utf-8")
    os.link(mine / "more.policy", mine / "other.html")
    before = {p: p.read_bytes() for p in mine.rglob("*") if p.is_file()}
    command = ("report", mine / "mine.txt", mine / "snapshot", "--params", mine / "set", "-o")
    for name in ("mine.txt", "rates.text", "set", "other.html"):
        ran = softliq(*command, mine / name)
        assert (ran.code, ran.out, "is read: the report would take its place" in ran.err) == (2, "", True), name
    for name in ("report.csv", "snapshot/account.parquet"):
        ran = softliq(*command, mine / name)
        assert (ran.code, ran.out, "is no name of a report" in ran.err) == (2, "", True), name
    assert before == {p: p.read_bytes() for p in mine.rglob("*") if p.is_file()}
    assert softliq(*command, mine / "report").code == 0


def test_a_folder_where_a_file_of_results_should_be_is_named(softliq: Softliq, mine: Path) -> None:
    (mine / "out" / "account.parquet").mkdir(parents=True)
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--out", mine / "out")
    named = mine / "out" / "account.parquet"
    assert (ran.code, ran.err) == (2, f"error: cannot use `{named}`: is a directory\n")
    assert sorted(p.name for p in (mine / "out").iterdir()) == ["account.parquet"]


def test_standard_output_is_no_place_for_files(softliq: Softliq, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mine)
    for command, option in (("eval", "--out"), ("report", "-o")):
        ran = softliq(command, "my.policy", "snapshot", option, "-")
        assert (ran.code, ran.out, "not written to standard output" in ran.err) == (2, "", True)
    assert not (mine / "-").exists()


def test_rows_and_summary_are_never_one_file(softliq: Softliq, mine: Path) -> None:
    """As JSON those of an entity that is called `summary` would be `summary.json`."""
    policy = mine / "my.policy"
    policy.write_text(policy.read_text("utf-8") + "\nentity summary once:\n  worst = min(account.health)\n", "utf-8")
    command = ("eval", policy, mine / "snapshot", "--out", mine / "results")
    for more in ((), ("--memory", "1GB")):
        ran = softliq(*command, "--format", "json", *more)
        assert (ran.code, "would both be `summary.json`" in ran.err) == (2, True)
        assert not (mine / "results").exists()
    assert softliq(*command, "--format", "csv").code == 0
    results = softliq_face.evaluate(
        loaded := softliq_face.load_policy(policy), read_snapshot(mine / "snapshot", loaded)
    )
    with pytest.raises(ValueError, match="choose another format"):
        write_outputs(results, mine / "other", "json")
    assert not (mine / "other").exists()


def test_a_file_s_name_is_no_folder_for_results(softliq: Softliq, mine: Path) -> None:
    for name, format in (("results.csv", "csv"), ("results.html", "parquet"), ("snapshot/account.JSON", "json")):
        ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--out", mine / name)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.endswith(f"help: write `--out {(mine / name).with_suffix('')} --format {format}`\n")
        assert not (mine / name).exists()


def test_what_earlier_results_were_is_not_removed_where_it_is_read_now(softliq: Softliq, mine: Path) -> None:
    command = ("eval", mine / "my.policy", mine / "snapshot", "--out", mine / "out")
    assert softliq(*command, "--format", "csv").code == 0
    policy = mine / "out" / "next.policy"
    head = 'table held(name: text) from "account.csv":\n  | name = "account" | value : USD "equity" |\n'
    text = (mine / "my.policy").read_text("utf-8").replace("cost        =", 'dear = held("bob")\n  cost        =')
    policy.write_text(f"{text}\n{head}", "utf-8")
    table = (mine / "out" / "account.csv").read_bytes()
    ran = softliq("eval", policy, mine / "snapshot", "--out", mine / "out", "--format", "parquet")
    assert (ran.code, ran.out, "holds `account.csv`, which is read" in ran.err) == (2, "", True)
    assert (mine / "out" / "account.csv").read_bytes() == table


def test_results_never_take_the_place_of_a_table_that_the_policy_reads(softliq: Softliq, mine: Path) -> None:
    policy, table = mine / "my.policy", mine / "account.csv"
    table.write_text("x,rate\n0,1%\n", "utf-8")
    text = policy.read_text("utf-8") + '\ntable rates(x: number) from "account.csv":\n  | x >= | rate |\n'
    policy.write_text(text.replace("cost        =", "dear = rates(1)\n  cost        ="), "utf-8")
    ran = softliq("eval", policy, mine / "snapshot", "--out", mine, "--format", "csv")
    assert (ran.code, "`account.csv`, which is read" in ran.err) == (2, True)
    assert table.read_text("utf-8") == "x,rate\n0,1%\n"
    assert softliq("eval", policy, mine / "snapshot", "--out", mine, "--format", "parquet").code == 0


def test_a_policy_with_errors_stops_first(softliq: Softliq, mine: Path) -> None:
    (mine / "my.policy").write_text((mine / "my.policy").read_text().replace("collateral + sum", "colateral + sum"))
    ran = softliq("eval", mine / "my.policy", mine / "no snapshot", "--out", mine / "results")
    assert (ran.code, ran.out) == (3, "")
    assert "colateral" in ran.err
    assert not (mine / "results").exists()


def test_a_spreadsheet_in_place_of_a_table_is_named(softliq: Softliq, mine: Path) -> None:
    (mine / "snapshot" / "market.csv").rename(mine / "snapshot" / "market.xlsx")
    ran = softliq("eval", mine / "my.policy", mine / "snapshot")
    assert (ran.code, "help: save `market.xlsx` as `CSV UTF-8`, under the name market.csv" in ran.err) == (4, True)


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text("utf-8") + text, "utf-8")


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
            append(snapshot / "position.csv", "p9,nobody,BTC,1,1\n")
        case "twice":
            append(snapshot / "account.csv", "alice,1\n")
    ran = softliq("eval", mine / "my.policy", snapshot, "--out", mine / "results")
    assert (ran.code, ran.out) == (4, "")
    assert "error" in ran.err
    assert not (mine / "results").exists()
    data = softliq("eval", mine / "my.policy", snapshot, "--json")
    assert data.code == 4
    assert json.loads(data.out)["problems"][0]["message"]
