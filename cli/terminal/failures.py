"""What `test` prints of an expectation that failed: its parts with their values, the rows that decided, the cells."""

from typing import TYPE_CHECKING

from rich.console import Console

from cli.terminal.explanation import part_lines, show_step, show_tier_rows, tier_because
from cli.terminal.tables import say
from cli.terminal.text import safe

if TYPE_CHECKING:
    from evaluator.asserted import Failure

_INDENT = "      "


def show_failure(console: Console, failure: "Failure") -> None:
    expectation = failure.expectation
    row = f"{expectation.entity} {expectation.key}".strip()
    say(console, f"{_INDENT}{safe(row)} (line {expectation.span.line}): {safe(failure.expected)}")
    for line in part_lines(failure.whole):
        say(console, f"{_INDENT}  {line}")
    if failure.nearly:
        say(console, f"{_INDENT}  help: an expected figure that is rounded says how far, such as `within 0.01`")
    for decided in failure.decided:
        name = f"{decided.entity} {decided.key}".strip()
        because = tier_because(decided.reason)
        say(console, f"{_INDENT}  {safe(name)} is in {safe(decided.reason.tier)}{because and f': {because}'}")
        show_tier_rows(console, decided.reason, 10, beside=True)
    for step in failure.steps:
        show_step(console, step, 4, (expectation.entity, expectation.key))
