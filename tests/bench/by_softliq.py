"""How softliq is set up over a book, and what it gives, all through what it offers to everybody."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

import softliq
from tests.bench import books, verify
from tests.bench import reference as r
from tests.bench.engine import Call, Found
from tests.bench.processes import softliq as command
from tests.bench.verify import BY_ACCOUNT, BY_POSITION

ASKED = [f"account.{n}" for n in BY_ACCOUNT if n != "tier"] + [f"position.{n}" for n in BY_POSITION]
Evaluate = Callable[[Any, Any], Any]  # of a policy and a book


def fresh(evaluate: Evaluate, folder: Path, _: int) -> Call:
    """Over a book that was read before, and nothing else."""
    return partial(evaluate, *_read(folder))


def masked(evaluate: Evaluate, folder: Path, _: int) -> Call:
    """The same, with a quality beside every cell, and no cell at fault."""
    policy, book = _read(folder)
    return partial(evaluate, policy, with_masks(book))


def indexed(evaluate: Evaluate, folder: Path, _: int, *, masks: bool = False) -> Call:
    """Over a book that was laid out before. Of what else an evaluation keeps for the next one there is nothing yet."""
    policy, book = _read(folder)
    book = softliq.indexed(with_masks(book) if masks else book)
    evaluate(policy, book)
    book.kept.compiled.clear()
    book.kept.room.clear()
    return partial(evaluate, policy, book)


def new_marks(evaluate: Evaluate, folder: Path, _: int) -> Call:
    """Over a book that was laid out before, with other marks each time but the first, some of which lead to other
    brackets. Putting them in is part of the time."""
    policy, book = _read(folder)
    market = books.tables(books.load(folder))["market"]
    moves, latest = cycle([1.0, 1.01, 0.985, 1.002]), softliq.indexed(book)

    def call() -> Any:
        nonlocal latest
        latest = softliq.with_table(policy, latest, "market", {**market, "mark": market["mark"] * next(moves)})
        return evaluate(policy, latest)

    return call


def _read(folder: Path) -> tuple[Any, Any]:
    policy = softliq.load_policy(r.POLICY)
    return policy, softliq.book_of(policy, books.tables(books.load(folder)))


def with_masks(book: softliq.Book) -> softliq.Book:
    """The same book, with a quality beside every cell."""
    from evaluator.columns import KNOWN

    def mask(column: softliq.Column) -> softliq.Column:
        known = np.full(len(column.values), KNOWN, dtype=np.int64)
        return softliq.Column(column.values, known if column.quality is None else column.quality)

    tables = {
        entity: replace(table, columns={name: mask(column) for name, column in table.columns.items()})
        for entity, table in book.tables.items()
    }
    return replace(book, tables=tables)


# -- what is asked for ----------------------------------------------------------------------------


def columns(policy: Any, book: Any) -> Any:
    """The six columns, each where it belongs (by account or by position), and the summary."""
    results = softliq.evaluate(policy, book, columns=ASKED)
    for name in ASKED:
        results.column(*name.split("."))  # made when it is looked at
    return results, results.tiers


def spread(policy: Any, book: Any) -> Any:
    """The same, and the account's columns spread over its positions, as the peers have them."""
    results, tiers = columns(policy, book)
    account = results.column("position", "account").values
    return results, tiers, {name: results.column("account", name).values[account] for name in BY_ACCOUNT}


def rows(policy: Any, book: Any) -> Any:
    """The summary, and of the accounts that are liquidated and of their positions the rows with their columns."""
    results = softliq.evaluate(policy, book, columns=ASKED)
    liquidated = [r.TIERS[tier] for tier in r.LIQUIDATED]
    accounts, positions = results.rows("account", liquidated), results.rows("position", liquidated)
    found = {name: accounts.column(name) for name in BY_ACCOUNT} | {n: positions.column(n) for n in BY_POSITION}
    return results.tiers, accounts.numbers, positions.numbers, found


def summary(policy: Any, book: Any) -> Any:
    """The summary alone."""
    return softliq.evaluate(policy, book, columns=()).tiers


def columns_found(evaluated: Any) -> Found:
    results, tiers, *_ = evaluated
    account = results.column("position", "account").values
    found = {name: results.column("account", name).values[account] for name in BY_ACCOUNT}
    found |= {name: results.column("position", name).values for name in BY_POSITION}
    return found | summary_found(tiers)


def rows_found(evaluated: Any) -> Found:
    tiers, accounts, positions, found = evaluated
    values = {name: column.values for name, column in found.items()}
    return verify.liquidated(accounts, positions, values, summary_found(tiers))


def summary_found(tiers: Any) -> Found:
    lines = {line.label: line for line in tiers[0].lines}
    return {"amounts": np.array([[lines[tier].notional.total, lines[tier].closed.total] for tier in r.TIERS])}


# -- whole processes, and a grid ------------------------------------------------------------------


def process(folder: Path, _: int) -> Call:
    return command("eval", str(r.POLICY), str(folder / "snapshot"), "--json")


def process_indexed(folder: Path, _: int) -> Call:
    """The same, of a snapshot that has an index on disk."""
    return command("eval", str(r.POLICY), str(_kept(folder)), "--json")


def process_found(said: Mapping[str, Any]) -> Found:
    lines = {line["label"]: line for line in said["tiers"][0]["lines"]}
    return {"amounts": np.array([[lines[tier][n]["total"] for n in ("notional", "closed")] for tier in r.TIERS])}


def explain(folder: Path, _: int) -> Call:
    """The book's first account, of a snapshot that has an index on disk."""
    return command("explain", str(r.POLICY), str(_kept(folder)), "account:0", "--format", "json")


def _kept(folder: Path) -> Path:
    """The snapshot with an index on disk, which is made here unless it was before."""
    kept = folder / "indexed"
    if not kept.exists():
        shutil.copytree(folder / "snapshot", kept)
    softliq.index_snapshot(kept, softliq.load_policy(r.POLICY))
    return kept


def explain_found(said: Mapping[str, Any]) -> Found:
    found = {formula["name"]: formula["value"] for formula in said["formulas"]}
    return {f"first {name}": np.array([float(found[name])]) for name in ("health", "post")}


def grid(folder: Path, moves: int) -> Call:
    path = folder / f"grid{moves}.policy"
    path.write_text(r.grid_policy(moves), "utf-8")
    (folder / "brackets.csv").write_bytes((r.HERE / "brackets.csv").read_bytes())
    policy = softliq.load_policy(path)
    book = softliq.book_of(policy, books.tables(books.load(folder)))
    return lambda: softliq.evaluate(policy, book).column("account", "worst").values
