"""NumPy over a book that was laid out once by account: accounts with equally many positions stand together, so that a
block is a small matrix and a sum by account adds up its rows. Buffers are kept, and work is done in threads; the costly
branch runs for the columns of the matrix that are in it. The fastest that we could write by hand for a book that is
evaluated again and again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.bench import reference as r
from tests.bench.peers import brackets
from tests.bench.peers.numpy_blocks import ALONE, THREADS, pool
from tests.bench.reference import Columns

BLOCK = 1 << 16  # positions of a block
FEW = 1 << 12  # positions of a group below which it shares the largest one's matrices, filled up with empty positions


@dataclass(frozen=True, slots=True)
class Block:
    """``place``: where its positions stand in the layout, a matrix of ``shape``. ``accounts``: each column's account;
    ``many``: how many positions that has. ``rows``: the file's row of each position, -1 where there is none."""

    place: slice
    shape: tuple[int, int]
    accounts: Any
    many: Any
    rows: Any

    @property
    def positions(self) -> int:
        return int(self.many.sum())


@dataclass(frozen=True, slots=True)
class Book:
    """Columns in the layout's order. ``places``: by row of the file, where it stands. ``kept``: buffers."""

    columns: Columns
    blocks: list[Block]
    places: Any
    kept: dict[str, Any] = field(default_factory=dict)


def lay_out(columns: Columns) -> Book:
    account, many = columns["account"], np.bincount(columns["account"])
    order, starts = np.append(np.argsort(account, kind="stable"), -1), np.cumsum(many) - many
    blocks, place = [], 0
    for size, group in _groups(many):
        width = max(1, BLOCK // size)
        for part in np.split(group, range(width, len(group), width)):
            nth = np.arange(size)[:, None]
            rows = order[np.where(nth < many[part], starts[part] + nth, -1)]
            blocks.append(Block(slice(place, place + rows.size), rows.shape, part, many[part], rows))
            place += rows.size
    row = np.concatenate([block.rows.ravel() for block in blocks])
    empty = row < 0
    laid = {name: columns[name][row] for name in r.COLUMNS if name != "account"}
    for name in ("size", "collateral"):
        laid[name][empty] = 0
    places = np.empty(len(account) + 1, np.intp)
    places[row] = np.arange(len(row))  # of empty positions to the last, which is nobody's
    return Book(laid, blocks, places[:-1])


def _groups(many: Any) -> Iterator[tuple[int, Any]]:
    """Accounts by how many positions they hold; those of rare sizes with the largest."""
    order = np.argsort(many, kind="stable")
    sizes, first = np.unique(many[order], return_index=True)
    rare = []
    for size, group in zip(sizes.tolist(), np.split(order, first[1:]), strict=True):
        if size * len(group) >= FEW:
            yield size, group
        else:
            rare.append(group)
    if rare:
        group = np.concatenate(rare)
        yield int(many[group].max()), group


class Room:
    """Where a worker works: its own for each shape of block, made once."""

    def __init__(self, size: int) -> None:
        self.whole = [*brackets.room(size), *(np.empty(size) for _ in range(3))]
        self.accounts = [*(np.empty(size) for _ in range(3)), np.empty(size, np.int8), np.empty(size, np.bool_)]
        self.shaped: dict[tuple[int, int], tuple[Any, ...]] = {}

    def of(self, size: int, width: int) -> tuple[Any, ...]:
        if (size, width) not in self.shaped:
            matrices = (a[: size * width].reshape(size, width) for a in self.whole)
            self.shaped[size, width] = *matrices, *(a[:width] for a in self.accounts)
        return self.shaped[size, width]


def evaluated(c: Columns, block: Block, room: Room, out: Columns | None) -> tuple[Any, ...]:
    """A block: its summary, and what `liquidated` says of it. ``out``: where the columns of all positions go."""
    size, entry, mark, collateral, volatility, market = (
        c[n][block.place].reshape(block.shape) for n in ("size", "entry", "mark", "collateral", "volatility", "market")
    )
    *work, notional, margin, cushion, equity, total, health, tier, below = room.of(*block.shape)
    np.abs(size, out=notional)
    np.multiply(notional, mark, out=notional)
    brackets.margin(market, notional, margin, tuple(work))
    brackets.loaded(margin, volatility, work[0])
    np.subtract(mark, entry, out=cushion)
    np.multiply(cushion, size, out=cushion)
    np.add(cushion, collateral, out=cushion)
    np.add.reduce(cushion, axis=0, out=equity)
    np.add.reduce(margin, axis=0, out=total)
    np.divide(equity, total, out=health)
    tier.fill(0)
    for bound in r.BOUNDS:
        np.less(health, bound, out=below)
        np.add(tier, below, out=tier)
    rest = np.flatnonzero(tier)  # few are not in the first tier
    acting = rest[tier[rest] >= 2]
    h, t = health[acting], tier[acting]
    close = np.select([t == 2, t == 3], [r.TRIM, np.interp(h, *r.CLOSE)], 1.0)
    reduced = close * notional[:, acting]
    penalty = (np.interp(h, *r.FEE) + r.FEE_SCALE * np.exp(-r.FEE_DECAY * np.maximum(h, 0))) * reduced
    impact = r.IMPACT * np.sqrt(reduced / c["depth"][block.place].reshape(block.shape)[:, acting])
    left = equity[acting] - (penalty + impact * reduced).sum(axis=0)
    staying = total[acting] * (1 - close)
    post = np.divide(left, staying, out=np.full(len(acting), np.inf), where=staying > 0)
    by_account = tier[rest], (block.many[rest], notional[:, rest].sum(axis=0))
    summary = (
        np.stack([_by_tier(*by_account), _by_tier(t, (reduced.sum(axis=0), penalty.sum(axis=0)))]).reshape(4, -1).T
    )
    summary[0, :2] = (block.positions, notional.sum()) - summary[1:, :2].sum(axis=0)
    if out is not None:
        views = {name: out[name][block.place].reshape(block.shape) for name in r.OUTPUTS}
        for name, values in (("health", health), ("tier", tier), ("post", health)):
            views[name][:] = values
        views["post"][:, acting] = post
        for name, values in (("reduced", reduced), ("penalty", penalty), ("impact", impact)):
            views[name].fill(0)
            views[name][:, acting] = values
        return (summary,)
    by_position = (amount.ravel() for amount in (block.rows[:, acting], reduced, penalty, impact))
    return summary, block.accounts[acting], h, t, post, *by_position


def _by_tier(tier: Any, amounts: tuple[Any, Any]) -> Any:
    return np.stack([np.bincount(tier, amount, len(r.TIERS)) for amount in amounts])


def in_blocks(book: Book, out: Columns | None) -> list[tuple[Any, ...]]:
    """What came of each block, in their order."""
    crew, found = THREADS if len(book.places) >= ALONE else 1, [()] * len(book.blocks)
    most = max(block.rows.size for block in book.blocks)
    rooms = book.kept.setdefault("rooms", [Room(most) for _ in range(THREADS)])

    def run(worker: int) -> None:
        for i in range(worker, len(found), crew):
            found[i] = evaluated(book.columns, book.blocks[i], rooms[worker], out)

    _ = list(pool.map(run, range(crew))) if crew > 1 else run(0)
    return found


def columns_of(book: Book, name: str, size: int) -> Columns:
    """Room for the six columns, made once."""
    make = (
        {n: np.empty(size, np.int8 if n == "tier" else np.float64) for n in r.OUTPUTS}
        if name not in book.kept
        else None
    )
    return book.kept.setdefault(name, make)


def evaluate(book: Book) -> Columns:
    """All six columns, as they are laid out; ``places`` says where each row's are."""
    out = columns_of(book, "laid", len(book.columns["size"]))
    found = in_blocks(book, out)
    return {**out, "places": book.places, "summary": sum(summary for (summary,) in found)}


def filed(book: Book) -> Columns:
    """All six columns, put into the file's order."""
    laid, rows = evaluate(book), len(book.places)
    out, step = columns_of(book, "filed", rows), BLOCK

    def work(start: int) -> None:
        part = book.places[start : start + step]
        for name in r.OUTPUTS:
            np.take(laid[name], part, out=out[name][start : start + step], mode="clip")

    starts = range(0, rows, step)
    _ = list(pool.map(work, starts)) if rows >= ALONE else [work(start) for start in starts]
    return {**out, "summary": laid["summary"]}


def liquidated(book: Book) -> Columns:
    """The summary, and of the accounts that are liquidated and of their positions the rows with their columns."""
    summaries, *parts = zip(*in_blocks(book, None), strict=True)
    names = "accounts", "health", "tier", "post", "rows", "reduced", "penalty", "impact"
    found = dict(zip(names, map(np.concatenate, parts), strict=True))
    there = found["rows"] >= 0
    if not there.all():
        found |= {name: found[name][there] for name in names[4:]}
    return found | {"summary": sum(summaries)}
