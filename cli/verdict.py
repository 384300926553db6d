"""How a run ends: the exit code, by its checks and by how many of its rows are unknown."""

import re
import sys
from fractions import Fraction
from typing import TYPE_CHECKING

from cli.exits import Exit, Stop
from dsl.records import dataclass

if TYPE_CHECKING:
    from evaluator.results import Results


@dataclass(frozen=True, slots=True)
class Allowance:
    """``--allow-unknown``: so many rows, or, with ``percent``, that share of them. ``text`` as typed."""

    text: str
    value: Fraction
    percent: bool

    def limit(self, rows: int) -> int:
        """How many of the rows may be unknown."""
        return int(self.value * rows / 100) if self.percent else int(self.value)


def allowance(text: str) -> Allowance:
    """What ``--allow-unknown`` says."""
    from cli.terminal.text import safe

    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    if not re.fullmatch(r"\d{1,15}(\.\d{1,15})?" if percent else r"\d{1,15}", number, re.ASCII) or (
        percent and Fraction(number) > 100
    ):
        told = f"`--allow-unknown {safe(text)}` is not a number of rows"
        raise Stop(Exit.USAGE, told, "write `5`, or a share such as `1%`")
    return Allowance(text, Fraction(number), percent)


def verdict(results: "Results", allowed: Allowance) -> Exit:
    """The exit code: too many unknown rows before failed checks. Says on standard error why it is not 0."""
    from cli.terminal.text import count

    unknown, rows = results.unknown_count, results.deciding_count
    too_many = unknown > allowed.limit(rows)
    if too_many:
        told = f"{count(unknown, 'row')} of {rows:,} unknown, more than --allow-unknown {allowed.text}"
        print(f"error: {told}", file=sys.stderr)
    failed = [c for c in results.checks if c.verdict in ("fail", "unknown")]
    if failed:
        print(f"error: {count(len(failed), 'check')} of {len(results.checks)} did not pass", file=sys.stderr)
    return Exit.UNKNOWN if too_many else Exit.FAILED if failed else Exit.FINE
