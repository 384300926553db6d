"""Kernels of links: reading through them, and the keys of the rows that they lead to."""

from collections.abc import Sequence

import numpy as np

from evaluator.columns import KNOWN
from evaluator.context import Context
from evaluator.graph import Node
from evaluator.kernels import Kernel
from evaluator.vector import Vector, clean, either, some, tidy


def _gather(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """A column of the entity that links lead to, at each row that they lead from."""
    (entity,) = node.attrs
    assert isinstance(entity, str)
    index, column = args[0], args[1].full(context.rows(entity))
    if len(column.values) == 0:  # every link is an orphan
        column = Vector(np.zeros(1, dtype=column.values.dtype))
    rows = index.values if index.quality is None else np.where(index.quality == KNOWN, index.values, 0)
    quality, unsure = index.quality, index.doubt
    if column.quality is not None:
        there = column.quality[rows]
        quality = tidy(there if quality is None else np.where(quality == KNOWN, there, quality))
    if column.doubt is not None:
        unsure = either(unsure, some(column.doubt[rows]))
    values = clean(column.values[rows], quality)
    absolute = None if column.absolute is None else column.absolute[rows]
    if absolute is not None and quality is not None:
        absolute = np.where(quality == KNOWN, absolute, 0.0)
    return Vector(values, quality, unsure, column.relative, absolute, column.once)


def _key_text(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """The key of the row that a link leads to, as a text's code."""
    (link,), (entity,) = args, node.attrs
    assert isinstance(entity, str)
    codes = context.text_codes(context.book.tables[entity].keys)
    return Vector(clean(codes[link.values], link.quality), link.quality, link.doubt)


def _distinct(node: Node, args: Sequence[Vector], context: Context) -> Vector:
    """A number that groups rows: in doubt, unless equal numbers are equal floats and others are not."""
    (x,) = args
    if x.exact or (x.once and node.args[0].op == "input"):
        return x
    known = np.ones(x.values.shape, dtype=np.bool_) if x.quality is None else x.quality == KNOWN
    return Vector(x.values, x.quality, known)


LINKS: dict[str, Kernel] = {
    "gather": _gather,
    "distinct": _distinct,
    "key_text": _key_text,
}
