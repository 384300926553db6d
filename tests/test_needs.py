"""What a column needs of its policy: without all else it comes to the same."""

from pathlib import Path

import pytest

import softliq
from dsl.params import resolve_params
from evaluator.needs import only_for
from evaluator.plain import moment_of
from evaluator.run import evaluate
from tests.test_fast import _differ
from tests.test_gallery import POLICIES, SHIPPED, name

MOST = 4  # columns of a policy that are looked at


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_a_column_alone(path: Path) -> None:
    policy = softliq.load_policy(path)
    book = softliq.read_snapshot(POLICIES / "snapshots" / path.stem, policy)
    params = resolve_params(policy, None if book.as_of is None else moment_of(book.as_of))
    whole = evaluate(policy, book, params)
    cells = [(e, c) for e, c in policy.order if c in policy.entities[e].formulas]
    for entity, column in cells[:: max(1, len(cells) // MOST)]:
        alone = only_for(policy, [(entity, column)])
        assert sum(len(e.formulas) for e in alone.entities.values()) <= len(cells)
        found = evaluate(alone, book, params, wanted=[(entity, column)])
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


def test_formulas_that_nothing_needs_go(tmp_path: Path) -> None:
    path = tmp_path / "p.policy"
    path.write_text(POLICY, "utf-8")
    made = only_for(softliq.load_policy(path), [("account", "b")])
    assert list(made.entities["account"].formulas) == ["a", "b", "d"]
    assert made.order == (("account", "a"), ("account", "b"), ("account", "d"), ("account", "tier"))
