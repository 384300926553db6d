"""A value as a tree of steps: formulas, table rows, curve points, members and params, down to the input cells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np

from dsl import model
from dsl.model import Expr, Kind, Type
from dsl.records import dataclass
from dsl.source import Span
from dsl.text import exact_text
from dsl.until import PREFIX
from evaluator import reference_lookup
from evaluator.columns import KNOWN
from evaluator.exact import Fault
from evaluator.origins import OriginText, describe_origin
from evaluator.places import Argument, At, Result, Unknown, first_unknown, number, operands
from evaluator.plain import Plain, constant, key_of
from evaluator.queue import Queue
from evaluator.reference import Reference
from evaluator.reference_aggregates import contributions
from evaluator.states import State

MOST_STEPS = 2_000  # of one explanation
MOST_MEMBERS = 5  # of one aggregate
DEEPEST = 60
MOST_BEFORE = 3  # of those who drew before a row
FAR = 1_000  # places that they are looked for in
LARGE = 10_000  # rows from which on what is added up over all of them is not taken apart

StepKind = Literal[
    "formula", "tier", "input", "until", "param", "function", "table", "curve", "aggregate", "member", "grid", "move",
    "draw", "before", "solve",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Used:
    """A table's row or a curve's point that a value came from, as the policy writes it. ``weight``: how much of it:
    1, a share between two rows, or the part of the key that lies in this bracket."""

    text: str
    file: str
    line: int
    weight: float
    value: Plain


@dataclass(frozen=True, slots=True)
class Step:
    """One value. ``value`` is None where it is unknown, and ``unknown`` says where that began.

    ``kind`` formula, tier: a computed cell, with its ``text`` and place in the policy; input: a cell of the snapshot
    (``file``, ``cell`` as written); until: what was found to be enough; param; function, table, curve, aggregate: a
    call in a formula; grid: an expression over the moves of a grid, each a move. ``members``: how many rows an
    aggregate takes, or moves a grid has, of which ``parts`` shows the largest, or those that decide. draw: what was
    left when it was this row's turn, in ``place`` of the ``members`` of the line; before: a row that took something
    before it, the nearest first. solve: a number that was sought: ``way`` says on which side of today's it was found,
    ``parts`` what its condition was made of there. ``again``: explained before; ``cut``: too long to go on.
    """

    kind: StepKind
    name: str
    value: Plain
    unit: str
    shown: str
    unknown: OriginText | None = None
    entity: str = ""
    key: str = ""
    text: str = ""
    file: str = ""
    line: int | None = None
    cell: str | None = None
    used: tuple[Used, ...] = ()
    members: int | None = None
    place: int | None = None
    parts: "tuple[Step, ...]" = ()
    way: str = ""
    again: bool = False
    cut: bool = False


class Steps:
    """Makes the steps of one explanation; each cell is explained once."""

    def __init__(
        self,
        reference: Reference,
        base: "Steps | None" = None,
        queues: Mapping[tuple[str, str], Queue] | None = None,
    ) -> None:
        """``base``: where ``reference`` is over a move's book, the steps of the book before it. ``queues``: by column
        that is a `draw`, its rows in their order, where they are known."""
        self.reference, self.policy, self.book, self.base = reference, reference.policy, reference.book, base
        self.queues = queues or {}
        self._seen: set[tuple[str, str, int]] = set()
        self._count = 0
        self._large = max((t.rows for t in reference.book.tables.values()), default=0) > LARGE
        self._depth = 0

    # -- cells ------------------------------------------------------------------------------------

    def column(self, entity: str, column: str, row: int) -> Step:
        """The step of one cell."""
        state = self.reference.state
        if self.base is not None and state is not None:
            if (entity, column) in state.lines:
                return self._moved(state, entity, column, row)
            if not state.touched((entity, column)):
                return self.base.column(entity, column, row)
        value, type_ = self.reference.cell(entity, column, row), self.policy.type_of(entity, column)
        found = self.policy.entities[entity]
        if column in found.inputs and (solve := found.inputs[column].found) is not None:
            return self._solve(solve, value, At(entity, row))
        kind: StepKind = "tier"
        if column in found.inputs or column == entity:
            kind = "input"
        elif column in found.formulas:
            kind = "formula"
        step = self._step(kind, column, value, type_, entity=entity, key=key_of(self.book, entity, row))
        if kind == "input":
            table = self.book.tables[entity]
            cell = step.key if column == entity else table.written(column, row)
            if (entity, column, row) in self.reference.instead:
                return replace(step, way=f"instead of `{cell}`")
            return replace(step, file=table.path, cell=cell)
        source = self._source(entity, column, row)
        step = replace(step, text=source.text.strip(), file=source.source.name, line=source.line)
        if (entity, column, row) in self._seen:
            return replace(step, again=True)
        if self._count > MOST_STEPS or self._depth > DEEPEST or (found.once and self._large):
            return replace(step, cut=True)
        self._seen.add((entity, column, row))
        self._count += 1
        self._depth += 1
        parts = self._column_parts(entity, column, row)
        self._depth -= 1
        return replace(step, parts=parts)

    def _moved(self, state: State, entity: str, column: str, row: int) -> Step:
        """The step of an input that the move rewrites."""
        assert self.base is not None
        line = state.lines[entity, column]
        value, type_ = self.reference.cell(entity, column, row), self.policy.type_of(entity, column)
        step = self._step("formula", column, value, type_, entity=entity, key=key_of(self.book, entity, row))
        step = replace(step, text=line.span.text.strip(), file=line.span.source.name, line=line.span.line)
        if (entity, column, row) in self._seen:
            return replace(step, again=True)
        self._seen.add((entity, column, row))
        return replace(
            step, parts=self.base.parts(line, At(entity, row, args=self.reference.args_of(state, At(entity, row))))
        )

    def _source(self, entity: str, column: str, row: int) -> Span:
        formula = self.policy.entities[entity].formulas.get(column)
        if formula is not None:
            return formula.value.span
        tiers = self.policy.tiers[entity]
        return tiers.rows[self.reference.tier_row(entity, row)[0]].span

    def _column_parts(self, entity: str, column: str, row: int) -> tuple[Step, ...]:
        at = At(entity, row)
        formula = self.policy.entities[entity].formulas.get(column)
        if formula is not None and isinstance(formula.value, model.Draw):
            return self._drawn(formula.value, column, at)
        if formula is not None:
            return self.parts(formula.value, at)
        tiers = self.policy.tiers[entity]
        taken = self.reference.tier_row(entity, row)[0]
        if column != "tier":
            number_of = next(i for i, c in enumerate(tiers.columns) if c.name == column)
            return self.parts(tiers.rows[taken].cells[number_of], at)
        if tiers.variable is not None:
            return self.parts(tiers.variable, at)
        met = [r.when for r in tiers.rows[: taken + 1] if r.when is not None]
        return tuple(part for when in met for part in self.parts(when, at))

    # -- expressions ------------------------------------------------------------------------------

    def parts(self, expr: Expr, at: At) -> tuple[Step, ...]:
        """The steps of what an expression read at a place, in the order of the text; a branch not taken is left out."""
        match expr:
            case model.Read():
                source = self.reference.source(expr, at)
                if not isinstance(source, Unknown):
                    step = self.column(source[0], expr.column, source[1])
                    return (self._found(step, expr) if expr.column.startswith(PREFIX) else step,)
                return (self._step("input", ".".join((*expr.links, expr.column)), source, expr.type),)
            case model.ParamRead():
                span = self.policy.params[expr.name].span
                step = self._step("param", expr.name, self._value(expr, at), expr.type)
                return (replace(step, file=span.source.name, line=span.line, text=span.text.strip()),)
            case model.If():
                condition = self._value(expr.condition, at)
                taken = () if isinstance(condition, Unknown) else (expr.then if condition else expr.otherwise,)
                return self._all((expr.condition, *taken), at)
            case model.Logic():
                return self._all(self._looked_at(expr, at), at)
            case model.Fallback():
                blank = isinstance(self._value(expr.operand, at), Unknown)
                known = not isinstance(self._value(expr, at), Unknown)
                return self._all((expr.operand, expr.otherwise) if blank and known else (expr.operand,), at)
            case model.FunctionCall():
                args = {name: Argument(self._value(arg, at), arg, at) for name, arg in expr.args}
                inside = self._all([arg for _, arg in expr.args], at) + self.parts(expr.body, replace(at, args=args))
                return (replace(self._call("function", expr.name, expr, at), parts=inside),)
            case model.TableCall():
                return (self._table(expr, at),)
            case model.CurveCall():
                return (self._curve(expr, at),)
            case model.Aggregate():
                return (self._aggregate(expr, at),)
            case model.Over():
                return (self._over(expr, at),)
            case model.Unshocked() if self.base is not None:
                return tuple(_named_base(step) for step in self.base.parts(expr.operand, at))
            case model.Solve():
                return (self._solve(expr, self._value(expr, at), at),)
            case _:
                return self._all(operands(expr), at)

    def _all(self, exprs: Sequence[Expr], at: At) -> tuple[Step, ...]:
        return tuple(step for expr in exprs for step in self.parts(expr, at))

    def _looked_at(self, expr: model.Logic, at: At) -> Sequence[Expr]:
        """The operands up to the one that decides."""
        for i, operand in enumerate(expr.operands):
            if self._value(operand, at) is (expr.operator == "or"):
                return expr.operands[: i + 1]
        return expr.operands

    def _table(self, call: model.TableCall, at: At) -> Step:
        table = self.policy.tables[call.table]
        args = [self._value(arg, at) for arg in call.args]
        used: list[Used] = []
        if first_unknown([args[key.arg] for key in table.keys]) is None:
            try:
                weights = self.reference.lookups.weights(call, args)
            except (Fault, AssertionError):  # no row, or a bound that is unknown: the step's value says so
                weights = []
            for row, weight in weights:
                value = self._shown(self.reference.lookups.table_value(call, row, args, at), call.type)
                span = table.rows[row].span
                used.append(Used(span.text.strip(), span.source.name, span.line, float(weight), value))
        step = self._call("table", f"{call.table}.{call.column}", call, at)
        return replace(step, used=tuple(used), parts=self._all(call.args, at))

    def _curve(self, call: model.CurveCall, at: At) -> Step:
        curve, x = self.policy.curves[call.curve], self._value(call.arg, at)
        step = replace(self._call("curve", call.curve, call, at), parts=self._all((call.arg,), at))
        if curve.formula is not None:
            inside = self.parts(curve.formula, replace(at, args={curve.arg: Argument(x, call.arg, at)}))
            return replace(step, parts=step.parts + inside)
        points = self.reference.lookups.points(curve)
        if isinstance(x, Unknown) or isinstance(points, Unknown):
            return step
        try:
            weights = reference_lookup.curve_weights(curve, [number(p[0]) for p in points], number(x))
        except Fault:
            return step
        used = []
        for i, weight in weights:
            span = curve.points[i][0].span.to(curve.points[i][1].span)
            value = self._shown(points[i][1], curve.type)
            used.append(Used(span.text.strip(), span.source.name, span.line, float(weight), value))
        return replace(step, used=tuple(used))

    def _aggregate(self, expr: model.Aggregate, at: At) -> Step:
        found = contributions(self.reference, expr, at)
        largest = sorted(found, key=lambda pair: _rank(pair[1]))[:MOST_MEMBERS]
        type_ = model.FLAG if expr.value is None else expr.value.type
        members = []
        for row, value in largest:
            step = self._step("member", "", value, type_, entity=expr.entity, key=key_of(self.book, expr.entity, row))
            inner = [part for part in (expr.where, expr.value) if part is not None]
            members.append(replace(step, parts=self._all(inner, replace(at, inner=(expr.entity, row)))))
        return replace(self._call("aggregate", expr.function, expr, at), members=len(found), parts=tuple(members))

    def _found(self, step: Step, expr: Expr) -> Step:
        """What an `until` cell found."""
        file, line = expr.span.source.name, expr.span.line
        text = " ".join(expr.span.text.split())
        return replace(
            step, kind="until", name=step.name.removeprefix(PREFIX), text=text, file=file, line=line, cell=None
        )

    def _over(self, expr: model.Over, at: At) -> Step:
        """The moves that decide: the least or greatest, or of a sum the largest; the first of them taken apart."""
        moves = self.policy.grids[expr.grid].moves
        found = [
            (move.name, self.reference.moved(state), replace(at, args={**at.args, **self.reference.args_of(state, at)}))
            for move, state in zip(moves, self.reference.states(expr), strict=True)
        ]
        values = [moved.at(expr.value, there) for _, moved, there in found]
        order = sorted(range(len(found)), key=lambda i: _decides(expr.function, values[i]))
        most = MOST_MEMBERS if expr.function in ("sum", "mean") else 1
        parts: list[Step] = []
        for i in order[:most]:
            name, moved, there = found[i]
            step = self._step("move", name, values[i], expr.value.type)
            inside = () if parts else Steps(moved, self).parts(expr.value, there)
            parts.append(replace(step, parts=inside))
        step = self._call("grid", f"{expr.function} over {expr.grid}", expr, at)
        return replace(step, members=len(moves), parts=tuple(parts))

    # -- limits drawn in order --------------------------------------------------------------------

    def _drawn(self, expr: model.Draw, column: str, at: At) -> tuple[Step, ...]:
        """A row's turn: its place, what was left, who took something before it, and what it asked for."""
        queue = self.queues.get((at.entity, column))
        if queue is None:
            if self._large:
                return self.parts(expr.order, at)  # going through the line would take too long
            queue = self._queue(expr, at)
        places = np.flatnonzero(queue.rows == at.row)
        left: Result = Unknown(KNOWN)
        steps: tuple[Step, ...] = ()
        if len(places):
            place = int(places[0])
            left = queue.left_at(place)
            pools = " and ".join(pool.span.text.strip() for pool in expr.pools)
            step = self._step("draw", pools, left, expr.type)
            order = self._all((expr.order, *expr.pools), at)
            before = tuple(self._before(queue, place, expr.type, column, at.entity))
            steps = (replace(step, place=place + 1, members=len(queue.rows), parts=(*order, *before)),)
        itself = model.Read(at.entity, at.entity, type=Type(Kind.LINK, entity=at.entity))
        return (*steps, *self.parts(expr.take, replace(at, args={"left": Argument(left, itself, at)})))

    def _queue(self, expr: model.Draw, at: At) -> Queue:
        line = self.reference.line(expr, at.entity)
        line.turn(at.row)
        return Queue.of(list(line.rows), {row: turn.left for row, turn in line.turns.items()})

    def _before(self, queue: Queue, place: int, type_: Type, column: str, entity: str) -> Iterator[Step]:
        found = 0
        for row in reversed(queue.rows[max(0, place - FAR) : place].tolist()):
            taken = self.reference.cell(entity, column, row)
            if found < MOST_BEFORE and (isinstance(taken, Unknown) or taken != 0):
                found += 1
                yield self._step("before", "", taken, type_, entity=entity, key=key_of(self.book, entity, row))

    def _solve(self, expr: model.Solve, value: Result, at: At) -> Step:
        """What was found, and what the condition is made of in the book with that value."""
        target = expr.target
        name = (
            ".".join((*target.links, target.column))
            if isinstance(target, model.Read)
            else f"{expr.scenario}.{target.name}"
        )
        span = expr.span
        step = replace(
            self._step("solve", name, value, expr.type), text=span.text.strip(), file=span.source.name, line=span.line
        )
        source = self.reference.source(target, at) if isinstance(target, model.Read) else None
        if not isinstance(value, Fraction) or isinstance(source, Unknown):
            return step
        cell = None if source is None or not isinstance(target, model.Read) else (source[0], target.column, source[1])
        today: Result = Fraction(0) if cell is None else self.reference.cell(*cell)
        if not isinstance(today, Fraction):
            return step
        side = "below" if value < today else "above"
        way = "today's value" if value == today else f"{side} today's {exact_text(today, expr.type)}"
        there = Steps(self.reference.elsewhere(expr, cell, value), self)
        there._count, there._depth = self._count, self._depth
        parts = there.parts(expr.condition, at)
        self._count = there._count
        return replace(step, way=way, parts=parts)

    # -- values -----------------------------------------------------------------------------------

    def _value(self, expr: Expr, at: At) -> Result:
        return self.reference.at(expr, at)

    def _call(self, kind: StepKind, name: str, expr: Expr, at: At) -> Step:
        step = self._step(kind, name, self._value(expr, at), expr.type)
        return replace(step, text=expr.span.text.strip(), file=expr.span.source.name, line=expr.span.line)

    def _step(
        self,
        kind: StepKind,
        name: str,
        value: Result,
        type_: Type,
        entity: str = "",
        key: str = "",
    ) -> Step:
        unknown = describe_origin(self.policy, self.book, value.code) if isinstance(value, Unknown) else None
        unit = str(type_.unit or "") if type_.kind is Kind.NUMBER else str(type_.kind)
        return Step(kind, name, self._shown(value, type_), unit, type_.shown, unknown, entity, key)

    def _shown(self, value: Result, type_: Type) -> Plain:
        if isinstance(value, Unknown):
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return key_of(self.book, type_.entity, value)
        return constant(value, type_)


def _named_base(step: Step) -> Step:
    cell = step.kind in ("formula", "tier", "input")
    return replace(step, name=f"base.{step.name}") if cell else step


def _decides(function: str, value: Result) -> tuple[int, float]:
    """Unknown moves first, then those that decide; the first of equal ones."""
    if isinstance(value, Unknown) or not isinstance(value, (Fraction, float)):
        return 0, 0.0
    if function in ("max", "argmax"):
        return 1, -float(value)
    return (1, float(value)) if function in ("min", "argmin") else _rank(value)


def _rank(value: Result) -> tuple[int, float]:
    """Unknown members first, then the largest in size."""
    if isinstance(value, Unknown):
        return 0, float(value.code)
    return 1, -abs(float(number(value))) if isinstance(value, (Fraction, float)) else 0.0
