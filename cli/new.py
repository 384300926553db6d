"""`softliq new`: a policy to start from with a snapshot to run it on, and what to type next."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit, Stop
from evaluator.about import about

_NEXT = """made {folder}

type next:
  softliq check {policy}
  softliq test {policy}
  softliq eval {policy} {snapshot}
  softliq explain {policy} {snapshot} {row}
  softliq report {policy} {snapshot} -o report.html"""
_STARTER = """

then blank a mark in {snapshot}/market.csv and run `softliq eval` again: nothing passes silently"""


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="the folder to make; it must not hold anything yet")],
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="NAME", help="Start from a shipped policy; `softliq gallery` lists them."),
    ] = None,
) -> int:
    """Make a folder with a commented policy and a tiny snapshot to start from."""
    from cli.out import not_in_an_index
    from cli.terminal.text import safe

    not_in_an_index(folder, "for the new folder")
    if folder.exists() and not folder.is_dir():
        raise Stop(Exit.USAGE, f"`{safe(str(folder))}` is a file; name a folder that is new or empty")
    if folder.exists() and any(folder.iterdir()):
        raise Stop(Exit.USAGE, f"the folder `{safe(str(folder))}` is not empty; name one that is new or empty")
    with about(folder), _whole(folder):
        policy, row = ("my.policy", "account:bob") if origin is None else _from(origin, folder)
        if origin is None:
            _copy(files("cli") / "starter", folder)
    told = _NEXT if origin is not None else _NEXT + _STARTER
    shown = {"folder": folder, "policy": folder / policy, "snapshot": folder / "snapshot", "row": row}
    print(told.format(**{name: _quoted(str(path)) for name, path in shown.items()}))
    return Exit.FINE


@contextmanager
def _whole(folder: Path) -> Iterator[None]:
    """All files or none: what a full disk cut short is taken away again."""
    there = folder.exists()
    try:
        yield
    except OSError:
        for path in folder.iterdir() if folder.exists() else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not there and folder.exists():
            folder.rmdir()
        raise


def _from(origin: str, folder: Path) -> tuple[str, str]:
    """Copies a shipped policy, the files that it reads and its book; its name, and a row to explain."""
    from cli.library import Shipped, find
    from cli.terminal.text import safe

    found = find(origin.removesuffix(".policy"))
    if not isinstance(found, Shipped):
        near = f"did you mean `{found}`? " if found else ""
        told = f"there is no shipped policy `{safe(origin)}`"
        raise Stop(Exit.USAGE, told, f"{near}`softliq gallery` lists them")
    folder.mkdir(parents=True, exist_ok=True)
    for path in _read_by(found.path):
        (folder / path.name).write_bytes(path.read_bytes())
    if found.book is not None:
        _copy(found.book, folder / "snapshot")
    return found.path.name, _row(found.path, found.book)


def _read_by(policy: Path) -> list[Path]:
    """The policy's own file and the tables that it reads; files of the library are found where they are."""
    from dsl.diagnostics import Diagnostics
    from dsl.load import load

    read = [Path(s.source.name).name for s in load(policy, Diagnostics()).sources]
    return [path for name in read if (path := policy.parent / name).exists()]


def _row(policy: Path, book: Path | None) -> str:
    """The first row that has a tier, as `explain` takes it."""
    from softliq import load_policy, read_snapshot

    loaded = load_policy(policy)
    entity = next(e for e in (*loaded.tiers, *loaded.entities) if not loaded.entities[e].once)
    keys = read_snapshot(book, loaded).tables[entity].keys if book is not None else ()
    return f"{entity}:{keys[0]}" if keys else entity


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for item in source.iterdir():
        if item.is_dir():
            _copy(item, target / item.name)
        else:
            (target / item.name).write_bytes(item.read_bytes())


def _quoted(path: str) -> str:
    from shlex import quote

    from cli.terminal.text import safe

    return quote(safe(path))
