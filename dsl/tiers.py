"""Tiers: bounds or conditions, their rows' reach, and the columns that they give their entity."""

from dataclasses import replace
from fractions import Fraction
from typing import Literal, cast

from dsl import model, syntax
from dsl.constants import constant
from dsl.diagnostics import Label
from dsl.expressions import condition, expression
from dsl.model import RATIO, Interval, Kind, TierColumn, TierRow, Type
from dsl.param_definitions import domain
from dsl.paths import resolve
from dsl.reach import check_reach
from dsl.source import Span
from dsl.tables import value_cell
from dsl.text import interval_text
from dsl.tree import is_constant
from dsl.types import coerce, describe, type_of
from dsl.world import Scope, World

UNIT_INTERVAL = Interval(Fraction(0), Fraction(1))


def tier_column_type(world: World, entity: str, column: str) -> Type:
    tiers = world.tiers.get(entity)
    if tiers is None:
        return model.ANY
    if column == "tier":
        return Type(Kind.ENUM, labels=tiers.labels)
    return next((c.type for c in tiers.columns if c.name == column), model.ANY)


def define_tiers(world: World, entity: str, span: Span) -> None:
    """The tiers of an entity, checked once. Its columns take their place in the order together."""
    key = (entity, "tier")
    if world.names.tiers[entity].headers == ():
        world.failed.add(key)
    if entity in world.tiers or key in world.failed or not world.enter(key, span):
        return
    made = _define(world, world.names.tiers[entity])
    world.leave(key)
    if made is None:
        world.failed.add(key)
        return
    world.tiers[entity] = made
    world.order.append(key)
    world.order.extend((entity, c.name) for c in made.columns)


def _define(world: World, written: syntax.Tiers) -> model.Tiers | None:
    entity = written.entity.text
    scope = Scope(entity)
    if world.names.entities[entity].groups is not None:
        return None
    first = written.headers[0]
    places = [i for i, h in enumerate(written.headers) if h.name.text == "tier" and i]
    if not places:
        world.report.error(
            "E430",
            "the tiers need a column `tier` for their names",
            first.span,
            help="add `| tier |` after the first column",
        )
        return None
    variable = None
    if first.operator in (">=", ">", "<=", "<"):
        variable = resolve(world, syntax.Path((first.name,), first.name.span), scope)
        if variable.type.kind not in (Kind.NUMBER, Kind.DATE, Kind.ANY):
            world.report.error(
                "E431",
                f"tiers go by a number, and `{first.name.text}` is {describe(variable.type)}",
                first.span,
                help="use `| when |` with conditions",
            )
            variable = replace(variable, type=model.ANY)
    elif first.name.text != "when":
        world.report.error(
            "E431",
            "the first column of tiers is a bound or `when`",
            first.span,
            help=f"write `| {first.name.text} >= |` or `| when |`",
        )
        return None
    operator = cast(model.BoundOperator, first.operator) if variable is not None else None
    columns = _columns(world, written)
    rows = [
        row for r in written.rows if (row := _row(world, written, r, variable, columns, scope, places[0])) is not None
    ]
    tiers = model.Tiers(
        entity,
        operator,
        variable,
        tuple(columns),
        tuple(rows),
        written.description,
        written.span,
    )
    check_reach(world, tiers, written)
    return tiers


def _columns(world: World, written: syntax.Tiers) -> list[TierColumn]:
    made = []
    for header in written.headers[1:]:
        if header.operator is not None or header.marginal or header.continuous:
            world.report.error(
                "E432",
                f"only the first column of tiers has a comparison, not `{header.name.text}`"
                if header.operator is not None
                else f"`marginal` and `continuous` are words of tables, not of tiers, as in `{header.name.text}`",
                header.span,
                help="remove the comparison" if header.operator is not None else "remove the word after its name",
            )
        if header.name.text == "tier":
            continue
        type_ = type_of(world, header.type, written.entity.text) if header.type else RATIO
        bounds = domain(world, header.domain, type_) if header.domain else None
        if header.type is None or (
            bounds is None and header.type.unit is not None and header.type.unit.span.text.strip() == "ratio"
        ):
            bounds = bounds or UNIT_INTERVAL
        made.append(TierColumn(header.name.text, type_, bounds))
    return made


def _row(
    world: World,
    written: syntax.Tiers,
    row: syntax.Row,
    variable: model.Expr | None,
    columns: list[TierColumn],
    scope: Scope,
    place: int,
) -> TierRow | None:
    head, label = row.cells[0], row.cells[place]
    when: model.Expr | None = None
    if isinstance(head, syntax.Until | syntax.Word):
        world.report.error(
            "E407", "this is no bound or condition", head.span, help="write a number, a condition, `other` or `unknown`"
        )
        return None
    if not isinstance(head, syntax.Keyword):
        if variable is None:
            when = condition(world, head, scope, "a `when` cell")
        else:
            when = coerce(
                world,
                head,
                expression(world, head, scope),
                variable.type,
                "a bound",
                Label(written.headers[0].span, "this column"),
            )
            if when.type.kind is not Kind.ANY and not is_constant(when):
                world.report.error(
                    "E408",
                    "a bound must be a constant or made of params",
                    when.span,
                    help="write a number or a param; for more, use `| when |` with conditions",
                )
    assert isinstance(label, syntax.Word)
    cells = []
    at = [h for h in range(1, len(written.headers)) if h != place]
    for column, i in zip(columns, at, strict=True):
        expr = value_cell(world, row.cells[i], column.type, scope, written.headers[i])
        value = constant(expr)
        known = value if isinstance(value, Fraction) and expr.type.kind is not Kind.ANY else None
        if column.domain is not None and known is not None and not column.domain.holds(known):
            world.report.error(
                "E434",
                f"`{expr.span.text.strip()}` is outside the range of `{column.name}`",
                Label(expr.span, "not allowed"),
                Label(written.headers[i].span, interval_text(column.domain, column.type)),
                help="change the value, or state another range in the header",
            )
        cells.append(expr)
    kind: Literal["bound", "other", "unknown"] = head.text if isinstance(head, syntax.Keyword) else "bound"
    return TierRow(label.text, kind, when, tuple(cells), row.span)
