"""`softliq index`: a snapshot kept beside its tables as it was read for a policy."""

from typing import Annotated

import typer

from cli.exits import Exit, Stop
from cli.options import AsOf, PolicyFile, SnapshotPath


def index(
    policy: PolicyFile,
    snapshot: SnapshotPath,
    as_of: AsOf = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read all of an index that is there; ends with 1 where it is damaged.")
    ] = False,
) -> int:
    """Keep a snapshot as it is read for a policy, so that later commands need not read its tables.

    It stands in `.softliq` in the snapshot's folder. `eval`, `report` and `explain` use it, and make it again when a
    table or the policy's inputs change.
    """
    from cli.policy import read_policy
    from cli.snapshot import open_book
    from cli.terminal.text import count, safe

    _, checked = read_policy(policy)
    opened = open_book(snapshot, checked, as_of, anew=True, verify=check)
    if opened.kept is None:
        raise Stop(Exit.USAGE, safe(opened.why or ""), "copy the snapshot to a folder that can be written to")
    tables = {entity: table for entity, table in opened.book.tables.items() if not checked.entities[entity].once}
    rows = ", ".join(f"{table.rows:,} of {entity}" for entity, table in tables.items())
    how = "is up to date" if opened.why is None else f"written, because {opened.why}" if opened.why else "written"
    typer.echo(f"{safe(str(opened.kept))}: {how}: {count(len(opened.book.tables), 'table')}, rows: {safe(rows)}")
    if check and opened.damaged:
        raise Stop(Exit.FAILED, "results that were computed from the damaged index may be wrong", "compute them again")
    return Exit.FINE
