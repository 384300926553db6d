"""A notional's bracket without a search, for peers in NumPy that count every pass: floors stand so far apart that there
is one at most between two powers of two. The exponent of the notional says which, and one comparison decides."""

from typing import Any

import numpy as np

from tests.bench import reference as r

_EXPONENTS = np.frexp(r.FLOOR[:, 1:])[1]
LOW, HIGH = int(_EXPONENTS.min()) - 1, int(_EXPONENTS.max()) + 1  # below the first floor, above the last
WIDTH = HIGH - LOW + 1
_BIAS = 1022  # what a float's exponent bits say more than `frexp`


def _cells() -> tuple[Any, Any, Any]:
    """By market and exponent the floor to compare with; twice as many rates and amounts: below it, and from it on."""
    floor, rates, amounts = [], [], []
    for market in range(r.MARKETS):
        for exponent in range(LOW, HIGH + 1):
            there = np.flatnonzero(_EXPONENTS[market] == exponent)
            assert len(there) <= 1
            below = int((_EXPONENTS[market] < exponent).sum())
            floor.append(r.FLOOR[market, 1 + there[0]] if len(there) else np.inf)
            for bracket in (below, min(below + 1, r.BRACKETS - 1)):
                rates.append(r.RATE[market, bracket])
                amounts.append(r.AMOUNT[market, bracket])
    return np.array(floor), np.array(rates), np.array(amounts)


FLOORS, RATES, AMOUNTS = _cells()


def margin(market: Any, notional: Any, out: Any, room: tuple[Any, ...]) -> None:
    """The margin of each notional in its bracket into ``out``. ``room`` to work in is float64, intp, int16 and bool, of
    one shape."""
    a, place, start, above = room
    np.multiply(market, np.int16(WIDTH), out=start)
    np.subtract(start, np.int16(LOW + _BIAS), out=start)
    np.right_shift(notional.view(np.int64), 52, out=place)
    np.clip(place, LOW + _BIAS, HIGH + _BIAS, out=place)
    np.add(place, start, out=place)
    np.take(FLOORS, place, out=a, mode="clip")
    np.greater_equal(notional, a, out=above)
    np.left_shift(place, 1, out=place)
    np.add(place, above, out=place)
    np.take(RATES, place, out=a, mode="clip")
    np.multiply(notional, a, out=out)
    np.take(AMOUNTS, place, out=a, mode="clip")
    np.subtract(out, a, out=out)


def loaded(margins: Any, volatility: Any, a: Any) -> None:
    """The margins times what volatility makes of them, in place."""
    np.multiply(volatility, r.LOADING / r.VOLATILITY, out=a)
    np.subtract(a, r.LOADING, out=a)
    np.maximum(a, 0, out=a)
    np.add(a, 1, out=a)
    np.multiply(margins, a, out=margins)


def room(size: int) -> tuple[Any, ...]:
    """For blocks of up to this many rows."""
    return tuple(np.empty(size, dtype) for dtype in (np.float64, np.intp, np.int16, np.bool_))
