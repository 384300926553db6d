"""Evaluations that differ in some params alone, by one graph and program, against each of them by itself, with care."""

import os
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import sampled_from

from dsl.grids import move_values
from dsl.model import NUMBER, Exact, Policy, Scenario
from dsl.params import resolve_params
from dsl.state import shocked
from evaluator import acting, fast
from evaluator.book import Book, indexed
from evaluator.constants import Number
from evaluator.evaluation import Evaluation
from evaluator.graph import SCALAR, Facts
from evaluator.opened import OneOf, Opened, Several, known_in
from evaluator.run import evaluate
from evaluator.sweep import in_any_move
from tests.evaluator_models import compiled
from tests.generators import Case, cases
from tests.test_compiled_equals_reference import compiled as compiled_case
from tests.test_fast import differences

EXAMPLES = int(os.environ.get("SOFTLIQ_EXAMPLES", "8"))

GRID = """
grid shocks:
  move in 25%, -37%, 0%, -100%, 50%
  side in 1, -1
"""
LINES = (
    "market.mark becomes mark * (1 + move / 3)",
    "account.cash becomes cash * (1 + move * side) - 1 USD",
    "system.pool becomes pool * (1 - move)",
    "system.pool becomes move * 10 USD",
    "position.rate becomes if move > 0 then rate + move else rate / (1 + move)",
    "market.vol becomes max(vol * side, move)",
    "position.size becomes size * exp(move) * side",
)


def apart(policy: Policy, book: Book) -> list[Evaluation]:
    """Each move's policy of its own, with care."""
    grid, params = policy.grids["shocks"], resolve_params(policy)
    scenario = Scenario("shocks", (), grid.lines, {}, "")
    return [
        evaluate(shocked(policy, scenario, args), book, params, optimise=False) for args in move_values(grid, params)
    ]


def together(policy: Policy, books: Sequence[Book], optimise: bool, block: int = 3) -> list[list[Evaluation]]:
    params = resolve_params(policy)
    moved, moves = in_any_move(policy, policy.grids["shocks"], params)
    several = Several(moves)
    quick = partial(fast.run, least=0, block=block)
    with patch.object(fast, "run", quick), patch.object(acting, "FEWEST", 1):
        return [
            [evaluate(moved, book, {**params, **values}, optimise=optimise, one_of=OneOf(several, i)) for book in books]
            for i, values in enumerate(moves)
        ]


@given(cases(), sampled_from(LINES), sampled_from(LINES), sampled_from([3, 20]))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_policy(case: Case, first: str, second: str, block: int) -> None:
    lines = {first.split(" becomes")[0]: first, second.split(" becomes")[0]: second}
    text = case.text + GRID + "".join(f"  {line}\n" for line in lines.values())
    policy, book = compiled_case(Case(text, case.tables, case.as_of))
    expected = apart(policy, book)
    for found, wanted in zip(together(policy, [book, indexed(book)], True, block), expected, strict=True):
        for evaluation in found:
            assert differences(evaluation, wanted) == [], text
    for (found,), wanted in zip(together(policy, [book], False), expected, strict=True):
        assert differences(found, wanted) == [], text


TEXT = """policy "opened"
unit USD

param least : USD >= 0 = 20

entity system once:
  rate : ratio

entity market:
  unit asset
  mark : USD/asset > 0

entity account:
  cash : USD
  equity = cash * (1 - system.rate) + sum(position.size * position.market.mark)
  tight = equity < least

entity position:
  account : account
  market : market
  size : market.asset

grid shocks:
{grid}
"""
TABLES = {
    "system": {"rate": ["0.1"]},
    "market": {"market": ["m0", "m1"], "mark": ["10", "2.5"]},
    "account": {"account": ["a0", "a1"], "cash": ["100", "-4"]},
    "position": {
        "position": ["p0", "p1", "p2"],
        "account": ["a0", "a1", "a1"],
        "market": ["m0", "m1", "m0"],
        "size": ["1.5", "-2", "3"],
    },
}


@pytest.mark.parametrize(
    "lines",
    [
        "  market.mark becomes mark * (1 + move)\n",
        "  system.rate becomes move\n  account.cash becomes cash * (1 + move)\n",
        "  market.mark becomes mark * (1 - move / 3)\n  position.size becomes if move > 0 then size * move else size\n",
    ],
)
def test_moves_share_a_program(lines: str) -> None:
    """Whether a number is exact, or below zero, in some moves or in none."""
    grid = f"  move in 50%, 30%, 250%, -1/3\n{lines}"
    policy, book = compiled(TEXT.format(grid=grid), TABLES)
    made: list[object] = []
    compile = fast._Fast._compile

    def counted(self: fast._Fast, *args: object) -> object:
        made.append(self)
        return compile(self, *args)  # type: ignore[arg-type]

    with patch.object(fast._Fast, "_compile", counted):
        found = together(policy, [book], True)
    for (one,), wanted in zip(found, apart(policy, book), strict=True):
        assert differences(one, wanted) == []
    assert len(made) == 1


def test_a_number_that_is_the_same_in_all_is_a_constant() -> None:
    graph = Opened()
    leaves = graph.open(
        Several(({"x": Fraction(1), "y": Fraction(2)}, {"x": Fraction(3), "y": Fraction(2)})),
        {"x": NUMBER, "y": NUMBER},
    )
    x, y = leaves["x"], leaves["y"]
    assert (y.op, y.constant) == ("const", Number(Fraction(2)))
    product = graph.node("mul", (x, y), grain=SCALAR)
    assert graph.each[product.id] == (Number(Fraction(2)), Number(Fraction(6)))
    assert product.facts == Facts(nonnegative=True)
    square = graph.node("mul", (graph.node("sub", (x, y), grain=SCALAR),) * 2, grain=SCALAR)
    assert square.constant == Number(Fraction(1))
    broken = graph.node(
        "div", (y, graph.node("sub", (x, graph.const(Number(Fraction(1)))), grain=SCALAR)), grain=SCALAR
    )
    assert graph.each[broken.id] == (None, Number(Fraction(1)))
    assert known_in(graph.each, 0).keys() == graph.each.keys() - {broken.id}


ENDLESS = float("inf")
OPEN = [  # what `x` is in each, an operation by operation, what it is in each (None: a kernel finds it), and its facts
    ((1, 2, 1), (), (1, 2, 1), Facts(nonnegative=True)),
    ((5, 1), (("sub", "x", 2),), (3, -1), Facts()),
    ((1, 5), (("sub", "x", 2),), (-1, 3), Facts()),
    ((2, 3), (("div", "x", 0),), None, Facts(nonnegative=True)),
    ((1, -2), (("sub", "x", 1), ("div", "x", "it")), (None, Fraction(2, 3)), Facts()),
    ((1, 2), (("sub", "x", 1), ("div", "x", "it")), (None, 2), Facts(nonnegative=True)),
    ((1, 2), (("sub", "x", 1), ("div", "x", "it"), ("add", "it", 1)), (None, 3), Facts(nonnegative=True)),
    ((1, ENDLESS), (), (1, ENDLESS), Facts(nonnegative=True, infinite=True)),
    ((ENDLESS, 1), (("min", "x", 5),), (5, 1), Facts(nonnegative=True)),
    ((1, ENDLESS, -ENDLESS), (("min", "x", 5),), (1, 5, -ENDLESS), Facts(infinite=True)),
    ((ENDLESS, 2), (("min", "x", 7), ("sub", "it", 7), ("div", 1, "it"), ("max", "it", "x")),
     (None, 2), Facts(nonnegative=True, infinite=True)),
]  # fmt: skip


@pytest.mark.parametrize(("values", "steps", "expected", "facts"), OPEN)
def test_facts_are_those_that_hold_in_all(
    values: Sequence[Exact], steps: Sequence[tuple[str, ...]], expected: Sequence[Exact | None] | None, facts: Facts
) -> None:
    graph = Opened()
    leaf = graph.open(Several(tuple({"x": _exact(v)} for v in values)), {"x": NUMBER})["x"]
    it = leaf
    for op, *names in steps:
        args = [{"x": leaf, "it": it}.get(str(n)) or graph.const(Number(Fraction(n))) for n in names]
        it = graph.node(op, tuple(args), grain=SCALAR)
    assert it.facts == facts
    if expected is None:
        assert it.id not in graph.each
    else:
        assert graph.each[it.id] == tuple(None if v is None else Number(_exact(v)) for v in expected)


def _exact(value: Exact) -> Exact:
    return value if value in (ENDLESS, -ENDLESS) else Fraction(value)
