"""`until`: the compiled search against the reference's own, and where a formula or a scan would be wrong."""

import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import softliq
from dsl.diagnostics import Diagnostics
from dsl.until import on_trial
from evaluator.reference_until import smallest
from evaluator.run import evaluate
from evaluator.snapshot import book_of
from evaluator.tries import Tries
from evaluator.until import with_lowest
from tests.conftest import ROOT
from tests.test_states import POLICY, policy_of

CONDITIONS = [
    "after.health >= target",
    "after.equity >= after.margin * 120% and after.debt <= 5000 USD",
    "after.cash <= 4000 USD",
    "max(after.margin, 15 USD) <= 60 USD or after.debt < 100 USD",
    "abs(after.equity - 100 USD) <= 5 USD",
    "clamp(after.debt, 1000 USD, 3000 USD) <= 2500 USD",
    "after.health >= 130% and after.health <= 131%",  # for a while only, maybe between two steps of a scan
    "(if after.debt > 1000 USD then after.margin / after.debt else 0) < 3%",
]
CURVED = ["exp(-after.debt / 1000 USD) >= 5%", "after.debt * after.equity <= 100000 USD * 1 USD"]
EFFECTS = ["cash - close * debt - fee * close * debt", "cash - close * debt", "max(0, cash - close * debt * 1.05)"]


@st.composite
def policies(draw: st.DrawFn) -> str:
    text = POLICY.replace("after.health >= target ", draw(st.sampled_from(CONDITIONS)))
    text = text.replace(EFFECTS[0], draw(st.sampled_from(EFFECTS)))
    for rate in ("2% ", "5% ", "20%"):
        text = text.replace(f"| {rate} ", f"| {draw(st.integers(1, 30))}% ")
    return text


ROWS = st.lists(st.tuples(st.integers(0, 90_000), st.integers(1, 80_000)), min_size=1, max_size=6)


def values_and_smallest(text: str, rows: list[tuple[str, str]]) -> list[tuple[float, Fraction | None, bool]]:
    """Of each row that asks: what was found, what is right, and whether it is said that none was enough."""
    policy = policy_of(text)
    book = book_of(policy, {
        "account": {
            "account": [f"a{i}" for i in range(len(rows))], "cash": [c for c, _ in rows], "debt": [d for _, d in rows],
        }
    })  # fmt: skip
    params = {"target": policy.params["target"].value or 0}
    found = evaluate(policy, book, params)
    tried, (trial,) = on_trial(policy, Diagnostics())
    lowest = with_lowest(book, (trial,))
    asks = found.column("account", "tier").values == policy.tiers["account"].labels.index(trial.label)
    close, unmet = found.column("account", "close").values, found.unmet["account", "close"]
    return [
        (float(close[row]), smallest(tried, lowest, params, trial, row), bool(unmet[row]))
        for row in np.flatnonzero(asks).tolist()
    ]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(policies(), ROWS)
def test_the_smallest_is_found(text: str, rows: list[tuple[int, int]]) -> None:
    cells = [(str(cash), str(debt)) for cash, debt in rows]
    cells += [(str(d + (i * d) // 40), str(d)) for i, (_, d) in enumerate(rows)]
    for got, right, unmet in values_and_smallest(text, cells):
        assert unmet is (right is None)
        if right is not None:
            assert right <= Fraction(repr(got)) <= right + Fraction(1, 10**12)


@pytest.mark.parametrize("condition", CURVED)
def test_what_curves_is_scanned(condition: str) -> None:
    text = POLICY.replace("after.health >= target ", condition)
    found = values_and_smallest(text, [("9200", "8000"), ("8900", "8000"), ("9500", "8200")])
    assert found
    for got, right, unmet in found:
        assert unmet is (right is None)
        if right is not None:
            assert got == pytest.approx(float(right), abs=1e-12)


# 9,200 of cash, 8,000 of debt: equity 1,200. Margin is 20 + 200 + 20% of the debt beyond 5,000: 820 today, and the
# naive share, all of it at today's average rate, is 1 - 600 / 820 = 26.8%. But what is repaid leaves the bracket of
# 20%: 220 + 0.2 * (3000 - 8000 c) = 600 gives c = 1100 / 8000 = 13.75%, without a fee.
def test_a_bracket_changes_on_the_way_down() -> None:
    text = POLICY.replace("- fee * close * debt", "")
    ((got, right, _),) = values_and_smallest(text, [("9200", "8000")])
    assert right == Fraction(11, 80)
    assert got == 0.1375
    # and one bracket further: equity 840 wants a margin of 210, 20 + 5% * (debt - 1000), so a debt of 4800: 40%
    ((got, right, _),) = values_and_smallest(text.replace("= 200%", "= 400%"), [("8840", "8000")])
    assert right == Fraction(2, 5)
    assert got == 0.4


def test_what_holds_only_between_two_steps_of_a_scan_is_found() -> None:
    text = POLICY.replace("after.health >= target ", "after.debt <= 7004 USD and after.debt >= 7000 USD")
    ((got, right, unmet),) = values_and_smallest(text, [("9200", "8000")])
    assert right == Fraction(996, 8000)
    assert got == 0.1245
    assert not unmet


def test_rows_exactly_on_a_bound_are_decided_once(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = policy_of(POLICY)
    count = 300
    debts = [f"{100 + i * 0.3:.1f}" for i in range(count)]
    cash = [f"{float(Fraction(d) * Fraction(102, 100)):.10f}" for d in debts]  # health is 100%, but not in floats
    book = book_of(policy, {"account": {"account": [f"a{i}" for i in range(count)], "cash": cash, "debt": debts}})
    asked = []
    original = Tries._start

    def start(self: Tries, *args: object) -> object:
        asked.append(args)
        return original(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Tries, "_start", start)
    began = time.perf_counter()
    found = evaluate(policy, book, {"target": Fraction(2)})
    assert time.perf_counter() - began < 10  # one decision takes half a millisecond; in every try it took minutes
    assert found.decided["account"] == count
    assert np.all(found.column("account", "close").values > 0.5)
    assert len(asked) == 2  # the tier, and the condition


# 7 of a market at 3 bought at 50,000 leave 0.1 of 349,979.1; margin is 0.5 % of 21. By how much to shrink until
# equity, less 5 % of the margin closed, is 125 % of the margin: (125 % * 0.105 - 0.1) / (0.105 * 120 %) = 125 / 504.
def test_large_amounts_that_all_but_cancel() -> None:
    policy = softliq.load_policy(ROOT / "policies" / "models" / "target_health.policy")
    book = book_of(
        policy,
        {
            "market": {"market": ["BTC"], "mark": ["3"]},
            "account": {"account": ["a"], "collateral": ["349979.1"]},
            "position": {"position": ["p"], "account": ["a"], "market": ["BTC"], "size": ["7"], "entry": ["50000"]},
        },
    )
    close = softliq.evaluate(policy, book).evaluation.column("account", "close").values[0]
    assert Fraction(125, 504) <= Fraction(repr(float(close))) <= Fraction(125, 504) + Fraction(1, 10**12)
