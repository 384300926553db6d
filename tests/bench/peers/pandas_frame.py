"""pandas: columns of a frame, sums by `groupby().transform`."""

import numpy as np
import pandas as pd

from tests.bench import reference as r
from tests.bench.reference import Columns


def evaluate(columns: Columns) -> Columns:
    frame = pd.DataFrame(columns, copy=False)
    frame["notional"] = frame["size"].abs() * frame["mark"]
    frame["cushion"] = frame["collateral"] + frame["size"] * (frame["mark"] - frame["entry"])
    market = frame["market"].to_numpy()
    bracket = sum((frame["notional"] >= r.FLOOR[market, b]).astype("int8") for b in range(1, r.BRACKETS)).to_numpy()
    load = 1 + r.LOADING * (frame["volatility"] / r.VOLATILITY - 1).clip(lower=0)
    frame["maintenance"] = (frame["notional"] * r.RATE[market, bracket] - r.AMOUNT[market, bracket]) * load
    totals = frame.groupby("account", sort=False)[["cushion", "maintenance"]].transform("sum")
    health = totals["cushion"] / totals["maintenance"]
    bins = [-np.inf, *r.BOUNDS[::-1], np.inf]
    tier = 4 - pd.cut(health, bins, right=False, labels=False).astype("int8")
    close = tier.map({0: 0.0, 1: 0.0, 2: r.TRIM, 4: 1.0}).fillna(pd.Series(np.interp(health, *r.CLOSE)))
    fee = np.interp(health, *r.FEE) + r.FEE_SCALE * np.exp(-r.FEE_DECAY * health.clip(lower=0))
    frame["tier"], frame["reduced"] = tier, close * frame["notional"]
    frame["penalty"] = fee * frame["reduced"]
    impact = r.IMPACT * np.sqrt(frame["reduced"] / frame["depth"])
    frame["cost"] = frame["penalty"] + impact * frame["reduced"]
    frame["kept"] = frame["maintenance"] * (1 - close)
    after = frame.groupby("account", sort=False)[["cost", "kept"]].transform("sum")
    post = ((totals["cushion"] - after["cost"]) / after["kept"]).where(after["kept"] > 0, np.inf)
    grouped = frame.groupby("tier")
    summary = grouped[["notional", "reduced", "penalty"]].sum()
    summary.insert(0, "count", grouped.size())
    found = {"health": health, "impact": impact, "post": post, **{n: frame[n] for n in ("tier", "reduced", "penalty")}}
    return {n: series.to_numpy() for n, series in found.items()} | {
        "summary": summary.reindex(range(len(r.TIERS)), fill_value=0.0).to_numpy(float)
    }
