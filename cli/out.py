"""The folder that results are written into, and the columns that are: `--out`, `--columns`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli.exits import Exit, Stop
from dsl.near import did_you_mean

if TYPE_CHECKING:
    from dsl.load import Loaded
    from dsl.model import Policy


def apart(out: Path, snapshot: str) -> None:
    """Stops where results would overwrite the snapshot's tables, or stand beside them as if they were some."""
    from cli.terminal.text import safe

    if out.exists() and not out.is_dir():
        raise Stop(Exit.USAGE, f"`{safe(str(out))}` is a file; `--out` names a folder")
    given = Path(snapshot)
    inputs = given.parent if given.is_file() else given
    if out.exists() and inputs.exists() and out.samefile(inputs):
        told = f"`{safe(str(out))}` holds the snapshot: results would take the place of its tables"
        raise Stop(Exit.USAGE, told, "name another folder after `--out`")


def apart_from_inputs(out: Path, snapshot: str, loaded: "Loaded", policy: "Policy", names: list[str]) -> None:
    """Stops where results would stand in a folder that tables of the snapshot are read from, wherever that is, or take
    the place of a file that the policy is made of."""
    from cli.terminal.text import safe
    from evaluator.layout import input_files

    if not out.exists():
        return
    folders = [file.parent for file in input_files(Path(snapshot), policy)]
    sources = [Path(file.source.folder or ".", Path(file.source.name).name) for file in loaded.sources]
    taken = [n for n in names if any(s.name == n and s.parent.exists() and out.samefile(s.parent) for s in sources)]
    if any(folder.exists() and out.samefile(folder) for folder in folders):
        told = f"`{safe(str(out))}` holds tables of the snapshot: results would take their place"
    elif taken:
        told = f"`{safe(str(out))}` holds `{safe(taken[0])}`, which the policy is made of: results would take its place"
    else:
        return
    raise Stop(Exit.USAGE, told, "name another folder after `--out`")


def wanted_columns(columns: str | None) -> list[str] | None:
    """The columns of ``--columns``; None for all that are computed."""
    wanted = None if columns is None else [c.strip() for c in columns.split(",") if c.strip()]
    if wanted == []:
        raise Stop(Exit.USAGE, "`--columns` names no column", "write them as `--columns account.health,account.tier`")
    return wanted


@contextmanager
def known_columns() -> Iterator[None]:
    """Inside, a column that isn't there stops the command."""
    from cli.terminal.text import safe
    from evaluator.outputs import UnknownColumn

    try:
        yield
    except UnknownColumn as error:
        hint = did_you_mean(error.wanted, error.columns) or f"there are {', '.join(f'`{c}`' for c in error.columns)}"
        raise Stop(Exit.USAGE, f"there is no column `{safe(error.wanted)}`", hint) from None
