"""What Python code hands to softliq: NumPy's numbers, days and instants, and what is none of what is asked for."""

from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import softliq

POLICY = """policy "P" version 1
unit USD
param most  : number = 5
param ready : flag   = no
param start : date   = 2026-01-01
entity account:
  cash   : USD
  health = if ready and as_of > start then cash / (most * 1 USD) else 0
"""


@pytest.fixture
def policy(tmp_path: Path) -> softliq.Policy:
    (tmp_path / "p.policy").write_text(POLICY, "utf-8")
    (tmp_path / "account.csv").write_text("account,cash\na,10\n")
    return softliq.load_policy(tmp_path / "p.policy")


def book_of(policy: softliq.Policy, **columns: Any) -> softliq.Book:
    return softliq.book_of(policy, {"account": {"account": ["a"], "cash": [10]} | columns}, as_of="2026-06-30")


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("most", np.float64(1.3), Fraction(13, 10)),
        ("most", np.float32(1.3), Fraction(13, 10)),
        ("most", np.float16(1.5), Fraction(3, 2)),
        ("most", np.int64(3), Fraction(3)),
        ("most", np.linspace(1.1, 1.5, 5)[1], Fraction("1.2000000000000002")),
        ("most", 0.1, Fraction(1, 10)),
        ("most", Fraction(1, 3), Fraction(1, 3)),
        ("ready", np.True_, True),
        ("ready", np.bool_(False), False),
        ("start", date(1970, 1, 2), Fraction(86_400)),
        ("start", datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=1))), Fraction(3600)),
        ("start", datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC), 1_767_225_600 + Fraction(1, 10**6)),
        ("start", np.datetime64("1970-01-02"), Fraction(86_400)),
    ],
)
def test_params_as_python_has_them(policy: softliq.Policy, name: str, given: object, value: object) -> None:
    params = softliq.evaluate(policy, book_of(policy), {name: given}).evaluation.params
    assert (params[name], type(params[name])) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("most", np.float64("nan")), ("most", float("inf")), ("most", True), ("most", np.True_), ("most", [1.3]),
        ("most", None), ("most", 1j), ("most", np.array([1.0, 2.0])), ("most", date(2026, 1, 1)), ("ready", 1),
        ("start", datetime(2026, 1, 1)), ("start", 5), ("start", np.datetime64("NaT")),
    ],
)  # fmt: skip
def test_params_that_are_none(policy: softliq.Policy, name: str, given: object) -> None:
    """A time without a zone is no date: it would be another one on each machine."""
    with pytest.raises(softliq.ParamError, match=f"is not a value for `{name}`"):
        softliq.evaluate(policy, book_of(policy), {name: given})


MIDNIGHT = datetime(2026, 6, 30)
EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    "as_of", ["2026-06-30", MIDNIGHT.date(), MIDNIGHT, datetime(2026, 6, 30, 2, tzinfo=EAST)], ids=str
)
def test_the_instant_of_a_snapshot(policy: softliq.Policy, tmp_path: Path, as_of: Any) -> None:
    assert softliq.read_snapshot(tmp_path, policy, as_of=as_of).as_of == 1_782_777_600
    assert softliq.index_snapshot(tmp_path, policy, as_of=as_of).book.as_of == 1_782_777_600
    assert softliq.book_of(policy, {"account": {"account": ["a"], "cash": [1]}}, as_of).as_of == 1_782_777_600
    streamed = softliq.evaluate_stream(policy, tmp_path, as_of=as_of)
    assert streamed.summary()["snapshot"]["as_of"] == "2026-06-30T00:00:00Z"


def test_an_instant_that_is_none(policy: softliq.Policy, tmp_path: Path) -> None:
    with pytest.raises(softliq.SnapshotError, match="`soon` is no instant"):
        softliq.read_snapshot(tmp_path, policy, as_of="soon")


@pytest.mark.parametrize(
    ("cash", "said"),
    [
        (np.ones((1, 1)), "an array of 2 dimensions"), (np.array(5.0), "one value|0 dimensions"),
        ({5}, "values without an order"), ({0: 5}, "values without an order"), (5, "one value"), ("5", "one value"),
        ([[5]], "a value that is a collection"), ([5, 6], "columns of different length"),
    ],
)  # fmt: skip
def test_columns_that_are_none(policy: softliq.Policy, cash: Any, said: str) -> None:
    with pytest.raises(softliq.SnapshotError, match=said):
        book_of(policy, cash=cash)


def test_a_table_that_is_none(policy: softliq.Policy) -> None:
    tables: Any = {"account": None}
    with pytest.raises(softliq.SnapshotError, match="account: no table"):
        softliq.book_of(policy, tables)
    arrow = pa.table({"account": ["a"], "cash": [1]})
    assert softliq.book_of(policy, {"account": arrow}, "2026-06-30").tables["account"].rows == 1


def test_arguments_in_another_order_or_of_another_kind(policy: softliq.Policy, tmp_path: Path) -> None:
    wrong: Any = tmp_path
    with pytest.raises(TypeError, match="a policy is evaluated over a book, as read_snapshot gives it"):
        softliq.evaluate(policy, wrong)
    book, column, format = book_of(policy), "account.health", "xml"
    with pytest.raises(TypeError, match=r"columns are given as a list: \['account.health'\]"):
        softliq.evaluate(policy, book, columns=column)
    results = softliq.evaluate(policy, book)
    with pytest.raises(ValueError, match="'xml' is no format of results: parquet, csv, json"):
        softliq.write_outputs(results, tmp_path / "out", format)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
