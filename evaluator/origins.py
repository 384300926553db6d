"""Where an unknown began, in words: the cell as its file writes it, or the row whose formula met the fault."""

from dsl.causes import Cause
from dsl.model import Policy
from dsl.records import dataclass
from evaluator.book import Book
from evaluator.columns import Origin


@dataclass(frozen=True, slots=True)
class OriginText:
    """``entity`` and ``key`` are empty for a fault that belongs to no row. ``column``: the input of a faulty cell, the
    table or curve that was looked up, the tiers column out of its range, else empty. ``cell``: as written, or None."""

    cause: Cause
    entity: str
    row: int
    key: str
    column: str
    cell: str | None
    text: str


def describe_origin(policy: Policy, book: Book, code: int) -> OriginText:
    """Cause, place and a line for people, of an unknown's code."""
    origin = Origin.of(code)
    entities = list(policy.entities.values())
    entity = entities[origin.entity] if origin.entity < len(entities) else None
    name = entity.name if entity else ""
    table = book.tables[name] if entity else None
    key = str(table.keys[origin.row]) if table and entity and not entity.once else ""
    cell = None
    if entity and table and origin.cause <= Cause.BLANK:
        column = list(entity.inputs)[origin.column]
        cell = table.written(column, origin.row)
    else:
        column = _looked_up(policy, origin, name)
    return OriginText(origin.cause, name, origin.row, key, column, cell, _line(origin.cause, name, key, column, cell))


def _looked_up(policy: Policy, origin: Origin, entity: str) -> str:
    match origin.cause:
        case Cause.NO_ROW:
            return list(policy.tables)[origin.column]
        case Cause.OUTSIDE:
            return list(policy.curves)[origin.column]
        case Cause.CELL_RANGE if entity in policy.tiers:
            return policy.tiers[entity].columns[origin.column].name
    return ""


def _line(cause: Cause, entity: str, key: str, column: str, cell: str | None) -> str:
    """A line such as: missing: `market.mark` of `BTC`."""
    of = f" of `{key}`" if key else ""
    at = f" in {entity} `{key}`" if key else f" in {entity}" if entity else ""
    if cell is not None:
        return f"{cause.words}: `{entity}.{column}`{of}" + (f" is `{cell.strip(' ')}`" if cell.strip() else "")
    match cause:
        case Cause.NO_ROW:
            return f"no row in table `{column}`{at}"
        case Cause.OUTSIDE:
            return f"outside curve `{column}`{at}"
        case Cause.CELL_RANGE:
            return f"{cause.words}: `{entity}.{column}`{of}" if entity else f"{cause.words}: `{column}`"
    return cause.words + at
