"""Tables for a terminal: right-aligned numbers, only endless cells cut, no trailing blanks when piped."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.terminal.text import brief, safe

_FOLDED = 24  # the least width of a last column of text, which folds


def show_table(
    console: Console,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int] = (),
    indent: int = 0,
) -> None:
    """Prints rows under headers; ``numbers`` are the columns to align right. Cells are made safe here."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False, header_style="bold")
    shown = [[brief(cell) for cell in row] for row in rows]
    last = len(headers) - 1
    needed = indent
    for i, header in enumerate(headers):
        folds = i == last and i not in numbers
        table.add_column(
            Text(safe(header)), justify="right" if i in numbers else "left", overflow="fold", no_wrap=not folds
        )
        widest = max(map(cell_len, [safe(header), *(row[i] for row in shown)]))
        needed += (min(widest, _FOLDED) if folds else widest) + 2
    for row in shown:
        table.add_row(*map(Text, row))
    console = _at_least(console, needed)
    if console.is_terminal:
        console.print(Padding(table, (0, 0, 0, indent)), crop=False)
        return
    with console.capture() as capture:
        console.print(Padding(table, (0, 0, 0, indent)))
    for line in capture.get().splitlines():
        say(console, line.rstrip())


def _at_least(console: Console, width: int) -> Console:
    """The console, or one so wide: a narrow terminal breaks lines where it must, but no figure stands in two pieces."""
    if console.width >= width:
        return console
    return Console(
        file=console.file, force_terminal=console.is_terminal, no_color=console.no_color, width=width,
        markup=False, emoji=False, highlight=False,
    )  # fmt: skip


def say(console: Console, line: str = "", style: str = "") -> None:
    """One line as it is: no markup, no folding of its own; ``line`` must be safe already."""
    console.print(Text(line, style=style), soft_wrap=True)
