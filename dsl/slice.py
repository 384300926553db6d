"""The part of a policy that some expressions depend on."""

from collections.abc import Iterable
from dataclasses import replace

from dsl import model
from dsl.model import Cell
from dsl.tree import walk


def reach(policy: model.Policy, exprs: Iterable[model.Expr], on: str | None) -> tuple[set[Cell], set[str]]:
    """The cells that expressions at a row of ``on`` need, and the entities that they touch, with all links of those."""
    cells: set[Cell] = set()
    touched: set[str] = set()
    waiting = list(exprs)

    def touch(entity: str) -> None:
        if entity not in touched:
            touched.add(entity)
            found = policy.entities[entity]
            for column, target in found.links.items():
                cells.add((entity, column))
                touch(target)
            if found.groups is not None:  # whose rows come from its members
                cells.update((entity, column) for column in found.inputs)
                touch(found.groups.base)
                waiting.extend(read for _, read in found.groups.keys)

    if on is not None:
        touch(on)
    while waiting:
        for part in walk(waiting.pop()):
            if isinstance(part, model.Aggregate):
                touch(part.entity)
            elif isinstance(part, model.Over | model.Solve):
                for line in part.lines:
                    touch(line.entity)
                    cells.add((line.entity, line.column))
            elif isinstance(part, model.Read):
                touch(part.entity)
                cell = (part.entity, part.column)
                if part.column != part.entity and cell not in cells:
                    cells.add(cell)
                    waiting += definition(policy, *cell)
    return cells, touched


def keyed(policy: model.Policy) -> set[Cell]:
    """The cells that decide into which group a row falls: with another value there, the groups would be others."""
    groupings = [e.groups for e in policy.entities.values() if e.groups is not None]
    return {cell for g in groupings for cell in reach(policy, [read for _, read in g.keys], g.base)[0]}


def definition(policy: model.Policy, entity: str, column: str) -> list[model.Expr]:
    """What a column is computed from at once: of a tiers column what decides the tier, and its own cells."""
    found = policy.entities[entity]
    if column in found.inputs:
        return []
    if column in found.formulas:
        return [found.formulas[column].value]
    tiers = policy.tiers[entity]
    parts = tiers.deciding
    for number, made in enumerate(tiers.columns):
        if made.name == column:
            cells = [row.cells[number] for row in tiers.rows]
            parts += [c.condition if isinstance(c, model.Until) else c for c in cells]
    return parts


def sliced(policy: model.Policy, exprs: Iterable[model.Expr], on: str | None) -> model.Policy:
    """The policy with only what the expressions need: no checks, tests or laws, no other entity or column."""
    cells, touched = reach(policy, exprs, on)
    entities = {
        n: replace(
            e,
            inputs={c: i for c, i in e.inputs.items() if (n, c) in cells},
            formulas={c: f for c, f in e.formulas.items() if (n, c) in cells},
        )
        for n, e in policy.entities.items()
        if n in touched
    }
    tiers = {
        e: _fewer(t, cells)
        for e, t in policy.tiers.items()
        if any((e, c) in cells for c in ("tier", *(made.name for made in t.columns)))
    }
    order = tuple(c for c in policy.order if c in cells or (c[1] == "tier" and c[0] in tiers))
    groups = tuple(g for g in policy.groups if g in touched)
    return replace(
        policy, entities=entities, tiers=tiers, order=order, groups=groups,
        checks=(), tests=(), laws=(), effect=(), scenarios={},
    )  # fmt: skip


def _fewer(tiers: model.Tiers, cells: set[Cell]) -> model.Tiers:
    kept = [i for i, c in enumerate(tiers.columns) if (tiers.entity, c.name) in cells]
    return replace(
        tiers,
        columns=tuple(tiers.columns[i] for i in kept),
        rows=tuple(replace(r, cells=tuple(r.cells[i] for i in kept)) for r in tiers.rows),
    )


def freed(policy: model.Policy, entity: str, column: str) -> model.Policy:
    """The policy with a computed column as an input: what is computed from it, and nothing that it is computed from."""
    found = policy.entities[entity]
    formula = found.formulas.get(column)
    type_ = policy.type_of(entity, column)
    range_ = formula.range if formula else None
    tiers = dict(policy.tiers)
    if formula is None and entity in tiers:
        range_ = next((c.domain for c in tiers[entity].columns if c.name == column), None)
        others = {(entity, c.name) for c in tiers[entity].columns if c.name != column}
        tiers[entity] = _fewer(tiers[entity], others)
    made = replace(
        found,
        inputs={**found.inputs, column: model.Input(column, type_, range_, False, None, "")},
        formulas={c: f for c, f in found.formulas.items() if c != column},
    )
    order = tuple(c for c in policy.order if c != (entity, column))
    return replace(policy, entities={**policy.entities, entity: made}, tiers=tiers, order=order)
