"""Makes a book of perpetual futures for `perpetuals.policy`: always the same bytes for the same numbers.

    python policies/snapshots/generate.py                                   # the shipped book, beside this file
    python policies/snapshots/generate.py --accounts 400000 --positions 1000000 --format parquet --out big

Most accounts are healthy, each tier has some, and a handful of cells are faulty: a book as it comes, not as one wishes.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Cells = list[str]

HERE = Path(__file__).resolve().parent
AS_OF = "2026-12-01T00:00:00Z"

# name, mark, decimals of the mark, volatility, decimals of a size, share of all positions
MARKETS = (
    ("BTC", 97250.5, 1, 0.46, 4, 30), ("ETH", 3482.15, 2, 0.58, 3, 22), ("SOL", 196.42, 2, 0.79, 2, 14),
    ("XRP", 2.3146, 4, 0.72, 0, 8), ("BNB", 655.3, 1, 0.49, 2, 6), ("DOGE", 0.34125, 5, 0.95, 0, 6),
    ("ADA", 0.8734, 4, 0.81, 0, 4), ("AVAX", 37.91, 2, 0.88, 1, 3), ("LINK", 21.455, 3, 0.76, 1, 3),
    ("DOT", 6.824, 3, 0.74, 1, 2), ("LTC", 104.37, 2, 0.63, 2, 2), ("KSM", 28.66, 2, 1.12, 1, 0),
)  # fmt: skip
QUIET, ABSENT = len(MARKETS) - 1, len(MARKETS)  # KSM hardly trades: its mark is stale; XYZ is in no table
NAMES = (*(m[0] for m in MARKETS), "XYZ")
SECONDS_OLD = (1, 0, 2, 3, 1, 4, 6, 5, 8, 11, 7, 348)

# up to this share of accounts, the health lies between these two
HEALTHS = ((0.015, 0.3, 1.0), (0.035, 1.0, 1.1), (0.07, 1.1, 1.3), (0.12, 1.3, 1.5), (0.6, 1.5, 4.0), (1.0, 4.0, 20.0))


class Draws:
    """Uniform numbers from the raw bits, whose sequence NumPy keeps between versions."""

    def __init__(self, seed: int) -> None:
        self.bits = np.random.PCG64(seed)

    def uniform(self, count: int) -> Floats:
        """(count,) in [0, 1)."""
        return (self.bits.random_raw(count) >> np.uint64(11)).astype(np.float64) / 2.0**53


def column(of: int) -> Floats:
    """(13,) one figure of each market; the absent one has those of the last."""
    return np.array([m[of] for m in (*MARKETS, MARKETS[-1])], dtype=np.float64)


def owners(draws: Draws, accounts: int, positions: int) -> npt.NDArray[np.int64]:
    """(positions,) each position's account: everyone has one, some have many, at most eight where that is enough."""
    most = max(8, -(-2 * positions // accounts))
    activity = np.repeat(draws.uniform(accounts), most - 1)
    wish = draws.uniform(accounts * (most - 1)) * activity
    extra = np.argsort(-wish, kind="stable")[: positions - accounts] // (most - 1)
    owner = np.concatenate([np.arange(accounts), extra])
    return owner[np.argsort(draws.uniform(positions), kind="stable")]


def maintenance(market: npt.NDArray[np.int64], notional: Floats) -> Floats:
    """(n,) USD, by the brackets and the volatility load of the policy."""
    bitcoin = 0.004 * np.minimum(notional, 5e4) + 0.005 * np.clip(notional - 5e4, 0, 4.5e5)
    bitcoin += 0.01 * np.maximum(notional - 5e5, 0)
    other = 0.01 * np.minimum(notional, 1e5) + 0.025 * np.maximum(notional - 1e5, 0)
    load = 1 + 0.5 * np.maximum(0, column(3)[market] / 0.6 - 1)
    return np.where(market == 0, bitcoin, other) * load


def to_places(values: Floats, places: Floats) -> Floats:
    """(n,) rounded to so many decimals, each value to its own."""
    scale = np.array([1.0, 10.0, 100.0, 1e3, 1e4, 1e5])[places.astype(np.int64)]
    return np.asarray(np.rint(values * scale) / scale)


def healths(draws: Draws, accounts: int) -> Floats:
    """(accounts,) the health that each account is given."""
    place, within = draws.uniform(accounts), draws.uniform(accounts)
    low, high = (np.array([h[i] for h in HEALTHS]) for i in (1, 2))
    row = np.searchsorted([h[0] for h in HEALTHS], place, side="right")
    return np.asarray(low[row] + (high - low)[row] * within)


class Book:
    """The numbers of a book, without faults yet."""

    def __init__(self, accounts: int, positions: int, seed: int) -> None:
        draws = Draws(seed)
        self.owner = owners(draws, accounts, positions)
        shares = np.cumsum([m[5] for m in MARKETS])
        self.market = np.searchsorted(shares / shares[-1], draws.uniform(positions), side="right")
        self.odd = (np.arange(1, 10) * positions) // 10  # the rows where something is odd
        self.market[self.odd[:4]] = QUIET
        mark = column(1)[self.market]
        side = np.where(draws.uniform(positions) < 0.62, 1.0, -1.0)
        size = 2000 / (draws.uniform(positions) + 0.002) / mark  # many small positions, a few near a million
        self.size = side * to_places(size, column(4)[self.market])
        moved = 0.12 * (draws.uniform(positions) + draws.uniform(positions) - 1)
        notional = np.abs(self.size) * mark
        margin = np.bincount(self.owner, maintenance(self.market, notional), accounts)
        equity = healths(draws, accounts) * margin
        # An account whose gains are above its equity would need negative cash: its gains become losses.
        gain = np.bincount(self.owner, -self.size * mark * moved, accounts)
        moved = np.where((gain > equity)[self.owner], -moved, moved)
        self.entry = to_places(mark * (1 + moved), column(2)[self.market])
        paid = to_places(notional * 0.002 * (draws.uniform(positions) - 0.5), np.full(positions, 2.0))
        self.funding = np.where(draws.uniform(positions) < 0.7, paid, np.nan)
        pnl = self.size * (mark - self.entry) + np.nan_to_num(self.funding)
        collateral = equity - np.bincount(self.owner, pnl, accounts)
        self.collateral = np.maximum(to_places(collateral, np.full(accounts, 2.0)), 0.0)
        self.market[self.odd[4]] = ABSENT
        self.entry[self.odd[5]] = -1.0


def text(values: Floats) -> Cells:
    """(n,) shortest decimals; nothing for NaN."""
    return ["" if x != x else repr(x).removesuffix(".0") for x in values.tolist()]


def numbered(letter: str, count: int) -> Cells:
    width = max(5, len(str(count)))
    return [f"{letter}{i:0{width}}" for i in range(1, count + 1)]


def instants() -> Cells:
    return [str(np.datetime64("2026-12-01T00:00:00") - np.timedelta64(s, "s")) + "Z" for s in SECONDS_OLD]


def tables(book: Book) -> dict[str, dict[str, Cells]]:
    """Every table's columns as text, with the cells that are no numbers."""
    size, entry, collateral = text(book.size), text(book.entry), text(book.collateral)
    size[book.odd[6]] = "n/a"
    entry[book.odd[7]] = ""
    entry[book.odd[8]] = "#REF!"
    collateral[len(collateral) // 3] = ""
    collateral[2 * len(collateral) // 3] = '"1,250.00"'
    accounts = numbered("A", len(collateral))
    return {
        "market": {
            "market": [m[0] for m in MARKETS],
            "mark": text(column(1)[:-1]),
            "mark_at": instants(),
            "volatility": text(column(3)[:-1]),
        },
        "account": {"account": accounts, "collateral": collateral},
        "position": {
            "position": numbered("P", len(size)),
            "account": [accounts[i] for i in book.owner.tolist()],
            "market": [NAMES[i] for i in book.market.tolist()],
            "size": size,
            "entry": entry,
            "funding": text(book.funding),
        },
    }


def write_csv(folder: Path, entity: str, columns: dict[str, Cells]) -> None:
    lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
    (folder / f"{entity}.csv").write_bytes("\n".join([*lines, ""]).encode())


def write_parquet(folder: Path, entity: str, columns: dict[str, Cells]) -> None:
    """Numbers as float64, so that what is no number is blank here."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def stored(name: str, cells: Cells) -> Any:
        if name in ("market", "account", "position"):
            return pa.array(cells)
        if name == "mark_at":
            return pa.array(np.array([c.removesuffix("Z") for c in cells], "M8[us]")).cast(pa.timestamp("us", "UTC"))
        return pa.array([float(c) if c and c.lstrip("-")[0].isdigit() else None for c in cells], pa.float64())

    pq.write_table(pa.table({n: stored(n, c) for n, c in columns.items()}), folder / f"{entity}.parquet")


def generate(folder: Path, accounts: int = 2400, positions: int = 6000, format: str = "csv", seed: int = 11) -> None:
    """Writes the three tables and `snapshot.toml` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write = write_csv if format == "csv" else write_parquet
    for entity, columns in tables(Book(accounts, positions, seed)).items():
        write(folder, entity, columns)
    (folder / "snapshot.toml").write_bytes(f"as_of = {AS_OF}\n".encode())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Makes a book of perpetual futures; the same numbers, the same bytes.")
    parser.add_argument("--accounts", type=int, default=2400)
    parser.add_argument("--positions", type=int, default=6000)
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, default=HERE / "perpetuals", metavar="FOLDER")
    given = parser.parse_args(arguments)
    if not 3 <= given.accounts <= given.positions or given.positions < 10:
        parser.error("give at least 3 accounts, and at least 10 positions, no fewer than accounts")
    generate(given.out, given.accounts, given.positions, given.format, given.seed)


if __name__ == "__main__":
    main()
