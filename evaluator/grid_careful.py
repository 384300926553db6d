"""Some rows' `over`, evaluated with care in all moves, where it is found otherwise for all others."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dsl.hoist_grids import Asked, asking
from dsl.model import Kind, Policy, Value
from evaluator import error
from evaluator.book import Book
from evaluator.columns import KNOWN, Column
from evaluator.context import Context
from evaluator.cut import evaluate_cut
from evaluator.graph import Node
from evaluator.grid_lines import Index
from evaluator.lately import Lately
from evaluator.lower import lower_columns
from evaluator.plan import plan
from evaluator.runner import Runner
from evaluator.settle import Exactly
from evaluator.shape import shape_of
from evaluator.units import Filed, units
from evaluator.vector import Codes, Flags, Floats

_LOWERED: Lately[tuple[Policy, Node]] = Lately()


def completed(
    policy: Policy,
    book: Book,
    params: Mapping[str, Value],
    asked: Asked,
    given: Any,
    decided: dict[str, Flags],
    flagged: Flags,
    values: Any,
    quality: Codes,
    off: Floats,
) -> tuple[Column, Column] | None:
    """An `over`'s column, and that of how far each value may be ``off``, in half units, with the rows that are
    ``flagged`` evaluated with care; None where that can't be done apart. ``given``: params, instant, and inputs with
    infinite values. ``decided``: rows that the reference interpreter decided, and those that it decides here."""
    if flagged.any():
        careful = _with_care(policy, book, params, asked, given, flagged, decided)
        if careful is None:
            return None
        rows, exact, size = careful
        values[rows] = exact.values
        quality[rows] = KNOWN if exact.quality is None else exact.quality
        off[rows] = size
    unknown = quality != KNOWN
    values[unknown] = 0
    size = np.maximum(off / error.HALF_UNIT, np.abs(values))
    size[unknown | ~np.isfinite(values)] = 0.0  # infinite is infinite, and nothing else
    return Column(values, quality if unknown.any() else None), Column(size)


def _with_care(
    policy: Policy,
    book: Book,
    params: Mapping[str, Value],
    asked: Asked,
    given: Any,
    flagged: Flags,
    decided: dict[str, Flags],
) -> tuple[Index, Column, Floats] | None:
    """The rows of the units of those that are ``flagged``, what the `over` comes to there, and how far that may be off;
    None where it depends on what is made of the whole book."""
    lowered, node = _LOWERED.once(policy, (asked, given), lambda: _lowered(policy, book, params, asked, given))
    sized = [node] if node.numeric else []
    planned = plan([node], sized)
    context = Context(lowered, book, book.as_of, planned.bounded)
    for read in planned.order:
        if read.op == "input" and read.type.kind is Kind.NUMBER and context.tracks(read):
            entity, name = map(str, read.attrs)
            context.representation(entity, name)  # of the whole column, not of the few rows at hand
    exactly = Exactly(lowered, book, params, context)
    shape = shape_of(lowered, book, planned.order)
    heads = Runner(context, exactly).run(planned.some(planned.heads(shape.parts)), None)
    if asked.entity not in shape.parts or any(n.grain not in shape.parts and n.id not in heads for n in planned.order):
        return None
    rows = units(shape, book, {asked.entity: flagged}, Filed(shape, book))
    facts = dict(context.facts)
    for member, (link, parent) in shape.parents.items():
        column, count = book.tables[member].columns[link], book.tables[parent].rows
        facts["longest", member, parent] = int(book.kept.members(member, link, column, count).sizes.max(initial=0))
    found = evaluate_cut(context, exactly, rows, planned.after(heads), heads, [node], facts, sized)
    merge(decided, exactly.decided)
    return found.rows[asked.entity], found.columns[node.id], found.off.get(node.id, np.zeros(1))


def merge(decided: dict[str, Flags], more: Mapping[str, Flags]) -> None:
    """Rows that were decided exactly, with those before."""
    for entity, rows in more.items():
        decided[entity] = decided[entity] | rows if entity in decided else rows


def _lowered(policy: Policy, book: Book, params: Mapping[str, Value], asked: Asked, given: Any) -> tuple[Policy, Node]:
    made = asking(policy, asked)
    cell = asked.entity, asked.variable
    return made, lower_columns(made, params, book.as_of, given[2], [cell])[cell]
