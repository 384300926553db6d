"""`softliq schema`: the tables and columns that a snapshot must have."""

import json
import sys
from typing import Annotated, Literal

import typer

from cli.exits import Exit
from cli.options import PolicyFile


def schema(
    policy: PolicyFile,
    format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="For people, or the same as data.")
    ] = "table",
) -> int:
    """Show the tables and columns that a snapshot must have for a policy."""
    from cli.inputs import read_policy
    from cli.terminal.schema import show_schema
    from evaluator.schema import schema as schema_of

    _, checked = read_policy(policy)
    found = schema_of(checked)
    if format == "json":
        json.dump(found, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
        print()
    else:
        show_schema(found)
    return Exit.FINE
