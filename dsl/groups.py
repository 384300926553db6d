"""Groups: `entity netting groups position by account, market.underlying:` is an entity whose rows come from others.

The group has its keys as columns, and each member a link to it, under the group's name. From there on it is an entity
like any other: nothing else needs to know where its rows come from.
"""

from dataclasses import replace

from dsl import model, syntax
from dsl.diagnostics import Diagnostics
from dsl.group_paths import renamed
from dsl.guards import may_be_blank
from dsl.model import Kind, Type
from dsl.paths import resolve
from dsl.slice import definition
from dsl.source import Span
from dsl.state import AFTER
from dsl.tree import walk
from dsl.world import Scope, World


def define_group(world: World, name: str, span: Span) -> model.Grouping | None:
    """What a group is grouped by, worked out once. A key that depends on the group is a circle, and shown."""
    if name in world.groups:
        return world.groups[name]
    grouped = world.names.groups.get(name)
    if grouped is None or not world.enter((name, "by"), span):
        return None
    if grouped.base in world.names.groups:
        define_group(world, grouped.base, span)
    keys = [(key, _key(world, grouped.base, path)) for key, path in grouped.keys.items()]
    world.leave((name, "by"))
    reads = tuple((key, read) for key, read in keys if read is not None)
    grouping = world.groups[name] = model.Grouping(grouped.base, reads, world.names.entities[name].span)
    own = world.inputs.setdefault(name, {})
    for key, read in reads:
        type_ = _own_type(world, name, key, read)
        own[key] = model.Input(key, type_, None, False, None, "", read.span, grouped=True)
    return grouping


def _key(world: World, base: str, path: syntax.Path) -> model.Read | None:
    if path.parts[0].text in ("after", "base") and len(path.parts) > 1:
        help = "groups are formed once, from the book as it stands; leave the word out"
        world.report.error("E742", f"`{path.text}` can't be a key", path.span, help=help)
        return None
    found = resolve(world, path, Scope(base), guarded=True)
    if isinstance(found, model.Read):
        if may_be_blank(world, found, base):
            name = path.parts[-1].text
            help = f"group by a formula that says where it belongs then, such as `{name}_or = {path.text} ?? …`"
            report = f"`{path.text}` may be blank, and a key says where each row belongs"
            world.report.error("E301", report, path.span, help=help)
        return None if found.type.kind is Kind.ANY else found
    if found.type.kind is not Kind.ANY:
        help = f"group by columns of `{base}`, or of what it links to"
        world.report.error("E742", f"`{path.text}` is the same for every `{base}`", path.span, help=help)
    return None


def _own_type(world: World, group: str, key: str, read: model.Read) -> Type:
    """A key's type as the group sees it: a per-row unit is known there by a key that leads to its row."""
    if read.type.kind is not Kind.NUMBER or read.type.unit is None:
        return read.type
    base = world.names.groups[group].base
    change = {b: renamed(world, group, base, (), b) for b, _ in read.type.unit.factors if b.entity}
    for old, new in change.items():
        if new is None:
            help = f"add the key `{'.'.join(old.path)}` before it: then the unit is that of its `{old.entity}`"
            message = f"`{key}` is in `{read.type.unit}`, which differs among the rows of one `{group}`"
            world.report.error("E743", message, read.span, help=help)
            return model.ANY
    return replace(read.type, unit=read.type.unit.map({b: n for b, n in change.items() if n is not None}))


def check_groups(policy: model.Policy, report: Diagnostics) -> None:
    """A key depends only on what is known before the tiers act: on no `until`, on no state after."""
    for name in policy.groups:
        grouping = policy.entities[name].groups
        assert grouping is not None
        for key, read in grouping.keys:
            what = _later(policy, read)
            if what is not None:
                help = "groups are formed once, before the tiers act; group by what doesn't depend on that"
                report.error("E742", f"`{key}` depends on {what}, so it can't be a key", read.span, help=help)


def _later(policy: model.Policy, read: model.Read) -> str | None:
    """What a key depends on that is not known when groups are formed."""
    seen: set[tuple[str, str]] = set()
    waiting: list[model.Expr] = [read]
    while waiting:
        for part in walk(waiting.pop()):
            if isinstance(part, model.Solve):
                return "a `solve`"
            if not isinstance(part, model.Read) or (part.entity, part.column) in seen:
                continue
            cell = (part.entity, part.column)
            seen.add(cell)
            if part.column.startswith(AFTER):
                return f"the state after (`{part.column}`)"
            if part.column == part.entity:
                continue
            if part.entity in policy.tiers and part.column not in policy.entities[part.entity].formulas:
                tiers = policy.tiers[part.entity]
                for place, made in enumerate(tiers.columns):
                    if made.name == part.column and any(isinstance(r.cells[place], model.Until) for r in tiers.rows):
                        return f"`{'.'.join(cell)}`, which `until` finds"
            waiting += definition(policy, *cell)
    return None
