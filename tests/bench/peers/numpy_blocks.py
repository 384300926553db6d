"""NumPy in blocks that fit into the cache, with buffers that are kept and two threads; the costly branch only for the
accounts that are in it. The fastest that we could write by hand for rows in any order."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from tests.bench import reference as r
from tests.bench.reference import Columns

BLOCK = 1 << 16
FLOORS = np.ascontiguousarray(r.FLOOR.T)
RATES, AMOUNTS = r.RATE.ravel(), r.AMOUNT.ravel()
THREADS = os.cpu_count() or 1
pool = ThreadPoolExecutor(THREADS)


@cache
def buffers(rows: int, accounts: int) -> dict[str, Any]:
    """Columns and a worker's blocks, made once for a size of book and kept between calls."""
    kept = {name: np.empty(rows) for name in ("notional", "maintenance", "cushion", *r.OUTPUTS) if name != "tier"}
    kept["blocks"] = [
        (np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK, np.intp), np.empty(BLOCK, bool)) for _ in range(THREADS)
    ]
    return kept | {"tier": np.empty(rows, np.int8)}


def in_blocks(rows: int, work: Any, blocks: list[Any]) -> None:
    """Every worker takes each of its own blocks in turn, with its own buffers."""

    def run(worker: int) -> None:
        for start in range(worker * BLOCK, rows, THREADS * BLOCK):
            work(slice(start, min(rows, start + BLOCK)), blocks[worker])

    list(pool.map(run, range(THREADS)))


def evaluate(columns: Columns) -> Columns:
    c, account = columns, columns["account"]
    rows, accounts = len(account), int(account.max()) + 1
    kept = buffers(rows, accounts)

    def margin(part: slice, block: Any) -> None:
        size, mark, notional, total = (
            c["size"][part],
            c["mark"][part],
            kept["notional"][part],
            kept["maintenance"][part],
        )
        n = len(size)
        a, b, place, above = (buffer[:n] for buffer in block)
        np.abs(size, out=notional)
        np.multiply(notional, mark, out=notional)
        np.multiply(c["market"][part], r.BRACKETS, out=place, casting="unsafe")
        for floor in FLOORS[1:]:
            np.take(floor, c["market"][part], out=a, mode="clip")
            np.greater_equal(notional, a, out=above)
            np.add(place, above, out=place)
        np.take(RATES, place, out=a, mode="clip")
        np.multiply(notional, a, out=total)
        np.take(AMOUNTS, place, out=a, mode="clip")
        np.subtract(total, a, out=total)
        np.multiply(c["volatility"][part], 1 / r.VOLATILITY, out=a)
        np.subtract(a, 1, out=a)
        np.maximum(a, 0, out=a)
        np.multiply(a, r.LOADING, out=a)
        np.add(a, 1, out=a)
        np.multiply(total, a, out=total)
        np.subtract(mark, c["entry"][part], out=b)
        np.multiply(b, size, out=b)
        np.add(b, c["collateral"][part], out=kept["cushion"][part])

    in_blocks(rows, margin, kept["blocks"])
    sums = pool.map(lambda name: np.bincount(account, kept[name], accounts), ("cushion", "maintenance"))
    equity, maintenance = sums
    health = equity / maintenance
    tier = np.zeros(accounts, np.int8)
    for bound in r.BOUNDS:
        tier += health < bound
    close, fee = np.zeros(accounts), np.zeros(accounts)
    acting = np.flatnonzero(tier >= 2)
    h = health[acting]
    close[acting] = np.select([tier[acting] == 2, tier[acting] == 3], [r.TRIM, np.interp(h, *r.CLOSE)], 1.0)
    fee[acting] = np.interp(h, *r.FEE) + r.FEE_SCALE * np.exp(-r.FEE_DECAY * np.maximum(h, 0))
    hit = np.flatnonzero((tier >= 2)[account])
    whose, notional = account[hit], kept["notional"][hit]
    reduced = close[whose] * notional
    penalty = fee[whose] * reduced
    impact = r.IMPACT * np.sqrt(reduced / c["depth"][hit])
    left = equity - np.bincount(whose, penalty + impact * reduced, accounts)
    staying = maintenance * (1 - close)
    post = np.divide(left, staying, out=np.full(accounts, np.inf), where=staying > 0)

    def spread(part: slice, _: Any) -> None:
        for name, values in (("health", health), ("tier", tier), ("post", post)):
            np.take(values, account[part], out=kept[name][part], mode="clip")
        for name in ("reduced", "penalty", "impact"):
            kept[name][part] = 0

    in_blocks(rows, spread, kept["blocks"])
    for name, values in (("reduced", reduced), ("penalty", penalty), ("impact", impact)):
        kept[name][hit] = values
    summary = r.summary_of(
        tier, np.bincount(account, kept["notional"], accounts), np.zeros(accounts), np.zeros(accounts)
    )
    summary[:, 0] = np.bincount(tier, np.bincount(account, minlength=accounts), len(r.TIERS))
    for column, values in ((2, reduced), (3, penalty)):
        summary[:, column] = np.bincount(tier[whose], values, len(r.TIERS))
    return {**{n: kept[n] for n in r.OUTPUTS}, "summary": summary}
