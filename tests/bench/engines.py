"""What is measured: every engine, how it is set up over a book, and what it gives, to be held against plain NumPy's."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import books
from tests.bench import reference as r
from tests.bench.reference import Columns

Call = Callable[[], Any]  # one evaluation, as it is timed
Found = Mapping[str, Any]  # what came of it, by the names of ``numpy_plain``'s outputs


class Absent(Exception):
    """The engine isn't here: its library isn't installed, or softliq can't do that yet."""


@dataclass(frozen=True)
class Engine:
    """``kind``: what it is compared within. ``make(folder, moves)`` sets it up and gives the call that is timed;
    ``found`` makes of its result what is compared, after the clock has stopped."""

    name: str
    label: str
    kind: str
    make: Callable[[Path, int], Call]
    found: Callable[[Any], Found] = dict


# -- peers --------------------------------------------------------------------------------------


def _peer(module: str, folder: Path, _: int) -> Call:
    try:
        evaluate = import_module(f"tests.bench.peers.{module}").evaluate
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tests"):
            raise
        raise Absent(f"{error.name} is not installed") from None
    return partial(evaluate, books.columns(books.load(folder)))


def _in_file_order(outputs: Columns) -> Found:
    order = np.argsort(outputs["row"])
    return {name: outputs[name][order] for name in r.OUTPUTS} | {"summary": outputs["summary"]}


def _numpy_grid(which: str, folder: Path, moves: int) -> Call:
    run = getattr(import_module("tests.bench.peers.numpy_grid"), which)
    book = books.load(folder)
    return partial(run, book, books.columns(book), moves)


def _worst(worst: Any) -> Found:
    return {"worst": worst}


# -- whole processes ----------------------------------------------------------------------------


def _process(arguments: list[str], folder: Path, _: int) -> Call:
    command = [part.format(snapshot=folder / "snapshot", policy=r.POLICY) for part in arguments]
    softliq = Path(sys.executable).with_name("softliq")
    command = [str(softliq) if command[0] == "softliq" else sys.executable, *command[1:]]
    root = r.HERE.parents[1]
    return lambda: json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout)


def _peer_process(module: str, folder: Path, moves: int) -> Call:
    _peer(module, folder, moves)  # is it there?
    return _process(["python", "-m", "tests.bench.peers.process", module, "{snapshot}"], folder, moves)


def _peer_amounts(summary: Mapping[str, list[float]]) -> Found:
    return {"amounts": np.array([summary[tier][1:3] for tier in r.TIERS])}


def _softliq_amounts(summary: Mapping[str, Any]) -> Found:
    lines = {line["label"]: line for line in summary["tiers"][0]["lines"]}
    return {"amounts": np.array([[lines[tier][n]["total"] for n in ("notional", "closed")] for tier in r.TIERS])}


# -- softliq ------------------------------------------------------------------------------------

_BY_ACCOUNT, _BY_POSITION = ("health", "tier", "post"), ("reduced", "penalty", "impact")


def _softliq(prepare: Callable[[Any], Any], evaluate: Callable[[Any, Any], Any], folder: Path, _: int) -> Call:
    import softliq

    policy = softliq.load_policy(r.POLICY)
    book = prepare(softliq.book_of(policy, books.tables(books.load(folder))))
    return partial(evaluate, policy, book)


def _as_it_is(book: Any) -> Any:
    return book


def _indexed(book: Any) -> Any:
    import softliq

    return softliq.indexed(book)


def _columns(policy: Any, book: Any) -> Any:
    """The six outputs, each where it belongs (by account or by position), and the summary."""
    import softliq

    asked = [f"account.{n}" for n in _BY_ACCOUNT if n != "tier"] + [f"position.{n}" for n in _BY_POSITION]
    results = softliq.evaluate(policy, book, columns=asked)
    for name in asked:
        results.column(*name.split("."))  # made when it is looked at
    return results, results.tiers


def _spread(policy: Any, book: Any) -> Any:
    """The same, and the account's columns spread over its positions, as the peers give them."""
    results, tiers = _columns(policy, book)
    account = results.column("position", "account").values
    return results, tiers, {name: results.column("account", name).values[account] for name in _BY_ACCOUNT}


def _summary(policy: Any, book: Any) -> Any:
    """The summary alone."""
    import softliq

    return softliq.evaluate(policy, book, columns=()).tiers


def _softliq_found(evaluated: Any) -> Found:
    results, tiers, *_ = evaluated
    account = results.column("position", "account").values
    found = {name: results.column("account", name).values[account] for name in _BY_ACCOUNT}
    found |= {name: results.column("position", name).values for name in _BY_POSITION}
    return found | _summary_found(tiers)


def _summary_found(tiers: Any) -> Found:
    lines = {line.label: line for line in tiers[0].lines}
    return {"amounts": np.array([[lines[tier].notional.total, lines[tier].closed.total] for tier in r.TIERS])}


def _softliq_grid(folder: Path, moves: int) -> Call:
    import softliq

    path = folder / f"grid{moves}.policy"
    path.write_text(r.grid_policy(moves), "utf-8")
    (folder / "brackets.csv").write_bytes((r.HERE / "brackets.csv").read_bytes())
    policy = softliq.load_policy(path)
    book = softliq.book_of(policy, books.tables(books.load(folder)))
    return lambda: softliq.evaluate(policy, book).column("account", "worst").values


# -- all of them --------------------------------------------------------------------------------

COLUMNS, SUMMARY, PROCESS, GRID = "columns in memory", "summary alone", "whole process", "grid"
PEERS = {
    "numpy_plain": "NumPy, whole columns",
    "numpy_blocks": "NumPy in blocks, threads",
    "pandas_frame": "pandas",
    "polars_lazy": "Polars",
    "duckdb_sql": "DuckDB",
    "numexpr_threads": "numexpr",
    "numba_fused": "numba, fused, parallel",
}
_plain, _laid_out = partial(_softliq, _as_it_is), partial(_softliq, _indexed)
_EVAL = ["softliq", "eval", "{policy}", "{snapshot}", "--json"]
ENGINES = (
    *(
        Engine(name, label, COLUMNS, partial(_peer, name), _in_file_order if name == "duckdb_sql" else dict)
        for name, label in PEERS.items()
    ),
    Engine("softliq", "softliq", COLUMNS, partial(_plain, _columns), _softliq_found),
    Engine("softliq_spread", "softliq, spread", COLUMNS, partial(_plain, _spread), _softliq_found),
    Engine("softliq_indexed", "softliq, indexed", COLUMNS, partial(_laid_out, _columns), _softliq_found),
    Engine("softliq_summary", "softliq", SUMMARY, partial(_plain, _summary), _summary_found),
    Engine("softliq_indexed_summary", "softliq, indexed", SUMMARY, partial(_laid_out, _summary), _summary_found),
    *(
        Engine(f"{name}_process", PEERS[name], PROCESS, partial(_peer_process, name), _peer_amounts)
        for name in ("numpy_plain", "polars_lazy", "duckdb_sql")
    ),
    Engine("softliq_process", "softliq", PROCESS, partial(_process, _EVAL), _softliq_amounts),
    Engine("numpy_grid", "NumPy, each move whole", GRID, partial(_numpy_grid, "worst"), _worst),
    Engine("numpy_grid_health", "NumPy, each move's health", GRID, partial(_numpy_grid, "worst_health"), _worst),
    Engine("softliq_grid", "softliq", GRID, _softliq_grid, _worst),
)
BASE = {COLUMNS: "numpy_plain", SUMMARY: "numpy_plain", PROCESS: "numpy_plain_process", GRID: "numpy_grid"}
BY_NAME = {engine.name: engine for engine in ENGINES}
