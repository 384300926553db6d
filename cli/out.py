"""The folder that results are written into, and the columns that are: `--out`, `--columns`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli.exits import Exit, Stop
from cli.options import RunOptions
from dsl.near import listed, nearest
from evaluator.ahead import FOLDER

if TYPE_CHECKING:
    from dsl.load import Loaded
    from dsl.model import Policy
    from evaluator.outputs import UnknownColumn

FILES = (".policy", ".csv", ".gz", ".parquet", ".arrow", ".feather", ".toml", ".json", ".html")  # whatever is a file's


def not_in_an_index(path: Path, named: str) -> None:
    """Stops where a command would write among the files of an index; ``named``: how the path was given."""
    from cli.terminal.text import safe

    if FOLDER in Path(os.path.realpath(path)).parts:
        told = f"`{safe(str(path))}` lies in `{FOLDER}`, where softliq keeps its indexes of snapshots"
        raise Stop(Exit.USAGE, told, f"name another place {named}")


def apart(out: Path, snapshot: str) -> None:
    """Stops where results would overwrite the snapshot's tables, or stand beside them as if they were some."""
    from cli.terminal.text import safe

    shown = safe(str(out))
    if shown == "-":
        told = "`--out` names a folder; results are not written to standard output"
        raise Stop(Exit.USAGE, told, "name a folder, such as `results`; `--json` prints the summary")
    if out.exists() and not out.is_dir():
        raise Stop(Exit.USAGE, f"`{shown}` is a file; `--out` names a folder", "name a folder, such as `results`")
    if not out.exists() and out.suffix.lower() in FILES:
        format = out.suffix[1:].lower() if out.suffix.lower() in (".csv", ".json") else "parquet"
        told = f"`--out` names a folder, which is made, and `{shown}` is a file's name"
        raise Stop(Exit.USAGE, told, f"write `--out {safe(str(out.with_suffix('')))} --format {format}`")
    not_in_an_index(out, "after `--out`")
    given = Path(snapshot)
    inputs = given.parent if given.is_file() else given
    if out.exists() and inputs.exists() and out.samefile(inputs):
        told = f"`{shown}` holds the snapshot: results would take the place of its tables"
        raise Stop(Exit.USAGE, told, "name another folder after `--out`")


def apart_from_inputs(out: Path, options: RunOptions, loaded: "Loaded", policy: "Policy", names: list[str]) -> None:
    """Stops where results would stand in a folder that tables of the snapshot are read from, wherever that is, or take
    the place of another file that is read. ``names``: those of the results."""
    from cli.terminal.text import safe
    from evaluator.layout import input_files
    from evaluator.outputs import SUMMARY, earlier

    if SUMMARY in names:
        told = f"the rows of `{SUMMARY.partition('.')[0]}` and the summary would both be `{SUMMARY}`"
        raise Stop(Exit.USAGE, told, "write them with `--format parquet` or `--format csv`")
    if not out.exists():
        return
    folders = [file.parent for file in input_files(Path(options.snapshot), policy)]
    if any(folder.exists() and out.samefile(folder) for folder in folders):
        told = f"`{safe(str(out))}` holds tables of the snapshot: results would take their place"
        raise Stop(Exit.USAGE, told, "name another folder after `--out`")
    read = other_inputs(options, loaded)
    for name in (*names, SUMMARY, *earlier(out)):
        if (out / name).exists() and any((out / name).samefile(file) for file in read):
            told = f"`{safe(str(out))}` holds `{safe(name)}`, which is read: results would take its place"
            raise Stop(Exit.USAGE, told, "name another folder after `--out`")


def other_inputs(options: RunOptions, loaded: "Loaded") -> list[Path]:
    """The files beside a snapshot's tables that a run has read: what the policy is made of, params."""
    made_of = [Path(file.source.folder or ".", Path(file.source.name).name) for file in loaded.sources]
    given = [Path(options.snapshot), *([options.params] if options.params is not None else [])]
    return [path for path in (*made_of, *given) if path.exists()]


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
        raise Stop(Exit.USAGE, f"there is no column `{safe(error.wanted)}`", _columns_like(error)) from None


def _columns_like(error: "UnknownColumn") -> str:
    """The column that was meant, or those that there are: of its table, where that is one."""
    entity, _, name = error.wanted.partition(".")
    own = {column.partition(".")[2]: column for column in error.columns if column.startswith(f"{entity}.")}
    near = own[found] if (found := nearest(name, own)) else None if own else nearest(error.wanted, error.columns)
    return f"did you mean `{near}`?" if near else f"there are {listed([*own.values()] or error.columns)}"
