"""The part of a policy that a column needs: without all else it comes to the same."""

from pathlib import Path

import pytest

import softliq
from dsl.model import Policy, Read
from dsl.params import resolve_params
from dsl.slice import sliced
from evaluator.plain import moment_of
from evaluator.run import evaluate
from tests.test_fast import _differ
from tests.test_gallery import POLICIES, SHIPPED, name

MOST = 4  # columns of a policy that are looked at


def alone(policy: Policy, entity: str, column: str) -> Policy:
    return sliced(policy, [Read(entity, column, type=policy.type_of(entity, column))], entity)


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_a_column_alone(path: Path) -> None:
    policy = softliq.load_policy(path)
    book = softliq.read_snapshot(POLICIES / "snapshots" / path.stem, policy)
    params = resolve_params(policy, None if book.as_of is None else moment_of(book.as_of))
    whole = evaluate(policy, book, params)
    for entity, column in policy.order[:: max(1, len(policy.order) // MOST)]:
        found = evaluate(alone(policy, entity, column), book, params, wanted=[(entity, column)])
        assert _differ(found.columns[entity][column], whole.columns[entity][column]) == []


POLICY = """policy "p" version 1
unit USD
entity account:
  cash : USD
  a = cash * 2
  b = a + cash
  c = b * 2
  d = cash
tiers account:
  | d >=  | tier |
  | 1 USD | fine |
  | other | low  |
  | unknown | hold |
"""


def test_what_nothing_needs_goes(tmp_path: Path) -> None:
    path = tmp_path / "p.policy"
    path.write_text(POLICY, "utf-8")
    made = alone(softliq.load_policy(path), "account", "b")
    assert list(made.entities["account"].formulas) == ["a", "b"]
    assert (made.order, made.tiers) == ((("account", "a"), ("account", "b")), {})
