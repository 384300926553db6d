"""Views of whole columns in a block, which stay from one evaluation to the next."""

import numpy as np

from evaluator.index import Block
from evaluator.store import Parts

BLOCK = Block({"position": 4, "account": 2}, {"position": (2, 3), "account": (3,)})
SIZE, CASH, ONE = ("input", "position", "size"), ("input", "account", "cash"), ("live", "", 7)


def test_a_column_as_its_block_has_it() -> None:
    columns = {SIZE: np.arange(12.0), CASH: np.arange(9.0), ONE: 5.0}
    parts = Parts(BLOCK).over(columns)
    assert parts[SIZE].tolist() == [[4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]
    assert parts[CASH].tolist() == [2.0, 3.0, 4.0] and parts[ONE] == 5.0


def test_only_views_of_lasting_columns_last() -> None:
    first, then = {SIZE: np.arange(12.0), CASH: np.arange(9.0)}, {CASH: np.ones(9)}
    parts = Parts(BLOCK, {SIZE}).over(first)
    size, cash = parts[SIZE], parts[CASH]
    parts.rest()
    assert dict(parts) == {SIZE: size}
    again = parts.over(then | {SIZE: first[SIZE]})
    assert again[SIZE] is size and again[CASH] is not cash and again[CASH].tolist() == [1.0, 1.0, 1.0]


def test_another_column_is_looked_at_anew() -> None:
    parts = Parts(BLOCK, {SIZE}).over({SIZE: np.arange(12.0)})
    parts[SIZE]
    parts.rest()
    assert parts.over({SIZE: -np.arange(12.0)})[SIZE].tolist() == [[-4.0, -5.0, -6.0], [-7.0, -8.0, -9.0]]
