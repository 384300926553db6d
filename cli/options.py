"""The arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from dsl.records import dataclass

TextOrJson = Literal["text", "json"]
FileFormat = Literal["parquet", "csv", "json"]

PolicyFile = Annotated[str, typer.Argument(metavar="POLICY", help="the policy file, or - for standard input")]
SnapshotPath = Annotated[
    str, typer.Argument(metavar="SNAPSHOT", help="a folder with one table per entity, or a snapshot.toml")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Give a param another value for this run; may be repeated."),
]
Params = Annotated[
    Path | None, typer.Option("--params", metavar="FILE.toml", help="Params by name; --set goes before it.")
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="The snapshot's instant, instead of the one it states.")
]
Scenario = Annotated[
    str | None,
    typer.Option("--scenario", metavar="NAME", help="A scenario of the policy first, such as crash or 'fall(20%)'."),
]
AllowUnknown = Annotated[
    str,
    typer.Option(
        "--allow-unknown", metavar="N|N%", help="How many unknown rows (or what share) are no reason for exit code 5."
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", min=1, help="How many threads evaluate; unless said, all cores."),
]
Format = Annotated[TextOrJson, typer.Option("--format", help="For people, or the same as data.")]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What ``eval``, ``report`` and ``explain`` have in common, as typed."""

    policy: str
    snapshot: str
    sets: tuple[str, ...] = ()
    params: Path | None = None
    as_of: str | None = None
    scenario: str | None = None
    grid: str | None = None
    move: str | None = None
    threads: int | None = None
