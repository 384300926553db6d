"""The moves of a grid as lines, along which the values of small tables change in proportion; those values in each move.

Moves that agree in all of the grid's columns but one stand on a line, in the order of that one. On a line, whatever
small tables (the markets' marks) and the whole book hold either stays as it is or changes in proportion to one measure,
which is found by looking at the values: it does not matter by which formula the moves make them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dsl import model
from dsl.records import dataclass
from evaluator import error
from evaluator.constants import Constant, Number
from evaluator.context import Context
from evaluator.graph import SCALAR, Node
from evaluator.grid_template import LINEAR, STILL, Template
from evaluator.runner import ALL_KERNELS
from evaluator.vector import Flags, Floats, Vector, either

SHORTEST = 16  # moves on a line, on average
_LARGEST = 1 << 22  # values of a small table in all moves
_OFF = 4 * error.ONE_STEP  # of a line's largest value: so far rounding may take a value off its line

Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """``moves``: the grid's moves, line after line, each in its order: their places are what all else counts by.
    ``starts``: where each line begins, and the end. ``along``: (places,) how far on its line each move stands."""

    moves: Index
    starts: Index
    along: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """What no asking row has to itself, in every move. ``vectors``: by node, of (places,) or (places * rows,), place by
    place. ``manners``: how they change along the lines. ``flat``: (lines,) or (lines, rows) where one doesn't."""

    lines: Lines
    vectors: Mapping[int, Vector]
    manners: Mapping[int, int]
    flat: Mapping[int, Flags]


def settled(vector: Vector) -> Vector:
    """As a column's end is, but for rows in doubt: they stay so."""
    if vector.values.dtype != np.float64:
        return vector
    values = vector.values + 0.0
    return Vector(values, vector.quality, vector.doubt, vector.relative, vector.absolute, vector.once)


def computed(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """One operation, with the bound of its error."""
    if node.op == "settle":
        return settled(args[0])
    return error.bounded(node, args, ALL_KERNELS[node.op](node, args, context))


def spread(vector: Vector, rows: Any, size: int) -> Vector:
    """A column at some rows; what is the same for all is left as it is."""
    return vector if vector.values.shape == (1,) and vector.absolute is None else vector.at(rows, size)


def lines_of(moves: Sequence[Mapping[str, model.Const]]) -> Lines | None:
    """None where there are no long lines."""
    names = list(moves[0])
    if not names:
        return None
    values = {name: [move[name].value for move in moves] for name in names}
    axis = max(names, key=lambda name: len(set(values[name])))
    by: dict[tuple[object, ...], list[int]] = {}
    for i in range(len(moves)):
        by.setdefault(tuple(values[n][i] for n in names if n != axis), []).append(i)
    if len(moves) < SHORTEST * len(by):
        return None
    order = [sorted(line, key=lambda i: values[axis][i]) for line in by.values()]
    starts = np.concatenate(([0], np.cumsum([len(line) for line in order])))
    return Lines(np.concatenate(order), starts, np.zeros(len(moves)))


def moved(
    made: Template,
    lines: Lines,
    constants: Mapping[int, Sequence[Constant]],
    plain: Mapping[int, Vector],
    context: Context,
) -> Moved | None:
    """``constants``: as ``folded`` gives them. None where something changes in another way along a line."""
    count = len(lines.moves)
    vectors: dict[int, Vector] = {}
    sizes = {SCALAR: 1} | {n.grain: context.rows(n.grain) for n in made.tables}
    if count * max(sizes.values()) > _LARGEST:
        return None
    tiles = {grain: np.tile(np.arange(rows), count) for grain, rows in sizes.items()}
    inner = _within(context, tiles)
    for node in (*made.single, *made.tables):
        if node.id in constants:
            found = _vector([constants[node.id][i] for i in lines.moves.tolist()])
            if found is None:
                return None
            vectors[node.id] = found
            continue
        args = [_arg(node, place, arg, vectors, plain, tiles, sizes) for place, arg in enumerate(node.args)]
        vectors[node.id] = computed(node, args, inner).full(count * sizes[node.grain])
    outer = {a.id: a for n in made.rows for a in n.args if a.id in vectors}
    measure = _measure(lines, [vectors[i].values.reshape(count, -1) for i in outer])
    manners: dict[int, int] = {}
    flat: dict[int, Flags] = {}
    for id in outer:
        vectors[id], bad = _steady(vectors[id], count)
        how, still = _manner(vectors[id].values.reshape(count, -1), measure, bad)
        if how is None:
            return None
        manners[id], flat[id] = how, still if outer[id].grain != SCALAR else still[:, 0]
    return Moved(measure, {i: vectors[i] for i in outer}, manners, flat)


def _within(context: Context, only: Mapping[str, Any]) -> Context:
    return Context(
        context.policy, context.book, context.as_of, context.bounded, context.texts, only=only, facts=context.facts
    )


def _vector(constants: Sequence[Constant]) -> Vector | None:
    if all(isinstance(c, Number) for c in constants):
        rounded = any(isinstance(c, Number) and not c.exact for c in constants)
        values = np.array([float(c) for c in constants])
        return Vector(values, relative=error.HALF_UNIT if rounded else 0.0, once=True)
    if all(isinstance(c, bool) for c in constants):
        return Vector(np.array(constants))
    return None


def _arg(
    node: Node,
    place: int,
    arg: Node,
    vectors: Mapping[int, Vector],
    plain: Mapping[int, Vector],
    tiles: Mapping[str, Index],
    sizes: Mapping[str, int],
) -> Vector:
    rows, tile = sizes[node.grain], tiles[node.grain]
    if node.op == "gather" and place == 0:  # into the table as it is in the same move
        index, other = plain[arg.id].at(tile, rows), sizes[node.args[1].grain]
        first = np.repeat(np.arange(len(tile) // rows) * other, rows)
        return Vector(np.where(index.values >= 0, index.values + first, -1), index.quality, index.doubt)
    if arg.id not in vectors:
        return spread(plain[arg.id], tile, rows)
    if arg.grain == SCALAR and node.grain != SCALAR:
        return vectors[arg.id].at(np.repeat(np.arange(len(tile) // rows), rows), len(tile) // rows)
    return vectors[arg.id]


def _steady(vector: Vector, count: int) -> tuple[Vector, Flags]:
    """What is in doubt in some move, or unknown in some and not in all for the same reason, is doubtful in each."""
    bad: Flags = np.logical_not(np.isfinite(vector.values.reshape(count, -1)).all(axis=0))
    if vector.doubt is not None:
        bad = bad | vector.doubt.reshape(count, -1).any(axis=0)
    if vector.quality is not None:
        quality = vector.quality.reshape(count, -1)
        bad = bad | (quality != quality[0]).any(axis=0)
    if not bad.any():
        return vector, bad
    doubt = either(vector.doubt, np.tile(bad, count))
    return Vector(vector.values, vector.quality, doubt, vector.relative, vector.absolute, vector.once), bad


def _measure(lines: Lines, tables: Sequence[Any]) -> Lines:
    """The lines with the measure that their moves stand along: whatever changes most."""
    along = np.arange(len(lines.moves), dtype=np.float64)
    for a, b in zip(lines.starts[:-1], lines.starts[1:], strict=True):
        best = 0.0
        for values in tables:
            if values.dtype != np.float64:
                continue
            part = values[a:b]
            size = np.abs(part).max(axis=0)
            with np.errstate(all="ignore"):
                change = np.nan_to_num(np.abs(part[-1] - part[0]) / size, posinf=0.0)
            column = int(change.argmax())
            if change[column] > best:
                best = float(change[column])
                along[a:b] = part[:, column] * np.sign(part[-1, column] - part[0, column])
    return Lines(lines.moves, lines.starts, along)


def _manner(values: Any, lines: Lines, bad: Flags) -> tuple[int | None, Flags]:
    """How a table's values change; (lines, rows) where they don't. What is in doubt is left out."""
    flats = []
    how = STILL
    for a, b in zip(lines.starts[:-1], lines.starts[1:], strict=True):
        part, along = values[a:b], lines.along[a:b]
        still = (part == part[0]).all(axis=0)
        flats.append(still)
        rest = part[:, ~still & ~bad]
        if not rest.shape[1]:
            continue
        if values.dtype != np.float64 or not bool((np.diff(along) > 0).all()):
            return None, still
        share = ((along - along[0]) / (along[-1] - along[0]))[:, None]
        off = np.abs(rest - (rest[0] + (rest[-1] - rest[0]) * share))
        if not bool((off <= _OFF * np.abs(rest).max(axis=0)).all()):
            return None, still
        how = LINEAR
    return how, np.array(flats)
