"""The normal distribution and option prices in decimals beyond 60 digits: the reference interpreter's version."""

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

from dsl.causes import Cause
from dsl.model import Exact
from evaluator import exact_normal
from evaluator.exact import Fault, approximate
from evaluator.exact_normal import CONTEXT, decimal, density, distribution

YEAR = 365 * 86_400
LARGEST = Decimal(2) ** 1024
SAME = Decimal("1e-48")  # spot and strike that differ by less meet
MOST_JUMPS = 500
INFINITE = Decimal("Infinity")
NONE = Decimal(0)

Rule = Callable[..., Decimal]


class Option(NamedTuple):
    """Both sides of the exercise as of today, and the quantiles that weigh them."""

    forward: Decimal
    strike: Decimal
    d1: Decimal
    d2: Decimal
    years: Decimal
    growth: Decimal  # of one unit of the spot's part


def _option(
    spot: Decimal, strike: Decimal, volatility: Decimal, time: Decimal, rate: Decimal, carry: Decimal
) -> Option:
    if spot <= 0 or strike <= 0 or volatility < 0 or time < 0:
        raise Fault(Cause.DOMAIN)
    years = time / YEAR
    if max(carry * years, (carry - rate) * years, -rate * years) > 700:
        raise Fault(Cause.OVERFLOW)
    growth, discount = ((carry - rate) * years).exp(), (-rate * years).exp()
    if max(spot * growth, strike * discount) >= LARGEST:
        raise Fault(Cause.OVERFLOW)
    gap = (spot / strike).ln() + carry * years
    d1, d2 = _quantiles(gap, volatility * years.sqrt())
    return Option(spot * growth, strike * discount, d1, d2, years, growth)


def _quantiles(gap: Decimal, deviation: Decimal) -> tuple[Decimal, Decimal]:
    if deviation > 0:
        return gap / deviation + deviation / 2, gap / deviation - deviation / 2
    sure = NONE if abs(gap) <= SAME else INFINITE.copy_sign(gap)
    return sure, sure


def _call(*args: Decimal) -> Decimal:
    o = _option(*args)
    return max(o.forward * distribution(o.d1) - o.strike * distribution(o.d2), NONE)


def _put(*args: Decimal) -> Decimal:
    o = _option(*args)
    return max(o.strike * distribution(-o.d2) - o.forward * distribution(-o.d1), NONE)


def _delta_call(*args: Decimal) -> Decimal:
    o = _option(*args)
    return o.growth * distribution(o.d1)


def _delta_put(*args: Decimal) -> Decimal:
    o = _option(*args)
    return -o.growth * distribution(-o.d1)


def _gamma(*args: Decimal) -> Decimal:
    o = _option(*args)
    bell, width = density(o.d1), args[0] * args[2] * o.years.sqrt()
    return o.growth * _part(bell, width)


def _part(bell: Decimal, width: Decimal) -> Decimal:
    if not bell:
        return NONE
    if not width:
        raise Fault(Cause.DIVISION)
    return bell / width


def _vega(*args: Decimal) -> Decimal:
    o = _option(*args)
    return o.forward * density(o.d1) * o.years.sqrt()


def _theta(side: int) -> Rule:
    def theta(*args: Decimal) -> Decimal:
        o = _option(*args)
        _, _, volatility, _, rate, carry = args
        decay = o.forward * _part(density(o.d1), 2 * o.years.sqrt()) * volatility
        held = (carry - rate) * o.forward * distribution(side * o.d1)
        owed = rate * o.strike * distribution(side * o.d2)
        return (-decay - side * (held + owed)) / YEAR

    return theta


def _rho(side: int) -> Rule:
    def rho(*args: Decimal) -> Decimal:
        o = _option(*args)
        return side * o.years * o.strike * distribution(side * o.d2)

    return rho


def _merton(side: int) -> Rule:
    """Merton's series, each term in its own rate and volatility, until the rest is below 60 digits of the sum."""

    def price(*args: Decimal) -> Decimal:
        spot, strike, volatility, time, _, carry, intensity, jump, spread = args
        if intensity < 0 or jump <= -1 or spread < 0:
            raise Fault(Cause.DOMAIN)
        if intensity * time / YEAR * max(Decimal(1), 1 + jump) > MOST_JUMPS and time >= 0:
            raise Fault(Cause.DOMAIN)
        o = _option(*args[:6])
        mean = intensity * o.years
        step, gap = (1 + jump).ln(), (spot / strike).ln() + (carry - intensity * jump) * o.years
        weight = (-mean).exp()
        moved = o.forward * (-jump * mean).exp()  # the forward if no jump happens
        total, number = NONE, 0
        while True:
            d1, d2 = _quantiles(gap + number * step, (volatility**2 * o.years + number * spread**2).sqrt())
            value = side * (moved * distribution(side * d1) - o.strike * distribution(side * d2))
            total += weight * max(value, NONE)
            number += 1
            weight, moved = weight * mean / number, moved * (1 + jump)
            rest = 2 * weight * (moved if side > 0 else o.strike)
            most = mean * max(Decimal(1), 1 + jump)
            if number + 1 > 2 * most and (rest <= total * Decimal("1e-62") or rest <= exact_normal.SMALLEST):
                return total

    return price


def _quantile(p: Decimal) -> Decimal:
    if not 0 < p < 1:
        raise Fault(Cause.DOMAIN)
    return exact_normal.quantile(p)


def _exactly(rule: Rule) -> Callable[..., Exact]:
    def function(*args: Exact) -> Fraction:
        return approximate(lambda numbers: _value(rule, numbers), args)

    return function


def _value(rule: Rule, numbers: Sequence[Fraction]) -> Fraction:
    with localcontext(CONTEXT):
        found = rule(*(decimal(x) for x in numbers))
    return Fraction(0) if abs(found) < exact_normal.SMALLEST else Fraction(found)


_BSM = {
    "call": _call,
    "put": _put,
    "delta_call": _delta_call,
    "delta_put": _delta_put,
    "gamma": _gamma,
    "vega": _vega,
    "theta_call": _theta(1),
    "theta_put": _theta(-1),
    "rho_call": _rho(1),
    "rho_put": _rho(-1),
}


def _on_forward(rule: Rule) -> Rule:
    return lambda *args: rule(*args, NONE)


FINANCE: dict[str, Callable[..., Exact]] = {
    name: _exactly(rule)
    for name, rule in {
        "normal_cdf": distribution,
        "normal_pdf": density,
        "normal_quantile": _quantile,
        **{f"bsm_{name}": rule for name, rule in _BSM.items()},
        **{
            f"black76_{name}": _on_forward(_BSM[name])
            for name in ("call", "put", "delta_call", "delta_put", "gamma", "vega")
        },
        "merton_call": _merton(1),
        "merton_put": _merton(-1),
    }.items()
}
