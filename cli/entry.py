"""Where the command starts and ends: an interrupt ends it quietly from the first moment on."""

import atexit
import gc
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from cli.exits import Exit


def main() -> NoReturn:
    """The entry point. Until all is imported there is nothing to tidy up, and an import may swallow an exception."""
    _for_one_command()
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # else somebody wants interrupts to be ignored
        signal.signal(signal.SIGINT, lambda *_: os._exit(Exit.INTERRUPTED))
    from cli.app import main as command

    signal.signal(signal.SIGINT, before)
    try:
        _leave(command())
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)


def _for_one_command() -> None:
    """Spares a short-lived process what only a long one has a use for: a tenth of what an evaluation takes."""
    gc.set_threshold(200_000, 20, 20)  # most of what is made while modules load is there to stay
    sys.setswitchinterval(0.0005)  # seconds: what hashes asks for the interpreter now and then, and soon gets it
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # evaluation has threads of its own, and multiplies no matrices


def _leave(code: int) -> NoReturn:
    """Ends the process, and takes nothing apart before: its memory goes back as a whole. Threads that are left have
    nothing to do any more, or load what nobody needs any more."""
    if sys.getprofile() or sys.gettrace():  # somebody watches, and wants to tell what was seen
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # what could not be written has been told, or nobody reads it
            stream.flush()
    os._exit(code)
