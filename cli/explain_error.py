"""`softliq explain-error`: what an error code means, with an example."""

from difflib import get_close_matches
from typing import Annotated

import typer

from cli.exits import Exit, Stop


def explain_error(
    code: Annotated[str, typer.Argument(metavar="CODE", help="the code in the brackets of a message, such as E201")],
) -> int:
    """Say what an error code means and what to do about it."""
    from cli.terminal.text import safe
    from dsl.codes import CODES

    wanted = code.strip().strip("[]").upper()
    if wanted not in CODES:
        near = get_close_matches(wanted, CODES, 1)
        hint = f"did you mean `{near[0]}`?" if near else f"codes run from `{min(CODES)}` to `{max(CODES)}`"
        raise Stop(Exit.USAGE, f"there is no error code `{safe(code)}`", hint)
    print(CODES[wanted])
    return Exit.FINE
