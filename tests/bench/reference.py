"""The reference policy for speed, as constants that every peer shares, as a policy's text, and its books.

With N positions of N / 4 accounts in 40 markets, all float64:

    notional    = |size| * mark;  pnl = size * (mark - entry)
    maintenance = the margin of the brackets below and in which the notional lies * (1 + 0.5 * max(0, vol / 0.6 - 1))
    health      = (sum of collateral + sum of pnl) / sum of maintenance, by account
    tier        = healthy from 150%, watch from 125%, trim from 110%, delever from 100%, else shut
    close       = 0, 0, 10%, by the curve of ``CLOSE`` at health, 100%
    reduced     = close * notional
    penalty     = (the curve of ``FEE`` at health + 0.2% * exp(-4 * max(health, 0))) * reduced
    impact      = 0.1 * sqrt(reduced / depth)
    post        = (equity - sum of penalty + impact * reduced) / sum of maintenance * (1 - close), by account
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]

MARKETS, BRACKETS = 40, 6
BOUNDS = (1.5, 1.25, 1.1, 1.0)
CLOSE = ((1.0, 1.03, 1.06, 1.1), (0.6, 0.45, 0.3, 0.2))
FEE = ((0.5, 0.8, 1.0, 1.05, 1.1, 1.25), (0.05, 0.035, 0.02, 0.012, 0.008, 0.004))
NAMES = tuple(f"M{i:02d}" for i in range(MARKETS))


def ladder() -> tuple[Floats, Floats, Floats]:
    """Each market's bracket floors, rates, and the amounts that make the margin continuous, (40, 6) all."""
    rng = np.random.default_rng(20261201)
    scale = np.exp(rng.uniform(np.log(0.05), np.log(4.0), MARKETS))
    floor = np.round(np.array([0, 5e4, 2.5e5, 1e6, 5e6, 2e7]) * scale[:, None], -2)
    rate = rng.choice([0.004, 0.005, 0.0065, 0.01, 0.02], MARKETS)[:, None] * np.array([1, 1.25, 2, 4, 8, 15])
    rate = np.round(rate, 6)
    amount = np.zeros_like(floor)
    for b in range(1, BRACKETS):
        amount[:, b] = amount[:, b - 1] + floor[:, b] * (rate[:, b] - rate[:, b - 1])
    return floor, rate, amount


FLOOR, RATE, AMOUNT = ladder()
POLICY = Path(__file__).with_name("reference.policy")


def policy_text() -> str:
    """``reference.policy``."""
    rows = [f"  | {NAMES[m]} | {FLOOR[m, b]:.0f} | {RATE[m, b]:.6f} |" for m in range(MARKETS) for b in range(BRACKETS)]
    curves = {
        name: [f"  | {x} | {y} |" for x, y in zip(*points, strict=True)] for name, points in (("c", CLOSE), ("f", FEE))
    }
    return "\n".join(
        [
            'policy "Reference for speed" version 1',
            "",
            "unit USD",
            "",
            "entity market:",
            "  unit asset",
            "  mark  : USD/asset > 0",
            "  vol   : ratio in 0% to 500%",
            "  depth : USD > 0",
            "  load  = 1 + 0.5 * max(0, vol / 0.6 - 1)",
            "",
            "entity account:",
            "  equity      = sum(position.collateral) + sum(position.pnl)",
            "  maintenance = sum(position.maintenance)",
            "  health      = equity / maintenance",
            "  cost        = sum(position.penalty + position.impact * position.reduced)",
            "  kept        = sum(position.maintenance * (1 - close))",
            "  post        = if kept > 0 then (equity - cost) / kept else infinite",
            "",
            "entity position:",
            "  account    : account",
            "  market     : market",
            "  size       : market.asset",
            "  entry      : USD/market.asset",
            "  collateral : USD",
            "",
            "  notional    = abs(size) * market.mark",
            "  pnl         = size * (market.mark - entry)",
            "  maintenance = brackets(market, notional) * market.load",
            "  reduced     = account.close * notional",
            "  penalty     = if account.close > 0 then account.fee * reduced else 0",
            "  impact      = if account.close > 0 then 0.1 * sqrt(reduced / market.depth) else 0",
            "",
            "table brackets(market, notional: USD):",
            "  | market = | notional >= | margin marginal |",
            *rows,
            "",
            "curve close_share(health: ratio) linear, flat outside:",
            "  | health | share |",
            *curves["c"],
            "",
            "curve base_fee(health: ratio) linear, flat outside, decreasing:",
            "  | health | fee |",
            *curves["f"],
            "",
            "tiers account:",
            "  | health >= | tier | close | fee |",
            "  | 150% | healthy | 0% | 0% |",
            "  | 125% | watch | 0% | 0% |",
            "  | 110% | trim | 10% | fee_at(health) |",
            "  | 100% | delever | close_share(health) | fee_at(health) |",
            "  | other | shut | 100% | fee_at(health) |",
            "  | unknown | hold | 0% | 0% |",
            "",
            "let fee_at(health: ratio) = base_fee(health) + 0.2% * exp(-4 * max(health, 0))",
            "",
        ]
    )


def book(rows: int, seed: int = 1) -> Columns:
    """A book of ``rows`` positions, accounts in random order, about four positions each, as columns."""
    rng = np.random.default_rng(seed)
    accounts = max(1, rows // 4)
    account = np.concatenate([rng.permutation(accounts), rng.integers(0, accounts, rows - accounts)])
    rng.shuffle(account)
    weights = 1.0 / np.arange(1, MARKETS + 1)
    market = rng.choice(MARKETS, rows, p=weights / weights.sum())
    mark = np.exp(rng.uniform(np.log(0.05), np.log(60_000), MARKETS))
    depth = np.exp(rng.uniform(np.log(2e5), np.log(5e7), MARKETS))
    vol = rng.uniform(0.3, 1.4, MARKETS)
    notional = np.exp(rng.normal(9.5, 2.2, rows))
    size = np.where(rng.random(rows) < 0.55, 1.0, -1.0) * np.maximum(np.round(notional / mark[market], 6), 1e-6)
    notional = np.abs(size) * mark[market]
    bracket = sum((notional >= FLOOR[market, b]).astype(np.int64) for b in range(1, BRACKETS))
    margin = (notional * RATE[market, bracket] - AMOUNT[market, bracket]) * (1 + 0.5 * np.maximum(0, vol / 0.6 - 1))[
        market
    ]
    entry = mark[market] - margin * rng.normal(0, 0.3, rows) / size
    share = rng.random(accounts)
    health = 1.52 + rng.exponential(4.0, accounts)
    for most, low, high in ((0.03, 1.25, 1.5), (0.018, 1.1, 1.25), (0.01, 1.0, 1.1), (0.005, 0.3, 1.0)):
        health = np.where(share < most, rng.uniform(low, high, accounts), health)
    weight = rng.random(rows) + 0.05
    needed = health * np.bincount(account, margin, accounts) - np.bincount(
        account, size * (mark[market] - entry), accounts
    )
    collateral = (needed / np.bincount(account, weight, accounts))[account] * weight
    return {
        "mark": mark, "vol": vol, "depth": depth,
        "account": account.astype(np.int32), "market": market.astype(np.int16),
        "size": size, "entry": entry, "collateral": collateral,
    }  # fmt: skip
