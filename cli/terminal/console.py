"""Consoles for standard output and error: colours and width only where a person is looking."""

import io
import json
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

# Piped output is read by programs and by people who scroll: wide enough that no table folds.
_PIPED_WIDTH = 10_000


def output() -> "Console":
    """The console of standard output."""
    return _console(sys.stdout)


def errors() -> "Console":
    """The console of standard error."""
    return _console(sys.stderr)


def print_json(data: object) -> None:
    """Data on standard output, as JSON that stays JSON where the output's encoding has few characters."""
    utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    print(json.dumps(data, indent=2, ensure_ascii=not utf8, allow_nan=False))


def prepare() -> None:
    """Makes the standard streams fit to write to: characters that their encoding lacks come out as escapes, and what
    goes to a stream that is closed goes nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _console(file: TextIO) -> "Console":
    from rich.console import Console

    terminal = watched(file)
    return Console(
        file=file,
        force_terminal=terminal,
        no_color=not terminal or bool(os.environ.get("NO_COLOR")),
        width=None if terminal else _PIPED_WIDTH,
        markup=False,
        emoji=False,
        highlight=False,
    )


def watched(file: TextIO) -> bool:
    """Whether the stream is a terminal that understands more than plain lines."""
    return file.isatty() and os.environ.get("TERM") != "dumb"
