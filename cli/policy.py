"""A policy as a command reads it: its faults are printed, and stop the command."""

import sys

from cli.exits import Exit, Stop
from dsl.diagnostics import Diagnostic, Diagnostics
from dsl.load import Loaded, load, load_text
from dsl.model import Policy
from dsl.records import dataclass

STANDARD_INPUT = "<standard input>"


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy file after checking: ``policy`` is None where ``diagnostics`` hold an error."""

    loaded: Loaded
    policy: Policy | None
    diagnostics: list[Diagnostic]


def checked(name: str) -> Checked:
    """Reads and checks a policy; ``-`` is standard input."""
    from dsl.check import check

    diagnostics = Diagnostics()
    loaded = _standard_input(diagnostics) if name == "-" else load(name, diagnostics)
    policy = check(loaded.file, diagnostics) if loaded.sources else None
    return Checked(loaded, None if diagnostics.failed else policy, diagnostics.in_order())


def _standard_input(diagnostics: Diagnostics) -> Loaded:
    return load_text(standard_input().removeprefix("\ufeff"), STANDARD_INPUT, ".", diagnostics)


def standard_input() -> str:
    """All of standard input; what is not UTF-8 stops the command."""
    if sys.stdin is None:
        raise Stop(Exit.USAGE, "`-` is standard input, and that is closed", "pipe a policy into it, or name a file")
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise Stop(Exit.POLICY, f"standard input is not UTF-8 text: byte {error.start + 1} can't be read") from None


def read_policy(name: str) -> tuple[Loaded, Policy]:
    """A policy without errors, its warnings printed to standard error; else its faults there, and stop."""
    return sound(checked(name))


def sound(found: Checked) -> tuple[Loaded, Policy]:
    """A checked policy, where it has no errors; its faults are printed to standard error."""
    if found.diagnostics:
        from cli.terminal.console import errors
        from cli.terminal.diagnostics import render

        errors().print(render(found.diagnostics), end="", soft_wrap=True)
    if found.policy is None:
        raise Stop(Exit.POLICY)
    return found.loaded, found.policy
