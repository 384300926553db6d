"""A grid of moves in plain NumPy: in each, the shocked book whole, and of each account the worst health so far."""

import numpy as np

from tests.bench import reference as r
from tests.bench.peers import numpy_plain
from tests.bench.reference import Columns, Floats


def worst(book: Columns, columns: Columns, count: int) -> Floats:
    """(accounts,): the whole policy in each move, as one would run it again and again."""
    lowest = np.full(int(columns["account"].max()) + 1, np.inf)
    for move in r.moves(count):
        moved = columns["mark"] * (1 + move * book["beta"])[columns["market"]]
        health = numpy_plain.evaluate({**columns, "mark": moved})["health"]
        lowest[columns["account"]] = np.minimum(lowest[columns["account"]], health)  # the same in every position
    return lowest


def worst_health(book: Columns, columns: Columns, count: int) -> Floats:
    """(accounts,): in each move only what health needs, by account."""
    account, market, size = columns["account"], columns["market"], columns["size"]
    lowest = np.full(int(account.max()) + 1, np.inf)
    load = r.load_of(columns["volatility"])
    collateral = np.bincount(account, columns["collateral"])
    for move in r.moves(count):
        mark = (book["mark"] * (1 + move * book["beta"]))[market]
        maintenance = numpy_plain.margins(market, np.abs(size) * mark) * load
        equity = collateral + np.bincount(account, size * (mark - columns["entry"]))
        np.minimum(lowest, equity / np.bincount(account, maintenance), out=lowest)
    return lowest
