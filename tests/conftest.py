"""What every test may use."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker that takes more than five seconds to end is sent an interrupt, which has nothing to end any more and is
    told as an exception in whatever runs then."""
    if hasattr(session.config, "workerinput"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@dataclass(frozen=True)
class Ran:
    """One command line: its exit code and what it printed."""

    code: int
    out: str
    err: str


Softliq = Callable[..., Ran]


@pytest.fixture
def softliq(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Softliq:
    """Runs a command line in this process: ``softliq("check", path)``."""
    from cli.app import run

    monkeypatch.setenv("SOFTLIQ_DEBUG", "")

    def call(*arguments: str | os.PathLike[str]) -> Ran:
        capsys.readouterr()
        code = run([os.fspath(a) for a in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


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


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The flagship's book, to be changed."""
    return Path(shutil.copytree(ROOT / "policies" / "snapshots" / "perpetuals", tmp_path / "book"))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """Where temporary folders are made, and nothing may be left."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    with patch.object(tempfile, "tempdir", str(folder)):
        yield folder
    assert list(folder.iterdir()) == []
