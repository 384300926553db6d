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
from dsl.hoist_grids import Asked, asking, hoisted
from dsl.model import Kind, Policy, Value
from dsl.records import dataclass
from evaluator import error
from evaluator.book import Book, without_kept
from evaluator.columns import KNOWN, Column
from evaluator.constants import Constant
from evaluator.context import Context
from evaluator.cut import evaluate_cut
from evaluator.graph import Node
from evaluator.grid_lines import Index, Lines, lines_of, moved
from evaluator.grid_points import Points
from evaluator.grid_search import Best, TooMany, best
from evaluator.grid_template import Template, folded, manners, template
from evaluator.kernels import KERNELS
from evaluator.lately import Lately
from evaluator.lower import lower_columns
from evaluator.needs import parts
from evaluator.plan import Plan, plan
from evaluator.program import Compiled
from evaluator.runner import Runner, infinite_inputs
from evaluator.settle import Exactly
from evaluator.shape import Shape
from evaluator.threads import pool, threads
from evaluator.units import Filed, units
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
_LOWERED: Lately[tuple[Policy, Node]] = Lately()
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
        return _SHAPES.once(policy, (entity, over, given), lambda: _shaped(policy, params, given, entity, over))

    def wanted(entity: str, over: model.Over) -> bool:
        if (entity, over) in without or over.function not in ("min", "max", "argmin", "argmax"):
            return False
        count = len(policy.grids[over.grid].moves) if book.tables[entity].rows else 0
        return count >= FEWEST and count * _rows(policy, book, entity) >= LEAST and shape(entity, over) is not None

    while True:
        made, asked = _HOISTED.once(policy, (tuple(without), given, size), lambda: _hoisted(policy, wanted))
        if not asked:
            return Told(compile(policy, book), book, {})
        shapes = [shape(a.entity, a.over) for a in asked]
        full = _blank(made, book, asked, shapes)
        compiled = compile(made, full)
        inputs = {n.attrs for n in compiled.planned.order if n.op == "input"}
        before = len(without)
        for each, found in zip(asked, shapes, strict=True):
            key = each.entity, each.over
            if found is None or (each.entity, each.variable) not in inputs:
                continue
            if key not in columns:
                made_of = _Fold(policy, book, params, each, found, given, decided).columns()
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


def _blank(made: Policy, book: Book, asked: Sequence[Asked], shapes: Sequence[Shaped | None]) -> Book:
    """The book with room for the values, the same as before where its tables are."""
    kept = book.kept.blanks
    for policy, tables, found in kept:
        if policy is made and all(book.tables.get(e) is t for e, t in tables.items()) and found.index is book.index:
            room: Book = replace(found, kept=book.kept)
            return room
    blank = book
    for each, shape in zip(asked, shapes, strict=True):
        assert shape is not None
        rows = book.tables[each.entity].rows
        start = np.inf if shape.made.value.facts.infinite else 0.0
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
        self, policy: Policy, book: Book, params: Mapping[str, Value], asked: Asked, shaped: Shaped, given: Any,
        decided: dict[str, Flags],
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
            quality = found.quality
            if found.careful.any():
                rows, exact = self._careful(found.careful)
                values[rows] = exact.values
                quality[rows] = KNOWN if exact.quality is None else exact.quality
        unknown = quality != KNOWN
        values[unknown] = 0
        size = np.maximum(found.off / error.HALF_UNIT, np.abs(values))
        size[unknown | ~np.isfinite(values)] = 0.0  # infinite is infinite, and nothing else
        return Column(values, quality if unknown.any() else None), Column(size)

    def _plain(self, context: Context) -> dict[int, Vector]:
        """What no move touches, as in any evaluation."""
        nodes = [n for n in self.made.plain if n.constant is None]
        order = plan(nodes)
        exactly = Exactly(self.policy, self.book, self.params, context)
        found = Runner(context, exactly).run(Plan(order.order, order.last, context.bounded), None)
        self._decided(exactly)
        constants = {n.id: KERNELS["const"](n, (), context) for n in self.made.plain if n.constant is not None}
        return found | constants

    def _decided(self, exactly: Exactly) -> None:
        for entity, rows in exactly.decided.items():
            self.decided[entity] = self.decided[entity] | rows if entity in self.decided else rows

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

    def _careful(self, flagged: Flags) -> tuple[Index, Column]:
        """Rows evaluated with care, in all moves."""
        key = self.asked.entity, self.asked.over, self.asked.variable, self.given
        policy, node = _LOWERED.once(self.policy, key, self._lowered)
        planned = plan([node])
        context = Context(policy, self.book, self.book.as_of, planned.bounded)
        exactly = Exactly(policy, self.book, self.params, context)
        parents = {member: (str(link.attrs[1]), self.asked.entity) for member, link in self.made.links.items()}
        shape = Shape(parents, (*parents, self.asked.entity))
        heads = self._heads(planned, shape, context, exactly)
        order = [(n, last) for n, last in zip(planned.order, planned.last, strict=True) if n.id not in heads]
        inner = Plan(
            tuple(n for n, _ in order), tuple(tuple(i for i in last if i not in heads) for _, last in order),
            planned.bounded,
        )  # fmt: skip
        rows = units(shape, self.book, {self.asked.entity: flagged}, Filed(shape, self.book))
        facts = dict(context.facts)
        for member, link in self.made.links.items():
            name = str(link.attrs[1])
            groups = self.book.kept.members(member, name, self.book.tables[member].columns[name], self.rows)
            facts["longest", member, self.asked.entity] = int(groups.sizes.max(initial=0))
        found = evaluate_cut(context, exactly, rows, inner, heads, [node], facts)
        self._decided(exactly)
        return found.rows[self.asked.entity], found.columns[node.id]

    def _lowered(self) -> tuple[Policy, Node]:
        policy = asking(self.policy, self.asked)
        cell = self.asked.entity, self.asked.variable
        return policy, lower_columns(policy, self.params, self.book.as_of, self.given[2], [cell])[cell]

    def _heads(self, planned: Plan, shape: Shape, context: Context, exactly: Exactly) -> dict[int, Vector]:
        """What depends on no asking row and on no member of one."""
        order = tuple(n for n in planned.order if n.grain not in shape.parts)
        none: tuple[tuple[int, ...], ...] = ((),) * len(order)
        return Runner(context, exactly).run(Plan(order, none, planned.bounded), None)
