"""How many threads evaluate, as it is asked for; what they make is the same (``test_fast``)."""

import os
from pathlib import Path

import pytest

import softliq as face
from evaluator.threads import pool, threads, using
from tests.conftest import ROOT, Softliq

DEMO = ROOT / "policies" / "perpetuals.policy", ROOT / "policies" / "snapshots" / "perpetuals"


def test_what_is_asked_for_goes_before_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOFTLIQ_THREADS", raising=False)
    assert threads() >= 1
    monkeypatch.setenv("SOFTLIQ_THREADS", "3")
    assert threads() == 3
    with using(5):
        assert threads() == 5
        with using(None):
            assert threads() == 5
    assert threads() == 3


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5", "²"])
def test_a_wrong_number_is_said(wrong: str, monkeypatch: pytest.MonkeyPatch, softliq: Softliq) -> None:
    monkeypatch.setenv("SOFTLIQ_THREADS", wrong)
    ran = softliq("eval", *DEMO)
    assert (ran.code, ran.out) == (2, "")
    assert f"error: `SOFTLIQ_THREADS` is `{wrong}`, which is no number of threads: 1, 2, ...\n" in ran.err
    monkeypatch.delenv("SOFTLIQ_THREADS")
    ran = softliq("eval", *DEMO, "--threads", wrong)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: invalid value for `--threads`: ")


def test_threads_in_python_and_on_the_command_line(softliq: Softliq, tmp_path: Path) -> None:
    policy = face.load_policy(DEMO[0])
    book = face.read_snapshot(DEMO[1], policy)
    assert face.evaluate(policy, book, threads=2).summary() == face.evaluate(policy, book, threads=1).summary()
    with pytest.raises(ValueError, match="0 is no number of threads"):
        face.evaluate(policy, book, threads=0)
    one, two = (softliq("eval", *DEMO, "--json", "--threads", n, "--allow-unknown", "5%") for n in ("1", "2"))
    assert one == two and one.code == 0


def test_a_copy_of_the_process_starts_its_own_threads() -> None:
    """A process that forks takes none of its threads along; work given to them would wait for ever."""
    assert pool(2).submit(int, "7").result(timeout=10) == 7
    child = os.fork()
    if not child:
        answered = 1
        try:
            answered = int(pool(2).submit(int, "7").result(timeout=10) != 7)
        finally:
            os._exit(answered)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
