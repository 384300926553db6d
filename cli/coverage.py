"""`softliq test --coverage`: what no test or snapshot reaches, on the terminal and as data, and the threshold."""

import re
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from cli.exits import Exit, Stop

if TYPE_CHECKING:
    from rich.console import Console

    from dsl.model import Policy
    from evaluator.coverage import Coverage

_WORDS = {"tier row": "tier rows", "table row": "table rows", "curve": "parts of curves", "branch": "branches"}


def share(text: str) -> Fraction:
    """What `--threshold` says, such as `90%`."""
    from cli.terminal.text import safe

    number = text.strip().removesuffix("%")
    if not text.strip().endswith("%") or not re.fullmatch(r"\d{1,3}(\.\d{1,9})?", number, re.ASCII):
        raise Stop(Exit.USAGE, f"`--threshold {safe(text)}` is not a share", "write it as `90%`")
    if Fraction(number) > 100:
        raise Stop(Exit.USAGE, f"`--threshold {safe(text)}` is more than there is", "write at most `100%`")
    return Fraction(number) / 100


def add_snapshots(coverage: "Coverage", policy: "Policy", snapshots: Sequence[str]) -> None:
    """What each snapshot reaches, its params as the policy has them."""
    from cli.params import read_params
    from cli.snapshot import read_book
    from cli.terminal.progress import progress
    from evaluator.coverage import add_snapshot

    for path in snapshots:
        book = read_book(path, policy, None)
        params = read_params(policy, book.as_of, (), None)
        with progress() as report:
            add_snapshot(coverage, policy, book, params, report)


def show_coverage(console: "Console", coverage: "Coverage", snapshots: bool) -> None:
    from cli.terminal.tables import say, show_table
    from cli.terminal.text import percent, safe

    reached, total = coverage.total
    say(console)
    if not total:
        say(console, "coverage: there is nothing to reach, no tiers, table, curve or branch", "bold")
        return
    say(console, f"coverage: {reached} of {total} reached, {percent(reached / total)}", "bold")
    show_table(
        console,
        ["", "reached", "of", "share"],
        [[_WORDS[k], f"{n:,}", f"{of:,}", percent(n / of)] for k, (n, of) in coverage.counts().items()],
        (1, 2, 3),
    )
    for snapshot, entity, rows, of in coverage.partly:
        told = f"note: {rows:,} of the {of:,} rows of {safe(entity)} in {safe(snapshot)} were gone through"
        say(console, told, "yellow")
    missed = coverage.missed()
    if missed:
        say(console)
        say(console, f"no test{' or snapshot' if snapshots else ''} reaches", "bold")
        show_table(
            console,
            ["place", "", "in", ""],
            [[f"{p.file}:{p.line}", p.kind, p.owner, " ".join(p.text.split())] for p in missed],
        )


def coverage_data(coverage: "Coverage") -> dict[str, Any]:
    reached, total = coverage.total
    return {
        "reached": reached,
        "of": total,
        "kinds": {kind: {"reached": n, "of": of} for kind, (n, of) in coverage.counts().items()},
        "partly": [
            {"snapshot": snapshot, "entity": entity, "rows": rows, "of": of}
            for snapshot, entity, rows, of in coverage.partly
        ],
        "missed": [
            {"kind": p.kind, "in": p.owner, "text": p.text, "file": p.file, "line": p.line} for p in coverage.missed()
        ],
    }


def enough(coverage: "Coverage", threshold: Fraction | None, typed: str | None) -> bool:
    """Whether so much is reached; says on standard error where it isn't."""
    from cli.terminal.text import percent, safe

    reached, total = coverage.total
    if threshold is None or not total or Fraction(reached, total) >= threshold:
        return True
    print(f"error: {percent(reached / total)} reached, less than --threshold {safe(typed or '')}", file=sys.stderr)
    return False
