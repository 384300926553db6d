"""What a condition tells of the numbers in it, where it is yes or no."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from dsl import model
from dsl.constants import constant
from dsl.intervals import ANYTHING, intersect
from dsl.model import Interval, Kind


@dataclass(frozen=True, slots=True)
class NonZero:
    """Stands among the facts for what a guard has shown not to be zero, which no interval says."""

    expr: model.Expr


Facts = Mapping[model.Expr | NonZero, Interval]
NO_FACTS: Facts = {}


def learn(facts: Facts, condition: model.Expr, truth: bool) -> Facts:
    """What is known of ranges where a condition is yes (``truth``) or no."""
    match condition:
        case model.Unary(operator="not"):
            return learn(facts, condition.operand, not truth)
        case model.Logic() if (condition.operator == "and") == truth:
            for operand in condition.operands:
                facts = learn(facts, operand, truth)
        case model.Compare():
            operator = condition.operator if truth else _INVERSE[condition.operator]
            facts = _bound(facts, condition.left, operator, condition.right)
            facts = _bound(facts, condition.right, _MIRROR[operator], condition.left)
    return facts


_INVERSE = {"=": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MIRROR = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _bound(facts: Facts, subject: model.Expr, operator: str, limit: model.Expr) -> Facts:
    value = constant(limit)
    if subject.type.kind is not Kind.NUMBER or not isinstance(value, Fraction):
        return facts
    new = {
        "=": Interval(value, value),
        "<": Interval(None, value, high_open=True),
        "<=": Interval(None, value),
        ">": Interval(value, None, low_open=True),
        ">=": Interval(value),
    }.get(operator)
    if operator == "!=" and value == 0:
        return {**facts, NonZero(subject): ANYTHING}
    if new is None:
        return facts
    return {**facts, subject: intersect(facts[subject], new) if subject in facts else new}
