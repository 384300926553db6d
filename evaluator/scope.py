"""Where an expression stands while it is lowered, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from evaluator.graph import Node


class Lowered(NamedTuple):
    """A node and the level of its expression: it varies with nothing (0), this row (1), the row in an aggregate (2)."""

    node: Node
    level: int


@dataclass(frozen=True, slots=True)
class Scope:
    """This row's entity (SCALAR for the whole book), the one inside the nearest aggregate with the links that lead from
    it to this row, the arguments of the function around; ``tolerant`` in checks."""

    entity: str
    inner: str | None = None
    via: tuple[str, ...] | None = None
    args: Mapping[str, Lowered] = field(default_factory=dict)
    tolerant: bool = False
