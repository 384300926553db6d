"""Normal distribution, option prices and greeks, impact, dates: against published values and 60-digit arithmetic."""

import math
from decimal import Context as Digits
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsl.causes import Cause
from dsl.check import check
from dsl.diagnostics import Diagnostics
from dsl.params import resolve_params
from dsl.parse import parse
from dsl.source import Source
from evaluator import exact_normal, normal
from evaluator.columns import Origin
from evaluator.dates import DATES
from evaluator.exact_dates import DATES as EXACT_DATES
from evaluator.exact_finance import FINANCE as EXACT
from evaluator.finance import FINANCE
from evaluator.finance_jumps import JUMPS
from evaluator.places import Unknown
from evaluator.reference import Reference
from evaluator.run import evaluate
from evaluator.snapshot import read_snapshot
from tests.evaluator_models import ROWS, column_of, compiled, evaluated, row_tables, value_of

KERNELS = FINANCE | JUMPS | DATES
REFERENCE = EXACT | EXACT_DATES

# -- the normal distribution ------------------------------------------------------------------

PLACES = [*np.linspace(-37.4, 8.2, 700), *np.random.default_rng(3).normal(size=300), 0.0, 1e-12, -1e-300]
PARTS = [*10.0 ** np.linspace(-300, -1, 60), *np.linspace(0.001, 0.999, 100), *(1 - 10.0 ** np.linspace(-15, -1, 20))]


def test_the_normal_distribution_to_nearly_all_digits() -> None:
    for compiled_one, exact_one, places in (
        (normal.distribution, exact_normal.distribution, PLACES),
        (normal.density, exact_normal.density, PLACES),
        (normal.quantile, exact_normal.quantile, PARTS),
    ):
        found = compiled_one(np.array(places))
        for x, value in zip(places, found, strict=True):
            expected = exact_one(Decimal(float(x)))
            assert abs(Decimal(float(value)) - expected) <= abs(expected) * Decimal("3e-15"), (x, value)


def test_the_normal_distribution_is_that_of_scipy() -> None:
    special = pytest.importorskip("scipy.special")
    places, parts = np.array(PLACES), np.array(PARTS)
    body = np.abs(places) < 4
    assert np.allclose(normal.distribution(places[body]), special.ndtr(places[body]), rtol=1e-14, atol=0)
    assert np.allclose(
        normal.distribution(places), special.ndtr(places), rtol=1e-12, atol=0
    )  # scipy's tails are the rougher ones
    assert np.allclose(normal.quantile(parts), special.ndtri(parts), rtol=1e-14, atol=0)


def test_sixty_digits_of_the_normal_distribution() -> None:
    """The published quantile of 97.5 %; and the tail by its fraction is the tail by its series."""
    known = Decimal("1.95996398454005423552459443052055152795555007786955")
    assert abs(exact_normal.quantile(Decimal("0.975")) - known) < Decimal("1e-49")
    for x in ("5.0001", "7", "9"):
        with localcontext(exact_normal.CONTEXT):
            off = 1 - exact_normal.distribution(Decimal(x)) - _taylor(Decimal(x))
        assert abs(off) < Decimal("1e-80")


def _taylor(x: Decimal) -> Decimal:
    """The part above x, by the alternating series around zero."""
    with localcontext(Digits(prec=200)):
        total_, term, n = Decimal(0), x, 0
        while abs(term) > Decimal("1e-150"):
            total_ += term / (2 * n + 1)
            n += 1
            term = -term * x * x / (2 * n)
        return Decimal("0.5") - total_ * exact_normal.density(Decimal(0))


# -- published values -------------------------------------------------------------------------

HULL = "42, 40, 20%, 0.5 * 365d, 10%, 10%"  # Hull, Options, Futures and Other Derivatives, ch. 15
HULL_GREEKS = "49, 50, 20%, 0.3846 * 365d, 5%, 5%"  # ch. 19
JUMPS_OF_HAUG = (
    "45, 55, (0.25^2 * 60%)^0.5, 0.25 * 365d, 10%, 10%, 3, 0, (0.25^2 * 40% / 3)^0.5"  # two fifths of all variance
)
PUBLISHED = [
    (f"bsm_call({HULL})", 4.76, 0.005),
    (f"bsm_put({HULL})", 0.81, 0.005),
    (f"bsm_delta_call({HULL_GREEKS})", 0.522, 0.0005),
    (f"bsm_gamma({HULL_GREEKS})", 0.066, 0.0005),
    (f"bsm_vega({HULL_GREEKS})", 12.1, 0.05),
    (f"bsm_theta_call({HULL_GREEKS}) * 365d", -4.31, 0.005),
    (f"bsm_rho_call({HULL_GREEKS})", 8.91, 0.005),
    # Haug, The Complete Guide to Option Pricing Formulas
    ("bsm_put(75, 70, 35%, 0.5 * 365d, 10%, 5%)", 4.0870, 0.00005),
    ("bsm_delta_call(105, 100, 36%, 0.5 * 365d, 10%, 0)", 0.5946, 0.00005),
    ("bsm_delta_put(105, 100, 36%, 0.5 * 365d, 10%, 0)", -0.3566, 0.00005),
    ("bsm_gamma(55, 60, 30%, 0.75 * 365d, 10%, 10%)", 0.0278, 0.00005),
    ("bsm_vega(55, 60, 30%, 0.75 * 365d, 10.5%, 6.95%)", 18.5027, 0.00005),
    ("bsm_theta_put(430, 405, 20%, 365d / 12, 7%, 2%) * 365d", -31.1924, 0.005),
    ("bsm_rho_call(72, 75, 19%, 365d, 9%, 9%)", 38.7325, 0.00005),
    ("black76_call(19, 19, 28%, 0.75 * 365d, 10%)", 1.7011, 0.00005),
    ("black76_put(19, 19, 28%, 0.75 * 365d, 10%)", 1.7011, 0.00005),
    (f"merton_call({JUMPS_OF_HAUG})", 0.2417, 0.00005),
    ("normal_cdf(1.96)", 0.9750, 0.00005),
    ("normal_pdf(0)", 0.398942, 0.0000005),
    ("normal_quantile(99%)", 2.326348, 0.0000005),
    ("square_root_impact(-100, 10_000, 60%)", 0.06, 1e-15),
]


@pytest.mark.parametrize(("expression", "expected", "within"), PUBLISHED)
def test_published_values(expression: str, expected: float, within: float) -> None:
    """As a constant, in 60 digits; and again compiled, with its first number read from the book."""
    first = expression.split("(", 1)[1].split(",")[0].rstrip(")").split(")")[0]
    exactly = value_of(expression)
    assert abs(exactly - expected) <= within
    number = first.replace("%", "e-2")
    assert value_of(expression.replace(f"({first}", "(x", 1), x=number) == pytest.approx(exactly, rel=1e-12)


# -- what is unknown, and limits --------------------------------------------------------------

EDGES: list[tuple[str, str, Any]] = [
    ("normal_quantile(x)", "0", Cause.DOMAIN),
    ("normal_quantile(x)", "1", Cause.DOMAIN),
    ("normal_quantile(x)", "-0.1", Cause.DOMAIN),
    ("normal_cdf(if x > 0 then infinite else 1)", "1", Cause.OVERFLOW),
    ("normal_cdf(x)", "-100", 0.0),
    ("normal_cdf(x)", "100", 1.0),
    ("bsm_call(x, 40, 20%, 1d, 0, 0)", "0", Cause.DOMAIN),
    ("bsm_call(40, x, 20%, 1d, 0, 0)", "-1", Cause.DOMAIN),
    ("bsm_call(40, 40, x, 1d, 0, 0)", "-0.1", Cause.DOMAIN),
    ("bsm_call(40, 40, 20%, x * 1d, 0, 0)", "-1", Cause.DOMAIN),
    ("bsm_call(40, 40, 20%, 365d, x, 0)", "-701", Cause.OVERFLOW),
    ("bsm_call(x, 40, 20%, 0d, 10%, 10%)", "42", 2.0),
    ("bsm_put(x, 40, 20%, 0d, 10%, 10%)", "42", 0.0),
    ("bsm_put(x, 40, 0, 365d, 0, 0)", "38", 2.0),
    ("bsm_delta_call(x, 40, 20%, 0d, 0, 0)", "41", 1.0),
    ("bsm_delta_call(x, 40, 20%, 0d, 0, 0)", "40", 0.5),
    ("bsm_delta_put(x, 40, 20%, 0d, 0, 0)", "41", 0.0),
    ("bsm_gamma(x, 40, 20%, 0d, 0, 0)", "41", 0.0),
    ("bsm_gamma(x, 40, 20%, 0d, 0, 0)", "40", Cause.DIVISION),
    ("bsm_vega(x, 40, 0, 0d, 0, 0)", "40", 0.0),
    ("bsm_theta_put(x, 40, 20%, 0d, 0, 0)", "40", Cause.DIVISION),
    ("black76_call(x, 40, 0, 365d, 0)", "50", 10.0),
    ("merton_call(40, 40, 20%, 365d, 0, 0, x, 10%, 0)", "-1", Cause.DOMAIN),
    ("merton_call(40, 40, 20%, 365d, 0, 0, 1, x, 0)", "-1", Cause.DOMAIN),
    ("merton_call(40, 40, 20%, 365d, 0, 0, x, 0, 10%)", "501", Cause.DOMAIN),
    ("merton_call(x, 40, 20%, 0d, 5%, 5%, 1, 10%, 20%)", "42", 2.0),
    ("square_root_impact(1, x, 1)", "0", Cause.DIVISION),
    ("square_root_impact(1, x, 1)", "-1", Cause.DOMAIN),
    ("decay_by_steps(2026-01-01, 1d, x, 2026-01-03)", "1.1", Cause.DOMAIN),
    ("decay_by_steps(2026-01-01, x * 1d, 10%, 2026-01-03)", "0", Cause.DOMAIN),
    ("decay_by_steps(2026-01-05, x * 1d, 10%, 2026-01-03)", "1", 1.0),
    ("decay_by_steps(2026-01-01, 7d, x, 2026-01-22)", "0.5", 0.125),
    ("decay_by_steps(2026-01-01, 7d, x, 2026-01-21T23:59Z)", "0.5", 0.25),
    ("decay_by_steps(2026-01-01, 7d, x, 2026-01-22)", "1", 0.0),
    ("year(2026-01-01 - x * 1d)", "1", 2025.0),
    ("year(2026-01-01 + x * 365d)", "9000", Cause.DOMAIN),
    ("hour(2026-01-01 + x * 1h)", "7.99", 7.0),
    # a value that falls over time
    ("ramp(2026-01-01, 10%, 2026-01-11, 0, 2026-01-01 + x * 1d)", "4", 0.06),
    ("ramp(2026-01-01, 10%, 2026-01-11, 0, 2026-01-01 + x * 1d)", "-1", 0.1),
    ("ramp(2026-01-01, 10%, 2026-01-11, 0, 2026-01-01 + x * 1d)", "10", 0.0),
    ("ramp(2026-01-01, 10%, 2026-01-01 + x * 1d, 0, 2026-01-01)", "0", Cause.DIVISION),
    ("interpolate(2026-01-01 + x * 1d, 2026-01-01, 10%, 2026-01-11, 0)", "4", 0.06),
    ("interpolate(2026-01-01 + x * 1d, 2026-01-01, 10%, 2026-01-11, 0)", "40", 0.0),
]


@pytest.mark.parametrize(("expression", "x", "expected"), EDGES)
def test_edges_are_those_of_the_reference(expression: str, x: str, expected: Any) -> None:
    policy, book = compiled(f"{ROWS}  v = {expression}\n", row_tables([{"x": x}]))
    params = resolve_params(policy)
    (got,) = column_of(evaluate(policy, book, params), "row", "v")
    exactly = Reference(policy, book, params).cell("row", "v", 0)
    if isinstance(expected, Cause):
        assert got.cause is expected and isinstance(exactly, Unknown) and got == Origin.of(exactly.code)
    else:
        assert isinstance(exactly, Fraction)
        assert got == pytest.approx(expected, rel=1e-14) and float(exactly) == pytest.approx(expected, rel=1e-15)


DECIDED = [  # a tie that floats would miss
    ("bsm_delta_call(x + y, 0.3, 20%, 0d, 0, 0)", 0.5),
    ("if normal_cdf(0.3 - x - y) >= 50% then 1 else 0", 1.0),
    ("if bsm_call(x + y, 0.3, 20%, 365d, 0, 0) <= bsm_put(x + y, 0.3, 20%, 365d, 0, 0) then 1 else 0", 1.0),
    ("decay_by_steps(2026-01-01, 1d, 50%, 2026-01-01 + (x + y) * 10d)", 0.125),
    ("hour(2026-01-01 + (x + y) * 10h)", 3.0),
    ("if black76_vega(x + y, 0.3, 50%, 365d, 0) >= 0.3 * normal_pdf(0.25) then 1 else 0", 1.0),
]


@pytest.mark.parametrize(("expression", "expected"), DECIDED)
def test_ties_are_decided_exactly(expression: str, expected: float) -> None:
    found = evaluated(f"{ROWS}  v = {expression}\n", row_tables([{"x": "0.1", "y": "0.2"}]))
    assert column_of(found, "row", "v") == [expected] and found.decided == {"row": 1}


# -- types ------------------------------------------------------------------------------------

TYPES = [
    ("bsm_call(mark, mark, 20%, 1d, 0, 0)", "USD"),
    ("bsm_delta_put(mark, mark, 20%, 1d, 0, 0)", "number"),
    ("bsm_gamma(mark, mark, 20%, 1d, 0, 0)", "number/USD"),
    ("bsm_theta_call(mark, mark, 20%, 1d, 0, 0)", "USD/duration"),
    ("merton_put(mark, 0 + mark, 20%, 1d, 0, 0, 1, 0, 0)", "USD"),
    ("square_root_impact(mark, mark, 1)", "number"),
    ("interpolate(as_of, day_, 1 USD, day_ + 1d, 2 USD)", "USD"),
    ("decay_by_steps(day_, 1d, 1%, as_of)", "number"),
    ("ramp(day_, 1 USD, day_ + 1d, 2 USD, as_of)", "USD"),
]
WRONG = [
    ("bsm_call(mark, 40, 20%, 1d, 0, 0)", "E211"),
    ("bsm_call(mark, mark, 20%, 30, 0, 0)", "E203"),
    ("bsm_call(mark, mark, 20%, 1d, 0)", "E119"),
    ("normal_cdf(mark)", "E203"),
    ("year(mark)", "E203"),
    ("black76_call(day_, mark, 20%, 1d, 0)", "E203"),
    ("interpolate(as_of, 0, 1, day_, 2)", "E203"),
    ("decay_by_steps(day_, 3, 1%, as_of)", "E203"),
    ("ramp(day_, mark, day_ + 1d, 2, as_of)", "E211"),
    ("ramp(day_, mark, 3, mark, as_of)", "E203"),
]
_TYPED = 'policy "types"\nunit USD\nentity row:\n  mark : USD > 0\n  day_ : date\n  v = {}\n'


@pytest.mark.parametrize(("expression", "expected"), TYPES)
def test_units(expression: str, expected: str) -> None:
    policy, _ = compiled(_TYPED.format(expression), {"row": {"row": [], "mark": [], "day_": []}})
    assert str(policy.type_of("row", "v")) == expected


@pytest.mark.parametrize(("expression", "code"), WRONG)
def test_wrong_units(expression: str, code: str) -> None:
    report = Diagnostics()
    check(parse(Source("types.policy", _TYPED.format(expression)), report), report)
    assert [d.code for d in report.found if d.code.startswith("E")] == [code]


# -- decimal edges through files --------------------------------------------------------------


def test_a_rounding_at_a_decimal_edge_through_files(tmp_path: Path) -> None:
    """1600 - 0.9 * 0.4 * 2000 is 880, and floats make it 879.99...: from CSV cells, compiled and by the reference."""
    assert math.floor(1600 - 0.9 * 0.4 * 2000) == 879
    text = (
        'policy "edge"\nunit USD\nentity account:\n  value : USD\n  debt : USD\n  factor : ratio\n  cut : ratio\n'
        "  rest = round_down(value - cut * factor * debt, 1 USD)\n  short = round_up(cut * factor * debt, 1 USD)\n"
    )
    (tmp_path / "account.csv").write_text(
        "account,value,debt,factor,cut\na,1600,2000,0.4,0.9\nb,1600,2000,0.40,0.90\nc,1599.99,2000,0.4,0.9\n"
        "d,1600.7,2.1e3,0.1,0.7\n",
        "utf-8",
    )
    report = Diagnostics()
    policy = check(parse(Source("edge.policy", text), report), report)
    assert policy is not None and not report.failed
    book = read_snapshot(tmp_path, policy)
    params = resolve_params(policy)
    found = evaluate(policy, book, params)
    rest = column_of(found, "account", "rest")
    assert rest == [880.0, 880.0, 879.0, 1453.0]
    assert column_of(found, "account", "short") == [720.0, 720.0, 720.0, 147.0]
    assert found.decided["account"] >= 2
    reference = Reference(policy, book, params)
    assert [reference.cell("account", "rest", row) for row in range(4)] == rest
