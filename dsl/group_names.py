"""Groups by name: each has its keys as columns, and its members a link to it, before anything else is looked up."""

from fractions import Fraction

from dsl import syntax
from dsl.diagnostics import Diagnostics, Label
from dsl.names import Grouped, Names
from dsl.near import did_you_mean
from dsl.source import Span


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
            near = did_you_mean(base, names.entities)
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
