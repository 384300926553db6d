"""`softliq check`: every fault of policy files, in one run."""

from typing import Annotated

import typer

from cli.exits import Exit
from cli.options import Format
from cli.terminal.console import print_json

RANGE_HEADERS = ("column", "range", "unit")


def check(
    files: Annotated[list[str], typer.Argument(metavar="FILES...", help="policy files, or - for standard input")],
    format: Format = "text",
    ranges: Annotated[bool, typer.Option("--ranges", help="show what values each computed number can take")] = False,
) -> int:
    """Check policies: names, types, units, ranges, gaps and overlaps. Ends with 3 where one has an error."""
    from cli.policy import checked
    from cli.ranges import as_rows
    from cli.terminal.console import output
    from cli.terminal.diagnostics import as_data, render
    from cli.terminal.tables import say, show_table
    from cli.terminal.text import safe

    found = [(name, checked(name)) for name in files]
    failed = any(one.policy is None for _, one in found)
    if format == "json":
        data: object = [entry for _, one in found for entry in as_data(one.diagnostics)]
        if ranges:
            rows = [r for _, one in found if one.policy for r in as_rows(one.policy)]
            data = {"diagnostics": data, "ranges": [dict(zip(RANGE_HEADERS, r, strict=True)) for r in rows]}
        print_json(data)
    else:
        console = output()
        for number, (name, one) in enumerate(found):
            if one.diagnostics:
                console.print("\n" if number else "", render(one.diagnostics), sep="", end="", soft_wrap=True)
            else:
                say(console, f"{safe(name)}: no errors")
            if ranges and one.policy is not None:
                say(console)
                show_table(console, RANGE_HEADERS, as_rows(one.policy))
    return Exit.POLICY if failed else Exit.FINE
