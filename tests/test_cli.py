"""The commands, as one types them: what they print, write and return."""

import io
import json
import sys
from pathlib import Path

import pytest

from tests.conftest import Ran, Softliq

# -- usage ----------------------------------------------------------------------------------------


COMMANDS = ("new", "check", "schema", "eval", "report", "explain", "explain-error")


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", ""], "argument 2 is empty"),
        (["eval", "my.policy", ""], "argument 3 is empty"),
        (["eval", "my.policy", "snapshot", "--out", ""], "nothing stands after `--out`"),
        (["eval", "my.policy", "snapshot", "--out="], "nothing stands after `--out`"),
        (["report", "my.policy", "snapshot", "-o", ""], "nothing stands after `-o`"),
        (["new", ""], "argument 2 is empty"),
    ],
)
def test_what_a_shell_left_empty_is_not_the_folder_one_is_in(
    softliq: Softliq, mine: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(mine)
    before = sorted(mine.rglob("*"))
    assert softliq(*arguments) == Ran(2, "", f"error: {said}\nhelp: a variable of the shell may not be set\n")
    assert sorted(mine.rglob("*")) == before


def test_a_number_of_threads_is_whole(softliq: Softliq) -> None:
    ran = softliq("eval", "my.policy", "snapshot", "--threads", "two")
    assert (ran.code, ran.err.split("\n")[0]) == (2, "error: invalid value for `--threads`: `two` is no whole number")


def test_interrupting_is_quiet(softliq: Softliq, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.StringIO):
        @property
        def buffer(self) -> io.BytesIO:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupted())
    assert softliq("check", "-") == Ran(130, "", "")


def test_our_own_fault_is_one_line_that_says_what_to_send(softliq: Softliq, monkeypatch: pytest.MonkeyPatch) -> None:
    import cli.policy

    monkeypatch.setattr(cli.policy, "checked", lambda name: 1 // 0)
    ran = softliq("check", "x")
    assert (ran.code, ran.out, ran.err.count("\n")) == (70, "", 1)
    assert "SOFTLIQ_DEBUG=1" in ran.err
    assert "ZeroDivision" not in ran.err
    monkeypatch.setenv("SOFTLIQ_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        softliq("check", "x")


# -- new ------------------------------------------------------------------------------------------


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


# -- check ----------------------------------------------------------------------------------------


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


def test_junit_never_takes_the_place_of_inputs(softliq: Softliq, mine: Path) -> None:
    policy = mine / "my.policy"
    before = policy.read_bytes()
    ran = softliq("test", policy, "--junit", policy)
    assert (ran.code, "is there already" in ran.err, policy.read_bytes() == before) == (2, True, True)


# -- explain, schema, report ----------------------------------------------------------------------


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


# -- from Python ----------------------------------------------------------------------------------


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
