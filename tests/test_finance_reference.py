"""Built-ins of finance and dates, compiled and by the reference, drawn at random."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsl.builtins import BUILTINS
from dsl.intervals import builtin as range_of
from dsl.model import Interval
from dsl.params import resolve_params
from evaluator.columns import KNOWN
from evaluator.constants import Number, fold
from evaluator.context import Context
from evaluator.dates import DATES
from evaluator.error import GUARD, total
from evaluator.exact import Fault
from evaluator.exact_dates import DATES as EXACT_DATES
from evaluator.finance import FINANCE
from evaluator.finance_jumps import JUMPS
from evaluator.graph import Graph
from evaluator.places import Unknown
from evaluator.reference import Reference
from evaluator.run import evaluate
from evaluator.vector import Vector
from tests.evaluator_models import ROWS, compiled, row_tables
from tests.test_finance import KERNELS, REFERENCE


def _decimals(low: str, high: str, places: int = 3) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(low), Decimal(high), places=places)


_SPOT = [_decimals("0.5", "300", 2)] * 2
_VOLATILITY = st.one_of(_decimals("0", "3"), st.sampled_from([Decimal(0), Decimal("0.001")]))
_TIME = st.sampled_from([Decimal(n) for n in (0, 1, 3_600, 86_400, 2_592_000, 15_768_000, 63_072_000)])
_RATE = _decimals("-0.2", "0.5")
_DRAWN = {
    "normal_cdf": [_decimals("-40", "40")],
    "normal_pdf": [_decimals("-40", "40")],
    "normal_quantile": [_decimals("-0.1", "1.1", 4)],
    "bsm": [*_SPOT, _VOLATILITY, _TIME, _RATE, _RATE],
    "black76": [*_SPOT, _VOLATILITY, _TIME, _RATE],
    "merton": [*_SPOT, _VOLATILITY, _TIME, _RATE, _RATE, _decimals("0", "8"), _decimals("-0.8", "0.8"), _VOLATILITY],
    "decay_by_steps": [st.sampled_from([Decimal(0), Decimal("1e9")]), _TIME, _decimals("-0.1", "1.1"),
                       _decimals("-1e9", "3e9", 0)],
}  # fmt: skip
_DATE = [st.one_of(_decimals("-7e10", "3e11", 0), _decimals("-40000", "40000", 0).map(lambda d: d * 86_400))]
NAMES = sorted(KERNELS)
_POLICY, _BOOK = compiled(ROWS + "  v = x\n", row_tables([{"x": "1"}]))


@pytest.mark.parametrize("name", NAMES)
def test_no_float_is_off_by_more_than_its_bound(name: str) -> None:
    """Nor unknown where the reference isn't, and the same for constants."""
    strategy = st.tuples(*_DRAWN.get(name, _DRAWN.get(name.split("_")[0], _DATE)))

    @settings(max_examples=12 if name.startswith("merton") else 40, deadline=None, derandomize=True, database=None)
    @given(strategy)
    def agree(numbers: tuple[Decimal, ...]) -> None:
        _agree(name, numbers)

    agree()


def _agree(name: str, numbers: tuple[Decimal, ...]) -> None:
    exacts = [Fraction(n) for n in numbers]
    graph = Graph(optimise=False)
    nodes = tuple(graph.node("input", (), (), grain="row") for _ in exacts)
    node = graph.node(name, nodes, (), grain="row")
    offs = [0.0 if float(n) == n else 2.0**-53 for n in exacts]
    args = [Vector(np.array([float(n)]), relative=o, once=True) for n, o in zip(exacts, offs, strict=True)]
    with np.errstate(all="ignore"):
        found = KERNELS[name](node, args, Context(_POLICY, _BOOK, None, frozenset((node.id,))))
    try:
        expected = Fraction(REFERENCE[name](*exacts))
    except Fault as fault:
        assert found.doubt is not None or found.quality is not None, (fault, found)
        assert fold(name, (), [Number(n) for n in exacts]) is None
        return
    folded = fold(name, (), [Number(n) for n in exacts])
    assert isinstance(folded, Number) and folded.value == expected
    within = range_of(name, [Interval(n, n) for n in exacts])
    assert within.holds(Fraction(expected))
    if found.doubt is not None:
        return
    assert found.quality is None or found.quality[0] == KNOWN
    value, bound = Fraction(float(found.values[0])), Fraction(float(np.max(np.asarray(total(found)))))
    assert within.holds(value)
    assert abs(value - expected) <= GUARD * bound, (numbers, float(value), float(expected), float(bound))
    assert bound <= abs(expected) * Fraction(1, 10**6) + Fraction(1, 10**6), "a bound that says nothing"


OPTIONS = """policy "options"
unit USD
entity option:
  spot : USD
  strike : USD
  volatility : ratio
  time : duration
  rate : ratio
  carry : ratio
  listed : date
"""
CALLS = [n for n in BUILTINS if n.startswith(("bsm", "black76"))]


def test_whole_columns_are_those_of_the_reference() -> None:
    """Every price and greek, through files of decimals and formulas, units checked."""
    draw = random.Random(2)
    lines = [f"  {n}_ = {BUILTINS[n].shape.replace('forward', 'spot')}\n" for n in CALLS]
    jumps = "  jumps = merton_put(spot, strike, volatility, time, rate, carry, 2, -10%, 15%)\n"
    dates = "".join(f"  {n}_ = {n}(listed + time)\n" for n in ("year", "month", "day", "weekday", "hour"))
    more = "  impact = square_root_impact(spot, strike, 50%)\n  rest = decay_by_steps(listed, 7d, 10%, listed + time)\n"
    rows = 12
    table = {
        "option": [f"o{i}" for i in range(rows)],
        "spot": [f"{draw.uniform(50, 150):.2f}" for _ in range(rows - 1)] + ["0"],
        "strike": [f"{draw.uniform(50, 150):.0f}" for _ in range(rows)],
        "volatility": [draw.choice(["0.2", "0.65", "0"]) for _ in range(rows)],
        "time": [draw.choice(["0s", "8h", "30d", "365d"]) for _ in range(rows)],
        "rate": [draw.choice(["0.05", "-0.01"]) for _ in range(rows)],
        "carry": [draw.choice(["0.05", "0"]) for _ in range(rows)],
        "listed": ["2026-02-27T23:30:00Z"] * rows,
    }
    policy, book = compiled(OPTIONS + "".join(lines) + jumps + dates + more, {"option": table})
    params = resolve_params(policy)
    evaluation, reference = evaluate(policy, book, params), Reference(policy, book, params)
    for name, column in evaluation.columns["option"].items():
        for row in range(rows):
            exactly: Any = reference.cell("option", name, row)
            if column.quality is not None and column.quality[row] != KNOWN:
                assert isinstance(exactly, Unknown) and exactly.code == column.quality[row], (name, row)
            else:
                assert column.values[row] == pytest.approx(float(exactly), rel=1e-11, abs=1e-11), (name, row)


def test_put_and_call_differ_by_the_forward_and_jumps_of_nothing_change_nothing() -> None:
    draw = np.random.default_rng(7)
    spot, strike = draw.uniform(50, 150, 1000), draw.uniform(50, 150, 1000)
    volatility, time = draw.uniform(0, 1, 1000), draw.uniform(0, 7e7, 1000)
    rate, carry = draw.uniform(-0.1, 0.2, 1000), draw.uniform(-0.1, 0.2, 1000)
    args = (spot, strike, volatility, time, rate, carry)
    call, put = (FINANCE[f"bsm_{n}"].formula(*args)[0] for n in ("call", "put"))  # type: ignore[attr-defined]
    years = time / (365 * 86_400)
    assert np.allclose(call - put, spot * np.exp((carry - rate) * years) - strike * np.exp(-rate * years), atol=1e-11)
    nothing = np.zeros(1000)
    still = JUMPS["merton_call"].formula(*args, nothing + 5, nothing, nothing)[0]  # type: ignore[attr-defined]
    assert np.allclose(still, call, rtol=1e-11, atol=1e-11)


def test_parts_of_dates_are_those_of_the_standard_library() -> None:
    draw = random.Random(4)
    days = [
        date(1, 1, 1),
        date(9999, 12, 31),
        date(2000, 2, 29),
        date(1900, 3, 1),
        date(1970, 1, 1),
        date(1969, 12, 31),
    ]
    days += [date(1, 1, 1) + timedelta(days=draw.randrange(3_652_059)) for _ in range(300)]
    for day in days:
        moment = datetime(day.year, day.month, day.day, draw.randrange(24), draw.randrange(60), tzinfo=UTC)
        seconds = Fraction(round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()))
        parts = {"year": day.year, "month": day.month, "day": day.day, "weekday": day.isoweekday(), "hour": moment.hour}
        assert {n: int(EXACT_DATES[n](seconds)) for n in parts} == parts
        _agree_on_parts(seconds, parts)


def _agree_on_parts(seconds: Fraction, parts: dict[str, int]) -> None:
    for name, expected in parts.items():
        graph = Graph(optimise=False)
        node = graph.node(name, (graph.node("input", (), (), grain="row"),), grain="row")
        found = DATES[name](node, [Vector(np.array([float(seconds)]), once=True)], Context(_POLICY, _BOOK, None))
        assert found.values[0] == expected and found.doubt is None
