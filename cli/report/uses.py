"""Where a policy asks its curves and tables, and with what: the argument of every call, as a column of the book."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from dsl import model
from dsl.causes import Cause
from dsl.model import Expr, Formula, Input, Kind, Policy
from dsl.records import dataclass
from evaluator.book import Book, BookTable
from evaluator.columns import KNOWN, Column, origin_code
from evaluator.evaluation import Evaluation
from evaluator.places import operands
from evaluator.run import evaluate

MOST = 24  # calls whose arguments are drawn


@dataclass(frozen=True, slots=True)
class Use:
    """One place that asks: ``args`` are expressions at a row of ``entity``, in the order of the definition."""

    name: str
    column: str  # of a table; empty for a curve
    entity: str
    args: tuple[Expr, ...]


def uses(policy: Policy) -> list[Use]:
    """Every call of a curve or a table in a formula or a tiers cell, each once, in the order of the text."""
    found = dict.fromkeys(_all(policy))
    return list(found)[:MOST]


def _all(policy: Policy) -> Iterator[Use]:
    for entity in policy.entities.values():
        for formula in entity.formulas.values():
            yield from _calls(formula.value, entity.name, None, {})
    for tiers in policy.tiers.values():
        for row in tiers.rows:
            for cell in row.cells if row.when is None else (row.when, *row.cells):
                yield from _calls(cell, tiers.entity, None, {})
    for check in policy.checks:
        if check.on is not None:
            yield from _calls(check.condition, check.on, None, {})


def _calls(expr: Expr, entity: str, inner: str | None, args: Mapping[str, Expr]) -> Iterator[Use]:
    """Calls in an expression of ``entity``, inside an aggregate over ``inner``, in a function called with ``args``."""
    match expr:
        case model.FunctionCall():
            bound = {name: _bind(arg, args) for name, arg in expr.args}
            for _, arg in expr.args:
                yield from _calls(arg, entity, inner, args)
            yield from _calls(expr.body, entity, inner, bound)
            return
        case model.Aggregate():
            for part in (expr.value, expr.where):
                if part is not None:
                    yield from _calls(part, entity, expr.entity, args)
            return
        case model.CurveCall():
            yield from _use(expr.curve, "", (expr.arg,), entity, inner, args)
        case model.TableCall():
            yield from _use(expr.table, expr.column, expr.args, entity, inner, args)
    for operand in operands(expr):
        yield from _calls(operand, entity, inner, args)


def _use(
    name: str, column: str, asked: tuple[Expr, ...], entity: str, inner: str | None, args: Mapping[str, Expr]
) -> Iterator[Use]:
    bound = tuple(_bind(a, args) for a in asked)
    sides = {read.inner for a in bound for read in _reads(a)}
    if sides == {True} and inner is not None:
        yield Use(name, column, inner, tuple(_outward(a) for a in bound))
    elif True not in sides:
        yield Use(name, column, entity, bound)


def _reads(expr: Expr) -> Iterator[model.Read]:
    """What an expression reads of the rows at hand; what an aggregate in it reads of its members is its own affair."""
    if isinstance(expr, model.Read):
        yield expr
    for operand in operands(expr):
        for read in _reads(operand):
            if not (isinstance(expr, model.Aggregate) and read.inner):
                yield read


def _rewrite(value: Any, leaf: Any) -> Any:
    """An expression with its leaves replaced by what ``leaf`` makes of them (None: goes on inside)."""
    if isinstance(value, tuple):
        return tuple(_rewrite(v, leaf) for v in value)
    if not isinstance(value, Expr):
        return value
    made = leaf(value)
    if made is not None:
        return made
    assert is_dataclass(value)
    return replace(value, **{f.name: _rewrite(getattr(value, f.name), leaf) for f in fields(value)})


def _bind(expr: Expr, args: Mapping[str, Expr]) -> Expr:
    """The expression with a function's arguments in place; a call's own body keeps its own."""

    def leaf(found: Expr) -> Expr | None:
        if isinstance(found, model.ArgRead):
            return args.get(found.name, found)
        if isinstance(found, model.FunctionCall):
            return replace(found, args=tuple((name, _bind(arg, args)) for name, arg in found.args))
        return None

    bound: Expr = _rewrite(expr, leaf)
    return bound


def _outward(expr: Expr) -> Expr:
    """What an aggregate's member reads, as that member's own formula."""

    def leaf(found: Expr) -> Expr | None:
        if isinstance(found, model.Aggregate):
            return found
        return replace(found, inner=False) if isinstance(found, model.Read) else None

    outward: Expr = _rewrite(expr, leaf)
    return outward


# -- their values -----------------------------------------------------------------------------


def argument_columns(evaluation: Evaluation, asked: list[Use]) -> dict[tuple[Use, int], Column]:
    """The value of every argument in every row, computed as the evaluator computes a formula.

    The columns that the evaluation already has stand in as inputs, so that nothing is computed twice.
    """
    policy = evaluation.policy
    found: dict[tuple[Use, int], Column] = {}
    names: dict[tuple[Use, int], str] = {}
    made: dict[str, dict[str, Formula]] = {entity: {} for entity in policy.entities}
    for use in asked:
        for i, arg in enumerate(use.args):
            if isinstance(arg, model.Read) and not arg.links and arg.entity == use.entity:
                found[use, i] = evaluation.column(arg.entity, arg.column)
            elif arg.type.kind in (Kind.NUMBER, Kind.DATE):
                names[use, i] = f"argument {len(names)}"
                made[use.entity][names[use, i]] = Formula(names[use, i], arg.type, arg, "")
    if not names:
        return found
    entities = {
        e.name: replace(e, inputs={**e.inputs, **_as_inputs(evaluation, e.name)}, formulas=made[e.name])
        for e in policy.entities.values()
    }
    order = tuple((entity, name) for entity, formulas in made.items() for name in formulas)
    slim = replace(policy, entities=entities, tiers={}, checks=(), order=order, groups=())
    results = evaluate(slim, _with_results(evaluation), evaluation.params)
    return found | {place: results.columns[place[0].entity][name] for place, name in names.items()}


def _as_inputs(evaluation: Evaluation, entity: str) -> dict[str, Input]:
    policy = evaluation.policy
    return {
        name: Input(name, policy.type_of(entity, name), None, False, None, "")
        for name in evaluation.columns.get(entity, {})
    }


def _with_results(evaluation: Evaluation) -> Book:
    """The book with the evaluation's columns among its tables' columns."""
    tables = {name: _joined(evaluation, table) for name, table in evaluation.book.tables.items()}
    return replace(evaluation.book, tables=tables)


def _joined(evaluation: Evaluation, table: BookTable) -> BookTable:
    computed = evaluation.columns.get(table.entity, {})
    kinds = {name: evaluation.policy.type_of(table.entity, name).kind for name in computed}

    def written(column: str, row: int) -> str:
        if column in computed:
            return str(computed[column].values[row])
        return table.written(column, row)

    return replace(
        table,
        columns={**table.columns, **{name: _finite(column) for name, column in computed.items()}},
        texts={**table.texts, **{name: evaluation.texts for name in computed if kinds[name] is Kind.TEXT}},
        written=written,
    )


def _finite(column: Column) -> Column:
    """An input is never infinite: where a formula is, it is unknown here."""
    if not np.issubdtype(column.values.dtype, np.floating) or np.isfinite(column.values).all():
        return column
    quality = np.where(np.isfinite(column.values) | ~column.known(), KNOWN, origin_code(Cause.OVERFLOW, 0, 0))
    return Column(column.values, quality if column.quality is None else np.minimum(column.quality, quality))
