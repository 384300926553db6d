"""The least and greatest over long grids from few of their moves, against all moves computed one by one with care."""

import os
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsl.model import Policy
from dsl.params import resolve_params
from evaluator import fast, grid_folds, grid_search, run
from evaluator.book import Book, indexed
from evaluator.columns import Column
from evaluator.run import evaluate
from evaluator.snapshot import book_of
from tests.bench.by_softliq import with_masks
from tests.evaluator_models import checked
from tests.test_fast import differences

EXAMPLES = int(os.environ.get("SOFTLIQ_EXAMPLES", "8"))

TEXT = """policy "long grids"
unit USD

param least : USD >= 0 = 20

entity market:
  unit asset
  mark : USD/asset > 0
  volatility : ratio in 0% to 300%
  beta : number

entity account:
  cash : USD
  equity = cash + sum(position.pnl)
  margin = sum(position.margin)
  health = if margin > 0 then equity / margin else infinite
  loss = base_equity - equity
  base_equity = cash + sum(position.size * position.entry)
{account}
entity position:
  account : account
  market : market
  size : market.asset
  entry : USD/market.asset
  pnl = size * (market.mark - entry)
  notional = abs(size) * market.mark
  margin = rates(notional) * (1 + market.volatility)
{position}
table rates(notional: USD):
  | notional >= | margin marginal |
  | 0           | 1%              |
  | 1k          | 2%              |
  | 5k          | 10%             |

curve part(health: ratio) linear, flat outside, decreasing:
  | health | part  |
  | 80%    | 100%  |
  | 150%   | 10%   |

tiers account:
  | health >= | tier | close         |
  | 150%      | fine | 0%            |
  | 50%       | trim | part(health) |
  | other     | shut | 100%          |
  | unknown   | hold | 0%            |

{grid}
"""
LINE = """grid moves:
  move in -60% to 60% by {step}
  market.mark becomes mark * (1 + move * beta)
"""
GRIDS = {
    "line": LINE.format(step="4%"),
    "beyond zero": LINE.format(step="5%").replace("-60% to 60%", "-200% to 100%"),
    "two columns": LINE.format(step="4%") + "  market.volatility becomes volatility * (1 - move)\n",
    "two axes": "grid moves:\n  vol in 0, 50%, -25%\n  move in -40% to 40% by 5%\n"
    "  market.mark becomes mark * (1 + move)\n  market.volatility becomes volatility * (1 + vol)\n",
    "two lines": "grid moves:\n  up in 1, -1\n  move in 0% to 48% by 3%\n"
    "  market.mark becomes mark * (1 + move * up * (if beta > 0 then 1 else 2))\n  account.cash becomes cash + 1 USD\n",
}
FOLDS = {
    "account": (
        "min(health over moves)", "max(health over moves)", "argmin(health over moves)", "argmax(equity over moves)",
        "max(loss over moves)", "max(base.equity - equity over moves)", "max(close over moves)",
        "argmax(close over moves)", "min(equity / max(margin, least) over moves)", "max(abs(equity) over moves)",
        "min(if count(position where position.notional > 1k USD) > 1 then equity else margin over moves)",
        "min(clamp(health, 50%, 100%) over moves)", "max(1k USD / (margin + 1 USD) over moves)",
        "min(sum(position.pnl where position.pnl < 0) over moves)", "min(1 USD * exp(-clamp(health, 0, 9)) over moves)",
        "min(mean(position.pnl) over moves)", "max(equity / (equity - 100 USD) over moves)",
        "1 USD + max(margin over moves) / 2",
    ),
    "position": (
        "min(pnl over moves)", "argmax(max(pnl, -notional / 10) over moves)", "max(margin / notional over moves)",
        "min(min(notional, 700 USD, 2 * pnl) over moves)",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def anything_pays() -> Iterator[None]:
    with (
        patch.multiple(grid_folds, FEWEST=2, LEAST=0, CAREFUL=2.0, _ROWS=7),
        patch.object(grid_search, "SHARE", 1e9),
        patch.object(grid_search, "_ROOM", 50),
    ):
        yield


@cache
def policy_of(grid: str) -> Policy:
    """With every fold, each a column of its own."""
    lines = {e: "".join(f"  found{i} = {fold}\n" for i, fold in enumerate(folds)) for e, folds in FOLDS.items()}
    return checked(TEXT.format(grid=GRIDS[grid], **lines))


def book(policy: Policy, seed: int, rows: int = 30, faults: int = 0) -> Book:
    """Whole sizes and few marks, so that bounds are met exactly; some accounts are empty, some sizes and betas zero."""
    rng = np.random.default_rng(seed)
    markets, accounts = 4, rows // 2
    marks, betas = rng.choice([1.0, 10.0, 25.0, 31.7], markets), rng.choice([-1.5, -0.5, 0.0, 0.3, 1.0], markets)
    columns: dict[str, dict[str, list[Any]]] = {
        "market": {"mark": list(marks), "volatility": list(rng.choice([0.0, 0.5, 0.77], markets)), "beta": list(betas)},
        "account": {"cash": list(rng.choice([0.0, 100.0, 333.3], accounts))},
        "position": {
            "account": [f"a{i}" for i in rng.integers(0, accounts, rows)],
            "market": [f"m{i}" for i in rng.integers(0, markets, rows)],
            "size": list(rng.choice([-100.0, -7.5, 0.0, 3.0, 40.0, 100.0, 200.1], rows)),
            "entry": list(marks[0] * rng.uniform(0.8, 1.2, rows)),
        },
    }  # fmt: skip
    for entity in columns:
        columns[entity][entity] = [f"{entity[0]}{i}" for i in range(len(next(iter(columns[entity].values()))))]
    for _ in range(faults):
        entity, name = (("position", "size"), ("position", "entry"), ("account", "cash"), ("market", "mark"))[
            int(rng.choice(4, p=[0.35, 0.25, 0.3, 0.1]))
        ]
        columns[entity][name][int(rng.integers(len(columns[entity][name])))] = float("nan")
    return book_of(policy, columns)


def all_moves(policy: Policy, book: Book, params: Any, compile: grid_folds.Compile) -> grid_folds.Told:
    return grid_folds.Told(compile(policy, book), book, {})


def compared(policy: Policy, given: Book) -> Sequence[bool]:
    """Evaluated both ways, bit by bit; for each `over` that was tried, whether it was found from few moves."""
    tried: list[bool] = []
    column = grid_folds._Fold.columns

    def seen(fold: Any) -> tuple[Column, Column] | None:
        found = column(fold)
        tried.append(found is not None)
        return found

    with patch.object(grid_folds._Fold, "columns", seen):
        quick = evaluate(policy, given, resolve_params(policy))
    with patch.object(run, "told", all_moves):
        careful = evaluate(policy, given, resolve_params(policy))
    quick.decided.clear()
    careful.decided.clear()
    assert differences(quick, careful) == []
    return tried


@pytest.mark.parametrize("grid", GRIDS)
def test_the_same_bits(grid: str) -> None:
    policy = policy_of(grid)
    found = [compared(policy, book(policy, seed, faults=faults)) for seed, faults in ((1, 0), (2, 3))]
    assert found == [[True] * len([*FOLDS["account"], *FOLDS["position"]])] * 2 or grid == "two columns"


DECIDING = """
  worst = min(health over moves)
  deepest = min(equity over moves)
  name = argmin(equity over moves)
  hurt = worst < 100% and deepest < cash
  in_tens = floor(deepest / 10 USD)
  scaled = if worst > 0 then deepest / worst else worst * 1 USD
  even = if deepest = 0 USD or deepest = 100 USD then 1 else sqrt(max(0, deepest / 1 USD))
  first_one = name = "move=-60%" or deepest > cash
"""


@pytest.mark.parametrize("seed", range(6))
def test_what_is_decided_by_a_fold(seed: int) -> None:
    text = TEXT.format(grid=GRIDS["line"], account=DECIDING, position="  share_of = pnl / (account.deepest + 1 USD)\n")
    text = text.replace("| health >= |", "| worst >=  |").replace("part(health)", "part(worst)")
    policy = checked(text + '\ncheck "it lives" on account: worst >= 10% or deepest >= 0\n')
    assert all(compared(policy, book(policy, seed, faults=seed % 3)))
    with patch.object(fast, "run", partial(fast.run, least=0, block=7)):
        assert all(compared(policy, book(policy, seed, faults=seed % 3)))


def test_after_the_effect() -> None:
    """The state after the effect is moved, and the effect follows in each move: that product is computed elsewhere."""
    account = "  worst = min(equity over moves)\n  kept = after.worst\n  highest = max(after.equity over moves)\n"
    text = TEXT.format(grid=GRIDS["line"], account=account, position="")
    policy = checked(text + "\neffect:\n  position.size becomes size * (1 - account.close)\n")
    assert sorted(compared(policy, book(policy, 3, faults=2))) == [False, True, True]


def test_what_stays_as_it_is() -> None:
    """An `over` that another one moves, sums, and those inside an aggregate."""
    account = """
  worst = min(equity over moves)
  of_worst = max(worst over moves)
  all_of_it = sum(equity over moves)
"""
    policy = checked(TEXT.format(grid=GRIDS["line"], account=account, position=""))
    assert compared(policy, book(policy, 3)) == []
    account = "  lost = sum(min(position.pnl over moves))\n  most = max(equity over moves)\n"
    policy = checked(TEXT.format(grid=GRIDS["line"], account=account, position=""))
    assert compared(policy, book(policy, 3)) == [True]


def test_again_and_other_books() -> None:
    """What is kept of one evaluation does no harm to the next, over the same book, one with masks, or a smaller one."""
    policy = policy_of("line")
    first = book(policy, 4)
    given = [first, first, with_masks(first), indexed(first), book(policy, 5, rows=8), first]
    assert [len(set(compared(policy, each))) for each in given] == [1] * 6


@given(st.sampled_from(list(GRIDS)), st.integers(0, 10**6), st.integers(0, 4))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_book(grid: str, seed: int, faults: int) -> None:
    policy = policy_of(grid)
    compared(policy, book(policy, seed, faults=faults))
