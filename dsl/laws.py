"""`always`: laws about the policy itself, conditions and shapes, checked like the formulas that they are about."""

from dsl import model, syntax
from dsl.expressions import condition, expression
from dsl.model import Kind
from dsl.slice import reach
from dsl.world import Scope, World


def define_law(world: World, written: syntax.Law) -> model.Law | None:
    """None, reported, where the law names no entity, or its shape isn't one of numbers of one entity."""
    on = written.on.text if written.on else None
    if written.on is not None and not world.has_entity(written.on):
        return None
    if isinstance(written.property, syntax.Shape):
        shape = _shape(world, written.property, written.on)
        return None if shape is None else model.Law(written.text, shape.subject.entity, shape, written.span)
    claim = condition(world, written.property, Scope(on, whole=on is None), "a law")
    return model.Law(written.text, on, claim, written.span)


def _shape(world: World, written: syntax.Shape, on: syntax.Name | None) -> model.Shape | None:
    found = [_column(world, path) for path in (written.subject, written.variable)]
    subject, variable = found
    if subject is None or variable is None:
        return None
    if subject.entity != variable.entity or (on is not None and on.text != subject.entity):
        help = "both sides are columns of one entity, such as `account.fee decreasing in account.health`"
        other = variable if subject.entity != variable.entity else subject
        world.report.error("E711", "a shape compares rows of one entity", other.span, help=help)
        return None
    if subject.entity in world.names.groups:
        help = f"state a condition instead (`on {subject.entity}`), or the shape of a column of its members"
        message = f"`{subject.entity}` is a group, so no cell of its rows can be varied"
        world.report.error("E746", message, written.span, help=help)
        return None
    return model.Shape(subject, written.word, variable, written.span)


def _column(world: World, path: syntax.Path) -> model.Read | None:
    """`account.fee`: a number of the entity that the path starts with."""
    first = path.parts[0]
    if len(path.parts) == 1:
        help = "name the entity too, such as `account.fee`"
        world.report.error("E711", f"`{path.text}` names no entity's column", path.span, help=help)
        return None
    if not world.has_entity(first):
        return None
    found = expression(world, syntax.Path(path.parts[1:], path.span), Scope(first.text))
    if found.type.kind is Kind.ANY:
        return None
    if not isinstance(found, model.Read) or found.links or found.type.kind is not Kind.NUMBER:
        help = "name a column of the entity that holds numbers, such as `account.health`"
        world.report.error("E711", f"`{path.text}` is not a number of `{first.text}`", path.span, help=help)
        return None
    return found


def check_laws(world: World, policy: model.Policy) -> None:
    """A shape's subject depends on its variable: else the law says nothing."""
    for law in policy.laws:
        if isinstance(law.claim, model.Shape):
            subject, variable = law.claim.subject, law.claim.variable
            if (variable.entity, variable.column) not in reach(policy, [subject], law.on)[0]:
                world.report.error(
                    "E712",
                    f"`{subject.span.text}` doesn't depend on `{variable.span.text}`",
                    law.claim.span,
                    help="name a column that it is computed from, or remove the law",
                )
