"""A look at all parts of a book before they are evaluated: what results take from whole columns."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from dsl.diagnostics import Diagnostics
from dsl.model import Kind, Policy, Value
from dsl.until import has_until, on_trial
from evaluator import error
from evaluator.stream_part import Work
from evaluator.stream_parts import Parts
from evaluator.vector import clean


def survey(parts: Parts, policy: Policy, params: Mapping[str, Value]) -> Work:
    """What all parts have in common. ``policy``: the one that is evaluated, which may be the parts' under a scenario.

    Raises SnapshotError with all faults of structure.
    """
    facts, division = dict[Any, Any](), parts.division
    sizes: dict[tuple[str, str], float] = {}
    for i in range(len(parts)):
        parts.told("reading the snapshot", 0.5 + 0.5 * i / len(parts))
        book, _ = parts.book(i)
        for entity in division.parts:
            for name, column in book.tables[entity].columns.items():
                if parts.policy.type_of(entity, name).kind is not Kind.NUMBER:
                    continue
                values = column.values if column.quality is None else clean(column.values.copy(), column.quality)
                key = "representation", entity, name
                facts[key] = max(facts.get(key, 0.0), error.representation(values))
                with np.errstate(all="ignore"):
                    sizes[entity, name] = sizes.get((entity, name), 0.0) + float(np.abs(values).sum())
        for entity, link in division.links.items():
            column = book.tables[entity].columns[link]
            members = np.bincount(column.values[column.known() & (column.values >= 0)])
            key = "longest", entity, division.root
            facts[key] = max(facts.get(key, 0), int(members.max(initial=0)))
    large = frozenset(cell for cell, size in sizes.items() if facts["representation", *cell] == 0.0 and size >= 2.0**52)
    facts |= {("representation", entity, name): error.HALF_UNIT for entity, name in _tried(policy, division.parts)}
    return Work(policy, params, division, facts, large, os.environ.get("SOFTLIQ_OPTIMISE") != "0")


def _tried(policy: Policy, entities: tuple[str, ...]) -> list[tuple[str, str]]:
    """The inputs that `until` tries."""
    if not has_until(policy):
        return []
    return [(t.entity, t.variable) for t in on_trial(policy, Diagnostics())[1] if t.entity in entities]
