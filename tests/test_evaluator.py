"""The compiled evaluator against plain expectations, operation by operation."""

import math
import random
from typing import Any

import numpy as np
import pytest

from dsl.causes import Cause
from evaluator.columns import KNOWN, Origin
from evaluator.evaluation import Evaluation
from tests.evaluator_models import ROWS, column_of, evaluated, origin, row_tables, value_of, values_of

INF = math.inf

ARITHMETIC: list[tuple[str, str, str, Any]] = [
    ("x + y", "0.1", "0.2", 0.1 + 0.2),
    ("x - y", "1", "3", -2.0),
    ("x * y", "1.5", "-2", -3.0),
    ("x / y", "1", "3", 1 / 3),
    ("-x", "0", "0", 0.0),
    ("x ^ 2", "-3", "0", 9.0),
    ("x ^ 0.5", "9", "0", 3.0),
    ("x ^ 0", "0", "0", 1.0),
    ("x ^ -1", "4", "0", 0.25),
    ("abs(x)", "-3", "0", 3.0),
    ("sign(x)", "-3", "0", -1.0),
    ("sign(x)", "0", "0", 0.0),
    ("min(x, y, 1)", "3", "2", 1.0),
    ("max(x, y, 1)", "3", "2", 3.0),
    ("clamp(x, 0, y)", "9", "2", 2.0),
    ("sqrt(x)", "16", "0", 4.0),
    ("exp(x)", "0", "0", 1.0),
    ("ln(x)", "1", "0", 0.0),
    ("floor(x)", "-1.5", "0", -2.0),
    ("ceil(x)", "-1.5", "0", -1.0),
    ("round_down(x, 0.5)", "1.74", "0", 1.5),
    ("round_up(x, 0.5)", "1.74", "0", 2.0),
    ("round_nearest(x, 0.5)", "1.75", "0", 2.0),
    ("round_down(x, 1)", "880", "0", 880.0),
    ("interpolate(x, 0, 10, 4, 30)", "1", "0", 15.0),
    ("interpolate(x, 0, 10, 4, 30)", "-1", "0", 10.0),
    ("interpolate(x, 0, 10, 4, 30)", "5", "0", 30.0),
    ("if x < y then infinite else 1", "1", "2", INF),
    ("min(infinite, x)", "7", "0", 7.0),
    ("-(if x < y then infinite else 1)", "1", "2", -INF),
    # faults, each with its cause
    ("x / y", "1", "0", Cause.DIVISION),
    ("x / y", "0", "0", Cause.DIVISION),
    ("x ^ -1", "0", "0", Cause.DIVISION),
    ("interpolate(x, y, 1, 2, 3)", "1", "2", Cause.DIVISION),
    ("x ^ 0.5", "-1", "0", Cause.DOMAIN),
    ("sqrt(x)", "-1", "0", Cause.DOMAIN),
    ("ln(x)", "0", "0", Cause.DOMAIN),
    ("ln(x)", "-1", "0", Cause.DOMAIN),
    ("clamp(x, 1, y)", "1", "0", Cause.DOMAIN),
    ("x + y", "1e308", "1e308", Cause.OVERFLOW),
    ("x * y", "1e200", "1e200", Cause.OVERFLOW),
    ("exp(x)", "1000", "0", Cause.OVERFLOW),
    ("x ^ 3", "1e200", "0", Cause.OVERFLOW),
    ("x + (if x < y then infinite else 1)", "1", "2", Cause.OVERFLOW),
    ("abs(if x < y then infinite else 1)", "1", "2", Cause.OVERFLOW),
    ("floor(if x < y then infinite else 1)", "1", "2", Cause.OVERFLOW),
    ("x / (if x < y then infinite else 1)", "1", "2", Cause.OVERFLOW),
    ("x + y", "", "1", Cause.MISSING),
    ("x + y", "abc", "1", Cause.NOT_A_VALUE),
    ("x / y", "", "0", Cause.MISSING),  # a fault is looked for only where the operands are known
    # comparisons
    ("x = y", "1", "1.0", True),
    ("x != y", "1", "2", True),
    ("x >= y", "2", "2", True),
    ("x > y", "2", "2", False),
    ("name = 'n'".replace("'", '"'), "0", "0", True),
    ("grade = B", "0", "0", False),
    ("grade != B", "0", "0", True),
    ("since < 2026-02-01", "0", "0", True),
    ("group = group", "0", "0", True),
    ("as_of - since > 100d", "0", "0", True),
]


@pytest.mark.parametrize(("expression", "x", "y", "expected"), ARITHMETIC)
def test_operations(expression: str, x: str, y: str, expected: Any) -> None:
    assert value_of(expression, x=x, y=y) == expected


def test_no_result_is_minus_zero() -> None:
    assert [math.copysign(1, v) for v in values_of("-x", {"x": "0"}, {"x": "0"})] == [1, 1]
    assert math.copysign(1, value_of("x * y", x="-5", y="0")) == 1


LOGIC = [
    ("a and b", "yes", "yes", True),
    ("a and b", "no", "", False),
    ("a and b", "", "no", False),
    ("a and b", "yes", "", Cause.MISSING),
    ("a or b", "", "yes", True),
    ("a or b", "no", "no", False),
    ("a or b", "no", "", Cause.MISSING),
    ("a and b", "", "bad", Cause.MISSING),  # of several causes, the smallest
    ("not a", "no", "", True),
    ("not a", "", "", Cause.MISSING),
    ("if a then x else y", "yes", "", 1.0),
    ("if a then y else x", "yes", "", Cause.NOT_A_VALUE),
    ("if a then x else y", "", "", Cause.MISSING),
    ("if a then x else 1 / group.weight", "yes", "", 1.0),
    ("if a then 1 / group.weight else x", "yes", "", Cause.DIVISION),
]


@pytest.mark.parametrize(("expression", "a", "b", "expected"), LOGIC)
def test_three_valued_logic(expression: str, a: str, b: str, expected: Any) -> None:
    tables = row_tables([{"x": "1", "y": "bad", "a": a, "b": b}], ["0"])
    (found,) = column_of(evaluated(f"{ROWS}  v = {expression}\n", tables), "row", "v")
    assert (found if isinstance(found, float | bool) else found.cause) == expected


@pytest.mark.parametrize(
    ("z", "fallback", "known"), [("3", 3.0, True), ("", 7.0, False), ("x", Cause.NOT_A_VALUE, Cause.NOT_A_VALUE)]
)
def test_only_a_blank_is_replaced(z: str, fallback: Any, known: Any) -> None:
    assert value_of("z ?? 7", z=z) == fallback
    assert value_of("known(z)", z=z) == known


def test_a_fault_stands_at_its_grain() -> None:
    """At the row of the operation's operands; of constants alone, nowhere."""
    rows = [{"x": "1"}, {"x": "0"}, {"x": ""}]
    assert values_of("1 / x", *rows)[1:] == [origin(Cause.DIVISION, 1, 0, 1), origin(Cause.MISSING, 1, 1, 2)]
    nought = "param nought : number in 0 to 1 = 0\n"
    assert values_of("x + 1 / nought", {"x": "1"}, more=nought) == [origin(Cause.DIVISION, 2)]
    more = "let inverse(n: number) = 1 / n\n"
    assert values_of("inverse(x)", *rows, more=more)[1] == origin(Cause.DIVISION, 1, 0, 1)
    assert values_of("if yes then 1 / nought else x", {"x": "1"}, more=nought) == [origin(Cause.DIVISION, 2)]
    assert values_of("1 / (if yes then nought else x)", {"x": "1"}, more=nought) == [origin(Cause.DIVISION, 1)]


def test_paths() -> None:
    text = ROWS + "  w = group.weight\n  inverse = 1 / group.weight\n"
    tables = row_tables([{"group": "g1"}, {"group": "gone"}, {"group": ""}, {"group": "g0"}], ["", "5"])
    assert column_of(evaluated(text, tables), "row", "w") == [
        5.0,
        origin(Cause.ORPHAN, 1, 0, 1),
        origin(Cause.MISSING, 1, 0, 2),
        origin(Cause.MISSING, 0, 0, 0),  # the cell that is missing is the group's
    ]


GROUPED = [  # expression in `group`, then the x, y and a of its rows, then the value
    ("sum(row.x)", [("1", "0"), ("2", "0")], 3.0),
    ("sum(row.x)", [], 0.0),
    ("sum(row.x where row.y > 0)", [("1", "1"), ("", "0")], 1.0),
    ("sum(row.x where row.y > 0)", [("1", "1"), ("2", "")], Cause.MISSING),
    ("sum(row.x * weight)", [("1", "0"), ("2", "0")], 6.0),
    ("mean(row.x)", [("1", "0"), ("4", "0")], 2.5),
    ("mean(row.x)", [], Cause.EMPTY),
    ("min(row.x)", [("3", "0"), ("-1", "0")], -1.0),
    ("max(row.x)", [("3", "0"), ("-1", "0")], 3.0),
    ("max(row.x)", [], Cause.EMPTY),
    ("max(row.x where row.y > 0)", [("3", "0")], Cause.EMPTY),
    ("count(row)", [("3", "0"), ("", "0")], 2.0),
    ("count(row.x > 0)", [("3", "0"), ("-1", "0")], 1.0),
    ("count(row.x > 0)", [("3", "0"), ("", "0")], Cause.MISSING),
    ("share(row.x > 0)", [("3", "0"), ("-1", "0")], 0.5),
    ("share(row.x > 0)", [], Cause.EMPTY),
    ("share(row.x > 0 where row.y > 0)", [("3", "1"), ("-1", "0")], 1.0),
    ("any(row.x > 0)", [], False),
    ("any(row.x > 0)", [("", "0"), ("1", "0")], True),
    ("any(row.x > 0)", [("", "0"), ("-1", "0")], Cause.MISSING),
    ("any(row.x > 0 where row.y > 0)", [("1", ""), ("-1", "0")], Cause.MISSING),
    ("all(row.x > 0)", [], True),
    ("all(row.x > 0)", [("", "0"), ("-1", "0")], False),
    ("all(row.x > 0)", [("", "0"), ("1", "0")], Cause.MISSING),
    ("sum(row.x)", [("1e308", "0"), ("1e308", "0")], Cause.OVERFLOW),
    ("sum(if row.x > 0 then infinite else 0)", [("1", "0")], Cause.OVERFLOW),
    ("max(if row.x > 0 then infinite else 0)", [("1", "0")], INF),
    ("sum(row.x) - sum(row.y)", [("0.3", "0.3")], 0.0),
]


@pytest.mark.parametrize(("expression", "members", "expected"), GROUPED)
def test_aggregates(expression: str, members: list[tuple[str, str]], expected: Any) -> None:
    text = ROWS.replace("  weight : number\n", f"  weight : number\n  v = {expression}\n")
    rows = [{"x": x, "y": y} for x, y in members]
    found = column_of(evaluated(text, row_tables(rows, ["2", "0"])), "group", "v")[0]
    assert (found if isinstance(found, float | bool) else found.cause) == expected


def test_the_rest_of_the_group() -> None:
    """The account's total minus mine: up and down again."""
    text = ROWS.replace("  weight : number\n", "  weight : number\n  total = sum(row.x)\n")
    text += "  rest = group.total - x\n"
    tables = row_tables([{"x": "1"}, {"x": "2", "group": "g1"}, {"x": "4"}], ["1", "1"])
    assert column_of(evaluated(text, tables), "row", "rest") == [4.0, 0.0, 1.0]


def test_long_groups_are_summed_in_runs() -> None:
    """Left to right in runs of 65,536 of a group's members, then the runs' totals: the same bits as a plain loop."""
    n, draw = 200_000, random.Random(7)
    group = [0 if draw.random() < 0.8 else 1 for _ in range(n)]
    x = [draw.uniform(-1, 1) * 10 ** draw.randint(-8, 8) for _ in range(n)]
    text = """policy "sums"
entity group:
  total = sum(item.x)
entity item:
  group : group
  x : number
entity whole once:
  total = sum(item.x)
"""
    tables: dict[str, dict[str, Any]] = {
        "group": {"group": ["g0", "g1"]},
        "item": {"item": np.arange(n).astype(str), "group": [f"g{g}" for g in group], "x": np.array(x)},
    }
    found = evaluated(text, tables)
    for g in (0, 1):
        assert found.column("group", "total").values[g] == in_runs([v for v, h in zip(x, group, strict=True) if h == g])
    assert found.column("whole", "total").values[0] == in_runs(x)


def in_runs(members: list[float]) -> float:
    totals = []
    for start in range(0, len(members), 65_536):
        total = 0.0
        for member in members[start : start + 65_536]:
            total += member
        totals.append(total)
    result = 0.0
    for total in totals:
        result += total
    return result


TIERS = """policy "tiers"
entity account:
  health : number
  extra : number
param buffer : ratio in 110% to 150% = 130%
tiers account:
  | health >= | tier    | close | fee           |
  | 150%      | healthy | 0%    | 0%            |
  | buffer    | watch   | 5%    | extra         |
  | other     | shut    | 100%  | 1 / extra     |
  | unknown   | hold    | 0%    | 0%            |
check "on hold" : share(account.tier = hold) <= 50%
check "fee" on account: fee <= 20%
"""


def tiers(**columns: list[str]) -> Evaluation:
    keys = [f"a{i}" for i in range(len(next(iter(columns.values()))))]
    return evaluated(TIERS, {"account": {"account": keys, **columns}})


def test_tiers_and_their_cells() -> None:
    found = tiers(health=["2", "1.3", "1.29", "", "1.4"], extra=["1", "0.5", "4", "1", "7"])
    assert column_of(found, "account", "tier") == ["healthy", "watch", "shut", "hold", "watch"]
    assert column_of(found, "account", "close") == [0.0, 0.05, 1.0, 0.0, 0.05]
    fee = column_of(found, "account", "fee")
    assert fee == [0.0, 0.5, 0.25, 0.0, origin(Cause.CELL_RANGE, 0, 1, 4)]
    reasons = [None if code == KNOWN else Origin.of(int(code)) for code in found.tier_quality("account")]
    assert reasons == [None, None, None, origin(Cause.MISSING, 0, 0, 3), None]


def test_checks_and_how_far_they_are_off() -> None:
    whole, each = tiers(health=["2", "1.3", "1.2", "", "1.2"], extra=["1", "0.5", "2", "1", "0"]).checks
    assert whole.values.values.tolist() == [True] and whole.margin is not None
    assert each.values.values.tolist() == [True, False, False, True, False]
    assert each.values.known().tolist() == [True, True, True, True, False]
    assert each.margin is not None
    assert each.margin.tolist() == pytest.approx([-0.2, 0.3, 0.3, -0.2, 0.0])


@pytest.mark.parametrize(
    ("comparison", "x", "y", "holds"),
    [
        ("x <= y", "1.0000000009", "1", True),
        ("x <= y", "1.000000002", "1", False),
        ("x = y", "1.0000000009", "1", True),
        ("x >= y", "0.9999999991", "1", True),
        ("x < y", "1", "1", False),
        ("x != y", "1.0000000009", "1", True),
    ],
)
def test_checks_allow_a_billionth(comparison: str, x: str, y: str, holds: bool) -> None:
    found = evaluated(f'{ROWS}check "c" on row: {comparison}\n', row_tables([{"x": x, "y": y}]))
    assert found.checks[0].values.values.tolist() == [holds]
