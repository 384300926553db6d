"""Memory that evaluations of one book keep: whoever looks at a result keeps it from being written to."""

import gc
from typing import Any

import numpy as np
import pytest

from evaluator.kept import Kept

TOTALS = """policy "Totals" version 1
entity account:
  held   = sum(position.amount)
  looked = if held > 10 then 2 * held else mean(position.amount)
entity position:
  account : account?
  amount  : number
"""


def test_memory_comes_back_when_nobody_looks() -> None:
    kept = Kept()
    column = kept.lent(np.float64, 5)
    column[:] = 3.0
    part = column[1:3].reshape(2, 1)
    del column
    gc.collect()
    assert kept.room[np.float64, 5] == [] and part.tolist() == [[3.0], [3.0]]
    other = kept.lent(np.float64, 5)
    other[:] = 4.0
    assert part.tolist() == [[3.0], [3.0]]
    del part
    assert [c.tolist() for c in kept.room[np.float64, 5]] == [[3.0] * 5]
    again = kept.lent(np.float64, 5)
    assert again.tolist() == [3.0] * 5 and again.flags.writeable


def test_kinds_and_lengths_stand_apart() -> None:
    kept = Kept()
    for kind in (np.bool_, np.int32, np.int64, np.float64):
        assert kept.lent(kind, 3).dtype == kind
    assert len(kept.lent(np.float64, 0)) == 0
    kept.back(kept.column(np.int32, 4))
    assert [len(idle) for idle in kept.room.values()] == [1, 1, 1, 1, 0, 1]


def test_a_result_outlives_the_next_evaluation() -> None:
    """The columns of one evaluation are not those of the next one."""
    from functools import partial
    from unittest.mock import patch

    import softliq
    from evaluator import fast
    from tests.test_fast import reference_book

    policy, book = reference_book(2_000)
    wanted = [("account", "post"), ("account", "health"), ("position", "penalty"), ("position", "reduced")]
    with patch.object(fast, "run", partial(fast.run, least=0, block=64)):
        for one in (book, softliq.indexed(book)):
            first = softliq.evaluate(policy, one)
            before = {cell: first.column(*cell).values.copy() for cell in wanted}  # type: ignore[union-attr]
            softliq.evaluate(policy, one, columns=()).summary()
            softliq.evaluate(policy, one).summary()
            for cell, values in before.items():
                assert np.array_equal(first.column(*cell).values, values)  # type: ignore[union-attr]


@pytest.mark.parametrize("laid_out", [False, True])
def test_memory_comes_back_at_once(laid_out: bool) -> None:
    """Nothing of an evaluation leads back to itself, so that its memory need not wait for the collector."""
    from functools import partial
    from unittest.mock import patch

    import softliq
    from evaluator import fast
    from tests.test_fast import reference_book

    policy, book = reference_book(2_000)
    book = softliq.indexed(book) if laid_out else book
    gc.collect()
    gc.disable()
    try:
        with patch.object(fast, "run", partial(fast.run, least=0, block=64)):
            for _ in range(3):
                results = softliq.evaluate(policy, book)
                assert results.column("account", "health") is not None
                idle = sum(len(columns) for columns in book.kept.room.values())
                del results
                assert sum(len(columns) for columns in book.kept.room.values()) > idle
    finally:
        gc.enable()


@pytest.mark.parametrize("huge", [4.25, 1.7e308])  # two of those are beyond all numbers, and make every decision close
def test_sums_of_inputs(huge: float) -> None:
    """They are added up once for a book, anew where another one has other cells, and are nobody's to change."""
    from dataclasses import replace

    from evaluator.snapshot import book_of
    from tests.evaluator_models import checked
    from tests.test_fast import both, differences

    policy = checked(TOTALS)
    amounts: list[float | None] = list(np.round(np.random.default_rng(5).normal(5, 4, 60), 2))
    amounts[7], amounts[21], amounts[22] = None, huge, huge  # the latter of one account
    owners = [f"a{n}" for n in range(18) for _ in range(3)] + [None] * 6

    def book(amounts: list[float | None]) -> Any:
        accounts = {"account": [f"a{n}" for n in range(20)]}  # the last two have no position
        return book_of(
            policy, {"account": accounts, "position": {"position": range(60), "account": owners, "amount": amounts}}
        )

    one, other = book(amounts), book([*amounts[:12], 1000.0, *amounts[13:]])
    for mine in (one, replace(one, tables=other.tables), one):
        quick, slow, answered = both(policy, mine, block=7)
        assert answered == 3 and [differences(evaluation, slow) for evaluation in quick] == [[], [], []]
        (total,) = one.kept.totals.values()
        assert not total[2].flags.writeable and quick[0].columns["account"]["held"].values is not total[2]
