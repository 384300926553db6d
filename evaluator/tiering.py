"""Kernels of tiers: the first row that holds, why a row is held in the unknown tier, and cells' stated ranges."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from dsl.causes import Cause
from dsl.model import Interval
from evaluator.columns import KNOWN
from evaluator.constants import Number
from evaluator.context import Context
from evaluator.error import HALF_UNIT, close
from evaluator.graph import Node
from evaluator.kernels import Kernel
from evaluator.vector import Flags, Vector, clean, either, some, tidy


def _walk(node: Node, args: Sequence[Vector], context: Context) -> tuple[Vector, Vector]:
    """The number of the tiers row taken, and the code of the unknown that was met before any row held."""
    rows, other, unknown = node.attrs
    count = context.rows(node.grain)
    assert isinstance(rows, tuple)
    open_ = np.ones(count, dtype=np.bool_)
    index = np.full(count, other if isinstance(other, int) else 0, dtype=np.int32)
    reason = np.full(count, KNOWN, dtype=np.int64)
    unsure: Flags | None = None
    for row, flag in zip(rows, args, strict=True):
        if flag.doubt is not None:
            unsure = either(unsure, some(open_ & flag.doubt))
        holds = open_ & flag.values
        if flag.quality is not None:
            lost = open_ & (flag.quality != KNOWN)
            holds = holds & ~lost
            if isinstance(unknown, int):
                index[lost] = unknown
            np.copyto(reason, flag.quality, where=lost)
            open_ = open_ & ~lost
        index[holds] = row
        open_ = open_ & ~holds
    if other is None:  # the checker has proved that none is left; an unknown one is told from a wrong one
        codes = context.codes(Cause.DOMAIN, node)
        np.copyto(reason, codes, where=open_)
        if isinstance(unknown, int):
            index[open_] = unknown
    quality = None if isinstance(unknown, int) else tidy(reason)
    return Vector(clean(index, quality), quality, unsure), Vector(reason, None, unsure)


def _pick(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    return _walk(node, args, context)[0]


def _reason(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    return _walk(node, args, context)[1]


def _within(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """A tier cell, unknown where it is outside its column's stated range."""
    domain, place = node.attrs
    assert isinstance(domain, Interval) and isinstance(place, int)
    (value,) = args
    bad: Flags = np.zeros(1, dtype=np.bool_)
    unsure = value.doubt
    for limit, below, at in ((domain.low, np.less, domain.low_open), (domain.high, np.greater, domain.high_open)):
        if limit is None:
            continue
        edge = _edge(limit)
        bad = bad | below(value.values, edge.values)
        if at:
            bad = bad | (value.values == edge.values)
        unsure = either(unsure, close(value, edge))
    quality = context.fault(node, Cause.CELL_RANGE, bad, value.quality, place) if bad.any() else value.quality
    values = value.values.copy() if quality is not None else value.values
    return Vector(clean(values, quality), quality, unsure)


def _edge(limit: Fraction | float) -> Vector:
    number = Number(limit)
    return Vector(np.array([float(number)]), relative=0.0 if number.exact else HALF_UNIT, once=True)


TIERS: dict[str, Kernel] = {"pick": _pick, "reason": _reason, "within": _within}
