"""Explanations, whole, and the words for where an unknown began."""

import json
from pathlib import Path
from typing import Any

import pytest

from dsl.causes import Cause
from dsl.check import check
from dsl.diagnostics import Diagnostics
from dsl.model import Policy
from dsl.params import resolve_params
from dsl.parse import parse
from dsl.source import Source
from evaluator.book import Book
from evaluator.columns import origin_code
from evaluator.explain import as_data, explain
from evaluator.explain_calls import MOST_MEMBERS
from evaluator.origins import describe_origin
from evaluator.reference import Reference
from evaluator.snapshot import book_of

CASES = Path(__file__).parent / "cases" / "explain"
AS_OF = "2026-12-01T00:00:00Z"
TABLES: dict[str, dict[str, list[str]]] = {
    "market": {
        "market": ["BTC", "ETH", "XRP"],
        "mark": ["50000", "2000", "0.5"],
        "mark_at": [AS_OF, "2026-11-30T23:59:00Z", AS_OF],
        "volatility": ["0.6", "0.9", "6"],
    },
    "account": {"account": ["trimmed", "stale", "empty", "range"], "collateral": ["4250", "100", "1", "7"]},
    "position": {
        "position": ["p1", "p2", "p3"],
        "account": ["trimmed", "stale", "range"],
        "market": ["BTC", "ETH", "XRP"],
        "size": ["1", "-2.5", "10"],
        "entry": ["54000", "1900", "0.4"],
        "funding": ["", "0.5", "x"],
    },
}


def policy_of(text: str) -> Policy:
    report = Diagnostics()
    policy = check(parse(Source("perpetuals.policy", text), report), report)
    assert policy is not None, report.found
    return policy


@pytest.fixture(scope="module")
def reference() -> Reference:
    policy = policy_of((CASES / "perpetuals.policy").read_text("utf-8"))
    return Reference(policy, book_of(policy, TABLES, as_of=AS_OF), resolve_params(policy, policy.effective))


@pytest.mark.parametrize("row", range(4))
def test_the_whole_explanation(reference: Reference, row: int) -> None:
    made = as_data(explain(reference, "account", row))
    golden = CASES / f"{made['key']}.json"
    assert json.dumps(made, indent=1, ensure_ascii=False, allow_nan=False) + "\n" == golden.read_text("utf-8")


LONG = """policy "long"
entity account:
  a0 : number
{formulas}
entity item:
  account : account
  x : number
"""


def long_book(policy: Policy, members: int) -> Book:
    items = [str(i) for i in range(members)]
    return book_of(policy, {"account": {"account": ["one"], "a0": ["1"]},
                            "item": {"item": items, "account": ["one"] * members, "x": items}})  # fmt: skip


def steps_of(step: dict[str, Any]) -> list[dict[str, Any]]:
    return [step, *(inner for part in step.get("parts", ()) for inner in steps_of(part))]


def test_a_cell_is_explained_once_and_long_chains_are_cut() -> None:
    formulas = "\n".join(f"  a{i} = a{i - 1} + a{i - 1} * 2" for i in range(1, 200))
    policy = policy_of(LONG.format(formulas=formulas))
    made = as_data(explain(Reference(policy, long_book(policy, 1), {}), "account", 0))
    found = [s for formula in reversed(made["formulas"]) for s in steps_of(formula)]
    assert len(found) < 2_000
    assert any(s.get("again") for s in found)


def test_an_aggregate_shows_its_largest_members() -> None:
    policy = policy_of(LONG.format(formulas="  total = sum(item.x where item.x > 2)"))
    made = as_data(explain(Reference(policy, long_book(policy, 20), {}), "account", 0))
    (aggregate,) = made["formulas"][0]["parts"]
    assert aggregate["members"] == 17
    assert [m["key"] for m in aggregate["parts"]] == ["19", "18", "17", "16", "15"][:MOST_MEMBERS]


# cause, entity number, column number, row, text
ORIGINS = [
    (Cause.STALE, 0, 0, 1, "stale: `market.mark` of `ETH` is `2000`"),
    (Cause.NOT_A_VALUE, 2, 4, 2, "not a number: `position.funding` of `p3` is `x`"),
    (Cause.BLANK, 2, 4, 0, "blank: `position.funding` of `p1`"),
    (Cause.DIVISION, 1, 0, 2, "division by zero in account `empty`"),
    (Cause.DIVISION, 3, 0, 0, "division by zero"),
    (Cause.NO_ROW, 2, 0, 1, "no row in table `brackets` in position `p2`"),
    (Cause.OUTSIDE, 1, 0, 0, "outside curve `penalty` in account `trimmed`"),
    (Cause.CELL_RANGE, 1, 1, 0, "outside the column's stated range: `account.fee` of `trimmed`"),
]


@pytest.mark.parametrize(("cause", "entity", "column", "row", "text"), ORIGINS)
def test_origins_in_words(reference: Reference, cause: Cause, entity: int, column: int, row: int, text: str) -> None:
    code = origin_code(cause, entity, column, row)
    assert describe_origin(reference.policy, reference.book, code).text == text
