"""Evaluations for the report's tests: small books with names that try to break a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dsl.check import check
from dsl.diagnostics import Diagnostics
from dsl.load import Loaded, load, load_text
from dsl.params import resolve_params
from evaluator.evaluation import Evaluation
from evaluator.run import evaluate
from evaluator.snapshot import book_of

CASES = Path(__file__).parent / "cases" / "report"
AS_OF = datetime(2026, 12, 1, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><b>bold</b>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "[/x] {{ 7 * 7 }} {% raw %}",
    "a'b\"c`d`e",
    "bell\x07 and \x1b[31m red",
    "right\u202eto left",
    "zero\u200bwidth \ufeff mark",
    "=cmd|' /C calc'!A0",
    "&lt;already&gt; &amp; escaped",
    "x" * 300,
)


@dataclass(frozen=True)
class Case:
    evaluation: Evaluation
    loaded: Loaded


def case(
    policy: str | Path, tables: Mapping[str, Mapping[str, Sequence[Any]]], overrides: Mapping[str, object] | None = None
) -> Case:
    """A policy's path or text over a book of columns."""
    diagnostics = Diagnostics()
    if isinstance(policy, Path):
        loaded = load(policy, diagnostics)
    else:
        loaded = load_text(policy, "inline.policy", ".", diagnostics)
    checked = check(loaded.file, diagnostics)
    assert checked is not None and not diagnostics.failed, [d.message for d in diagnostics.found]
    book = book_of(checked, tables, AS_OF, "a <book>")
    params = resolve_params(checked, AS_OF, dict(overrides or {}))
    return Case(evaluate(checked, book, params), loaded)


def every_shape(accounts: int = 60) -> Case:
    """Each kind of curve, table, check and unknown; the first accounts, and two markets, bear hostile names."""
    names = [*HOSTILE, *(f"A{i:06d}" for i in range(len(HOSTILE), accounts))]
    markets = ["BTC", "<script>alert(3)</script>", "ETH\u202e", "STALE", "LOST"]
    positions = 3 * accounts
    return case(
        CASES / "every.policy",
        {
            "market": {
                "market": markets,
                "price": ["50000", "20", "3000.5", "7", "nonsense"],
                "price_at": ["2026-12-01T00:00:00Z"] * 3 + ["2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"],
                "volatility": ["0.6", "0.4", "0.9", "1.2", "0.5"],
            },
            "account": {
                "account": names,
                "cash": [
                    "" if i % 23 == 7 else str(200 + i * i * 37 - (5000 if i % 9 == 4 else 0)) for i in range(accounts)
                ],
            },
            "position": {
                "position": [f"P{i}" for i in range(positions)],
                "account": [names[i * 7 % accounts] for i in range(positions)],
                "market": [markets[i % 3] if i % 41 else markets[3 + i % 2] for i in range(positions)],
                "size": [str(((i * 13 % 29) - 9) / (10, 0.05, 2)[i % 3]) for i in range(positions)],
            },
        },
        {"floor_health": "115%"},
    )


ACCOUNTS = """policy "Plain"

unit USD

entity account:
  cash : USD
"""
PLAIN_TIERS = """tiers account:
  | cash >= | tier | close |
  | 100     | fine | 0%    |
  | other   | shut | 100%  |
  | unknown | hold | 0%    |
"""


def plain(cash: Sequence[str], checks: str = "", tiers: str = PLAIN_TIERS) -> Case:
    """One entity with one input, its tiers and checks as given."""
    keys = [f"a{i}" for i in range(len(cash))]
    return case(f"{ACCOUNTS}\n{tiers}\n{checks}", {"account": {"account": keys, "cash": cash}})
