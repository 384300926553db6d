"""The steps of numbers that were found: what a row drew in its turn, and what `solve` and `until` came to."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from dsl import model
from dsl.model import Expr, Kind, Type
from dsl.text import exact_text
from dsl.until import PREFIX
from evaluator.columns import KNOWN
from evaluator.explain_step import Step
from evaluator.later import np
from evaluator.places import Argument, At, Result, Unknown
from evaluator.plain import key_of

if TYPE_CHECKING:
    from evaluator.explain_steps import Steps
    from evaluator.queue import Queue

MOST_BEFORE = 3  # of those who drew before a row
FAR = 1_000  # places that they are looked for in


def until_step(step: Step, expr: Expr) -> Step:
    """What an `until` cell found."""
    file, line = expr.span.source.name, expr.span.line
    text = " ".join(expr.span.text.split())
    return replace(step, kind="until", name=step.name.removeprefix(PREFIX), text=text, file=file, line=line, cell=None)


def drawn_steps(steps: "Steps", expr: model.Draw, column: str, at: At) -> tuple[Step, ...]:
    """A row's turn: its place, what was left, who took something before it, and what it asked for."""
    queue = steps.queues.get((at.entity, column))
    if queue is None:
        if steps.large:
            return steps.parts(expr.order, at)  # going through the line would take too long
        queue = _queue(steps, expr, at)
    places = np.flatnonzero(queue.rows == at.row)
    left: Result = Unknown(KNOWN)
    turn: tuple[Step, ...] = ()
    if len(places):
        place = int(places[0])
        left = queue.left_at(place)
        pools = " and ".join(pool.span.text.strip() for pool in expr.pools)
        step = steps.step("draw", pools, left, expr.type)
        order = steps.parts_of((expr.order, *expr.pools), at)
        before = tuple(_before(steps, queue, place, expr.type, column, at.entity))
        turn = (replace(step, place=place + 1, members=len(queue.rows), parts=(*order, *before)),)
    itself = model.Read(at.entity, at.entity, type=Type(Kind.LINK, entity=at.entity))
    return (*turn, *steps.parts(expr.take, replace(at, args={"left": Argument(left, itself, at)})))


def _queue(steps: "Steps", expr: model.Draw, at: At) -> "Queue":
    from evaluator.queue import Queue  # and NumPy with it

    line = steps.reference.line(expr, at.entity)
    line.turn(at.row)
    return Queue.of(list(line.rows), {row: turn.left for row, turn in line.turns.items()})


def _before(steps: "Steps", queue: "Queue", place: int, type_: Type, column: str, entity: str) -> Iterator[Step]:
    found = 0
    for row in reversed(queue.rows[max(0, place - FAR) : place].tolist()):
        taken = steps.reference.cell(entity, column, row)
        if found < MOST_BEFORE and (isinstance(taken, Unknown) or taken != 0):
            found += 1
            yield steps.step("before", "", taken, type_, entity=entity, key=key_of(steps.book, entity, row))


def solve_step(steps: "Steps", expr: model.Solve, value: Result, at: At) -> Step:
    """What was found, and what the condition is made of in the book with that value."""
    target = expr.target
    name = (
        ".".join((*target.links, target.column)) if isinstance(target, model.Read) else f"{expr.scenario}.{target.name}"
    )
    span = expr.span
    step = replace(
        steps.step("solve", name, value, expr.type), text=span.text.strip(), file=span.source.name, line=span.line
    )
    source = steps.reference.source(target, at) if isinstance(target, model.Read) else None
    if not isinstance(value, Fraction) or isinstance(source, Unknown):
        return step
    cell = None if source is None or not isinstance(target, model.Read) else (source[0], target.column, source[1])
    today: Result = Fraction(0) if cell is None else steps.reference.cell(*cell)
    if not isinstance(today, Fraction):
        return step
    side = "below" if value < today else "above"
    way = "today's value" if value == today else f"{side} today's {exact_text(today, expr.type)}"
    there = steps.beside(steps.reference.elsewhere(expr, cell, value))
    there.count, there.depth = steps.count, steps.depth
    parts = there.parts(expr.condition, at)
    steps.count = there.count
    return replace(step, way=way, parts=parts)
