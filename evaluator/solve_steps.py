"""Where a search looks that can't go from piece to piece: outwards from today's value, in rising steps."""

from fractions import Fraction

from dsl.model import Interval

FARTHEST = 1000  # times today's value
HALVINGS = 60


def steps(today: Fraction, direction: int, range_: Interval) -> list[Fraction]:
    """Values on one side of today's: by hundredths of it (of 1 where it is 0), beyond twice it by tenths of the way so
    far, up to a thousand times; within the range, whose end is the last where it belongs to it."""
    size = abs(today) or Fraction(1)
    offsets = [size * i / 100 for i in range(1, 101)]
    while offsets[-1] < FARTHEST * size:
        offsets.append(offsets[-1] * Fraction(11, 10))
    found = [today + direction * offset for offset in offsets]
    inside = [x for x in found if range_.holds(x)]
    end = range_.high if direction > 0 else range_.low
    if len(inside) < len(found) and isinstance(end, Fraction) and range_.holds(end) and end not in (today, *inside):
        inside.append(end)
    return inside
