"""The reference policy by hand, as an expert would write it with each of the usual libraries.

Each maker takes a book's columns and gives a function that evaluates the policy. What it returns: health and post,
(accounts,) float64; penalty and impact, (positions,) float64; and the sums by tier, (5, 4): count, notional, reduced,
penalty.
"""

# ruff: noqa: E501, F841, RUF059  (queries are long; numexpr reads local names from its text)

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bench.reference import AMOUNT, BOUNDS, BRACKETS, CLOSE, FEE, FLOOR, RATE, Columns

Outcome = tuple[Any, ...]
Run = Callable[[], Outcome]


def _by_tier(tier: Any, notional: Any, reduced: Any, penalty: Any) -> Any:
    parts = [np.bincount(tier, minlength=5), *(np.bincount(tier, w, 5) for w in (notional, reduced, penalty))]
    return np.stack(parts, axis=1)


def numpy(book: Columns) -> Run:
    """Whole columns."""
    accounts = int(book["account"].max()) + 1

    def run() -> Outcome:
        account, market, size, entry = (book[c] for c in ("account", "market", "size", "entry"))
        mark, vol, depth = (book[c][market] for c in ("mark", "vol", "depth"))
        notional = np.abs(size) * mark
        pnl = size * (mark - entry)
        bracket = np.zeros(len(size), np.int8)
        for b in range(1, BRACKETS):
            bracket += notional >= FLOOR[:, b][market]
        margin = (notional * RATE[market, bracket] - AMOUNT[market, bracket]) * (1 + 0.5 * np.maximum(0, vol / 0.6 - 1))
        equity = np.bincount(account, book["collateral"], accounts) + np.bincount(account, pnl, accounts)
        health = equity / np.bincount(account, margin, accounts)
        here = health[account]
        tier = np.select([here >= x for x in BOUNDS], [0, 1, 2, 3], 4)
        close = np.select([tier <= 1, tier == 2, tier == 3], [0.0, 0.1, np.interp(here, *CLOSE)], 1.0)
        reduced = close * notional
        penalty = (np.interp(here, *FEE) + 0.002 * np.exp(-4 * np.maximum(here, 0))) * reduced
        impact = 0.1 * np.sqrt(reduced / depth)
        kept = np.bincount(account, margin * (1 - close), accounts)
        left = equity - np.bincount(account, penalty + impact * reduced, accounts)
        post = np.divide(left, kept, out=np.full(accounts, np.inf), where=kept > 0)
        return health, post, penalty, impact, _by_tier(tier, notional, reduced, penalty)

    return run


def numexpr(book: Columns) -> Run:
    """NumPy, with the elementwise parts fused and run in threads."""
    import numexpr as ne

    accounts = int(book["account"].max()) + 1

    def run() -> Outcome:
        account, market, size, entry = (book[c] for c in ("account", "market", "size", "entry"))
        mark, vol, depth = (book[c][market] for c in ("mark", "vol", "depth"))
        notional, pnl = ne.evaluate("abs(size) * mark"), ne.evaluate("size * (mark - entry)")
        bracket = np.zeros(len(size), np.int8)
        for b in range(1, BRACKETS):
            bracket += notional >= FLOOR[:, b][market]
        rate, amount = RATE[market, bracket], AMOUNT[market, bracket]
        margin = ne.evaluate("(notional * rate - amount) * (1 + 0.5 * where(vol > 0.6, vol / 0.6 - 1, 0))")
        equity = np.bincount(account, book["collateral"], accounts) + np.bincount(account, pnl, accounts)
        health = equity / np.bincount(account, margin, accounts)
        here = health[account]
        tier = ne.evaluate(
            "where(here >= 1.5, 0, where(here >= 1.25, 1, where(here >= 1.1, 2, where(here >= 1, 3, 4))))"
        )
        share, base = np.interp(here, *CLOSE), np.interp(here, *FEE)
        close = ne.evaluate("where(tier <= 1, 0.0, where(tier == 2, 0.1, where(tier == 3, share, 1.0)))")
        reduced = ne.evaluate("close * notional")
        penalty = ne.evaluate("(base + 0.002 * exp(-4 * where(here > 0, here, 0))) * reduced")
        impact = ne.evaluate("0.1 * sqrt(reduced / depth)")
        kept = np.bincount(account, ne.evaluate("margin * (1 - close)"), accounts)
        left = equity - np.bincount(account, ne.evaluate("penalty + impact * reduced"), accounts)
        post = np.divide(left, kept, out=np.full(accounts, np.inf), where=kept > 0)
        return health, post, penalty, impact, _by_tier(tier, notional, reduced, penalty)

    return run


def pandas(book: Columns) -> Run:
    """One frame, groups by account mapped back."""
    import pandas as pd

    frame = pd.DataFrame({c: book[c] for c in ("account", "market", "size", "entry", "collateral")})
    markets = pd.DataFrame({c: book[c] for c in ("mark", "vol", "depth")})

    def run() -> Outcome:
        df = frame.join(markets, on="market")
        df["notional"] = df["size"].abs() * df["mark"]
        df["pnl"] = df["size"] * (df["mark"] - df["entry"])
        market, notional = df["market"].to_numpy(), df["notional"].to_numpy()
        bracket = np.zeros(len(df), np.int8)
        for b in range(1, BRACKETS):
            bracket += notional >= FLOOR[:, b][market]
        load = 1 + 0.5 * (df["vol"] / 0.6 - 1).clip(lower=0)
        df["margin"] = (df["notional"] * RATE[market, bracket] - AMOUNT[market, bracket]) * load
        sums = df.groupby("account", sort=True)[["collateral", "pnl", "margin"]].sum()
        equity = sums["collateral"] + sums["pnl"]
        health = equity / sums["margin"]
        here = df["account"].map(health)
        tier = np.select([here >= x for x in BOUNDS], [0, 1, 2, 3], 4)
        close = np.select([tier <= 1, tier == 2, tier == 3], [0.0, 0.1, np.interp(here, *CLOSE)], 1.0)
        df["reduced"] = close * df["notional"]
        df["penalty"] = (np.interp(here, *FEE) + 0.002 * np.exp(-4 * here.clip(lower=0))) * df["reduced"]
        df["impact"] = 0.1 * np.sqrt(df["reduced"] / df["depth"])
        df["cost"] = df["penalty"] + df["impact"] * df["reduced"]
        df["kept"] = df["margin"] * (1 - close)
        after = df.groupby("account", sort=True)[["cost", "kept"]].sum()
        post = np.where(after["kept"] > 0, (equity - after["cost"]) / after["kept"].where(after["kept"] > 0), np.inf)
        tiers = _by_tier(tier, notional, df["reduced"].to_numpy(), df["penalty"].to_numpy())
        return health.to_numpy(), post, df["penalty"].to_numpy(), df["impact"].to_numpy(), tiers

    return run


def polars(book: Columns) -> Run:
    """Lazy, with windows over the account."""
    import polars as pl

    frame = pl.DataFrame({c: book[c] for c in ("account", "market", "size", "entry", "collateral")})
    markets = pl.DataFrame({"market": np.arange(40, dtype=np.int16), **{c: book[c] for c in ("mark", "vol", "depth")}})
    for b in range(BRACKETS):
        markets = markets.with_columns(
            pl.Series(f"floor{b}", FLOOR[:, b]),
            pl.Series(f"rate{b}", RATE[:, b]),
            pl.Series(f"amount{b}", AMOUNT[:, b]),
        )

    def line(x: Any, points: Any) -> Any:
        xs, ys = points
        found = pl.lit(ys[-1])
        for x0, y0, x1, y1 in reversed(list(zip(xs, ys, xs[1:], ys[1:], strict=False))):
            found = pl.when(x < x1).then(y0 + (y1 - y0) / (x1 - x0) * (x - x0)).otherwise(found)
        return pl.when(x < xs[0]).then(ys[0]).otherwise(found)

    def run() -> Outcome:
        c = pl.col
        margin = c("notional") * c("rate0")
        for b in range(1, BRACKETS):
            margin = (
                pl.when(c("notional") >= c(f"floor{b}"))
                .then(c("notional") * c(f"rate{b}") - c(f"amount{b}"))
                .otherwise(margin)
            )
        load = 1 + 0.5 * (c("vol") / 0.6 - 1).clip(lower_bound=0)
        positions = (
            frame.lazy()
            .join(markets.lazy(), on="market", how="left", maintain_order="left")
            .with_columns(notional=c("size").abs() * c("mark"), pnl=c("size") * (c("mark") - c("entry")))
            .with_columns(margin=margin * load)
            .select("account", "collateral", "pnl", "margin", "notional", "depth")
        )
        h = c("health")
        accounts = positions.group_by("account").agg(
            equity=c("collateral").sum() + c("pnl").sum(),
            health=(c("collateral").sum() + c("pnl").sum()) / c("margin").sum(),
        )
        tier = (
            pl.when(h >= 1.5).then(0).when(h >= 1.25).then(1).when(h >= 1.1).then(2).when(h >= 1.0).then(3).otherwise(4)
        )
        close = (
            pl.when(c("tier") <= 1)
            .then(0.0)
            .when(c("tier") == 2)
            .then(0.1)
            .when(c("tier") == 3)
            .then(line(h, CLOSE))
            .otherwise(1.0)
        )
        fee = line(h, FEE) + 0.002 * (-4 * h.clip(lower_bound=0)).exp()
        accounts = accounts.with_columns(tier=tier).with_columns(close=close, fee=fee)
        positions = (
            positions.join(accounts, on="account", how="left", maintain_order="left")
            .with_columns(reduced=c("close") * c("notional"))
            .with_columns(penalty=c("fee") * c("reduced"), impact=0.1 * (c("reduced") / c("depth")).sqrt())
        )
        found = positions.select(
            "account", "tier", "notional", "reduced", "penalty", "impact", "margin", "close", "equity", "health"
        ).collect()
        after = (
            found.lazy()
            .group_by("account")
            .agg(
                cost=(c("penalty") + c("impact") * c("reduced")).sum(), kept=(c("margin") * (1 - c("close"))).sum(),
                equity=c("equity").first(), health=c("health").first(),
            )
            .with_columns(post=pl.when(c("kept") > 0).then((c("equity") - c("cost")) / c("kept")).otherwise(float("inf")))
            .sort("account").select("health", "post").collect()
        )  # fmt: skip
        tiers = (
            found.group_by("tier")
            .agg(pl.len(), c("notional").sum(), c("reduced").sum(), c("penalty").sum())
            .sort("tier")
        )
        full = np.zeros((5, 4))
        full[tiers["tier"].to_numpy()] = tiers.drop("tier").to_numpy()
        return (
            after["health"].to_numpy(),
            after["post"].to_numpy(),
            found["penalty"].to_numpy(),
            found["impact"].to_numpy(),
            full,
        )

    return run


def duckdb(book: Columns) -> Run:
    """One query over registered columns."""
    import duckdb as db
    import pyarrow as pa

    base = db.connect()
    place = np.arange(len(book["size"]))
    base.register(
        "position",
        pa.table({"id": place, **{c: book[c] for c in ("account", "market", "size", "entry", "collateral")}}),
    )
    base.register(
        "market", pa.table({"market": np.arange(40, dtype=np.int16), **{c: book[c] for c in ("mark", "vol", "depth")}})
    )
    rows = [(m, b) for m in range(40) for b in range(BRACKETS)]
    flat = {
        "market": [m for m, _ in rows],
        "bracket": [b for _, b in rows],
        "floor": FLOOR.ravel(),
        "rate": RATE.ravel(),
        "amount": AMOUNT.ravel(),
    }
    base.register("ladder", pa.table(flat))

    def line(points: Any) -> str:
        xs, ys = points
        parts = [f"when health < {xs[0]} then {ys[0]}"]
        for x0, y0, x1, y1 in zip(xs, ys, xs[1:], ys[1:], strict=False):
            parts.append(f"when health < {x1} then {y0} + ({y1} - {y0}) / ({x1} - {x0}) * (health - {x0})")
        return f"case {' '.join(parts)} else {ys[-1]} end"

    query = f"""
      with wide as (select market, {", ".join(f"max(floor) filter (bracket = {b}) f{b}, max(rate) filter (bracket = {b}) r{b}, max(amount) filter (bracket = {b}) a{b}" for b in range(BRACKETS))} from ladder group by market),
      valued as (select id, account, collateral, depth, abs(size) * mark notional, size * (mark - entry) pnl, vol, wide.* from position join market using (market) join wide using (market)),
      margins as (select id, account, collateral, depth, notional, pnl, (case {" ".join(f"when notional >= f{b} then notional * r{b} - a{b}" for b in range(BRACKETS - 1, 0, -1))} else notional * r0 end) * (1 + 0.5 * greatest(0, vol / 0.6 - 1)) margin from valued),
      healths as (select account, sum(collateral) + sum(pnl) equity, (sum(collateral) + sum(pnl)) / sum(margin) health from margins group by account),
      tiers as (select *, case when health >= 1.5 then 0 when health >= 1.25 then 1 when health >= 1.1 then 2 when health >= 1 then 3 else 4 end tier from healths),
      closes as (select *, case when tier <= 1 then 0.0::double when tier = 2 then 0.1::double when tier = 3 then {line(CLOSE)} else 1.0::double end as close_share, {line(FEE)} + 0.002 * exp(-4 * greatest(health, 0)) fee from tiers)
      select id, account, health, equity, tier, notional, margin, close_share, close_share * notional reduced, fee * close_share * notional penalty, 0.1 * sqrt(close_share * notional / depth) impact from margins join closes using (account)
    """

    def run() -> Outcome:
        base.execute(f"create or replace temp table found as {query}")
        after = base.execute(
            "select account, any_value(health) health, case when sum(margin * (1 - close_share)) > 0 then (any_value(equity)"
            " - sum(penalty + impact * reduced)) / sum(margin * (1 - close_share)) else 'infinity'::double end post"
            " from found group by account order by account"
        ).fetchnumpy()
        rows = base.execute("select penalty, impact from found order by id").fetchnumpy()
        tiers = base.execute(
            "select tier, count(*), sum(notional), sum(reduced), sum(penalty) from found group by tier"
        ).fetchall()
        full = np.zeros((5, 4))
        for tier, *sums in tiers:
            full[tier] = sums
        return after["health"], after["post"], rows["penalty"], rows["impact"], full

    return run


def numba(book: Columns) -> Run:
    """Two fused parallel loops around the sums by account."""
    import numba as nb

    accounts = int(book["account"].max()) + 1
    close_x, close_y, fee_x, fee_y = (np.array(v) for v in (*CLOSE, *FEE))

    @nb.njit(parallel=True)  # type: ignore[untyped-decorator]
    def margins(market, size, entry, mark, load, floor, rate, amount, notional, pnl, margin):  # type: ignore[no-untyped-def]
        for i in nb.prange(len(size)):
            m = market[i]
            n = abs(size[i]) * mark[m]
            b = 0
            while b + 1 < floor.shape[1] and n >= floor[m, b + 1]:
                b += 1
            notional[i], pnl[i] = n, size[i] * (mark[m] - entry[i])
            margin[i] = (n * rate[m, b] - amount[m, b]) * load[m]

    @nb.njit  # type: ignore[untyped-decorator]
    def sums(account, a, b, c, out):  # type: ignore[no-untyped-def]
        for i in range(len(account)):
            j = account[i]
            out[j, 0] += a[i]
            out[j, 1] += b[i]
            out[j, 2] += c[i]

    @nb.njit(parallel=True)  # type: ignore[untyped-decorator]
    def closing(account, market, health, notional, depth, tier, close, penalty, impact, cost):  # type: ignore[no-untyped-def]
        for i in nb.prange(len(account)):
            h = health[account[i]]
            t = 0 if h >= 1.5 else 1 if h >= 1.25 else 2 if h >= 1.1 else 3 if h >= 1.0 else 4
            c = 0.0 if t <= 1 else 0.1 if t == 2 else np.interp(h, close_x, close_y) if t == 3 else 1.0
            tier[i], close[i], penalty[i], impact[i], cost[i] = t, c, 0.0, 0.0, 0.0
            if c > 0:
                reduced = c * notional[i]
                penalty[i] = (np.interp(h, fee_x, fee_y) + 0.002 * np.exp(-4 * max(h, 0.0))) * reduced
                impact[i] = 0.1 * np.sqrt(reduced / depth[market[i]])
                cost[i] = penalty[i] + impact[i] * reduced

    def run() -> Outcome:
        account, market, n = book["account"], book["market"], len(book["size"])
        notional, pnl, margin, close, penalty, impact, cost = (np.empty(n) for _ in range(7))
        tier = np.empty(n, np.int8)
        load = 1 + 0.5 * np.maximum(0, book["vol"] / 0.6 - 1)
        margins(market, book["size"], book["entry"], book["mark"], load, FLOOR, RATE, AMOUNT, notional, pnl, margin)
        total = np.zeros((accounts, 3))
        sums(account, book["collateral"], pnl, margin, total)
        equity = total[:, 0] + total[:, 1]
        health = equity / total[:, 2]
        closing(account, market, health, notional, book["depth"], tier, close, penalty, impact, cost)
        after = np.zeros((accounts, 3))
        sums(account, cost, margin * (1 - close), cost, after)
        post = np.divide(equity - after[:, 0], after[:, 1], out=np.full(accounts, np.inf), where=after[:, 1] > 0)
        return health, post, penalty, impact, _by_tier(tier, notional, close * notional, penalty)

    return run


PEERS: dict[str, Callable[[Columns], Run]] = {
    "numpy": numpy,
    "numexpr": numexpr,
    "numba": numba,
    "polars": polars,
    "duckdb": duckdb,
    "pandas": pandas,
}
