"""`softliq test`: whole outputs, cases, JUnit XML and JSON."""

import json
from pathlib import Path
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
    data = json.loads(softliq("test", str(CASES / "ladder.policy"), "--junit", str(junit), "--format", "json").out)
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
test "a \x1b[31mred ]]> <b> & 'quote' \u202e\ufffe name":
  given account
    | account     | cash |
    | a]]>\x1b&<b>\u202e | 1    |
  expect account a]]>\x1b&<b>\u202e: cash = 2
"""


def test_hostile_texts_make_sound_xml_and_harmless_lines(softliq: Softliq, tmp_path: Path) -> None:
    policy, junit = tmp_path / "h.policy", tmp_path / "j.xml"
    policy.write_text(HOSTILE, "utf-8")
    ran = softliq("test", str(policy), "--junit", str(junit))
    assert ran.code == 1
    assert not set("\x1b\u202e\ufffe") & set(ran.out)
    suite = ElementTree.parse(junit).getroot()
    assert (suite[0].get("name") or "").startswith("a \\x1b[31mred ]]> <b> & 'quote' \\u202e")
    told = suite[0].find("failure")
    assert told is not None and (told.get("message") or "").startswith("account a]]>\\x1b&<b>\\u202e: cash = 2")


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
