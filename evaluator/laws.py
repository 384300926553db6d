"""Looks for counterexamples to a policy's laws, over the declared ranges of its inputs and params.

Books are drawn at random, always the same ones; one in two is then moved, by changing one cell along a straight line,
to where something is decided: a bound of the tiers, the two sides of a comparison in the law. No proof is attempted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Literal

import numpy as np

from dsl import model
from dsl.model import Kind, Value, allows
from dsl.params import ParamError, resolve_params
from dsl.records import dataclass
from evaluator import literals
from evaluator.laws_aim import Probes, number_at, secant, with_cell
from evaluator.laws_cases import Case, Trial
from evaluator.laws_counterexample import Counterexample, counterexample
from evaluator.laws_jumps import jumps
from evaluator.laws_shrink import shrunk
from evaluator.laws_worlds import World, Worlds, decimal
from evaluator.vector import Floats

Verdict = Literal["proved", "refuted", "undecided"]

ROUNDS = 4  # of draws of the params, the first with their own values
TOGETHER = 500  # worlds tried at once where they can't see each other
SINGLE = 12  # worlds per round where each is a book of its own
POINTS = 8  # places at which a shape is looked at in one world
HALVINGS = 45  # of the gap across a jump

_DEFAULT_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LawResult:
    """``tried``: how many books were looked at. ``fault``: why the law could not be tried, if so."""

    law: model.Law
    verdict: Verdict
    tried: int
    counterexample: Counterexample | None = None
    fault: str = ""

    @property
    def passed(self) -> bool:
        return self.verdict != "refuted" and not self.fault


def run_laws(policy: model.Policy) -> Iterator[LawResult]:
    """Every law of a policy, in the order of its text."""
    for law in policy.laws:
        yield run_law(policy, law)


def run_law(policy: model.Policy, law: model.Law) -> LawResult:
    as_of = policy.effective or _DEFAULT_INSTANT
    try:
        defaults = resolve_params(policy, as_of)
    except ParamError as error:
        return LawResult(law, "undecided", 0, fault=str(error))
    trial = Trial(policy, law, as_of)
    search = _Search(trial, Worlds(trial.policy, law.on, as_of, f"{policy.name}: {law.text}"), as_of)
    tried = 0
    for number in range(ROUNDS):
        params = defaults if number == 0 else search.worlds.params(defaults)
        for cases in search.cases(params):
            tried += len(cases)
            broken = next(
                (c for c, bad in zip(cases, trial.broken(cases), strict=True) if bad and _surely(trial, c)), None
            )
            if broken is not None:
                small = shrunk(trial, broken, defaults)
                small = small if _surely(trial, small) else broken
                return LawResult(law, "refuted", tried, counterexample(policy, trial, small, defaults))
    return LawResult(law, "undecided", tried)


def _surely(trial: Trial, case: Case) -> bool:
    """What looks like a jump may be a steep line; all else is as it was found."""
    return trial.shape is None or trial.shape.word != "continuous" or jumps(trial, case)


class _Search:
    """Where to look: worlds as drawn, and worlds moved to where something is decided."""

    def __init__(self, trial: Trial, worlds: Worlds, as_of: datetime) -> None:
        self.trial, self.worlds, self.as_of = trial, worlds, as_of
        self.random = Random("aim" + trial.law.text)
        self.probes = Probes(trial)

    def cases(self, params: Mapping[str, Value]) -> Iterator[list[Case]]:
        count = TOGETHER if self.trial.isolated else SINGLE
        if self.trial.shape is not None:
            count = max(count // POINTS, 2)
        drawn = [self.worlds.world() for _ in range(count)]
        if self.trial.shape is not None:
            yield self._turning(drawn, params)
            return
        half = drawn[: count // 2]
        yield [Case(w, params) for w in half]
        yield [Case(w, params) for w in self._aimed(drawn[count // 2 :], params)]

    # -- conditions -------------------------------------------------------------------------------

    def _aimed(self, worlds: Sequence[World], params: Mapping[str, Value]) -> list[World]:
        """Each world with one number changed so that a probe comes to one of its targets, where it can."""
        if not self.probes.targets:
            return list(worlds)
        cells = [self._number_cell(w) for w in worlds]
        second = [
            w if cell is None else with_cell(w, *cell, self._drawn(cell)) for w, cell in zip(worlds, cells, strict=True)
        ]
        before, after = self.probes.values(worlds, params), self.probes.values(second, params)
        return [
            w if cell is None else self._moved(i, (w, other), cell, (before, after), params)
            for i, (w, other, cell) in enumerate(zip(worlds, second, cells, strict=True))
        ]

    def _moved(
        self,
        number: int,
        worlds: tuple[World, World],
        cell: tuple[str, int, str],
        found: tuple[dict[str, Floats], dict[str, Floats]],
        params: Mapping[str, Value],
    ) -> World:
        name = self.random.choice(list(self.probes.targets))
        at = [float(values[name][number]) for values in found]
        target = self._target(name, at[0], params)
        value = secant([number_at(w, cell) for w in worlds], at, target)
        made = self.trial.policy.entities[cell[0]].inputs[cell[2]]
        if value is None or not allows(made.domain, value):
            return worlds[0]
        return with_cell(worlds[0], *cell, decimal(value))

    def _target(self, name: str, now: float, params: Mapping[str, Value]) -> float:
        """Near a bound, seldom at it: equal sides are decided by the reference, which is slow."""
        bounds = [b for e in self.probes.targets[name] if (b := _constant(e, params)) is not None]
        if not bounds:
            return 0.0 if self.random.random() < 0.02 else now * self.random.choice((-0.1, -0.001, 0.001, 0.1))
        low, high = min(bounds), max(bounds)
        pick = self.random.random()
        if pick < 0.02:
            return self.random.choice(bounds)
        if pick < 0.5:
            return self.random.choice(bounds) * self.random.choice((1.0001, 0.9999, 1.01, 0.99, 1.05, 0.95))
        return low + (high - low) * self.random.uniform(-0.2, 1.2)

    def _number_cell(self, world: World) -> tuple[str, int, str] | None:
        """A number of some row, for choice one of the row that the law is about."""
        entities = self.trial.policy.entities.values()
        cells = [
            (e.name, i, made.name) for e in entities for made in e.inputs.values() if made.type.kind is Kind.NUMBER
            for i, row in enumerate(world.get(e.name, ())) if row[made.name] is not None
        ]  # fmt: skip
        own = [c for c in cells if c[0] == self.trial.law.on]
        return self.random.choice(own if own and self.random.random() < 0.6 else cells) if cells else None

    def _drawn(self, cell: tuple[str, int, str]) -> str:
        return decimal(self.worlds.number(self.trial.policy.entities[cell[0]].inputs[cell[2]].domain))

    # -- shapes -----------------------------------------------------------------------------------

    def _turning(self, worlds: Sequence[World], params: Mapping[str, Value]) -> list[Case]:
        """Each world with several values of the cell that moves the variable, many of them near the figures."""
        trial = self.trial
        assert trial.shape is not None and trial.law.on is not None
        made = trial.policy.entities[trial.law.on].inputs[trial.moved]
        drawn = [Case(w, params, tuple(decimal(self.worlds.number(made.domain)) for _ in range(2))) for w in worlds]
        x, _ = trial.moves(drawn)
        figures = [float(f) for f in self.worlds.figures.numbers]
        cases = []
        for case, xs in zip(drawn, x, strict=True):
            ends = [literals.exact(text) for text in case.turns]
            turns = dict.fromkeys(case.turns)
            for _ in range(POINTS * 3):
                if len(turns) >= POINTS:
                    break
                target = self.random.choice(figures) * self.random.choice((1, 1, 1.0001, 0.9999, 1.05, 0.9))
                value = secant(ends, [float(v) for v in xs], target)
                if value is not None and allows(made.domain, value):
                    turns[decimal(value)] = None
            cases.append(replace(case, turns=tuple(turns)))
        return self._narrowed(cases) if trial.shape.word == "continuous" else cases

    def _narrowed(self, cases: list[Case]) -> list[Case]:
        """Each case as two turns, halved again and again towards where the subject changes most."""
        ends: list[Case] = []
        for case, x, y in zip(cases, *self.trial.moves(cases), strict=True):
            order = [int(i) for i in np.argsort(x, kind="stable") if np.isfinite(x[i]) and np.isfinite(y[i])]
            pairs = list(pairwise(order))
            if pairs:
                a, b = max(pairs, key=lambda p: abs(y[p[1]] - y[p[0]]))
                span = (float(np.ptp(x[order])) or 1.0, float(np.ptp(y[order])) or 1.0)
                ends.append(replace(case, turns=(case.turns[a], case.turns[b]), span=span))
        for _ in range(HALVINGS if ends else 0):
            tried = []
            for case in ends:
                low, high = (literals.exact(t) for t in case.turns)
                tried.append(replace(case, turns=(case.turns[0], decimal((low + high) / 2, 17), case.turns[1])))
            halves = zip(tried, *self.trial.moves(tried), strict=True)
            ends = [
                replace(c, turns=c.turns[:2] if not abs(y[1] - y[0]) < abs(y[2] - y[1]) else c.turns[1:])
                for c, _, y in halves
            ]
        return ends


def _constant(expr: model.Expr, params: Mapping[str, Value]) -> float | None:
    if isinstance(expr, model.Const) and isinstance(expr.value, Fraction):
        return float(expr.value)
    value = params.get(expr.name) if isinstance(expr, model.ParamRead) else None
    return float(value) if isinstance(value, Fraction) else None
