"""The statements of a file into its table of names, with every clash reported."""

from typing import TypeVar

from dsl import syntax
from dsl.diagnostics import Diagnostics, Label
from dsl.group_names import collect_groups
from dsl.names import Member, Names, reserved
from dsl.near import did_you_mean

CAUSE = "_cause"


def collect(file: syntax.File, report: Diagnostics) -> Names:
    """The declarations of a file. A second declaration of a name is reported and left out."""
    names = Names(lost=file.lost)
    for statement in file.statements:
        _declare(names, statement, report)
    for entity in names.entities.values():
        _members(names, entity, report)
    collect_groups(names, report)
    for tiers in names.tiers.values():
        _tier_columns(names, tiers, report)
    for columns in names.members.values():
        _causes(columns, report)
    return names


def _declare(names: Names, statement: syntax.Statement, report: Diagnostics) -> None:
    match statement:
        case syntax.Unit():
            _top(names, statement.name, names.units, statement, report)
        case syntax.Entity():
            _top(names, statement.name, names.entities, statement, report)
        case syntax.Param():
            _top(names, statement.name, names.params, statement, report)
        case syntax.Function():
            _top(names, statement.name, names.functions, statement, report)
        case syntax.Table():
            _top(names, statement.name, names.tables, statement, report)
        case syntax.Curve():
            _top(names, statement.name, names.curves, statement, report)
        case syntax.Tiers():
            if (first := names.tiers.get(statement.entity.text)) is not None:
                report.error(
                    "E104",
                    f"`{statement.entity.text}` has tiers already",
                    Label(statement.entity.span, "a second time"),
                    Label(first.entity.span, "first here"),
                    help="an entity has one `tiers`; join the rows, or tier another entity",
                )
            else:
                names.tiers[statement.entity.text] = statement
        case syntax.Check():
            names.checks.append(statement)
        case syntax.Test():
            names.tests.append(statement)
        case syntax.Law():
            names.laws.append(statement)
        case syntax.Effect() if names.effect is None:
            names.effect = statement
        case syntax.Effect():
            assert names.effect is not None
            labels = Label(statement.span, "a second one"), Label(names.effect.span, "first here")
            report.error("E706", "a policy has one `effect`", *labels, help="join the lines")
        case syntax.Scenario():
            _top(names, statement.name, names.scenarios, statement, report)
        case syntax.Grid():
            _top(names, statement.name, names.grids, statement, report)
        case syntax.Use():
            pass
        case _:
            raise TypeError(f"no rule for {type(statement).__name__}")


S = TypeVar("S")


def _top(names: Names, name: syntax.Name, kind: dict[str, S], statement: S, report: Diagnostics) -> None:
    if reserved(name, report):
        return
    if (first := names.top.get(name.text)) is not None:
        report.error(
            "E101",
            f"`{name.text}` is declared twice",
            Label(name.span, "declared again"),
            Label(first.span, "first declared here"),
            help="rename one of the two; top-level names share one namespace",
        )
        return
    names.top[name.text] = name
    kind[name.text] = statement


def _members(names: Names, entity: syntax.Entity, report: Diagnostics) -> None:
    columns: dict[str, Member] = {}
    units: dict[str, syntax.Unit] = {}
    names.members[entity.name.text] = columns
    names.own_units[entity.name.text] = units
    for member in entity.members:
        if entity.groups is not None and not isinstance(member, syntax.Formula):
            what = "a unit" if isinstance(member, syntax.Unit) else "an input"
            help = f"its rows come from `{entity.groups.text}`: its keys are columns already, and more are formulas"
            report.error("E744", f"a group holds no {what[2:].strip()} of its own", member.span, help=help)
        elif isinstance(member, syntax.Unit):
            if _free(names, member.name, {**units}, report):
                units[member.name.text] = member
        elif member.name.text == entity.name.text:
            report.error(
                "E108",
                f"`{member.name.text}` is the key of the entity",
                member.name.span,
                help="the column that bears the entity's name is its key; it is there without being declared",
            )
        elif _is_link_of_its_name(names, member) or _free(names, member.name, columns, report):
            if (first := columns.get(member.name.text)) is not None:
                _twice(member.name, first.name, report)
            else:
                columns[member.name.text] = member


def _is_link_of_its_name(names: Names, member: Member) -> bool:
    if not isinstance(member, syntax.Input):
        return False
    return names.link_target(member.type) == member.name.text or names.mistyped(member)


def _free(
    names: Names, name: syntax.Name, columns: "dict[str, Member] | dict[str, syntax.Unit]", report: Diagnostics
) -> bool:
    if reserved(name, report):
        return False
    if (top := names.top.get(name.text)) is not None:
        report.error(
            "E103",
            f"`{name.text}` is a name of the policy already",
            Label(name.span, "a column here"),
            Label(top.span, "declared here"),
            help="columns may not reuse top-level names; rename one of the two",
        )
        return False
    if (first := columns.get(name.text)) is not None:
        _twice(name, first.name, report)
        return False
    return True


def _twice(name: syntax.Name, first: syntax.Name, report: Diagnostics) -> None:
    report.error(
        "E101",
        f"`{name.text}` is declared twice",
        Label(name.span, "declared again"),
        Label(first.span, "first declared here"),
        help="rename one of the two, or remove it",
    )


def _tier_columns(names: Names, tiers: syntax.Tiers, report: Diagnostics) -> None:
    columns = names.members.get(tiers.entity.text)
    if columns is None:
        if tiers.entity.text in names.lost:
            return
        report.error(
            "E105",
            f"there is no entity `{tiers.entity.text}`",
            tiers.entity.span,
            help=did_you_mean(tiers.entity.text, names.entities),
        )
        return
    for header in tiers.headers[1:]:
        if _free(names, header.name, columns, report):
            columns[header.name.text] = header


def _causes(columns: dict[str, Member], report: Diagnostics) -> None:
    """Results hold beside a column why it is unknown."""
    for name, member in columns.items():
        if name.endswith(CAUSE) and (column := columns.get(name.removesuffix(CAUSE))) is not None:
            report.error(
                "E109",
                f"`{name}` is the column in which results say why `{column.name.text}` is unknown",
                Label(member.name.span, "declared here"),
                Label(column.name.span, "and it goes with this"),
                help="rename one of the two",
            )
