"""Other states of the book as more columns of the policy: what `becomes` writes, and all that follows from it.

A state rewrites some inputs, all at once, from the old state. Every formula that reads a rewritten input, at once or
through others, gets a twin that reads the new values; what is untouched is shared. Nothing else needs to know of
states.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import field, fields, is_dataclass, replace
from typing import TypeVar, cast

from dsl import model
from dsl.diagnostics import Diagnostics
from dsl.model import Cell
from dsl.records import dataclass
from dsl.tree import walk

T = TypeVar("T")

AFTER = "after."


def state_after(policy: model.Policy, report: Diagnostics) -> model.Policy:
    """The policy with the columns of the state after its effect; `after.x` leads to them. Circles are reported."""
    if not policy.effect:
        return policy
    state = _State(policy, AFTER, {(b.entity, b.column): b.value for b in policy.effect})
    twins = {cell: state.twin(cell) for cell in state.cells() if state.affected(cell) and not state.of_tiers(cell)}
    entities = {
        name: replace(
            entity,
            formulas={c: replace(f, value=state.resolve(f.value)) for c, f in entity.formulas.items()}
            | {f.name: f for (e, _), f in twins.items() if e == name},
        )
        for name, entity in policy.entities.items()
    }
    made = replace(
        policy,
        entities=entities,
        checks=tuple(replace(c, condition=state.resolve(c.condition)) for c in policy.checks),
        tests=tuple(_resolve_test(t, state) for t in policy.tests),
        laws=tuple(state.resolve(law) for law in policy.laws),
    )
    return in_order(made, report)


def _resolve_test(test: model.Test, state: "_State") -> model.Test:
    return replace(
        test, expectations=tuple(replace(e, condition=state.resolve(e.condition)) for e in test.expectations)
    )


def shocked(policy: model.Policy, scenario: model.Scenario, args: Mapping[str, model.Expr]) -> model.Policy:
    """The policy with a scenario before everything else: each formula reads what the scenario makes of the inputs."""
    prefix = f"{scenario.name}."
    lines = {(b.entity, b.column): _bound(b.value, args) for b in scenario.lines}
    new = {cell: _named(policy, cell, prefix, value) for cell, value in lines.items()}

    def read(expr: model.Expr) -> model.Expr:
        if isinstance(expr, model.Read) and (expr.entity, expr.column) in new:
            return replace(expr, column=prefix + expr.column)
        if isinstance(expr, model.Over | model.Solve):
            return replace(expr, lines=_aimed(expr.lines, new, prefix))
        return expr

    def rewrite(item: T) -> T:
        return rebuild(item, read)

    entities = {
        name: replace(
            entity,
            formulas={f.name: f for (e, _), f in new.items() if e == name}
            | {c: replace(f, value=rewrite(f.value), range=model.Interval()) for c, f in entity.formulas.items()},
            groups=rewrite(entity.groups),
        )
        for name, entity in policy.entities.items()
    }
    made = replace(
        policy,
        entities=entities,
        grids={n: replace(g, lines=_aimed(rewrite(g.lines), new, prefix)) for n, g in policy.grids.items()},
        tiers={e: rewrite(t) for e, t in policy.tiers.items()},
        checks=tuple(rewrite(c) for c in policy.checks),
        effect=tuple(rewrite(b) for b in policy.effect),
        tests=(),
        laws=tuple(rewrite(law) for law in policy.laws),
    )
    return in_order(made, Diagnostics())


def _aimed(lines: tuple[model.Becomes, ...], moved: Container[Cell], prefix: str) -> tuple[model.Becomes, ...]:
    """A grid's lines where formulas read the columns ``moved`` under another name: it is those that a move rewrites."""
    return tuple(replace(b, column=prefix + b.column) if (b.entity, b.column) in moved else b for b in lines)


def _bound(expr: model.Expr, args: Mapping[str, model.Expr]) -> model.Expr:
    return rebuild(expr, lambda e: args.get(e.name, e) if isinstance(e, model.ArgRead) else e, bodies=False)


def _named(policy: model.Policy, cell: Cell, prefix: str, value: model.Expr) -> model.Formula:
    type_ = policy.type_of(*cell)
    return model.Formula(prefix + cell[1], type_, value, "", value.span)


@dataclass(slots=True)
class _State:
    """One other state: ``lines`` are the inputs that it rewrites."""

    policy: model.Policy
    prefix: str
    lines: Mapping[Cell, model.Expr]
    affected: "Touched" = field(init=False)

    def __post_init__(self) -> None:
        self.affected = Touched(self.policy, self.lines)

    def cells(self) -> list[Cell]:
        return [*self.lines, *self.policy.order]

    def of_tiers(self, cell: Cell) -> bool:
        """Whether a cell, or one that it reads, is decided by tiers anew: what they do next is another step."""
        entity, column = cell
        if cell in self.lines or column in self.policy.entities[entity].inputs or column == entity:
            return False
        formula = self.policy.entities[entity].formulas.get(column)
        if formula is None:
            return True
        return any(self.of_tiers(c) for c in reads(formula.value) if self.affected(c))

    def twin(self, cell: Cell) -> model.Formula:
        entity, column = cell
        if cell in self.lines:
            return _named(self.policy, cell, self.prefix, self.lines[cell])
        formula = self.policy.entities[entity].formulas[column]
        value = rebuild(self.resolve(formula.value), self._to_twin)
        return replace(formula, name=self.prefix + column, value=value, range=model.Interval())

    def _to_twin(self, expr: model.Expr) -> model.Expr:
        if isinstance(expr, model.Read) and self.affected((expr.entity, expr.column)):
            return replace(expr, column=self.prefix + expr.column)
        if isinstance(expr, model.Over | model.Solve):
            moved = [(b.entity, b.column) for b in expr.lines if self.affected((b.entity, b.column))]
            held = tuple((entity, self.prefix + column) for entity, column in self.lines)
            return replace(expr, lines=_aimed(expr.lines, moved, self.prefix), held=held)
        return expr

    def resolve(self, expr: T) -> T:
        """An expression, or what holds some, whose `after.x` leads to the twin, or to x where the effect leaves it."""

        def read(part: model.Expr) -> model.Expr:
            if isinstance(part, model.Read) and part.column.startswith(self.prefix):
                plain = part.column.removeprefix(self.prefix)
                return part if self.affected((part.entity, plain)) else replace(part, column=plain)
            return part

        return rebuild(expr, read)


@dataclass(slots=True)
class Touched:
    """Which columns another state changes: its ``targets``, and what reads them; ``held`` ones stay as they are."""

    policy: model.Policy
    targets: Container[Cell]
    held: Container[Cell] = ()
    _known: dict[Cell, bool] = field(default_factory=dict)

    def __call__(self, cell: Cell) -> bool:
        if cell not in self._known:
            self._known[cell] = cell in self.targets  # until known otherwise; circles are reported elsewhere
            if cell not in self.targets and cell not in self.held:
                self._known[cell] = any(self(c) for c in read_by(self.policy, cell))
        return self._known[cell]


# -- expressions ------------------------------------------------------------------------------


def reads(expr: model.Expr) -> Iterable[Cell]:
    """The cells that an expression reads, links on the way left out: nothing rewrites them."""
    return ((e.entity, e.column) for e in walk(expr) if isinstance(e, model.Read))


def defining(policy: model.Policy, cell: Cell) -> list[model.Expr]:
    """What a column is computed by: of one of tiers, all of these; of an input nothing."""
    entity, column = cell
    found = policy.entities[entity]
    if column == entity or column in found.inputs:
        return []
    return [found.formulas[column].value] if column in found.formulas else policy.tiers[entity].exprs


def read_by(policy: model.Policy, cell: Cell) -> list[Cell]:
    """The cells that a column reads at once; `after.x` counts as x here."""
    return [read for expr in defining(policy, cell) for read in reads(expr)]


def rebuild(item: T, change: Callable[[model.Expr], model.Expr], *, bodies: bool = True) -> T:
    """An expression, or what holds some, with every expression in it changed from the inside out; ``bodies``: those of
    functions too, whose arguments are their own."""
    if isinstance(item, tuple):
        return cast(T, tuple(rebuild(part, change, bodies=bodies) for part in item))
    if not is_dataclass(item) or isinstance(item, type) or not type(item).__module__.startswith(model.__name__):
        return item
    if isinstance(item, model.Type | model.Interval):
        return item
    new = {}
    for part in fields(item):
        if part.name == "body" and not bodies:
            continue
        old = getattr(item, part.name)
        made = rebuild(old, change, bodies=bodies)
        if (made is not old and made != old) or (
            isinstance(made, tuple) and any(a is not b for a, b in zip(made, old, strict=True))
        ):
            new[part.name] = made
    rebuilt = replace(item, **new) if new else item
    return cast(T, change(rebuilt)) if isinstance(rebuilt, model.Expr) else rebuilt


def in_order(policy: model.Policy, report: Diagnostics) -> model.Policy:
    """The policy with its columns in the order of work again; a circle through a state is reported."""
    order: list[Cell] = []
    state: dict[Cell, bool] = {}  # False while being visited

    def visit(cell: Cell, chain: tuple[Cell, ...]) -> None:
        entity, column = cell
        found = policy.entities[entity]
        if column == entity or column in found.inputs:
            return
        formula = column in found.formulas
        group = cell if formula else (entity, "tier")
        if group in state:
            if not state[group]:
                circle = (*chain[chain.index(group) :], group)
                shown = " -> ".join(".".join(c) for c in circle)
                span = found.formulas[column].span if formula else policy.tiers[entity].span
                report.error("E110", f"`{'.'.join(group)}` is defined by itself: {shown}", span, help=_CIRCLE)
            return
        state[group] = False
        for part in read_by(policy, group):
            visit(part, (*chain, group))
        state[group] = True
        order.append(group)
        if not formula:
            order.extend((entity, c.name) for c in policy.tiers[entity].columns)

    for name, entity in policy.entities.items():
        for column in entity.formulas:
            visit((name, column), ())
        if name in policy.tiers:
            visit((name, "tier"), ())
    return replace(policy, order=tuple(order))


_CIRCLE = "what leads to the effect can't read the state after it; read it in a formula that the effect doesn't need"
