"""`softliq schema`: the tables and columns that a snapshot must have."""

from typing import Annotated, Literal

import typer

from cli.exits import Exit
from cli.options import PolicyFile
from cli.terminal.console import print_json


def schema(
    policy: PolicyFile,
    format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="For people, or the same as data.")
    ] = "table",
) -> int:
    """Show the tables and columns that a snapshot must have for a policy."""
    from cli.policy import read_policy
    from cli.terminal.schema import show_schema
    from evaluator.schema import schema as schema_of

    _, checked = read_policy(policy)
    found = schema_of(checked)
    if format == "json":
        print_json(found)
    else:
        show_schema(found)
    return Exit.FINE
