"""The page of the built-in functions and the aggregates."""
# ruff: noqa: E501 (prose)

from page_parts import table

_UNITS = {
    "same": "all arguments and the result share one unit",
    "one": "any unit",
    "plain": "a plain number in, a plain number out",
    "sqrt": "the result has the root of the argument's unit",
    "sign": "any unit in, a plain number out",
    "round": "x, step and the result share one unit",
    "interpolate": "x, x0 and x1 share one unit; y0, y1 and the result another",
    "clamp": "all arguments and the result share one unit",
}
_GIVES = {
    "U": "the shared unit",
    "1": "a plain number",
    "%": "a ratio",
    "1/U": "one over the shared unit",
    "U/t": "the shared unit by a duration",
}
_FINANCE = """## Normal distribution, options, impact, dates

Spot (or forward) and strike share a unit, and so do size and depth. `time`, `step` are durations; `start`, `end`, `at` and
`d` are dates, whose parts are those of UTC. Volatility, rates, carry and intensity are plain numbers for a year,
which has 365 days. In the formulas `N` and `n` are `normal_cdf` and `normal_pdf`,

```text
T  = time / 365d
F  = spot * e^(carry T)         of Black-76: the forward itself, without carry
D  = e^(-rate T)
s  = volatility * T^0.5
d1 = ln(F / strike) / s + s / 2
d2 = d1 - s
```

`carry` is what holding the underlying costs: the rate itself for an asset that pays nothing, the rate less the yield
for one that pays, 0 for a future, the rate less the foreign rate for a currency. Without time or volatility (`s = 0`)
a price is D times what exercise against F is worth, and a greek is what it tends to: half a delta exactly at the
strike. Vega and rho are per 1, which is 100 points; theta is by a duration, so `bsm_theta_call(...) * 1d` is what a
day takes. In `rho` the carry moves as the rate does, the yield staying as it is.

A price or greek is unknown where spot or strike is not above zero, where volatility or time is negative, and where e
is raised to more than 700. Jumps come `intensity` times a year; each multiplies the spot by `1 + mean_jump` on
average, its logarithm with the standard deviation `jump_volatility`, and changes the variance of the n-th term to
`s^2 + n jump_volatility^2`. The terms are added up in order until what is left out is below 1e-13 of their sum
(prices below 1e-300 of the spot aside), so the result is truncated by less than 1e-12 of itself, and the same in
every run. Unknown besides: a negative intensity or jump volatility, a mean jump of -100% or less, more than 500 jumps
expected.

The distribution and its inverse are right to about 15 digits, tails included. Where a decision is too close for that,
the row is decided in 60 digits.

"""
# What each gives over no rows stands in evaluator/aggregates.py; tests/test_docs.py evaluates every line.
AGGREGATES = {
    "sum": ("of numbers", "the total", "0"),
    "min": ("of numbers or dates", "the smallest", "unknown"),
    "max": ("of numbers or dates", "the largest", "unknown"),
    "mean": ("of numbers", "the sum divided by the number of rows", "unknown"),
    "count": ("of rows or conditions", "how many rows there are, or fulfil the condition", "0"),
    "share": ("of conditions", "the part of the rows that fulfils the condition, 0% to 100%", "unknown"),
    "any": ("of conditions", "yes if one row fulfils the condition", "no"),
    "all": ("of conditions", "yes if every row fulfils the condition", "yes"),
    "first": ("of anything", "the value in the row that is first by `by`, of equal ones by its key", "unknown"),
}


def builtins() -> str:
    """The built-in functions and the aggregates."""
    from dsl.builtins import AGGREGATES as NAMES
    from dsl.builtins import BUILTINS, Builtin

    def call(b: Builtin) -> str:
        return f"`{b.shape.replace('…', '...')}`"

    rows = [(call(b), f"`{b.formula}`", b.meaning, _UNITS[b.rule]) for b in BUILTINS.values() if b.rule != "typed"]
    typed = [
        (call(b), f"`{b.formula}`", b.meaning, _GIVES[b.gives], b.source)
        for b in BUILTINS.values()
        if b.rule == "typed"
    ]
    kept = ((f"`{name}`", *AGGREGATES[name]) for name in NAMES)
    return (
        "# Built-in functions\n\n## Row by row\n\nEach works on the values of one row. An unknown argument makes the "
        "result unknown.\n\n"
        + table(("call", "formula", "meaning", "units"), rows)
        + "\n`interpolate` takes dates for x, x0 and x1; `ramp` below is the same with the dates beside their values.\n\n"
        + _FINANCE
        + table(("call", "formula", "meaning", "result", "source"), typed)
        + "\n## Several arguments\n\n`min`, `max` and `clamp` take dates too. With one argument that runs over other rows, `min` and `max` are "
        "aggregates.\n\n## Over rows\n\nAn aggregate takes one argument, in which the names of the inner row stand behind "
        "its entity: `sum(position.pnl)`. After the argument may stand `where CONDITION` and `via LINK`: see "
        "[aggregates](language.md#aggregates).\n\n"
        + table(("aggregate", "takes", "gives", "of no rows"), kept)
        + "\n## Of blanks\n\n`known(x)` is yes where an optional column is not blank, or a table has a row; "
        "`x ?? other` replaces exactly what `known` denies. Both are explained in "
        "[missing data](language.md#missing-data).\n"
    )
