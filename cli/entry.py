"""Where the command starts: an interrupt ends it quietly from the first moment on."""

import os
import signal
import sys

from cli.exits import Exit


def main() -> None:
    """The entry point. Until all is imported there is nothing to tidy up, and an import may swallow an exception."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # else somebody wants interrupts to be ignored
        signal.signal(signal.SIGINT, lambda *_: os._exit(Exit.INTERRUPTED))
    from cli.app import main as command

    signal.signal(signal.SIGINT, before)
    try:
        command()
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
