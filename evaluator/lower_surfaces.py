"""Interpolated keys of tables on their way into the graph: between the rows of one key, or on the grid of two."""

from collections.abc import Sequence
from fractions import Fraction

from dsl.causes import Cause
from dsl.model import NUMBER
from evaluator import pieces
from evaluator.graph import INDEX
from evaluator.keys import Axis, Grid, axis_groups, between, exact_of, make_grid, rational_of
from evaluator.lower_keys import Called
from evaluator.lower_operations import Operations
from evaluator.lower_pieces import polynomial, polynomials, rational, take
from evaluator.pieces import Polynomials, Rows, make_segments
from evaluator.scope import Lowered


def between_rows(lowering: Operations, called: Called, smooth: Sequence[tuple[int, Lowered]]) -> Lowered:
    """The value between rows. ``smooth``: the numbers of the interpolated keys, one or two, and what each is given."""
    axes = [(_axis(lowering, called, i), x) for i, x in smooth]
    heights = [y for c in called.cells if (y := rational(c.node)) is not None]
    if len(axes) > 1 or len(heights) < len(called.cells):
        return _surface(lowering, called, [i for i, _ in smooth], axes)
    (axis, x), (i, _) = axes[0], smooth[0]
    piece = _piece(lowering, called, axis, [x], guarded=False)
    key = ("chords", called.table.name, i, tuple(c.node.id for c in called.cells))
    made = lowering.keep(key, lambda: _chords(lowering, called, i, heights))
    extended = called.table.outside == "extended"
    return polynomial(lowering, "piecewise", x, piece, made, called.scope, never_below=not extended)


def _axis(lowering: Operations, called: Called, i: int) -> Axis:
    """Key number i between rows; its ends are places along the axis."""

    def make() -> Axis:
        keys, outside = called.keys, called.table.outside or "unknown"
        groups = [sorted({exact_of(keys.cells[r][i]) for r in group}) for group in keys.groups]
        return between(make_segments(groups, outside, Cause.NO_ROW, keys.search.table), groups, outside)

    return lowering.keep(("axis", called.table.name, i), make)


def _piece(lowering: Operations, called: Called, axis: Axis, xs: list[Lowered], guarded: bool) -> Lowered:
    """The piece of an axis in which the first of ``xs`` lies, known only where all are."""
    operands = [xs[0], *([] if called.group is None else [called.group]), *xs[1:]]
    attrs = (axis.segments, guarded, called.group is not None)
    return lowering.op("segment", operands, called.scope, attrs, INDEX, level=called.level)


def _chords(lowering: Operations, called: Called, i: int, heights: Sequence[Fraction]) -> Polynomials:
    """The lines between the rows of one key, whose cells are constants."""
    xs = [rational_of(row[i]) for row in called.keys.cells]
    points = [sorted((xs[row], heights[row]) for row in rows) for rows in called.keys.groups]
    return polynomials(lowering, "piecewise", [pieces.chords(p, called.table.outside or "unknown") for p in points])


def _surface(
    lowering: Operations, called: Called, numbers: Sequence[int], axes: Sequence[tuple[Axis, Lowered]]
) -> Lowered:
    """Cells at the two ends of the piece, or at the four corners on the full grid of two keys, and a share of each."""
    op, scope, keys = lowering.op, called.scope, called.keys
    grid = lowering.keep(("grid", id(keys)), lambda: make_grid(keys, numbers))
    # A key beyond its points finds no row only where the other key is known.
    xs = [x for _, x in axes]
    located = [_piece(lowering, called, axis, [x, *(o for o in xs if o is not x)], guarded=True) for axis, x in axes]
    shares = [op("piecewise", [x, p], scope, (axis.along,)) for (axis, x), p in zip(axes, located, strict=True)]
    strides = [[_stride(lowering, axis, side, grid, k) for side in (0, 1)] for k, (axis, _) in enumerate(axes)]
    if len(axes) == 1:
        rows = [op("take", [located[0]], scope, (_rows(lowering, grid, stride),), INDEX) for stride in strides[0]]
    else:
        ends = [[op("take", [p], scope, (s,), INDEX) for s in part] for p, part in zip(located, strides, strict=True)]
        rows = [op("corner", [a, b], scope, (grid.flat,), INDEX) for a in ends[0] for b in ends[1]]
    values = [take(lowering, row, called.cells, scope, NUMBER) for row in rows]
    for share in reversed(shares):
        values = [op("mix", [low, high, share], scope) for low, high in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def _stride(lowering: Operations, axis: Axis, side: int, grid: Grid, k: int) -> Rows:
    """Where the low (0) or high (1) end of each piece stands in its group's flattened grid, by key k."""

    def make() -> Rows:
        groups, ends = axis_groups(axis), (axis.low, axis.high)[side]
        return Rows(ends.rows * grid.strides[k][groups] + (grid.starts[groups] if k == 0 else 0))

    return lowering.keep(("stride", id(axis), side), make)


def _rows(lowering: Operations, grid: Grid, stride: Rows) -> Rows:
    return lowering.keep(("rows", id(stride)), lambda: Rows(grid.flat.rows[stride.rows]))
