"""`softliq explain-error`: what an error code means, with an example."""

from typing import Annotated

import typer

from cli.exits import Exit, Stop
from dsl.near import did_you_mean


def explain_error(
    code: Annotated[str, typer.Argument(metavar="CODE", help="the code in the brackets of a message, such as E201")],
) -> int:
    """Say what an error code means and what to do about it."""
    from cli.terminal.text import safe
    from dsl.codes import CODES

    wanted = code.strip().strip("[]").upper()
    if wanted not in CODES:
        hint = did_you_mean(wanted, CODES) or f"codes run from `{min(CODES)}` to `{max(CODES)}`"
        raise Stop(Exit.USAGE, f"there is no error code `{safe(code)}`", hint)
    print(CODES[wanted])
    return Exit.FINE
