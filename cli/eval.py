"""`softliq eval`: a policy over a snapshot: tiers, checks, unknowns, files."""

import re
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from cli.exits import Exit, Stop
from cli.options import AllowUnknown, AsOf, Params, PolicyFile, RunOptions, Scenario, Set, SnapshotPath, Threads
from cli.terminal.console import print_json
from dsl.records import dataclass

if TYPE_CHECKING:
    from dsl.load import Loaded
    from dsl.model import Policy
    from evaluator.results import Results

T = TypeVar("T")


def eval_command(
    context: typer.Context,
    policy: PolicyFile,
    snapshot: SnapshotPath,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write the results into this folder.")
    ] = None,
    format: Annotated[Literal["parquet", "csv", "json"], typer.Option("--format", help="What to write.")] = "parquet",
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="A.B,...", help="Write only these, such as account.health,account.tier."),
    ] = None,
    sets: Set = None,
    params: Params = None,
    as_of: AsOf = None,
    scenario: Scenario = None,
    grid: Annotated[
        str | None,
        typer.Option("--grid", metavar="NAME", help="Write each row's results in every move of this grid instead."),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="SIZE", help="Evaluate accounts in parts that fit into this, such as 1GB."),
    ] = None,
    allow_unknown: AllowUnknown = "0",
    threads: Threads = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> int:
    """Run a policy over a snapshot.

    Exit codes: 0 fine, 1 a check failed, 3 the policy is invalid, 4 the snapshot is invalid, 5 too many unknown rows.
    """
    from evaluator.ahead import begin

    if memory is None:
        begin(Path(snapshot))
    from cli.inputs import run

    allowed = allowance(allow_unknown)
    if columns is not None and out is None:
        raise Stop(Exit.USAGE, "`--columns` chooses what is written, and nothing is", "add `--out DIR`")
    source = context.get_parameter_source("format")
    if out is None and source is not None and source.name == "COMMANDLINE":
        raise Stop(
            Exit.USAGE, "`--format` chooses how results are written, and none are",
            "add `--out DIR`; `--json` prints the summary as JSON",
        )  # fmt: skip
    if out is not None:
        _apart(out, snapshot)
    options = RunOptions(policy, snapshot, tuple(sets or ()), params, as_of, scenario, threads=threads)
    if memory is not None:
        from cli.stream import stream

        if grid is not None:
            raise Stop(Exit.USAGE, "`--memory` evaluates the snapshot as it is", "leave `--grid` or `--memory` out")
        results = stream(options, memory, out, format, columns, "json" if as_json else "text")
        return _told(results, out, as_json, allowed)
    if grid is not None:
        from cli.grid import sweep

        if out is None or format == "json" or as_json:
            raise Stop(Exit.USAGE, "`--grid` writes one file, Parquet or CSV", "add `--out DIR`, and leave JSON out")
        sweep(options, grid, out, format, columns)
        return Exit.FINE
    loaded, results = run(options, "json" if as_json else "text", summary=out is None)
    if out is not None:
        from evaluator.outputs import write_outputs

        apart_from_inputs(out, snapshot, loaded, results.policy, [f"{e}.{format}" for e in results.policy.entities])
        written(lambda: write_outputs(results, out, format, wanted_columns(columns)))
    return _told(results, out, as_json, allowed)


def _told(results: "Results", out: Path | None, as_json: bool, allowed: "Allowance") -> Exit:
    """Prints the summary and gives the exit code."""
    if as_json:
        print_json(results.summary())
    else:
        from cli.terminal.results import show_results

        show_results(results, out)
    return verdict(results, allowed)


@dataclass(frozen=True, slots=True)
class Allowance:
    """``--allow-unknown``: so many rows, or, with ``percent``, that share of them. ``text`` as typed."""

    text: str
    value: Fraction
    percent: bool

    def limit(self, rows: int) -> int:
        """How many of the rows may be unknown."""
        return int(self.value * rows / 100) if self.percent else int(self.value)


def allowance(text: str) -> Allowance:
    """What ``--allow-unknown`` says."""
    from cli.terminal.text import safe

    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    if not re.fullmatch(r"\d{1,15}(\.\d{1,15})?" if percent else r"\d{1,15}", number, re.ASCII) or (
        percent and Fraction(number) > 100
    ):
        told = f"`--allow-unknown {safe(text)}` is not a number of rows"
        raise Stop(Exit.USAGE, told, "write `5`, or a share such as `1%`")
    return Allowance(text, Fraction(number), percent)


def verdict(results: "Results", allowed: Allowance) -> Exit:
    """The exit code: too many unknown rows before failed checks. Says on standard error why it is not 0."""
    from cli.terminal.text import count

    unknown, rows = results.unknown_count, results.deciding_count
    too_many = unknown > allowed.limit(rows)
    if too_many:
        told = f"{count(unknown, 'row')} of {rows:,} unknown, more than --allow-unknown {allowed.text}"
        print(f"error: {told}", file=sys.stderr)
    failed = [c for c in results.checks if c.verdict in ("fail", "unknown")]
    if failed:
        print(f"error: {count(len(failed), 'check')} of {len(results.checks)} did not pass", file=sys.stderr)
    return Exit.UNKNOWN if too_many else Exit.FAILED if failed else Exit.FINE


def _apart(out: Path, snapshot: str) -> None:
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


def written(write: Callable[[], T]) -> T:
    """What writes the results; a column that isn't there stops the command."""
    from difflib import get_close_matches

    from cli.terminal.text import safe
    from evaluator.outputs import UnknownColumn

    try:
        return write()
    except UnknownColumn as error:
        near = get_close_matches(error.wanted, error.columns, 1)
        hint = f"did you mean `{near[0]}`?" if near else "there are " + ", ".join(f"`{c}`" for c in error.columns)
        raise Stop(Exit.USAGE, f"there is no column `{safe(error.wanted)}`", hint) from None
