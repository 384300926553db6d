"""What a condition comes to for every allowed value: always yes, always no, or it depends."""

from dsl import model
from dsl.facts import NO_FACTS, Facts
from dsl.intervals import intersect
from dsl.model import Interval, Kind
from dsl.ranges import Ranges


def decide(ranges: Ranges, condition: model.Expr, facts: Facts = NO_FACTS) -> bool | None:
    """Yes or no where the condition is that wherever it is known and the facts hold; None where that isn't shown."""
    match condition:
        case model.Const():
            return condition.value if isinstance(condition.value, bool) else None
        case model.Unary(operator="not"):
            inner = decide(ranges, condition.operand, facts)
            return None if inner is None else not inner
        case model.Logic():
            return _logic(ranges, condition, facts)
        case model.Compare() if condition.left.type.kind in (Kind.NUMBER, Kind.DATE):
            left, right = ranges.of(condition.left, facts), ranges.of(condition.right, facts)
            return _compare(condition.operator, left, right)
    return None


def _logic(ranges: Ranges, condition: model.Logic, facts: Facts) -> bool | None:
    """``and`` is no where one operand is, ``or`` yes; each operand knows what those before it have come to."""
    decisive = condition.operator == "or"
    open_ = False
    for operand in condition.operands:
        found = decide(ranges, operand, facts)
        if found is decisive:
            return decisive
        open_ = open_ or found is None
        facts = ranges.learn(facts, operand, not decisive, {})
    return None if open_ else not decisive


def _compare(operator: str, left: Interval, right: Interval) -> bool | None:
    match operator:
        case "<":
            return True if _below(left, right) else False if _below(right, left, touching=True) else None
        case "<=":
            return True if _below(left, right, touching=True) else False if _below(right, left) else None
        case ">" | ">=":
            return _compare({">": "<", ">=": "<="}[operator], right, left)
        case "=" | "!=":
            if _empty(intersect(left, right)):
                return operator == "!="
            if left.low is not None and left.low == left.high == right.low == right.high:
                return operator == "="
            return None
    raise ValueError(operator)


def _below(a: Interval, b: Interval, *, touching: bool = False) -> bool:
    """Whether every value of ``a`` is below every value of ``b``, or may equal it where ``touching``."""
    if a.high is None or b.low is None:
        return False
    return a.high < b.low or (a.high == b.low and (touching or a.high_open or b.low_open))


def _empty(x: Interval) -> bool:
    if x.low is None or x.high is None:
        return False
    return x.low > x.high or (x.low == x.high and (x.low_open or x.high_open))
