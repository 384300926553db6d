"""A column's type and formula, worked out when somebody asks for the first time."""

from dsl import model, syntax
from dsl.draws import draw
from dsl.expressions import expression
from dsl.groups import define_group
from dsl.model import Kind, Type
from dsl.source import Span
from dsl.tiers import define_tiers, tier_column_type
from dsl.world import Scope, World, invalid


def column_type(world: World, entity: str, column: str, span: Span) -> Type:
    """The type of a column, worked out now if it hasn't been."""
    if entity in world.names.groups:
        define_group(world, entity, span)
    if column == entity:
        return Type(Kind.LINK, entity=entity)
    member = world.names.members[entity][column]
    if isinstance(member, syntax.Input):
        found = world.inputs[entity].get(column)
        return found.type if found else model.ANY
    if isinstance(member, syntax.Formula):
        return formula(world, entity, member, span).type
    define_tiers(world, entity, span)
    return tier_column_type(world, entity, column)


def formula(world: World, entity: str, member: syntax.Formula, span: Span) -> model.Formula:
    """A formula, checked once; a circle is reported once."""
    cell = (entity, member.name.text)
    if cell in world.formulas:
        return world.formulas[cell]
    if not world.enter(cell, span):
        return model.Formula(member.name.text, model.ANY, invalid(member.span), member.description, member.span)
    value = _whole(world, member.value, Scope(entity))
    world.leave(cell)
    type_ = value.type
    if type_.kind is Kind.NUMBER and type_.unit is None:
        type_ = model.NUMBER
    made = model.Formula(member.name.text, type_, value, member.description, member.span)
    world.formulas[cell] = made
    world.order.append(cell)
    return made


def _whole(world: World, written: syntax.Expr, scope: Scope) -> model.Expr:
    """All of a formula: here, and nowhere else, stands a `draw`."""
    if isinstance(written, syntax.Draw):
        return draw(world, written, scope)
    return expression(world, written, scope)
