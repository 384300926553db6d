"""What an `over` computes for some rows, each in a move of its own: by the same operations as in any evaluation.

Beside every value stands whether it is the same all along the run of moves at hand, and of every operation whose result
is made of pieces (brackets, `if`, `max`), on which piece each row is, and where it would pass to the next.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.context import Context
from evaluator.graph import SCALAR, Node
from evaluator.grid_lines import Index, Moved, computed, spread
from evaluator.grid_template import Template
from evaluator.kernels import KERNELS
from evaluator.pieces import Polynomials, Search, Segments
from evaluator.sorting import by_number
from evaluator.vector import Flags, Vector

_ORDERED = ("compare", "min", "max", "clamp")
_SIGNED = ("abs", "sign", "pow")


@dataclass(frozen=True, slots=True, eq=False)
class Hinge:
    """By row of ``grain``: the piece it is on; ``x``, by which it is on that; and at which x it leaves it, upwards and
    downwards."""

    grain: str
    piece: Any
    x: Any
    up: Any
    down: Any


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """At each point: the value, and where it is the same all along. ``owners``: by member entity, the point of each
    member."""

    value: Vector
    flat: Flags
    hinges: tuple[Hinge, ...]
    owners: Mapping[str, Index]


class Points:
    """Computes an `over`'s value at points: a row of the asking entity, in the move at a place."""

    def __init__(self, made: Template, moved: Moved, plain: Mapping[int, Vector], context: Context) -> None:
        self.made, self.moved, self.plain, self.context = made, moved, plain, context
        self.entity = made.entity
        self._line = np.repeat(np.arange(len(moved.lines.starts) - 1), np.diff(moved.lines.starts))
        self._members: dict[str, tuple[Index, Index, Index]] = {}
        self.facts = dict(context.facts)
        for member, link in made.links.items():
            self._members[member] = self._ordered(member, str(link.attrs[1]))
            self.facts["longest", member, self.entity] = int(self._members[member][2].max(initial=0))
        self.sizes = sum((m[2] for m in self._members.values()), np.ones(context.book.tables[self.entity].rows))

    def _ordered(self, member: str, link: str) -> tuple[Index, Index, Index]:
        """The members by the row that they lead to, each row's in the file's order; where each row's begin, and how
        many they are."""
        book = self.context.book
        column, kept = book.tables[member].columns[link], book.kept.orders
        if (member, link) not in kept or kept[member, link][0] is not column:
            groups = book.kept.members(member, link, column, book.tables[self.entity].rows)
            order, sizes = by_number(groups.index), groups.sizes
            kept[member, link] = column, order, np.cumsum(sizes) - sizes, sizes
        _, order, starts, sizes = kept[member, link]
        return order, starts, sizes

    def at(self, rows: Index, places: Index) -> Found:
        return _Run(self, rows, places).found()

    def members(self, member: str, rows: Index) -> tuple[Index, Index]:
        """The members of rows, row after row, each in the file's order; and which of the rows each belongs to."""
        order, starts, sizes = self._members[member]
        counts = sizes[rows]
        owners = np.repeat(np.arange(len(rows)), counts)
        first = np.cumsum(counts) - counts
        return order[np.arange(len(owners)) - first[owners] + starts[rows][owners]], owners


class _Run:
    def __init__(self, points: Points, rows: Index, places: Index) -> None:
        self.points, self.made, self.moved = points, points.made, points.moved
        self.rows: dict[str, Index] = {points.entity: rows}
        self.places: dict[str, Index] = {points.entity: places}
        self.owners: dict[str, Index] = {}
        for member in self.made.links:
            self.rows[member], self.owners[member] = points.members(member, rows)
            self.places[member] = places[self.owners[member]]
        context = points.context
        tables = {n.grain: context.book.tables[n.grain].rows for n in self.made.tables}
        whole = {grain: np.broadcast_to(np.intp(0), (n * len(self.moved.lines.moves),)) for grain, n in tables.items()}
        only = {**whole, **self.rows}
        self.context = Context(
            context.policy, context.book, context.as_of, context.bounded, context.texts, only=only, facts=points.facts
        )
        self.vectors: dict[int, Vector] = {}
        self.flat: dict[int, Any] = {}
        self.hinges: list[Hinge] = []
        self._spread: dict[tuple[int, str], Vector] = {}

    def found(self) -> Found:
        for node in self.made.rows:
            args = [self._arg(node, place, arg) for place, arg in enumerate(node.args)]
            vector = computed(node, args, self.context)
            self.vectors[node.id] = vector
            self.hinges += self._hinges(node, args)
            self.flat[node.id] = self._flat(node, args, vector)
        count = len(self.rows[self.made.entity])
        value = self.vectors[self.made.value.id].full(count)
        flat = np.broadcast_to(self.flat[self.made.value.id], (count,))
        return Found(value, flat, tuple(self.hinges), self.owners)

    # -- operands ---------------------------------------------------------------------------------

    def _arg(self, node: Node, place: int, arg: Node) -> Vector:
        grain = str(node.attrs[0]) if node.op.startswith("agg_") else node.grain
        if node.op == "gather" and place == 0:
            return self._led(node, arg)
        if node.op.startswith("agg_") and place == len(node.args) - 1:
            return Vector(self.owners[grain])
        if arg.id in self.vectors:
            return self.vectors[arg.id]
        key = arg.id, grain
        if key not in self._spread:
            if arg.constant is not None:
                found = KERNELS["const"](arg, (), self.context)
            elif arg.id in self.moved.vectors:
                found = self.moved.vectors[arg.id]
                if arg.grain == SCALAR:
                    found = found.at(self.places[grain], len(self.moved.lines.moves))
            elif arg.grain == SCALAR:
                found = self.points.plain[arg.id]
            else:
                found = spread(self.points.plain[arg.id], self.rows[grain], self._count(arg.grain))
            self._spread[key] = found
        return self._spread[key]

    def _count(self, entity: str) -> int:
        return self.points.context.book.tables[entity].rows

    def _led(self, node: Node, link: Node) -> Vector:
        """Where a link leads: to the point that a member belongs to, or to a table's row in the move of the point."""
        column = node.args[1]
        if column.grain == self.made.entity:
            return Vector(self.owners[node.grain])
        key = link.id, f"{node.grain} to {column.grain}"
        if key not in self._spread:
            index = self.points.plain[link.id].at(self.rows[node.grain], self._count(node.grain))
            first = self.places[node.grain] * self._count(column.grain)
            values = np.where(index.values >= 0, index.values + first, -1)
            self._spread[key] = Vector(values, index.quality, index.doubt)
        return self._spread[key]

    # -- pieces -----------------------------------------------------------------------------------

    def _changing(self, node: Node) -> bool:
        return node.id in self.vectors or node.id in self.moved.vectors

    def _hinges(self, node: Node, args: list[Vector]) -> list[Hinge]:
        changing = [self._changing(a) for a in node.args]
        if node.op in _ORDERED and node.args[0].numeric:
            sides = list(zip(args, changing, strict=True))
            return [
                self._sign(node, a.values, b.values)
                for i, (a, moves) in enumerate(sides)
                for b, also in sides[i + 1 :]
                if moves or also
            ]
        if node.op in _SIGNED and changing[0]:
            return [self._sign(node, args[0].values, np.zeros(1))]
        if node.op == "div" and changing[1]:
            return [self._sign(node, args[1].values, np.zeros(1))]
        if node.op == "segment" and changing[0]:
            segments = node.attrs[0]
            assert isinstance(segments, Segments)
            piece = self.vectors[node.id].values
            last = len(segments.starts) - 1
            return [
                Hinge(node.grain, piece, args[0].values, segments.starts[np.minimum(piece + 1, last)],
                      segments.starts[piece])
            ]  # fmt: skip
        if node.op == "locate":
            return self._located(node, args, changing)
        return []

    def _located(self, node: Node, args: list[Vector], changing: list[bool]) -> list[Hinge]:
        (search,) = node.attrs
        assert isinstance(search, Search)
        found = []
        for step, arg, moves in zip(search.steps, args, changing, strict=False):
            if moves and step.operator != "=":
                code = np.searchsorted(step.bounds, arg.values, step.side)
                fence = np.array([-np.inf, *step.bounds, np.inf])
                found.append(Hinge(node.grain, code, arg.values, fence[code + 1], fence[code]))
        return found

    def _sign(self, node: Node, a: Any, b: Any) -> Hinge:
        piece = (a > b).astype(np.int8) - (a < b)
        return Hinge(node.grain, piece, a - b, np.zeros(1), np.zeros(1))

    # -- what stays -------------------------------------------------------------------------------

    def _flats(self, node: Node) -> list[Any]:
        """Of each operand, where it is the same all along."""
        found: list[Any] = []
        for arg in node.args:
            flat: Any = True
            if arg.id in self.flat:
                flat = self.flat[arg.id]
            elif arg.id in self.moved.flat and arg.grain == SCALAR:
                grain = str(node.attrs[0]) if node.op.startswith("agg_") else node.grain
                flat = self.moved.flat[arg.id][self.points._line[self.places[grain]]]
            found.append(flat)
        return found

    def _flat(self, node: Node, args: list[Vector], result: Vector) -> Any:
        """Where a result is the same bits all along, as long as every row stays on its piece."""
        flats = self._flats(node)
        match node.op:
            case "compare" | "and" | "or" | "not" | "pick" | "locate" | "segment" | "take" | "corner" | "sign":
                return True
            case "agg_any" | "agg_all" | "agg_count" | "agg_share":
                return True
            case "gather":
                return self._flat_read(node)
            case "agg_sum" | "agg_mean":
                found = np.ones(len(self.rows[node.grain]), dtype=np.bool_)
                owners = self.owners[str(node.attrs[0])]
                found[owners[~np.broadcast_to(flats[0], owners.shape)]] = False
                return found
            case "select":
                return np.where(args[0].values, flats[1], flats[2])
            case "choose":
                slots = np.array(node.attrs[0], dtype=np.int32)[args[0].values]
                return np.select([slots == k for k in range(len(args) - 1)], flats[1:], False)
            case "mul":
                still = [np.logical_and(f, a.values == 0.0) for f, a in zip(flats, args, strict=True)]
                return np.logical_or(np.logical_and(*flats), np.logical_or(*still))
            case "min" | "max" | "clamp":
                taken = [np.logical_and(f, a.values == result.values) for f, a in zip(flats, args, strict=True)]
                return np.logical_or.reduce(np.broadcast_arrays(*taken))
            case "piecewise":
                (pieces,) = node.attrs
                assert isinstance(pieces, Polynomials)
                flat = pieces.a[args[1].values] == 0.0
                if pieces.b is not None and pieces.c is not None:
                    flat = flat & (pieces.b[args[1].values] == 0.0) & (pieces.c[args[1].values] == 0.0)
                return np.logical_or(flats[0], flat)
        return np.logical_and.reduce(np.broadcast_arrays(*flats))

    def _flat_read(self, node: Node) -> Any:
        column = node.args[1]
        if column.grain == self.made.entity:
            flat = np.broadcast_to(self.flat[column.id], self.rows[self.made.entity].shape)
            return flat[self.owners[node.grain]]
        index = self.points.plain[node.args[0].id].full(self._count(node.grain)).values[self.rows[node.grain]]
        return self.moved.flat[column.id][self.points._line[self.places[node.grain]], np.maximum(index, 0)]
