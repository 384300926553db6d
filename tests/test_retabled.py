"""New cells in a table of a book: as if the book had been made with them, and what was compiled is used again."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import softliq
from dsl.params import resolve_params
from evaluator import fast
from evaluator.run import evaluate
from tests.bench import books, reference
from tests.test_fast import differences

MOVES = [0.97, 1.05, 1.0, 1.1, 0.999, 1.0000001, 5.0, 0.01]  # in the last two most accounts act


def tables(rows: int) -> dict[str, dict[str, Any]]:
    return books.tables(books.book(rows))


@contextmanager
def counting() -> Iterator[list[int]]:
    """Evaluates fast whatever the book's size; an item for each time that something is compiled."""
    compiled: list[int] = []
    compile = fast._Fast._compile

    def counted(self: fast._Fast, *args: Any) -> Any:
        compiled.append(1)
        return compile(self, *args)

    run = partial(fast.run, least=0, block=500)
    with patch.object(fast._Fast, "_compile", counted), patch.object(fast, "run", run):
        yield compiled


@pytest.mark.parametrize("indexed", [False, True])
def test_new_marks(indexed: bool) -> None:
    policy, given = softliq.load_policy(reference.POLICY), tables(3_000)
    book = softliq.book_of(policy, given)
    book = softliq.indexed(book) if indexed else book
    params = resolve_params(policy)
    with counting() as compiled:
        evaluate(policy, book, params)
        for move in MOVES:
            market = {**given["market"], "mark": given["market"]["mark"] * move}
            moved = softliq.with_table(policy, book, "market", market)
            fresh = softliq.book_of(policy, {**given, "market": market})
            quick = evaluate(policy, moved, params)
            assert differences(quick, evaluate(policy, fresh, params, optimise=False)) == []
            book = moved
            assert len(compiled) == 1 or move in MOVES[-2:]


@pytest.mark.parametrize("cell", ["", "x", "0", "-3", "1e308", "1e-320"])
def test_cells_at_fault(cell: str) -> None:
    """What was taken for granted of the small table is looked at again."""
    policy, given = softliq.load_policy(reference.POLICY), tables(2_000)
    book, params = softliq.indexed(softliq.book_of(policy, given)), resolve_params(policy)
    marks = [str(mark) for mark in given["market"]["mark"]]
    run = partial(fast.run, least=0, block=500)
    with patch.object(fast, "run", run):
        before = evaluate(policy, book, params)
        market = {**given["market"], "mark": [cell, *marks[1:]]}
        moved = softliq.with_table(policy, book, "market", market)
        careful = evaluate(policy, softliq.book_of(policy, {**given, "market": market}), params, optimise=False)
        assert differences(evaluate(policy, moved, params), careful) == []
        assert differences(evaluate(policy, book, params), before) == []


def test_new_cells_of_a_large_table() -> None:
    policy, given = softliq.load_policy(reference.POLICY), tables(1_000)
    book, params = softliq.indexed(softliq.book_of(policy, given)), resolve_params(policy)
    with patch.object(fast, "run", partial(fast.run, least=0)):
        evaluate(policy, book, params)
        position = {**given["position"], "collateral": given["position"]["collateral"] * 1.5}
        moved = softliq.with_table(policy, book, "position", position)
        fresh = softliq.book_of(policy, {**given, "position": position})
        quick = evaluate(policy, moved, params)
    assert differences(quick, evaluate(policy, fresh, params, optimise=False)) == []
    healths = [one.columns["account"]["health"].values for one in (quick, evaluate(policy, book, params))]
    assert not np.array_equal(*healths)


@pytest.mark.parametrize("mark", [np.inf, np.nan])
def test_a_mark_that_is_no_number(mark: float) -> None:
    """The policy is lowered anew where a cell may be infinite: what was compiled before doesn't serve."""
    policy, given = softliq.load_policy(reference.POLICY), tables(2_000)
    book, params = softliq.book_of(policy, given), resolve_params(policy)
    marks = given["market"]["mark"].copy()
    marks[0] = mark
    market = {**given["market"], "mark": marks}
    with counting() as compiled:
        evaluate(policy, book, params)
        quick = evaluate(policy, softliq.with_table(policy, book, "market", market), params)
    assert len(compiled) == 1 + np.isinf(mark)
    careful = evaluate(policy, softliq.book_of(policy, {**given, "market": market}), params, optimise=False)
    assert differences(quick, careful) == []


def test_a_total_over_the_table(tmp_path: Path) -> None:
    """A number of the whole book that stands in what was compiled is another one now."""
    text = reference.POLICY.read_text("utf-8").replace("  equity ", "  crowd = health * system.total\n  equity ", 1)
    text = text.replace("entity account:", "entity system once:\n  total = sum(market.depth)\n\nentity account:", 1)
    (tmp_path / "total.policy").write_text(text, "utf-8")
    (tmp_path / "brackets.csv").write_bytes((reference.HERE / "brackets.csv").read_bytes())
    policy, given = softliq.load_policy(tmp_path / "total.policy"), tables(2_000)
    book, params = softliq.book_of(policy, given), resolve_params(policy)
    market = {**given["market"], "depth": given["market"]["depth"] * 2}
    with counting():
        before = evaluate(policy, book, params)
        quick = evaluate(policy, softliq.with_table(policy, book, "market", market), params)
    careful = evaluate(policy, softliq.book_of(policy, {**given, "market": market}), params, optimise=False)
    assert differences(quick, careful) == []
    crowds = [one.columns["account"]["crowd"].values for one in (before, quick)]
    assert not np.array_equal(*crowds)


@pytest.mark.parametrize(
    ("first", "then", "compilations"), [(np.rint, lambda m: m / 3, 2), (lambda m: m / 3, np.rint, 1)]
)
def test_numbers_that_are_less_exact(first: Any, then: Any, compilations: int) -> None:
    """Decisions are watched as far as the cells may be off: what was watched for more exact ones doesn't serve."""
    policy, given = softliq.load_policy(reference.POLICY), tables(2_000)
    marks = np.maximum(given["market"]["mark"], 1.0)
    market = {**given["market"], "mark": first(marks)}
    book, params = softliq.book_of(policy, {**given, "market": market}), resolve_params(policy)
    with counting() as compiled:
        evaluate(policy, book, params)
        moved = {**market, "mark": then(marks)}
        quick = evaluate(policy, softliq.with_table(policy, book, "market", moved), params)
    assert len(compiled) == compilations
    careful = evaluate(policy, softliq.book_of(policy, {**given, "market": moved}), params, optimise=False)
    assert differences(quick, careful) == []


def test_a_file_that_no_longer_holds_is_not_named(tmp_path: Path) -> None:
    """A summary names by SHA-256 the files whose cells were evaluated, and no others."""
    policy, found = softliq.load_policy(reference.POLICY), books.book(200)
    books.write(found, tmp_path)
    book = softliq.read_snapshot(tmp_path / "snapshot", policy)
    moved = softliq.with_table(policy, book, "market", books.tables(found)["market"])
    names = {f"{entity}.parquet" for entity in ("market", "account", "position")}
    assert set(book.hashes) == names
    assert set(softliq.evaluate(policy, moved).summary()["snapshot"]["sha256"]) == names - {"market.parquet"}
    assert moved.hashes.items() <= book.hashes.items()


def test_a_table_whose_rows_are_grouped(tmp_path: Path) -> None:
    """A group's rows are formed by each evaluation, from the cells that there are then."""
    (tmp_path / "groups.policy").write_text(
        'policy "groups" version 1\n\nunit USD\n\n'
        "entity account:\n  most = max(desk.held)\n\n"
        "entity position:\n  account : account\n  market : text\n  held : USD\n\n"
        "entity desk groups position by account, market:\n  held = sum(position.held)\n",
        "utf-8",
    )
    policy = softliq.load_policy(tmp_path / "groups.policy")
    position = {"position": ["p", "q", "r"], "account": ["a", "a", "b"], "market": ["x", "x", "x"], "held": [1, 2, 4]}
    book = softliq.book_of(policy, {"account": {"account": ["a", "b"]}, "position": position})
    moved = softliq.with_table(policy, book, "position", {**position, "market": ["x", "y", "x"], "held": [1, 2, 8]})
    mosts = [softliq.evaluate(policy, one).column("account", "most").values.tolist() for one in (book, moved)]
    assert mosts == [[3, 4], [2, 8]]


FAULTS = [
    ("markt", lambda m: m, "the book has no table `markt`"),
    ("market", lambda m: {n: v[:-1] for n, v in m.items()}, "the rows of `market` are others than the book's"),
    ("market", lambda m: {**m, "market": [*m["market"][1:], m["market"][0]]}, "are others than the book's"),
    ("market", lambda m: {**m, "mark": m["mark"][:-1]}, "columns of different length"),
    ("market", lambda m: {n: v for n, v in m.items() if n != "depth"}, "depth"),
]


@pytest.mark.parametrize(("entity", "change", "message"), FAULTS)
def test_faults(entity: str, change: Any, message: str) -> None:
    policy, given = softliq.load_policy(reference.POLICY), tables(100)
    book = softliq.book_of(policy, given)
    with pytest.raises(softliq.SnapshotError) as caught:
        softliq.with_table(policy, book, entity, change(given["market"]))
    assert message in str(caught.value)
