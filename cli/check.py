"""`softliq check`: every fault of policy files, in one run."""

import json
import sys
from typing import Annotated

import typer

from cli.exits import Exit
from cli.options import Format


def check(
    files: Annotated[list[str], typer.Argument(metavar="FILES...", help="policy files, or - for standard input")],
    format: Format = "text",
) -> int:
    """Check policies: names, types, units, ranges, gaps and overlaps. Ends with 3 where one has an error."""
    from cli.inputs import checked
    from cli.terminal.console import output
    from cli.terminal.diagnostics import as_data, render
    from cli.terminal.tables import say
    from cli.terminal.text import safe

    found = [(name, checked(name)) for name in files]
    failed = any(one.policy is None for _, one in found)
    if format == "json":
        data = [entry for _, one in found for entry in as_data(one.diagnostics)]
        json.dump(data, sys.stdout, indent=2, ensure_ascii=False)
        print()
    else:
        console = output()
        for number, (name, one) in enumerate(found):
            if one.diagnostics:
                console.print("\n" if number else "", render(one.diagnostics), sep="", end="", soft_wrap=True)
            else:
                say(console, f"{safe(name)}: no errors")
    return Exit.POLICY if failed else Exit.FINE
