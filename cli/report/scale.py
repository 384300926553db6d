"""Where a value stands on an axis, and which values deserve a tick."""

import math

from dsl.records import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """From ``low .. high`` to pixels ``start .. end``. A logarithmic one takes ``low > 0`` and holds what is below."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        held = min(max(value, self.low), self.high)
        return self.start + (self.end - self.start) * self._share(held)

    def _share(self, value: float) -> float:
        if self.high <= self.low:
            return 0.5
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at(self, share: float) -> float:
        """The value at a share of the axis, 0 to 1."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + (self.high - self.low) * share

    def ticks(self, most: int) -> list[float]:
        """Round values within the axis, at most about ``most`` of them."""
        return _decades(self.low, self.high, most) if self.log else nice(self.low, self.high, most)


def nice(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def top(high: float) -> float:
    """A round number at or just above a count, for the height of a histogram."""
    return max([t for t in nice(0, high * 1.35, 5) if t >= high][:1] or [high, 1])


def _decades(low: float, high: float, most: int) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 1:
        return [t for t in nice(low, high, most) if t >= low]
    step = max(1, math.ceil((last - first + 1) / max(most, 1)))
    return [10.0**i for i in range(first, last + 1, step)]
