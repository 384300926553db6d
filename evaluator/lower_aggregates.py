"""Aggregates on their way into the graph: over the rows that lead here, or up a link and down again."""

from dataclasses import replace

from dsl import model
from dsl.model import FLAG, NUMBER, Type
from evaluator.context import BLOCK, PAIR
from evaluator.graph import SCALAR, Node
from evaluator.lower_columns import Columns
from evaluator.lower_paths import of_members
from evaluator.pairs import pairwise
from evaluator.scope import Lowered, Scope


def aggregate(lowering: Columns, expr: model.Aggregate, scope: Scope) -> Lowered:
    """One node over the rows that count, at the row that asks."""
    inside = replace(scope, inner=expr.entity, via=expr.via, up=expr.up)
    value = Lowered(lowering.graph.const(True, FLAG), 0)
    if expr.value is not None:
        value = lowering.lower_as(expr.value, expr.type, inside) if expr.by else lowering.lower(expr.value, inside)
    if lowering.policy.entities[expr.entity].groups is not None:
        value = of_members(lowering, value, expr.entity, 2, inside)
    finest = 3 if expr.up else 2
    args = [lowering.carry(value, finest, inside)]
    if expr.where is not None:
        args.append(lowering.carry(lowering.lower(expr.where, inside), finest, inside))
    if expr.by is not None:
        args.append(lowering.carry(_order(lowering, expr, inside), finest, inside))
    if expr.up:
        return _of_pairs(lowering, expr, args, inside)
    level, grain = 0, SCALAR
    if expr.via is not None:
        args.append(lowering.chain(expr.entity, expr.via)[0])
        level, grain = 1, lowering.grain(scope.entity)
    attrs = (expr.entity, expr.where is not None, expr.via is not None)
    type = _type(expr, args[0])
    node = lowering.graph.node(f"agg_{expr.function}", tuple(args), attrs, grain=grain, type=type)
    found = Lowered(node, level if grain != SCALAR else 0)
    if expr.via is not None and lowering.policy.entities[scope.entity].groups is not None:
        return of_members(lowering, found, scope.entity, 1, scope)
    return found


def _type(expr: model.Aggregate, value: Node) -> Type:
    if expr.function in ("any", "all"):
        return FLAG
    return value.type if value.numeric or expr.by is not None else NUMBER


def _order(lowering: Columns, expr: model.Aggregate, inside: Scope) -> Lowered:
    """What `first` goes by; of a group's rows unknown where their members are."""
    assert expr.by is not None
    by = lowering.lower(expr.by, inside)
    if lowering.policy.entities[expr.entity].groups is not None:
        by = of_members(lowering, by, expr.entity, 2, inside)
    return by


def _of_pairs(lowering: Columns, expr: model.Aggregate, args: list[Node], scope: Scope) -> Lowered:
    """An aggregate over the members of the row above this one; ``args``: its value and ``where`` at the pairs."""
    assert expr.via is not None
    attrs = (PAIR, expr.where is not None, True)
    args = [*args, lowering.end("slot", scope)]
    type = _type(expr, args[0])
    aggregate = lowering.graph.node(f"agg_{expr.function}", tuple(args), attrs, grain=BLOCK, type=type)
    work = lowering.keep(("pairs", aggregate), lambda: pairwise(scope.entity, expr.entity, aggregate))
    up, above = lowering.chain(scope.entity, expr.up)
    operands = (up, lowering.chain(expr.entity, expr.via)[0], *work.outside)
    grain = lowering.grain(scope.entity)
    found = lowering.graph.node("pairwise", operands, (work,), grain=grain, type=type, facts=aggregate.facts)
    if lowering.policy.entities[above].groups is None:
        return Lowered(found, 1)
    known = Lowered(lowering.through(scope.entity, expr.up, lowering.column(above, model.MEMBERS)), 1)
    return lowering.select([known, Lowered(found, 1), Lowered(found, 1)], type, scope)
