"""A checked policy over a book: lowered, planned, run over whole columns; rows in doubt decided exactly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from time import perf_counter

import numpy as np
import numpy.typing as npt

from dsl.model import Kind, Policy, Type, Value
from evaluator import error
from evaluator.book import Book
from evaluator.columns import KNOWN, Column
from evaluator.context import Context
from evaluator.graph import Node
from evaluator.groups import GROUPS
from evaluator.kernels import KERNELS, Kernel
from evaluator.lower import Outputs, lower
from evaluator.places import Unknown
from evaluator.plan import Plan, plan
from evaluator.reference import Reference
from evaluator.search import LOOKUPS
from evaluator.tiering import TIERS
from evaluator.vector import Codes, Floats, Vector, clean, tidy

Progress = Callable[[str, float], None]  # what is being done, and the part of it that is


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """``values``: a flag for each row of the check's entity, or one for the whole book. ``margin``, where the condition
    is a comparison of numbers: by how much each row violates it (positive), 0 where that is unknown."""

    index: int
    values: Column
    margin: Floats | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``columns``: by entity, every formula and tiers column (texts: codes into ``texts``; ``tier``: into the tiers'
    labels). ``reasons``: by entity with tiers, why a row is in the unknown tier. ``decided``: by entity, how many
    of its rows the reference interpreter decided. ``timings``: seconds by stage."""

    policy: Policy
    book: Book
    params: Mapping[str, Value]
    columns: dict[str, dict[str, Column]]
    checks: tuple[CheckOutcome, ...]
    reasons: dict[str, Codes]
    decided: dict[str, int]
    texts: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)

    def column(self, entity: str, name: str) -> Column:
        """A computed column, or an input."""
        computed = self.columns.get(entity, {})
        return computed[name] if name in computed else self.book.tables[entity].columns[name]

    def tier_quality(self, entity: str) -> Codes:
        """(n,) int64: why a row stands in the ``unknown`` tier, KNOWN where it does not."""
        return self.reasons[entity]


def evaluate(
    policy: Policy, book: Book, params: Mapping[str, Value], *, progress: Progress | None = None, optimise: bool = True
) -> Evaluation:
    """Every formula, tier and check of the policy. ``params``: each parameter's value in force.

    ``optimise`` off shares no work between equal expressions; the results are the same bits.
    """
    started = perf_counter()
    context = Context(policy, book, _as_of(policy, book))
    outputs = lower(policy, params, context.as_of, _infinite(policy, book), optimise)
    planned = plan([*outputs.columns.values(), *outputs.reasons.values(), *_nodes(outputs)])
    context.bounded = planned.bounded
    lowered = perf_counter()
    runner = _Runner(context, Exactly(policy, book, params, context))
    with np.errstate(all="ignore"):
        done = runner.run(planned, progress)
    finished = perf_counter()
    columns: dict[str, dict[str, Column]] = {name: {} for name in policy.entities}
    for (entity, name), node in outputs.columns.items():
        columns[entity][name] = _column(done[node.id], book.tables[entity].rows)
    checks = tuple(
        _outcome(i, policy.checks[i].on, done[node.id], done[margin.id] if margin else None, book)
        for i, (node, margin) in enumerate(outputs.checks)
    )
    reasons = {e: runner.exactly.reasons(e, done[node.id]) for e, node in outputs.reasons.items()}
    timings = {"lower": lowered - started, "run": finished - lowered, "reference": runner.exactly.seconds}
    decided = {e: int(rows.sum()) for e, rows in runner.exactly.decided.items()}
    return Evaluation(policy, book, params, columns, checks, reasons, decided, tuple(context.texts), timings)


def _nodes(outputs: Outputs) -> list[Node]:
    return [node for pair in outputs.checks for node in pair if node is not None]


def _as_of(policy: Policy, book: Book) -> Fraction | None:
    """The snapshot's instant; where it states none, the day that the policy takes effect."""
    if book.as_of is not None or policy.effective is None:
        return book.as_of
    moment = policy.effective if policy.effective.tzinfo else policy.effective.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return Fraction(since.days * 86_400 + since.seconds) + Fraction(since.microseconds, 1_000_000)


def _infinite(policy: Policy, book: Book) -> frozenset[tuple[str, str]]:
    """Inputs with infinite values: none that was read from a file."""
    return frozenset(
        (entity.name, name)
        for entity in policy.entities.values()
        for name, column in book.tables[entity.name].columns.items()
        if name in entity.inputs and column.values.dtype == np.float64 and bool(np.isinf(column.values).any())
    )


def _column(vector: Vector, rows: int) -> Column:
    full = vector.full(rows)
    return Column(np.ascontiguousarray(full.values), full.quality)


def _outcome(index: int, on: str | None, values: Vector, margin: Vector | None, book: Book) -> CheckOutcome:
    rows = book.tables[on].rows if on else 1
    return CheckOutcome(index, _column(values, rows), None if margin is None else _column(margin, rows).values)


class _Runner:
    """Runs a plan, dropping each result after its last reader."""

    def __init__(self, context: Context, exactly: "Exactly") -> None:
        self.context, self.exactly = context, exactly

    def run(self, planned: Plan, progress: Progress | None) -> dict[int, Vector]:
        done: dict[int, Vector] = {}
        for i, (node, drop) in enumerate(zip(planned.order, planned.last, strict=True)):
            args = [done[a.id] for a in node.args]
            result = self._kernel(node)(node, args, self.context)
            if node.id in planned.bounded:
                result = error.bounded(node, args, result)
            done[node.id] = result
            for read in drop:
                del done[read]
            if progress is not None:
                progress("evaluating", (i + 1) / len(planned.order))
        return done

    def _kernel(self, node: Node) -> Kernel:
        return self.exactly.settle if node.op == "settle" else _KERNELS[node.op]


def _input(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """An input as read: dates and whole numbers are exact, other numbers are their decimals rounded once."""
    entity, name = node.attrs
    assert isinstance(entity, str) and isinstance(name, str)
    table = context.book.tables[entity]
    column = table.columns[name]
    values, quality = column.values, tidy(column.quality)
    if quality is not None:
        values = clean(values.copy(), quality)
    if node.type.kind is Kind.TEXT:
        values = context.text_codes(table.texts[name])[values]
    relative = 0.0
    if node.type.kind is Kind.NUMBER and context.tracks(node):
        relative = error.representation(values)
    return Vector(values, quality, None, relative, None, node.numeric)


def _key(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    return Vector(np.arange(context.rows(node.grain), dtype=np.int64))


_KERNELS: dict[str, Kernel] = {**KERNELS, **LOOKUPS, **GROUPS, **TIERS, "input": _input, "key": _key}


class Exactly:
    """Decides rows in doubt by the reference interpreter, which starts when it is first needed."""

    def __init__(self, policy: Policy, book: Book, params: Mapping[str, Value], context: Context) -> None:
        self._policy, self._book, self._params, self._context = policy, book, params, context
        self._reference: Reference | None = None
        self._tiers: dict[str, npt.NDArray[np.intp]] = {}
        self.decided: dict[str, npt.NDArray[np.bool_]] = {}
        self.seconds = 0.0

    @property
    def reference(self) -> Reference:
        if self._reference is None:
            self._reference = Reference(self._policy, self._book, self._params)
        return self._reference

    def settle(self, node: Node, args: Sequence[Vector], context: Context) -> Vector:
        """A column's or check's final values: rows in doubt recomputed, no minus zero, nothing of it in doubt."""
        (found,) = args
        grain = node.grain if isinstance(node.attrs[0], str) else (self._policy.checks[_check(node)].on or "")
        rows = self._book.tables[grain].rows if grain in self._book.tables else context.rows(node.grain)
        full = found.full(rows)
        values, quality = full.values, full.quality
        values = values + 0.0 if values.dtype == np.float64 else values
        result = Vector(values, quality, None, full.relative, full.absolute, full.once)
        if full.doubt is None or not full.doubt.any():
            return result
        started = perf_counter()
        result = self._decide(node, result, np.flatnonzero(full.doubt))
        self.seconds += perf_counter() - started
        return result

    def _decide(self, node: Node, found: Vector, rows: npt.NDArray[np.intp]) -> Vector:
        values = np.array(found.values)
        quality = np.full(len(values), KNOWN, dtype=np.int64) if found.quality is None else np.array(found.quality)
        where = node.attrs[0] if isinstance(node.attrs[0], str) else self._policy.checks[_check(node)].on or ""
        assert isinstance(where, str)
        for row in rows.tolist():
            result = self._result(node, row)
            if isinstance(result, Unknown):
                values[row], quality[row] = 0, result.code
            else:
                values[row], quality[row] = _stored(result, node.type, self._context), KNOWN
        marked = self.decided.setdefault(where, np.zeros(len(values), dtype=np.bool_))
        marked[rows] = True
        absolute = found.absolute
        if absolute is not None:
            absolute = np.array(absolute)
            absolute[rows] = 0.0
        relative = max(found.relative, error.HALF_UNIT) if node.numeric else 0.0
        return Vector(values, tidy(quality), None, relative, absolute, found.once)

    def _result(self, node: Node, row: int) -> object:
        if len(node.attrs) == 1:
            return self.reference.check(_check(node), row)
        entity, column = node.attrs
        assert isinstance(entity, str) and isinstance(column, str)
        return self.reference.cell(entity, column, row)

    def reasons(self, entity: str, found: Vector) -> Codes:
        """Why rows stand in the unknown tier, those in doubt decided."""
        codes = np.array(found.full(self._book.tables[entity].rows).values)
        if found.doubt is not None:
            for row in np.flatnonzero(np.broadcast_to(found.doubt, codes.shape)).tolist():
                unknown = self.reference.tier_row(entity, row)[1]
                codes[row] = KNOWN if unknown is None else unknown.code
        return codes


def _check(node: Node) -> int:
    index = node.attrs[0]
    assert isinstance(index, int)
    return index


def _stored(result: object, type: Type, context: Context) -> float | int | bool:
    """A value of the reference interpreter as a column holds it."""
    match result:
        case bool():
            return result
        case str():
            return type.labels.index(result) if type.kind is Kind.ENUM else context.text_code(result)
        case int():
            return result
        case Fraction() | float():
            return float(result) + 0.0
    raise TypeError(f"no column holds {result!r}")
