"""`min max argmin argmax` over a long grid, found before all else from few of the moves, and read from inputs.

An `over` is found so where its moves stand on long lines and what it computes goes in one direction between the ends of
its pieces (``grid_template``, ``grid_lines``, ``grid_search``), and where few rows have to be evaluated with care. All
others stay where they are. Beside the values stands how far they may be off, for what is decided by them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from dsl import model
from dsl.grids import move_values
from dsl.hoist_grids import Asked, hoisted
from dsl.model import Kind, Policy, Value
from dsl.records import dataclass
from evaluator.book import Book, without_kept
from evaluator.columns import Column
from evaluator.constants import Constant
from evaluator.context import Context
from evaluator.grid_careful import completed, merge
from evaluator.grid_lines import Index, Lines, lines_of, moved
from evaluator.grid_points import Points
from evaluator.grid_search import Best, TooMany, best
from evaluator.grid_template import Template, folded, manners, template
from evaluator.grid_turns import FOLDS, Turns, folded_in_turn, turns
from evaluator.kernels import KERNELS
from evaluator.lately import Lately
from evaluator.needs import parts
from evaluator.plan import Plan, plan
from evaluator.program import Compiled
from evaluator.runner import Runner, infinite_inputs
from evaluator.settle import Exactly
from evaluator.threads import pool, threads
from evaluator.vector import Flags, Vector

T = TypeVar("T")

FEWEST = 64  # moves that are worth it
LEAST = 100_000  # rows that ask or that are members, times moves, from which it pays
CAREFUL = 0.05  # of all rows: more aren't evaluated with care here
_ROWS = 2_048  # rows searched at a time

_BLANKS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Shaped:
    """What is the same for every book. ``constants``: what the moves' own numbers give, as ``folded`` has it."""

    made: Template
    lines: Lines
    constants: Mapping[int, Sequence[Constant]]


_SHAPES: Lately[Shaped | None] = Lately()
_TURNS: Lately[Turns | None] = Lately()
_HOISTED: Lately[tuple[Policy, tuple[Asked, ...]]] = Lately()

Key = tuple[str, model.Over]
Compile = Callable[[Policy, Book], Compiled]


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be run, over which book. ``decided``: rows that the reference interpreter decided already."""

    compiled: Compiled
    book: Book
    decided: dict[str, Flags]


def told(policy: Policy, book: Book, params: Mapping[str, Value], compile: Compile) -> Told:
    """The policy with the `over`s that were found read from inputs, compiled, and the book with their values."""
    if all(len(grid.moves) < FEWEST for grid in policy.grids.values()):
        return Told(compile(policy, book), book, {})
    given = tuple(sorted(params.items())), book.as_of, infinite_inputs(policy, book)
    size = tuple(table.rows for table in book.tables.values())
    without: list[Key] = []
    columns: dict[Key, tuple[Column, Column]] = {}
    decided: dict[str, Flags] = {}

    def shape(entity: str, over: model.Over) -> Shaped | None:
        if over.function not in ("min", "max", "argmin", "argmax"):
            return None
        return _SHAPES.once(policy, (entity, over, given), lambda: _shaped(policy, params, given, entity, over))

    def opened(entity: str, over: model.Over) -> Turns | None:
        if over.function not in FOLDS:
            return None
        return _TURNS.once(policy, (entity, over, given), lambda: turns(policy, params, *given[1:], entity, over))

    def found(each: Asked, tracked: bool) -> tuple[Column, Column] | None:
        work = policy, book, params, each, given, decided
        shaped = shape(each.entity, each.over)
        made_of = None if shaped is None else _Fold(*work, shaped).columns()
        if made_of is not None:
            return made_of
        turning = opened(each.entity, each.over)
        return None if turning is None else folded_in_turn(turning, *work, tracked)

    def infinite(each: Asked) -> bool:
        shaped, turning = shape(each.entity, each.over), opened(each.entity, each.over)
        return (shaped is not None and shaped.made.value.facts.infinite) or (turning is not None and turning.infinite)

    def wanted(entity: str, over: model.Over) -> bool:
        count = len(policy.grids[over.grid].moves) if book.tables[entity].rows else 0
        if (entity, over) in without or count < FEWEST or count * _rows(policy, book, entity) < LEAST:
            return False
        return shape(entity, over) is not None or opened(entity, over) is not None

    while True:
        made, asked = _HOISTED.once(policy, (tuple(without), given, size), lambda: _hoisted(policy, wanted))
        if not asked:
            return Told(compile(policy, book), book, {})
        full = _blank(made, book, asked, infinite)
        compiled = compile(made, full)
        bounded = compiled.planned.bounded
        inputs = {n.attrs: n.id in bounded for n in compiled.planned.order if n.op == "input"}
        before = len(without)
        for each in asked:
            key = each.entity, each.over
            if (each.entity, each.variable) not in inputs:
                continue
            if key not in columns:
                made_of = found(each, inputs[each.entity, each.variable])
                if made_of is None:
                    without.append(key)
                    continue
                columns[key] = made_of
            full = _with(full, each, *columns[key])
        if len(without) == before:
            return Told(compiled, full, decided)


def _hoisted(policy: Policy, wanted: Callable[[str, model.Over], bool]) -> tuple[Policy, tuple[Asked, ...]]:
    """Nothing where rows draw: who is first is decided by values as they are read, not by what was found."""
    kinds = {type(part) for part in parts(policy, checks=False)}
    return hoisted(policy, wanted) if model.Over in kinds and model.Draw not in kinds else (policy, ())


def _shaped(policy: Policy, params: Mapping[str, Value], given: Any, entity: str, over: model.Over) -> Shaped | None:
    moves = move_values(policy.grids[over.grid], params)
    lines = lines_of(moves)
    made = None if lines is None else template(policy, params, given[1], given[2], entity, over)
    return None if lines is None or made is None else Shaped(made, lines, folded(made, moves))


def _rows(policy: Policy, book: Book, entity: str) -> int:
    """The rows of an entity and of all that lead to it."""
    return sum(
        book.tables[e.name].rows
        for e in policy.entities.values()
        if e.name in book.tables and (e.name == entity or entity in e.links.values())
    )


def _blank(made: Policy, book: Book, asked: Sequence[Asked], infinite: Callable[[Asked], bool]) -> Book:
    """The book with room for the values, the same as before where its tables are."""
    kept = book.kept.blanks
    for policy, tables, found in kept:
        if policy is made and all(book.tables.get(e) is t for e, t in tables.items()) and found.index is book.index:
            room: Book = replace(found, kept=book.kept)
            return room
    blank = book
    for each in asked:
        rows = book.tables[each.entity].rows
        start = np.inf if infinite(each) else 0.0
        named = each.over.type.kind is Kind.ENUM
        values = np.zeros(rows, dtype=np.int32) if named else np.full(rows, start)
        blank = _with(blank, each, Column(values), Column(np.zeros(rows)))
    kept[:] = [k for k in kept if k[0] is not made][-_BLANKS:]
    kept.append((made, book.tables, without_kept(blank)))
    return blank


def _with(book: Book, asked: Asked, column: Column, size: Column) -> Book:
    table = book.tables[asked.entity]
    columns = {**table.columns, asked.variable: column, asked.size: size}
    named = asked.over.type.kind is Kind.ENUM
    sizes = table.sizes if named else {**table.sizes, asked.variable: asked.size}
    made = replace(table, columns=columns, sizes=sizes)
    return replace(book, tables={**book.tables, asked.entity: made})


class _Fold:
    """One `over`, for all rows of its entity."""

    def __init__(
        self, policy: Policy, book: Book, params: Mapping[str, Value], asked: Asked, given: Any,
        decided: dict[str, Flags], shaped: Shaped,
    ) -> None:  # fmt: skip
        self.policy, self.book, self.params, self.asked, self.shaped = policy, book, params, asked, shaped
        self.made, self.given, self.decided = shaped.made, given, decided
        self.rows = book.tables[asked.entity].rows
        self.named = asked.over.function.startswith("arg")

    def columns(self) -> tuple[Column, Column] | None:
        """The values, and how far they may be off, in half units; None where they are found sooner in another way."""
        bounded = frozenset(n.id for n in self.made.order)
        context = Context(self.policy, self.book, self.book.as_of, bounded)
        with np.errstate(all="ignore"):
            plain = self._plain(context)
            tables = moved(self.made, self.shaped.lines, self.shaped.constants, plain, context)
            if tables is None or manners(self.made, tables.manners) is None:
                return None
            found = self._found(Points(self.made, tables, plain, context))
            if found is None or np.count_nonzero(found.careful) > CAREFUL * self.rows + 8:
                return None
            values = found.move.astype(np.int32) if self.named else found.value
            work = self.policy, self.book, self.params, self.asked, self.given, self.decided
            return completed(*work, found.careful, values, found.quality, found.off)

    def _plain(self, context: Context) -> dict[int, Vector]:
        """What no move touches, as in any evaluation."""
        nodes = [n for n in self.made.plain if n.constant is None]
        order = plan(nodes)
        exactly = Exactly(self.policy, self.book, self.params, context)
        found = Runner(context, exactly).run(Plan(order.order, order.last, context.bounded), None)
        merge(self.decided, exactly.decided)
        constants = {n.id: KERNELS["const"](n, (), context) for n in self.made.plain if n.constant is not None}
        return found | constants

    def _found(self, points: Points) -> Best | None:
        """Of all rows, in threads."""
        least = self.asked.over.function.endswith("min")
        count = -(-self.rows // _ROWS)
        some = [p for p in np.array_split(np.arange(self.rows), max(1, count)) if len(p)]

        def search(part: Index) -> Best:
            with np.errstate(all="ignore"):
                return best(points, part, least, self.named)

        try:
            workers = min(threads(), len(some))
            found = list(pool(workers).map(search, some) if workers > 1 else map(search, some))
        except TooMany:
            return None
        names = ("value", "off", "quality", "move", "careful")
        return Best(*(np.concatenate([getattr(f, n) for f in found]) for n in names))
