"""From lookups in the graph to tasks: tables by key and bound, curves, and the choice between a table's cells."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dsl.model import Kind
from evaluator import error
from evaluator.graph import Node
from evaluator.pieces import Polynomials, Rows, Search, Segments, Step, Values
from evaluator.reach import Made, Rule
from evaluator.rules_decisions import chosen, dtype_of
from evaluator.tasks import Task
from evaluator.vector import Index

if TYPE_CHECKING:
    from evaluator.translate import Translator

_PIECE = 32.0  # half units that a piece's formula adds, generously


def _codes(t: "Translator", step: Step, key: Node) -> Index | None:
    """The step's code of each label, flag, text or row that the key may be."""
    unlisted = len(step.texts)
    words: Any
    match key.type.kind:
        case Kind.LINK:
            if key.type.entity in t.shape.parts:
                return None
            words = t.context.book.tables[key.type.entity].keys
        case Kind.ENUM:
            words = key.type.labels
        case Kind.FLAG:
            words = ("no", "yes")
        case Kind.TEXT:
            words = t.context.texts
        case _:
            return None
    return np.array([*(step.texts.get(w, unlisted) for w in words), unlisted], dtype=np.int64)


def _locate(t: "Translator", node: Node, args: list[Made]) -> Made | None:
    """Key by key: a state by the keys before and the key's code. A row that leads nowhere is flagged."""
    (search,) = node.attrs
    assert isinstance(search, Search)
    if len(search.steps) != len(args):
        return None
    state: Task | None = None
    checks: list[Task] = []
    for step, key, made in zip(search.steps, node.args, args, strict=True):
        if step.dense is None or key.op == "const":
            return None
        if step.operator == "=":
            codes = _codes(t, step, key)
            if codes is None:
                return None
            if state is None:
                nexts = step.dense[0].astype(np.int64)[codes]
                rows = _kept(t, ("first", id(step), key.type.entity, len(codes)), Rows(nexts))
                state = t.make("map", [made.task], (rows,), grain=node.grain, dtype=np.int64)
                if (nexts[:-1] < 0).any() or key.type.kind is Kind.FLAG:
                    checks.append(t.make("absent", [state], grain=node.grain, dtype=None))
                continue
            rows = _kept(t, ("codes", id(step), key.type.entity, len(codes)), Rows(codes))
            code = t.make("map", [made.task], (rows,), grain=node.grain, dtype=np.int64)
        else:
            code = t.make("count_bounds", [made.task], (step,), grain=node.grain, dtype=np.int64)
            if not made.exact or step.rounded:
                sizes = [made.size] if made.size is not None else []
                before = [state] if state is not None else []
                attrs = (step, made.steps, made.size is not None)
                checks.append(
                    t.make("near_bound", [made.task, code, *sizes, *before], attrs, grain=node.grain, dtype=None)
                )
        parts = [code] if state is None else [code, state]
        state = t.make("advance", parts, (step,), grain=node.grain, dtype=np.int64)
        checks.append(t.make("absent", [state], grain=node.grain, dtype=None))
    assert state is not None
    if checks:
        state = t.tasks.check(t.make("same", [state], (node.id,), grain=node.grain, dtype=np.int64), checks)
    return Made(state)


def _kept(t: "Translator", key: object, made: Rows) -> Rows:
    """The first made for this meaning, so that equal tasks are one."""
    found = t.context.memo.setdefault(("task", key), made)
    assert isinstance(found, Rows)
    return found


def _segment(t: "Translator", node: Node, args: list[Made]) -> Made | None:
    segments, guarded, grouped = node.attrs
    assert isinstance(segments, Segments)
    if segments.positive or segments.step.dense is None:
        return None
    x = args[0]
    states = [args[1].task] if grouped else []
    checks: list[Task] = []
    sizes = [x.size] if x.size is not None else []
    never_below = t.never_below(node.args[0]) and bool((segments.low <= 0.0).all())
    for side in ("low", "high"):
        wanted = ("unknown", "ladder") if side == "low" and not never_below else ("unknown",)
        if segments.outside in wanted:
            attrs = (segments, side, x.steps, x.size is not None)
            checks.append(t.make("near_end", [x.task, *sizes, *states], attrs, grain=node.grain, dtype=None))
    if segments.outside == "extended" and node.args[0].facts.infinite:
        checks.append(t.make("infinite", [x.task], grain=node.grain, dtype=None))
    bits = t.bits(segments) if never_below else None
    leads = None
    if bits is not None and states and states[0].op == "map":  # straight from what the group is looked up by
        (rows,) = states[0].attrs
        assert isinstance(rows, Rows)
        leads = _kept(t, ("starts", id(segments), id(rows)), Rows(bits.starts.take(rows.rows, mode="wrap")))
    by = states if leads is None else [states[0].args[0]]
    task = t.make("segment", [x.task, *by], (segments, bits, leads), grain=node.grain, dtype=np.int64)
    if guarded and (not x.exact or segments.step.rounded):
        code = t.make("count_bounds", [x.task], (segments.step,), grain=node.grain, dtype=np.int64)
        guard = (segments.step, x.steps, x.size is not None)
        checks.append(t.make("near_bound", [x.task, code, *sizes, *states], guard, grain=node.grain, dtype=None))
    return Made(t.tasks.check(task, checks))


def _piecewise(t: "Translator", node: Node, args: list[Made]) -> Made | None:
    (pieces,) = node.attrs
    assert isinstance(pieces, Polynomials)
    x, piece = args
    infinite = node.args[0].facts.infinite
    task = t.value(node, "piecewise", args, (pieces, infinite, t.tracks(node)))
    if not t.tracks(node):
        return Made(task)
    segment = node.args[1]
    ratio = _steepness(pieces, segment) if x.size is None and t.never_below(node.args[0]) else None
    if ratio is not None:
        return Made(task, (x.steps + _PIECE) * ratio + _PIECE)
    size = t.make("size_piece", [t.size(x, node.grain), piece.task, task], (pieces,), grain=node.grain)
    return Made(task, x.steps + _PIECE, size)


def _steepness(pieces: Polynomials, segment: Node) -> float | None:
    """Of a ladder from 0 on with positive rates: its steepest rate over its flattest, by which a relative error of x
    grows at most. None for other lines."""
    segments = segment.attrs[0] if segment.op == "segment" else None
    if not isinstance(segments, Segments) or segments.outside != "ladder" or pieces.b is not None:
        return None
    first = np.array(segments.first)
    inner = np.ones(len(pieces.a), dtype=np.bool_)
    inner[first] = False
    rates = pieces.a[inner]
    if not len(rates) or not bool((rates > 0).all()) or bool((pieces.start[first] != 0).any()):
        return None
    group = np.searchsorted(first, np.flatnonzero(inner), "right") - 1
    lowest = np.full(len(first), np.inf)
    highest = np.zeros(len(first))
    np.minimum.at(lowest, group, rates)
    np.maximum.at(highest, group, rates)
    return float((highest / lowest).max())


def _take(t: "Translator", node: Node, args: list[Made]) -> Made:
    (constants,) = node.attrs
    if isinstance(constants, Rows):
        return Made(t.value(node, "map", args, (constants,), np.int64))
    assert isinstance(constants, Values)
    dtype = constants.values.dtype.type
    if args[0].task.dtype is dtype is not np.float64 and bool(
        (constants.values == np.arange(len(constants.values))).all()
    ):
        return args[0]  # each row's own number
    task = t.value(node, "take", args, (constants,), dtype)
    return Made(task, constants.relative / error.HALF_UNIT, None, constants.once)


def _choose(t: "Translator", node: Node, args: list[Made]) -> Made:
    index, options = args[0], args[1:]
    slots = node.attrs[0]
    assert isinstance(slots, tuple)
    task = t.value(node, "choose", args, (slots,), dtype_of(node, options))
    t.choices[task.id] = index.task, options, slots
    return chosen(t, node, "choose", index, options, (slots,), task)


LOOKUPS: Mapping[str, Rule] = {
    "locate": _locate,
    "segment": _segment,
    "piecewise": _piecewise,
    "take": _take,
    "choose": _choose,
}
