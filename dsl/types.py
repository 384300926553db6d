"""Types as written to types, and whether two agree."""

from dataclasses import replace
from fractions import Fraction

from dsl import model, syntax
from dsl.diagnostics import Label
from dsl.group_paths import canonical
from dsl.model import Kind, Type
from dsl.names import TYPES
from dsl.near import did_you_mean
from dsl.source import Span
from dsl.units import ONE, SECOND, Base, Unit
from dsl.world import Scope, World, is_literal

_NAMED = {
    "ratio": model.RATIO,
    "number": model.NUMBER,
    "duration": model.DURATION,
    "date": model.DATE,
    "text": model.TEXT,
    "flag": model.FLAG,
}


def type_of(world: World, written: syntax.TypeExpr, entity: str | None) -> Type:
    """The type that is written, seen from a row of ``entity`` (None: from no row). ANY, reported, where it is none."""
    if written.unit is None:
        labels = tuple(n.text for n in written.labels)
        for i, name in enumerate(written.labels):
            if name.text in labels[:i]:
                world.report.error("E106", f"`{name.text}` stands twice in `one of`", name.span, help="remove one")
        return Type(Kind.ENUM, labels=labels)
    return unit_type(world, written.unit, entity, links=entity is not None)


def unit_type(world: World, written: syntax.UnitExpr, entity: str | None, *, links: bool = False) -> Type:
    """A product of units, or the name of a type or (where ``links``) of an entity."""
    if len(written.factors) == 1 and written.factors[0][1] == 1:
        name = written.factors[0][0].text
        if name in _NAMED:
            return _NAMED[name]
        if name in world.names.entities and links:
            return Type(Kind.LINK, entity=name)
    unit = ONE
    for path, power in written.factors:
        factor = _unit(world, path, entity)
        if factor is None:
            return model.ANY
        unit = unit * factor**power
    return Type(Kind.NUMBER, unit)


def _unit(world: World, path: syntax.Path, entity: str | None) -> Unit | None:
    names = [p.text for p in path.parts]
    if len(names) == 1:
        if names[0] in ("number", "ratio"):
            return ONE
        if names[0] == "duration":
            return Unit.of(SECOND)
        if entity is not None and names[0] in world.names.own_units[entity]:
            return Unit.of(Base(names[0], entity))
        if names[0] in world.names.units:
            world.used.add((names[0],))
            return Unit.of(Base(names[0]))
    elif entity is not None:
        at = entity
        for i, link in enumerate(names[:-1]):
            if (target := world.names.links(at).get(link)) is None:
                world.report.error(
                    "E202",
                    f"`{link}` is not a link of `{at}`",
                    path.parts[i].span,
                    help=did_you_mean(link, world.names.links(at))
                    or f"a link is a column of `{at}` whose type is an entity",
                )
                return None
            at = target[0]
        if names[-1] in world.names.own_units[at]:
            return Unit.of(Base(names[-1], at, canonical(world.names, entity, names[:-1])))
    _no_unit(world, path, entity, names)
    return None


def _no_unit(world: World, path: syntax.Path, entity: str | None, names: list[str]) -> None:
    if not world.names.lost.isdisjoint((*names, "unit")):
        return
    per_row = [
        e for e, units in world.names.own_units.items() if names[-1] in units and (len(names) == 1 or entity is None)
    ]
    if per_row:
        hint = f"`{names[-1]}` is different for every `{per_row[0]}`: " + (
            f"write `{per_row[0]}.{names[-1]}` where a link `{per_row[0]}` stands"
            if entity
            else "it can stand only in an entity; leave the type out"
        )
    else:
        known = {*TYPES, *world.names.units, *(world.names.own_units[entity] if entity else ())}
        links = world.names.entities if entity else ()
        hint = (
            did_you_mean(names[-1], {*known, *links})
            or f"declare it with `unit {names[-1]}`, or use one of: {', '.join(sorted(known))}"
        )
    world.report.error("E201", f"there is no type or unit `{path.text}`", path.span, help=hint)


def literal_unit(world: World, number: syntax.Number, scope: Scope) -> Type:
    """The type of a number as written."""
    if number.kind == "duration":
        return model.DURATION
    if number.unit is None:
        if number.value == 0 and number.kind == "plain":
            return model.ZERO
        return model.RATIO if number.kind == "percent" else model.NUMBER
    unit = _unit(world, number.unit, scope.inner or scope.entity)
    return model.ANY if unit is None else Type(Kind.NUMBER, unit)


def same(a: Type, b: Type) -> Type | None:
    """The type that holds both, or None. A literal 0 or `infinite` goes with every unit; ANY with everything."""
    if Kind.ANY in (a.kind, b.kind):
        return b if a.kind is Kind.ANY else a
    if a.kind is Kind.NUMBER and b.kind is Kind.NUMBER:
        if a.unit is None:
            return b
        if b.unit is None or a.unit == b.unit:
            return a if a.shown == "ratio" else replace(a, shown=b.shown)
        return None
    return a if a == b else None


def describe(type_: Type) -> str:
    """A type as a message names it."""
    if type_.kind is Kind.NUMBER:
        return (
            "a number of any unit"
            if type_.unit is None
            else "a plain number"
            if type_.unit == ONE
            else f"`{type_.unit}`"
        )
    if type_.kind is Kind.LINK:
        return f"a link to `{type_.entity}`"
    return f"`{type_}`"


def expect(world: World, expr: model.Expr, wanted: Type, what: str, *also: Label, calls: tuple[Span, ...] = ()) -> bool:
    """Whether an expression has the wanted type; reported where it hasn't."""
    if same(expr.type, wanted) is not None:
        return True
    help_ = None
    if wanted.kind is Kind.NUMBER and expr.type == model.NUMBER and isinstance(expr, model.Const):
        help_ = f"write the unit: `{expr.span.text.strip()} {wanted.unit}`"
    elif wanted.kind is Kind.NUMBER and expr.type.kind is Kind.NUMBER and wanted.unit and expr.type.unit:
        factor = wanted.unit / expr.type.unit
        help_ = (
            f"multiply by something in `{factor}`" if wanted.unit != ONE else f"divide by something in `{ONE / factor}`"
        )
    elif wanted.kind is Kind.FLAG:
        help_ = "compare it with something, such as `> 0`"
    world.report.error(
        "E203",
        f"{what} must be {describe(wanted)}, and this is {describe(expr.type)}",
        Label(expr.span, describe(expr.type)),
        *also,
        *(Label(c, "called here") for c in calls),
        help=help_,
    )
    return False


def coerce(world: World, written: syntax.Expr, expr: model.Expr, wanted: Type, what: str, *also: Label) -> model.Expr:
    """An expression where a type is declared: a plain number as written takes the declared unit."""
    if wanted.kind is Kind.NUMBER and is_literal(written) and expr.type.unit == ONE and isinstance(expr, model.Const):
        return replace(expr, type=wanted)
    expect(world, expr, wanted, what, *also)
    return expr


def is_number(type_: Type) -> bool:
    return type_.kind in (Kind.NUMBER, Kind.ANY)


def root(unit: Unit | None, power: Fraction) -> Unit | None:
    return None if unit is None else unit**power
