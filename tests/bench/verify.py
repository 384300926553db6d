"""Every engine's results against plain NumPy's, which are kept on disk: their names, and how far apart two are."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import reference as r
from tests.bench.engine import Found

TOLERANCE = 1e-9
BY_ACCOUNT, BY_POSITION = ("health", "tier", "post"), ("reduced", "penalty", "impact")


def liquidated(accounts: Any, positions: Any, columns: Found, summary: Found) -> Found:
    """What an engine says that gives the liquidated rows alone: numbers of accounts and of positions, in any order, and
    of each the columns that belong there."""
    found = dict(summary)
    for name, numbers, theirs in (("accounts", accounts, BY_ACCOUNT), ("positions", positions, BY_POSITION)):
        order = np.argsort(numbers)
        found[f"liquidated {name}"] = numbers[order]
        found |= {f"liquidated {column}": columns[column][order] for column in theirs}
    return found


def expected(found: Found, account: Any) -> Found:
    """All that plain NumPy's results say. ``account``: of each position."""
    if "tier" not in found:
        return found
    positions = np.flatnonzero(np.isin(found["tier"], r.LIQUIDATED))
    accounts, first = np.unique(account[positions], return_index=True)
    columns = {n: found[n][positions[first]] for n in BY_ACCOUNT} | {n: found[n][positions] for n in BY_POSITION}
    said = liquidated(accounts, positions, columns, {"amounts": found["summary"][:, 1:3]})
    one = np.flatnonzero(account == 0)[:1]
    return {**found, **said, **{f"first {name}": found[name][one] for name in ("health", "post")}}


def keep(found: Found, folder: Path) -> None:
    """Writes what plain NumPy gives for the book in ``folder``."""
    (folder / "expected").mkdir(parents=True, exist_ok=True)
    for name, values in expected(found, np.load(folder / "account.npy")).items():
        np.save(folder / "expected" / f"{name}.npy", values)


def difference(found: Found, folder: Path) -> float:
    """The greatest relative difference of any value; infinite where a tier or row differs, or something is missing."""
    worst = 0.0
    for name, values in found.items():
        wanted = np.load(folder / "expected" / f"{name}.npy")
        if np.shape(values) != wanted.shape:
            return float("inf")
        if np.issubdtype(wanted.dtype, np.integer):
            apart = np.where(values == wanted, 0.0, np.inf)
        else:
            with np.errstate(all="ignore"):
                largest = np.maximum(np.abs(values), np.abs(wanted))
                apart = np.where(values == wanted, 0, np.abs(values - wanted) / largest)
        worst = max(worst, float("inf") if np.isnan(apart).any() else float(apart.max(initial=0)))
    return worst if found else float("inf")
