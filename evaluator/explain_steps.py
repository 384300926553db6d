"""A value as a tree of steps: formulas, table rows, curve points, members and params, down to the input cells."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dsl import model
from dsl.model import Expr, Kind, Type
from dsl.source import Span
from dsl.until import PREFIX
from evaluator.explain_calls import aggregate_step, curve_step, over_step, table_step
from evaluator.explain_found import drawn_steps, solve_step, until_step
from evaluator.explain_step import Step, StepKind
from evaluator.origins import describe_origin
from evaluator.places import Argument, At, Result, Unknown, operands
from evaluator.plain import Plain, constant, key_of
from evaluator.reference import Reference
from evaluator.states import State

if TYPE_CHECKING:
    from evaluator.queue import Queue

MOST_STEPS = 2_000  # of one explanation
DEEPEST = 60
LARGE = 10_000  # rows from which on what is added up over all of them is not taken apart


class Steps:
    """Makes the steps of one explanation; each cell is explained once."""

    def __init__(
        self,
        reference: Reference,
        base: "Steps | None" = None,
        queues: "Mapping[tuple[str, str], Queue] | None" = None,
    ) -> None:
        """``base``: where ``reference`` is over a move's book, the steps of the book before it. ``queues``: by column
        that is a `draw`, its rows in their order, where they are known."""
        self.reference, self.policy, self.book, self.base = reference, reference.policy, reference.book, base
        self.queues = queues or {}
        self.large = max((t.rows for t in reference.book.tables.values()), default=0) > LARGE
        self.count = self.depth = 0
        self._seen: set[tuple[str, str, int]] = set()

    def beside(self, reference: Reference) -> "Steps":
        """The steps of another state of the book, beside these."""
        return Steps(reference, self)

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
            return solve_step(self, solve, value, At(entity, row))
        kind: StepKind = "tier"
        if column in found.inputs or column == entity:
            kind = "input"
        elif column in found.formulas:
            kind = "formula"
        step = self.step(kind, column, value, type_, entity=entity, key=key_of(self.book, entity, row))
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
        if self.count > MOST_STEPS or self.depth > DEEPEST or (found.once and self.large):
            return replace(step, cut=True)
        self._seen.add((entity, column, row))
        self.count += 1
        self.depth += 1
        parts = self._column_parts(entity, column, row)
        self.depth -= 1
        return replace(step, parts=parts)

    def _moved(self, state: State, entity: str, column: str, row: int) -> Step:
        """The step of an input that the move rewrites."""
        assert self.base is not None
        line = state.lines[entity, column]
        value, type_ = self.reference.cell(entity, column, row), self.policy.type_of(entity, column)
        step = self.step("formula", column, value, type_, entity=entity, key=key_of(self.book, entity, row))
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
            return drawn_steps(self, formula.value, column, at)
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
                    return (until_step(step, expr) if expr.column.startswith(PREFIX) else step,)
                return (self.step("input", ".".join((*expr.links, expr.column)), source, expr.type),)
            case model.ParamRead():
                span = self.policy.params[expr.name].span
                step = self.step("param", expr.name, self.value(expr, at), expr.type)
                return (replace(step, file=span.source.name, line=span.line, text=span.text.strip()),)
            case model.If():
                condition = self.value(expr.condition, at)
                taken = () if isinstance(condition, Unknown) else (expr.then if condition else expr.otherwise,)
                return self.parts_of((expr.condition, *taken), at)
            case model.Logic():
                return self.parts_of(self._looked_at(expr, at), at)
            case model.Fallback():
                blank = isinstance(self.value(expr.operand, at), Unknown)
                known = not isinstance(self.value(expr, at), Unknown)
                return self.parts_of((expr.operand, expr.otherwise) if blank and known else (expr.operand,), at)
            case model.FunctionCall():
                args = {name: Argument(self.value(arg, at), arg, at) for name, arg in expr.args}
                inside = self.parts_of([arg for _, arg in expr.args], at) + self.parts(
                    expr.body, replace(at, args=args)
                )
                return (replace(self.call("function", expr.name, expr, at), parts=inside),)
            case model.TableCall():
                return (table_step(self, expr, at),)
            case model.CurveCall():
                return (curve_step(self, expr, at),)
            case model.Aggregate():
                return (aggregate_step(self, expr, at),)
            case model.Over():
                return (over_step(self, expr, at),)
            case model.Unshocked() if self.base is not None:
                return tuple(_named_base(step) for step in self.base.parts(expr.operand, at))
            case model.Solve():
                return (solve_step(self, expr, self.value(expr, at), at),)
            case _:
                return self.parts_of(operands(expr), at)

    def parts_of(self, exprs: Sequence[Expr], at: At) -> tuple[Step, ...]:
        return tuple(step for expr in exprs for step in self.parts(expr, at))

    def _looked_at(self, expr: model.Logic, at: At) -> Sequence[Expr]:
        """The operands up to the one that decides."""
        for i, operand in enumerate(expr.operands):
            if self.value(operand, at) is (expr.operator == "or"):
                return expr.operands[: i + 1]
        return expr.operands

    # -- values -----------------------------------------------------------------------------------

    def value(self, expr: Expr, at: At) -> Result:
        return self.reference.at(expr, at)

    def call(self, kind: StepKind, name: str, expr: Expr, at: At) -> Step:
        step = self.step(kind, name, self.value(expr, at), expr.type)
        return replace(step, text=expr.span.text.strip(), file=expr.span.source.name, line=expr.span.line)

    def step(
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
        return Step(kind, name, self.shown(value, type_), unit, type_.shown, unknown, entity, key)

    def shown(self, value: Result, type_: Type) -> Plain:
        if isinstance(value, Unknown):
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return key_of(self.book, type_.entity, value)
        return constant(value, type_)


def _named_base(step: Step) -> Step:
    cell = step.kind in ("formula", "tier", "input")
    return replace(step, name=f"base.{step.name}") if cell else step
