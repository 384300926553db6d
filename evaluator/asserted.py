"""An expectation that failed, taken apart: each part with its value, the tiers it met, where the values are from."""

from fractions import Fraction

from dsl import model
from dsl.model import Kind
from dsl.records import dataclass
from dsl.text import value_text
from dsl.tree import walk
from evaluator.explain_step import Step
from evaluator.explain_steps import Steps
from evaluator.explain_tiers import TierReason, tier_reason
from evaluator.origins import describe_origin
from evaluator.places import At, Unknown, operands
from evaluator.plain import Plain, constant, key_of
from evaluator.reference import Reference


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an expectation as written, and its value (None where unknown, ``because`` of this); ``parts`` of it."""

    text: str
    value: Plain
    unit: str
    shown: str
    because: str = ""
    parts: "tuple[Part, ...]" = ()

    @property
    def literal(self) -> bool:
        """Whether the text says all there is to say."""
        return not self.parts and not self.because and isinstance(self.value, str) and self.text == self.value


@dataclass(frozen=True, slots=True)
class Decided:
    """A row whose tier the expectation is about, and why it has it."""

    entity: str
    key: str
    reason: TierReason


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that doesn't hold. ``whole``: the condition with its parts. ``steps``: of the cells it reads."""

    expectation: model.Expectation
    whole: Part
    decided: tuple[Decided, ...]
    steps: tuple[Step, ...]
    nearly: bool = False  # a figure that is expected to be equal, and is but for what rounding by hand leaves

    @property
    def expected(self) -> str:
        """What was expected, as written; of a case with its cells in place."""
        within = " ".join(self.expectation.span.text.split()).partition(" within ")[2]
        if within.startswith("each.") and self.expectation.within is not None:
            assert isinstance(self.expectation.condition, model.Compare)
            within = value_text(self.expectation.within, self.expectation.condition.left.type)
        return f"{self.whole.text} within {within}" if within else self.whole.text


def failure(reference: Reference, expectation: model.Expectation, row: int) -> Failure:
    at = At(expectation.entity, row)
    condition = expectation.condition
    found: dict[tuple[str, int], Decided] = {}
    for read in walk(condition):
        if isinstance(read, model.Read) and not read.inner and _of_tiers(reference.policy, read):
            source = reference.source(read, at)
            if not isinstance(source, Unknown) and source not in found:
                reason = tier_reason(reference, reference.policy.tiers[source[0]], source[1])
                found[source] = Decided(source[0], key_of(reference.book, *source), reason)
    steps = Steps(reference)
    shown = [*steps.parts(condition, at), *(steps.column(entity, "tier", row) for entity, row in found)]
    decided = tuple(found.values())
    steps_shown = tuple(s for s in shown if not s.again)
    nearly = _nearly(reference, expectation, at)
    return Failure(expectation, part(reference, condition, at), decided, steps_shown, nearly)


def _nearly(reference: Reference, expectation: model.Expectation, at: At) -> bool:
    condition = expectation.condition
    if not isinstance(condition, model.Compare) or condition.operator != "=" or expectation.within is not None:
        return False
    both = [reference.at(side, at) for side in (condition.left, condition.right)]
    numbers = [float(value) for value in both if isinstance(value, Fraction | float)]
    if len(numbers) < 2:
        return False
    larger = max(map(abs, numbers))
    return larger < float("inf") and 0 < abs(numbers[0] - numbers[1]) <= larger / 1000


def _of_tiers(policy: model.Policy, read: model.Read) -> bool:
    entity = policy.entities[read.entity]
    return read.column != read.entity and read.column not in (*entity.inputs, *entity.formulas)


def part(reference: Reference, expr: model.Expr, at: At) -> Part:
    """An expression's value and those of its parts that were looked at; literals say themselves."""
    value = reference.at(expr, at)
    unit = str(expr.type.unit) if expr.type.kind is Kind.NUMBER and expr.type.unit is not None else ""
    made = [part(reference, each, at) for each in _looked_at(reference, expr, at) if not isinstance(each, model.Const)]
    parts = tuple(dict.fromkeys(p for p in made if not p.literal))
    if isinstance(value, Unknown):
        because = describe_origin(reference.policy, reference.book, value.code).text
        return Part(text_of(expr), None, unit, expr.type.shown, because, parts)
    return Part(text_of(expr), _plain(reference, expr, value), unit, expr.type.shown, "", parts)


def text_of(expr: model.Expr) -> str:
    """An expression as written, on one line; a comparison by its sides, one of which may stand among a test's cases."""
    if isinstance(expr, model.Compare):
        return f"{text_of(expr.left)} {expr.operator} {text_of(expr.right)}"
    return " ".join(expr.span.text.split())


def _looked_at(reference: Reference, expr: model.Expr, at: At) -> tuple[model.Expr, ...]:
    match expr:
        case model.Read() | model.Aggregate() | model.Over():
            return ()
        case model.If():
            condition = reference.at(expr.condition, at)
            if isinstance(condition, Unknown):
                return (expr.condition,)
            return expr.condition, expr.then if condition else expr.otherwise
    return operands(expr)


def _plain(reference: Reference, expr: model.Expr, value: object) -> Plain:
    if expr.type.kind is Kind.LINK and isinstance(value, int):
        return reference.book.tables[expr.type.entity].keys[value]
    return constant(value, expr.type)  # type: ignore[arg-type]
