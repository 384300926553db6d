"""The codes of what `check` proves or refutes beyond types: brackets, lookups, what nothing uses."""

from dsl.codes_read import Code

ANALYSING = (
    Code(
        "E820", "a jump between brackets",
        "A column marked `continuous` holds amounts to take off: the rate left of it times the key, less the amount, "
        "is the same on both sides of every bound. Here it is not.",
        "| 0   | 0.40% | 0  |\n| 50k | 0.50% | 40 |   # a rate and its amount",
        "| 0   | 0.40% | 0  |\n| 50k | 0.50% | 50 |",
    ),
    Code(
        "E821", "amounts of what",
        "A column marked `continuous` belongs to the rates left of it and to the one key with bounds, and has the unit "
        "of their product.",
        "| notional >= | amount continuous : USD |", "| notional >= | rate | amount continuous : USD |",
    ),
    Code(
        "W820", "a lookup that may find no row",
        "What is looked up may lie beyond the table's bounds, as far as ranges tell. Where it does the result is "
        "unknown, with its cause; a table that means it says `unknown outside`.",
        "rates(size)   # size is any number, and the first bound is 0", "rates(abs(size))",
    ),
    Code(
        "W821", "a definition that nothing uses",
        "It decides nothing, so a change to it changes nothing. Definitions of used files are not meant: a library "
        "holds more than one policy needs.",
        "let spare(x) = 2 * x", "remove it",
    ),
    Code(
        "W822", "a column of a table that nothing reads",
        "It decides nothing, so a change to it changes nothing.",
        "| market = | rate | leverage |   # only t.rate(…) is called", "| market = | rate |",
    ),
)  # fmt: skip
