"""The sums of money by tier: left to right over the rows that have it, however they are added up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import booleans, floats, integers, lists, tuples

from evaluator.amounts import RowAmounts

MONEY = floats(-1e9, 1e9) | floats(0, 1).map(lambda x: 0.0 if x < 0.8 else x)


@settings(deadline=None)
@given(lists(tuples(integers(0, 3), MONEY, booleans()), max_size=40), booleans())
def test_totals(rows: list[tuple[int, float, bool]], all_known: bool) -> None:
    codes = np.array([code for code, _, _ in rows], dtype=np.int32)
    values = np.array([value for _, value, _ in rows], dtype=np.float64)
    known = np.array([all_known or known for _, _, known in rows], dtype=np.bool_)
    expected, unknown = [0.0] * 4, [0] * 4
    for code, value, is_known in zip(codes.tolist(), values.tolist(), known.tolist(), strict=True):
        expected[code] += value if is_known else 0.0
        unknown[code] += not is_known
    found = RowAmounts(values, known, "USD").totals(codes, np.bincount(codes, minlength=4))
    assert [(one.total, one.unknown) for one in found] == list(zip(expected, unknown, strict=True))


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_totals_of_some_rows(share: float) -> None:
    """Rows that are not listed have nothing."""
    codes = np.zeros(8, dtype=np.int32)
    some = np.array([1, 5])
    amounts = RowAmounts(np.array([share, 0.25]), np.array([True, True]), "USD", some)
    (one,) = amounts.totals(codes, np.array([8]))
    assert (one.total, one.unknown) == (share + 0.25, 0)
    values, known = amounts.whole(8)
    assert values.tolist() == [0, share, 0, 0, 0, 0.25, 0, 0] and known.all()
