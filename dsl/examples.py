"""Tests of a policy: given rows and expectations, checked like the formulas that they are about."""

from dataclasses import replace
from fractions import Fraction

from dsl import model, syntax
from dsl.cases import Case
from dsl.constants import constant
from dsl.diagnostics import Diagnostics, Label
from dsl.expressions import condition, expression
from dsl.model import Kind, Type
from dsl.near import did_you_mean, listed
from dsl.parse import parse_literal
from dsl.source import Source
from dsl.text import decimal_text
from dsl.types import coerce
from dsl.units import ONE
from dsl.world import Scope, World, is_literal


def define_test(world: World, case: Case) -> model.Test:
    written = case.test
    given: dict[str, model.GivenTable] = {}
    as_of = None
    for block in written.given:
        if block.as_of is not None:
            as_of = block.as_of.value
        elif world.has_entity(block.entity) and (group := world.names.entities[block.entity.text].groups) is not None:
            help = f"give rows of `{group.text}`: its groups are formed from them"
            world.report.error("E602", f"`{block.entity.text}` is a group", block.entity.span, help=help)
        elif block.entity.text in world.names.entities:
            if block.entity.text in given:
                world.report.error(
                    "E601", f"`{block.entity.text}` is given twice", block.entity.span, help="join the rows"
                )
            given[block.entity.text] = _given(world, block)
    expected = [block for block in written.expect if world.has_entity(block.entity)]
    expectations = [e for block in expected for e in _expect(world, block, given)]
    return model.Test(
        written.text, as_of, tuple(given.values()), tuple(expectations), written.span, case.name, case.span
    )


def _given(world: World, block: syntax.Given) -> model.GivenTable:
    """Columns that the entity has as inputs, or its key, each once; keys that are there, each once."""
    entity = block.entity.text
    once = world.names.entities[entity].once
    fresh = {f"{i.name}_at" for i in world.inputs[entity].values() if i.fresh is not None}
    known = {*world.inputs[entity], *fresh, *(() if once else (entity,))}
    columns: list[str] = []
    for header in block.headers:
        name = header.name.text
        if name in columns:
            world.report.error("E601", f"`{name}` is given twice", header.span, help="remove one of the columns")
        elif name not in known and name not in world.names.lost:
            formula = name in world.names.members[entity]
            hint = "only inputs are given; formulas are computed" if formula else did_you_mean(name, known)
            world.report.error("E602", f"`{entity}` has no input `{name}`", header.span, help=hint)
        columns.append(name)
    if not once and entity not in columns:
        world.report.error(
            "E602", f"the rows of `{entity}` have no key", block.entity.span, help=f"add the column `{entity}`"
        )
    inputs = world.inputs[entity]
    types = [inputs[name].type if name in inputs else model.TEXT for name in columns]
    rows = tuple(
        tuple(_cell(world, cell, type_) for cell, type_ in zip(row.cells, types, strict=True)) for row in block.rows
    )
    if entity in columns:
        _keys(world, block, [row[columns.index(entity)] for row in rows])
    return model.GivenTable(entity, tuple(columns), rows, block.span)


def _cell(world: World, cell: syntax.Cell, type_: Type) -> str:
    """A given cell as a snapshot would write it: numbers may bear a suffix, and take the column's unit."""
    text = cell.text if isinstance(cell, syntax.Word) else ""
    if type_.kind is not Kind.NUMBER or not text:
        return text
    report = Diagnostics()
    written = parse_literal(text, Source(cell.span.source.name, text), report)
    if written is not None and not report.failed:
        inner = World(world.names, report)
        value = constant(coerce(inner, written, expression(inner, written, Scope(args={})), type_, "the cell"))
        if isinstance(value, Fraction) and not report.failed:
            return decimal_text(value, 400)
    hint = report.found[0].help if report.found and report.found[0].code != "E111" else None
    help = hint or f"write a number in {type_}, such as `1.5` or `60%`; leave the cell blank for a missing one"
    world.report.error("E605", f"`{text}` is no number", cell.span, help=help)
    return text


def _keys(world: World, block: syntax.Given, keys: list[str]) -> None:
    for i, key in enumerate(keys):
        if not key:
            world.report.error(
                "E602", "this row has no key", block.rows[i].span, help="each row needs a key of its own"
            )
        elif key in keys[:i]:
            labels = Label(block.rows[i].span, "again"), Label(block.rows[keys.index(key)].span, "first here")
            world.report.error("E601", f"`{key}` is given twice", *labels, help="each row needs a key of its own")


def _expect(world: World, block: syntax.Expect, given: dict[str, model.GivenTable]) -> list[model.Expectation]:
    entity, key = block.entity.text, block.key.text
    rows = given.get(entity)
    if rows is not None and entity in rows.columns:
        keys = [row[rows.columns.index(entity)] for row in rows.rows]
        if key not in keys:
            hint = did_you_mean(key, keys) or f"its rows are {listed(keys)}"
            world.report.error("E603", f"no row `{key}` of `{entity}` is given", block.key.span, help=hint)
    elif rows is None and not world.names.entities[entity].once and world.names.entities[entity].groups is None:
        help = f"add `given {entity}` with its rows"
        world.report.error("E603", f"no rows of `{entity}` are given", block.entity.span, help=help)
    return [_expectation(world, entity, key, e) for e in block.expectations]


def _expectation(world: World, entity: str, key: str, written: syntax.Expectation) -> model.Expectation:
    scope = Scope(entity)
    expr = _condition(world, written.condition, scope)
    within: model.Exact | None = None
    if written.within is not None:
        left = expr.left.type if isinstance(expr, model.Compare) else model.ANY
        bound = coerce(world, written.within, expression(world, written.within, Scope(args={})), left, "`within`")
        value = constant(bound)
        if isinstance(value, Fraction) and value >= 0 and isinstance(expr, model.Compare):
            within = value
        elif bound.type.kind is not Kind.ANY:
            help = "write `x = 5 within 0.1`: at most that far from each other"
            world.report.error(
                "E604", "`within` takes a number, not below zero, after a comparison", bound.span, help=help
            )
    return model.Expectation(entity, key, expr, within, written.span)


def _condition(world: World, written: syntax.Expr, scope: Scope) -> model.Expr:
    """The condition; a plain number on one side takes the unit of the other."""
    if isinstance(written, syntax.Compare):
        for here, there in ((written.left, written.right), (written.right, written.left)):
            if is_literal(there) and not is_literal(here):
                known = expression(world, here, scope)
                if known.type.kind is Kind.NUMBER and known.type.unit is not None:
                    literal = expression(world, there, scope)
                    if literal.type.unit == ONE:
                        literal = replace(literal, type=known.type)
                    sides = (known, literal) if here is written.left else (literal, known)
                    return model.Compare(written.operator, *sides, model.FLAG, written.span)
    return condition(world, written, scope, "an expectation")
