"""`softliq test`: whole outputs, cases, JUnit XML and JSON."""

import json
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from tests.conftest import Softliq

CASES = Path(__file__).parent / "cases" / "tests"


@pytest.mark.parametrize("name", sorted(p.stem for p in CASES.glob("*.policy")))
def test_what_a_failure_shows(softliq: Softliq, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of the expectation with their values, the rows that decided, the cells."""
    monkeypatch.chdir(CASES)
    ran = softliq("test", f"{name}.policy")
    assert ran.out == Path(f"{name}.expected").read_text("utf-8")
    assert (ran.code, ran.err) == (1, "")


def test_each_case_is_reported_on_its_own(softliq: Softliq, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    ran = softliq("test", str(CASES / "ladder.policy"), "--junit", str(junit), "--format", "json")
    data = json.loads(ran.out)["tests"]
    assert [(d["test"], d["case"], d["line"], d["passed"]) for d in data] == [
        ("the ladder", "cash = 150, tier = healthy, close = 0%", 23, True),
        ("the ladder", "cash = 120, tier = healthy, close = 0%", 24, True),
        ("the ladder", "cash = 110, tier = trim, close = 20%", 25, False),
        ("the ladder", "cash = 99, tier = shut, close = 100%", 26, True),
        ("the ladder", "cash = , tier = trim, close = 0%", 27, False),
        ("cases with names, keys and room", "first", 36, True),
        ("cases with names, keys and room", "second <&>", 37, True),
        ("cases with names, keys and room", "no room", 38, False),
    ]
    (failure,) = data[2]["failures"]
    assert failure["expected"] == "close = 20%"
    assert [p["value"] for p in failure["parts"]["parts"]] == [0.1]
    assert failure["decided"][0]["reason"]["tier"] == "trim"
    suite = ElementTree.parse(junit).getroot()
    assert suite.attrib == {"name": "softliq", "tests": "8", "failures": "3", "errors": "0"}
    names = [case.get("name") for case in suite]
    assert names[0] == "the ladder [cash = 150, tier = healthy, close = 0%]"
    assert names[6] == "cases with names, keys and room [second <&>]"
    told = suite[2].find("failure")
    assert told is not None
    assert told.get("message") == "account a1: close = 20%"
    assert told.text == "account a1: close = 20%\n  close = 20%  no\n    close      10%"


HOSTILE = """policy "H"
entity account:
  cash : number
test "a \x1b[31mred ]]> <b> & 'quote' \u200f\ufffe name":
  given account
    | account     | cash |
    | a]]>\x1b&<b>\u200f | 1    |
  expect account a]]>\x1b&<b>\u200f: cash = 2
"""


def test_hostile_texts_make_sound_xml_and_harmless_lines(softliq: Softliq, tmp_path: Path) -> None:
    policy, junit = tmp_path / "h.policy", tmp_path / "j.xml"
    policy.write_text(HOSTILE, "utf-8")
    ran = softliq("test", str(policy), "--junit", str(junit))
    assert ran.code == 1
    assert not set("\x1b\u200f\ufffe") & set(ran.out)
    suite = ElementTree.parse(junit).getroot()
    assert (suite[0].get("name") or "").startswith("a \\x1b[31mred ]]> <b> & 'quote' \\u200f")
    told = suite[0].find("failure")
    assert told is not None and (told.get("message") or "").startswith("account a]]>\\x1b&<b>\\u200f: cash = 2")


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"a.policy": 'policy "A"\nentity account:\n  cash : number\n'}, 1, "no test in"),
        ({"part.policy": "unit USD\n"}, 1, "no test in"),
        ({"notes.txt": "nothing"}, 2, "no policy file in"),
        ({}, 2, "no policy file in"),
    ],
    ids=["no test", "no policy of its own", "no policy", "empty"],
)
def test_no_test_is_a_failure(softliq: Softliq, tmp_path: Path, files: dict[str, str], code: int, said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    ran = softliq("test", str(tmp_path))
    assert ran.code == code
    assert said in ran.err


# -- coverage -------------------------------------------------------------------------------------


def test_what_no_test_reaches(softliq: Softliq, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of place with its line; what only an explanation of a failure looks at isn't reached."""
    monkeypatch.chdir(CASES)
    ran = softliq("test", "parts.policy", "--coverage")
    told = ran.out[ran.out.index("\ncoverage: ") + 1 :]
    assert told == Path("parts.coverage").read_text("utf-8")


BOOK = {
    "account": "account,cash,mode\nrich,200,hard\nsoft,-1700000,soft\ntrim,101.08,hard\nlow,100.63,hard\n"
    "lowest,100,hard\nnone,5,hard\nodd,x,hard\n",
    "position": "position,account,size\np1,rich,60000\np2,rich,3000\np3,soft,2000000\np4,trim,-90\np5,low,-90\n"
    "p6,lowest,-90\np7,odd,1\n",
}
"""Health: soft 100k / 200k = 50%, but soft; trim (101.08 - 100) / 0.9 = 120%; low 70%; lowest 0%; none infinite."""


def snapshot(folder: Path, tables: dict[str, str]) -> str:
    folder.mkdir()
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    return str(folder)


def test_snapshots_reach_what_no_test_does(softliq: Softliq, tmp_path: Path) -> None:
    policy = str(CASES / "parts.policy")
    first = snapshot(tmp_path / "first", BOOK)
    data = json.loads(softliq("test", policy, "--snapshot", first, "--format", "json").out)["coverage"]
    missed = [(m["kind"], m["in"], m["text"]) for m in data["missed"]]
    assert missed == [("curve", "curve fee", "above 150%")]  # the fee is asked for below 150% only
    assert (data["reached"], data["of"]) == (19, 20)
    assert data["partly"] == []


@pytest.mark.parametrize(("threshold", "code"), [("45%", 0), ("45.1%", 1), ("100%", 1), ("0%", 0)])
def test_the_threshold_is_a_share_of_what_there_is(softliq: Softliq, tmp_path: Path, threshold: str, code: int) -> None:
    text = (CASES / "parts.policy").read_text("utf-8")
    text = (
        text[: text.index("  expect account a:")]
        + "  expect account a: tier = shut, need = 49\n  expect account b: tier = hold\n"
    )
    (tmp_path / "p.policy").write_text(text, "utf-8")
    ran = softliq("test", str(tmp_path), "--threshold", threshold)
    assert "coverage: 9 of 20 reached, 45.00%" in ran.out
    assert ran.code == code
    assert ran.err == ("" if code == 0 else f"error: 45.00% reached, less than --threshold {threshold}\n")


@pytest.mark.parametrize("threshold", ["90", "x%", "-5%", "101%", "1e2%", ""])
def test_a_threshold_that_is_no_share(softliq: Softliq, threshold: str) -> None:
    ran = softliq("test", str(CASES / "parts.policy"), f"--threshold={threshold}")
    assert ran.code == 2
    assert "`--threshold" in ran.err


def test_a_snapshot_goes_with_one_policy(softliq: Softliq, tmp_path: Path) -> None:
    ran = softliq("test", str(CASES), "--snapshot", snapshot(tmp_path / "s", BOOK))
    assert (ran.code, "one policy" in ran.err) == (2, True)
    assert softliq("test", str(CASES / "parts.policy"), "--snapshot", str(tmp_path / "absent")).code == 4


def test_of_a_large_snapshot_some_rows_of_each_tier_are_gone_through(
    softliq: Softliq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluator.coverage.MOST_ROWS", 20)
    rows = "".join(f"a{i},200,hard\n" for i in range(200)) + "last,x,hard\n"
    book = snapshot(tmp_path / "s", {"account": "account,cash,mode\n" + rows, "position": "position,account,size\n"})
    data = json.loads(softliq("test", str(CASES / "parts.policy"), "--snapshot", book, "--format", "json").out)
    assert [(p["entity"], p["of"]) for p in data["coverage"]["partly"]] == [("account", 201)]
    assert data["coverage"]["partly"][0]["rows"] <= 20
    assert "tier row" not in {m["kind"] for m in data["coverage"]["missed"] if "fine" in m["text"]}


# -- watching -------------------------------------------------------------------------------------


def test_watching_runs_again_after_each_change(
    softliq: Softliq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy, a file that it uses, a table's CSV file, a new policy; a fault in between ends nothing."""
    main, used, rows = tmp_path / "m.policy", tmp_path / "u.policy", tmp_path / "t.csv"
    good = 'policy "M"\nuse "u.policy"\nentity account:\n  cash : number >= 0\n  fee = cash * rate(cash)\n'
    good += 'table rate(x: number) from "t.csv":\n  | x >= | rate |\n'
    good += (
        'test "T":\n  given account\n    | account | cash |\n    | a       | 10   |\n  expect account a: fee = want\n'
    )
    main.write_text(good, "utf-8")
    used.write_text("param want : number = 5\n", "utf-8")
    rows.write_text("x,rate\n0,0.5\n", "utf-8")
    edits = iter(
        [
            lambda: used.write_text("param want : number = 50\n", "utf-8"),
            lambda: rows.write_text("x,rate\n0,5.0\n", "utf-8"),
            lambda: main.write_text("policy", "utf-8"),
            lambda: main.write_text(good, "utf-8"),
            lambda: (tmp_path / "n.policy").write_text(good.replace('"T"', '"N"'), "utf-8"),
        ]
    )

    def sleep(seconds: float) -> None:
        edit = next(edits, None)
        if edit is None:
            raise KeyboardInterrupt
        edit()

    monkeypatch.setattr("cli.watch.time", SimpleNamespace(sleep=sleep))  # not for other threads
    ran = softliq("test", str(tmp_path), "--watch")
    lines = [line for line in ran.out.splitlines() if line[:1].isdecimal() or line.startswith("watching")]
    assert lines == [
        "1 passed, 0 failed", "watching 3 files, Ctrl-C ends",
        "0 passed, 1 failed", "watching 3 files, Ctrl-C ends",
        "1 passed, 0 failed", "watching 3 files, Ctrl-C ends",
        "watching 2 files, Ctrl-C ends",
        "1 passed, 0 failed", "watching 3 files, Ctrl-C ends",
        "2 passed, 0 failed", "watching 4 files, Ctrl-C ends",
    ]  # fmt: skip
    assert ran.code == 0
    assert ran.err.startswith("error[E0")
