"""`softliq report`: one HTML file to review what a policy did to a book."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit, Stop
from cli.options import AllowUnknown, AsOf, Params, PolicyFile, RunOptions, Scenario, Set, SnapshotPath, Threads

_INPUTS = (".policy", ".csv", ".gz", ".parquet", ".arrow", ".feather", ".toml")  # what a slip of `-o` would destroy


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
    from cli.report.page import render
    from cli.terminal.results import show_results
    from cli.terminal.text import safe
    from cli.verdict import allowance, verdict
    from evaluator.ahead import begin
    from evaluator.outputs import write_file

    allowed = allowance(allow_unknown)
    if file.is_dir():
        raise Stop(Exit.USAGE, f"`{safe(str(file))}` is a folder; `-o` names the file to write")
    special = file.exists() and not file.is_file()  # a device or a pipe, whose place the file would take
    if special or (file.exists() and file.suffix.lower() in _INPUTS):
        told = f"`{safe(str(file))}` is there already, and is no report"
        raise Stop(Exit.USAGE, told, "name a file such as `report.html` after `-o`")
    begin(Path(snapshot))
    loaded, results = run(RunOptions(policy, snapshot, tuple(sets or ()), params, as_of, scenario, threads=threads))
    limit = allowed.limit(results.deciding_count)
    write_file(file, render(results.evaluation, loaded, _command(sys.argv), limit))
    show_results(results)
    print(f"\nreport: {safe(str(file))}")
    return verdict(results, allowed)


def _command(typed: list[str]) -> str:
    return shlex.join(["softliq", *typed[1:]])
