"""How a command ends: the exit codes, and the one exception that ends a command early."""

from enum import IntEnum


class Exit(IntEnum):
    """What the calling script is told. Where several apply, all are said and the first of this order is the code:
    POLICY, SNAPSHOT (both stop the run), UNKNOWN, FAILED."""

    FINE = 0
    FAILED = 1  # a check that is not a `warn` failed or is unknown
    USAGE = 2
    POLICY = 3
    SNAPSHOT = 4
    UNKNOWN = 5  # more unknown rows than --allow-unknown
    BUG = 70
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class Stop(Exception):
    """Ends the command. ``message`` (already safe to print) goes to standard error after ``error: ``; None says nothing
    more, because what is wrong has been printed."""

    def __init__(self, code: Exit, message: str | None = None, help: str | None = None) -> None:
        self.code = code
        self.message = message
        self.help = help
        super().__init__(message)
