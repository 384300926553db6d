"""A step of an explanation: one value, with where it comes from and the values that it is made of."""

from typing import Literal

from dsl.records import dataclass
from evaluator.origins import OriginText
from evaluator.plain import Plain

StepKind = Literal[
    "formula", "tier", "input", "until", "param", "function", "table", "curve", "aggregate", "member", "grid", "move",
    "draw", "before", "solve",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Used:
    """A table's row or a curve's point that a value came from, as the policy writes it. ``weight``: how much of it:
    1, a share between two rows, or the part of the key that lies in this bracket."""

    text: str
    file: str
    line: int
    weight: float
    value: Plain


@dataclass(frozen=True, slots=True)
class Step:
    """One value. ``value`` is None where it is unknown, and ``unknown`` says where that began.

    ``kind`` formula, tier: a computed cell, with its ``text`` and place in the policy; input: a cell of the snapshot
    (``file``, ``cell`` as written); until: what was found to be enough; param; function, table, curve, aggregate: a
    call in a formula; grid: an expression over the moves of a grid, each a move. ``members``: how many rows an
    aggregate takes, or moves a grid has, of which ``parts`` shows the largest, or those that decide. draw: what was
    left when it was this row's turn, in ``place`` of the ``members`` of the line; before: a row that took something
    before it, the nearest first. solve: a number that was sought: ``way`` says on which side of today's it was found,
    ``parts`` what its condition was made of there. ``again``: explained before; ``cut``: too long to go on.
    """

    kind: StepKind
    name: str
    value: Plain
    unit: str
    shown: str
    unknown: OriginText | None = None
    entity: str = ""
    key: str = ""
    text: str = ""
    file: str = ""
    line: int | None = None
    cell: str | None = None
    used: tuple[Used, ...] = ()
    members: int | None = None
    place: int | None = None
    parts: "tuple[Step, ...]" = ()
    way: str = ""
    again: bool = False
    cut: bool = False
