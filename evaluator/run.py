"""A checked policy over a book: lowered, planned, run over whole columns; rows in doubt decided exactly."""

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from dsl.model import Cell, Policy, Value
from evaluator import fast
from evaluator.amounts import member_amounts, summed
from evaluator.book import Book, without_kept
from evaluator.columns import Column
from evaluator.context import Context
from evaluator.evaluation import Evaluation, check_outcome, in_order
from evaluator.graph import Node
from evaluator.grid_folds import Told, told
from evaluator.grouping import with_groups
from evaluator.lately import Lately
from evaluator.lazy import Lazy
from evaluator.lower import Outputs, lower
from evaluator.opened import Each, OneOf, Opened, Several, known_in, varying
from evaluator.plan import Plan, plan
from evaluator.program import KEPT, Compiled, known_or_made
from evaluator.runner import Progress, Runner, column_of, infinite_inputs
from evaluator.settle import Exactly
from evaluator.solve import solve
from evaluator.tries import Tries
from evaluator.vector import Codes, Vector

_LOWERED: Lately[tuple[Outputs, Plan, Mapping[int, Each]]] = Lately(KEPT)


def evaluate(
    policy: Policy,
    book: Book,
    params: Mapping[str, Value],
    *,
    progress: Progress | None = None,
    optimise: bool | None = None,
    wanted: Collection[tuple[str, str]] | None = None,
    watch: bool = False,
    one_of: OneOf | None = None,
) -> Evaluation:
    """Every formula, tier and check of the policy. ``params``: each parameter's value in force.

    ``wanted``: of the columns only these, and those that a summary shows: the tiers' and their amounts. ``watch``: of
    all others whether they are known. ``one_of``: several evaluations of which this is one, which share what is made
    of the policy.

    ``optimise`` off (by default: where ``SOFTLIQ_OPTIMISE`` is 0) evaluates everything with care over whole columns,
    and shares no work between equal expressions; the results are the same bits.
    """
    if optimise is None:
        optimise = _optimised()
    book = with_groups(policy, book, params)
    given = policy
    solved = solve(policy, book, params, Tries(params))
    policy, book = solved.policy, solved.book
    keep = solved.policy is given  # else it is a new one each time
    several, shared = (one_of.several, one_of.same(params)) if one_of is not None and keep else (None, params)
    asked = (policy, shared, _asked(wanted), watch, several, optimise)

    def compiled_for(made: Policy, over: Book) -> Compiled:
        key = (made, *asked[1:])
        return known_or_made(key, over, lambda: _compile(key, over), keep and optimise)

    found = told(policy, book, params, compiled_for) if optimise else Told(compiled_for(policy, book), book, {})
    compiled = found.compiled
    outputs, planned = compiled.outputs, compiled.planned
    known = {} if one_of is None or several is None else known_in(compiled.each, one_of.place)
    context = replace(compiled.context, book=found.book, memo={}, given=known)
    runner = Runner(context, Exactly(policy, book, params, context))
    runner.exactly.decided |= found.decided
    with np.errstate(all="ignore"):
        nodes = _nodes(outputs)
        done: Mapping[int, Vector] | None = None
        if optimise:
            watched = list(outputs.watched.values())
            done = fast.run(planned, nodes, context, runner.exactly, progress, watched=watched, kept=compiled)
        if done is None:
            done = runner.run(planned, progress)
    return replace(_evaluation(policy, book, params, outputs, done, runner), unmet=solved.unmet)


def _evaluation(
    policy: Policy,
    book: Book,
    params: Mapping[str, Value],
    outputs: Outputs,
    done: Mapping[int, Vector],
    runner: Runner,
) -> Evaluation:
    """What was evaluated, by name; each column is made when it is looked at."""
    context, exactly = runner.context, runner.exactly
    columns: dict[str, Mapping[str, Column]] = {
        entity: Lazy(
            {
                n: partial(_column, done, node.id, book.tables[e].rows)
                for (e, n), node in outputs.columns.items()
                if e == entity
            }
        )
        for entity in policy.entities
    }
    checks = tuple(
        check_outcome(i, policy.checks[i].on, [done[node.id] for node in nodes], book)
        for i, nodes in enumerate(outputs.checks)
    )
    laid = done.laid if isinstance(done, fast.Done) else {}
    sums = Lazy(
        {(e, n): partial(_amount, done, laid, node.id, book.tables[e].rows) for (e, n), node in outputs.sums.items()}
    )
    qualities = Lazy(
        {cell: partial(_quality, done, node.id, book.tables[cell[0]].rows) for cell, node in outputs.watched.items()}
    )
    reasons = Lazy({e: partial(_reasons, exactly, e, done, node.id) for e, node in outputs.reasons.items()})
    decided = {e: int(rows.sum()) for e, rows in in_order(policy, exactly.decided).items()}
    queues = {cell: context.memo[key] for cell, node in outputs.columns.items() if (key := _drawn(node)) is not None}
    return Evaluation(
        policy,
        book,
        params,
        columns,
        checks,
        reasons,
        decided,
        tuple(context.texts),
        queues=queues,
        member_sums=sums,
        watched=qualities,
        acted=done.acted if isinstance(done, fast.Done) else None,
        nodes={cell: node.id for cell, node in outputs.columns.items()},
        laid=laid,
    )


def _compile(key: tuple[Any, ...], book: Book) -> Compiled:
    policy, params, wanted, watch, several, optimise = key
    asked = (dict(params), wanted, watch, several, optimise)
    outputs, planned, each = _lowered_once(policy, *asked, book.as_of, infinite_inputs(policy, book))
    context = Context(policy, without_kept(book), book.as_of, planned.bounded, varying=varying(planned.order, each))
    return Compiled((policy, *asked), outputs, planned, context, each=each)


def lower_ahead(
    policy: Policy, params: Mapping[str, Value], as_of: Fraction | None, wanted: Collection[Cell] | None, watch: bool
) -> None:
    """What ``evaluate`` of the same begins with, for a book that is about to be read from files."""
    _lowered_once(policy, dict(params), _asked(wanted), watch, None, _optimised(), as_of, frozenset())


def _asked(wanted: Collection[Cell] | None) -> frozenset[Cell] | None:
    return None if wanted is None else frozenset(wanted)


def _optimised() -> bool:
    return os.environ.get("SOFTLIQ_OPTIMISE") != "0"


def _lowered_once(policy: Policy, *asked: Any) -> tuple[Outputs, Plan, Mapping[int, Each]]:
    """As it was lowered before, where that is one of the last few. ``asked``: as ``_lowered`` has it."""
    return _LOWERED.once(policy, asked, lambda: _lowered(policy, *asked))


def _lowered(
    policy: Policy,
    params: Mapping[str, Value],
    wanted: frozenset[Cell] | None,
    watch: bool,
    several: Several | None,
    optimise: bool,
    as_of: Fraction | None,
    infinite: frozenset[Cell],
) -> tuple[Outputs, Plan, Mapping[int, Each]]:
    graph = Opened(optimise)
    if several is not None:
        graph.leaves = graph.open(several, {name: policy.params[name].type for name in several.names})
    members = {} if wanted is None else member_amounts(policy)
    sums = _plain(policy, members)
    if wanted is None:
        outputs = lower(policy, params, as_of, infinite, optimise, sums, graph=graph)
    else:
        shown = wanted | summed(policy) | {(by[0], cell[1]) for cell, by in members.items() if cell not in sums}
        outputs = lower(policy, params, as_of, infinite, optimise, sums, None if watch else shown, graph)
        columns = {cell: n for cell, n in outputs.columns.items() if cell in shown}
        watched = {cell: n for cell, n in outputs.columns.items() if cell not in shown}
        outputs = replace(outputs, columns=columns, watched=watched)
    return outputs, plan([*_nodes(outputs), *outputs.watched.values()]), graph.each


def _plain(policy: Policy, by: Mapping[Cell, Cell]) -> dict[Cell, Cell]:
    """Of members' amounts those whose rows and links are the file's own; others are summed for a summary alone."""
    made = {e.name for e in policy.entities.values() if e.once or e.groups is not None}
    return {
        cell: (member, link)
        for cell, (member, link) in by.items()
        if not made & {cell[0], member} and link in policy.entities[member].inputs
    }


def _nodes(outputs: Outputs) -> list[Node]:
    """All whose values are asked for."""
    return [*outputs.columns.values(), *outputs.reasons.values(), *outputs.sums.values(), *chain(*outputs.checks)]


def _column(done: Mapping[int, Vector], id: int, rows: int) -> Column:
    return column_of(done[id], rows)


def _amount(done: Mapping[int, Vector], laid: Mapping[int, Any], id: int, rows: int) -> Column:
    """To be looked at some rows at a time."""
    return Column(laid[id]) if id in laid else _column(done, id, rows)


def _quality(done: Mapping[int, Vector], id: int, rows: int) -> Codes | None:
    return done[id].full(rows).quality


def _reasons(exactly: Exactly, entity: str, done: Mapping[int, Vector], id: int) -> Codes:
    return exactly.reasons(entity, done[id])


def _drawn(node: Node) -> tuple[str, int] | None:
    """Where the draw that a column is has left its queue."""
    behind = next((a for a in node.args if a.op == "draw"), None)
    return None if behind is None else ("queue", behind.id)
