"""Why a row has its tier and its values: as data, down to the input cells and table rows that they come from."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dsl import model
from dsl.causes import Cause
from dsl.records import dataclass
from evaluator.book import Book
from evaluator.columns import Column
from evaluator.explain_step import Step
from evaluator.explain_steps import Steps
from evaluator.explain_tiers import TierReason, tier_reason
from evaluator.plain import jsonable, key_of
from evaluator.reference import Reference

if TYPE_CHECKING:
    from evaluator.queue import Queue
    from evaluator.why_not import WhyNot


class Evaluated(Protocol):
    """What an explanation needs of an evaluation."""

    @property
    def policy(self) -> model.Policy: ...
    @property
    def book(self) -> Book: ...
    @property
    def params(self) -> Mapping[str, model.Value]: ...
    @property
    def columns(self) -> Mapping[str, Mapping[str, Column]]: ...
    @property
    def queues(self) -> Mapping[tuple[str, str], "Queue"]: ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """One row: its tier and why, and each of its formulas and tiers columns as a tree of steps.

    A cell that several formulas read is explained where it comes first; later steps of it say ``again``.
    """

    entity: str
    key: str
    row: int
    tier: TierReason | None
    formulas: tuple[Step, ...]
    why_not: "WhyNot | None" = None


def explain(evaluation: Evaluated | Reference, entity: str, row: int, why: str | None = None) -> Explanation:
    """A row's tier and values and where they come from. Values are the reference interpreter's, rounded to float64.

    ``why``: a tier that it is not in; said is why not.
    """
    if isinstance(evaluation, Reference):
        reference = evaluation
    else:
        reference = Reference(evaluation.policy, evaluation.book, evaluation.params, evaluation.columns)
    queues = None if isinstance(evaluation, Reference) else evaluation.queues
    policy, steps = reference.policy, Steps(reference, queues=queues)
    columns = list(policy.entities[entity].formulas)
    tier = None
    if entity in policy.tiers:
        tier = tier_reason(reference, policy.tiers[entity], row)
        columns += [column.name for column in policy.tiers[entity].columns]
    formulas = tuple(steps.column(entity, name, row) for name in columns)
    told = None
    if why is not None:
        from evaluator.why_not import why_not  # it evaluates, and loads all that this takes

        seen = Steps(reference, queues=queues).column(entity, "tier", row)
        told = why_not(policy, reference.book, reference.params, entity, row, why, seen)
    return Explanation(entity, key_of(reference.book, entity, row), row, tier, formulas, told)


def as_data(explanation: Explanation) -> dict[str, Any]:
    """The same as JSON-able data: causes in words, infinite as text, what says nothing left out."""
    made: dict[str, Any] = jsonable(plain_data(explanation))
    return made


def plain_data(value: Any) -> Any:
    """Dataclasses as dicts, causes in words, what says nothing left out."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in fields(value)}
    match value:
        case dict():
            return {k: plain_data(v) for k, v in value.items() if _says(k, v)}
        case tuple():
            return [plain_data(v) for v in value]
        case Cause():
            return value.words
        case _:
            return value


def _says(key: str, value: Any) -> bool:
    """Whether a part tells something; an unknown value and a blank cell do."""
    return key == "value" or (
        value is not None and value is not False and value != () and (key == "cell" or value != "")
    )
