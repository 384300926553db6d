"""Columns in an Arrow file that is mapped into memory: pages come from the disk when somebody looks at them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from evaluator.arrays import Values, values_of


def save(path: Path, columns: Mapping[str, Any]) -> None:
    """Uncompressed, so that they can be mapped."""
    table = pa.table(dict(columns))
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)


def mapped(path: Path) -> Any:
    """The columns, where they stand."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
        return file.read_all()


def column(path: Path) -> Any:
    """Of a file with one column, that."""
    return mapped(path).column(0)


def numbers(path: Path) -> Values:
    return values_of(column(path))
