"""Every `solve` of a policy read from an input of its own, and what is to be found for it."""

from collections.abc import Callable, Container
from dataclasses import replace

from dsl import model
from dsl.dependence import found_by_until
from dsl.diagnostics import Diagnostics
from dsl.model import Cell
from dsl.records import dataclass
from dsl.state import in_order, read_by, rebuild
from dsl.tree import walk

PREFIX = "solve."


@dataclass(frozen=True, slots=True)
class Asked:
    """One `solve` at the rows of ``entity``: its value goes into the input ``variable``. The flag ``holds`` is the
    condition, a formula of the entity ``at`` that all of it is read from, through the links ``via``."""

    entity: str
    variable: str
    solve: model.Solve
    at: str
    via: tuple[str, ...]
    holds: str


def hoisted(policy: model.Policy, wanted: Callable[[model.Solve], bool]) -> tuple[model.Policy, tuple[Asked, ...]]:
    """The policy with its wanted solves read from inputs."""
    asked: list[Asked] = []
    before = sum(name.startswith(PREFIX) for e in policy.entities.values() for name in e.inputs)

    def moved(entity: str) -> Callable[[model.Expr], model.Expr]:
        def read(expr: model.Expr) -> model.Expr:
            if not isinstance(expr, model.Solve) or not wanted(expr):
                return expr
            found = next((a for a in asked if a.entity == entity and a.solve == expr), None)
            if found is None:
                name = f"{PREFIX}{before + len(asked)}"
                at, via = _seat(policy, entity, expr.condition)
                found = Asked(entity, name, expr, at, via, f"{name}.holds")
                asked.append(found)
            return model.Read(entity, found.variable, type=expr.type, span=expr.span)

        return read

    entities = {
        n: replace(e, formulas={c: replace(f, value=rebuild(f.value, moved(n))) for c, f in e.formulas.items()})
        for n, e in policy.entities.items()
    }
    tiers = {n: rebuild(t, moved(n)) for n, t in policy.tiers.items()}
    checks = tuple(rebuild(c, moved(c.on)) if c.on is not None else c for c in policy.checks)
    for each in asked:
        entity = entities[each.entity]
        input_ = model.Input(each.variable, each.solve.type, None, False, None, "", each.solve.span, found=each.solve)
        entities[each.entity] = replace(entity, inputs={**entity.inputs, each.variable: input_})
        entity = entities[each.at]
        condition = _seen_through(each.solve.condition, len(each.via))
        flag = model.Formula(each.holds, model.FLAG, condition, "", each.solve.span)
        entities[each.at] = replace(entity, formulas={**entity.formulas, each.holds: flag})
    made = replace(policy, entities=entities, tiers=tiers, checks=checks)
    return in_order(made, Diagnostics()), tuple(asked)


def without(policy: model.Policy, formulas: Container[Cell]) -> model.Policy:
    """The policy without formulas that were only there to be asked."""
    entities = {
        name: replace(entity, formulas={c: f for c, f in entity.formulas.items() if (name, c) not in formulas})
        for name, entity in policy.entities.items()
    }
    return replace(policy, entities=entities, order=tuple(cell for cell in policy.order if cell not in formulas))


def _seat(policy: model.Policy, entity: str, condition: model.Expr) -> tuple[str, tuple[str, ...]]:
    """The entity whose row a condition is about, and the links that lead there: `account.health <= 100%` is about the
    account, however many positions ask."""
    via: tuple[str, ...] = ()
    parts = list(walk(condition))
    reads = [p for p in parts if isinstance(p, model.Read) and not policy.entities[p.entity].once]
    plain = (model.Aggregate, model.Over, model.Unshocked, model.Fallback, model.Known)
    if any(isinstance(p, plain) for p in parts):
        return entity, via
    while reads and all(len(r.links) > len(via) for r in reads) and len({r.links[len(via)] for r in reads}) == 1:
        link = reads[0].links[len(via)]
        entity, via = policy.entities[entity].links[link], (*via, link)
    return entity, via


def _seen_through(expr: model.Expr, links: int) -> model.Expr:
    return rebuild(expr, lambda e: replace(e, links=e.links[links:]) if isinstance(e, model.Read) else e)


def reads_until(policy: model.Policy, solve: model.Solve) -> bool:
    """Whether what a `solve` asks depends on a column that `until` finds, which is then held."""
    seen: set[tuple[str, str]] = set()
    waiting = [(p.entity, p.column) for p in walk(solve) if isinstance(p, model.Read)]
    while waiting:
        cell = waiting.pop()
        if cell not in seen:
            seen.add(cell)
            if found_by_until(policy, cell):
                return True
            waiting += read_by(policy, cell)
    return False
