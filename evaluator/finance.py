"""Kernels of the normal distribution and of option prices and their greeks.

Black-Scholes-Merton with the cost of carry: ``T`` is time in years of 365 days, ``F = spot e^(carry T)``, ``s`` is
volatility times the root of T, ``d1 = ln(F / strike) / s + s / 2`` and ``d2 = d1 - s``. Without time or volatility a
price is what exercise against the forward is worth today, and greeks are what they tend to. Black-76 is the case
without carry, on a forward.
"""

from collections.abc import Callable, Sequence

import numpy as np

from dsl.causes import Cause
from dsl.records import dataclass
from evaluator.error import near_zero
from evaluator.kernels import Kernel
from evaluator.normal import density, distribution, quantile
from evaluator.smooth import Faults, Smooth
from evaluator.vector import Flags, Floats, Vector, either, some

YEAR = 365.0 * 86_400.0
LARGEST_GROWTH = 700.0  # e to more than this is taken as overflow
TINY = 1e-300
NEAR = 1e-6  # beside a limit: the reference interpreter decides

Formula = Callable[..., tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Option:
    """What prices and greeks are made of, each of shape (n,) or (1,): both sides of the exercise as of today, and the
    parts of the normal distribution that weigh them."""

    spot: Floats
    volatility: Floats
    years: Floats
    rate: Floats
    carry: Floats
    deviation: Floats
    forward: Floats  # discounted
    strike: Floats  # discounted
    d1: Floats
    d2: Floats


def option(spot: Floats, strike: Floats, volatility: Floats, time: Floats, rate: Floats, carry: Floats) -> Option:
    years = time / YEAR
    deviation = volatility * np.sqrt(years)
    forward, discounted = spot * np.exp((carry - rate) * years), strike * np.exp(-rate * years)
    d1, d2 = quantiles(np.log(spot / strike) + carry * years, deviation)
    return Option(spot, volatility, years, rate, carry, deviation, forward, discounted, d1, d2)


def quantiles(gap: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """d1 and d2 for ``ln(F / strike)``; without deviation only its sign counts."""
    sure = np.where(gap == 0.0, 0.0, np.copysign(np.inf, gap))
    along = gap / deviation
    d1 = np.where(deviation > 0.0, along + deviation / 2, sure)
    return d1, np.where(deviation > 0.0, along - deviation / 2, sure)


def _difference(taken: Floats, given: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """What is taken less what is given, never below zero, and the size of both."""
    return np.maximum(taken - given, 0.0), taken + given + 1e-280 * scale


def _call(o: Option) -> tuple[Floats, Floats]:
    return _difference(o.forward * distribution(o.d1), o.strike * distribution(o.d2), o.forward + o.strike)


def _put(o: Option) -> tuple[Floats, Floats]:
    return _difference(o.strike * distribution(-o.d2), o.forward * distribution(-o.d1), o.forward + o.strike)


def _one(value: Floats, scale: Floats) -> tuple[Floats, Floats]:
    return value, np.abs(value) + 1e-280 * scale


def _delta_call(o: Option) -> tuple[Floats, Floats]:
    growth = np.exp((o.carry - o.rate) * o.years)
    return _one(growth * distribution(o.d1), growth)


def _delta_put(o: Option) -> tuple[Floats, Floats]:
    growth = np.exp((o.carry - o.rate) * o.years)
    return _one(-growth * distribution(-o.d1), growth)


def _gamma(o: Option) -> tuple[Floats, Floats]:
    bell = density(o.d1)
    growth = np.exp((o.carry - o.rate) * o.years)
    return _one(np.where(bell == 0.0, 0.0, growth * bell / o.deviation / o.spot), growth)


def _vega(o: Option) -> tuple[Floats, Floats]:
    return _one(o.forward * density(o.d1) * np.sqrt(o.years), o.forward)


def _theta(side: float) -> Callable[[Option], tuple[Floats, Floats]]:
    """Of a call (1) or a put (-1), per second."""

    def theta(o: Option) -> tuple[Floats, Floats]:
        bell = density(o.d1)
        decay = np.where(bell == 0.0, 0.0, o.forward * bell * o.volatility / (2.0 * np.sqrt(o.years)))
        held = (o.carry - o.rate) * o.forward * distribution(side * o.d1)
        owed = o.rate * o.strike * distribution(side * o.d2)
        size = decay + np.abs(held) + np.abs(owed) + 1e-280 * (o.forward + o.strike)
        return (-decay - side * (held + owed)) / YEAR, size / YEAR

    return theta


def _rho(side: float) -> Callable[[Option], tuple[Floats, Floats]]:
    """Of a call (1) or a put (-1), with carry moving as the rate does."""

    def rho(o: Option) -> tuple[Floats, Floats]:
        return _one(side * o.years * o.strike * distribution(side * o.d2), o.years * o.strike)

    return rho


# -- where there is no value ------------------------------------------------------------------


def _growths(time: Floats, rate: Floats, carry: Floats) -> list[Floats]:
    years = time / YEAR
    return [carry * years, (carry - rate) * years, -rate * years]


def option_faults(
    spot: Floats, strike: Floats, volatility: Floats, time: Floats, rate: Floats, carry: Floats
) -> list[tuple[Cause, Flags]]:
    outside = (spot <= 0.0) | (strike <= 0.0) | (volatility < 0.0) | (time < 0.0)
    growths = _growths(time, rate, carry)
    sides = np.isinf(spot * np.exp(growths[1])) | np.isinf(strike * np.exp(growths[2]))
    large = np.logical_or.reduce([*np.broadcast_arrays(*(g > LARGEST_GROWTH for g in growths), sides)])
    return [(Cause.DOMAIN, outside), (Cause.OVERFLOW, large)]


def _at_strike(spot: Floats, strike: Floats, time: Floats, carry: Floats) -> Flags:
    return np.asarray(np.log(spot / strike) + carry * (time / YEAR) == 0.0)


def _gamma_faults(*args: Floats) -> Faults:
    spot, strike, volatility, time, _, carry = args
    sharp = (volatility == 0.0) | (time == 0.0)
    return [*option_faults(*args), (Cause.DIVISION, sharp & _at_strike(spot, strike, time, carry))]


def _theta_faults(*args: Floats) -> Faults:
    spot, strike, _, time, _, carry = args
    return [*option_faults(*args), (Cause.DIVISION, (time == 0.0) & _at_strike(spot, strike, time, carry))]


def option_doubt(args: Sequence[Vector], off: Sequence[Floats]) -> Flags | None:
    """Signs of the first four; growth near its limit; at the strike where there is no deviation."""
    spot, strike, volatility, time, rate, carry = (a.values for a in args[:6])
    sharp: Flags = (volatility == 0.0) | (time == 0.0)
    large = np.logical_or.reduce(
        np.broadcast_arrays(*(np.abs(g - LARGEST_GROWTH) < NEAR * LARGEST_GROWTH for g in _growths(time, rate, carry)))
    )
    unsure = large
    if sharp.any():
        years = time / YEAR
        gap = np.log(spot / strike) + carry * years
        near = 2.0**-40 + 4.0 * (off[0] / spot + off[1] / strike + off[5] * years + np.abs(carry) * off[3] / YEAR)
        unsure = unsure | (sharp & (np.abs(gap) <= near))
    return either(*(near_zero(a) for a in args[:4]), some(np.asarray(unsure)))


# -- registered -------------------------------------------------------------------------------

LOW = (TINY, TINY, 0.0, 0.0, None, None)


def _priced(rule: Callable[[Option], tuple[Floats, Floats]], faults: Callable[..., Faults] = option_faults) -> Smooth:
    return Smooth(lambda *args: rule(option(*args)), faults, option_doubt, LOW)


def _on_forward(of: Smooth) -> Smooth:
    """The same without carry, which is then no argument."""
    nothing = np.zeros(1)
    return Smooth(
        lambda *args: of.formula(*args, nothing),
        lambda *args: of.faults(*args, nothing),
        lambda args, off: of.doubt([*args, Vector(nothing)], [*off, nothing]),
        of.low[:-1],
    )


def _anywhere(*args: Floats) -> Faults:
    return []


def _certain(args: Sequence[Vector], off: Sequence[Floats]) -> Flags | None:
    return None


def _tailed(rule: Callable[[Floats], Floats]) -> Formula:
    def formula(x: Floats) -> tuple[Floats, Floats]:
        found = rule(x)
        return found, np.abs(found) + TINY

    return formula


def _ends(p: Floats) -> Faults:
    return [(Cause.DOMAIN, (p <= 0.0) | (p >= 1.0))]


def _ends_doubt(args: Sequence[Vector], off: Sequence[Floats]) -> Flags | None:
    upper = (np.abs(1.0 - args[0].values) <= 2.0 * off[0]) & (off[0] > 0)
    return either(near_zero(args[0]), some(np.asarray(upper)))


_BSM = {
    "call": _priced(_call),
    "put": _priced(_put),
    "delta_call": _priced(_delta_call),
    "delta_put": _priced(_delta_put),
    "gamma": _priced(_gamma, _gamma_faults),
    "vega": _priced(_vega),
    "theta_call": _priced(_theta(1.0), _theta_faults),
    "theta_put": _priced(_theta(-1.0), _theta_faults),
    "rho_call": _priced(_rho(1.0)),
    "rho_put": _priced(_rho(-1.0)),
}

FINANCE: dict[str, Kernel] = {
    "normal_cdf": Smooth(_tailed(distribution), _anywhere, _certain, (None,), early=False),
    "normal_pdf": Smooth(_tailed(density), _anywhere, _certain, (None,), early=False),
    "normal_quantile": Smooth(_tailed(quantile), _ends, _ends_doubt, (TINY,), early=False),
    **{f"bsm_{name}": kernel for name, kernel in _BSM.items()},
    **{
        f"black76_{name}": _on_forward(_BSM[name])
        for name in ("call", "put", "delta_call", "delta_put", "gamma", "vega")
    },
}
