"""What `check` proves of a policy: ranges hold on every book, rows are reached, brackets join up."""

import json
import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from dsl import model
from dsl.check import check
from dsl.decide import decide
from dsl.diagnostics import Diagnostics
from dsl.load import load
from dsl.model import Kind
from dsl.params import resolve_params
from dsl.parse import parse
from dsl.ranges import Definitions, Ranges
from dsl.source import Source
from evaluator.reference import Reference
from evaluator.run import evaluate
from tests.conftest import Softliq
from tests.generators import Case, cases
from tests.test_compiled_equals_reference import EXAMPLES, compiled
from tests.test_venues import DATA as REAL

DATA = REAL / "binance_usdm_brackets.csv"


def found(text: str) -> tuple[model.Policy | None, list[str]]:
    report = Diagnostics()
    policy = check(parse(Source("case.policy", text), report), report)
    return policy, [d.code for d in report.found]


# -- ranges -----------------------------------------------------------------------------------


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="SOFTLIQ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example],
)
@given(cases())
def test_every_value_lies_in_the_range_of_its_formula(case: Case) -> None:
    policy, book = compiled(case)
    book = evaluate(policy, book, resolve_params(policy)).book  # with its groups formed
    reference = Reference(policy, book, resolve_params(policy))
    for entity, found_entity in policy.entities.items():
        for formula in found_entity.formulas.values():
            for row in range(book.tables[entity].rows if formula.type.kind is Kind.NUMBER else 0):
                value = reference.cell(entity, formula.name, row)
                if isinstance(value, Fraction | float):
                    assert formula.range.holds(value), (entity, formula.name, row, value, formula.range)


CONDITIONS = [
    ("x > 5", None), ("x > 10", False), ("x >= 10", None), ("x >= 0", True), ("x > 0", None), ("x < 0", False),
    ("x <= 10", True), ("x = 11", False), ("x != 11", True), ("x = 10", None), ("y > x", True), ("y >= 20", True),
    ("x >= y", False), ("not x > 10", True), ("x > 5 and x < 3", False), ("x > 5 or x <= 5", True),
    ("x > 5 and y > 0", None), ("x > 11 or y > 29", None), ("x > 11 or y > 30", False),
    ("x > 11 or y < 20", False), ("yes", True), ("f", None),
    ("x > p", None), ("x > p + 9", False), ("p >= 1 and x >= 0", True), ("z > 3", None), ("d > 2026-01-01", None),
    ("d >= 2025-01-01", True), ("x < infinite", True), ("1 / z > 0 or z * z >= 0", True),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "wanted"), CONDITIONS, ids=[c for c, _ in CONDITIONS])
def test_what_a_condition_comes_to(condition: str, wanted: bool | None) -> None:
    policy, codes = found(
        'policy "p"\nparam p : number in 1 to 2 = 1\nentity e:\n  x : number in 0 to 10\n  y : number in 20 to 30\n'
        f"  z : number\n  f : flag\n  d : date >= 2025-01-01\n  c = {condition}\n"
    )
    assert policy is not None, codes
    e = policy.entities["e"]
    definitions = Definitions(policy.params, {}, {}, {"e": e.inputs}, {}, {})
    assert decide(Ranges(definitions, Diagnostics()), e.formulas["c"].value) is wanted


# -- rows of tiers ----------------------------------------------------------------------------

TIERS = """policy "p"
entity account:
  used : ratio in 0% to 100%

tiers account:
  | used >= | tier  | close |
  | 50%     | tight | 10%   |
  | 0%      | calm  | 0%    |
{other}  | unknown | hold  | 0%    |
{more}"""


def test_other_may_be_left_out_where_the_bounds_take_everything() -> None:
    policy, codes = found(TIERS.format(other="", more=""))
    assert (policy is not None, codes) == (True, [])


@pytest.mark.parametrize(
    "shock",
    [
        "scenario worse:\n  account.used becomes used * 2\n",
        "grid moves:\n  shift in -200%, 100%\n  account.used becomes used + shift\n",
    ],
)
def test_a_value_that_a_shock_writes_may_lie_anywhere(shock: str) -> None:
    """Values that `becomes` writes are not tested, so a row may be reached there alone."""
    assert found(TIERS.format(other="  | other   | shut  | 100%  |\n", more=shock))[1] == []
    assert found(TIERS.format(other="", more=shock))[1] == ["E437"]


def test_nested_conditions_are_analysed_in_no_time() -> None:
    condition = "x > 0"
    for _ in range(20):
        condition = f"(if {condition} then x else 1) > 0"
    policy, codes = found(f'policy "p"\nentity e:\n  x : number\n  f = if {condition} then 1 else 2\n')
    assert policy is not None, codes


# -- brackets by amounts ----------------------------------------------------------------------


def brackets_of(folder: Path, csv: str) -> list[str]:
    (folder / "b.csv").write_text(csv)
    (folder / "p.policy").write_text(
        'policy "p"\nunit USD\nentity position:\n  market : text\n  notional : USD >= 0\n'
        "  m = notional * b.rate(market, notional) - b.amount(market, notional)\n"
        'table b(market, notional: USD) from "b.csv":\n'
        '  | market = | notional >= "notional_from" | rate "maintenance_rate" '
        '| amount continuous : USD "maintenance_amount" |\n'
    )
    report = Diagnostics()
    check(load(folder / "p.policy", report).file, report)
    return [d.message for d in report.found]


@pytest.mark.skipif(not DATA.exists(), reason="the real brackets are not here")
def test_the_published_brackets_of_a_venue_join_up(tmp_path: Path) -> None:
    """2,456 bounds of 349 contracts, exactly. Source: Binance USD-M leverage brackets, as kept by freqtrade."""
    text = DATA.read_text()
    assert brackets_of(tmp_path, text) == []
    lines = text.splitlines()
    lines[2] = lines[2].rpartition(",")[0] + ",51"  # 1000BONK/USDC from 5,000 USD on: 50 in truth
    assert brackets_of(tmp_path, "\n".join(lines)) == [
        "`rate * notional - amount` jumps by -1 USD at 5000 USD, and at 1 more bound"
    ]


# -- what a reviewer sees ---------------------------------------------------------------------


def test_the_ranges_are_shown(tmp_path: Path, softliq: Softliq) -> None:
    path = tmp_path / "p.policy"
    path.write_text(TIERS.format(other="", more="").replace("to 100%\n", "to 100%\n  left_over = 1 / (1 + used)\n"))
    assert softliq("check", str(path), "--ranges").out == (
        f"{path}: no errors\n\n"
        "column             range         unit\n"
        "account.left_over  in 0.5 to 1\n"
        "account.close      in 0% to 10%\n"
    )
    shown = json.loads(softliq("check", str(path), "--ranges", "--format", "json").out)
    assert shown["diagnostics"] == []
    assert shown["ranges"][1] == {"column": "account.close", "range": "in 0% to 10%", "unit": ""}
