"""The compiled evaluator against plain expectations, operation by operation."""

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from dsl.causes import Cause
from dsl.params import resolve_params
from evaluator.columns import KNOWN, Origin
from evaluator.constants import Number, fold
from evaluator.context import Context
from evaluator.error import GUARD, bounded, close, total
from evaluator.evaluation import Evaluation
from evaluator.graph import Graph, Node
from evaluator.kernels import KERNELS
from evaluator.run import evaluate
from evaluator.vector import Vector
from tests.evaluator_models import (
    ROWS,
    column_of,
    compiled,
    evaluated,
    origin,
    row_tables,
    value_of,
    values_of,
)

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


TABLES = {
    "bands": """table bands(name: text, n: number) unknown outside:
  | name = | n >= | v | w |
  | A      | 0    | 1 | n |
  | A      | 10   | 2 | 2 * n |
  | other  | 5    | 3 | 0 |
""",
    "ceilings": """table ceilings(n: number):
  | n <  | v |
  | 1    | 1 |
  | 10   | 2 |
""",
    "brackets": """table brackets(name: text, n: number):
  | name = | n >= | v marginal |
  | A      | 0    | 1%         |
  | A      | 100  | 2%         |
  | other  | 0    | 5%         |
""",
    "line": """table line(n: number) flat outside:
  | n ~ | v |
  | 0   | 0 |
  | 10  | 5 |
  | 20  | 6 |
""",
    "surface": """table surface(n: number, m: number) extended outside:
  | n ~ | m ~ | v |
  | 0   | 0   | 0 |
  | 0   | 2   | 2 |
  | 4   | 0   | 4 |
  | 4   | 2   | 8 |
""",
}
TABLES |= {
    "slices": """param top : number >= 200 = infinite
table slices(n: number):
  | n >= | v marginal |
  | 0    | 1%         |
  | 100  | 2%         |
  | top  | 3%         |
""",
    "lone": """param far : number = infinite
table lone(n: number) flat outside:
  | n ~         | v |
  | max(far, 1) | 5 |
""",
    "steep": """param far : number = infinite
curve steep(n: number) linear, flat outside:
  | n | steep       |
  | 0 | 0           |
  | 1 | max(far, 1) |
""",
}
TABLES["bands"] = TABLES["bands"].replace(" unknown outside", "")

LOOKUPS = [
    ("bands", 'bands.v("A", x)', "9.99", 1.0),
    ("bands", 'bands.v("A", x)', "10", 2.0),
    ("bands", 'bands.w("A", x)', "11", 22.0),
    ("bands", 'bands.v("B", x)', "5", 3.0),
    ("bands", 'bands.v("B", x)', "4", Cause.NO_ROW),
    ("bands", 'bands.v("A", x)', "-1", Cause.NO_ROW),
    ("bands", 'bands.v("B", x) ?? 9', "4", 9.0),
    ("bands", 'bands.v("B", x) ?? 9', "", Cause.MISSING),
    ("bands", "bands.v(name, x)", "7", 3.0),
    ("bands", 'bands.v("A", if x > 0 then infinite else 0)', "1", 2.0),
    ("ceilings", "ceilings(x)", "0.99", 1.0),
    ("ceilings", "ceilings(x)", "1", 2.0),
    ("ceilings", "ceilings(x)", "10", Cause.NO_ROW),
    ("brackets", 'brackets("A", x)', "0", 0.0),
    ("brackets", 'brackets("A", x)', "100", 1.0),
    ("brackets", 'brackets("A", x)', "150", 2.0),
    ("brackets", 'brackets("Z", x)', "100", 5.0),
    ("brackets", 'brackets("A", x)', "-1", Cause.NO_ROW),
    ("brackets", 'brackets("A", if x > 0 then infinite else 0)', "1", Cause.OVERFLOW),
    ("slices", "slices(x)", "150", 2.0),
    ("slices", "slices(x)", "-1", Cause.NO_ROW),
    ("slices", "slices(if x > 0 then infinite else 0)", "1", Cause.OVERFLOW),
    ("lone", "lone(x)", "3", Cause.OVERFLOW),
    ("steep", "steep(x)", "-3", Cause.OVERFLOW),
    ("line", "line(x)", "5", 2.5),
    ("line", "line(x)", "10", 5.0),
    ("line", "line(x)", "99", 6.0),
    ("line", "line(x)", "-9", 0.0),
    ("surface", "surface(x, 1)", "2", 3.5),
    ("surface", "surface(x, 2)", "4", 8.0),
    ("surface", "surface(x, 0)", "8", 8.0),
]


@pytest.mark.parametrize(("table", "expression", "x", "expected"), LOOKUPS)
def test_tables(table: str, expression: str, x: str, expected: Any) -> None:
    assert value_of(expression, more=TABLES[table], x=x, name="B") == expected


CURVES = [  # method, outside, x, value
    ("linear", "flat", "1.5", 15.0),
    ("linear", "flat", "9", 20.0),
    ("linear", "extended", "3", 30.0),
    ("linear", "extended", "-1", -10.0),
    ("linear", "unknown", "2", 20.0),
    ("linear", "unknown", "2.1", Cause.OUTSIDE),
    ("step", "flat", "1.99", 10.0),
    ("step", "flat", "2", 20.0),
    ("step", "flat", "-1", 0.0),
    ("smooth", "flat", "2", 20.0),
    ("smooth", "extended", "3", 30.0),
]


@pytest.mark.parametrize(("method", "outside", "x", "expected"), CURVES)
def test_curves(method: str, outside: str, x: str, expected: Any) -> None:
    curve = f"curve c(n: number) {method}, {outside} outside:\n  | n | v |\n  | 0 | 0 |\n  | 1 | 10 |\n  | 2 | 20 |\n"
    assert value_of("c(x)", more=curve, x=x) == expected


def test_logarithmic_and_formula_curves() -> None:
    curve = "curve c(n: number) logarithmic, flat outside:\n  | n | v |\n  | 1 | 0 |\n  | 100 | 2 |\n"
    assert value_of("c(x)", more=curve, x="10") == pytest.approx(1.0, rel=1e-14)
    assert value_of("c(x)", more=curve, x="100") == 2.0
    assert value_of("c(x)", more=curve, x="0") == Cause.DOMAIN
    assert value_of("c(x)", more="curve c(n: number) = 2 * n + 1\n", x="3") == 7.0


def test_thousands_of_brackets() -> None:
    """Each group's own bounds: the row is the greatest bound at or below the value."""
    names, bounds = [f"m{i}" for i in range(300)], [0, 10, 35, 80, 200, 1000]
    rows = [(n, b * (i % 7 + 1), i * 10 + j) for i, n in enumerate(names) for j, b in enumerate(bounds)]
    table = "table t(name: text, n: number):\n  | name = | n >= | v |\n"
    table += "".join(f"  | {n} | {b} | {v} |\n" for n, b, v in rows)
    draw = random.Random(3)
    asked = [(draw.choice(names), draw.choice([0, 9, 10, 70, 245, 1000, 9999])) for _ in range(500)]
    expected = [max((b, v) for n, b, v in rows if n == name and b <= x)[1] for name, x in asked]
    assert values_of("t(name, x)", *({"name": n, "x": str(x)} for n, x in asked), more=table) == expected


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


DOUBTFUL = [  # expression, x, y, what exact arithmetic says
    ("round_down(1600 - 0.9 * x * y, 1)", "0.4", "2000", 880.0),
    ("0.1 + x = y", "0.2", "0.3", True),
    ("x * 3 >= y", "0.1", "0.3", True),
    ("floor(x / y)", "0.3", "0.1", 3.0),
    ("if x + 0.2 > y then 1 else 0", "0.1", "0.3", 0.0),
    ("1 / (x + 0.2 - y)", "0.1", "0.3", Cause.DIVISION),
    ("sqrt(0.3 - x - y)", "0.1", "0.2", 0.0),
    ("sqrt(x) ^ 2 = x", "2", "0", True),
    ("sign(x + 0.2 - y)", "0.1", "0.3", 0.0),
]


@pytest.mark.parametrize(("expression", "x", "y", "expected"), DOUBTFUL)
def test_rows_in_doubt_are_decided_exactly(expression: str, x: str, y: str, expected: Any) -> None:
    found = evaluated(f"{ROWS}  v = {expression}\n", row_tables([{"x": x, "y": y}]))
    (value,) = column_of(found, "row", "v")
    assert (value if isinstance(value, float | bool) else value.cause) == expected
    assert found.decided == {"row": 1}


def test_a_doubt_in_an_untaken_branch_does_not_matter() -> None:
    found = evaluated(f"{ROWS}  v = if a then x else floor(x + 0.2)\n", row_tables([{"x": "2.8", "a": "yes"}]))
    assert column_of(found, "row", "v") == [2.8] and found.decided == {}


def test_a_whole_number_that_ties_is_not_in_doubt() -> None:
    found = evaluated(f"{ROWS}  v = x >= 10\n  w = floor(x)\n", row_tables([{"x": "10"}, {"x": "0.5"}]))
    assert column_of(found, "row", "v") == [True, False] and found.decided == {}


def test_the_same_bits_without_optimisation() -> None:
    text = (
        ROWS
        + "  f = load(x) * load(y) + load(x * y)\n  g = f / group.weight + sqrt(abs(f))\n"
        + "let load(n: number) = 1 + 0.3 * max(0, n / 0.7 - 1)\n"
    )
    draw = random.Random(5)
    rows = [{"x": str(draw.uniform(-3, 3)), "y": draw.choice(["", "1", "0.3"])} for _ in range(200)]
    policy, book = compiled(text, row_tables(rows, ["0.37"]))
    params = resolve_params(policy)
    fast, plain = (evaluate(policy, book, params, optimise=o) for o in (True, False))
    for name in ("f", "g"):
        a, b = fast.column("row", name), plain.column("row", name)
        assert a.values.tobytes() == b.values.tobytes()
        assert a.quality is not None and b.quality is not None and (a.quality == b.quality).all()


def test_clean_columns_have_no_mask() -> None:
    found = evaluated(
        f"{ROWS}  v = x / y + 1\n  w = known(z)\n", row_tables([{"x": "1", "y": "2"}, {"x": "3", "y": "4"}])
    )
    assert found.column("row", "v").quality is None and found.column("row", "w").quality is None


def test_books_without_rows() -> None:
    text = ROWS.replace("  weight : number\n", "  weight : number\n  n = count(row)\n") + "  v = 1\n  w = x / group.n\n"
    found = evaluated(text, row_tables([], ["1"]))
    assert column_of(found, "row", "v") == [] and column_of(found, "row", "w") == []
    assert column_of(found, "group", "n") == [0.0]


def test_progress_reaches_the_end() -> None:
    parts: list[float] = []
    evaluated(f"{ROWS}  v = x\n", row_tables([{"x": "1"}]), progress=lambda stage, done: parts.append(done))
    assert parts == sorted(parts) and parts[-1] == 1.0


def test_bounds_of_errors_are_bounds() -> None:
    """Formulas drawn at random: no float64 is off its exact value by more than the bound that decisions use."""
    draw, checked = random.Random(11), 0
    counts = {
        **dict.fromkeys(("neg", "abs", "sqrt", "exp", "ln", "pow"), 1),
        **dict.fromkeys(("add", "sub", "mul", "div", "min", "max"), 2),
        "clamp": 3,
        "interpolate": 5,
    }
    exponents = [Number(Fraction(n)) for n in ("1/2", "2", "-1", "3")]
    graph = Graph(optimise=False)
    for _ in range(300):
        pool: list[tuple[Node, Vector, Number]] = []
        for _ in range(5):
            exact = Fraction(draw.randint(-9999, 9999), 10 ** draw.randint(0, 4))
            node = graph.node("input", (), (), grain="row")
            vector = Vector(np.array([float(exact)]), relative=2.0**-53, once=True)
            pool.append((node, vector, Number(exact)))
        for _ in range(12):
            op = draw.choice(list(counts))
            chosen = [draw.choice(pool) for _ in range(counts[op])]
            attrs = (draw.choice(exponents),) if op == "pow" else ()
            expected = fold(op, attrs, [exact for _, _, exact in chosen])
            if not isinstance(expected, Number) or not 1e-250 < abs(float(expected)) < 1e250:
                continue
            node = graph.node(op, tuple(n for n, _, _ in chosen), attrs, grain="row")
            context = Context(_POLICY, _BOOK, None, frozenset((node.id,)))
            with np.errstate(all="ignore"):
                args = [v for _, v, _ in chosen]
                found = bounded(node, args, KERNELS[op](node, args, context))
            if (found.doubt is not None and found.doubt[0]) or found.quality is not None:
                continue
            off = abs(Fraction(float(found.values[0])) - Fraction(expected.value))
            assert off <= GUARD * Fraction(float(np.max(total(found)))), (op, args, found, float(off))
            pool.append((node, found, expected))
            checked += 1
    assert checked > 1_000


_POLICY, _BOOK = compiled(ROWS + "  v = x\n", row_tables([{"x": "1"}]))


def test_a_tie_of_numbers_rounded_once_is_in_doubt_unless_whole() -> None:
    a = Vector(np.array([0.1, 0.1, 7.0, 2.5]), relative=2.0**-53, once=True)
    b = Vector(np.array([0.1, 0.1000001, 7.0, 3.0]), relative=2.0**-53, once=True)
    doubt = close(a, b)
    assert doubt is not None and doubt.tolist() == [True, False, False, False]
