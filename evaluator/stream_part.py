"""One part of a divided book evaluated, and what is made of the whole book afterwards."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dsl.model import Policy, Value
from dsl.records import dataclass
from dsl.until import PREFIX
from evaluator import fast
from evaluator.book import Book
from evaluator.columns import KNOWN, Column
from evaluator.context import Context
from evaluator.evaluation import Evaluation, check_outcome
from evaluator.graph import Node
from evaluator.lower import Outputs, lower
from evaluator.plan import Plan, plan
from evaluator.runner import Runner, column_of, infinite_inputs
from evaluator.settle import Exactly
from evaluator.stream_division import Division, Indivisible
from evaluator.stream_wholes import SUMMED, Global, Whole
from evaluator.tries import Tries
from evaluator.until import solve_untils
from evaluator.vector import Vector

Facts = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """What all parts have in common. ``facts``: what results take from whole columns; ``large``: inputs of whole
    numbers whose sum over the book is too large to be exact."""

    policy: Policy
    params: Mapping[str, Value]
    division: Division
    facts: Facts
    large: frozenset[tuple[str, str]]
    optimise: bool


@dataclass(frozen=True, slots=True)
class Graphed:
    """A policy's graph: what is made of a whole book (``wholes``) and all that depends on it (``after``)."""

    outputs: Outputs
    planned: Plan
    nodes: list[Node]
    wholes: list[Node]
    after: set[int]


def _graph(work: Work, policy: Policy, book: Book) -> Graphed:
    outputs = lower(policy, work.params, book.as_of, infinite_inputs(policy, book), work.optimise)
    nodes = [*outputs.columns.values(), *outputs.reasons.values(), *(n for c in outputs.checks for n in c)]
    planned = plan(nodes)
    wholes, after = work.division.split(planned.order)
    return Graphed(outputs, planned, nodes, [n for n in planned.order if n.id in wholes], after)


def evaluate_part(
    work: Work, book: Book, wholes: list[Whole], globally: Global
) -> tuple[Evaluation, list[tuple[int, str, Any]]]:
    """The columns, tiers and checks of one part's rows, and the weights that are to be summed over the whole book, by
    the number of the aggregate and the entity. ``wholes`` are begun, or go on."""
    read = {key: fact for key, fact in work.facts.items() if not str(key[2]).startswith(PREFIX)}
    solved = solve_untils(work.policy, book, Tries(work.params, read))
    policy, book = solved.policy, solved.book
    graph = _graph(work, policy, book)
    context = Context(policy, book, book.as_of, graph.planned.bounded, facts=dict(work.facts))
    for node in graph.planned.order:
        if node.op in SUMMED and not node.attrs[1] and node.args[0].op == "input" and node.args[0].attrs in work.large:
            context.facts["whole", node.id] = False, 0.0
    nodes = [n for n in graph.nodes if n.id not in graph.after]
    members = _members(graph)
    order = plan([*nodes, *(m for some in members for m in some)])
    planned = Plan(order.order, order.last, graph.planned.bounded)
    runner = Runner(context, Exactly(policy, book, work.params, context))
    with np.errstate(all="ignore"):
        asked = [*nodes, *(m for some in members for m in some)]
        done = fast.run(planned, asked, context, runner.exactly) if work.optimise else None
        if done is None:
            done = runner.run(planned, None)
        weights = []
        for i, (node, some) in enumerate(zip(graph.wholes, members, strict=True)):
            if i == len(wholes):
                wholes.append(Whole(node))
            found = wholes[i].add([done[m.id] for m in some], context, globally)
            if found is not None:
                weights.append((i, str(node.attrs[0]), found))
    columns: dict[str, dict[str, Column]] = {name: {} for name in policy.entities}
    for (entity, name), node in graph.outputs.columns.items():
        rows = book.tables[entity].rows
        made = Vector(np.zeros(1)) if node.id in graph.after else done[node.id]
        columns[entity][name] = column_of(made, rows)
    checks = tuple(
        check_outcome(i, policy.checks[i].on, [done[n.id] for n in nodes], book)
        for i, nodes in enumerate(graph.outputs.checks)
        if policy.checks[i].on in work.division.parts
    )
    reasons = {
        e: np.full(book.tables[e].rows, KNOWN) if n.id in graph.after else runner.exactly.reasons(e, done[n.id])
        for e, n in graph.outputs.reasons.items()
    }
    decided = {e: int(rows.sum()) for e, rows in runner.exactly.decided.items() if e in work.division.parts}
    texts = tuple(context.texts)
    evaluation = Evaluation(policy, book, work.params, columns, checks, reasons, decided, texts, unmet=solved.unmet)
    return evaluation, weights


def _members(graph: Graphed) -> list[list[Node]]:
    """The operands of what is made of the whole book, each as a node at the members' rows."""
    count = max(n.id for n in graph.planned.order) + 1
    found: list[list[Node]] = []
    for node in graph.wholes:
        some = []
        for arg in node.args:
            some.append(replace(arg, id=count, op="member", args=(arg,), attrs=(), grain=str(node.attrs[0])))
            count += 1
        found.append(some)
    return found


def evaluate_rest(work: Work, book: Book, wholes: list[Whole]) -> Evaluation:
    """What belongs to no part: columns, tiers and checks of all other entities, and of the whole book. ``book`` has
    none of the parts' rows."""
    solved = solve_untils(work.policy, book, Tries(work.params))
    policy, book = solved.policy, solved.book
    graph = _graph(work, policy, book)
    parts = work.division.parts
    context = Context(policy, book, book.as_of, graph.planned.bounded)
    done: dict[int, Vector] = {
        n.id: (wholes[i] if wholes else Whole(n)).vector(context) for i, n in enumerate(graph.wholes)
    }
    needed = {n.id for n in graph.nodes if n.grain not in parts}
    for node in reversed(graph.planned.order):
        if node.id in needed and node.id not in done:
            needed.update(a.id for a in node.args)
    rest = graph.planned.some(n for n in graph.planned.order if n.id in needed and n.id not in done)
    tails = {e for e, n in graph.outputs.reasons.items() if n.id in graph.after}
    exactly = _Settled(policy, book, work.params, context, graph.after, tails)
    with np.errstate(all="ignore"):
        done = Runner(context, exactly).run(rest, None, done)
    columns: dict[str, dict[str, Column]] = {name: {} for name in policy.entities}
    for (entity, name), node in graph.outputs.columns.items():
        columns[entity][name] = (
            Column(np.zeros(0)) if entity in parts else column_of(done[node.id], book.tables[entity].rows)
        )
    checks = tuple(
        check_outcome(i, policy.checks[i].on, [done[n.id] for n in nodes], book)
        for i, nodes in enumerate(graph.outputs.checks)
        if policy.checks[i].on not in parts
    )
    reasons = {
        e: np.full(0, KNOWN) if e in parts else exactly.reasons(e, done[n.id]) for e, n in graph.outputs.reasons.items()
    }
    decided = {e: int(rows.sum()) for e, rows in exactly.decided.items()}
    return Evaluation(policy, book, work.params, columns, checks, reasons, decided, tuple(context.texts))


class _Settled(Exactly):
    """Decides rows of small tables. What depends on the whole book can't be decided exactly without all of it."""

    def __init__(
        self,
        policy: Policy,
        book: Book,
        params: Mapping[str, Value],
        context: Context,
        after: set[int],
        tails: set[str],
    ) -> None:
        super().__init__(policy, book, params, context)
        self._after, self._tails = after, tails

    def _result(self, node: Node, row: int) -> object:
        if node.id in self._after:
            raise Indivisible(f"{self._named(node)} is too close to call without all rows at once")
        return super()._result(node, row)

    def _named(self, node: Node) -> str:
        if len(node.attrs) == 1:
            index = node.attrs[0]
            assert isinstance(index, int)
            return f"the check `{self.policy.checks[index].text}`"
        return f"`{node.attrs[0]}.{node.attrs[1]}`"

    def reasons(self, entity: str, found: Vector) -> Any:
        if found.doubt is not None and found.doubt.any() and entity in self._tails:
            raise Indivisible(f"a tier of `{entity}` is too close to call without all rows at once")
        return super().reasons(entity, found)
