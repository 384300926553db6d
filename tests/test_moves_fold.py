"""Moves that are written out and alike, done side by side over a laid-out book: what they flag, and what is decided."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest

from dsl.causes import Cause
from dsl.params import resolve_params
from evaluator import acts_moves, fast, grid_folds
from evaluator.book import indexed
from evaluator.moves_fold import with_folds
from evaluator.run import evaluate
from evaluator.tasks import Schedule
from tests.doubt_cases import CASES, HIT, IN_ONE_MOVE, hit, share
from tests.doubt_models import (
    FIRST,
    GRID,
    LAST,
    MIDDLE,
    MOVES,
    Case,
    accounts_that_differ,
    by_hand,
    decisions,
    equity,
    small_books,
)
from tests.test_fast import differences

MANY = 999  # moves: so many are none
# The first and the last of nine moves decide: floats are above the edge there, and so are all other moves. A move by 0%
# is not like the others: it is exact.
NINE: dict[str, Any] = {"grid": GRID.replace("50%", "40%"), "moves": MOVES[:-1]}
AT_AN_END = {
    FIRST: {**IN_ONE_MOVE[FIRST], "weight": "0.3", "limit": "0.3"},
    LAST: {"cash": "8.9", "sizes": "-2.0 -1.2", "edge": "5.764", "weight": "0.3", "limit": "0.3"},
}
SIDE_BY_SIDE = {
    "what one move decides": Case("max", HIT, hit, AT_AN_END, [FIRST, LAST], **NINE),
    "the least of it": Case(
        "min",
        "if equity > edge then 9 USD else weight",
        lambda n, row, move: hit(n, row, move) or n(9),
        AT_AN_END,
        [FIRST, LAST],
        **NINE,
    ),
    "under a condition that no move touches": Case(
        "max",
        "if weight > 0 then if sum(position.worth) > edge then 0 USD else weight else 1 USD",
        lambda n, row, move: hit(n, {**row, "cash": "0"}, move) if n(row["weight"]) > 0 else n(1),
        {
            FIRST: {"sizes": "0.3 1.1", "edge": "0.588", "weight": "0.3", "limit": "0.3"},
            MIDDLE: {"sizes": "0.3 1.1", "edge": "0.588", "weight": "0", "limit": "1"},
            LAST: {"sizes": "-1.8 -3.0", "edge": "-4.704", "weight": "0.3", "limit": "0.3"},
        },
        [FIRST, LAST],
        **NINE,
    ),
    "a divisor that is zero": Case(
        "min",
        "weight / (equity - edge) * 1 USD",
        share,
        AT_AN_END,
        [FIRST, LAST],
        dict.fromkeys((FIRST, LAST), Cause.DIVISION),
        **NINE,
    ),
    "on the bound": replace(CASES["min on the bound"], **NINE),
    "a number of its move": Case(
        "max",
        "equity * (1 + move)",
        lambda n, row, move: equity(n, row, move) * n(1 + move),
        {
            FIRST: {"cash": "0.2", "sizes": "1.3 1.8", "limit": "4.5332"},
            LAST: {"cash": "1.1", "sizes": "2.5 0.9", "limit": "6.2048"},
        },
        [FIRST, LAST],
        **NINE,
    ),
    "two lines, one of which stands still in some moves": Case(
        "min",
        "equity - base.equity",
        lambda n, row, move: equity(n, row, move) - equity(n, row, Fraction(0)),
        {FIRST: {"cash": "0", "sizes": "-2.9 -2.0", "limit": "-1.372"}},
        [FIRST],
        grid="  more in 0%, 10%\n  move in -40% to 40% by 10%\n  market.mark becomes mark * (1 + move)\n"
        "  account.cash becomes cash * (1 + more)\n",
        moves=MOVES[:-1],
    ),
    "a number of its move at each member": Case(
        "max",
        "sum(position.worth * (1 + move))",
        lambda n, row, move: sum((n(s) * (n("0.7") * n(1 + move)) * n(1 + move) for s in row["sizes"].split()), n(0)),
        {FIRST: {"sizes": "0.3 1.0", "limit": "1.7836"}},
        [FIRST],
        **NINE,
    ),
    "beside what no move touches": Case(
        "max",
        "equity - base.equity",
        lambda n, row, move: equity(n, row, move) - equity(n, row, Fraction(0)),
        {
            FIRST: {"cash": "6.1", "sizes": "2.9 2.0", "limit": "1.372"},
            LAST: {"cash": "9.9", "sizes": "0.3 0.5", "limit": "0.224"},
        },
        [FIRST, LAST],
        **NINE,
    ),
    "with something that is computed for some rows": Case(
        "max",
        f"if weight > 0 then {HIT} else 1 USD",
        lambda n, row, move: hit(n, row, move) if n(row["weight"]) > 0 else n(1),
        AT_AN_END,
        [FIRST, LAST],
        **NINE,
    ),
}
# How many moves are alike, where it isn't all but the one that is exact.
ALIKE = {
    "on the bound": [9], "beside what no move touches": [9], "a number of its move": [9],
    "two lines, one of which stands still in some moves": [18],
    "a number of its move at each member": [], "with something that is computed for some rows": [],
}  # fmt: skip


@pytest.fixture(autouse=True)
def anything_pays() -> Iterator[None]:
    with small_books():
        yield


@pytest.mark.parametrize("room", [7, 21])  # a move, or three at once
@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_moves_side_by_side(name: str, room: int) -> None:
    """Written out and laid out: one task for all moves that are alike, and what it flags."""
    case = SIDE_BY_SIDE[name]
    policy = case.policy()
    given = case.book(policy)
    plain = by_hand(case, given, Fraction)
    assert accounts_that_differ(given, case, plain, by_hand(case, given, float)) == [*case.wrong]
    careful = evaluate(policy, given, resolve_params(policy), optimise=False)
    folded: list[int] = []

    def seen(*args: Any) -> Schedule:
        order = with_folds(*args)
        folded.extend(int(str(t.attrs[1])) for t in order.order if t.op == "fold")
        return order

    with (
        patch.object(grid_folds, "FEWEST", MANY),
        patch.object(acts_moves, "ROOM", room),
        patch.object(fast, "with_folds", seen),
        patch.object(fast, "run", partial(fast.run, least=0, block=7)),
    ):
        quick = evaluate(policy, indexed(given), resolve_params(policy))
    assert folded == ALIKE.get(name, [8])
    assert decisions(quick, case) == plain
    assert differences(quick, careful) == []
