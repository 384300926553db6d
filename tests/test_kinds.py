"""What stands where a file should: a pipe, a folder, a device is named, and nobody waits for it."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Softliq


def _socket(path: Path) -> None:
    home = os.getcwd()
    os.chdir(path.parent)  # a socket's name is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(home)


MAKERS: dict[str, Callable[[Path], None]] = {
    "a named pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a socket": _socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to `nowhere`, where there is no file": lambda path: path.symlink_to("nowhere"),
    "a link to `itself`, where there is no file": lambda path: (
        path.symlink_to("itself"),
        path.with_name("itself").symlink_to("itself"),
    )[0],
}
KINDS = pytest.mark.parametrize("kind", MAKERS)


@KINDS
def test_a_policy_that_is_no_file(softliq: Softliq, mine: Path, kind: str) -> None:
    MAKERS[kind](mine / "no.policy")
    commands = [
        ("check",),
        ("eval", mine / "snapshot"),
        ("schema",),
        *([] if kind == "a folder" else [("fmt",), ("test",)]),
    ]
    for command, *more in commands:
        ran = softliq(command, mine / "no.policy", *more)
        assert (ran.code, f"error[E002]: `{mine / 'no.policy'}` is {kind}\n" in ran.out + ran.err) == (3, True), command


@KINDS
def test_what_a_policy_reads_that_is_no_file(softliq: Softliq, mine: Path, kind: str) -> None:
    (mine / "parts").mkdir()
    MAKERS[kind](mine / "parts" / "no.csv")
    with (mine / "my.policy").open("a") as policy:
        policy.write('\nuse "parts/no.policy"\n')
        policy.write('table zones(x: number) from "parts/no.csv":\n  | x >= | rate |\n')
    (mine / "parts" / "no.policy").symlink_to("no.csv")
    ran = softliq("check", mine / "my.policy")
    if kind == "a device":  # links lead out of the policy's folder
        assert (ran.code, ran.out.count("lies outside the policy's folder")) == (3, 2)
    else:
        assert (ran.code, ran.out.count("error[E002]")) == (3, 2)
        told = f"no.csv` is {kind}\n" if "nowhere" not in kind else "there is no file"  # links are followed first
        assert told in ran.out


@KINDS
@pytest.mark.parametrize("name", ["account.csv", "account.csv.gz", "account.parquet", "snapshot.toml", "stated.csv"])
def test_a_snapshot_s_file_that_is_none(softliq: Softliq, mine: Path, kind: str, name: str) -> None:
    snapshot = mine / "snapshot"
    if name == "stated.csv":
        (snapshot / "snapshot.toml").write_text('[account]\nfile = "stated.csv"\n')
    elif name.startswith("account"):
        (snapshot / "account.csv").unlink()
    MAKERS[kind](snapshot / name)
    for command in (("eval",), ("eval", "--memory", "1GB"), ("index",)):
        ran = softliq(*command[:1], mine / "my.policy", snapshot, *command[1:])
        assert (ran.code, ran.out, not ran.err.count("1 error in the snapshot")) == (4, "", False)
        assert f"error: the file can't be read: it is {kind}\n  --> {name}\n" in ran.err
    assert not (snapshot / ".softliq").exists()


@KINDS
def test_a_snapshot_that_is_none(softliq: Softliq, mine: Path, tmp_path: Path, kind: str) -> None:
    for name in ("snap", "snap.toml"):
        MAKERS[kind](tmp_path / name)
        ran = softliq("eval", mine / "my.policy", tmp_path / name)
        told = "isn't a snapshot of this policy: it is empty" if kind == "a folder" else f"is {kind}\n"
        assert (ran.code, ran.out, told in ran.err) == (4, "", True)
        (tmp_path / "itself").unlink(missing_ok=True)


@KINDS
def test_params_that_are_no_file(softliq: Softliq, mine: Path, kind: str) -> None:
    MAKERS[kind](mine / "set.toml")
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--params", mine / "set.toml")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: `{mine / 'set.toml'}` is {kind}\n")


def test_a_snapshot_that_may_not_be_read(softliq: Softliq, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> str | None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("evaluator.layout.no_file", refused)
    for closed in (False, True):
        monkeypatch.setattr("evaluator.layout.os.access", lambda path, mode, closed=closed: not closed)
        ran = softliq("eval", mine / "my.policy", mine / "snapshot")
        assert (ran.code, ran.err.split("\n")[0]) == (4, f"error: no right to read `{mine / 'snapshot'}`")


def test_params_through_a_shell_s_pipe(softliq: Softliq, mine: Path) -> None:
    reads, writes = os.pipe()
    os.write(writes, b"\xef\xbb\xbfbuffer = 1.4\r\n")
    os.close(writes)
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--json", "--params", f"/dev/fd/{reads}")
    os.close(reads)
    assert (ran.code, '"buffer": 1.4' in ran.out) == (0, True)


def test_a_folder_named_as_a_snapshot_toml_is_a_folder(softliq: Softliq, mine: Path, tmp_path: Path) -> None:
    shutil.copytree(mine / "snapshot", tmp_path / "book.toml")
    assert softliq("eval", mine / "my.policy", tmp_path / "book.toml").code == 0


def test_links_in_a_circle_are_no_folder(softliq: Softliq, mine: Path, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    ran = softliq("check", tmp_path / "circle" / "my.policy")
    assert (ran.code, "there is no file" in ran.out) == (3, True)
    ran = softliq("eval", mine / "my.policy", tmp_path / "circle" / "snapshot")
    assert (ran.code, "no such snapshot" in ran.err) == (4, True)
