"""The tables and columns that a snapshot must have for a policy, as data."""

from typing import TypedDict

from dsl.model import RATIO, Entity, Input, Interval, Kind, Policy, Type
from dsl.text import duration_text, exact_text
from evaluator.layout import needs_table


class ColumnSchema(TypedDict):
    """``role``: ``key``, ``link``, ``input``, or ``instant`` (when the input without ``_at`` was taken)."""

    column: str
    role: str
    type: str
    range: str
    optional: bool
    fresh: str
    description: str


class TableSchema(TypedDict):
    """One entity's table; ``once``: exactly one row and no key."""

    entity: str
    once: bool
    description: str
    columns: list[ColumnSchema]


def schema(policy: Policy) -> list[TableSchema]:
    """Every table that the policy reads, in the order of its text, as plain data that JSON can hold."""
    return [
        TableSchema(entity=e.name, once=e.once, description=e.description, columns=_columns(e))
        for e in policy.entities.values()
        if needs_table(e)
    ]


def _columns(entity: Entity) -> list[ColumnSchema]:
    found = [] if entity.once else [_column(entity.name, "key", "text", description="each row's own name")]
    for input in entity.given.values():
        role = "link" if input.type.kind is Kind.LINK else "input"
        fresh = "" if input.fresh is None else duration_text(input.fresh)
        found.append(
            _column(
                input.name, role, type_text(input.type), range_text(input), input.optional, fresh, input.description
            )
        )
        if input.fresh is not None:
            description = f"when `{input.name}` was taken: at most {fresh} before as_of"
            found.append(_column(f"{input.name}_at", "instant", "date", description=description))
    return found


def _column(
    name: str,
    role: str,
    type: str,
    range: str = "",
    optional: bool = False,
    fresh: str = "",
    description: str = "",
) -> ColumnSchema:
    return ColumnSchema(
        column=name, role=role, type=type, range=range, optional=optional, fresh=fresh, description=description
    )


def type_text(type: Type) -> str:
    """A type as a policy writes it: ``USD/asset``, ``ratio``, ``one of A, B``, ``link to account``."""
    if type.kind is Kind.LINK:
        return f"link to {type.entity}"
    return "ratio" if type == RATIO and type.shown == "ratio" else str(type)


def range_text(input: Input) -> str:
    """``> 0``, ``0% to 500%``, in the column's unit; empty where every value is allowed."""
    domain = input.domain
    if domain is None or domain == Interval():
        return ""
    low, high = (None if b is None else exact_text(b, input.type, unit=False) for b in (domain.low, domain.high))
    if low and high and not domain.low_open and not domain.high_open:
        return f"{low} to {high}"
    above = f"{'>' if domain.low_open else '>='} {low}" if low else ""
    below = f"{'<' if domain.high_open else '<='} {high}" if high else ""
    return " and ".join(part for part in (above, below) if part)
