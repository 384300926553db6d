"""NumPy in blocks that fit into the cache, with buffers that are kept and threads; the costly branch only for the
accounts that are in it. The fastest that we could write by hand for rows in any order."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from tests.bench import reference as r
from tests.bench.peers import brackets
from tests.bench.reference import Columns

BLOCK, ALONE = 1 << 16, 300_000  # rows of a block; rows of a book below which threads only wait for each other
THREADS = os.cpu_count() or 1
pool = ThreadPoolExecutor(THREADS)


@cache
def buffers(rows: int) -> dict[str, Any]:
    """Columns and the workers' rooms, made once for a size of book and kept between calls."""
    kept = {name: np.empty(rows) for name in ("notional", "maintenance", "cushion", *r.OUTPUTS) if name != "tier"}
    rooms = [brackets.room(BLOCK) for _ in range(THREADS)]
    return kept | {"tier": np.empty(rows, np.int8), "account": np.empty(rows, np.intp), "rooms": rooms}


def in_blocks(rows: int, rooms: list[Any], work: Callable[[slice, Any], Any]) -> list[Any]:
    """Every worker takes each of its own blocks in turn, in its own room. What came of the blocks, in their order."""
    crew, found = THREADS if rows >= ALONE else 1, [None] * -(-rows // BLOCK)

    def run(worker: int) -> None:
        for i in range(worker, len(found), crew):
            part = slice(i * BLOCK, min(rows, (i + 1) * BLOCK))
            found[i] = work(part, tuple(buffer[: part.stop - part.start] for buffer in rooms[worker]))

    _ = list(pool.map(run, range(crew))) if crew > 1 else run(0)
    return found


def margins(c: Columns, kept: dict[str, Any]) -> None:
    """Each position's notional, maintenance, addition to its account's equity, and account as `bincount` wants it."""

    def work(part: slice, room: Any) -> None:
        size, mark, notional, total = (
            c["size"][part],
            c["mark"][part],
            kept["notional"][part],
            kept["maintenance"][part],
        )
        np.abs(size, out=notional)
        np.multiply(notional, mark, out=notional)
        brackets.margin(c["market"][part], notional, total, room)
        brackets.loaded(total, c["volatility"][part], room[0])
        cushion = kept["cushion"][part]
        np.subtract(mark, c["entry"][part], out=cushion)
        np.multiply(cushion, size, out=cushion)
        np.add(cushion, c["collateral"][part], out=cushion)
        np.copyto(kept["account"][part], c["account"][part])

    in_blocks(len(c["size"]), kept["rooms"], work)


def acted(c: Columns, kept: dict[str, Any], spread: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """By account health, tier and post; of the positions of those that are liquidated their rows, reduced, penalty and
    impact; and the summary, with the former. ``spread``: accounts' columns go to their positions."""
    margins(c, kept)
    account, rows, accounts = kept["account"], len(c["size"]), int(c["account"].max()) + 1
    equity, maintenance = (np.bincount(account, kept[name], accounts) for name in ("cushion", "maintenance"))
    health = equity / maintenance
    tier = np.zeros(accounts, np.int8)
    for bound in r.BOUNDS:
        tier += health < bound

    def look(part: slice, _: Any) -> tuple[Any, Any, Any]:
        """Where a block's liquidated rows are, and its positions and notional by tier."""
        whose, mine = account[part], kept["tier"][part]
        np.take(tier, whose, out=mine, mode="clip")
        if spread:
            np.take(health, whose, out=kept["health"][part], mode="clip")
            for name in ("reduced", "penalty", "impact"):
                kept[name][part] = 0
        place = mine.astype(np.intp)
        by_tier = (np.bincount(place, w, len(r.TIERS)) for w in (None, kept["notional"][part]))
        return (part.start + np.flatnonzero(mine >= 2), *by_tier)

    found, counts, notionals = zip(*in_blocks(rows, kept["rooms"], look), strict=True)
    hit, acting = np.concatenate(found), np.flatnonzero(tier >= 2)
    close, fee = np.zeros(accounts), np.zeros(accounts)
    h, t = health[acting], tier[acting]
    close[acting] = share = np.select([t == 2, t == 3], [r.TRIM, np.interp(h, *r.CLOSE)], 1.0)
    fee[acting] = np.interp(h, *r.FEE) + r.FEE_SCALE * np.exp(-r.FEE_DECAY * np.maximum(h, 0))
    whose = account[hit]
    reduced = close[whose] * kept["notional"][hit]
    penalty = fee[whose] * reduced
    impact = r.IMPACT * np.sqrt(reduced / c["depth"][hit])
    cost = np.bincount(whose, penalty + impact * reduced, accounts)[acting]
    staying = maintenance[acting] * (1 - share)
    post = health.copy()  # where nothing is done
    post[acting] = np.divide(equity[acting] - cost, staying, out=np.full(len(acting), np.inf), where=staying > 0)
    closed = (np.bincount(tier[whose], w, len(r.TIERS)) for w in (reduced, penalty))
    summary = np.stack([sum(counts), sum(notionals), *closed], axis=1)
    some = {"rows": hit, "reduced": reduced, "penalty": penalty, "impact": impact}
    return {"health": health, "tier": tier, "post": post, "accounts": acting, "summary": summary}, some


def evaluate(columns: Columns) -> Columns:
    """All six columns."""
    kept = buffers(len(columns["size"]))
    accounts, some = acted(columns, kept, spread=True)

    def spread(part: slice, _: Any) -> None:
        np.take(accounts["post"], kept["account"][part], out=kept["post"][part], mode="clip")

    in_blocks(len(columns["size"]), kept["rooms"], spread)
    for name in ("reduced", "penalty", "impact"):
        kept[name][some["rows"]] = some[name]
    return {**{n: kept[n] for n in r.OUTPUTS}, "summary": accounts["summary"]}


def liquidated(columns: Columns) -> Columns:
    """The summary, and of the accounts that are liquidated and of their positions the rows with their columns."""
    accounts, some = acted(columns, buffers(len(columns["size"])), spread=False)
    acting = accounts["accounts"]
    return {
        **some, "accounts": acting, **{n: accounts[n][acting] for n in ("health", "tier", "post")},
        "summary": accounts["summary"],
    }  # fmt: skip
