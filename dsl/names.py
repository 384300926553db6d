"""What a file declares: one table of names for each kind, with every clash reported."""

from dataclasses import field

from dsl import syntax
from dsl.builtins import AGGREGATES, BUILTINS
from dsl.diagnostics import Diagnostics
from dsl.records import dataclass

TYPES = ("ratio", "number", "duration", "date", "text", "flag")
RESERVED = frozenset(
    "policy use unit entity param let table curve tiers effect scenario grid always check test given expect if then "
    "else and or not in becomes until by via where over other unknown infinite yes no once groups within fresh known "
    "as_of base after left solve draw first argmin argmax warn on".split()
)
_DEEPEST = 500  # formulas that name one another, in a circle where there are more
BUILTIN_NAMES = frozenset(BUILTINS) | frozenset(AGGREGATES)

Member = syntax.Input | syntax.Formula | syntax.Header


@dataclass(frozen=True, slots=True)
class Grouped:
    """What a group is made of: its base entity, and its keys by name as paths from there."""

    base: str
    keys: dict[str, syntax.Path]


@dataclass(slots=True)
class Names:
    """The declarations of a policy, by kind. ``members`` holds an entity's columns, tiers' columns among them."""

    units: dict[str, syntax.Unit] = field(default_factory=dict)
    entities: dict[str, syntax.Entity] = field(default_factory=dict)
    params: dict[str, syntax.Param] = field(default_factory=dict)
    functions: dict[str, syntax.Function] = field(default_factory=dict)
    tables: dict[str, syntax.Table] = field(default_factory=dict)
    curves: dict[str, syntax.Curve] = field(default_factory=dict)
    tiers: dict[str, syntax.Tiers] = field(default_factory=dict)
    checks: list[syntax.Check] = field(default_factory=list)
    tests: list[syntax.Test] = field(default_factory=list)
    laws: list[syntax.Law] = field(default_factory=list)
    effect: syntax.Effect | None = None
    scenarios: dict[str, syntax.Scenario] = field(default_factory=dict)
    grids: dict[str, syntax.Grid] = field(default_factory=dict)
    members: dict[str, dict[str, Member]] = field(default_factory=dict)
    own_units: dict[str, dict[str, syntax.Unit]] = field(default_factory=dict)
    groups: dict[str, Grouped] = field(default_factory=dict)
    top: dict[str, syntax.Name] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()  # names of definitions that could not be read, which has been reported

    def links(self, entity: str) -> dict[str, tuple[str, bool]]:
        """Link column to the entity that it leads to, and whether it is optional."""
        found = {}
        for name, member in self.members[entity].items():
            if isinstance(member, syntax.Input):
                target = self.link_target(member.type) or (name if self.mistyped(member) else None)
                if target:
                    found[name] = target, member.type.optional
        return found

    def optional(self, entity: str, column: str) -> bool:
        """Whether a column is an input that may be blank by nature."""
        member = self.members[entity].get(column)
        return isinstance(member, syntax.Input) and member.type.optional

    def leads_to(self, entity: str, written: syntax.Expr, depth: int = 0) -> str | None:
        """The entity that a path, or what a formula chooses from, is a link to; None where it is no link."""
        match written:
            case syntax.Fallback():
                return self.leads_to(entity, written.operand, depth)
            case syntax.If():
                return self.leads_to(entity, written.then, depth)
            case syntax.Path():
                at = entity
                for part in written.parts[:-1]:
                    if part.text not in self.members.get(at, {}) or (found := self.links(at).get(part.text)) is None:
                        return None
                    at = found[0]
                last = written.parts[-1].text
                if last == at or at not in self.members:
                    return at if last == at else None
                member = self.members[at].get(last)
                if isinstance(member, syntax.Formula) and depth < _DEEPEST:
                    return self.leads_to(at, member.value, depth + 1)
                return self.links(at)[last][0] if last in self.links(at) else None
        return None

    def mistyped(self, member: syntax.Input) -> bool:
        """Whether a column that is named as an entity has a type that there isn't: meant as a link, and reported."""
        if member.name.text not in self.entities or member.type.unit is None or len(member.type.unit.factors) != 1:
            return False
        path, _ = member.type.unit.factors[0]
        return len(path.parts) == 1 and path.text not in {*TYPES, *self.units, *self.entities}

    def link_target(self, type_: syntax.TypeExpr) -> str | None:
        if type_.unit is None or len(type_.unit.factors) != 1:
            return None
        path, power = type_.unit.factors[0]
        return path.text if power == 1 and path.text in self.entities else None


def reserved(name: syntax.Name, report: Diagnostics) -> bool:
    """Whether a name can't be declared, with its error."""
    if name.text in BUILTIN_NAMES:
        report.error("E102", f"`{name.text}` is a built-in function", name.span, help="choose another name")
    elif name.text in RESERVED or name.text in TYPES:
        report.error("E102", f"`{name.text}` is a word of the language", name.span, help="choose another name")
    else:
        return False
    return True
