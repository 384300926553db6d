"""Tables for a terminal: right-aligned numbers, only endless cells cut, no trailing blanks when piped."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.terminal.text import brief, safe


def show_table(
    console: Console,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int] = (),
    indent: int = 0,
) -> None:
    """Prints rows under headers; ``numbers`` are the columns to align right. Cells are made safe here."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False, header_style="bold")
    for i, header in enumerate(headers):
        table.add_column(Text(safe(header)), justify="right" if i in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(brief(cell)) for cell in row))
    if console.is_terminal:
        console.print(Padding(table, (0, 0, 0, indent)))
        return
    with console.capture() as capture:
        console.print(Padding(table, (0, 0, 0, indent)))
    for line in capture.get().splitlines():
        say(console, line.rstrip())


def say(console: Console, line: str = "", style: str = "") -> None:
    """One line as it is: no markup, no folding of its own; ``line`` must be safe already."""
    console.print(Text(line, style=style), soft_wrap=True)
