"""Runs a plan: one kernel for each node, over whole columns."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from dsl.model import Kind, Policy
from evaluator import error
from evaluator.aggregates import AGGREGATES
from evaluator.book import Book
from evaluator.columns import Column
from evaluator.context import Context
from evaluator.dates import DATES
from evaluator.draws import draw
from evaluator.finance import FINANCE
from evaluator.finance_jumps import JUMPS
from evaluator.graph import Node
from evaluator.kernels import KERNELS, Kernel, constant
from evaluator.links import LINKS
from evaluator.logic import LOGIC
from evaluator.pairs import ENDS, kernel
from evaluator.plan import Plan
from evaluator.search import LOOKUPS
from evaluator.settle import Exactly
from evaluator.tiering import TIERS
from evaluator.vector import Vector, clean, tidy

Progress = Callable[[str, float], None]  # what is being done, and the part of it that is


class Runner:
    """Runs a plan, dropping each result after its last reader."""

    def __init__(self, context: Context, exactly: "Exactly") -> None:
        self.context, self.exactly = context, exactly

    def run(self, planned: Plan, progress: Progress | None, done: dict[int, Vector] | None = None) -> dict[int, Vector]:
        """The results that are kept, by node; ``done`` are there already."""
        done = {} if done is None else done
        for i, (node, drop) in enumerate(zip(planned.order, planned.last, strict=True)):
            if node.id in self.context.given:
                result = constant(node, self.context.given[node.id], self.context)
            else:
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

    def within(self, context: Context, planned: Plan, done: dict[int, Vector]) -> dict[int, Vector]:
        """The same over some rows, by an operation that computes others again and again."""
        return Runner(context, self.exactly).run(planned, None, done)

    def _kernel(self, node: Node) -> Kernel:
        if node.op == "draw":
            return partial(draw, runner=self)
        return self.exactly.settle if node.op == "settle" else ALL_KERNELS[node.op]


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
    if name in table.sizes:  # it was computed
        return Vector(values, quality, None, 0.0, table.columns[table.sizes[name]].values * error.HALF_UNIT)
    relative, long = 0.0, name in table.long
    if node.type.kind is Kind.NUMBER and context.tracks(node):
        relative = error.HALF_UNIT if long else context.representation(entity, name, values)
    return Vector(values, quality, None, relative, None, node.numeric and not long)


def _key(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    return Vector(np.arange(context.rows(node.grain), dtype=np.int64))


def _member(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """An operand of what is made of a whole book, at each of its rows."""
    return args[0].full(context.rows(node.grain))


ALL_KERNELS: dict[str, Kernel] = {**KERNELS, **LOGIC, **LOOKUPS, **LINKS, **AGGREGATES, **TIERS}
ALL_KERNELS |= {**FINANCE, **JUMPS, **DATES, "input": _input, "key": _key, "member": _member, **ENDS}
ALL_KERNELS["pairwise"] = kernel(ALL_KERNELS)


def infinite_inputs(policy: Policy, book: Book) -> frozenset[tuple[str, str]]:
    """Inputs with infinite values: none that was read from a file."""
    return frozenset(
        (entity.name, name)
        for entity in policy.entities.values()
        if entity.name in book.tables  # a group may still be to be formed
        for name, column in book.tables[entity.name].columns.items()
        if name in entity.inputs and not column.finite and column.values.dtype == np.float64
        if bool(np.isinf(column.values).any())
    )


def column_of(vector: Vector, rows: int) -> Column:
    full = vector.full(rows)
    return Column(np.ascontiguousarray(full.values), full.quality)
