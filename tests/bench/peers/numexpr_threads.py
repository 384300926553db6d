"""numexpr: formulas of whole columns in one pass each, in threads; lookups and sums by account remain NumPy's."""

import numexpr
import numpy as np

from tests.bench import reference as r
from tests.bench.peers.numpy_plain import margins
from tests.bench.reference import Columns

run = numexpr.evaluate


def evaluate(columns: Columns) -> Columns:
    account, market, c = columns["account"], columns["market"], columns
    notional = run("abs(size) * mark", c)
    names = {
        **c, "margin": margins(market, notional), "notional": notional, "loading": r.LOADING, "calm": r.VOLATILITY,
    }  # fmt: skip
    maintenance = run("margin * (1 + loading * where(volatility > calm, volatility / calm - 1, 0))", names)
    equity = np.bincount(account, run("collateral + size * (mark - entry)", c))
    health = (equity / np.bincount(account, maintenance))[account]
    tier = run("4 - " + " - ".join(f"where(health >= {bound}, 1, 0)" for bound in r.BOUNDS), {"health": health})
    names |= {
        "health": health, "maintenance": maintenance, "line": np.interp(health, *r.CLOSE), "trim": r.TRIM,
        "base": np.interp(health, *r.FEE), "scale": r.FEE_SCALE, "decay": r.FEE_DECAY, "impact_of": r.IMPACT,
    }  # fmt: skip
    shares = "where(health >= 1.25, 0.0, where(health >= 1.1, trim, where(health >= 1.0, line, 1.0)))"
    names["close"] = close = run(shares, names)
    names["reduced"] = reduced = close * notional
    fee = "base + scale * exp(-decay * where(health > 0, health, 0.0))"
    names["penalty"] = penalty = run(f"({fee}) * reduced", names)
    names["impact"] = impact = run("impact_of * sqrt(reduced / depth)", names)
    left = equity - np.bincount(account, run("penalty + impact * reduced", names))
    kept = np.bincount(account, run("maintenance * (1 - close)", names))
    post = np.divide(left, kept, out=np.full(len(kept), np.inf), where=kept > 0)[account]
    return {
        "health": health, "tier": tier.astype(np.int8), "post": post,
        "reduced": reduced, "penalty": penalty, "impact": impact,
        "summary": r.summary_of(tier, notional, reduced, penalty),
    }  # fmt: skip
