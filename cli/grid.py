"""`softliq eval --grid NAME --out DIR`: each row's results in every move of a grid."""

from pathlib import Path
from typing import Literal

from cli.exits import Exit, Stop
from cli.options import RunOptions
from dsl.near import did_you_mean, listed


def sweep(options: RunOptions, grid: str, out: Path, format: Literal["parquet", "csv"], columns: str | None) -> None:
    """Evaluates the policy in each move and writes one file."""
    from cli.inputs import in_threads, read
    from cli.out import apart_from_inputs, known_columns, wanted_columns
    from cli.terminal.progress import progress
    from cli.terminal.text import count, safe
    from evaluator.sweep import chosen_columns, default_columns, write_grid

    given = read(options)
    policy = given.policy
    if grid not in policy.grids:
        hint = did_you_mean(grid, policy.grids) or f"it has {listed(policy.grids)}"
        raise Stop(Exit.USAGE, f"the policy has no grid `{safe(grid)}`", hint)
    wanted = wanted_columns(columns)
    with known_columns():
        chosen = default_columns(policy) if wanted is None else chosen_columns(policy, wanted)
    if chosen is None or not chosen[1]:
        what = "are of several entities" if columns else "have to be chosen"
        raise Stop(Exit.USAGE, f"the columns {what}", "name one entity's: `--columns account.health,account.tier`")
    apart_from_inputs(out, options, given.loaded, policy, [f"grid_{grid}.{format}"])
    with progress() as report, in_threads(given.threads):
        path = write_grid(policy, given.book, given.params, grid, chosen, out, format, report)
    moves = len(policy.grids[grid].moves)
    rows = (
        f"{count(given.book.tables[chosen[0]].rows, 'row')} of {chosen[0]}"
        if chosen[0] in given.book.tables
        else chosen[0]
    )
    print(f"{safe(str(path))}: {rows} in {count(moves, 'move')}")
