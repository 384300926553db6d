"""The reference policy, as constants that every peer shares; ``reference.policy`` says the same in softliq's language.

With N positions of N / 4 accounts in 40 markets, everything float64:

    notional    = |size| * mark;  pnl = size * (mark - entry)
    maintenance = (notional * RATE - AMOUNT of the bracket) * (1 + 0.5 * max(0, volatility / 0.6 - 1))
    equity      = sum of collateral + sum of pnl, by account
    health      = equity / sum of maintenance, by account
    tier        = healthy from 150%, watch from 125%, trim from 110%, delever from 100%, else shut
    close       = 0, 0, 10%, the curve CLOSE at health, 100%
    reduced     = close * notional
    penalty     = (the curve FEE at health + 0.2% * exp(-4 * max(health, 0))) * reduced
    impact      = 0.1 * sqrt(reduced / depth)
    post        = (equity - sum of penalty + impact * reduced) / sum of maintenance * (1 - close), by account;
                  infinite where nothing is kept

A peer is a module with ``evaluate(columns) -> outputs``: ``columns`` as ``books.columns`` makes them, one value a
position; ``outputs`` the six of ``OUTPUTS``, one value a position, and ``summary``, (5, 4): for each tier how many
positions are in it, and their notional, reduced and penalty.
"""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]

HERE = Path(__file__).parent
POLICY = HERE / "reference.policy"
COLUMNS = ("account", "market", "size", "entry", "collateral", "mark", "volatility", "depth")
OUTPUTS = ("health", "tier", "reduced", "penalty", "impact", "post")
ACCOUNT, READ, WRITTEN = 4, 4 + 2 + 6 * 8, 1 + 5 * 8  # bytes of the account, COLUMNS and OUTPUTS for each position
TIERS = ("healthy", "watch", "trim", "delever", "shut")
LIQUIDATED = (2, 3, 4)  # tiers in which something is closed
BOUNDS = np.array([1.5, 1.25, 1.1, 1.0])
TRIM = 0.1
CLOSE = np.array([1.0, 1.03, 1.06, 1.1]), np.array([0.6, 0.45, 0.3, 0.2])
FEE = np.array([0.5, 0.8, 1.0, 1.05, 1.1, 1.25]), np.array([0.05, 0.035, 0.02, 0.012, 0.008, 0.004])
FEE_SCALE, FEE_DECAY, IMPACT = 0.002, 4.0, 0.1
VOLATILITY, LOADING = 0.6, 0.5


def _ladder() -> tuple[tuple[str, ...], Floats, Floats]:
    """``brackets.csv``: the markets' names, and each one's floors and rates, (40, 6)."""
    with (HERE / "brackets.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = tuple(dict.fromkeys(row["market"] for row in rows))
    floor, rate = (np.array([float(row[name]) for row in rows]).reshape(len(names), -1) for name in ("floor", "rate"))
    return names, floor, rate


NAMES, FLOOR, RATE = _ladder()
MARKETS, BRACKETS = FLOOR.shape
# What makes the margin continuous at every floor, as venues publish it beside the rate.
AMOUNT = np.cumsum(FLOOR * np.diff(RATE, axis=1, prepend=RATE[:, :1]), axis=1)


def load_of(volatility: Floats) -> Floats:
    """What volatility makes of a margin, as a factor."""
    return 1 + LOADING * np.maximum(0, volatility / VOLATILITY - 1)


def summary_of(tier: npt.NDArray[Any], *amounts: Floats) -> Floats:
    """(5, 4): by tier how many positions, and the sums of notional, reduced and penalty."""
    totals = [np.bincount(tier, weights, len(TIERS)) for weights in (None, *amounts)]
    return np.stack(totals, axis=1).astype(np.float64)


# -- a thousand moves ---------------------------------------------------------------------------

MOVES = 1_000


def moves(count: int) -> Floats:
    """The grid's moves, from -50% upwards by 0.1%."""
    return (np.arange(count) - 500) / 1_000


def grid_policy(count: int) -> str:
    """``reference.policy`` with a grid, in which each market moves by its own beta, and each account's worst health."""
    text = POLICY.read_text("utf-8")
    for entity, line in {"market": "beta : number", "account": "worst = min(health over moves)"}.items():
        text = text.replace(f"entity {entity}:\n", f"entity {entity}:\n  {line}\n", 1)
    last = (count - 1 - 500) / 10
    return f"""{text}
grid moves:
  move in -50% to {last:g}% by 0.1%
  market.mark becomes mark * (1 + move * beta)
"""
