"""Rows in doubt are decided exactly, errors have bounds, and all ways give the same bits."""

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from dsl.causes import Cause
from dsl.params import resolve_params
from evaluator.constants import Number, fold
from evaluator.context import Context
from evaluator.error import GUARD, bounded, close, total
from evaluator.graph import Graph, Node
from evaluator.kernels import KERNELS
from evaluator.run import evaluate
from evaluator.vector import Vector
from tests.evaluator_models import ROWS, column_of, compiled, evaluated, row_tables

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
