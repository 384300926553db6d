"""Groups: `entity netting groups position by account, market.underlying:` is an entity whose rows come from others.

The group has its keys as columns, and each member a link to it, under the group's name. From there on it is an entity
like any other: nothing else needs to know where its rows come from.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from dsl import model, syntax
from dsl.diagnostics import Diagnostics, Label
from dsl.model import Kind, Type
from dsl.names import Grouped, Names, did_you_mean
from dsl.slice import definition
from dsl.source import Span
from dsl.state import AFTER
from dsl.tree import walk
from dsl.units import Base, Unit
from dsl.world import Scope, World

Links = tuple[str, ...]


# -- names ------------------------------------------------------------------------------------


def collect_groups(names: Names, report: Diagnostics) -> None:
    """Gives each group its keys as columns and its members their link, before anything else is looked up."""
    for entity in names.entities.values():
        if entity.groups is not None:
            _collect(names, entity, entity.groups, report, ())


def _collect(
    names: Names, entity: syntax.Entity, groups: syntax.Name, report: Diagnostics, chain: tuple[str, ...]
) -> None:
    name, base = entity.name.text, groups.text
    if name in names.groups:
        return
    before, names.lost = names.lost, names.lost | {name}  # until it is known to be one, nothing more is said of it
    if base in (*chain, name):
        shown = " -> ".join((*chain, name, base))
        help = "group an entity of the snapshot, or a group of one"
        report.error("E740", f"`{name}` groups itself: {shown}", groups.span, help=help)
        return
    if base not in names.entities:
        if base not in names.lost:
            near = did_you_mean(base, set(names.entities))
            report.error("E105", f"there is no entity `{base}`", groups.span, help=near)
        return
    if names.entities[base].once:
        help = "group an entity with many rows"
        report.error("E740", f"`{base}` has one row, so there is nothing to group", groups.span, help=help)
        return
    inner = names.entities[base]
    if inner.groups is not None:
        _collect(names, inner, inner.groups, report, (*chain, name))
        if base not in names.groups:
            return  # its own fault is reported
    keys: dict[str, syntax.Path] = {}
    for path in entity.by:
        last = path.parts[-1]
        if last.text == name or last.text in keys:
            said = "the group itself" if last.text == name else "another key"
            help = f"give it another name with a formula of `{base}`, and group by that"
            report.error("E741", f"the key `{path.text}` is called as {said}", path.span, help=help)
        elif (own := names.members[name].get(last.text)) is not None:
            labels = Label(own.name.span, "declared again"), Label(path.span, "a key is a column of the group")
            report.error("E101", f"`{last.text}` is declared twice", *labels, help="remove it, or give it another name")
        else:
            keys[last.text] = path
    names.groups[name], names.lost = Grouped(base, keys), before
    made = {key: _input(path.parts[-1], names.leads_to(base, path), path.span) for key, path in keys.items()}
    names.members[name] = {**made, **names.members[name]}
    names.members[base].setdefault(name, _input(entity.name, name, groups.span))


def _input(name: syntax.Name, target: str | None, span: Span) -> syntax.Input:
    unit = None
    if target is not None:
        unit = syntax.UnitExpr(((syntax.Path((syntax.Name(target, span),), span), Fraction(1)),), span)
    return syntax.Input(syntax.Name(name.text, span), syntax.TypeExpr(unit, (), False, span), None, None, "", span)


# -- definitions ------------------------------------------------------------------------------


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
    from dsl.guards import may_be_blank
    from dsl.paths import resolve

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


# -- links and units --------------------------------------------------------------------------


def canonical(names: Names, entity: str, links: Sequence[str]) -> Links:
    """A chain of links with each step through a group to one of its keys as the key's own path."""
    found: list[str] = []
    at, waiting = entity, list(links)
    while waiting:
        link = waiting.pop(0)
        target = names.links(at)[link][0]
        grouped = names.groups.get(target) if link == target else None
        if grouped is not None and grouped.base == at and waiting and waiting[0] in grouped.keys:
            waiting[:1] = _from(at, grouped.keys[waiting[0]])
            continue
        found.append(link)
        at = target
    return tuple(found)


def _from(entity: str, path: syntax.Path) -> list[str]:
    """A key's links; a key that is the row's own key leads nowhere else."""
    parts = [p.text for p in path.parts]
    return [] if parts == [entity] else parts


def renamed(world: World, group: str, start: str, way: Links, base: Base) -> Base | None:
    """A per-row unit seen from a row of ``start``, from which ``way`` leads to a member of the group, as the group
    itself sees it: by the key that leads to the unit's row. None where none does."""
    names = world.names
    path = canonical(names, start, base.path)
    for key, written in names.groups[group].keys.items():
        if names.links(group).get(key) is None:
            continue
        there = canonical(names, start, (*way, *_from(names.groups[group].base, written)))
        if path[: len(there)] == there:
            return replace(base, path=(key, *path[len(there) :]), inner=False)
    return None


def unit_from(world: World, start: str, unit: Unit) -> Unit:
    """A unit whose paths start at a row of ``start``, each by the links that need no group."""
    change = {b: replace(b, path=canonical(world.names, start, b.path)) for b, _ in unit.factors if b.entity}
    return unit.map(change)


# -- afterwards -------------------------------------------------------------------------------


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
