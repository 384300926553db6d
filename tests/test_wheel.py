"""The wheel holds everything it needs: installed into an empty environment outside the checkout, it works."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.xdist_group("wheel")  # built once, by one worker

SOURCES = ("cli", "dsl", "evaluator", "policies", "softliq.py", "pyproject.toml", "setup.py")


def run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == code, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing of an earlier build or of the checkout gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    copy.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    run(*pip, "--wheel-dir", folder, copy, cwd=folder)
    return next(folder.glob("softliq-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the wheel in it; only what softliq depends on is borrowed from this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, wheel, cwd=folder)
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_the_wheel_holds_every_file_that_is_no_code(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in ("cli", "dsl", "evaluator", "policies")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    assert wanted - held == set()
    assert "dsl/grammar.json" in held
    assert not [name for name in held if name.startswith(("tests", "docs"))]


def test_the_installed_command_runs_outside_the_checkout(installed: Path) -> None:
    softliq = installed / "env" / "bin" / "softliq"
    python = installed / "env" / "bin" / "python"
    home = run(python, "-c", "import cli, softliq; print(cli.__file__, softliq.__file__)", cwd=installed)
    assert [Path(p).is_relative_to(installed) for p in home.split()] == [True, True]
    run(softliq, "new", "mine", cwd=installed)
    run(softliq, "check", "mine/my.policy", cwd=installed)
    check = "import sys; from cli.app import run; run(['check', 'mine/my.policy']); assert 'lark' not in sys.modules"
    run(python, "-c", check, cwd=installed)  # the wheel holds the parse table
    run(softliq, "eval", "mine/my.policy", "mine/snapshot", "--out", "results", cwd=installed)
    assert (installed / "results" / "summary.json").exists()
    run(softliq, "report", "mine/my.policy", "mine/snapshot", "-o", "report.html", cwd=installed)
    assert "<html" in (installed / "report.html").read_text("utf-8")


def test_the_installed_library_holds_the_shipped_policies(installed: Path) -> None:
    softliq = installed / "env" / "bin" / "softliq"
    python = installed / "env" / "bin" / "python"
    policies = Path(run(python, "-c", "import policies; print(policies.__path__[0])", cwd=installed).strip())
    # A file of the library that others use has no name of its own, and is checked with them.
    shipped = [p for p in sorted(policies.rglob("*.policy")) if re.search(r'^policy "', p.read_text("utf-8"), re.M)]
    assert shipped
    run(softliq, "check", *shipped, cwd=installed)
