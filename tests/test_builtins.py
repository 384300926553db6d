"""Every built-in function against a value worked out elsewhere: by hand, from the calendar, or by a second program.

The second program is written from the textbooks' formulas for prices alone, with the standard library's normal
distribution; its greeks are central differences of its prices, so it shares no formula with the greeks that it tests.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import pytest

from dsl.builtins import BUILTINS
from tests.evaluator_models import value_of

N = NormalDist().cdf
YEAR = 365.0


def price(kind: int, s: float, k: float, vol: float, days: float, r: float, b: float) -> float:
    """Haug, The Complete Guide to Option Pricing Formulas, 1.1.6; ``kind``: 1 a call, -1 a put."""
    t = days / YEAR
    d1 = (math.log(s / k) + (b + vol * vol / 2) * t) / (vol * math.sqrt(t))
    d2 = d1 - vol * math.sqrt(t)
    return kind * (s * math.exp((b - r) * t) * N(kind * d1) - k * math.exp(-r * t) * N(kind * d2))


def merton(kind: int, s: float, k: float, vol: float, days: float, r: float, b: float, *jumps: float) -> float:
    """Merton (1976), (16): a mean of prices between jumps, weighted by how likely so many jumps are."""
    often, mean, spread = jumps
    t, total = days / YEAR, 0.0
    for n in range(60):
        weight = math.exp(-often * t) * (often * t) ** n / math.factorial(n)
        start = s * math.exp(-often * mean * t) * (1 + mean) ** n
        total += weight * price(kind, start, k, math.sqrt(vol * vol + n * spread * spread / t), days, r, b)
    return total


def slope(f: Callable[[float], float], x: float, step: float) -> float:
    """The central difference, once refined (Richardson): its error is of the fourth order."""
    near, far = ((f(x + h) - f(x - h)) / (2 * h) for h in (step / 2, step))
    return (4 * near - far) / 3


S, K, VOL, DAYS, R, B = 103.0, 97.0, 0.31, 143.0, 0.045, 0.02
JUMPS = (1.4, -0.08, 0.17)
OPTION = "103, 97, 31%, 143d, 4.5%, 2%"
FORWARD = "103, 97, 31%, 143d, 4.5%"


def greeks(prefix: str, option: str, b: float) -> dict[str, float]:
    """Prices and greeks of one call and one put, as ``bsm_delta_call(...)``."""
    found: dict[str, float] = {}
    for name, kind in (("call", 1), ("put", -1)):

        def of(s: float = S, vol: float = VOL, days: float = DAYS, shift: float = 0.0, kind: int = kind) -> float:
            return price(kind, s, K, vol, days, R + shift, b + shift)

        found[f"{prefix}_{name}({option})"] = of()
        found[f"{prefix}_delta_{name}({option})"] = slope(lambda x: of(s=x), S, 0.5)
        if prefix == "bsm":
            found[f"bsm_theta_{name}({option}) * 365d"] = -slope(lambda x: of(days=x), DAYS, 1) * YEAR
            found[f"bsm_rho_{name}({option})"] = slope(lambda x: of(shift=x), 0.0, 1e-3)
    found[f"{prefix}_gamma({option})"] = slope(
        lambda x: slope(lambda y: price(1, y, K, VOL, DAYS, R, b), x, 0.5), S, 0.5
    )
    found[f"{prefix}_vega({option})"] = slope(lambda x: price(1, S, K, x, DAYS, R, b), VOL, 1e-3)
    return found


SECOND_PROGRAM = greeks("bsm", OPTION, B) | greeks("black76", FORWARD, 0.0) | {
    f"merton_call({OPTION}, 1.4, -8%, 17%)": merton(1, S, K, VOL, DAYS, R, B, *JUMPS),
    f"merton_put({OPTION}, 1.4, -8%, 17%)": merton(-1, S, K, VOL, DAYS, R, B, *JUMPS),
    "normal_cdf(-1.3)": N(-1.3),
    "normal_pdf(-1.3)": NormalDist().pdf(-1.3),
    "normal_quantile(0.7%)": NormalDist().inv_cdf(0.007),
    "exp(-1.7)": math.exp(-1.7),
    "ln(17)": math.log(17),
}  # fmt: skip

BY_HAND = {
    "abs(-2.5)": 2.5, "abs(2.5)": 2.5, "abs(0)": 0,
    "sign(-2.5)": -1, "sign(0)": 0, "sign(1e-9)": 1,
    "min(3, -1, 2)": -1, "max(3, -1, 2)": 3, "max(3, infinite)": math.inf,
    "clamp(7, 0, 5)": 5, "clamp(-7, 0, 5)": 0, "clamp(3, 0, 5)": 3, "clamp(infinite, 0, 5)": 5,
    "sqrt(6.25)": 2.5, "sqrt(0)": 0,
    "exp(0)": 1, "ln(1)": 0,
    "floor(2.7)": 2, "floor(-2.7)": -3, "floor(-3)": -3, "ceil(2.1)": 3, "ceil(-2.7)": -2, "ceil(3)": 3,
    "round_down(7.9, 0.5)": 7.5, "round_down(-7.9, 0.5)": -8, "round_down(0.3, 0.1)": 0.3,
    "round_up(7.6, 0.5)": 8, "round_up(-7.6, 0.5)": -7.5, "round_up(0.3, 0.1)": 0.3,
    "round_nearest(7.25, 0.5)": 7.5, "round_nearest(-7.25, 0.5)": -7, "round_nearest(0.15, 0.1)": 0.2,
    "interpolate(15, 10, 1, 20, 3)": 2, "interpolate(25, 10, 1, 20, 3)": 3, "interpolate(15, 20, 3, 10, 1)": 2,
    "ramp(2026-01-01, 10%, 2026-01-11, 20%, 2026-01-04)": 0.13, "ramp(2026-01-01, 1, 2026-01-11, 2, 2025-12-31)": 1,
    "ramp(2026-01-01, 1, 2026-01-11, 2, 2026-01-12)": 2, "ramp(2026-01-01, 3, 2026-01-11, 1, 2026-01-06)": 2,
    "square_root_impact(25, 100, 80%)": 0.4, "square_root_impact(-25, 100, 80%)": 0.4,
    "decay_by_steps(2026-01-01, 8h, 10%, 2026-01-02)": 0.729,  # three full steps
    "decay_by_steps(2026-01-01, 8h, 10%, 2025-12-31)": 1,
    "year(2028-02-29T23:59Z)": 2028, "month(2028-02-29T23:59Z)": 2, "day(2028-02-29T23:59Z)": 29,
    "hour(2028-02-29T23:59Z)": 23, "hour(2028-02-29T00:00Z)": 0, "day(2028-02-29 + 1d)": 1,
    "weekday(2028-02-29)": 2, "weekday(2000-01-01)": 6,  # a Tuesday, a Saturday
}  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), SECOND_PROGRAM.items())
def test_a_second_program_agrees(call: str, expected: float) -> None:
    assert value_of(call) == pytest.approx(expected, rel=2e-8)


@pytest.mark.parametrize(("call", "expected"), BY_HAND.items())
def test_hand_calculation_agrees(call: str, expected: float) -> None:
    assert value_of(call) == pytest.approx(expected, rel=1e-15)


def test_every_function_has_such_a_value() -> None:
    assert {call.partition("(")[0] for call in (*SECOND_PROGRAM, *BY_HAND)} == set(BUILTINS)
