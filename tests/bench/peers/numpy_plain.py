"""Whole columns of NumPy, one after the other, as a book is mostly evaluated: what all else is held against."""

import numpy as np

from tests.bench import reference as r
from tests.bench.reference import Columns, Floats


def margins(market: Columns, notional: Floats) -> Floats:
    """The maintenance margin of each notional in its bracket, before the load."""
    bracket = np.zeros(len(notional), dtype=np.int8)
    for b in range(1, r.BRACKETS):
        bracket += notional >= r.FLOOR[:, b][market]
    return notional * r.RATE[market, bracket] - r.AMOUNT[market, bracket]


def evaluate(columns: Columns) -> Columns:
    account, market, size, mark = (columns[n] for n in ("account", "market", "size", "mark"))
    notional = np.abs(size) * mark
    pnl = size * (mark - columns["entry"])
    maintenance = margins(market, notional) * r.load_of(columns["volatility"])
    equity = np.bincount(account, columns["collateral"]) + np.bincount(account, pnl)
    health = (equity / np.bincount(account, maintenance))[account]
    tier = (len(r.BOUNDS) - np.searchsorted(r.BOUNDS[::-1], health, side="right")).astype(np.int8)
    close = np.select([tier < 2, tier == 2, tier == 3], [0.0, r.TRIM, np.interp(health, *r.CLOSE)], 1.0)
    reduced = close * notional
    fee = np.interp(health, *r.FEE) + r.FEE_SCALE * np.exp(-r.FEE_DECAY * np.maximum(health, 0))
    penalty = fee * reduced
    impact = r.IMPACT * np.sqrt(reduced / columns["depth"])
    left = equity - np.bincount(account, penalty + impact * reduced)
    kept = np.bincount(account, maintenance * (1 - close))
    post = np.divide(left, kept, out=np.full(len(kept), np.inf), where=kept > 0)[account]
    return {
        "health": health, "tier": tier, "reduced": reduced, "penalty": penalty, "impact": impact, "post": post,
        "summary": r.summary_of(tier, notional, reduced, penalty),
    }  # fmt: skip
