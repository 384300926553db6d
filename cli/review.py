"""`softliq report`: one HTML file to review what a policy did to a book."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit, Stop
from cli.options import AllowUnknown, AsOf, Params, PolicyFile, RunOptions, Scenario, Set, SnapshotPath, Threads

_INPUTS = (".policy", ".csv", ".gz", ".parquet", ".arrow", ".feather", ".toml")  # what a slip of `-o` would destroy
_ANOTHER = "name a file such as `report.html` after `-o`"


def report(
    policy: PolicyFile,
    snapshot: SnapshotPath,
    file: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.html", help="The file to write.")],
    sets: Set = None,
    params: Params = None,
    as_of: AsOf = None,
    scenario: Scenario = None,
    allow_unknown: AllowUnknown = "0",
    threads: Threads = None,
) -> int:
    """Run a policy over a snapshot and write one self-contained HTML file. Ends as `eval` does."""
    from cli.inputs import run
    from cli.out import other_inputs
    from cli.report.page import render
    from cli.terminal.results import show_results
    from cli.terminal.text import safe
    from cli.verdict import allowance, verdict
    from evaluator.ahead import begin
    from evaluator.outputs import write_file

    allowed = allowance(allow_unknown)
    _apart(file)
    begin(Path(snapshot))
    options = RunOptions(policy, snapshot, tuple(sets or ()), params, as_of, scenario, threads=threads)
    loaded, results = run(options)
    if file.exists() and any(file.samefile(path) for path in other_inputs(options, loaded)):
        raise Stop(Exit.USAGE, f"`{safe(str(file))}` is read: the report would take its place", _ANOTHER)
    limit = allowed.limit(results.deciding_count)
    write_file(file, render(results.evaluation, loaded, _command(sys.argv), limit))
    show_results(results)
    print(f"\nreport: {safe(str(file))}")
    return verdict(results, allowed)


def _apart(file: Path) -> None:
    """Stops where a report would take the place of something else, or be taken for it."""
    from cli.out import not_in_an_index
    from cli.terminal.text import safe

    shown = safe(str(file))
    if str(file) == "-":
        raise Stop(Exit.USAGE, "a report is not written to standard output", _ANOTHER)
    if file.is_dir():
        raise Stop(Exit.USAGE, f"`{shown}` is a folder; `-o` names the file to write", _ANOTHER)
    special = file.exists() and not file.is_file()  # a device or a pipe, whose place the file would take
    if special or file.suffix.lower() in _INPUTS:
        what = (
            "is there already, and is no report" if file.exists() else "is no name of a report, which is an HTML file"
        )
        raise Stop(Exit.USAGE, f"`{shown}` {what}", _ANOTHER)
    not_in_an_index(file, "after `-o`")


def _command(typed: list[str]) -> str:
    return shlex.join(["softliq", *typed[1:]])
