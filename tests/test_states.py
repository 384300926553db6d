"""The state after the tiers' actions, scenarios and `until`: against plain Python that knows nothing of rewriting."""

from dataclasses import replace

import numpy as np
import pytest

import softliq
from dsl.check import check
from dsl.diagnostics import Diagnostics
from dsl.model import Policy
from dsl.params import ParamError, resolve_params
from dsl.parse import parse
from dsl.shock import with_scenario
from dsl.source import Source
from evaluator.reference import Reference
from evaluator.results import Results
from evaluator.run import evaluate
from evaluator.snapshot import book_of

POLICY = """policy "Lending" effective 2026-12-01

unit USD

entity account:
  cash   : USD
  debt   : USD >= 0
  margin = slices(debt)
  equity = cash - debt
  health = if margin > 0 then equity / margin else infinite

table slices(debt: USD):
  | debt >= | margin marginal |
  | 0       | 2%              |
  | 1000    | 5%              |
  | 5000    | 20%             |

param target : ratio in 110% to 400% = 200%

tiers account:
  | health >= | tier    | close                         | fee |
  | 200%      | healthy | 0%                            | 0%  |
  | 100%      | delever | until after.health >= target  | 1%  |
  | other     | shut    | 100%                          | 2%  |
  | unknown   | hold    | 0%                            | 0%  |

effect:
  account.cash becomes cash - close * debt - fee * close * debt
  account.debt becomes debt * (1 - close)

scenario crash:
  account.cash becomes cash * 90%

scenario fall(move: ratio):
  account.cash becomes cash * (1 - move)
  target       becomes 150%
"""


def policy_of(text: str) -> Policy:
    report = Diagnostics()
    policy = check(parse(Source("case.policy", text), report), report)
    assert policy is not None, [(d.code, d.message) for d in report.found]
    return policy


def evaluated(accounts: list[tuple[str, str]], scenario: str | None = None, text: str = POLICY) -> softliq.Results:
    policy = policy_of(text)
    book = book_of(policy, {
        "account": {
            "account": [f"a{i}" for i in range(len(accounts))],
            "cash": [c for c, _ in accounts], "debt": [d for _, d in accounts],
        }
    })  # fmt: skip
    if scenario is None:
        return softliq.evaluate(policy, book)
    shocked, params = with_scenario(policy, {"target": policy.params["target"].value or 0}, scenario)
    return Results(evaluate(shocked, book, params))


def margin(debt: float) -> float:
    return 0.02 * min(debt, 1000) + 0.05 * max(0, min(debt, 5000) - 1000) + 0.2 * max(0, debt - 5000)


def after(cash: float, debt: float, close: float, fee: float) -> tuple[float, float]:
    return cash - close * debt - fee * close * debt, debt * (1 - close)


def health(cash: float, debt: float) -> float:
    return (cash - debt) / margin(debt) if margin(debt) > 0 else np.inf


ACCOUNTS = [("20000", "8000"), ("9200", "8000"), ("8900", "8000"), ("9500", "8200"), ("1030", "1000"), ("500", "600")]


def test_the_state_after_is_what_the_effect_makes_of_the_book() -> None:
    found = evaluated(ACCOUNTS)
    close, fee = (found.column("account", c).values for c in ("close", "fee"))
    for i, (cash, debt) in enumerate(ACCOUNTS):
        new_cash, new_debt = after(float(cash), float(debt), close[i], fee[i])
        assert found.column("account", "after.cash").values[i] == pytest.approx(new_cash, rel=1e-12)
        assert found.column("account", "after.debt").values[i] == pytest.approx(new_debt, rel=1e-12)
        assert found.column("account", "after.margin").values[i] == pytest.approx(margin(new_debt), rel=1e-9, abs=1e-9)
        assert found.column("account", "health").values[i] == pytest.approx(health(float(cash), float(debt)))


def test_until_is_the_smallest_close_that_is_enough_across_brackets() -> None:
    found = evaluated(ACCOUNTS)
    labels = found.policy.tiers["account"].labels
    asked = [i for i, t in enumerate(found.column("account", "tier").values) if labels[t] == "delever"]
    assert len(asked) >= 3
    for i in asked:
        cash, debt = map(float, ACCOUNTS[i])
        close = found.column("account", "close").values[i]
        assert health(*after(cash, debt, close, 0.01)) >= 2 - 1e-12
        assert health(*after(cash, debt, close - 1e-9, 0.01)) < 2
        before = 1 - ((cash - debt) / 2) / margin(debt)  # the naive share, at today's average rate: too much
        assert abs(close - before) > 1e-3


def test_what_is_never_enough_takes_the_most_and_is_named() -> None:
    text = POLICY.replace("close                         |", "close : ratio in 0% to 10%    |").replace(
        "| other     | shut    | 100% ", "| other     | shut    | 10%  "
    )
    found = evaluated([("9200", "8000"), ("20000", "8000")], text=text)
    assert found.column("account", "close").values.tolist() == [0.1, 0.0]
    assert found.unmet == {"account.close": ["a0"]}
    assert found.summary()["until_unmet"] == {"account.close": ["a0"]}


SCENARIOS = [("crash", 0.9, 2.0), ("fall(10%)", 0.9, 1.5), ("fall(0)", 1.0, 1.5)]


@pytest.mark.parametrize(("scenario", "factor", "target"), SCENARIOS)
def test_a_scenario_comes_before_everything_else(scenario: str, factor: float, target: float) -> None:
    found = evaluated(ACCOUNTS, scenario)
    for i, (cash, debt) in enumerate(ACCOUNTS):
        wanted = health(float(cash) * factor, float(debt))
        assert found.column("account", "health").values[i] == pytest.approx(wanted, rel=1e-12)
        label = "healthy" if wanted >= 2 else "delever" if wanted >= 1 else "shut"
        assert found.policy.tiers["account"].labels[found.column("account", "tier").values[i]] == label
        if label == "delever":
            assert found.column("account", "after.health").values[i] >= target - 1e-12


def test_the_reference_says_the_same_of_every_column() -> None:
    found = evaluated([*ACCOUNTS, ("", "5"), ("7", "-1")]).evaluation
    reference = Reference(found.policy, found.book, found.params)
    for entity, name in found.policy.order:
        column = found.column(entity, name)
        for row in range(len(column.values)):
            exact = reference.cell(entity, name, row)
            if isinstance(exact, str):
                assert found.policy.tiers[entity].labels[column.values[row]] == exact
            elif column.known()[row]:
                assert float(column.values[row]) == pytest.approx(float(exact), rel=1e-12)  # type: ignore[arg-type]
            else:
                assert column.quality is not None
                assert exact.code == column.quality[row]  # type: ignore[union-attr]


def test_a_policy_without_until_is_evaluated_as_it_is() -> None:
    policy = policy_of(POLICY.replace("until after.health >= target ", "50%"))
    assert replace(policy) == policy
    assert not any(name.startswith("until.") for _, name in policy.order)


def test_an_answer_that_is_a_short_decimal_is_that_decimal() -> None:
    text = (
        POLICY.replace("fee |\n", "fee |\n", 1)
        .replace("| 5000    | 20%             |\n", "")
        .replace("| 1000    | 5%              |\n", "")
    )
    found = evaluated([("1030", "1000"), ("1024", "1000")], text=text.replace("- fee * close * debt", ""))
    # equity 30 and margin 20 * (1 - close): enough is 20 * (1 - close) <= 15
    assert found.column("account", "close").values.tolist() == [0.25, 0.4]


def test_no_param_is_larger_than_any_number() -> None:
    text = POLICY.replace("target       becomes 150%", "reach        becomes 1e300 * 1e300")
    text += '\nparam reach : number = 3\ncheck "far": reach > 1\n'
    help = "the largest is about 1.8e+308"
    with pytest.raises(ParamError) as raised:
        evaluated(ACCOUNTS, "fall(1%)", text)
    assert raised.value.problems == [("`fall` makes `reach` larger than any number", help)]
    with pytest.raises(ParamError) as raised:
        resolve_params(policy_of(text), overrides={"reach": 10**309})
    assert raised.value.problems == [(f"`{10**309}` is larger than any number", help)]


def test_a_scenario_makes_no_point_infinite() -> None:
    text = POLICY.replace("target       becomes 150%", "reach        becomes infinite")
    text += "\nparam reach : ratio >= 2 = 3\n"
    text += "curve c(x: ratio) step, flat outside:\n  | x | c |\n  | 1 | 0 |\n  | reach | 1 |\n"
    with pytest.raises(ParamError) as raised:
        evaluated(ACCOUNTS, "fall(1%)", text)
    said = "`fall` makes `reach` infinite, which can't be: it makes a point of `c`"
    assert raised.value.problems == [(said, "give it a finite value")]


def test_a_scenario_keeps_a_param_in_its_range() -> None:
    text = POLICY.replace("target       becomes 150%", "target       becomes 100% + move * 100")
    assert evaluated(ACCOUNTS, "fall(1%)", text).evaluation.params["target"] == 2
    with pytest.raises(ParamError) as raised:
        evaluated(ACCOUNTS, "fall(10%)", text)
    assert raised.value.problems == [
        ("`fall` makes `target` 1100%, which is outside its range", "it must be in 110% to 400%")
    ]
