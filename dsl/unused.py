"""What a policy declares and never uses. Formulas and tiers are results, and curves are drawn for people."""

from dsl.model import Kind
from dsl.source import Source
from dsl.world import World


def warn_of_unused(world: World, own: Source) -> None:
    """Warnings; ``own``: the policy's own file. A library that it uses holds more than one policy needs."""
    for name, param in world.names.params.items():
        if name not in world.used_params:
            world.report.warn("W101", f"nothing reads the param `{name}`", param.name.span, help="remove it, or use it")
    for entity, inputs in world.inputs.items():
        for column, made in inputs.items():
            if (entity, column) not in world.read and made.type.kind is not Kind.ANY and not made.grouped:
                member = world.names.members[entity][column]
                world.report.warn(
                    "W102",
                    f"nothing reads `{entity}.{column}`",
                    member.name.span,
                    help="remove it, or use it" + ("" if made.optional else "; a snapshot must hold it as it stands"),
                )
    _definitions(world, own)


def _definitions(world: World, own: Source) -> None:
    names = world.names
    for what, kind in (("unit", names.units), ("function", names.functions), ("table", names.tables)):
        for name, statement in kind.items():
            if statement.name.span.source is own and (name,) not in world.used:
                span = statement.name.span
                world.report.warn("W821", f"nothing uses the {what} `{name}`", span, help="remove it, or use it")
    for name, table in names.tables.items():
        if table.name.span.source is not own or (name,) not in world.used:
            continue
        for header in table.headers:
            if header.operator is None and (name, header.name.text) not in world.used:
                message = f"nothing reads the column `{header.name.text}` of `{name}`"
                world.report.warn("W822", message, header.span, help="remove it, or use it")
