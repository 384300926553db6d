"""`softliq new`: a commented policy, a tiny snapshot, and what to type next."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit, Stop

_NEXT = """made {folder}

type next:
  softliq check {policy}
  softliq test {policy}
  softliq eval {policy} {snapshot}
  softliq explain {policy} {snapshot} account:bob
  softliq report {policy} {snapshot} -o report.html

then blank a mark in {snapshot}/market.csv and run `softliq eval` again: nothing passes silently"""


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="the folder to make; it must not hold anything yet")],
) -> int:
    """Make a folder with a commented policy and a tiny snapshot to start from."""
    from cli.terminal.text import safe

    if folder.exists() and not folder.is_dir():
        raise Stop(Exit.USAGE, f"`{safe(str(folder))}` is a file; name a folder that is new or empty")
    if folder.exists() and any(folder.iterdir()):
        raise Stop(Exit.USAGE, f"the folder `{safe(str(folder))}` is not empty; name one that is new or empty")
    _copy(files("cli") / "starter", folder)
    shown = {"folder": folder, "policy": folder / "my.policy", "snapshot": folder / "snapshot"}
    print(_NEXT.format(**{name: _quoted(str(path)) for name, path in shown.items()}))
    return Exit.FINE


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
