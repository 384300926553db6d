"""The normal distribution in decimals, from its series and its continued fraction, beyond 60 digits."""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction

DIGITS = 110  # worked with: 60 are wanted, and differences of nearly equal numbers lose some
CONTEXT = Context(prec=DIGITS, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
SMALLEST = Decimal("1e-1000")  # as good as zero beside any float64
_PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651"
    "32823066470938446095505822317253594081"
)
_NOTHING = Decimal(10) ** -DIGITS


def decimal(x: Fraction) -> Decimal:
    return CONTEXT.divide(Decimal(x.numerator), Decimal(x.denominator))


def density(x: Decimal) -> Decimal:
    with localcontext(CONTEXT):
        return (-x * x / 2).exp() / (2 * _PI).sqrt()


def distribution(x: Decimal) -> Decimal:
    """The part of the standard normal distribution at or below x; 0 where that is below 1e-1000."""
    with localcontext(CONTEXT):
        if abs(x) > 70:
            return Decimal(x > 0)
        if abs(x) > 5:
            return 1 - _tail(x) if x > 0 else _tail(-x)
        term = total = x  # x + x^3/3 + x^5/(3 5) + ...
        odd = 1
        while abs(term) > _NOTHING * abs(total):
            odd += 2
            term = term * x * x / odd
            total += term
        return Decimal("0.5") + density(x) * total


def _tail(x: Decimal) -> Decimal:
    """The part above x > 0: density / (x + 1/(x + 2/(x + 3/(x + ...)))), its convergents one after another."""
    above, last_above = Decimal(1), Decimal(0)
    below, last_below = x, Decimal(1)
    step, found = 0, 1 / x
    while True:
        step += 1
        above, last_above = x * above + step * last_above, above
        below, last_below = x * below + step * last_below, below
        better = above / below
        if abs(better - found) <= _NOTHING * better:
            return density(x) * better
        found = better


def quantile(p: Decimal) -> Decimal:
    """The x below which the part p, between 0 and 1, lies: Newton's method on the distribution's logarithm."""
    with localcontext(CONTEXT):
        side = min(p, 1 - p)
        if side == Decimal("0.5"):
            return Decimal(0)
        wanted = side.ln()
        x = -(-2 * wanted).sqrt() if side < Decimal("0.1") else Decimal(0)
        for _ in range(60):
            part = distribution(x)
            step = (part.ln() - wanted) * part / density(x)
            x -= step
            if abs(step) <= abs(x) * Decimal("1e-50"):  # the next step would be its square
                break
        return x if p < Decimal("0.5") else -x
