"""Where the rows of a table end: the first and last bounds, beyond which a lookup finds no row."""

from collections.abc import Callable

from dsl import model
from dsl.constants import constant
from dsl.model import INFINITE, Exact, Interval
from dsl.records import dataclass


@dataclass(frozen=True, slots=True)
class End:
    """Nothing is found for ``key`` beyond ``value``, beside the other keys of ``row``."""

    key: model.Key
    value: Exact
    row: model.TableRow


def ends(table: model.Table, of: Callable[[model.Expr], Interval]) -> tuple[End, ...]:
    """For each key with bounds, the end that leaves out most; ``of``: the range of a bound, for all allowed params."""
    found = []
    for place, key in enumerate(table.keys):
        if key.operator in ("=", "~"):
            continue
        down = key.operator in (">=", ">")
        groups: dict[tuple[object, ...], End] = {}
        for row in table.rows:
            bound = row.keys[place]
            if not isinstance(bound, model.Expr):
                continue
            range_ = of(bound)
            value = (range_.high if down else range_.low) if range_ != Interval() else None
            if value is None:
                value = INFINITE if down else -INFINITE
            rest = tuple(group_key(k) for k in row.keys[:place])
            before = groups.get(rest)
            if before is None or (value < before.value if down else value > before.value):
                groups[rest] = End(key, value, row)
        if groups:
            worst = max if down else min
            found.append(worst(groups.values(), key=lambda end: end.value))
    return tuple(found)


def beyond(end: End, given: Interval) -> str | None:
    """How a key of this range can lie beyond the end: ``below``, ``above``, ``at or below``; None where it can't."""
    down = end.key.operator in (">=", ">")
    edge, is_open = (given.low, given.low_open) if down else (given.high, given.high_open)
    if edge is None:
        edge = -INFINITE if down else INFINITE
    if edge < end.value if down else edge > end.value:
        return "below" if down else "above"
    if edge == end.value and not is_open and end.key.operator in (">", "<"):
        return "at or below" if down else "at or above"
    return None


def group_key(key: "str | None | model.Expr") -> object:
    """A key cell as something that equal cells share."""
    if key is None or isinstance(key, str):
        return key
    value = constant(key)
    return key if value is None else value
