"""Every shipped policy is there to be read, run and copied: clean, sourced, tested, with a book beside it."""

from pathlib import Path

import pytest

import softliq
from dsl.until import has_until
from evaluator import laws
from evaluator.testing import run_tests
from tests.conftest import ROOT, Softliq
from tests.test_compiled_equals_reference import differences

POLICIES = ROOT / "policies"
SHIPPED = sorted(p for p in POLICIES.rglob("*.policy") if p.parent.name != "std")
VENUES = [p for p in SHIPPED if p.parent.name == "venues"]


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_it_is_clean(path: Path, softliq: Softliq) -> None:
    ran = softliq("check", path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith(": no errors\n")
    assert softliq("fmt", "--check", path).code == 0


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_its_tests_pass(path: Path) -> None:
    policy = softliq.load_policy(path)
    failed = [f"{r.test.text}: {r.fault or r.failures}" for r in run_tests(policy) if not r.passed]
    assert failed == []


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_its_laws_are_not_refuted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laws, "TOGETHER", 24)  # `softliq test` looks further
    monkeypatch.setattr(laws, "SINGLE", 4)
    refuted = [r.law.text for r in laws.run_laws(softliq.load_policy(path)) if not r.passed]
    assert refuted == []


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_its_book_runs(path: Path, softliq: Softliq) -> None:
    ran = softliq("eval", path, POLICIES / "snapshots" / path.stem, "--allow-unknown", "100%")
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("path", VENUES, ids=name)
def test_a_venue_has_a_source_and_figures(path: Path) -> None:
    policy = softliq.load_policy(path)
    assert "Source: " in policy.description
    assert sum(len(t.expectations) for t in policy.tests) >= 5
    assert policy.laws


@pytest.mark.parametrize("path", [p for p in SHIPPED if p.parent.name in ("models", "venues")], ids=name)
def test_a_book_is_computed_as_exactly_as_by_the_interpreter(path: Path) -> None:
    policy = softliq.load_policy(path)
    if has_until(policy):
        pytest.skip("its `until` is held against the interpreter in tests/test_until.py")
    assert differences(policy, softliq.read_snapshot(POLICIES / "snapshots" / path.stem, policy)) == []
