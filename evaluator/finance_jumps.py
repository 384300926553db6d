"""Kernels of Merton's jump-diffusion prices: those without jumps, weighed by Poisson's law of their number.

A row's terms are added up in order until what is left out is below 1e-13 of their sum (or 1e-300 of
the spot or strike).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evaluator.error import near_zero
from evaluator.finance import LOW, NEAR, TINY, YEAR, Formula, option_doubt, option_faults, quantiles
from evaluator.kernels import Kernel
from evaluator.normal import distribution
from evaluator.smooth import Faults, Smooth
from evaluator.vector import Flags, Floats, Vector, either, some

MOST_JUMPS = 500.0  # expected, plain or weighed by what they do to the spot


def _jumps(side: float) -> Formula:
    """Merton's price of a call (1) or a put (-1), with the numbers of jumps weighed by Poisson's law."""

    def price(*args: Floats) -> tuple[Floats, Floats]:
        shape = np.broadcast_shapes(*(a.shape for a in args))
        parts = [np.broadcast_to(a, shape) for a in args]
        found, size = np.zeros(shape), np.zeros(shape)
        valid = ~np.any([flags for _, flags in _jump_faults(*parts)], axis=0)
        rows = np.flatnonzero(valid)
        _series(side, [p[rows] for p in parts], rows, found, size)
        return found, size

    return price


def _series(side: float, args: Sequence[Floats], rows: npt.NDArray[np.intp], found: Floats,
            size: Floats) -> None:  # fmt: skip
    """Adds up each row's terms into ``found`` and ``size``; a row that has enough of them is left out."""
    spot, strike, volatility, time, rate, carry, intensity, jump, spread = args
    years = time / YEAR
    mean = intensity * years
    weighted = mean * (1.0 + jump)  # the mean number of jumps, weighed by what they do to the spot
    gap = np.log(spot / strike) + (carry - intensity * jump) * years
    forward, discounted = spot * np.exp((carry - rate) * years), strike * np.exp(-rate * years)
    of_spot, of_strike = forward * np.exp(-weighted), discounted * np.exp(-mean)
    variance, step, spread = volatility * volatility * years, np.log1p(jump), spread * spread
    state = [rows, mean, weighted, gap, of_spot, of_strike, variance, step, spread, forward, discounted]
    number = 0
    while len(state[0]):
        rows, mean, weighted, gap, of_spot, of_strike, variance, step, spread, forward, discounted = state
        d1, d2 = quantiles(gap + number * step, np.sqrt(variance + number * spread))
        taken = of_spot * distribution(side * d1)
        given = of_strike * distribution(side * d2)
        found[rows] += np.maximum(side * (taken - given), 0.0)
        size[rows] += (taken + given) * (1.0 + (mean + weighted + number) / 16.0) + 1e-280 * (forward + discounted)
        number += 1
        state[4], state[5] = of_spot * weighted / number, of_strike * mean / number
        rest, most, bound = (state[4], weighted, forward) if side > 0 else (state[5], mean, discounted)
        enough = (2.0 * rest <= 1e-13 * found[rows]) | (rest <= TINY * bound)
        going = ~(enough & (number + 1 > 2.0 * most))
        if not going.all():
            state = [part[going] for part in state]


def _jump_faults(*args: Floats) -> Faults:
    spot, strike, volatility, time, rate, carry, intensity, jump, spread = args
    outside = (intensity < 0.0) | (jump <= -1.0) | (spread < 0.0)
    many = intensity * (time / YEAR) * np.maximum(1.0, 1.0 + jump) > MOST_JUMPS
    (cause, where), *others = option_faults(spot, strike, volatility, time, rate, carry)
    return [(cause, where | outside | many), *others]


def _jump_doubt(args: Sequence[Vector], off: Sequence[Floats]) -> Flags | None:
    time, intensity, jump = args[3].values, args[6].values, args[7].values
    expected = intensity * (time / YEAR) * np.maximum(1.0, 1.0 + jump)
    limit = (np.abs(expected - MOST_JUMPS) < NEAR * MOST_JUMPS) | ((np.abs(jump + 1.0) <= 4.0 * off[7]) & (off[7] > 0))
    return either(option_doubt(args, off), near_zero(args[6]), near_zero(args[8]), some(np.asarray(limit)))


JUMPS: dict[str, Kernel] = {
    f"merton_{name}": Smooth(_jumps(side), _jump_faults, _jump_doubt, (*LOW, 0.0, None, 0.0))
    for name, side in (("call", 1.0), ("put", -1.0))
}
