"""Parts of dates and decay by steps, exactly: the reference interpreter's own calendar."""

from collections.abc import Callable
from fractions import Fraction

from dsl.causes import Cause
from dsl.model import Exact
from evaluator import exact
from evaluator.exact import UNITY, ZERO, Fault, compare

HOUR, DAY = Fraction(3_600), Fraction(86_400)
FIRST, LAST = Fraction(-62_135_596_800), Fraction(253_402_300_800)  # the year 1 begins, the year 9999 ends


def _since(date: Exact, step: Fraction) -> int:
    """Full steps since 1970 began."""
    if compare(date, FIRST) < 0 or compare(date, LAST) >= 0:
        raise Fault(Cause.DOMAIN)
    return int(exact.floor(exact.divide(date, step)))


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day, counting days from 1 March of the year 0, so that a leap day ends its year."""
    era, day = divmod(days + 719_468, 146_097)  # 400 years
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    rest = day - (365 * year + year // 4 - year // 100)
    month = (5 * rest + 2) // 153  # months from March on have 153 days in each five
    first = (153 * month + 2) // 5
    number = month + 3 if month < 10 else month - 9
    return year + 400 * era + (number <= 2), number, rest - first + 1


def _part(place: int) -> Callable[[Exact], Fraction]:
    return lambda date: Fraction(_civil(_since(date, DAY))[place])


def decay_by_steps(start: Exact, step: Exact, rate: Exact, at: Exact) -> Fraction:
    """What is left after each full step took its part."""
    if any(isinstance(x, float) for x in (start, step, rate, at)):
        raise Fault(Cause.OVERFLOW)
    if compare(step, ZERO) <= 0 or compare(rate, UNITY) > 0:
        raise Fault(Cause.DOMAIN)
    steps = exact.floor(exact.divide(exact.subtract(at, start), step))
    return exact.power(exact.subtract(UNITY, rate), steps) if steps > 0 else UNITY


DATES: dict[str, Callable[..., Exact]] = {
    "year": _part(0),
    "month": _part(1),
    "day": _part(2),
    "weekday": lambda date: Fraction((_since(date, DAY) + 3) % 7 + 1),
    "hour": lambda date: Fraction(_since(date, HOUR) % 24),
    "decay_by_steps": decay_by_steps,
}
