"""numba: fused loops in parallel; each thread adds up its own share by account, in any order of the rows."""

from math import exp, inf, sqrt

import numpy as np
from numba import get_num_threads, njit, prange

from tests.bench import reference as r
from tests.bench.reference import Columns

FLOOR, RATE, AMOUNT = r.FLOOR, r.RATE, r.AMOUNT
CLOSE_X, CLOSE_Y, FEE_X, FEE_Y = *r.CLOSE, *r.FEE
BRACKETS, TRIM, SCALE, DECAY, IMPACT = r.BRACKETS, r.TRIM, r.FEE_SCALE, r.FEE_DECAY, r.IMPACT
LOADING, CALM = r.LOADING, r.VOLATILITY


@njit(cache=True)
def curve(x, xs, ys):
    if x <= xs[0]:
        return ys[0]
    for i in range(1, len(xs)):
        if x < xs[i]:
            return ys[i - 1] + (x - xs[i - 1]) * (ys[i] - ys[i - 1]) / (xs[i] - xs[i - 1])
    return ys[-1]


@njit(cache=True, parallel=True)
def run(account, market, size, entry, collateral, mark, volatility, depth, accounts, threads):
    rows = len(size)
    share = (rows + threads - 1) // threads
    maintenance = np.empty(rows)
    sums = np.zeros((threads, accounts, 2))
    for t in prange(threads):
        for i in range(t * share, min(rows, (t + 1) * share)):
            m, notional = market[i], abs(size[i]) * mark[i]
            b = 0
            while b + 1 < BRACKETS and notional >= FLOOR[m, b + 1]:
                b += 1
            load = 1 + LOADING * max(0.0, volatility[i] / CALM - 1)
            maintenance[i] = (notional * RATE[m, b] - AMOUNT[m, b]) * load
            sums[t, account[i], 0] += collateral[i] + size[i] * (mark[i] - entry[i])
            sums[t, account[i], 1] += maintenance[i]
    equity, health = np.empty(accounts), np.empty(accounts)
    close, fee, tier = np.empty(accounts), np.empty(accounts), np.empty(accounts, np.int8)
    for a in prange(accounts):
        equity[a] = sums[:, a, 0].sum()
        h = health[a] = equity[a] / sums[:, a, 1].sum()
        if h >= 1.25:
            tier[a], close[a], fee[a] = (0 if h >= 1.5 else 1), 0.0, 0.0
            continue
        tier[a] = 2 if h >= 1.1 else 3 if h >= 1.0 else 4
        close[a] = TRIM if h >= 1.1 else curve(h, CLOSE_X, CLOSE_Y) if h >= 1.0 else 1.0
        fee[a] = curve(h, FEE_X, FEE_Y) + SCALE * exp(-DECAY * max(h, 0.0))
    healths, tiers, posts = np.empty(rows), np.empty(rows, np.int8), np.empty(rows)
    reduced, penalty, impact = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    after, summary = np.zeros((threads, accounts, 2)), np.zeros((threads, 5, 4))
    for t in prange(threads):
        for i in range(t * share, min(rows, (t + 1) * share)):
            a = account[i]
            k = tier[a]
            healths[i], tiers[i], notional = health[a], k, abs(size[i]) * mark[i]
            if close[a] > 0:
                reduced[i] = close[a] * notional
                penalty[i] = fee[a] * reduced[i]
                impact[i] = IMPACT * sqrt(reduced[i] / depth[i])
                after[t, a, 0] += penalty[i] + impact[i] * reduced[i]
            after[t, a, 1] += maintenance[i] * (1 - close[a])
            summary[t, k, 0] += 1
            summary[t, k, 1] += notional
            summary[t, k, 2] += reduced[i]
            summary[t, k, 3] += penalty[i]
    for i in prange(rows):
        kept = after[:, account[i], 1].sum()
        posts[i] = (equity[account[i]] - after[:, account[i], 0].sum()) / kept if kept > 0 else inf
    return healths, tiers, reduced, penalty, impact, posts, summary


def evaluate(columns: Columns) -> Columns:
    accounts = int(columns["account"].max()) + 1
    *found, summary = run(*(columns[n] for n in r.COLUMNS), accounts, get_num_threads())
    return dict(zip(r.OUTPUTS, found, strict=True)) | {"summary": summary.sum(axis=0)}
