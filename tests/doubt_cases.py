"""Folds over a grid that floats get wrong: on a bound, in doubt, unknown or infinite in one move of several."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from dsl.causes import Cause
from tests.doubt_models import FIRST, LAST, MIDDLE, Case, Number, Row, equity


def hit(n: Number, row: Row, move: Fraction) -> Any:
    return n(0) if equity(n, row, move) > n(row["edge"]) else n(row["weight"])


def share(n: Number, row: Row, move: Fraction) -> Any:
    return n(row["weight"]) / (equity(n, row, move) - n(row["edge"]))


def lent(n: Number, row: Row, move: Fraction) -> Any:
    """The cash is asked for in some moves alone."""
    return n(row["cash"]) if n(move) * n(row["weight"]) > n(row["edge"]) else n(row["weight"])


def health(n: Number, row: Row, move: Fraction) -> Any:
    return n(row["weight"]) / equity(n, row, move) if equity(n, row, move) > n(row["edge"]) else float("inf")


def turned(n: Number, row: Row, side: Fraction) -> Any:
    return n(row["weight"]) * n(side)


def net(n: Number, row: Row, side: Fraction) -> Any:
    return n(0) if equity(n, row, Fraction(0)) > n(row["edge"]) else turned(n, row, side) + n(row["cash"])


def member(n: Number, row: Row, move: Fraction) -> Any:
    """What a position counts, for as long as its account is no more than on the edge."""
    worth = n(row["sizes"].split()[int(row.get("at", 0))]) * (n("0.7") * n(1 + move))
    return n(0) if equity(n, row, move) > n(row["edge"]) else worth


# Limits stand exactly on what is found, or beside it by less than a float tells.
ON_THE_BOUND = {
    "sum": {
        FIRST: {"cash": "3.0", "sizes": "1.9 1.8", "limit": "57.195"},  # floats are below
        MIDDLE: {"cash": "7.5", "sizes": "0.2 1.0", "limit": "83.82"},  # above
        LAST: {"cash": "4.9", "sizes": "2.3 2.6", "limit": "85.01500000000000000001"},  # the same
        5: {"cash": "-623347485.4215", "sizes": "848091816.9 0.3", "limit": "2.205"},  # below by far
        15: {"cash": "-278368350.8235", "sizes": "378732450.1 0.3", "limit": "2.205"},  # above by far
    },
    "mean": {
        FIRST: {"cash": "5.3", "sizes": "1.7 2.7", "limit": "8.534"},
        MIDDLE: {"cash": "4.2", "sizes": "1.8 2.9", "limit": "7.6545"},
        LAST: {"cash": "3.5", "sizes": "1.7 0.8", "limit": "5.33750000000000000001"},
        5: {"cash": "-467018231.484", "sizes": "635398954.4 0.3", "limit": "0.2205"},
        15: {"cash": "-584097567.1125", "sizes": "794690567.5 0.3", "limit": "0.2205"},
    },
    "min": {
        FIRST: {"cash": "6.6", "sizes": "1.3 2.1", "limit": "8.028"},
        MIDDLE: {"cash": "6.4", "sizes": "0.9 1.4", "limit": "7.366"},
        LAST: {"cash": "8.1", "sizes": "2.4 2.3", "limit": "10.07400000000000000001"},
        5: {"cash": "-64855100.604", "sizes": "154416906.2 0.3", "limit": "0.126"},
        15: {"cash": "-78939895.566", "sizes": "187952132.3 0.3", "limit": "0.126"},
    },
    "max": {
        FIRST: {"cash": "5.4", "sizes": "0.5 2.9", "limit": "8.97"},
        MIDDLE: {"cash": "9.3", "sizes": "0.4 0.6", "limit": "10.35"},
        LAST: {"cash": "2.1", "sizes": "1.9 0.6", "limit": "4.72500000000000000001"},
        5: {"cash": "-416459879.535", "sizes": "396628456.7 0.3", "limit": "0.315"},
        15: {"cash": "-581677365.675", "sizes": "553978443.5 0.3", "limit": "0.315"},
    },
}  # fmt: skip
# Equity stands on the edge in the first, the middle and the last move; a float is above.
IN_ONE_MOVE = {
    FIRST: {"cash": "3.2", "sizes": "2.5 1.5", "edge": "4.88"},
    MIDDLE: {"cash": "3.9", "sizes": "2.2 1.1", "edge": "6.441"},
    LAST: {"cash": "8.4", "sizes": "0.1 1.3", "edge": "9.87"},
}
WHOLE = {"cash": "2", "sizes": "3 17", "limit": "167"}
ONE = {**IN_ONE_MOVE[FIRST], "limit": "1"}


def in_one_move(**columns: Sequence[str]) -> dict[int, Row]:
    """The same with more columns, at the three places."""
    more = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return {place: {**row, **m} for (place, row), m in zip(IN_ONE_MOVE.items(), more, strict=True)}


HIT = "if equity > edge then 0 USD else weight"
TURNED = "  side in 1, -1.000000000000000003\n  account.weight becomes weight * side\n"
CASES = {
    **{f"{fold} on the bound": Case(fold, "equity", equity, rows, [*sorted(rows)])
       for fold, rows in ON_THE_BOUND.items()},
    "a formula that one move decides": Case(
        "sum", "hit", lambda n, row, move: hit(n, row, move) * equity(n, row, move),
        in_one_move(limit=["4.88", "35.181", "94.29"]), [FIRST, MIDDLE, LAST],
        formulas="  hit = if equity > edge then 0 USD else equity\n",
    ),
    "what one move decides": Case(
        "sum", HIT, hit, in_one_move(weight=["0.3"] * 3, limit=["0.3", "1.8", "3"]), [FIRST, MIDDLE, LAST],
    ),
    "a whole number, by a weight": Case(
        "min", "if equity > edge then 4 USD else 3 USD",
        lambda n, row, move: n(4) if equity(n, row, move) > n(row["edge"]) else n(3),
        {FIRST: {"weight": "0.1", "edge": "1.6", "limit": "0.3"}, LAST: {"weight": "0.3", "limit": "1.2"}}, [FIRST],
    ),
    "the mean of what one move decides": Case(
        "mean", HIT, hit, in_one_move(weight=["0.3"] * 3, limit=["0.03", "0.18", "0.3"]), [FIRST, MIDDLE, LAST],
    ),
    "the greatest of what one move decides": Case(
        "max", "if equity > edge then 0 USD else weight * (1 + move)",
        lambda n, row, move: hit(n, row, move) * n(1 + move),
        in_one_move(weight=["0.3"] * 3, limit=["0.18", "0.33", "0.45"]), [FIRST, MIDDLE, LAST],
    ),
    "two folds, in doubt in different rows": Case(
        "sum", "hit", lambda n, row, move: hit(n, row, move) if n(row["weight"]) > 0 else n(1),
        in_one_move(weight=["0.3", "0", "0.3"], limit=["0.3", "1.8", "3"]), [FIRST, LAST],
        formulas=f"  hit = if weight > 0 then {HIT} else 1 USD\n"
        "  second = mean(if weight > 0 then 1 USD else if edge < equity then weight else 2 USD over moves)\n",
        folds=2,
    ),
    "whole numbers among others that are not": Case(  # the book's lots are rounded, so that a tie is decided exactly
        "sum", "if sum(position.lots) >= 20 then equity else 0 USD",
        lambda n, row, move: equity(n, row, move) if sum(map(n, row["sizes"].split())) >= n(20) else n(0),
        {8: WHOLE, 9: WHOLE, FIRST: {"sizes": "0.3"}}, [8, 9],
    ),
    "as many in doubt as are evaluated apart": Case(
        "sum", HIT, hit, dict.fromkeys(range(9), ONE), range(9),
    ),
    "more in doubt": Case(
        "sum", HIT, hit, dict.fromkeys(range(10), ONE), range(10), folds=0,
    ),
    "one in doubt by what is made of all": Case(
        "sum", "if equity > bank.widest then 0 USD else weight",
        lambda n, row, move: hit(n, {**row, "edge": "4.88"}, move),
        {FIRST: ONE}, [FIRST], folds=0,
    ),
    "a member's": Case(
        "sum", "if account.equity > account.edge then 0 USD else worth", member,
        in_one_move(limit=["1.05", "0.5", "0.5"]), [FIRST], entity="position",
    ),
    "a divisor that is zero in one move": Case(
        "sum", "weight / (equity - edge) * 1 USD", share, in_one_move(limit=["0"] * 3), [FIRST, MIDDLE, LAST],
        dict.fromkeys((FIRST, MIDDLE, LAST), Cause.DIVISION),
    ),
    "a divisor that floats take for zero": Case(
        "max", "weight / (equity - edge) * 1 USD", share,
        {FIRST: {"cash": "1.3", "sizes": "1.9 2.4", "edge": "3.10599999999999999999", "limit": "1e19"},
         MIDDLE: {"cash": "9.2", "sizes": "2.3 1.0", "edge": "11.74099999999999999999", "limit": "1e21"},
         LAST: {"cash": "7.8", "sizes": "1.8 0.5", "edge": "10.21499999999999999999", "limit": "1e20"}},
        [FIRST, MIDDLE, LAST],
    ),
    "cells that are unknown in some moves": Case(
        "sum", "if move * weight > edge then cash else weight", lent,
        {FIRST: {"cash": "x", "weight": "0.1", "edge": "1", "limit": "1"},  # never asked for: ten tenths
         MIDDLE: {"cash": "x", "weight": "3", "edge": "0.4"},  # in some
         7: {"cash": "x", "weight": "3", "edge": "-9"},  # in all
         LAST: {"cash": "2", "weight": "x"}},
        [FIRST], {MIDDLE: Cause.NOT_A_VALUE, 7: Cause.NOT_A_VALUE, LAST: Cause.NOT_A_VALUE},
    ),
    "a cell that floats would ask for in the last move": Case(
        "min", "if move * weight > edge then cash else weight", lent,
        {FIRST: {"cash": "x", "weight": "0.1", "edge": "0.09", "limit": "0.1"},
         LAST: {"cash": "0", "weight": "0.1", "edge": "0.09", "limit": "0.1"}},
        [FIRST, LAST],
        grid="  move in -40%, 30%, 90%\n  market.mark becomes mark * (1 + move)\n",
        moves=(Fraction(-2, 5), Fraction(3, 10), Fraction(9, 10)),
    ),
    "infinite in the first move": Case(
        "sum", "if equity > edge then weight / equity * 1 USD else infinite", health,
        {MIDDLE: {"cash": "1", "sizes": "2", "edge": "1.9"}}, [], {MIDDLE: Cause.OVERFLOW},
    ),
    "infinite in the last move": Case(
        "mean", "if equity > edge then weight / equity * 1 USD else infinite", health,
        {MIDDLE: {"cash": "9", "sizes": "-2", "edge": "7"}}, [], {MIDDLE: Cause.OVERFLOW},
    ),
    "the least of what is infinite in some moves": Case(
        "min", "if equity > edge then weight / equity * 1 USD else infinite", health,
        {FIRST: {"cash": "1", "sizes": "2", "edge": "1.9", "limit": "0.3"},
         MIDDLE: {"cash": "1", "sizes": "2", "edge": "99", "limit": "9e99"}}, [],
    ),
    "two moves that differ by less than a float tells": Case(
        "sum", "weight", turned,
        {FIRST: {"weight": "0.3", "limit": "0"}, LAST: {"weight": "-0.3", "limit": "0"}}, [FIRST, LAST],
        grid=TURNED, moves=(Fraction(1), Fraction("-1.000000000000000003")),
    ),
    "a branch that floats don't take": Case(  # of zero, whose error is none
        "sum", "net", net,
        {FIRST: {"cash": "0", "weight": "0.3", "sizes": "0.5 2.2", "edge": "1.89", "limit": "0"},
         LAST: {"cash": "0", "weight": "0.3", "sizes": "0.5 2.2", "edge": "1.89", "limit": "0"}},
        [FIRST, LAST], formulas="  net = if equity > edge then 0 USD else weight + cash\n",
        grid=TURNED, moves=(Fraction(1), Fraction("-1.000000000000000003")),
    ),
}  # fmt: skip
