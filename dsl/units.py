"""Units: products of powers of declared units, of which some are different for every row."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, order=True)
class Base:
    """One declared unit.

    ``path`` is empty for a policy's unit (``USD``, with ``entity`` empty) and for an entity's own unit seen from its
    own row; else the links that lead to the row whose unit it is (``market.asset``). ``inner`` marks a path that starts
    at the row inside an aggregate.
    """

    name: str
    entity: str = ""
    path: tuple[str, ...] = ()
    inner: bool = False

    def __str__(self) -> str:
        return ".".join((*self.path, self.name))


SECOND = Base("duration")


@dataclass(frozen=True, slots=True)
class Unit:
    """``factors`` are sorted by base and hold no zero power, so that equal units are equal values."""

    factors: tuple[tuple[Base, Fraction], ...] = ()

    @staticmethod
    def of(base: Base) -> "Unit":
        return Unit(((base, Fraction(1)),))

    def _with(self, other: "Unit", sign: int) -> "Unit":
        powers = dict(self.factors)
        for base, power in other.factors:
            powers[base] = powers.get(base, Fraction(0)) + sign * power
        return Unit(tuple(sorted((b, p) for b, p in powers.items() if p)))

    def __mul__(self, other: "Unit") -> "Unit":
        return self._with(other, 1)

    def __truediv__(self, other: "Unit") -> "Unit":
        return self._with(other, -1)

    def __pow__(self, power: Fraction) -> "Unit":
        return Unit(tuple((b, p * power) for b, p in self.factors)) if power else Unit()

    def map(self, change: "dict[Base, Base]") -> "Unit":
        """The same unit with some bases renamed."""
        result = Unit()
        for base, power in self.factors:
            result = result * Unit.of(change.get(base, base)) ** power
        return result

    def __str__(self) -> str:
        """``USD/market.asset^0.5``; the unit 1 is ``number``."""
        above = [_factor(b, p) for b, p in self.factors if p > 0]
        below = [_factor(b, -p) for b, p in self.factors if p < 0]
        if not above and not below:
            return "number"
        return "/".join(["*".join(above) or "number", *below])


ONE = Unit()


def _factor(base: Base, power: Fraction) -> str:
    if power == 1:
        return str(base)
    exact = power.denominator == 1 or terminates(power.denominator)
    return f"{base}^{float(power):g}" if exact else f"{base}^({power})"


def terminates(denominator: int) -> bool:
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    return denominator == 1
