"""The checks of a policy over a book: verdicts, and the rows that fail worst."""

from typing import Literal

import numpy as np

from dsl.model import Check, Compare, Kind
from dsl.records import dataclass
from evaluator.columns import KNOWN
from evaluator.evaluation import CheckOutcome, Evaluation
from evaluator.origins import describe_origin
from evaluator.places import Unknown
from evaluator.plain import Plain, constant, key_of
from evaluator.reference import Reference

Verdict = Literal["pass", "warn", "fail", "unknown"]
WORST = 10


@dataclass(frozen=True, slots=True)
class Offender:
    """A row that fails or is unknown: its key, both sides where the check compares two, why where it is unknown."""

    key: str
    row: int
    left: Plain
    right: Plain
    because: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """``verdict`` of a check marked `warn` that has not passed is warn, and it does not change the exit code.

    ``rows``: how many it was asked of (1 for a check on whole entities, where ``on`` is None). ``offenders``: at most
    ten that fail, those by the largest margin first, then unknown ones in the input's order. ``operator`` and the texts
    of both sides are empty where the check is no comparison.
    """

    text: str
    warn: bool
    on: str | None
    verdict: Verdict
    rows: int
    failing: int
    unknown: int
    operator: str
    left_text: str
    right_text: str
    offenders: tuple[Offender, ...]


def check_results(evaluation: Evaluation) -> tuple[CheckResult, ...]:
    """Every check's result, in the policy's order."""
    return tuple(_result(evaluation, outcome) for outcome in evaluation.checks)


def _result(evaluation: Evaluation, outcome: CheckOutcome) -> CheckResult:
    check = evaluation.policy.checks[outcome.index]
    known = outcome.values.known()
    failing = np.flatnonzero(known & ~outcome.values.values)
    unknown = np.flatnonzero(~known)
    if outcome.margin is not None:
        failing = failing[np.argsort(-outcome.margin[failing], kind="stable")]
    verdict: Verdict = "fail" if len(failing) else "unknown" if len(unknown) else "pass"
    shown = [int(r) for r in (*failing[:WORST], *unknown[: max(0, WORST - len(failing))])]
    compare = check.condition if isinstance(check.condition, Compare) else None
    return CheckResult(
        check.text,
        check.warn,
        check.on,
        "warn" if check.warn and verdict != "pass" else verdict,
        len(outcome.values.values),
        len(failing),
        len(unknown),
        compare.operator if compare else "",
        compare.left.span.text if compare else "",
        compare.right.span.text if compare else "",
        tuple(_offender(evaluation, outcome, check, row) for row in shown),
    )


def _offender(evaluation: Evaluation, outcome: CheckOutcome, check: Check, row: int) -> Offender:
    key = key_of(evaluation.book, check.on, row) if check.on else ""
    because, quality = "", outcome.values.quality
    if quality is not None and quality[row] != KNOWN:
        because = describe_origin(evaluation.policy, evaluation.book, int(quality[row])).text
    left = right = None
    if isinstance(check.condition, Compare):
        left, right = _side(evaluation, outcome, check, 0, row), _side(evaluation, outcome, check, 1, row)
    return Offender(key, row, left, right, because)


def _side(evaluation: Evaluation, outcome: CheckOutcome, check: Check, number: int, row: int) -> Plain:
    """A side's value at the row, None where it is unknown (or, on whole entities, no number)."""
    assert isinstance(check.condition, Compare)
    side = (check.condition.left, check.condition.right)[number]
    if outcome.sides is not None:
        column = outcome.sides[number]
        known = column.quality is None or column.quality[row] == KNOWN
        return constant(float(column.values[row]), side.type) if known else None
    if check.on is None:  # adding up a whole book row by row takes too long
        return None
    reference = Reference(evaluation.policy, evaluation.book, evaluation.params, evaluation.columns)
    value = reference.evaluate(side, check.on, row)
    if isinstance(value, Unknown):
        return None
    if side.type.kind is Kind.LINK:
        assert isinstance(value, int)
        return key_of(evaluation.book, side.type.entity, value)
    return constant(value, side.type)
