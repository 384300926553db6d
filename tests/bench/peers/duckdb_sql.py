"""DuckDB: SQL over the columns; a row's number comes with it, since no order is asked for."""

from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa

from tests.bench import reference as r
from tests.bench.reference import Columns


def curve(x: str, xs: np.ndarray, ys: np.ndarray) -> str:
    """Straight lines between points, flat outside."""
    points = list(zip(xs.tolist(), ys.tolist(), strict=True))
    lines = [f"WHEN {x} < {points[0][0]} THEN {points[0][1]}::DOUBLE"]
    lines += [
        f"WHEN {x} < {x1} THEN {y0}::DOUBLE + ({x} - {x0}::DOUBLE) * {(y1 - y0) / (x1 - x0)!r}::DOUBLE"
        for (x0, y0), (x1, y1) in pairwise(points)
    ]
    return f"CASE {' '.join(lines)} ELSE {points[-1][1]}::DOUBLE END"


SLICES = " + ".join(f"greatest(0, abs(size) * mark - floor{b}) * step{b}" for b in range(r.BRACKETS))
QUERY = f"""
CREATE OR REPLACE TEMP TABLE found AS
WITH position AS (
  SELECT row, account, depth, abs(size) * mark AS notional, collateral, size * (mark - entry) AS pnl,
         ({SLICES}) * (1 + {r.LOADING}::DOUBLE * greatest(0, volatility / {r.VOLATILITY}::DOUBLE - 1)) AS maintenance
  FROM columns JOIN ladder USING (market)
), account AS (
  SELECT account, sum(collateral) + sum(pnl) AS equity, equity / sum(maintenance) AS health
  FROM position GROUP BY account
), tiered AS (
  SELECT account, equity, health,
    (CASE WHEN health >= 1.5 THEN 0 WHEN health >= 1.25 THEN 1 WHEN health >= 1.1 THEN 2
          WHEN health >= 1.0 THEN 3 ELSE 4 END)::TINYINT AS tier,
    CASE WHEN health >= 1.25 THEN 0::DOUBLE WHEN health >= 1.1 THEN {r.TRIM}::DOUBLE
         WHEN health >= 1.0 THEN {curve("health", *r.CLOSE)} ELSE 1::DOUBLE END AS close,
    {curve("health", *r.FEE)} + {r.FEE_SCALE}::DOUBLE * exp(-{r.FEE_DECAY}::DOUBLE * greatest(health, 0)) AS fee
  FROM account
), acted AS (
  SELECT row, account, health, tier, equity, notional, close * notional AS reduced, fee * reduced AS penalty,
         {r.IMPACT}::DOUBLE * sqrt(reduced / depth) AS impact, maintenance * (1 - close) AS kept
  FROM position JOIN tiered USING (account)
), after AS (
  SELECT account, CASE WHEN sum(kept) > 0
                       THEN (any_value(equity) - sum(penalty + impact * reduced)) / sum(kept)
                       ELSE 'infinity'::DOUBLE END AS post
  FROM acted GROUP BY account
)
SELECT row, health, tier, reduced, penalty, impact, post, notional FROM acted JOIN after USING (account)
"""
SUMMARY = "SELECT tier, count(*), sum(notional), sum(reduced), sum(penalty) FROM found GROUP BY tier"


def evaluate(columns: Columns) -> Columns:
    step = np.diff(r.RATE, axis=1, prepend=0)
    ladder = {"market": np.arange(r.MARKETS, dtype=np.int16)}
    ladder |= {f"{n}{b}": t[:, b].copy() for n, t in (("floor", r.FLOOR), ("step", step)) for b in range(r.BRACKETS)}
    with duckdb.connect() as db:
        db.register("columns", pa.table({**columns, "row": np.arange(len(columns["size"]), dtype=np.int32)}))
        db.register("ladder", pa.table(ladder))
        db.execute(QUERY)
        summary = np.zeros((len(r.TIERS), 4))
        for tier, *amounts in db.execute(SUMMARY).fetchall():
            summary[tier] = amounts
        found = db.execute(f"SELECT row, {', '.join(r.OUTPUTS)} FROM found").fetchnumpy()
    return {**{n: np.asarray(values) for n, values in found.items()}, "summary": summary}
