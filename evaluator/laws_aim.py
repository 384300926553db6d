"""Moves a world to where something is decided: one number of it is changed along a straight line."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from dsl import model
from dsl.model import Kind, Value
from dsl.slice import reach, sliced
from dsl.tree import walk
from evaluator import literals
from evaluator.laws_cases import Trial
from evaluator.laws_worlds import World, decimal, joined
from evaluator.run import evaluate
from evaluator.vector import Floats

PROBE = "law."


class Probes:
    """Numbers of the law's row that decide something. ``targets``: the bounds on each, none on a difference."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.targets, self.policy = _probes(trial)

    def values(self, worlds: Sequence[World], params: Mapping[str, Value]) -> dict[str, Floats]:
        """(worlds,) each probe's value; NaN where unknown."""
        on = self.trial.law.on
        assert on is not None
        groups = [worlds] if self.trial.isolated else [[w] for w in worlds]
        books = [evaluate(self.policy, joined(self.policy, g, self.trial.as_of), params) for g in groups]
        columns = {name: [b.column(on, name) for b in books] for name in self.targets}
        return {
            name: np.concatenate([np.where(c.known(), c.values, np.nan) for c in found])
            for name, found in columns.items()
        }


def _probes(trial: Trial) -> tuple[dict[str, list[model.Expr]], model.Policy]:
    """Numbers that decide something, by column, with the values at which they do; the policy with these columns."""
    policy, on, claim = trial.policy, trial.law.on, trial.law.claim
    if on is None or isinstance(claim, model.Shape) or policy.entities[on].groups is not None:
        return {}, policy
    found: dict[str, tuple[model.Expr, list[model.Expr]]] = {}
    tiers = policy.tiers.get(on)
    if tiers is not None and tiers.variable is not None:
        found[f"{PROBE}0"] = tiers.variable, [r.when for r in tiers.rows if r.when is not None]
    for expr in walk(claim):
        if isinstance(expr, model.Compare) and expr.left.type.kind is Kind.NUMBER and _stands_alone(expr):
            found[f"{PROBE}{len(found)}"] = model.Binary("-", expr.left, expr.right, expr.left.type, expr.span), []
    found = {n: (e, t) for n, (e, t) in found.items() if not _needs_until(policy, e, on)}
    formulas = {n: model.Formula(n, model.NUMBER, e, "") for n, (e, _) in found.items()}
    entity = policy.entities[on]
    part = replace(policy, entities={**policy.entities, on: replace(entity, formulas={**entity.formulas, **formulas})})
    probes = [model.Read(on, n, type=model.NUMBER) for n in formulas]
    part = replace(part, order=(*part.order, *((on, n) for n in formulas)))
    kept = sliced(part, probes, on)
    entities = {n: replace(e, inputs=policy.entities[n].inputs) for n, e in kept.entities.items()}
    return {n: t for n, (_, t) in found.items()}, replace(kept, entities=entities)


def _stands_alone(expr: model.Expr) -> bool:
    """Whether an expression means the same outside the function, aggregate or grid where it stands."""
    parts = list(walk(expr))
    if any(isinstance(p, model.ArgRead | model.Unshocked) for p in parts):
        return False
    return not any(isinstance(p, model.Read) and p.inner for p in parts) or any(
        isinstance(p, model.Aggregate) for p in parts
    )


def _needs_until(policy: model.Policy, expr: model.Expr, on: str) -> bool:
    cells, _ = reach(policy, [expr], on)
    return any(
        isinstance(row.cells[i], model.Until)
        for tiers in policy.tiers.values()
        for i, column in enumerate(tiers.columns)
        if (tiers.entity, column.name) in cells
        for row in tiers.rows
    )


def secant(ends: Sequence[Fraction], at: Sequence[float], target: float) -> Fraction | None:
    """Where a straight line through both ends comes to the target; None where it doesn't, or too far out."""
    if not (np.isfinite(at[0]) and np.isfinite(at[1])) or at[0] == at[1] or ends[0] == ends[1]:
        return None
    rise = (Fraction(at[1]) - Fraction(at[0])) / (ends[1] - ends[0])
    value = ends[0] + (Fraction(target) - Fraction(at[0])) / rise
    found = Fraction(decimal(value))
    return found if abs(found) <= 10**10 and (found == 0 or abs(found) >= Fraction(1, 10**6)) else None


def number_at(world: World, cell: tuple[str, int, str]) -> Fraction:
    text = world[cell[0]][cell[1]][cell[2]]
    assert text is not None
    return literals.exact(text)


def with_cell(world: World, entity: str, number: int, column: str, text: str) -> World:
    rows = list(world[entity])
    rows[number] = {**rows[number], column: text}
    return {**world, entity: rows}
