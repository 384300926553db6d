"""Which row of the tiers a row took, which failed before it and by how much."""

from fractions import Fraction
from typing import Literal

from dsl import model
from dsl.records import dataclass
from evaluator.origins import OriginText, describe_origin
from evaluator.places import Result, Unknown
from evaluator.reference import Reference

Outcome = Literal["held", "failed", "unknown", "not reached"]


@dataclass(frozen=True, slots=True)
class TierTest:
    """One row of the tiers: its text and line in the policy, and what came of it in the order from the top.

    Where the tiers go by bounds: ``bound``, and ``distance``, the variable minus the bound in the variable's unit,
    and ``relative`` to the bound's size; None where one of the two is unknown or infinite, or the bound is zero.
    """

    label: str
    text: str
    line: int
    outcome: Outcome
    bound: float | None
    distance: float | None
    relative: float | None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The tier beside. The variable crosses ``bound`` on the way there, and would have to change by ``gap``."""

    label: str
    bound: float
    gap: float
    relative: float | None


@dataclass(frozen=True, slots=True)
class TierReason:
    """``variable`` (empty for tiers by conditions), its ``value`` (None if unknown), ``unit``, and how it is
    ``shown``. ``before`` and ``after``: the tiers of the rows beside. ``because``: why it took the ``unknown`` row."""

    tier: str
    variable: str
    value: float | None
    unit: str
    shown: str
    tests: tuple[TierTest, ...]
    before: Neighbour | None
    after: Neighbour | None
    because: OriginText | None


def tier_reason(reference: Reference, tiers: model.Tiers, row: int) -> TierReason:
    taken, why = reference.tier_row(tiers.entity, row)
    variable = tiers.variable
    value: Result | None = None if variable is None else reference.evaluate(variable, tiers.entity, row)
    tests: list[TierTest] = []
    decided = False
    for i, tier in enumerate(tiers.rows):
        outcome = _outcome(reference, tiers, i, row, taken, decided)
        decided = decided or outcome in ("held", "unknown")
        tests.append(_test(reference, tiers, tier, row, outcome, value))
    type_ = model.NUMBER if variable is None else variable.type
    known = why is None and variable is not None
    return TierReason(
        tiers.rows[taken].label,
        "" if variable is None else name_of(variable),
        _number(value),
        str(type_.unit or ""),
        type_.shown,
        tuple(tests),
        _neighbour(tests, taken - 1, taken - 1) if known else None,
        _neighbour(tests, taken + 1, taken) if known else None,
        None if why is None else describe_origin(reference.policy, reference.book, why.code),
    )


def name_of(expr: model.Expr) -> str:
    return ".".join((*expr.links, expr.column)) if isinstance(expr, model.Read) else expr.span.text


def _outcome(reference: Reference, tiers: model.Tiers, i: int, row: int, taken: int, decided: bool) -> Outcome:
    if i == taken:
        return "held"
    if decided or tiers.rows[i].row != "bound":
        return "not reached"
    return "unknown" if isinstance(reference.tier_holds(tiers.entity, i, row), Unknown) else "failed"


def _test(
    reference: Reference, tiers: model.Tiers, tier: model.TierRow, row: int, outcome: Outcome, variable: Result | None
) -> TierTest:
    bound: Result | None = None
    if tiers.operator is not None and tier.when is not None:
        bound = reference.evaluate(tier.when, tiers.entity, row)
    distance = relative = None
    if isinstance(bound, Fraction) and isinstance(variable, Fraction):
        distance = float(variable - bound)
        relative = float((variable - bound) / abs(bound)) if bound else None
    return TierTest(tier.label, tier.span.text.strip(), tier.span.line, outcome, _number(bound), distance, relative)


def _number(value: Result | None) -> float | None:
    return float(value) if isinstance(value, (Fraction, float)) else None


def _neighbour(tests: list[TierTest], beside: int, between: int) -> Neighbour | None:
    """The tier number ``beside``, on the other side of the bound of number ``between``; None where there is none."""
    if not (0 <= beside < len(tests) and between >= 0):
        return None
    bound, distance, relative = tests[between].bound, tests[between].distance, tests[between].relative
    if bound is None or distance is None:
        return None
    return Neighbour(tests[beside].label, bound, -distance, None if relative is None else -relative)
