"""The built-in functions that work on one row: one table row each. A kernel, a reference row and a page go with it."""

from typing import Literal

from dsl.records import dataclass

Rule = Literal["same", "one", "plain", "sqrt", "sign", "round", "interpolate", "clamp", "typed"]


@dataclass(frozen=True, slots=True)
class Builtin:
    """``least`` to ``most`` arguments (None: any number). ``rule`` says how units go in and come out; where that is
    ``typed``, ``takes`` and ``gives`` do. ``source``: where the formula was published."""

    name: str
    least: int
    most: int | None
    rule: Rule
    formula: str
    meaning: str
    arguments: str = ""
    takes: str = ""
    gives: str = ""
    source: str = ""

    @property
    def shape(self) -> str:
        """How it is called: ``round_up(x, step)``."""
        given = self.arguments or (", ".join("xyzuvw"[: self.least]) + (", …" if self.most is None else ""))
        return f"{self.name}({given})"


def _typed(name: str, signature: str, formula: str, meaning: str, source: str) -> Builtin:
    """``signature``: ``spot U, time t -> U``. U: any unit, the same wherever it stands; 1: a plain number; %: one shown
    as a ratio; t: a duration; d: a date; products and quotients of these."""
    taken, gives = signature.split(" -> ")
    pairs = [argument.rsplit(" ", 1) for argument in taken.split(", ")]
    names, takes = ", ".join(n for n, _ in pairs), " ".join(t for _, t in pairs)
    return Builtin(name, len(pairs), len(pairs), "typed", formula, meaning, names, takes, gives, source)


_DISTRIBUTION = "Cody, Mathematics of Computation 23 (1969)"
_NORMAL = (
    _typed("normal_cdf", "x 1 -> 1", "N(x)", "the part of the standard normal distribution at or below x",
           _DISTRIBUTION),
    _typed("normal_pdf", "x 1 -> 1", "n(x) = e^(-x^2 / 2) / (2 pi)^0.5", "the density of the standard normal "
           "distribution at x", "definition"),
    _typed("normal_quantile", "p 1 -> 1", "the x with N(x) = p", "the inverse of `normal_cdf`; unknown unless "
           "0 < p < 1", "Wichura, algorithm AS 241, Applied Statistics 37 (1988)"),
)  # fmt: skip

# T = time / 365d; F = spot e^(carry T); D = e^(-rate T); s = volatility T^0.5;
# d1 = ln(F / strike) / s + s / 2; d2 = d1 - s.
_BSM = "Black and Scholes (1973), Merton (1973); with carry: Haug, Option Pricing Formulas, ch. 1"
_BLACK = "Black, The pricing of commodity contracts, Journal of Financial Economics 3 (1976)"
_MERTON = "Merton, Option pricing when underlying returns are discontinuous, Journal of Financial Economics 3 (1976)"
_SPOT = "spot U, strike U, volatility 1, time t, rate 1, carry 1"
_FORWARD = "forward U, strike U, volatility 1, time t, rate 1"
_JUMPS = f"{_SPOT}, intensity 1, mean_jump 1, jump_volatility 1"
_SERIES = "sum over n of e^(-m) m^n / n! * {}(spot e^(-intensity mean_jump T) (1 + mean_jump)^n, ..), m = intensity T"
_OPTIONS = (
    _typed("bsm_call", f"{_SPOT} -> U", "D (F N(d1) - strike N(d2))", "price of a European call", _BSM),
    _typed("bsm_put", f"{_SPOT} -> U", "D (strike N(-d2) - F N(-d1))", "price of a European put", _BSM),
    _typed("bsm_delta_call", f"{_SPOT} -> 1", "e^((carry - rate) T) N(d1)", "the call's change with spot", _BSM),
    _typed("bsm_delta_put", f"{_SPOT} -> 1", "-e^((carry - rate) T) N(-d1)", "the put's change with spot", _BSM),
    _typed("bsm_gamma", f"{_SPOT} -> 1/U", "e^((carry - rate) T) n(d1) / (spot s)", "the delta's change with spot, of "
           "a call and a put; unknown at the strike where s = 0", _BSM),
    _typed("bsm_vega", f"{_SPOT} -> U", "D F n(d1) T^0.5", "the price's change with volatility, per 100 points of it",
           _BSM),
    _typed("bsm_theta_call", f"{_SPOT} -> U/t", "-D F n(d1) volatility / (2 T^0.5) - (carry - rate) D F N(d1) - "
           "rate D strike N(d2)", "the call's change as time passes; times 1d: in a day; unknown at the strike at "
           "expiry", _BSM),
    _typed("bsm_theta_put", f"{_SPOT} -> U/t", "-D F n(d1) volatility / (2 T^0.5) + (carry - rate) D F N(-d1) + "
           "rate D strike N(-d2)", "the put's change as time passes; times 1d: in a day; unknown at the strike at "
           "expiry", _BSM),
    _typed("bsm_rho_call", f"{_SPOT} -> U", "T D strike N(d2)", "the call's change with rate, per 100 points of it; "
           "carry moves with it", _BSM),
    _typed("bsm_rho_put", f"{_SPOT} -> U", "-T D strike N(-d2)", "the put's change with rate, per 100 points of it; "
           "carry moves with it", _BSM),
    _typed("black76_call", f"{_FORWARD} -> U", "D (F N(d1) - strike N(d2))", "price of a call on a forward or future",
           _BLACK),
    _typed("black76_put", f"{_FORWARD} -> U", "D (strike N(-d2) - F N(-d1))", "price of a put on a forward or future",
           _BLACK),
    _typed("black76_delta_call", f"{_FORWARD} -> 1", "D N(d1)", "the call's change with the forward", _BLACK),
    _typed("black76_delta_put", f"{_FORWARD} -> 1", "-D N(-d1)", "the put's change with the forward", _BLACK),
    _typed("black76_gamma", f"{_FORWARD} -> 1/U", "D n(d1) / (F s)", "the delta's change with the forward, of a call "
           "and a put; unknown at the strike where s = 0", _BLACK),
    _typed("black76_vega", f"{_FORWARD} -> U", "D F n(d1) T^0.5", "the price's change with volatility, per 100 points "
           "of it", _BLACK),
    _typed("merton_call", f"{_JUMPS} -> U", _SERIES.format("call"), "price of a call on what also jumps", _MERTON),
    _typed("merton_put", f"{_JUMPS} -> U", _SERIES.format("put"), "price of a put on what also jumps", _MERTON),
)  # fmt: skip

_OTHERS = (
    _typed("square_root_impact", "size U, depth U, coefficient 1 -> %", "coefficient * (|size| / depth)^0.5",
           "how far a trade of this size moves the price; unknown where depth is zero, or negative beside a size",
           "Grinold and Kahn, Active Portfolio Management; Almgren et al., Direct estimation of equity market impact "
           "(2005)"),
    _typed("decay_by_steps", "start d, step t, rate 1, at d -> %", "(1 - rate)^floor((at - start) / step)", "what is "
           "left when each full step since start takes a part; 1 before it; unknown unless step > 0 and rate <= 1",
           "Maker, stairstep exponential decrease"),
    _typed("ramp", "start d, before U, end d, after U, at d -> U",
           "before + (after - before) * clamp((at - start) / (end - start), 0, 1)",
           "a value that moves along a line from one date to another, held before and after; unknown where start = end",
           "definition"),
    _typed("year", "d d -> 1", "year of d", "the calendar year, UTC; all parts of dates are unknown outside the years "
           "1 to 9999", "Gregorian calendar"),
    _typed("month", "d d -> 1", "1 to 12", "the month of the year, UTC", "Gregorian calendar"),
    _typed("day", "d d -> 1", "1 to 31", "the day of the month, UTC", "Gregorian calendar"),
    _typed("weekday", "d d -> 1", "1 to 7", "the day of the week, UTC: 1 is Monday", "ISO 8601"),
    _typed("hour", "d d -> 1", "0 to 23", "the full hours since midnight, UTC", "ISO 8601"),
)  # fmt: skip

# same: all arguments and the result share one unit; plain: numbers without unit in and out; sqrt: the unit's root;
# sign: any unit in, none out; round: like same, the second argument a positive constant;
# interpolate: (x, x0, y0, x1, y1).
BUILTINS = {
    b.name: b
    for b in (
        Builtin("abs", 1, 1, "same", "|x|", "size without sign"),
        Builtin("sign", 1, 1, "sign", "1, 0 or -1", "1 above zero, 0 at zero, -1 below"),
        Builtin("min", 2, None, "same", "min(x, y, ...)", "the smallest of its arguments, row by row"),
        Builtin("max", 2, None, "same", "max(x, y, ...)", "the largest of its arguments, row by row"),
        Builtin("clamp", 3, 3, "same", "min(max(x, low), high)", "x held between low and high; unknown if low > high",
                "x, low, high"),
        Builtin("sqrt", 1, 1, "sqrt", "x^0.5", "square root; unknown below zero"),
        Builtin("exp", 1, 1, "plain", "e^x", "exponential; unknown where it overflows"),
        Builtin("ln", 1, 1, "plain", "log_e x", "natural logarithm; unknown at and below zero"),
        Builtin("floor", 1, 1, "plain", "floor(x)", "the whole number at or below x"),
        Builtin("ceil", 1, 1, "plain", "ceil(x)", "the whole number at or above x"),
        Builtin("round_down", 2, 2, "round", "floor(x / step) * step", "the multiple of step at or below x", "x, step"),
        Builtin("round_up", 2, 2, "round", "ceil(x / step) * step", "the multiple of step at or above x", "x, step"),
        Builtin(
            "round_nearest", 2, 2, "round", "floor(x / step + 0.5) * step", "the nearest multiple of step, halves up",
            "x, step",
        ),
        Builtin(
            "interpolate", 5, 5, "interpolate", "y0 + (y1 - y0) * clamp((x - x0) / (x1 - x0), 0, 1)",
            "on the line from (x0, y0) to (x1, y1), held at its ends; unknown where x0 = x1",
            "x, x0, y0, x1, y1",
        ),
        *_NORMAL, *_OPTIONS, *_OTHERS,
    )
}  # fmt: skip

AGGREGATES = ("sum", "min", "max", "mean", "count", "share", "any", "all", "first")
