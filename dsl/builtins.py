"""The built-in functions that work on one row: one table row each. A kernel, a reference row and a page go with it."""

from dataclasses import dataclass
from typing import Literal

Rule = Literal["same", "one", "plain", "sqrt", "sign", "round", "interpolate", "clamp"]


@dataclass(frozen=True, slots=True)
class Builtin:
    """``least`` to ``most`` arguments (None: any number). ``rule`` says how units go in and come out."""

    name: str
    least: int
    most: int | None
    rule: Rule
    formula: str
    meaning: str


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
        Builtin("clamp", 3, 3, "same", "min(max(x, low), high)", "x held between low and high; unknown if low > high"),
        Builtin("sqrt", 1, 1, "sqrt", "x^0.5", "square root; unknown below zero"),
        Builtin("exp", 1, 1, "plain", "e^x", "exponential; unknown where it overflows"),
        Builtin("ln", 1, 1, "plain", "log_e x", "natural logarithm; unknown at and below zero"),
        Builtin("floor", 1, 1, "plain", "floor(x)", "the whole number at or below x"),
        Builtin("ceil", 1, 1, "plain", "ceil(x)", "the whole number at or above x"),
        Builtin("round_down", 2, 2, "round", "floor(x / step) * step", "the multiple of step at or below x"),
        Builtin("round_up", 2, 2, "round", "ceil(x / step) * step", "the multiple of step at or above x"),
        Builtin(
            "round_nearest", 2, 2, "round", "floor(x / step + 0.5) * step", "the nearest multiple of step, halves up"
        ),
        Builtin(
            "interpolate", 5, 5, "interpolate", "y0 + (y1 - y0) * clamp((x - x0) / (x1 - x0), 0, 1)",
            "on the line from (x0, y0) to (x1, y1), held at its ends; unknown where x0 = x1",
        ),
    )
}  # fmt: skip

AGGREGATES = ("sum", "min", "max", "mean", "count", "share", "any", "all")
