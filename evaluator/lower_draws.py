"""Draws on their way into the graph: limits drawn in order."""

from dataclasses import replace

from dsl import model
from dsl.draws import LEFT
from evaluator.drawing import drawing_of
from evaluator.graph import Facts, Node
from evaluator.lower_columns import Columns
from evaluator.lower_paths import of_members
from evaluator.scope import Lowered, Scope


def draw(lowering: Columns, expr: model.Draw, scope: Scope) -> Lowered:
    """One node, which computes again and again what depends on ``left``; what doesn't are its operands."""
    grain = lowering.grain(scope.entity)
    pools = [_pool(lowering, pool) for pool in expr.pools]
    links = [lowering.chain(scope.entity, pool.links)[0] for pool in expr.pools if pool.links]
    endless = any(pool.facts.infinite for pool in pools)
    left = lowering.graph.node("left", (), (endless,), grain=grain, facts=Facts(True, endless))
    order = lowering.lower(expr.order, scope).node
    take = lowering.lower(expr.take, replace(scope, args={**scope.args, LEFT: Lowered(left, 1)}))
    if lowering.policy.entities[scope.entity].groups is not None:
        take = of_members(lowering, take, scope.entity, 1, scope)
    drawing = drawing_of(expr, scope.entity, take.node, left, lowering.state)
    args = (order, *pools, *links, *drawing.fixed)
    node = lowering.graph.node("draw", args, (drawing,), grain=grain, facts=Facts(nonnegative=True))
    return Lowered(node, 1)


def _pool(lowering: Columns, pool: model.Read) -> Node:
    """What there is at first, at the rows of the pool's entity."""
    column = lowering.column(pool.entity, pool.column)
    if lowering.policy.entities[pool.entity].groups is None:
        return column
    return of_members(lowering, Lowered(column, 1), pool.entity, 1, Scope(pool.entity)).node
