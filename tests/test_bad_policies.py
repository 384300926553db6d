"""Every fault has its whole message: the cases under tests/cases/bad, and one for every code of the registry.

A case is `NAME.policy` with `NAME.expected` beside it, or a folder `NAME` whose `case.policy` (which may use the files
beside it) and `case.expected` are the same. The expected text is what `softliq check` prints there.
To write the files of new cases: `python -m tests.test_bad_policies`, then read every line of what it wrote.
"""

import os
import re
from pathlib import Path

import pytest

from tests.conftest import Softliq

CASES = Path(__file__).parent / "cases" / "bad"


def policies() -> list[Path]:
    return sorted([*CASES.glob("*.policy"), *CASES.glob("*/case.policy")])


def name_of(policy: Path) -> str:
    return policy.parent.name if policy.name == "case.policy" else policy.stem


@pytest.mark.parametrize("policy", policies(), ids=name_of)
def test_a_fault_says_exactly_this(policy: Path, softliq: Softliq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(policy.parent)
    ran = softliq("check", policy.name)
    assert ran.out == policy.with_suffix(".expected").read_text("utf-8")
    assert ran.err == ""
    assert ran.code == (3 if re.search(r"^error\[", ran.out, re.MULTILINE) else 0)


def test_every_expected_file_has_its_policy() -> None:
    expected = sorted([*CASES.glob("*.expected"), *CASES.glob("*/case.expected")])
    assert [p.with_suffix(".policy") for p in expected] == policies()


ELSEWHERE = {
    "E003": "tests/test_load.py",  # files too large to keep here
    "E036": "tests/test_parse.py",  # said of a value on the command line, not of a policy
}
"""Codes that no case here can show, each with the tests that do."""


def test_every_code_has_a_case(root: Path) -> None:
    from dsl.codes import CODES

    shown: set[str] = set()
    for policy in policies():
        shown |= set(
            re.findall(r"^(?:error|warning)\[(\w+)\]", policy.with_suffix(".expected").read_text("utf-8"), re.M)
        )
    assert sorted(set(CODES) - shown) == sorted(ELSEWHERE)
    assert [c for c, file in ELSEWHERE.items() if f'"{c}"' not in (root / file).read_text("utf-8")] == []
    assert sorted(shown - set(CODES)) == []


def test_errors_stand_before_warnings_and_each_file_s_from_top_to_bottom() -> None:
    for policy in policies():
        text = policy.with_suffix(".expected").read_text("utf-8")
        found = re.findall(r"^(error|warning)\[\w+\].*\n *--> (.*?)(?::(\d+):(\d+))?$", text, re.MULTILINE)
        files = list(dict.fromkeys(file for _, file, _, _ in found))
        places = [(kind, files.index(file), int(row or 0), int(at or 0)) for kind, file, row, at in found]
        assert places == sorted(places), policy


def test_no_message_shows_a_python_name_or_a_full_stop() -> None:
    for policy in policies():
        for line in policy.with_suffix(".expected").read_text("utf-8").splitlines():
            if re.match(r"(error|warning)\[", line):
                message = line.partition(": ")[2]
                assert not re.search(r"\bNone\b|Fraction\(|object at|Traceback|dsl\.|<class", line), (policy, line)
                assert not message.endswith("."), (policy, line)
                assert message[:1] == message[:1].lower() or message[:1] in "`", (policy, line)


def write_missing() -> None:
    """Writes what `check` says of each case that has no expected file yet."""
    import contextlib
    import io

    from cli.app import run

    for policy in policies():
        expected = policy.with_suffix(".expected")
        if not expected.exists():
            os.chdir(policy.parent)
            with contextlib.redirect_stdout(io.StringIO()) as out:
                run(["check", policy.name])
            expected.write_text(out.getvalue(), "utf-8")
            print(expected)


if __name__ == "__main__":
    write_missing()
