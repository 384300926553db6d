"""Where an expression stands while it is lowered, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple

from dsl.records import dataclass
from evaluator.graph import Node


class Lowered(NamedTuple):
    """A node and the level of its expression: it varies with nothing (0), this row (1), the row in an aggregate (2), or
    with both, in one that goes up and down again (3)."""

    node: Node
    level: int


@dataclass(frozen=True, slots=True)
class Scope:
    """This row's entity (SCALAR for the whole book), the one inside the nearest aggregate with the links that lead from
    it to this row, or to the one that ``up`` leads to from here; the arguments of the function around; ``tolerant`` in
    checks."""

    entity: str
    inner: str | None = None
    via: tuple[str, ...] | None = None
    up: tuple[str, ...] = ()
    args: Mapping[str, Lowered] = field(default_factory=dict)
    tolerant: bool = False
