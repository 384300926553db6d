"""Some columns again and again, while only what `until` tries changes, and only for the rows that ask.

What doesn't depend on the tried values is computed once, over the whole book. What does follows from each row's own
action (the checker sees to that), so it is computed for those rows alone and for the rows that link to them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dsl.model import Cell, Kind, Policy, Value
from dsl.records import dataclass
from dsl.until import PREFIX
from evaluator.book import Book
from evaluator.columns import KNOWN, Column
from evaluator.context import Context
from evaluator.cut import Cut, CutExactly, Some
from evaluator.graph import SCALAR, Node
from evaluator.lower import Lowering
from evaluator.members import Members
from evaluator.plan import Plan, plan
from evaluator.runner import Runner, column_of, infinite_inputs
from evaluator.settle import Exactly
from evaluator.solve_copies import Index
from evaluator.solve_sought import Sought
from evaluator.vector import Flags, Vector

Rows = npt.NDArray[np.int64]


class Tries:
    """Gives one cell's column for the rows of its entity that ask."""

    def __init__(self, params: Mapping[str, Value], facts: Mapping[Any, Any] | None = None) -> None:
        self.params, self._facts = params, dict(facts or {})
        self._started: dict[Cell, _Started] = {}

    def __call__(
        self, policy: Policy, book: Book, cell: Cell, asking: Flags | None = None, *, exactly: bool = True
    ) -> Column:
        """The column; beside rows that don't ask (None: all ask) its values mean nothing. Who asks stays the same.

        Not ``exactly``: a flag in doubt is no.
        """
        with np.errstate(all="ignore"):
            if cell not in self._started:
                self._started[cell] = self._start(policy, book, cell, asking)
            return self._started[cell].run(policy, book, self.params, exactly)

    def _start(self, policy: Policy, book: Book, cell: Cell, asking: Flags | None) -> "_Started":
        context = Context(policy, book, book.as_of, facts=dict(self._facts))
        lowered = Lowering(policy, self.params, book.as_of, infinite_inputs(policy, book))
        node = lowered.column(*cell)
        planned = plan([node])
        context.bounded = planned.bounded
        varies: set[int] = set()
        for one in planned.order:
            tried = one.op == "input" and str(one.attrs[1]).startswith(PREFIX)
            if tried or any(a.id in varies for a in one.args):
                varies.add(one.id)
        varying = [n for n in planned.order if n.id in varies]
        fixed = [a for n in varying for a in n.args if a.id not in varies]
        fixed += [] if node.id in varies else [node]
        still = replace(plan(fixed), bounded=planned.bounded)
        exactly = Exactly(policy, book, self.params, context)
        done = Runner(context, exactly).run(still, None)
        nodes = {n.id: n for n in fixed}
        picks = lowered.plain_picks()
        for i in nodes:  # decided here, once; else every try would decide them again
            if i in picks and done[i].quality is None:
                done[i] = exactly.picked(picks[i], done[i])
        for one in varying:
            _keep_longest(one, done, context)
        whole = {i: done[i] for i in nodes}
        cut = _Tried(_asking_rows(policy, book, cell[0], asking))
        if any(n.grain not in cut.rows for n in varying):
            cut = _Tried({})
        done = {i: cut.vector(nodes[i], vector) if i in nodes else vector for i, vector in done.items()}
        last = tuple(
            tuple(i for i in drop if i in varies)
            for one, drop in zip(planned.order, planned.last, strict=True)
            if one.id in varies
        )
        order = Plan(tuple(varying), last, planned.bounded)
        return _Started(node, replace(context, memo={}, ranks={}), done, order, cut, whole)

    def sought(self, policy: Policy, book: Book, cell: Cell, variable: Cell) -> Sought | None:
        """What the column asks of one tried column, for walks; None where others that are tried move with it. The
        column has been asked for before."""
        started = self._started[cell]
        moves = [n for n in started.varying.order if n.op != "input"]
        inputs = [n for n in started.varying.order if n.op == "input"]
        target = next((n for n in inputs if n.attrs == variable), None)
        if target is None or len(inputs) > 1 or any(n.op in ("pairwise", "agg_first") for n in moves):
            return None
        sizes = {name: table.rows for name, table in book.tables.items()}
        today = book.tables[variable[0]].columns[variable[1]]
        done = {**started.whole, target.id: Vector(today.values)}
        context = replace(started.context, book=book, memo={}, ranks={})
        return Sought(started.node, target, tuple(moves), done, context, sizes, today, today, Index())


def _asking_rows(policy: Policy, book: Book, entity: str, asking: Flags | None) -> dict[str, Rows]:
    """By entity, the rows that ask and those that lead to them by links; none where all ask."""
    if asking is None:
        return {}
    found = _led_to(policy, book, entity, asking)
    while any(len(rows) == 1 < book.tables[name].rows for name, rows in found.items()) and not asking.all():
        asking = asking.copy()  # a column of one row would look like a constant
        asking[np.argmin(asking)] = True
        found = _led_to(policy, book, entity, asking)
    return found


def _keep_longest(node: Node, done: Mapping[int, Vector], context: Context) -> None:
    """Notes how many members a row of the whole book has at most: how sharp a sum is doesn't depend on who asks."""
    if not node.op.startswith("agg_") or node.grain == SCALAR or not node.attrs[2] or node.args[-1].id not in done:
        return
    link = done[node.args[-1].id]
    member = link.values >= 0 if link.quality is None else (link.values >= 0) & (link.quality == KNOWN)
    sizes = np.bincount(link.values[member])
    key = "longest", node.attrs[0], node.grain
    context.facts.setdefault(key, int(sizes.max(initial=0)))


def _led_to(policy: Policy, book: Book, entity: str, asking: Flags) -> dict[str, Rows]:
    members = Members(policy, book)
    found = {entity: np.flatnonzero(asking)}
    for name in policy.entities:
        wanted = np.zeros(book.tables[name].rows, dtype=np.bool_)
        for via in _chains(policy, name, entity):
            targets = members.targets(name, via)
            wanted |= np.where(targets >= 0, asking[targets], False)
        if name != entity and wanted.any():
            found[name] = np.flatnonzero(wanted)
    return found


def _chains(policy: Policy, start: str, end: str) -> list[tuple[str, ...]]:
    """Every way by links from one entity to another that meets no entity twice."""
    found: list[tuple[str, ...]] = []
    paths: list[tuple[tuple[str, ...], tuple[str, ...]]] = [((start,), ())]
    while paths:
        met, via = paths.pop()
        for link, target in policy.entities[met[-1]].links.items():
            if target == end:
                found.append((*via, link))
            elif target not in met:
                paths.append(((*met, target), (*via, link)))
    return found


class _Tried(Cut):
    """Some rows of some entities; without any entity, everything. Of the book only what is tried."""

    def vector(self, node: Node, vector: Vector) -> Vector:
        """A result at the rows that are kept; links lead to where their rows stand among those."""
        size = len(vector.values)
        if node.grain in self.rows and size > 1:
            vector = vector.at(self.rows[node.grain], size)
        if node.type.kind is Kind.LINK and node.type.entity in self.rows:
            vector = replace(vector, values=self.places(node.type.entity, vector.values))
        return vector

    def tried(self, book: Book) -> Book:
        """The tried columns at the rows that are kept."""
        tables = dict(book.tables)
        for entity, rows in self.rows.items():
            table = tables[entity]
            tried = {n: Column(c.values[rows]) for n, c in table.columns.items() if n.startswith(PREFIX)}
            keys = Some(table.keys, rows) if table.keys else ()
            tables[entity] = replace(table, rows=len(rows), columns=tried, keys=keys)
        return replace(book, tables=tables)


class _InDoubt(Exactly):
    """Decides nothing: rows in doubt stay so."""

    def settle(self, node: Node, args: Sequence[Vector], context: Context) -> Vector:
        return args[0]


@dataclass(frozen=True, slots=True)
class _Started:
    """What stays: the node asked for, the results that don't vary, cut and whole, and the plan of those that do."""

    node: Node
    context: Context
    done: dict[int, Vector]
    varying: Plan
    cut: _Tried
    whole: dict[int, Vector]

    def run(self, policy: Policy, book: Book, params: Mapping[str, Value], exactly: bool) -> Column:
        context = replace(self.context, book=self.cut.tried(book))
        settling: Exactly = _InDoubt(policy, book, params, context)
        if exactly:
            settling = CutExactly(Exactly(policy, book, params, context), context.book, context, self.cut)
        done = Runner(context, settling).run(self.varying, None, dict(self.done))
        found = done[self.node.id]
        if found.doubt is not None:
            done[self.node.id] = replace(found, values=found.values & ~found.doubt)
        size = book.tables[self.node.grain].rows if self.node.grain != SCALAR else 1
        rows = self.cut.rows.get(self.node.grain)
        if rows is None:
            return column_of(done[self.node.id], size)
        some = column_of(done[self.node.id], len(rows))
        values = np.zeros(size, dtype=some.values.dtype)
        values[rows] = np.where(some.known(), some.values, 0)
        return Column(values)
