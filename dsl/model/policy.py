"""The checked policy as a whole."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from fractions import Fraction

from dsl.model.claims import Check, Law, Test
from dsl.model.definitions import Curve, Entity, Function, Grid, Param, Scenario, Table, Tiers
from dsl.model.expressions import Becomes
from dsl.model.types import Kind, Type
from dsl.records import dataclass
from dsl.source import Span, no_span


@dataclass(frozen=True, slots=True)
class Policy:
    """Mappings are in the order of the text. ``order``: every formula and tiers column, each after all that it reads,
    as (entity, column); a tiers' columns stand together, ``tier`` first. ``groups``: the entities that are groups, each
    after those that its keys need."""

    name: str
    version: Fraction | None
    effective: datetime | None
    description: str
    units: tuple[str, ...]
    entities: Mapping[str, Entity]
    params: Mapping[str, Param]
    functions: Mapping[str, Function]
    tables: Mapping[str, Table]
    curves: Mapping[str, Curve]
    tiers: Mapping[str, Tiers]  # by entity
    checks: tuple[Check, ...]
    order: tuple[tuple[str, str], ...]
    tests: tuple[Test, ...] = ()
    laws: tuple[Law, ...] = ()
    effect: tuple[Becomes, ...] = ()
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)
    grids: Mapping[str, Grid] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    span: Span = no_span()

    def type_of(self, entity: str, column: str) -> Type:
        """The type of an entity's column: its key, an input, a formula or a tiers column."""
        if column == entity:
            return Type(Kind.LINK, entity=entity)
        found = self.entities[entity]
        if column in found.inputs:
            return found.inputs[column].type
        if column in found.formulas:
            return found.formulas[column].type
        tiers = self.tiers[entity]
        if column == "tier":
            return Type(Kind.ENUM, labels=tiers.labels)
        return next(c.type for c in tiers.columns if c.name == column)
