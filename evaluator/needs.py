"""What a policy asks of a snapshot beyond its columns: an instant, and links that no row may lack."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import cache
from operator import attrgetter
from types import NoneType
from typing import Any

from dsl import model
from dsl.source import Span
from evaluator.lately import Lately

_PLAIN = (str, int, float, Fraction, NoneType, model.Type, Span, model.Interval)  # nothing stands inside these


def expressions(policy: model.Policy) -> Iterator[model.Expr]:
    """Every expression of a policy, each once, those inside others and inside functions' bodies too."""
    return (part for part in parts(policy) if isinstance(part, model.Expr))


def parts(policy: model.Policy, checks: bool = True) -> Iterator[Any]:
    """Everything that the policy's formulas, tables, curves, tiers and checks are made of, each once."""
    seen: set[int] = set()
    waiting: list[Any] = [
        *(f.value for e in policy.entities.values() for f in e.formulas.values()),
        *policy.tables.values(),
        *policy.curves.values(),
        *policy.tiers.values(),
        *(policy.checks if checks else ()),
    ]
    while waiting:
        item = waiting.pop()
        if type(item) is tuple:
            waiting.extend(item)
            continue
        kind: Any = type(item)
        look = _look(kind)
        if look is not None and id(item) not in seen:
            seen.add(id(item))
            yield item
            waiting.extend(look(item))


@cache
def _look(made: Any) -> Callable[[Any], Iterable[Any]] | None:
    """What gives the parts of a thing of this class; None where it is none."""
    if issubclass(made, _PLAIN) or not is_dataclass(made):
        return None
    names = [f.name for f in fields(made) if f.name not in ("type", "span")]
    return attrgetter(*names) if len(names) > 1 else lambda item: [getattr(item, name) for name in names]


def needs_as_of(policy: model.Policy) -> bool:
    """Whether the policy means nothing without the snapshot's instant: freshness, dated parameters, ``as_of``."""
    return (
        any(i.fresh is not None for e in policy.entities.values() for i in e.inputs.values())
        or any(p.versions for p in policy.params.values())
        or any(isinstance(x, model.AsOf) for x in expressions(policy))
    )


_AGGREGATED: Lately[frozenset[tuple[str, str]]] = Lately()


def aggregated_links(policy: model.Policy) -> frozenset[tuple[str, str]]:
    """The links, as (entity, column), along which some row is counted into another's total, or draws on
    another's limit."""
    return _AGGREGATED.once(policy, None, lambda: frozenset(_aggregated(policy)))


def _aggregated(policy: model.Policy) -> set[tuple[str, str]]:
    found = set()
    for x in expressions(policy):
        if isinstance(x, model.Aggregate):
            entity = x.entity
            for link in x.via or ():
                found |= _links_of(policy, entity, link)
                entity = policy.entities[entity].links[link]
    for name, made in policy.entities.items():
        for formula in made.formulas.values():
            for pool in formula.value.pools if isinstance(formula.value, model.Draw) else ():
                entity = name
                for link in pool.links:
                    found.add((entity, link))
                    entity = policy.entities[entity].links[link]
    return found


def _links_of(policy: model.Policy, entity: str, link: str) -> set[tuple[str, str]]:
    """A link of the snapshot; for a member's link to its group, the links that the keys lead through."""
    group = policy.entities[policy.entities[entity].links[link]].groups if link in policy.groups else None
    if group is None or group.base != entity:
        return set() if policy.entities[entity].inputs[link].grouped else {(entity, link)}
    found: set[tuple[str, str]] = set()
    for _, key in group.keys:
        at = entity
        for step in (*key.links, key.column):
            if step in policy.entities[at].links:
                found |= _links_of(policy, at, step)
                at = policy.entities[at].links[step]
    return found
