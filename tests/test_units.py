"""Units with a row that the fast evaluator can't vouch for: which rows they have, and that they are the same bits."""

from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import softliq
from dsl.model import Policy
from evaluator import fast
from evaluator.book import Book
from evaluator.index import make_layout
from evaluator.results import Results
from evaluator.run import evaluate
from evaluator.shape import Shape
from evaluator.snapshot import book_of
from evaluator.units import Filed, Laid, units
from tests.evaluator_models import compiled
from tests.test_acting import POLICY, loaded
from tests.test_fast import both, differences

OWNED = """policy "Units"
entity account:
  owed = sum(position.owed)
entity position:
  account : account?
  owed = sum(leg.owed)
entity leg:
  position : position?
  owed : number
"""
TWO = Shape({"position": ("account", "account")}, ("position", "account"))
THREE = Shape({"leg": ("position", "position")} | TWO.parents, ("leg", "position", "account"))
A, B, C, D = range(4)  # accounts; laid out they stand from the one with fewest positions on: D, B, C, A
OWNERS = [A, B, None, A, C, C, A]  # of positions; laid out: 1, 4 and 5, 0 and 3 and 6, 2
CASES = [  # flagged positions and accounts; those of their units, in the file's order, and found through a layout
    ([], [], ([], []), ([], [])),
    ([3, 5], [], ([0, 3, 4, 5, 6], [A, C]), ([0, 3, 4, 5, 6], [A, C])),
    ([], [C, D], ([4, 5], [C, D]), ([4, 5], [C, D])),
    ([1, 2], [A], ([0, 1, 2, 3, 6], [A, B]), ([0, 1, 2, 3, 6], [A, B])),
    # no column has one row alone: the file's first joins it, or the layout's
    ([3], [], ([0, 1, 3, 6], [A, B]), ([0, 3, 6], [A, D])),
    ([1, 2], [], ([0, 1, 2, 3, 6], [A, B]), ([1, 2], [B, D])),
    ([2], [], ([0, 1, 2, 3, 6], [A, B]), ([1, 2], [B, D])),
    ([], [D], ([0, 3, 6], [A, D]), ([1, 4, 5], [B, C, D])),
    ([*range(7)], [D], ([*range(7)], [A, B, C, D]), ([*range(7)], [A, B, C, D])),
]


def owned(owners: list[int | None], accounts: int, legs: list[int | None] | None = None) -> Book:
    tables: dict[str, dict[str, list[Any]]] = {
        "account": {"account": [f"a{i}" for i in range(accounts)]},
        "position": {
            "position": [f"p{i}" for i in range(len(owners))],
            "account": [None if o is None else f"a{o}" for o in owners],
        },
        "leg": {
            "leg": [f"l{i}" for i in range(len(legs or [None]))],
            "position": [None if p is None else f"p{p}" for p in legs or [None]],
            "owed": [1.0] * len(legs or [None]),
        },
    }
    return compiled(OWNED, tables)[1]


def laid_units(book: Book, flagged: dict[str, Any], block: int) -> dict[str, Any]:
    count = book.tables["account"].rows
    groups = book.kept.members("position", "account", book.tables["position"].columns["account"], count)
    layout = make_layout("account", {"position": groups}, count, block)
    laid = Laid(layout)
    return laid.filed(units(TWO, book, {e: layout.laid(e, f) for e, f in flagged.items()}, laid))


def marked(count: int, rows: object) -> Any:
    marks = np.zeros(count, dtype=np.bool_)
    marks[np.asarray(rows, dtype=np.int64)] = True
    return marks


@pytest.mark.parametrize("block", [1, 4, 1 << 16])  # rows of a block: each group in its own, or all in one
@pytest.mark.parametrize(("positions", "accounts", "filed", "laid"), CASES)
def test_the_rows_of_units(
    positions: list[int], accounts: list[int], filed: tuple[list[int], ...], laid: tuple[list[int], ...], block: int
) -> None:
    book = owned(OWNERS, 4)
    flagged = {"position": marked(7, positions), "account": marked(4, accounts)}
    found = units(TWO, book, flagged, Filed(TWO, book)), laid_units(book, flagged, block)
    assert [[rows[e].tolist() for e in TWO.parts] for rows in found] == [[*filed], [*laid]]


@pytest.mark.parametrize("many", [2, 5, 6, 7, 40, 900])
@pytest.mark.parametrize("crew", [1, 2])
def test_units_of_many_rows(many: int, crew: int) -> None:
    """Expected: what belongs together, put together one by one."""
    rng = np.random.default_rng(many)
    owners = [None if o == 300 else int(o) for o in rng.integers(0, 301, 1_000)]
    book = owned(owners, 301)
    rows = rng.choice(1_000, many, replace=False)
    accounts = {o for o in (owners[row] for row in rows) if o is not None}
    positions = {p for p, o in enumerate(owners) if o in accounts} | set(rows.tolist())
    assert len(accounts) > 1
    flagged = {"position": marked(1_000, rows)}
    for found in (
        units(TWO, book, flagged, Filed(TWO, book, crew)),
        *(laid_units(book, flagged, block) for block in (30, 1_000)),
    ):
        assert set(found["account"].tolist()) == accounts and set(found["position"].tolist()) == positions
        assert all((np.diff(r) > 0).all() for r in found.values())


def test_members_of_members() -> None:
    """A leg brings its position, the position its account, and that all of its positions with their legs."""
    book = owned([A, A, B, None, C], 4, [0, 0, 1, 2, 3, 4, None])
    found = units(THREE, book, {"leg": marked(7, [2, 4])}, Filed(THREE, book))
    assert {e: rows.tolist() for e, rows in found.items()} == {
        # position 3 is nobody's; the account, alone, is joined by the file's next one
        "leg": [0, 1, 2, 3, 4],
        "position": [0, 1, 2, 3],
        "account": [A, B],
    }


# -- the same bits --------------------------------------------------------------------------------

TIERS = ["trim", "delever", "shut"]
CELLS = [  # blank cells, by entity and column
    {},
    {("position", "size"): [0]},
    {("position", "size"): [7]},
    {("position", "size"): [1, 2, 60], ("position", "entry"): [3, 61]},
    {("account", "cash"): [0]},
    {("account", "cash"): [39]},  # an account without positions
    {("account", "cash"): [1, 39], ("position", "size"): [50]},
    {("position", "lot"): [0, 5, 77], ("position", "size"): [8]},  # an optional cell, of which nobody needs to know
    {("position", "size"): [*range(120)]},
]


def book_with(policy: Policy, blanks: dict[tuple[str, str], list[int]], nobodys: int) -> Book:
    """Accounts in all tiers, of which the last has no positions; of the positions each so many-th is nobody's."""
    need = [60.0 + 20 * (i % 3) for i in range(39)]
    cash = [n * [0.5, 1.05, 1.15, 1.3, 2.0][i % 5] for i, n in enumerate(need)] + [5.0]
    tables: dict[str, dict[str, list[object]]] = {
        "market": {"market": ["a"], "mark": [10.0]},
        "account": {"account": [f"a{i}" for i in range(40)], "cash": [*cash]},
        "position": {
            "position": [f"p{i}" for i in range(120)],
            "account": [None if nobodys and i % nobodys == 2 else f"a{i % 39}" for i in range(120)],
            "market": ["a"] * 120, "size": [20.0 + i % 7 for i in range(120)], "entry": [10.0] * 120,
            "lot": [0.0] * 120,
        },
    }  # fmt: skip
    for (entity, column), rows in blanks.items():
        for row in rows:
            tables[entity][column][row] = None
    return book_of(policy, tables)


@pytest.mark.parametrize("block", [16, 1 << 15])
@pytest.mark.parametrize("nobodys", [0, 5, 100])
@pytest.mark.parametrize("blanks", CELLS)
def test_columns_rows_and_totals(
    blanks: dict[tuple[str, str], list[int]], nobodys: int, block: int, tmp_path: Path
) -> None:
    """All columns, the rows of tiers and the summary, with the rows that acted and those evaluated with care."""
    text = POLICY.format(
        account="  cost = sum(position.cost)\n  rest = 1 - close",
        still="0%",
        position="  cost = if known(account) then account.close * account.fee * notional else 0 USD\n"
        "  lots = (lot ?? 3) * notional",
    )
    text = text.replace("  account : account\n", "  account : account?\n").replace(": number\n", ": number?\n")
    policy = loaded(text, tmp_path)
    quick, slow, answered = both(policy, book_with(policy, blanks, nobodys), block)
    assert answered == 3 and [differences(evaluation, slow) for evaluation in quick] == [[], [], []]
    wanted = Results(slow)
    few = nobodys != 5 and len(blanks.get(("position", "size"), ())) < 100
    for found in map(Results, quick):
        assert not few or found._alone("account", "close") is not None
        assert found.summary() == wanted.summary()
        for tiers in (TIERS, ["shut"], ["shut", "hold"], ["watch"]):
            for entity in ("account", "position"):
                assert_the_same_rows(found, wanted, entity, tiers)
                assert not few or tiers == ["watch"] or found.rows(entity, tiers).places is not None


def test_amounts_that_are_infinite_are_left_out(tmp_path: Path) -> None:
    """What is closed of it, too, in an account that neither acts nor was evaluated with care."""
    text = POLICY.format(
        account="  notional = if cash > 6 USD then need * 10 else infinite\n  cut = sum(position.cut)",
        still="0%",
        position="  cut = account.close * notional",
    )
    policy = loaded(text, tmp_path)
    quick, slow, _ = both(policy, book_with(policy, {("position", "size"): [7]}, 0), 16)
    wanted = Results(slow).tiers
    assert [Results(evaluation).tiers for evaluation in quick] == [wanted] * 3
    fine = wanted[0].lines[0]
    assert fine.notional and fine.closed and fine.notional.unknown == fine.closed.unknown == 1


def assert_the_same_rows(found: Results, wanted: Results, entity: str, tiers: list[str]) -> None:
    one, other = found.rows(entity, tiers), wanted.rows(entity, tiers)
    assert one.numbers.tolist() == other.numbers.tolist()
    for name in wanted.evaluation.columns[entity]:
        a, b = one.column(name), other.column(name)
        assert a is not None and b is not None and a.values.dtype == b.values.dtype
        assert a.values.tobytes() == b.values.tobytes() and a.known().tolist() == b.known().tolist()
        assert a.quality is None or b.quality is None or a.quality.tolist() == b.quality.tolist()


def test_a_book_whose_cells_are_replaced_reads_the_new_ones(tmp_path: Path) -> None:
    """What is kept of a column with unknown cells is that column's alone."""
    policy = loaded(POLICY.format(account="  flat = need * 2", still="0%", position="  twice = notional * 2"), tmp_path)
    held = softliq.indexed(book_with(policy, {("account", "cash"): [7]}, 0))
    for blank in ([7], [7, 8], [*range(0, 39, 2)], []):
        cash = [None if i in blank else 50.0 + i for i in range(40)]
        held = softliq.with_table(policy, held, "account", {"account": [f"a{i}" for i in range(40)], "cash": cash})
        with patch.object(fast, "run", partial(fast.run, least=0, block=16)):
            quick = [softliq.evaluate(policy, held).evaluation for _ in range(2)]
        slow = evaluate(policy, held, {}, optimise=False)
        assert [differences(evaluation, slow) for evaluation in quick] == [[], []]
        assert slow.columns["account"]["health"].unknown_count() == len(blank)
