"""What a snapshot must have, for people: one table per file."""

from typing import TYPE_CHECKING

from cli.terminal.console import output
from cli.terminal.tables import say, show_table
from cli.terminal.text import safe

if TYPE_CHECKING:
    from evaluator.schema import TableSchema


def show_schema(tables: "list[TableSchema]") -> None:
    """Prints each table of a schema: its columns, their types, ranges and what they mean."""
    console = output()
    for number, table in enumerate(tables):
        if number:
            say(console)
        once = "one row, no key" if table["once"] else "one row each"
        told = f"; {safe(table['description'])}" if table["description"] else ""
        say(console, f"{safe(table['entity'])}.csv, .parquet or .arrow: {once}{told}", "bold")
        rows = []
        for column in table["columns"]:
            needed = "may be blank" if column["optional"] else ""
            fresh = f"fresh {column['fresh']}" if column["fresh"] else ""
            limits = ", ".join(part for part in (column["range"], fresh, needed) if part)
            kind = "key" if column["role"] == "key" else column["type"]
            rows.append([column["column"], kind, limits, column["description"]])
        show_table(console, ["column", "type", "limits", "meaning"], rows)
