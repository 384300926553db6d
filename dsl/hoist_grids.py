"""Every `over` of a policy that may be found apart, read from an input of its own."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from dsl import model
from dsl.diagnostics import Diagnostics
from dsl.model import Cell
from dsl.records import dataclass
from dsl.state import defining, in_order, read_by, reads, rebuild
from dsl.tree import walk

PREFIX = "over."


@dataclass(frozen=True, slots=True)
class Asked:
    """One `over` at the rows of ``entity``: its value goes into the input ``variable``, and into the input ``size`` how
    far that may be off."""

    entity: str
    variable: str
    over: model.Over

    @property
    def size(self) -> str:
        return f"{self.variable}.size"


def hoisted(policy: model.Policy, wanted: Callable[[str, model.Over], bool]) -> tuple[model.Policy, tuple[Asked, ...]]:
    """The policy with its wanted `over`s read from inputs, but for those inside an aggregate or another `over`.

    Where a move would change what another `over` gives, all stay: an input is the same in every state of the book.
    """
    asked: list[Asked] = []
    if _nested(policy):
        return policy, ()

    def moved(entity: str, value: model.Expr) -> Callable[[model.Expr], model.Expr]:
        inside = [over for part in walk(value) for over in _held(part)]

        def read(expr: model.Expr) -> model.Expr:
            if not isinstance(expr, model.Over) or expr in inside or not wanted(entity, expr):
                return expr
            found = next((a for a in asked if a.entity == entity and a.over == expr), None)
            if found is None:
                found = Asked(entity, f"{PREFIX}{len(asked)}", expr)
                asked.append(found)
            return model.Read(entity, found.variable, type=expr.type, span=expr.span)

        return read

    entities = {
        n: replace(
            e, formulas={c: replace(f, value=rebuild(f.value, moved(n, f.value))) for c, f in e.formulas.items()}
        )
        for n, e in policy.entities.items()
        if not e.once
    }
    for each in asked:
        entity = entities[each.entity]
        added = {
            name: model.Input(name, type, None, False, None, "", each.over.span)
            for name, type in ((each.variable, each.over.type), (each.size, model.NUMBER))
        }
        entities[each.entity] = replace(entity, inputs={**entity.inputs, **added})
    if not asked:
        return policy, ()
    made = replace(policy, entities={n: entities.get(n, e) for n, e in policy.entities.items()})
    return in_order(made, Diagnostics()), tuple(asked)


def asking(policy: model.Policy, asked: Asked) -> model.Policy:
    """The policy with an `over` as a formula of its own, named as the input."""
    entity = policy.entities[asked.entity]
    formula = model.Formula(asked.variable, asked.over.type, asked.over, "", asked.over.span)
    made = replace(entity, formulas={**entity.formulas, asked.variable: formula})
    return in_order(replace(policy, entities={**policy.entities, asked.entity: made}), Diagnostics())


def _held(part: model.Expr) -> Iterator[model.Over]:
    """The `over`s below an aggregate or an `over`."""
    if isinstance(part, model.Aggregate | model.Over):
        yield from (p for p in walk(part) if isinstance(p, model.Over) and p is not part)


def _nested(policy: model.Policy) -> bool:
    """Whether what some `over` computes in its moves, reads the value of an `over`."""
    overs = [p for e in _all(policy) for p in walk(e) if isinstance(p, model.Over)]
    seen: set[Cell] = set()
    waiting = [cell for over in overs for part in (over.value, *(b.value for b in over.lines)) for cell in reads(part)]
    while waiting:
        cell = waiting.pop()
        if cell not in seen:
            seen.add(cell)
            waiting += read_by(policy, cell)
    return any(isinstance(p, model.Over) for cell in seen for e in defining(policy, cell) for p in walk(e))


def _all(policy: model.Policy) -> Iterator[model.Expr]:
    for entity, column in policy.order:
        yield from defining(policy, (entity, column))
    yield from (c.condition for c in policy.checks)
