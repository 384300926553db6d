"""Books for the benchmark: seeded, accounts in random order, as columns in memory and as a snapshot's folder."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import reference as r
from tests.bench.reference import Columns


def book(rows: int, seed: int = 1) -> Columns:
    """``mark volatility depth beta`` by market, (40,); ``account market size entry collateral`` by position, (rows,).

    Every account has a position, and about four; few markets dominate; notionals reach into the top brackets; 97% of
    the accounts are healthy, and the rest spread over the other tiers.
    """
    rng = np.random.default_rng(seed)
    accounts = max(1, rows // 4)
    account = np.concatenate([rng.permutation(accounts), rng.integers(0, accounts, rows - accounts)])
    rng.shuffle(account)
    weights = 1 / np.arange(1, r.MARKETS + 1)
    market = rng.choice(r.MARKETS, rows, p=weights / weights.sum())
    mark = np.exp(rng.uniform(np.log(0.05), np.log(60_000), r.MARKETS))
    depth = np.exp(rng.uniform(np.log(2e5), np.log(5e7), r.MARKETS))
    volatility = rng.uniform(0.3, 1.4, r.MARKETS)
    notional = np.exp(rng.normal(9.5, 2.2, rows))  # median 13k
    side = np.where(rng.random(rows) < 0.55, 1.0, -1.0)
    size = side * np.maximum(np.round(notional / mark[market], 6), 1e-6)
    notional = np.abs(size) * mark[market]
    bracket = sum((notional >= r.FLOOR[market, b]).astype(np.int8) for b in range(1, r.BRACKETS))
    margin = (notional * r.RATE[market, bracket] - r.AMOUNT[market, bracket]) * r.load_of(volatility)[market]
    entry = mark[market] - margin * rng.normal(0, 0.3, rows) / size
    health = 1.52 + rng.exponential(4.0, accounts)
    share = rng.random(accounts)
    for below, low, high in ((0.03, 1.25, 1.5), (0.018, 1.1, 1.25), (0.01, 1.0, 1.1), (0.005, 0.3, 1.0)):
        health = np.where(share < below, rng.uniform(low, high, accounts), health)
    part = rng.random(rows) + 0.05  # an account's collateral stands on its positions
    needed = health * np.bincount(account, margin) - np.bincount(account, size * (mark[market] - entry))
    collateral = (needed / np.bincount(account, part))[account] * part
    return {
        "mark": mark, "volatility": volatility, "depth": depth, "beta": rng.uniform(0.2, 1.2, r.MARKETS),
        "account": account.astype(np.int32), "market": market.astype(np.int16),
        "size": size, "entry": entry, "collateral": collateral,
    }  # fmt: skip


def columns(book: Columns) -> Columns:
    """What the peers get: one value a position in each of ``reference.COLUMNS``."""
    spread = {name: book[name][book["market"]] for name in ("mark", "volatility", "depth")}
    return {name: spread.get(name, book.get(name)) for name in r.COLUMNS}


def tables(book: Columns) -> dict[str, dict[str, Any]]:
    """What softliq gets: the same as a snapshot's tables, with keys for every row."""
    import pyarrow as pa

    market = pa.DictionaryArray.from_arrays(pa.array(book["market"]), pa.array(r.NAMES))
    return {
        "market": {"market": list(r.NAMES), **{n: book[n] for n in ("mark", "volatility", "depth", "beta")}},
        "account": {"account": np.arange(int(book["account"].max()) + 1, dtype=np.int32)},
        "position": {
            "position": np.arange(len(book["account"]), dtype=np.int32),
            "account": book["account"],
            "market": market,
            **{n: book[n] for n in ("size", "entry", "collateral")},
        },
    }


def write(book: Columns, folder: Path) -> None:
    """The snapshot's folder, as Parquet, and each column as it lies in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "snapshot").mkdir(parents=True, exist_ok=True)
    for entity, found in tables(book).items():
        pq.write_table(pa.table(found), folder / "snapshot" / f"{entity}.parquet")
    for name, values in book.items():
        np.save(folder / f"{name}.npy", values)


def load(folder: Path) -> Columns:
    """What ``write`` wrote."""
    return {file.stem: np.load(file) for file in sorted(folder.glob("*.npy"))}
