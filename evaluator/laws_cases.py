"""Cases against a law: a small book, or the same one with several values in one cell. Which of them break it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import numpy as np

from dsl import model
from dsl.causes import Cause
from dsl.model import Kind, Value
from dsl.records import dataclass
from dsl.slice import freed, reach, sliced
from evaluator.columns import Column, cause_numbers
from evaluator.laws_worlds import World, isolated, joined
from evaluator.run import evaluate
from evaluator.vector import Codes, Flags, Floats

NEAR = 1e-9  # equality and order, relative
CLOSE = 1e-7  # of the spread of x: how near two points of a jump lie
JUMP = 1e-3  # of the spread of y: how far they jump


@dataclass(frozen=True, slots=True)
class Case:
    """A world, and for a shape the texts of one cell that take turns in it. ``span``: how far x and y spread there."""

    world: World
    params: Mapping[str, Value]
    turns: tuple[str, ...] = ()
    span: tuple[float, float] = (1.0, 1.0)


class Trial:
    """One law ready to be tried: the part of the policy that it needs, and the cell that moves a shape's variable."""

    def __init__(self, policy: model.Policy, law: model.Law, as_of: datetime | None) -> None:
        self.law, self.as_of = law, as_of
        self.shape = law.claim if isinstance(law.claim, model.Shape) else None
        self.moved = ""  # the input whose values take turns
        self.real = True  # whether that is an input of the snapshot
        if not isinstance(law.claim, model.Shape):
            part = sliced(policy, [law.claim], law.on)
            self.policy = replace(part, checks=(model.Check(law.text, False, law.on, law.claim, law.span),))
        else:
            self.policy = self._of_shape(policy, law.claim)
        on = None if law.on is None else policy.entities[law.on]
        self.isolated = isolated(self.policy) and (on is None or on.groups is None)

    def _of_shape(self, policy: model.Policy, shape: model.Shape) -> model.Policy:
        """The subject, with an input that acts through the variable alone; without one, the variable as an input."""
        entity, column = shape.variable.entity, shape.variable.column
        if column in policy.entities[entity].inputs:
            self.moved = column
            return sliced(policy, [shape.subject], entity)
        cut = freed(policy, entity, column)
        past = reach(cut, [shape.subject], entity)[0]
        through = reach(policy, [shape.variable], entity)[0]
        for made in policy.entities[entity].inputs.values():
            cell = (entity, made.name)
            if cell in through and cell not in past and made.type.kind is Kind.NUMBER and not made.optional:
                self.moved = made.name
                return sliced(policy, [shape.subject, shape.variable], entity)
        self.moved, self.real = column, False
        return sliced(cut, [shape.subject, shape.variable], entity)

    # -- trying -----------------------------------------------------------------------------------

    def worlds(self, case: Case) -> list[World]:
        """The books of a case, in the order of its turns."""
        return [self.turned(case.world, text) for text in case.turns] if case.turns else [case.world]

    def turned(self, world: World, text: str) -> World:
        assert self.law.on is not None
        first, *rest = world[self.law.on]
        return {**world, self.law.on: [{**first, self.moved: text}, *rest]}

    def broken(self, cases: Sequence[Case]) -> list[bool]:
        """Whether each case breaks the law. Cases of the same params are tried in one book where that is allowed."""
        if not self.isolated:
            return [self._broken([case])[0] for case in cases]
        found = [False] * len(cases)
        for params in {id(c.params): c.params for c in cases}.values():
            numbers = [i for i, c in enumerate(cases) if c.params is params]
            for i, broken in zip(numbers, self._broken([cases[i] for i in numbers]), strict=True):
                found[i] = broken
        return found

    def _broken(self, cases: Sequence[Case]) -> list[bool]:
        if self.shape is None:
            worlds = [c.world for c in cases]
            found = evaluate(self.policy, joined(self.policy, worlds, self.as_of), cases[0].params)
            values = found.checks[0].values
            breaks = faulty(values) | (values.known() & ~values.values.astype(np.bool_))
            if self.law.on is None or not self.isolated:
                return [bool(breaks.any())]
            return [bool(x) for x in breaks]
        x, y = self.moves(cases)
        return [
            self.violation(self.shape.word, xs, ys, case) is not None for xs, ys, case in zip(x, y, cases, strict=True)
        ]

    def moves(self, cases: Sequence[Case]) -> tuple[list[Floats], list[Floats]]:
        """The variable and the subject in each turn of each case; NaN where unknown."""
        assert self.shape is not None
        worlds = [w for c in cases for w in self.worlds(c)]
        params = cases[0].params
        groups = [worlds] if self.isolated else [[w] for w in worlds]
        columns = [self._columns(g, params) for g in groups]
        x = np.concatenate([pair[0] for pair in columns])
        y = np.concatenate([pair[1] for pair in columns])
        ends = np.cumsum([len(c.turns) for c in cases])[:-1]
        return np.split(x, ends), np.split(y, ends)

    def _columns(self, worlds: Sequence[World], params: Mapping[str, Value]) -> tuple[Floats, Floats]:
        assert self.shape is not None
        book = joined(self.policy, worlds, self.as_of)
        found = evaluate(self.policy, book, params)
        x, y = (found.column(r.entity, r.column) for r in (self.shape.variable, self.shape.subject))
        return _floats(x), _floats(y)

    def violation(self, word: str, x: Floats, y: Floats, case: Case) -> tuple[int, ...] | None:
        """The turns that show that the shape is not kept, by rising x; None where none do."""
        order = [int(i) for i in np.argsort(x, kind="stable") if np.isfinite(x[i]) and np.isfinite(y[i])]
        order = [i for n, i in enumerate(order) if n == 0 or x[i] > x[order[n - 1]]]
        pairs = list(pairwise(order))
        if word in ("increasing", "decreasing"):
            sign = 1 if word == "increasing" else -1
            worst = max(pairs, key=lambda p: sign * (y[p[0]] - y[p[1]]), default=None)
            if worst is not None:
                a, b = worst
                if sign * (y[a] - y[b]) > NEAR * max(abs(y[a]), abs(y[b])):
                    return worst
        elif word == "convex":
            for a, b, c in zip(order, order[1:], order[2:], strict=False):
                chord = y[a] + (y[c] - y[a]) * (x[b] - x[a]) / (x[c] - x[a])
                if y[b] - chord > NEAR * max(abs(y[a]), abs(y[b]), abs(y[c])):
                    return a, b, c
        else:
            for a, b in pairs:
                if x[b] - x[a] <= CLOSE * case.span[0] and abs(y[b] - y[a]) > JUMP * case.span[1]:
                    return a, b
        return None


def _floats(column: Column) -> Floats:
    """Values, NaN where unknown."""
    values: Floats = np.where(column.known(), column.values, np.nan)
    return values


def faulty(column: Column) -> Flags:
    """(n,) whether a value is unknown, though all cells are known; magnitudes beyond float64 don't count."""
    quality: Codes | None = column.quality
    if quality is None:
        return np.zeros(len(column.values), dtype=np.bool_)
    found: Flags = ~column.known() & (cause_numbers(quality) != int(Cause.OVERFLOW))
    return found
