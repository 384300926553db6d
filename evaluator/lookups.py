"""Tables and curves on their way into the graph: their rows and points become arrays, their calls a few nodes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dsl import model
from dsl.causes import Cause
from dsl.model import NUMBER, Exact, Expr, Kind, Type
from dsl.records import dataclass
from evaluator import pieces
from evaluator.constants import Number
from evaluator.graph import INDEX, Facts, Node
from evaluator.keys import Axis, Grid, Keys, axis_groups, between, exact_of, make_grid, rational_of, split
from evaluator.lately import Lately
from evaluator.pieces import Polynomials, Rows, Search, Segments, Step, Values, make_segments
from evaluator.places import operands
from evaluator.scope import Lowered, Scope

if TYPE_CHECKING:
    from evaluator.lower import Lowering

_HALF_UNIT = 2.0**-53
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Ladder:
    """A marginal column's brackets: by group its rows in order, and their bounds. ``climb``: of constant rates."""

    groups: Sequence[Sequence[int]]
    bounds: Sequence[Sequence[Exact]]
    segments: Segments
    climb: Polynomials | None


@dataclass(frozen=True, slots=True)
class _Line:
    """A curve's points. ``faulty``: coordinates without a value; ``pieces`` of all but steps."""

    points: Sequence[tuple[Number, Number]]
    faulty: Sequence[Lowered]
    segments: Segments
    pieces: Polynomials | None


class Lookups:
    """The tables and curves of one policy with its params."""

    def __init__(self, lowering: "Lowering") -> None:
        self._lowering = lowering
        self._keys: dict[tuple[str, bool], Keys] = {}
        self._constants: dict[tuple[str, int], list[Lowered | None]] = {}
        self._made: dict[object, object] = {}
        self._kept: dict[object, object] = {}

    # -- values by index --------------------------------------------------------------------------

    def values(self, index: Lowered, cells: Sequence[Lowered], scope: Scope, type: Type) -> Lowered:
        """``cells[index]``: an array where all are constants, else a choice between the distinct ones."""
        constants = [c.node.constant for c in cells]
        if constants and not any(c is None or isinstance(c, str) for c in constants):
            values, facts = _array(constants, type)
            return self._lowering.op(
                "take", [index], scope, (self._once(("take", type.kind, *constants), values),), type, facts
            )
        slots: dict[int, int] = {}
        distinct = [c for c in cells if slots.setdefault(c.node.id, len(slots)) == len(slots) - 1]
        distinct = list({c.node.id: c for c in distinct}.values())
        attrs = (tuple(slots[c.node.id] for c in cells),)
        return self._lowering.op("choose", [index, *distinct], scope, attrs, type)

    def _once(self, key: object, made: object) -> object:
        """The first array made for this meaning, so that equal lookups are one node."""
        return self._made.setdefault(key, made)

    def _keep(self, key: object, make: Callable[[], T]) -> T:
        """What is the same in every call of a table or curve, such as in each move of a grid: made at the first."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[return-value]

    # -- tables -----------------------------------------------------------------------------------

    def table(self, call: model.TableCall, scope: Scope) -> Lowered:
        table = self._lowering.policy.tables[call.table]
        place = next(i for i, c in enumerate(table.columns) if c.name == call.column)
        column = table.columns[place]
        args = [self._lowering.lower(a, scope) for a in call.args]
        keys = self.keys(table, column.marginal)
        bound = {name: arg for (name, _), arg in zip(table.args, args, strict=True)}
        cells = self._cells(table, place, bound, scope)
        searched = [args[k.arg] for k in table.keys if k.operator == "=" or (k.operator != "~" and not column.marginal)]
        level = self._lowering.joined(args, scope)  # of a call that finds no row
        state: Lowered | None = None
        if searched or keys.faulty:
            keyed = [*searched, *keys.faulty]
            state = self._lowering.op("locate", keyed, scope, (keys.search,), INDEX, level=level)
        if column.marginal:
            x = next(args[k.arg] for k in table.keys if k.operator != "=")
            result = self._marginal(table, keys, x, state, cells, scope, level)
        else:
            smooth = [(i, args[k.arg]) for i, k in enumerate(table.keys) if k.operator == "~"]
            if not smooth:
                assert state is not None
                return self.values(state, [cells[group[0]] for group in keys.groups], scope, column.type)
            axes = [(self._axis(table, keys, i), x) for i, x in smooth]
            result = self._surface(table, keys, axes, state, cells, scope, smooth, level)
        return result

    def _cells(self, table: model.Table, place: int, args: Mapping[str, Lowered], scope: Scope) -> list[Lowered]:
        """One value column's cells; those that read no argument are lowered once for all calls."""
        key = (table.name, place)
        inside = replace(scope, args=args)
        type = table.columns[place].type
        if key not in self._constants:
            outside = replace(scope, args={})
            exprs = [row.values[place] for row in table.rows]
            self._constants[key] = [None if _reads(e) else self._lowering.lower_as(e, type, outside) for e in exprs]
        return [
            found or self._lowering.lower_as(row.values[place], type, inside)
            for found, row in zip(self._constants[key], table.rows, strict=True)
        ]

    def keys(self, table: model.Table, marginal: bool) -> Keys:
        """A table's keys; a marginal column's bound is a ladder, not searched."""
        key = (table.name, marginal)
        if key in self._keys:
            return self._keys[key]
        faulty: list[Lowered] = []
        cells = [[self._key_cell(cell, faulty) for cell in row.keys] for row in table.rows]
        groups = [list(range(len(table.rows)))]
        steps: list[Step] = []
        for i, column in enumerate(table.keys):
            if column.operator == "=" or (column.operator != "~" and not marginal):
                step, groups = split(groups, [row[i] for row in cells], column.operator)
                steps.append(step)
        number = list(self._lowering.policy.tables).index(table.name)
        self._keys[key] = Keys(Search(tuple(steps), number), groups, cells, faulty)
        return self._keys[key]

    def _key_cell(self, cell: "str | None | Expr", faulty: list[Lowered]) -> Exact | str | None:
        if cell is None or isinstance(cell, str):
            return cell
        number = self._number(cell, faulty)
        return number.value

    def _number(self, expr: Expr, faulty: list[Lowered]) -> Number:
        """A constant expression's value; one that has none goes to ``faulty``."""
        if isinstance(expr, model.Const) and isinstance(expr.value, Fraction):
            return Number(expr.value)
        lowered = self._lowering.lower(expr, Scope(""))
        if isinstance(lowered.node.constant, Number):
            return lowered.node.constant
        faulty.append(lowered)
        return Number(Fraction(0))

    def _marginal(
        self,
        table: model.Table,
        keys: Keys,
        x: Lowered,
        state: Lowered | None,
        cells: Sequence[Lowered],
        scope: Scope,
        level: int,
    ) -> Lowered:
        """What the brackets below x give, and this one's rate on the rest."""
        operands = [x] if state is None else [x, state]
        key = ("ladder", table.name, tuple(c.node.id for c in cells))
        ladder = self._keep(key, lambda: self._ladder(table, keys, cells))
        attrs = (ladder.segments, ladder.climb is None, len(operands) > 1)
        piece = self._lowering.op("segment", operands, scope, attrs, INDEX, level=level)
        if ladder.climb is not None:
            return self._polynomial("piecewise", x, piece, ladder.climb, scope, never_below=True)
        return self._climb(x, piece, ladder, cells, scope)

    def _ladder(self, table: model.Table, keys: Keys, cells: Sequence[Lowered]) -> _Ladder:
        i = next(i for i, k in enumerate(table.keys) if k.operator != "=")
        groups = [sorted(group, key=lambda r: exact_of(keys.cells[r][i])) for group in keys.groups]
        bounds = [[exact_of(keys.cells[r][i]) for r in group] for group in groups]
        rates = [[_rational(cells[r].node) for r in group] for group in groups]
        made, climb = _made_of(table, keys.search.table, bounds, rates)
        segments = self._once(("ladder", table.name), made)
        assert isinstance(segments, Segments)
        return _Ladder(groups, bounds, segments, climb)

    def _climb(
        self,
        x: Lowered,
        piece: Lowered,
        ladder: _Ladder,
        cells: Sequence[Lowered],
        scope: Scope,
    ) -> Lowered:
        """A ladder whose rates are no constants: its lower brackets are summed in the graph."""
        op, const = self._lowering.op, self._const
        bases, rates, starts = [], [], []
        for group, group_bounds in zip(ladder.groups, ladder.bounds, strict=True):
            base = const(Fraction(0))
            bases.append(base)
            rates.append(base)
            starts.append(const(group_bounds[0]))
            for j, (row, bound) in enumerate(zip(group, group_bounds, strict=True)):
                if j:
                    width = const(_difference(bound, group_bounds[j - 1]))
                    base = op("add", [base, op("mul", [cells[group[j - 1]], width], scope)], scope)
                bases.append(base)
                rates.append(cells[row])
                starts.append(const(bound))
        base, rate, start = (self.values(piece, part, scope, NUMBER) for part in (bases, rates, starts))
        return op("add", [base, op("mul", [rate, op("sub", [x, start], scope)], scope)], scope)

    def _const(self, value: Exact) -> Lowered:
        return Lowered(self._lowering.graph.const(Number(value)), 0)

    def _pieces(self, op: str, parts: Sequence[Sequence[tuple[Fraction, ...]]]) -> Polynomials:
        made = self._once((op, *(p for group in parts for p in group)), pieces.polynomials(parts))  # type: ignore[arg-type]
        assert isinstance(made, Polynomials)
        return made

    def _polynomial(
        self, op: str, x: Lowered, piece: Lowered, made: Polynomials, scope: Scope, never_below: bool = False
    ) -> Lowered:
        return self._lowering.op(op, [x, piece], scope, (made,), facts=Facts(never_below and made.nonnegative))

    # -- interpolated keys ------------------------------------------------------------------------

    def _axis(self, table: model.Table, keys: Keys, i: int) -> Axis:
        """Key number i between rows; its ends are places along the axis."""
        made = self._made.get(("axis", table.name, i))
        if isinstance(made, Axis):
            return made
        groups = [sorted({exact_of(keys.cells[r][i]) for r in group}) for group in keys.groups]
        outside = table.outside or "unknown"
        segments = make_segments(groups, outside, Cause.NO_ROW, keys.search.table)
        axis = between(segments, groups, outside)
        self._made["axis", table.name, i] = axis
        return axis

    def _surface(
        self,
        table: model.Table,
        keys: Keys,
        axes: Sequence[tuple[Axis, Lowered]],
        state: Lowered | None,
        cells: Sequence[Lowered],
        scope: Scope,
        smooth: Sequence[tuple[int, Lowered]],
        level: int,
    ) -> Lowered:
        """Between the rows of one key, or on the full grid of two."""
        numbers = [_rational(c.node) for c in cells]
        if len(axes) == 1 and None not in numbers:
            (axis, x), (i, _) = axes[0], smooth[0]
            piece = self._piece(axis, x, state, False, scope, level)

            def chords() -> Polynomials:
                points = [
                    sorted((rational_of(keys.cells[r][i]), number) for r in group if (number := numbers[r]) is not None)
                    for group in keys.groups
                ]
                return self._pieces("piecewise", [pieces.chords(p, table.outside or "unknown") for p in points])

            made = self._keep(("chords", table.name, i, tuple(c.node.id for c in cells)), chords)
            return self._polynomial("piecewise", x, piece, made, scope, never_below=table.outside != "extended")
        grid = self._grid(keys, [i for i, _ in smooth])
        op = self._lowering.op
        # A key beyond its points finds no row only where the other key is known.
        xs = [x for _, x in axes]
        located = [self._piece(axis, x, state, True, scope, level, [o for o in xs if o is not x]) for axis, x in axes]
        shares = [op("piecewise", [x, p], scope, (axis.along,)) for (axis, x), p in zip(axes, located, strict=True)]
        strides = [[self._stride(axis, side, grid, k) for side in (0, 1)] for k, (axis, _) in enumerate(axes)]
        if len(axes) == 1:
            rows = [op("take", [located[0]], scope, (self._rows(grid, stride),), INDEX) for stride in strides[0]]
        else:
            ends = [
                [op("take", [p], scope, (s,), INDEX) for s in part] for p, part in zip(located, strides, strict=True)
            ]
            rows = [op("corner", [a, b], scope, (grid.flat,), INDEX) for a in ends[0] for b in ends[1]]
        values = [self.values(row, cells, scope, NUMBER) for row in rows]
        for share in reversed(shares):
            values = [op("mix", [low, high, share], scope) for low, high in zip(values[::2], values[1::2], strict=True)]
        return values[0]

    def _piece(
        self,
        axis: Axis,
        x: Lowered,
        state: Lowered | None,
        guarded: bool,
        scope: Scope,
        level: int,
        others: Sequence[Lowered] = (),
    ) -> Lowered:
        operands = [x, *([] if state is None else [state]), *others]
        attrs = (axis.segments, guarded, state is not None)
        return self._lowering.op("segment", operands, scope, attrs, INDEX, level=level)

    def _grid(self, keys: Keys, axes: Sequence[int]) -> Grid:
        made = self._made.get(("grid", id(keys)))
        if not isinstance(made, Grid):
            made = make_grid(keys, axes)
            self._made["grid", id(keys)] = made
        return made

    def _stride(self, axis: Axis, side: int, grid: Grid, k: int) -> Rows:
        """Where the low (0) or high (1) end of each piece stands in its group's flattened grid, by key k."""
        key = ("stride", id(axis), side)
        made = self._made.get(key)
        if not isinstance(made, Rows):
            groups, ends = axis_groups(axis), (axis.low, axis.high)[side]
            made = Rows(ends.rows * grid.strides[k][groups] + (grid.starts[groups] if k == 0 else 0))
            self._made[key] = made
        return made

    def _rows(self, grid: Grid, stride: Rows) -> Rows:
        made = self._once(("rows", id(stride)), Rows(grid.flat.rows[stride.rows]))
        assert isinstance(made, Rows)
        return made

    # -- curves -----------------------------------------------------------------------------------

    def curve(self, call: model.CurveCall, scope: Scope) -> Lowered:
        curve = self._lowering.policy.curves[call.curve]
        x = self._lowering.lower(call.arg, scope)
        if curve.formula is not None:
            return self._lowering.body(curve.formula, {curve.arg: x}, scope)
        line = self._keep(("curve", curve.name), lambda: self._line(curve))
        for fault in line.faulty:  # a point that has no value leaves none to the curve
            x = self._lowering.op("add", [x, fault], scope)
        piece = self._lowering.op("segment", [x], scope, (line.segments, curve.method == "step", False), INDEX)
        if line.pieces is None:
            values = [self._const(y.value) for y in (line.points[0][1], *(p[1] for p in line.points))]
            return self.values(piece, values, scope, NUMBER)
        never_below = curve.method == "linear" and (curve.outside or "unknown") != "extended"
        op = "logarithmic" if curve.method == "logarithmic" else "piecewise"
        return self._polynomial(op, x, piece, line.pieces, scope, never_below=never_below)

    def _line(self, curve: model.Curve) -> _Line:
        faulty: list[Lowered] = []
        points = [(self._number(a, faulty), self._number(b, faulty)) for a, b in curve.points]
        xs = [a.value for a, _ in points]
        number, outside = list(self._lowering.policy.curves).index(curve.name), curve.outside or "unknown"
        logarithmic = curve.method == "logarithmic"
        halved = curve.method in ("linear", "smooth")
        breaks = pieces.halves(_rationals(xs)) if halved else xs
        segments = make_segments([breaks], outside, Cause.OUTSIDE, number, logarithmic)
        if curve.method == "step":
            return _Line(points, faulty, segments, None)
        exact = [(rational_of(a.value), rational_of(b.value)) for a, b in points]
        if curve.method == "smooth":
            return _Line(points, faulty, segments, self._pieces("piecewise", [pieces.hermite(exact, outside)]))
        parts = [pieces.chords(exact, outside, logarithmic, halved)]
        return _Line(points, faulty, segments, self._pieces("logarithmic" if logarithmic else "piecewise", parts))


# -- helpers ---------------------------------------------------------------------------------------


_LADDERS: Lately[tuple[Segments, Polynomials | None]] = Lately()


def _made_of(
    table: model.Table, number: int, bounds: Sequence[Sequence[Exact]], rates: Sequence[Sequence[Fraction | None]]
) -> tuple[Segments, Polynomials | None]:
    """A marginal column's pieces, and, of constant rates, their formulas. A table is the same in every scenario, and in
    every move of a grid."""
    cells = [x for parts in (bounds, rates) for part in parts for x in part]
    key = number, [len(part) for part in bounds], cells, [type(x) for x in cells]

    def make() -> tuple[Segments, Polynomials | None]:
        climb = None
        if all(rate is not None for group in rates for rate in group):
            steps = [pieces.ladder(_rationals(b), _rationals(r)) for b, r in zip(bounds, rates, strict=True)]
            climb = pieces.polynomials(steps)
        return make_segments(bounds, "ladder", Cause.NO_ROW, number), climb

    return _LADDERS.once(table, key, make)


def _array(constants: Sequence[object], type: Type) -> tuple[Values, Facts]:
    numbers = [c for c in constants if isinstance(c, Number)]
    if len(numbers) == len(constants):
        values = np.array([float(n) for n in numbers])
        rounded = [n for n in numbers if not n.exact]
        once = all(float(n) != round(float(n)) for n in rounded)  # what looks whole is taken to be what it says
        facts = Facts(bool((values >= 0).all()), bool(np.isinf(values).any()))
        return Values(values, _HALF_UNIT if rounded else 0.0, once), facts
    return Values(np.array(constants, dtype=np.bool_ if type.kind is Kind.FLAG else np.int32), 0.0, False), Facts()


def _reads(expr: Expr) -> bool:
    """Whether an expression reads an argument."""
    return isinstance(expr, model.ArgRead) or any(_reads(part) for part in operands(expr))


def _rational(node: Node) -> Fraction | None:
    """A constant that is finite."""
    constant = node.constant
    return constant.value if isinstance(constant, Number) and isinstance(constant.value, Fraction) else None


def _rationals(values: Sequence[Exact | None]) -> list[Fraction]:
    return [v for v in values if isinstance(v, Fraction)]


def _difference(a: Exact, b: Exact) -> Exact:
    assert isinstance(a, Fraction) and isinstance(b, Fraction)
    return a - b
