"""The checker: the tree as written to the checked policy, or every fault that keeps it from being one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from dsl import model, solve, syntax
from dsl.becomes import define_effect, define_scenario
from dsl.cases import cases_of
from dsl.columns import formula
from dsl.curves import define_curve
from dsl.declarations import collect
from dsl.diagnostics import Diagnostics, Label
from dsl.examples import define_test
from dsl.expressions import condition
from dsl.functions import define_functions
from dsl.grids import define_grid
from dsl.groups import check_groups, define_group
from dsl.laws import check_laws, define_law
from dsl.model import MEMBERS, Kind
from dsl.over import check_overs
from dsl.param_definitions import define_params, domain
from dsl.ranges import Definitions, Ranges
from dsl.source import Span
from dsl.state import state_after
from dsl.tables import define_table
from dsl.tiers import define_tiers
from dsl.types import type_of
from dsl.until import check_untils
from dsl.unused import warn_of_unused
from dsl.world import Scope, World


def check(file: syntax.File, report: Diagnostics) -> model.Policy | None:
    """The model of a file, or None where an error was found. All errors and warnings are appended to ``report``."""
    with _deep_recursion():
        world = World(collect(file, report), report)
        _title(world, file)
        for step in (_inputs, define_params, define_functions, _tables, _groups, _formulas, _tiers):
            step(world)
        checks = tuple(_check(world, c) for c in world.names.checks)
        tests = tuple(define_test(world, c) for t in world.names.tests for c in cases_of(report, t))
        laws = tuple(law for w in world.names.laws if (law := define_law(world, w)) is not None)
        effect = define_effect(world, world.names.effect) if world.names.effect else ()
        scenarios = {n: define_scenario(world, s) for n, s in world.names.scenarios.items()}
        for name, grid in world.names.grids.items():
            define_grid(world, name, grid.name.span)
        if report.failed:
            return None
        warn_of_unused(world, file.span.source)
        before = replace(_policy(world, file, checks, tests), effect=effect, scenarios=scenarios, laws=laws)
        before = replace(before, grids={n: world.grids[n] for n in world.names.grids})
        check_groups(before, report)
        if report.failed:
            return None
        policy = _with_ranges(state_after(solve.with_scenarios(before, report), report), report)
        check_untils(policy, report)
        check_overs(policy, report)
        solve.check_solves(policy, report)
        check_laws(world, policy)
        return None if report.failed else policy


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Formulas may lean on each other in long chains; each is worked out inside the one that reads it."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 200_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _title(world: World, file: syntax.File) -> None:
    if file.title is None and file.statements and "policy" not in file.lost:
        start = Span(file.span.source, 0, 0)
        world.report.error("E100", "the file has no `policy` line", start, help='start with `policy "Its name"`')


def _inputs(world: World) -> None:
    for name, members in world.names.members.items():
        entity, own = world.names.entities[name], world.names.groups.get(name)
        world.inputs[name] = {
            m.name.text: _input(world, m, entity)
            for m in members.values()
            if isinstance(m, syntax.Input) and not (own and m.name.text in own.keys)
        }


def _input(world: World, written: syntax.Input, entity: syntax.Entity) -> model.Input:
    type_ = type_of(world, written.type, entity.name.text)
    if type_.kind is Kind.LINK and world.names.entities[type_.entity].once:
        world.report.error(
            "E128",
            f"`{type_.entity}` has one row, so nothing links to it",
            written.type.span,
            help=f"read it from anywhere as `{type_.entity}.column`",
        )
    group = world.names.groups.get(type_.entity) if type_.kind is Kind.LINK else None
    if group is not None:
        if (made := world.names.entities[type_.entity].groups) is not None and written.span == made.span:
            return model.Input(written.name.text, type_, None, False, None, "", written.span, grouped=True)
        world.report.error(
            "E745",
            f"`{type_.entity}` is a group, so no snapshot can say which row of it this is",
            written.type.span,
            help=f"each `{group.base}` reads its own as `{type_.entity}`; link to what it is grouped by",
        )
    if type_.kind is Kind.LINK and entity.once:
        world.report.error(
            "E128",
            f"`{entity.name.text}` has one row, and can't hold a link",
            written.type.span,
            help="aggregate over whole entities instead",
        )
    fresh = None
    if written.fresh is not None:
        fresh = written.fresh.value
        if written.fresh.kind != "duration" or fresh <= 0:
            world.report.error(
                "E214", "`fresh` takes a duration above zero", written.fresh.span, help="write a duration such as `30s`"
            )
        instants = world.names.members[entity.name.text].get(f"{written.name.text}_at")
        if instants is not None:
            world.report.error(
                "E107",
                f"`{instants.name.text}` is there already: `fresh` reads it",
                Label(instants.name.span, "declared here"),
                Label(written.name.span, "and read for this column"),
                help="remove it",
            )
    return model.Input(
        written.name.text,
        type_,
        domain(world, written.domain, type_),
        written.type.optional,
        fresh,
        written.description,
        written.span,
    )


def _tables(world: World) -> None:
    for name, table in world.names.tables.items():
        define_table(world, name, table.name.span)
    for name, curve in world.names.curves.items():
        define_curve(world, name, curve.name.span)


def _groups(world: World) -> None:
    for name in world.names.groups:
        define_group(world, name, world.names.entities[name].name.span)


def _formulas(world: World) -> None:
    for entity, members in world.names.members.items():
        for member in members.values():
            if isinstance(member, syntax.Formula):
                formula(world, entity, member, member.name.span)


def _tiers(world: World) -> None:
    for entity, tiers in world.names.tiers.items():
        if entity in world.names.entities:
            define_tiers(world, entity, tiers.entity.span)


def _check(world: World, written: syntax.Check) -> model.Check:
    on = written.on.text if written.on else None
    if written.on is not None and not world.has_entity(written.on):
        on = None
        expr: model.Expr = model.Const(True, model.FLAG, written.span)
    else:
        expr = condition(world, written.condition, Scope(on, whole=on is None), "a check")
    return model.Check(written.text, written.warn, on, expr, written.span)


def _policy(
    world: World, file: syntax.File, checks: tuple[model.Check, ...], tests: tuple[model.Test, ...]
) -> model.Policy:
    names = world.names
    entities = {
        n: model.Entity(
            n,
            e.once,
            _all_inputs(world, n),
            {
                m.name.text: world.formulas[n, m.name.text]
                for m in names.members[n].values()
                if isinstance(m, syntax.Formula)
            },
            tuple(names.own_units[n]),
            e.description,
            e.span,
            world.groups.get(n),
        )
        for n, e in names.entities.items()
    }
    functions = {
        n: model.Function(n, tuple(a.name.text for a in f.args), f.description, f.span)
        for n, f in names.functions.items()
    }
    params = {
        n: replace(p, used=n in world.used_params, finite=world.finite_params.get(n, ""))
        for n, p in world.params.items()
    }
    return model.Policy(
        file.title or "",
        file.version,
        file.effective.value if file.effective else None,
        file.description,
        tuple(names.units),
        entities,
        params,
        functions,
        {n: world.tables[n] for n in names.tables},
        {n: world.curves[n] for n in names.curves},
        {n: world.tiers[n] for n in names.tiers},
        checks,
        tuple(world.order),
        tests,
        groups=tuple(world.groups),
        span=file.span,
    )


def _all_inputs(world: World, entity: str) -> dict[str, model.Input]:
    """The inputs of an entity, of a group also whether its members are known."""
    found = dict(world.inputs[entity])
    if entity in world.groups:
        found[MEMBERS] = model.Input(MEMBERS, model.FLAG, None, False, None, "", grouped=True)
    return found


def _with_ranges(policy: model.Policy, report: Diagnostics) -> model.Policy:
    """The policy with the range of every formula; warns of what may be undefined, with nothing that handles it."""
    ranges = Ranges(
        Definitions(
            policy.params,
            policy.tables,
            policy.curves,
            {n: e.inputs for n, e in policy.entities.items()},
            {(n, f.name): f for n, e in policy.entities.items() for f in e.formulas.values()},
            policy.tiers,
        ),
        report,
    )
    for entity, column in policy.order:
        ranges.column(entity, column)
    for made_tiers in policy.tiers.values():
        for row in made_tiers.rows:
            for expr in row.cells if row.when is None else (row.when, *row.cells):
                ranges.of(expr.condition if isinstance(expr, model.Until) else expr)  # it reads what follows from it
    for made_check in policy.checks:
        ranges.of(made_check.condition)
    for law in policy.laws:
        if not isinstance(law.claim, model.Shape):
            ranges.of(law.claim)
    entities = {
        n: replace(e, formulas={c: replace(f, range=ranges.column(n, c)) for c, f in e.formulas.items()})
        for n, e in policy.entities.items()
    }
    tiers = {
        n: replace(t, columns=tuple(replace(c, range=ranges.column(n, c.name)) for c in t.columns))
        for n, t in policy.tiers.items()
    }
    return replace(policy, entities=entities, tiers=tiers)
