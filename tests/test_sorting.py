"""Whole numbers are sorted as NumPy sorts them, equal ones as they stand."""

import numpy as np
import pytest

from evaluator.sorting import by_number


@pytest.mark.parametrize("most", [0, 1, 65_535, 65_536, 2**32, 2**40 + 7])
def test_the_order_of_whole_numbers(most: int) -> None:
    keys = np.random.default_rng(3).integers(0, most + 1, 3_000)
    keys[::7] = most
    assert np.array_equal(by_number(keys), np.argsort(keys, kind="stable"))


def test_nothing_to_sort() -> None:
    assert by_number(np.empty(0, dtype=np.int64)).tolist() == []
