"""`min max sum mean` over a long grid, found before all else move by move: by one graph and one program.

What an `over` computes is lowered once, with the moves' numbers left open (``opened``), and evaluated in one move after
the other; beside one move's columns there is only what the moves so far come to. A row of which a value can't be
vouched for, or said how far it is off, is evaluated with care in all moves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from dsl import model
from dsl.grids import move_values
from dsl.hoist_grids import Asked
from dsl.model import Kind, Policy, Value
from dsl.records import dataclass
from evaluator import error, fast
from evaluator.book import Book, without_kept
from evaluator.columns import KNOWN, Column
from evaluator.constants import Number
from evaluator.context import Context
from evaluator.graph import Node
from evaluator.grid_careful import completed, merge
from evaluator.grid_template import OpenMove
from evaluator.kernels import KERNELS
from evaluator.lately import Lately
from evaluator.opened import Each, Opened, Several, known_in, varying
from evaluator.plan import Plan, plan
from evaluator.program import Compiled, known_or_made
from evaluator.runner import Runner
from evaluator.settle import Exactly
from evaluator.states import State, states
from evaluator.vector import Flags, Vector

CAREFUL = 0.05  # of all rows: more aren't evaluated with care in all moves here
FOLDS = {"min": "min", "max": "max", "sum": "add", "mean": "add"}


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """What is the same for every book. ``value``: an `over`'s, in the ``state`` whose numbers are open. ``taken``: what
    the values so far come to with the next. ``last``: of all of them, the mean; None where they are what is asked for.
    ``states``: of the moves."""

    over: model.Over
    value: Node
    state: State
    taken: Node
    last: Node | None
    states: tuple[State, ...]
    each: Mapping[int, Each]

    @property
    def infinite(self) -> bool:
        """Whether the result may be."""
        return self.taken.facts.infinite


def turns(
    policy: Policy,
    params: Mapping[str, Value],
    as_of: Fraction | None,
    infinite: frozenset[tuple[str, str]],
    entity: str,
    over: model.Over,
) -> Turns | None:
    """None where it isn't a number of each row."""
    grid = policy.grids[over.grid]
    several = Several(tuple({n: c.value for n, c in move.items()} for move in move_values(grid, params)))
    graph = Opened()
    opened = OpenMove(policy, params, as_of, infinite, graph)
    value = opened.in_the_move(entity, over, graph.open(several, dict(grid.columns)))
    if value.grain != entity or value.type.kind is not Kind.NUMBER or opened.moved is None:
        return None
    taken = graph.node(FOLDS[over.function], (value, value), grain=entity)
    last = None
    if over.function == "mean":
        last = graph.node("div", (taken, graph.const(Number(Fraction(len(grid.moves))))), grain=entity)
    return Turns(over, value, opened.moved, taken, last, tuple(states(policy, params, over, None)), graph.each)


_PLANS: Lately[Plan] = Lately()


def _compiled(made: Turns, key: tuple[Any, ...], policy: Policy, book: Book, tracked: bool) -> Compiled:
    planned = _PLANS.once(made, tracked, lambda: _planned(made, tracked))
    context = Context(
        policy, without_kept(book), book.as_of, planned.bounded, varying=varying(planned.order, made.each)
    )
    return Compiled(key, None, planned, context, each=made.each)


def _planned(made: Turns, tracked: bool) -> Plan:
    """``tracked``: somebody asks how far the values are off."""
    planned = plan([made.value], [made.value] if tracked else [])
    taken = [n.id for n in (made.taken, made.last) if n is not None and tracked]
    return replace(planned, bounded=planned.bounded | frozenset(taken))


def folded_in_turn(
    made: Turns,
    policy: Policy,
    book: Book,
    params: Mapping[str, Value],
    asked: Asked,
    given: Any,
    decided: dict[str, Flags],
    tracked: bool,
) -> tuple[Column, Column] | None:
    """The values, and how far they may be off, in half units; None where many rows need care in all moves."""
    key = made, "in turn", tracked
    compiled = known_or_made(key, book, lambda: _compiled(made, key, policy, book, tracked))
    context = replace(compiled.context, book=book, memo={})
    exactly = Exactly(policy, book, params, context)
    with np.errstate(all="ignore"):
        found = _InTurn(made, compiled, context, exactly, tracked).folded()
        merge(decided, exactly.decided)
        doubtful = np.zeros(len(found.values), dtype=np.bool_) if found.doubt is None else found.doubt
        if np.count_nonzero(doubtful) > CAREFUL * len(doubtful) + 8:
            return None
        values = np.array(found.values)
        quality = np.full(len(values), KNOWN) if found.quality is None else np.array(found.quality)
        off = np.array(np.broadcast_to(error.total(found), values.shape))
        return completed(policy, book, params, asked, given, decided, doubtful, values, quality, off)


class _InTurn:
    """One `over` over one book."""

    def __init__(self, made: Turns, compiled: Compiled, context: Context, exactly: Exactly, tracked: bool) -> None:
        self.made, self.compiled, self.context, self.exactly, self.tracked = made, compiled, context, exactly, tracked
        self.apart = tracked or made.value.op != "settle"
        self.rows = context.rows(made.value.grain)
        self.there: dict[int, Vector] = {}  # what is the same in all moves

    def folded(self) -> Vector:
        """All moves' values as one; in doubt are rows that have to be evaluated with care in all moves."""
        found = self._in_move(0)
        for place in range(1, len(self.made.states)):
            found = self._taken(self.made.taken, [found, self._in_move(place)])
        if self.made.last is not None:
            count = KERNELS["const"](self.made.last.args[1], (), self.context)
            found = self._taken(self.made.last, [found, count])
        return found

    def _taken(self, node: Node, args: Sequence[Vector]) -> Vector:
        result = KERNELS[node.op](node, args, self.context)
        return error.bounded(node, args, result) if self.tracked else result

    def _in_move(self, place: int) -> Vector:
        """The value in one move."""
        made, planned = self.made, self.compiled.planned
        context = replace(self.context, memo={}, given=known_in(made.each, place))
        self.exactly.standing = {made.state: made.states[place]}
        found = fast.sized(planned, made.value, context, self.exactly, self.compiled, self.apart, self.there)
        if found is None:
            found = Runner(context, self.exactly).run(planned, None)[made.value.id]
        return found.full(self.rows)
