"""`softliq gallery`: the shipped policies, a line each."""

from cli.exits import Exit
from cli.options import Format


def gallery(format: Format = "text") -> int:
    """List the shipped policies: real systems, and one for each mechanism, to read and to copy."""
    from itertools import groupby

    from cli.library import shipped
    from cli.terminal.console import output, print_json
    from cli.terminal.tables import say, show_table

    if format == "json":
        rows = [{"name": s.name, "chapter": s.chapter, "title": s.title, "line": s.line} for s in shipped()]
        print_json(rows)
        return Exit.FINE
    console = output()
    for chapter, found in groupby(shipped(), key=lambda one: one.chapter):
        show_table(console, (chapter, ""), [(one.name, f"{one.title}: {_lower(one.line)}") for one in found])
        say(console)
    say(console, "start from one of them with `softliq new DIR --from NAME`")
    return Exit.FINE


def _lower(line: str) -> str:
    """A sentence as it stands after a colon: its first word small, unless that is a name."""
    second = line[1:2]
    return line[:1].lower() + line[1:] if second.islower() or second == " " else line
