"""`solve(CELL until CONDITION)`: the value of one number at which a condition comes to hold, the whole book with it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from dsl import model, syntax
from dsl.dependence import behind, evaluated, found_by_until
from dsl.diagnostics import Diagnostics
from dsl.expressions import condition
from dsl.model import Cell, Interval, Kind, Type
from dsl.near import did_you_mean
from dsl.paths import resolve
from dsl.slice import definition
from dsl.state import Touched, defining, in_order, reads, rebuild
from dsl.tree import walk
from dsl.types import unit_type
from dsl.world import Scope, World, invalid


def solve(world: World, written: syntax.Solve, scope: Scope) -> model.Expr:
    """The model's expression, where the target is one number and the place is a row of an entity."""
    if scope.entity is None or scope.inner is not None or scope.args is not None or scope.shock:
        help = "write it in a formula of its own, and read that here"
        world.report.error("E760", "`solve` stands in a formula, tier or check of an entity", written.span, help=help)
        return invalid(written.span)
    holds = condition(world, written.condition, scope, "what follows `until`")
    first = written.target.parts[0].text
    here = world.names.members.get(scope.entity, {})
    if first in world.names.scenarios and first not in here and len(written.target.parts) == 2:
        return _argument(world, written, holds)
    target = resolve(world, written.target, scope, guarded=True)
    if target.type.kind is Kind.ANY:
        return invalid(written.span)
    made = world.inputs[target.entity].get(target.column) if isinstance(target, model.Read) else None
    if not isinstance(target, model.Read) or made is None or made.grouped or target.type.kind is not Kind.NUMBER:
        help = "name an input that is a number, such as `market.mark`, or an argument of a scenario"
        message = f"`{written.target.text}` is no number of the snapshot that could be another"
        world.report.error("E761", message, written.target.span, help=help)
        return invalid(written.span)
    range_ = made.domain or Interval()
    return model.Solve(target, holds, range_, type=target.type, span=written.span)


def _argument(world: World, written: syntax.Solve, holds: model.Expr) -> model.Expr:
    """The argument of a scenario with one; its lines are put in when all scenarios are known."""
    name, arg = (p.text for p in written.target.parts)
    scenario = world.names.scenarios[name]
    found = next((a for a in scenario.args if a.name.text == arg), None)
    if found is None:
        help = (
            did_you_mean(arg, {a.name.text for a in scenario.args}) or f"declare it: `scenario {name}({arg}: ratio):`"
        )
        world.report.error("E761", f"`{name}` has no argument `{arg}`", written.target.span, help=help)
    elif len(scenario.args) > 1:
        help = "write a scenario whose only argument is what is sought"
        world.report.error(
            "E761", f"`{name}` has other arguments, which have no value here", written.target.span, help=help
        )
    elif any(len(line.target.parts) == 1 for line in scenario.lines):
        help = "write a scenario that leaves the params as they are"
        world.report.error("E761", f"`{name}` changes params, which `solve` doesn't", written.target.span, help=help)
    else:
        type_ = Type(Kind.NUMBER) if found.unit is None else unit_type(world, found.unit, None)
        target = model.ArgRead(arg, type_, written.target.span)
        return model.Solve(target, holds, Interval(), name, type=type_, span=written.span)
    return invalid(written.span)


def with_scenarios(policy: model.Policy, report: Diagnostics) -> model.Policy:
    """The policy whose solves over scenarios have those scenarios' lines."""

    def fill(expr: model.Expr) -> model.Expr:
        if isinstance(expr, model.Solve) and expr.scenario:
            return replace(expr, lines=policy.scenarios[expr.scenario].lines)
        return expr

    if not any(s.scenario for s in solves(policy)):
        return policy
    entities = {
        name: replace(e, formulas={c: replace(f, value=rebuild(f.value, fill)) for c, f in e.formulas.items()})
        for name, e in policy.entities.items()
    }
    made = replace(
        policy,
        entities=entities,
        tiers={e: rebuild(t, fill) for e, t in policy.tiers.items()},
        checks=tuple(rebuild(c, fill) for c in policy.checks),
    )
    return in_order(made, report)


_WITHOUT: list[model.Policy] = []  # the last few policies that have none


def solves(policy: model.Policy) -> Iterator[model.Solve]:
    """Every `solve` of the policy; looked for once in a policy without any that is evaluated again and again."""
    if any(policy is known for known in _WITHOUT):
        return
    found = [part for expr in evaluated(policy) for part in walk(expr) if isinstance(part, model.Solve)]
    if not found:
        _WITHOUT.append(policy)
        del _WITHOUT[:-8]
    yield from found


def has_solve(policy: model.Policy, cell: Cell) -> bool:
    """Whether a column's own expression holds a `solve`."""
    return any(isinstance(part, model.Solve) for expr in defining(policy, cell) for part in walk(expr))


def touched_by(policy: model.Policy, solve: model.Solve) -> Touched:
    """The columns that are others with another value of what is sought."""
    if isinstance(solve.target, model.Read):
        return Touched(policy, {(solve.target.entity, solve.target.column)}, frozenset(solve.held))
    return Touched(policy, {(b.entity, b.column) for b in solve.lines}, frozenset(solve.held))


def check_solves(policy: model.Policy, report: Diagnostics) -> None:
    """Each `solve` is where it may be, its condition depends on what is sought, and on nothing that is found itself."""
    lines = [*policy.effect, *(b for s in policy.scenarios.values() for b in s.lines)]
    elsewhere = [b.value for b in (*lines, *(b for g in policy.grids.values() for b in g.lines))]
    elsewhere += [law.claim for law in policy.laws if not isinstance(law.claim, model.Shape)]
    elsewhere += [e.condition for t in policy.tests for e in t.expectations]
    elsewhere += [p.condition for e in evaluated(policy) for p in walk(e) if isinstance(p, model.Until)]
    for found in (p for e in elsewhere for p in walk(e) if isinstance(p, model.Solve)):
        help = "write it in a formula of its own, and read that here"
        report.error("E760", "`solve` stands in a formula, tier or check of an entity", found.span, help=help)
    for found in dict.fromkeys(solves(policy)):
        touched = touched_by(policy, found)
        asked = list(reads(found.condition))
        if not any(touched(cell) for cell in asked):
            name = found.target.span.text.strip()
            help = f"let the condition read something that follows from `{name}`"
            report.error("E762", f"this condition is the same whatever `{name}` is", found.condition.span, help=help)
        nested = any(isinstance(part, model.Solve) for part in walk(found.condition))
        if nested or behind(policy, asked, touched, partial(has_solve, policy)) is not None:
            help = "let the condition read what that `solve` reads"
            report.error("E763", "this condition depends on another `solve`", found.condition.span, help=help)
        if (cell := behind(policy, asked, touched, partial(found_by_until, policy))) is not None:
            shown = ".".join(cell)
            help = "let the condition read what doesn't follow from it"
            message = f"this condition depends on `{shown}`, which `until` finds for the book as it stands"
            report.error("E764", message, found.condition.span, help=help)
        if behind(policy, asked, touched, partial(is_draw, policy)) is not None:
            help = "let the condition read what doesn't follow from it"
            message = "this condition depends on a `draw`, in which rows would take anew"
            report.error("E766", message, found.condition.span, help=help)
        direct = any(by_pairs(part) for part in walk(found.condition))
        if direct or behind(policy, asked, touched, partial(_is_by_pairs, policy)) is not None:
            help = "aggregate over the rows that link to this one, or look at moves of a grid"
            message = "this condition depends on `first`, or on an aggregate that goes up a link and down again"
            report.error("E753", message, found.condition.span, help=help)
    _check_others(policy, report)


def by_pairs(expr: model.Expr) -> bool:
    """Whether it is an aggregate whose value can't be followed while one number moves."""
    return isinstance(expr, model.Aggregate) and (bool(expr.up) or expr.by is not None)


def _is_by_pairs(policy: model.Policy, cell: Cell) -> bool:
    return any(by_pairs(part) for expr in definition(policy, *cell) for part in walk(expr))


def is_draw(policy: model.Policy, cell: Cell) -> bool:
    """Whether a column is what rows take in turn."""
    formula = policy.entities[cell[0]].formulas.get(cell[1])
    return formula is not None and isinstance(formula.value, model.Draw)


def _check_others(policy: model.Policy, report: Diagnostics) -> None:
    """What `until` tries, or a grid moves, must leave every `solve` as it is."""
    for entity, tiers in policy.tiers.items():
        acted = Touched(policy, {(entity, c.name) for c in tiers.columns})
        for cell in (c for row in tiers.rows for c in row.cells if isinstance(c, model.Until)):
            if behind(policy, reads(cell.condition), acted, partial(has_solve, policy)) is not None:
                help = "let the condition read what that `solve` reads"
                report.error("E765", "this `until` depends on a `solve`, which would have to be found anew", cell.span,
                             help=help)  # fmt: skip
    for over in dict.fromkeys(p for e in evaluated(policy) for p in walk(e) if isinstance(p, model.Over)):
        moved = Touched(policy, {(b.entity, b.column) for b in over.lines}, frozenset(over.held))
        inside = any(isinstance(part, model.Solve) for part in walk(over.value))
        if inside or behind(policy, reads(over.value), moved, partial(has_solve, policy)) is not None:
            help = "`eval --grid` finds it anew in each move"
            report.error("E765", "this depends on a `solve`, which is found for the book as it stands", over.span,
                         help=help)  # fmt: skip
