"""A checked policy over a book: lowered, planned, run over whole columns; rows in doubt decided exactly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from time import perf_counter

import numpy as np

from dsl.model import Kind, Policy, Value
from evaluator import error
from evaluator.book import Book
from evaluator.columns import Column
from evaluator.context import Context
from evaluator.graph import Node
from evaluator.groups import GROUPS
from evaluator.kernels import KERNELS, Kernel
from evaluator.logic import LOGIC
from evaluator.lower import lower, lower_columns
from evaluator.plan import Plan, plan
from evaluator.search import LOOKUPS
from evaluator.settle import Exactly
from evaluator.tiering import TIERS
from evaluator.until import solve
from evaluator.vector import Codes, Flags, Floats, Vector, clean, tidy

Progress = Callable[[str, float], None]  # what is being done, and the part of it that is


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """``values``: a flag for each row of the check's entity, or one for the whole book. Where the condition compares
    numbers: ``margin``, by how much each row violates it (positive), 0 where that is unknown, and both ``sides``."""

    index: int
    values: Column
    margin: Floats | None
    sides: tuple[Column, Column] | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``columns``: by entity, every formula and tiers column (texts: codes into ``texts``; ``tier``: into the tiers'
    labels). ``reasons``: by entity with tiers, why a row is in the unknown tier. ``decided``: by entity, how many
    of its rows the reference interpreter decided. ``timings``: seconds by stage. ``unmet``: by column with `until`, the
    rows where no value in the range was enough."""

    policy: Policy
    book: Book
    params: Mapping[str, Value]
    columns: dict[str, dict[str, Column]]
    checks: tuple[CheckOutcome, ...]
    reasons: dict[str, Codes]
    decided: dict[str, int]
    texts: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    unmet: dict[tuple[str, str], Flags] = field(default_factory=dict)

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
    solved = solve(policy, book, params, partial(evaluate_columns, params=params))
    policy, book = solved.policy, solved.book
    context = Context(policy, book, book.as_of)
    outputs = lower(policy, params, context.as_of, _infinite(policy, book), optimise)
    planned = plan([*outputs.columns.values(), *outputs.reasons.values(), *chain(*outputs.checks)])
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
        _outcome(i, policy.checks[i].on, [done[node.id] for node in nodes], book)
        for i, nodes in enumerate(outputs.checks)
    )
    reasons = {e: runner.exactly.reasons(e, done[node.id]) for e, node in outputs.reasons.items()}
    timings = {"lower": lowered - started, "run": finished - lowered, "reference": runner.exactly.seconds}
    decided = {e: int(rows.sum()) for e, rows in runner.exactly.decided.items()}
    return Evaluation(
        policy, book, params, columns, checks, reasons, decided, tuple(context.texts), timings, solved.unmet
    )


def evaluate_columns(
    policy: Policy, book: Book, cells: frozenset[tuple[str, str]], params: Mapping[str, Value]
) -> dict[tuple[str, str], Column]:
    """Some columns only, as `until` tries them."""
    context = Context(policy, book, book.as_of)
    nodes = lower_columns(policy, params, book.as_of, _infinite(policy, book), cells)
    planned = plan(nodes.values())
    context.bounded = planned.bounded
    with np.errstate(all="ignore"):
        done = _Runner(context, Exactly(policy, book, params, context)).run(planned, None)
    return {cell: _column(done[node.id], book.tables[cell[0]].rows) for cell, node in nodes.items()}


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


def _outcome(index: int, on: str | None, found: Sequence[Vector], book: Book) -> CheckOutcome:
    rows = book.tables[on].rows if on else 1
    values, *compared = [_column(vector, rows) for vector in found]
    if not compared:
        return CheckOutcome(index, values, None)
    margin, left, right = compared
    return CheckOutcome(index, values, margin.values, (left, right))


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


_KERNELS: dict[str, Kernel] = {**KERNELS, **LOGIC, **LOOKUPS, **GROUPS, **TIERS, "input": _input, "key": _key}
