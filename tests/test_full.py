"""A disk that is full: what could not be written is named, nothing is left half written, and nothing is lost."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

DEMO = ROOT / "policies" / "snapshots" / "perpetuals"
LIMIT = 1_000  # bytes of the largest file that may be written
COMMANDS = [  # and what it can't write, or what the message begins with
    ("eval book.policy {book} --out made", "made"),
    ("eval book.policy {book} --out made --format csv", "made"),
    ("eval book.policy {book} --out made --format json", "made"),
    ("eval book.policy {book} --out made --grid moves", "made/grid_moves.parquet"),
    ("eval book.policy {book} --memory 1GB", "{scratch}/softliq-"),
    ("report book.policy {book} -o made.html", "made.html"),
    ("fmt book.policy", "book.policy"),
    ("new made", "made"),
    ("new made --from perpetuals", "made"),
]
GRID = "\ngrid moves:\n  move in -10%, 10%\n  market.mark becomes mark*(1 + move)\n"


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


@pytest.mark.parametrize(("command", "named"), COMMANDS)
def test_what_cannot_be_written_is_named(command: str, named: str, tmp_path: Path) -> None:
    policy = (ROOT / "policies" / "perpetuals.policy").read_text("utf-8") + GRID
    (tmp_path / "book.policy").write_text(policy, "utf-8")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from cli.entry import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, *command.format(book=DEMO).split()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        preexec_fn=limited,
        env={"TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.stdout == "" and done.returncode == 2
    assert done.stderr.startswith(f"error: cannot use `{named.format(scratch=scratch)}")
    assert done.stderr.endswith("`: file too large\n")
    assert {p.name for p in tmp_path.iterdir()} <= {"book.policy", "scratch", "made"}
    assert not list(scratch.iterdir()) and not any((tmp_path / "made").rglob("*"))
    assert (tmp_path / "book.policy").read_text("utf-8") == policy
