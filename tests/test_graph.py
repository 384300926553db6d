"""The graph: one node per meaning, constants folded exactly and rounded once, and what the plan keeps of it."""

from fractions import Fraction
from typing import Any

import pytest

from dsl.model import FLAG
from evaluator.constants import Constant, Number, fold
from evaluator.graph import Graph
from evaluator.lower import lower
from evaluator.plan import plan
from tests.evaluator_models import ROWS, checked, value_of


def number(value: str | float) -> Number:
    return Number(value if isinstance(value, float) else Fraction(value))


FOLDED: list[tuple[str, tuple[Any, ...], list[Constant], Constant | None]] = [
    ("add", (), [number("0.1"), number("0.2")], number("0.3")),
    ("div", (), [number("1"), number("3")], number("1/3")),
    ("div", (), [number("1"), number("0")], None),
    ("mul", (), [number("1e200"), number("1e200")], None),  # beyond float64: left to the kernel, which says so
    ("add", (), [number(float("inf")), number("1")], None),
    ("max", (), [number(float("inf")), number("1")], number(float("inf"))),
    ("pow", (number("2"),), [number("1.1")], number("1.21")),
    ("pow", (number("-1"),), [number("0")], None),
    ("pow", (number("0.5"),), [number("-4")], None),
    ("sqrt", (), [number("-1")], None),
    ("ln", (), [number("0")], None),
    ("exp", (), [number("1000")], None),
    ("clamp", (), [number("5"), number("1"), number("3")], number("3")),
    ("clamp", (), [number("5"), number("3"), number("1")], None),
    ("round_nearest", (), [number("2.5"), number("1")], number("3")),
    ("round_down", (), [number("-1.74"), number("0.5")], number("-2")),
    ("round_up", (), [number("1"), number("0")], None),
    ("interpolate", (), [number(n) for n in ("1", "0", "10", "4", "30")], number("15")),
    ("sign", (), [number("-0.1")], number("-1")),
    ("compare", ("<", False), [number("0.1"), number("0.2")], True),
    ("compare", ("=", False), [number("1"), number("1.0000000001")], False),
    ("compare", ("=", True), [number("1"), number("1.0000000001")], True),
    ("compare", ("=", False), ["A", "A"], True),
    ("and", (), [True, False], False),
    ("or", (), [True, False], True),
    ("not", (), [True], False),
    ("settle", ("row", "x"), [number("1")], None),
]


@pytest.mark.parametrize(("op", "attrs", "values", "expected"), FOLDED)
def test_constants_are_exact(
    op: str, attrs: tuple[Any, ...], values: list[Constant], expected: Constant | None
) -> None:
    assert fold(op, attrs, values) == expected


def test_sixty_digits_that_tie_are_equal() -> None:
    root = fold("sqrt", (), [number("2")])
    assert isinstance(root, Number) and not root.precise
    square = fold("mul", (), [root, root])
    assert square is not None
    assert fold("compare", ("=", False), [square, number("2")]) is True
    assert fold("compare", (">", False), [square, number("2")]) is False


def test_a_huge_power_ends() -> None:
    found = fold("pow", (number("1000000"),), [number("1.0000001")])
    assert isinstance(found, Number) and float(found) == pytest.approx(1.1051709125, rel=1e-9)


def test_a_constant_expression_is_rounded_once() -> None:
    assert value_of("x * (0.1 + 0.2)", x="1") == 0.3
    assert value_of("x * (1 / 3 * 3)", x="7") == 7.0


def test_equal_expressions_are_one_node() -> None:
    graph = Graph()
    x, y = (graph.node("input", (), ("row", name), grain="row") for name in "xy")
    assert graph.node("add", (x, y), grain="row") is graph.node("add", (x, y), grain="row")
    assert graph.node("add", (x, y), grain="row") is not graph.node("add", (y, x), grain="row")
    assert graph.node("add", (x, y), grain="row") is not graph.node("add", (x, y), grain="")
    assert graph.const(True, FLAG) is not graph.const(number("1"))


def test_functions_inside_functions_stay_small() -> None:
    """Ten functions that each use the one before twice: a tree of 1,024 calls, a graph of some thirty nodes."""
    lets = "let f0(n: number) = n + 0.5 * n\n"
    lets += "".join(f"let f{i}(n: number) = f{i - 1}(n) + 0.5 * f{i - 1}(n)\n" for i in range(1, 10))
    policy = checked(f"{ROWS}  v = f9(x)\n{lets}")
    outputs = lower(policy, {}, None)
    assert len(plan(outputs.columns.values()).order) < 40


def test_what_nothing_reads_any_more_is_dropped() -> None:
    policy = checked(f"{ROWS}  v = x + y\n  w = (x + y) * 2\n")
    planned = plan(lower(policy, {}, None).columns.values())
    dropped = [n for part in planned.last for n in part]
    kept = {node.id for node in planned.order} - set(dropped)
    assert len(dropped) == len(set(dropped))
    assert [planned.order[[n.id for n in planned.order].index(i)].op for i in sorted(kept)] == ["settle", "settle"]
    assert [node.op for node in planned.order].count("add") == 1


def test_errors_are_followed_only_where_something_decides() -> None:
    policy = checked(f"{ROWS}  v = x + y\n  w = x * 2 > 1\n")
    planned = plan(lower(policy, {}, None).columns.values())
    assert {node.op for node in planned.order if node.id in planned.bounded} == {"input", "const", "mul"}
