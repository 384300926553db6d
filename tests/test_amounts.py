"""The sums of money by tier: in lanes, then over the lanes, however rows come and are added up."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis.strategies import booleans, integers, lists, sampled_from

import softliq
from dsl.params import resolve_params
from evaluator import fast, lanes, results
from evaluator.amounts import RowAmounts
from evaluator.results import Results
from evaluator.run import evaluate
from evaluator.snapshot import book_of
from evaluator.tier_sums import TierSums
from tests.bench import books, reference

LABELS = ("fine", "trim", "shut", "hold")
SHARES = {  # of each tier among the rows
    "one tier": [0, 1, 0, 0],
    "most in one": [0.02, 0.01, 0.96, 0.01],
    "a quarter in others": [0.75, 0.05, 0.1, 0.1],
    "as many in each": [0.25, 0.25, 0.25, 0.25],
}
INF = float("inf")
Row = tuple[int, float, bool]  # the tier's number, the amount, whether it is known


def by_hand(rows: Sequence[Row], count: int = len(LABELS)) -> list[tuple[str, int]]:
    """As it is defined, one addition after the other: by tier the total and how many are left out."""
    sums = [[0.0] * 512 for _ in range(count)]
    unknown = [0] * count
    for number, (tier, value, known) in enumerate(rows):
        if known:
            sums[tier][number % 512] += value
        else:
            unknown[tier] += 1
    totals = [0.0] * count
    for tier in range(count):
        for lane in sums[tier]:
            totals[tier] += lane
    return list(zip(map(repr, totals), unknown, strict=True))


def made(count: int, share: str, seed: int, *, held: float = 0.0, odd: float = 0.0, nothing: float = 0.0) -> list[Row]:
    """Rows whose sums depend on the order: ``held`` of them are unknown, ``odd`` minus zero or infinite."""
    rng = np.random.default_rng(seed)
    tiers = rng.choice(len(LABELS), count, p=SHARES[share])
    values = rng.normal(0, 1, count) * 10.0 ** rng.integers(-3, 9, count)
    values[rng.random(count) < nothing] = 0.0
    strange = np.flatnonzero(rng.random(count) < odd)
    values[strange] = rng.choice([-0.0, -0.0, -0.0, INF, -INF], len(strange))
    known = rng.random(count) >= held
    values[~known] = rng.choice([0.0, 1e300, float("nan")], count)[~known]
    return list(zip(tiers.tolist(), values.tolist(), known.tolist(), strict=True))


@contextmanager
def in_chunks_of(rows: int) -> Iterator[None]:
    with patch.object(lanes, "_CHUNK", rows), patch.object(lanes, "_LANE", np.arange(rows + 512) % 512):
        yield


def added(rows: Sequence[Row], cuts: Sequence[int] = (), some: bool = False) -> list[tuple[str, int]]:
    """The same by ``TierSums``, in pieces that end at ``cuts``; with ``some``, rows that are known to have nothing are
    not listed."""
    sums = TierSums("account", LABELS)
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for start, stop in pairwise(bounds):
        part = rows[start:stop]
        tiers = np.array([tier for tier, _, _ in part], dtype=np.int32)
        values = np.array([value for _, value, _ in part], dtype=np.float64)
        known = np.array([known for _, _, known in part], dtype=np.bool_)
        places = np.flatnonzero((values != 0.0) | ~known) if some else None
        if places is not None:
            values, known = values[places], known[places]
        amount = RowAmounts(values, None if known.all() else known, "USD", places)
        sums.add(tiers, np.flatnonzero(tiers == 3), {"notional": amount, "cost": None})
    found = sums.summary("USD", ())
    for i, line in enumerate(found.lines):
        count = sum(tier == i for tier, _, _ in rows)
        assert (line.label, line.count, line.closed, line.cost) == (LABELS[i], count, None, None)
        assert line.unknown == (count if i == 3 else 0)
        assert line.share == (count / len(rows) if rows else 0.0)
    amounts = [line.notional for line in found.lines]
    return [(repr(one.total), one.unknown) for one in amounts if one is not None] or [("0.0", 0)] * len(LABELS)


@settings(deadline=None)
@given(
    integers(0, 5_000), sampled_from(sorted(SHARES)), integers(0, 1 << 32), sampled_from([0.0, 0.02, 0.6]),
    sampled_from([0.0, 0.01]), sampled_from([0.0, 0.9]), lists(integers(0, 5_000), max_size=4), booleans(),
    sampled_from([512, 1024, 2048]),
)  # fmt: skip
@example(512, "one tier", 0, 0.0, 0.0, 0.0, [], False, 512)
@example(513, "most in one", 0, 0.02, 0.0, 0.0, [511], False, 512)
@example(1024, "as many in each", 0, 0.0, 0.0, 0.0, [100, 1024], False, 512)
def test_totals(
    count: int, share: str, seed: int, held: float, odd: float, nothing: float, cuts: list[int], some: bool, chunk: int
) -> None:
    rows = made(count, share, seed, held=held, odd=odd, nothing=nothing)
    with in_chunks_of(chunk):
        assert added(rows, cuts, some) == by_hand(rows)


@pytest.mark.parametrize("share", list(SHARES))
@pytest.mark.parametrize("count", [lanes._CHUNK - 1, lanes._CHUNK, 2 * lanes._CHUNK + 777])
def test_totals_of_many_rows(share: str, count: int) -> None:
    rows = made(count, share, count, held=0.001)
    expected = by_hand(rows)
    assert added(rows) == added(rows, [1_000, 40_000]) == expected
    plain = [0.0] * len(LABELS)
    for tier, value, known in rows:
        plain[tier] += value if known else 0.0
    assert [total for total, _ in expected] != [repr(total) for total in plain]  # the order does matter


def test_up_to_512_rows_are_added_left_to_right() -> None:
    rows = made(512, "as many in each", 7, held=0.1)
    plain = [0.0] * len(LABELS)
    for tier, value, known in rows:
        plain[tier] += value if known else 0.0
    assert [total for total, _ in added(rows)] == [repr(total) for total in plain]


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([], "0.0"),
        ([-0.0], "0.0"),
        ([-0.0] * 513, "0.0"),
        ([1.0, -1.0], "0.0"),
        ([1e16, *[0.0] * 511, 1.0, *[0.0] * 511, -1e16, 1.0], "1.0"),  # 1e16 + 1 - 1e16 is 0 in lane 0; 1 in lane 1
        ([1e16, 1.0, *[0.0] * 510, -1e16], "1.0"),  # left to right it would be 0
        ([1e308, *[0.0] * 511, 1e308], "inf"),
    ],
)
def test_totals_of_one_tier(values: list[float], total: str) -> None:
    assert added([(1, value, True) for value in values])[1] == (total, 0)


def test_what_is_infinite_stays_in_its_tier() -> None:
    rows = [(0, 1.0, True)] * 2_000 + [(1, INF, True), (2, -INF, True)]
    assert [total for total, _ in added(rows)] == ["2000.0", "inf", "-inf", "0.0"]


@pytest.mark.parametrize("known", [None, np.array([True, True]), np.array([True, False])])
def test_amounts_of_some_rows_as_whole_columns(known: np.ndarray | None) -> None:
    """Rows that are not listed have nothing."""
    amounts = RowAmounts(np.array([0.5, 0.25]), known, "USD", np.array([1, 5]))
    values, everywhere = amounts.whole(8)
    assert values.tolist() == [0, 0.5, 0, 0, 0, 0.25, 0, 0]
    assert np.flatnonzero(~everywhere).tolist() == ([] if known is None or known.all() else [5])


POLICY = """
policy "amounts" version 1
unit USD
entity account:
  x : number
  notional = {notional}
  cost     = notional * 1%
tiers account:
  | x >=    | tier | close |
  | 0       | fine | 0%    |
  | -10     | trim | 50%   |
  | other   | shut | 100%  |
  | unknown | hold | 0%    |
"""


def lines_of(text: str, cells: Sequence[object], folder: Path) -> list[list[object]]:
    """The same from both evaluators: each tier's rows, and the total and rows left out of each amount."""
    path = folder / "amounts.policy"
    path.write_text(text)
    policy = softliq.load_policy(path)
    book = book_of(policy, {"account": {"account": [f"a{i}" for i in range(len(cells))], "x": list(cells)}})
    quick, careful = (Results(evaluate(policy, book, {}, optimise=optimise)) for optimise in (True, False))
    assert json.dumps(quick.summary()) == json.dumps(careful.summary())
    found: list[list[object]] = []
    for line in quick.tiers[0].lines:
        amounts = [line.notional, line.closed, line.cost]
        found.append([line.label, line.count, *((one.total, one.unknown) for one in amounts if one is not None)])
    return found


def test_amounts_by_tier(tmp_path: Path) -> None:
    """An infinite amount, or one that too large a number makes infinite, is unknown; those of both signs too."""
    cells = ["6", "10", "4", "-2", "-20", "-30", ""]
    notional = "if x > 9 then -infinite else if x > 5 or x < -25 then infinite else abs(x) * 1 USD"
    assert lines_of(POLICY.format(notional=notional), cells, tmp_path) == [
        ["fine", 3, (4.0, 2), (0.0, 2), (0.04, 2)],
        ["trim", 1, (2.0, 0), (1.0, 0), (0.02, 0)],
        ["shut", 2, (20.0, 1), (20.0, 1), (0.2, 1)],
        ["hold", 1, (0.0, 1), (0.0, 1), (0.0, 1)],
    ]


def test_close_is_a_column_of_the_tiers(tmp_path: Path) -> None:
    """A price that is called `close` isn't the part of the notional that is closed."""
    text = POLICY.format(notional="x * 1 USD").replace("| close |", "| part  |")
    text = text.replace("  x : number\n", "  x : number\n  close = x * 3 USD\n")
    assert lines_of(text, ["6", "-2"], tmp_path)[:2] == [
        ["fine", 1, (6.0, 0), (0.06, 0)],
        ["trim", 1, (-2.0, 0), (-0.02, 0)],
    ]


@pytest.mark.parametrize("some", [7, 512, 1 << 17])
def test_a_laid_out_book_is_added_up_some_rows_at_a_time(some: int) -> None:
    """In the file's order, though no column is put into it."""
    policy = softliq.load_policy(reference.POLICY)
    book = softliq.book_of(policy, books.tables(books.book(6_000)))
    params = resolve_params(policy)
    wanted: set[tuple[str, str]] = set()
    with patch.object(fast, "run", partial(fast.run, least=0, block=500)), patch.object(results, "_SOME", some):
        quick = Results(evaluate(policy, softliq.indexed(book), params, wanted=wanted))
        found = quick.tiers
    plain = Results(evaluate(policy, book, params, wanted=wanted, optimise=False))
    assert len(quick.evaluation.laid) >= 2
    assert found == plain.tiers and found[0].rows == 1_500
