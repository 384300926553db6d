"""Limits drawn in order: against a plain loop, bit by bit; against the reference; every way of computing them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsl.check import check
from dsl.diagnostics import Diagnostics
from dsl.model import Policy
from dsl.params import resolve_params
from dsl.parse import parse
from dsl.source import Source
from evaluator import draws, draws_pools
from evaluator.book import Book
from evaluator.columns import Column
from evaluator.run import evaluate
from evaluator.snapshot import book_of
from tests.test_compiled_equals_reference import differences

ENTITIES = """policy "drawn"
unit USD
entity fund once:
  pool : USD
  kept = pool - sum(account.paid)
entity ilk:
  room : USD
entity account:
  ilk   : ilk
  second : ilk
  need  : USD
  rank  : number
  dust  : USD
  shut  : flag
  paid  = draw({pools} by {order}: {take})
check "the fund holds": fund.kept >= 0
check "nobody takes more than they need" on account: paid <= need + dust
"""
Row = Mapping[str, Any]
Number = float | None

POOLS = {
    "fund.pool": (("fund", ""),),
    "ilk.room": (("ilk", "ilk"),),
    "fund.pool, ilk.room": (("fund", ""), ("ilk", "ilk")),
    "ilk.room, second.room": (("ilk", "ilk"), ("ilk", "second")),
    "second.room, fund.pool, ilk.room": (("ilk", "second"), ("fund", ""), ("ilk", "ilk")),
}


def _dusty(row: Row, left: Number) -> Number:
    if row["need"] is None or left is None:
        return None
    if row["need"] <= left:
        return float(row["need"])
    if row["dust"] is None:
        return None
    return 0.0 if row["need"] - left < row["dust"] or left < row["dust"] else left


def _least(row: Row, left: Number) -> Number:
    return None if row["need"] is None or left is None else min(row["need"], left)


def _all_or_nothing(row: Row, left: Number) -> Number:
    if row["need"] is None or left is None:
        return None
    return float(row["need"]) if row["need"] <= left else 0.0


TAKES: dict[str, Callable[[Row, Number], Number]] = {
    "min(need, left)": _least,
    "if shut then min(need, left) else 0": lambda row, left: _least(row, left) if row["shut"] else 0.0,
    "if need <= left then need else 0": _all_or_nothing,
    "if need <= left then need else if need - left < dust or left < dust then 0 else left": _dusty,
    "need": lambda row, left: row["need"],
    "left / 2": lambda row, left: None if left is None else left / 2,
    "min(need, max(0, left - dust))": lambda row, left: (
        None if None in (row["need"], row["dust"], left) else min(row["need"], max(0.0, (left or 0.0) - row["dust"]))
    ),
}


def in_turn(
    rows: Sequence[Row], start: Mapping[tuple[str, str], Number], ways: Sequence[tuple[str, str]], take: Any
) -> dict[str, Number]:
    """What each row takes, by key: one after the other. None is unknown."""
    remains = dict(start)
    for row in rows:
        if row["rank"] is None and take(row, None) != 0.0:
            remains |= dict.fromkeys(_pools_of(row, ways))
    taken: dict[str, Number] = {}
    for row in sorted(rows, key=lambda r: (r["rank"] is None, r["rank"] or 0.0, r["account"])):
        mine = _pools_of(row, ways)
        amounts = [remains[pool] for pool in mine]
        left = None if None in amounts else max(0.0, min(a for a in amounts if a is not None))
        wanted = take(row, left)
        if wanted != 0.0 and (left is None or wanted is None or not 0.0 < wanted <= left):
            wanted = None
        for pool in mine:
            before = remains[pool]
            remains[pool] = None if before is None or wanted is None else before - wanted
        taken[row["account"]] = wanted
    return taken


def _pools_of(row: Row, ways: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(entity, str(row[link]) if link else "") for entity, link in ways}


@cache
def policy_of(named: str, take: str, order: str = "rank") -> Policy:
    text = ENTITIES.format(pools=named, order=order, take=take)
    report = Diagnostics()
    policy = check(parse(Source("drawn.policy", text), report), report)
    assert policy is not None, [d.message for d in report.found]
    return policy


def tables(
    rows: Sequence[Row], fund: Mapping[str, Number], ilks: Mapping[str, Number]
) -> dict[str, dict[str, list[str]]]:
    def cell(value: Any) -> str:
        return "" if value is None else ("yes" if value else "no") if isinstance(value, bool) else str(value)

    columns = ("account", "ilk", "second", "need", "rank", "dust", "shut")
    return {
        "fund": {"pool": [cell(fund[""])]},
        "ilk": {"ilk": list(ilks), "room": [cell(v) for v in ilks.values()]},
        "account": {c: [cell(row[c]) for row in rows] for c in columns},
    }


@dataclass(frozen=True)
class Line:
    named: str
    take: str
    rows: list[dict[str, Any]]
    fund: Number
    ilks: dict[str, Number]

    def book(self) -> tuple[Policy, Book]:
        policy = policy_of(self.named, self.take)
        return policy, book_of(policy, tables(self.rows, {"": self.fund}, self.ilks))

    def expected(self) -> dict[str, Number]:
        start = {("fund", ""): self.fund} | {("ilk", key): room for key, room in self.ilks.items()}
        return in_turn(self.rows, start, POOLS[self.named], TAKES[self.take])


@st.composite
def lines(draw: st.DrawFn, scale: Sequence[float] = (0.25, 1.0, 3.0)) -> Line:
    """``scale``: quarters are exact in floats, so that a plain loop in floats is exact too; tenths are not."""
    unit = draw(st.sampled_from(scale))

    def number(low: int, high: int, faulty: int) -> st.SearchStrategy[Number]:
        value = st.integers(low, high).map(lambda i: round(i * unit, 9))
        return value if not faulty else st.integers(0, faulty).flatmap(lambda i: value if i else st.none())

    faulty = draw(st.sampled_from([0, 0, 12]))
    ilks = {f"i{i}": draw(number(-2, 40, faulty)) for i in range(draw(st.integers(1, 3)))}
    row = st.fixed_dictionaries(
        {
            "ilk": st.sampled_from(list(ilks)),
            "second": st.sampled_from(list(ilks)),
            "need": number(0, 12, faulty),
            "rank": number(-2, 4, faulty),
            "dust": number(0, 5, 0),
            "shut": st.booleans(),
        }
    )
    rows = draw(st.lists(row, max_size=14))
    named = draw(st.permutations([f"a{i:02}" for i in range(len(rows))]))
    rows = [{"account": key, **row} for key, row in zip(named, rows, strict=True)]
    return Line(
        draw(st.sampled_from(list(POOLS))), draw(st.sampled_from(list(TAKES))), rows, draw(number(-1, 60, faulty)), ilks
    )


def paid(policy: Policy, book: Book) -> Column:
    return evaluate(policy, book, resolve_params(policy)).columns["account"]["paid"]


SETTINGS = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(lines())
def test_a_plain_loop_gives_the_same_bits(line: Line) -> None:
    policy, book = line.book()
    found, expected = paid(policy, book), line.expected()
    got = {
        key: float(value) if known else None
        for key, value, known in zip(book.tables["account"].keys, found.values, found.known(), strict=True)
    }
    assert got == expected


@SETTINGS
@given(lines((0.25, 0.1, 0.3)))
def test_every_cell_is_as_the_reference_has_it(line: Line) -> None:
    assert differences(*line.book()) == []


@contextmanager
def computed(first: int, passes: int, loop: bool, long: int) -> Iterator[None]:
    """Windows that begin with ``first`` rows, the loop that guesses or none, pools subtracted one by one or in step."""
    with (
        patch.object(draws, "FIRST", first),
        patch.object(draws, "SMALLEST", 1),
        patch.object(draws, "LARGEST", 8),
        patch.object(draws, "PASSES", passes),
        patch.object(draws_pools, "LONG", long),
        patch.object(draws, "loop_of", draws.loop_of if loop else lambda *_: None),
    ):
        yield


WAYS = [(1, 1, False, 0), (2, 1, True, 32), (3, 2, True, 1), (4, 3, False, 2)]


@SETTINGS
@given(lines((0.25, 0.1, 0.3)))
def test_every_way_leads_to_the_same_bits(line: Line) -> None:
    policy, book = line.book()
    plain = paid(policy, book)
    for way in WAYS:
        with computed(*way):
            other = paid(policy, book)
        assert np.array_equal(other.values, plain.values)
        assert (other.quality is None) == (plain.quality is None)
        assert other.quality is None or np.array_equal(other.quality, plain.quality)


def row(key: str, need: Number, rank: Number, **others: Any) -> dict[str, Any]:
    return {"account": key, "ilk": "i0", "second": "i1", "need": need, "rank": rank, "dust": 0.0, "shut": True} | others


def long_line(count: int, take: str, named: str = "fund.pool") -> Line:
    """Cents, so that floats are not exact; the fund has half of what is needed."""
    random = np.random.default_rng(7)
    cents = random.integers(1, 20_000, count)
    rows = [
        row(f"a{i:05}", c / 100, int(r), dust=25.0, ilk=f"i{i % 7}")
        for i, (c, r) in enumerate(zip(cents.tolist(), random.integers(0, count, count).tolist(), strict=True))
    ]
    half = int(cents.sum()) / 200
    return Line(named, take, rows, round(half, 2), {f"i{i}": round(half / 9, 2) for i in range(7)})


@pytest.mark.parametrize("named", ["fund.pool", "ilk.room", "fund.pool, ilk.room"])
@pytest.mark.parametrize("take", list(TAKES)[:4])
def test_a_long_line_is_the_same_bits_row_by_row(named: str, take: str) -> None:
    policy, book = long_line(1_500, take, named).book()
    plain = paid(policy, book)
    with computed(1, 1, False, 0):
        other = paid(policy, book)
    assert np.array_equal(plain.values, other.values)
    assert plain.quality is None and other.quality is None


def test_a_long_line_is_as_the_reference_has_it() -> None:
    assert differences(*long_line(400, list(TAKES)[3], "fund.pool, ilk.room").book()) == []
