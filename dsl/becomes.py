"""`effect`, `scenario` and `grid`: lines that rewrite inputs, each a formula of its target's entity."""

from dataclasses import replace

from dsl import model, syntax
from dsl.diagnostics import Label
from dsl.expressions import expression, label_or_expression
from dsl.model import Becomes, Kind, Scenario, Type
from dsl.near import did_you_mean
from dsl.tree import walk
from dsl.types import coerce, unit_type
from dsl.world import Scope, World


def define_effect(world: World, written: syntax.Effect) -> tuple[Becomes, ...]:
    made = []
    for line in once_each(world, written.lines):
        if len(line.target.parts) == 1 and line.target.text in world.names.params:
            help = "the tiers act on the book; a scenario may change a param"
            world.report.error(
                "E703", f"an effect can't rewrite the param `{line.target.text}`", line.target.span, help=help
            )
        elif (found := input_line(world, line, {})) is not None:
            no_after(world, found)
            made.append(found)
    return tuple(made)


def define_scenario(world: World, written: syntax.Scenario) -> Scenario:
    args: dict[str, Type] = {}
    for arg in written.args:
        args[arg.name.text] = model.NUMBER if arg.unit is None else unit_type(world, arg.unit, None)
    lines, params = [], {}
    for line in once_each(world, written.lines):
        name = line.target.text
        if len(line.target.parts) == 1 and name in world.names.params:
            type_ = world.params[name].type if name in world.params else model.ANY
            world.used_params.add(name)
            value = expression(world, line.value, Scope(args=args))
            params[name] = coerce(world, line.value, value, type_, f"`{name}`", Label(line.target.span, "this param"))
        elif (found := input_line(world, line, args)) is not None:
            no_after(world, found)
            lines.append(found)
    return Scenario(written.name.text, tuple(args.items()), tuple(lines), params, written.description, written.span)


def once_each(world: World, lines: tuple[syntax.Becomes, ...]) -> list[syntax.Becomes]:
    kept: dict[str, syntax.Becomes] = {}
    for line in lines:
        if (first := kept.get(line.target.text)) is not None:
            labels = Label(line.target.span, "again"), Label(first.target.span, "first here")
            help = "all lines read the old state; write one line with the whole change"
            world.report.error("E702", f"`{line.target.text}` is rewritten twice", *labels, help=help)
        else:
            kept[line.target.text] = line
    return list(kept.values())


def input_line(world: World, line: syntax.Becomes, args: dict[str, Type]) -> Becomes | None:
    """A line that rewrites an input; ``args``: what it may read besides the row's columns."""
    target = line.target
    entity = target.parts[0].text
    if len(target.parts) != 2 or entity not in world.names.entities:
        if world.names.lost.isdisjoint(p.text for p in target.parts):
            help = did_you_mean(entity, world.names.entities) or "write `entity.column becomes …`"
            world.report.error("E701", f"`{target.text}` is no input of an entity", target.span, help=help)
        return None
    column = target.parts[1].text
    made = world.inputs[entity].get(column)
    if made is None:
        if column not in world.names.lost:
            formula = column in world.names.members[entity]
            near = did_you_mean(column, world.inputs[entity])
            advice = "formulas follow from the inputs: rewrite those" if formula else near
            world.report.error("E701", f"`{target.text}` is no input of an entity", target.span, help=advice)
        return None
    if made.type.kind is Kind.LINK:
        help = "who owns what stays as it is; rewrite sizes and prices"
        world.report.error("E701", f"the link `{target.text}` can't be rewritten", target.span, help=help)
        return None
    if made.grouped:
        help = "groups stay as they are formed; rewrite inputs of their members"
        world.report.error("E701", f"the key `{target.text}` can't be rewritten", target.span, help=help)
        return None
    world.read.add((entity, column))
    scope = Scope(entity, shock=args)
    value = label_or_expression(world, line.value, made.type, scope)
    value = coerce(world, line.value, value, made.type, f"`{target.text}`", Label(made.span, "declared here"))
    if isinstance(value, model.Const) and value.type.kind is Kind.NUMBER:
        value = replace(value, type=made.type)
    return Becomes(entity, column, value, line.span)


def no_after(world: World, line: Becomes) -> None:
    """The lines read the old state."""
    for expr in walk(line.value):
        if isinstance(expr, model.Read) and expr.column.startswith("after."):
            help = "all lines are computed from the state before"
            world.report.error("E704", "this can't read the state after itself", expr.span, help=help)
