"""What a condition tells of the numbers in it, where it is yes or no."""

from collections.abc import Callable, Mapping

from dsl import model
from dsl.intervals import ANYTHING, intersect
from dsl.model import Interval, Kind
from dsl.records import dataclass


@dataclass(frozen=True, slots=True)
class NonZero:
    """Stands among the facts for what a guard has shown not to be zero, which no interval says."""

    expr: model.Expr


Facts = Mapping[model.Expr | NonZero, Interval]
NO_FACTS: Facts = {}
Limits = Callable[[model.Expr], Interval]


def learn(facts: Facts, condition: model.Expr, truth: bool, limits: Limits) -> Facts:
    """What is known of ranges where a condition is yes (``truth``) or no; ``limits``: the range of an expression."""
    match condition:
        case model.Unary(operator="not"):
            return learn(facts, condition.operand, not truth, limits)
        case model.Logic() if (condition.operator == "and") == truth:
            for operand in condition.operands:
                facts = learn(facts, operand, truth, limits)
        case model.Compare():
            operator = condition.operator if truth else _INVERSE[condition.operator]
            facts = _bound(facts, condition.left, operator, limits(condition.right))
            facts = _bound(facts, condition.right, _MIRROR[operator], limits(condition.left))
    return facts


_INVERSE = {"=": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MIRROR = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _bound(facts: Facts, subject: model.Expr, operator: str, limit: Interval) -> Facts:
    if subject.type.kind not in (Kind.NUMBER, Kind.DATE) or isinstance(subject, model.Const):
        return facts
    if operator == "!=":
        return {**facts, NonZero(subject): ANYTHING} if limit.low == limit.high == 0 else facts
    new = {
        "=": limit,
        "<": Interval(None, limit.high, high_open=limit.high is not None),
        "<=": Interval(None, limit.high, high_open=limit.high_open),
        ">": Interval(limit.low, None, low_open=limit.low is not None),
        ">=": Interval(limit.low, None, low_open=limit.low_open),
    }[operator]
    if new == ANYTHING:
        return facts
    return {**facts, subject: intersect(facts[subject], new) if subject in facts else new}
