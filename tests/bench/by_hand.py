"""How the peers are set up over a book, and what they give."""

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import books, verify
from tests.bench import reference as r
from tests.bench.engine import Absent, Call, Found
from tests.bench.processes import python
from tests.bench.reference import Columns


def peer(module: str, folder: Path, _: int, *, function: str = "evaluate", prepare: str | None = None) -> Call:
    """``prepare``: what the module does with a book once, before the clock starts."""
    try:
        made = import_module(f"tests.bench.peers.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tests"):
            raise
        raise Absent(f"{error.name} is not installed") from None
    columns = books.columns(books.load(folder))
    return partial(getattr(made, function), columns if prepare is None else getattr(made, prepare)(columns))


def in_file_order(outputs: Columns) -> Found:
    """Of an engine that gives rows in any order, with their numbers."""
    order = np.argsort(outputs["row"])
    return {name: outputs[name][order] for name in r.OUTPUTS} | {"summary": outputs["summary"]}


def as_laid_out(outputs: Columns) -> Found:
    """Of an engine that leaves its columns as they are laid out, and says where each row stands."""
    return {name: outputs[name][outputs["places"]] for name in r.OUTPUTS} | {"summary": outputs["summary"]}


def rows(outputs: Columns) -> Found:
    """Of an engine that gives the liquidated rows alone."""
    return verify.liquidated(outputs["accounts"], outputs["rows"], outputs, {"summary": outputs["summary"]})


def grid(which: str, folder: Path, moves: int) -> Call:
    run = getattr(import_module("tests.bench.peers.numpy_grid"), which)
    book = books.load(folder)
    return partial(run, book, books.columns(book), moves)


def worst(lowest: Any) -> Found:
    return {"worst": lowest}


def process(module: str, folder: Path, moves: int) -> Call:
    peer(module, folder, moves)  # is it there?
    return python("tests.bench.peers.process", module, str(folder / "snapshot"))


def amounts(summary: Mapping[str, list[float]]) -> Found:
    return {"amounts": np.array([summary[tier][1:3] for tier in r.TIERS])}
