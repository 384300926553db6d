"""Links and units that lead through groups: each step from a group to one of its keys is the key's own path."""

from collections.abc import Sequence
from dataclasses import replace

from dsl import syntax
from dsl.names import Names
from dsl.units import Base
from dsl.world import World

Links = tuple[str, ...]


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
