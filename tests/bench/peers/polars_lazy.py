"""Polars: one lazy query, sums by `group_by` and a join, everything else as expressions."""

from itertools import pairwise

import numpy as np
import polars as pl
from polars import Expr, col, when

from tests.bench import reference as r
from tests.bench.reference import Columns


def curve(x: Expr, xs: np.ndarray, ys: np.ndarray) -> Expr:
    """Straight lines between points, flat outside."""
    points = list(zip(xs.tolist(), ys.tolist(), strict=True))
    found = pl.lit(points[-1][1])
    for (x0, y0), (x1, y1) in reversed(list(pairwise(points))):
        found = when(x < x1).then(y0 + (x - x0) * ((y1 - y0) / (x1 - x0))).otherwise(found)
    return when(x < points[0][0]).then(points[0][1]).otherwise(found)


def margin() -> Expr:
    """Each slice of the notional at its own rate: the rates' steps above their floors."""
    step = np.diff(r.RATE, axis=1, prepend=0)
    notional, market = col("notional"), col("market")
    slices = (
        (notional - pl.lit(pl.Series(r.FLOOR[:, b])).gather(market)).clip(lower_bound=0)
        * pl.lit(pl.Series(step[:, b])).gather(market)
        for b in range(r.BRACKETS)
    )
    return pl.sum_horizontal(*slices)


def evaluate(columns: Columns) -> Columns:
    load = 1 + r.LOADING * (col("volatility") / r.VOLATILITY - 1).clip(lower_bound=0)
    health = col("health")
    tier = when(health >= 1.5).then(0).when(health >= 1.25).then(1).when(health >= 1.1).then(2)
    tier = tier.when(health >= 1.0).then(3).otherwise(4).cast(pl.Int8)
    close = when(health >= 1.25).then(0.0).when(health >= 1.1).then(r.TRIM)
    close = close.when(health >= 1.0).then(curve(health, *r.CLOSE)).otherwise(1.0)
    fee = curve(health, *r.FEE) + r.FEE_SCALE * (-r.FEE_DECAY * health.clip(lower_bound=0)).exp()
    positions = (
        pl.LazyFrame(columns)
        .with_columns(notional=col("size").abs() * col("mark"), pnl=col("size") * (col("mark") - col("entry")))
        .with_columns(maintenance=margin() * load)
    )
    accounts = (
        positions.group_by("account")
        .agg(equity=col("collateral").sum() + col("pnl").sum(), total=col("maintenance").sum())
        .with_columns(health=col("equity") / col("total"))
        .with_columns(tier=tier, close=close, fee=fee)
    )
    joined = (
        positions.join(accounts, on="account", how="left", maintain_order="left")
        .with_columns(reduced=col("close") * col("notional"))
        .with_columns(penalty=col("fee") * col("reduced"), impact=r.IMPACT * (col("reduced") / col("depth")).sqrt())
    )
    cost = (col("penalty") + col("impact") * col("reduced")).sum()
    after = joined.group_by("account").agg(
        left=col("equity").first() - cost, kept=(col("maintenance") * (1 - col("close"))).sum()
    )
    post = when(col("kept") > 0).then(col("left") / col("kept")).otherwise(float("inf"))
    outputs = joined.join(after.select("account", post=post), on="account", how="left", maintain_order="left")
    found = outputs.select(*r.OUTPUTS, "notional").collect()
    by_tier = found.group_by("tier").agg(pl.len().alias("count"), col("notional", "reduced", "penalty").sum())
    summary = np.zeros((len(r.TIERS), 4))
    for index, *row in by_tier.iter_rows():
        summary[index] = row
    return {n: found[n].to_numpy() for n in r.OUTPUTS} | {"summary": summary}
