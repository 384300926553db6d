"""`softliq eval`: a policy over a snapshot: tiers, checks, unknowns, files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit, Stop
from cli.options import (
    AllowUnknown,
    AsOf,
    FileFormat,
    Params,
    PolicyFile,
    RunOptions,
    Scenario,
    Set,
    SnapshotPath,
    TextOrJson,
    Threads,
)
from cli.terminal.console import print_json

if TYPE_CHECKING:
    from evaluator.results import Results


def eval_command(
    context: typer.Context,
    policy: PolicyFile,
    snapshot: SnapshotPath,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write the results into this folder.")
    ] = None,
    format: Annotated[FileFormat, typer.Option("--format", help="What to write.")] = "parquet",
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
    from cli.out import apart
    from cli.verdict import allowance, verdict

    allowed = allowance(allow_unknown)
    if out is None:
        _nothing_written(context, columns)
    else:
        apart(out, snapshot)
    options = RunOptions(policy, snapshot, tuple(sets or ()), params, as_of, scenario, threads=threads)
    messages: TextOrJson = "json" if as_json else "text"
    if memory is not None:
        from cli.stream import stream

        if grid is not None:
            raise Stop(Exit.USAGE, "`--memory` evaluates the snapshot as it is", "leave `--grid` or `--memory` out")
        results = stream(options, memory, out, format, columns, messages)
    elif grid is not None:
        from cli.grid import sweep

        if out is None or format == "json" or as_json:
            raise Stop(Exit.USAGE, "`--grid` writes one file, Parquet or CSV", "add `--out DIR`, and leave JSON out")
        sweep(options, grid, out, format, columns)
        return Exit.FINE
    else:
        results = _whole(options, out, format, columns, messages)
    if as_json:
        print_json(results.summary())
    else:
        from cli.terminal.results import show_results

        show_results(results, out)
    return verdict(results, allowed)


def _nothing_written(context: typer.Context, columns: str | None) -> None:
    """Stops where options say what is written, or how."""
    if columns is not None:
        raise Stop(Exit.USAGE, "`--columns` chooses what is written, and nothing is", "add `--out DIR`")
    source = context.get_parameter_source("format")
    if source is not None and source.name == "COMMANDLINE":
        told = "`--format` chooses how results are written, and none are"
        raise Stop(Exit.USAGE, told, "add `--out DIR`; `--json` prints the summary as JSON")


def _whole(
    options: RunOptions, out: Path | None, format: FileFormat, columns: str | None, messages: TextOrJson
) -> "Results":
    """Evaluates the whole snapshot, and writes the results where there is a folder for them."""
    from cli.inputs import run
    from cli.out import apart_from_inputs, known_columns, wanted_columns

    loaded, results = run(options, messages, summary=out is None)
    if out is not None:
        from evaluator.outputs import write_outputs

        names = [f"{e}.{format}" for e in results.policy.entities]
        apart_from_inputs(out, options, loaded, results.policy, names)
        with known_columns():
            write_outputs(results, out, format, wanted_columns(columns))
    return results
