"""A policy's tables and curves for the reference interpreter: rows and points, evaluated once, and calls."""

from collections.abc import Callable, Sequence
from dataclasses import field, replace

from dsl import model
from dsl.model import Exact, Expr
from dsl.records import dataclass
from evaluator import reference_lookup
from evaluator.book import Book
from evaluator.places import Argument, At, Meet, Result, Unknown, first_unknown, number
from evaluator.reference_lookup import Weights

Constant = Exact | str | None
_NOWHERE = At("", 0)


@dataclass(frozen=True, slots=True)
class Constants:
    """The key cells of a table's rows (text, None for ``other``, or a bound), or the x and y of a curve's points.
    ``unknown``: of a bound or point that has no value, with which nothing can be looked up."""

    rows: list[list[Constant]]
    unknown: Unknown | None


@dataclass(slots=True)
class Lookups:
    """``value`` evaluates an expression at a place, ``meet`` is told which rows are used.

    Faults of a call are raised, to be placed by who evaluates it.
    """

    policy: model.Policy
    book: Book
    value: Callable[[Expr, At], Result]
    meet: Meet
    _constants: dict[str, Constants] = field(default_factory=dict)

    def cells(self, table: model.Table) -> Constants:
        smooth = [key.operator == "~" for key in table.keys]
        return self._evaluated(table.name, [row.keys for row in table.rows], smooth)

    def points(self, curve: model.Curve) -> list[tuple[Exact, Exact]] | Unknown:
        """The x and y of each point."""
        found = self._evaluated(curve.name, curve.points, (True, curve.method != "step"))
        return found.unknown or [(number(x), number(y)) for x, y in found.rows]

    def _evaluated(
        self, name: str, written: Sequence[Sequence[str | Expr | None]], finite: Sequence[bool]
    ) -> Constants:
        """``finite``: the columns where an infinite number is arithmetic on it, and so unknown."""
        if name not in self._constants:
            rows = [[self._cell(x, ends) for x, ends in zip(row, finite, strict=True)] for row in written]
            unknown = first_unknown([x for row in rows for x in row if x is not None])
            self._constants[name] = Constants([] if unknown else [[_plain(x) for x in row] for row in rows], unknown)
        return self._constants[name]

    def _cell(self, written: str | Expr | None, finite: bool) -> Result | None:
        if written is None or isinstance(written, str):
            return written
        value = self.value(written, _NOWHERE)
        endless = finite and isinstance(value, float)
        return (
            self.value(model.Binary("-", written, written, written.type, written.span), _NOWHERE) if endless else value
        )

    def weights(self, call: model.TableCall, args: Sequence[Result]) -> Weights:
        """The rows that a call with these known arguments uses, each with its weight."""
        table = self.policy.tables[call.table]
        column = next(c for c in table.columns if c.name == call.column)
        keys = [self.key(args[key.arg], call.args[key.arg]) for key in table.keys]
        return reference_lookup.table_weights(table, column, self.cells(table).rows, keys)

    def key(self, value: Result, expr: Expr) -> Exact | str:
        """A key as a table's cells write it: a link by its row's key, a flag as yes or no."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int):
            return self.book.tables[expr.type.entity].keys[value]
        plain = _plain(value)
        assert plain is not None
        return plain

    def table(self, call: model.TableCall, at: At) -> Result:
        table = self.policy.tables[call.table]
        args = [self.value(arg, at) for arg in call.args]
        unknown = first_unknown([*(args[key.arg] for key in table.keys), self.cells(table).unknown or False])
        if unknown is not None:
            return unknown
        weights = self.weights(call, args)
        for row, _ in weights:
            self.meet(table.rows[row].span, "row")
        values = [self.table_value(call, row, args, at) for row, _ in weights]
        if len(weights) == 1 and weights[0][1] == 1:
            return values[0]
        return first_unknown(values) or reference_lookup.weighted(
            [(number(value), weight) for value, (_, weight) in zip(values, weights, strict=True)]
        )

    def table_value(self, call: model.TableCall, row: int, args: Sequence[Result], at: At) -> Result:
        """One row's cell of the call's value column."""
        table = self.policy.tables[call.table]
        column = next(i for i, c in enumerate(table.columns) if c.name == call.column)
        names = [name for name, _ in table.args]
        inside = {n: Argument(value, expr, at) for n, value, expr in zip(names, args, call.args, strict=True)}
        return self.value(table.rows[row].values[column], replace(at, args=inside))

    def curve(self, call: model.CurveCall, at: At) -> Result:
        curve = self.policy.curves[call.curve]
        x = self.value(call.arg, at)
        if curve.formula is not None:
            return self.value(curve.formula, replace(at, args={curve.arg: Argument(x, call.arg, at)}))
        points = self.points(curve)
        if isinstance(points, Unknown):
            return first_unknown([x, points]) or points
        if isinstance(x, Unknown):
            return x
        value = reference_lookup.curve_value(curve, points, number(x))
        for i, arm in reference_lookup.curve_arms(curve, [point[0] for point in points], number(x)):
            self.meet(curve.points[i][0].span, arm)
        return value


def _plain(cell: Result | None) -> Constant:
    assert not isinstance(cell, (int, Unknown))
    return cell
