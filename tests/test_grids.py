"""Grids: `over` against shocks applied one at a time, against the reference, in bounded memory, and `eval --grid`."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from dsl.grids import move_values
from dsl.model import Policy, Scenario
from dsl.params import resolve_params
from dsl.state import shocked
from evaluator.book import Book
from evaluator.columns import KNOWN
from evaluator.evaluation import Evaluation
from evaluator.lower import lower
from evaluator.places import Unknown
from evaluator.plan import plan
from evaluator.reference import Reference
from evaluator.run import evaluate
from evaluator.testing import run_tests
from tests.conftest import Softliq
from tests.evaluator_models import compiled, evaluated

BOOK = """policy "grids"
unit USD

param big : ratio in 0% to 50% = 10%

entity market:
  unit asset
  mark : USD/asset > 0
  volatility : ratio in 0% to 300%

entity account:
  cash : USD
  equity = cash + sum(position.value)
  margin = sum(position.margin)
  health = if margin > 0 then equity / margin else infinite
  untouched = cash * 2
{account}
entity position:
  account : account
  market  : market
  size    : market.asset
  value   = size * market.mark
  margin  = abs(value) * 5% * (1 + market.volatility)
{position}
tiers account:
  | health >= | tier | close |
  | 200%      | fine | 0%    |
  | 100%      | trim | 50%   |
  | other     | shut | 100%  |
  | unknown   | hold | 0%    |

grid named:
  | move      | price    | weight |
  | up 5      | 5%       | 100%   |
  | down 5    | -5%      | 100%   |
  | far below | -big * 3 | 35%    |
  market.mark becomes mark * (1 + price)

grid axes "all combinations":
  move in -15% to 15% by 5%
  vol in -25%, 25%
  market.mark       becomes mark * (1 + move)
  market.volatility becomes volatility * (1 + vol)

grid still:
  times in 1, 2, 3
{more}"""

TABLES: dict[str, dict[str, list[str]]] = {
    "market": {"market": ["BTC", "ETH"], "mark": ["100", "7.3"], "volatility": ["0.5", "0.6"]},
    "account": {"account": ["a", "b", "c", "d"], "cash": ["100", "", "3", "9"]},
    "position": {
        "position": ["p1", "p2", "p3", "p4"],
        "account": ["a", "a", "c", "b"],
        "market": ["BTC", "ETH", "ETH", "BTC"],
        "size": ["1", "-2", "-3.3", "1"],
    },
}


def policy_of(account: str = "", position: str = "", more: str = "") -> str:
    lines = "".join(f"  {line}\n" for line in account.splitlines()), "".join(f"  {x}\n" for x in position.splitlines())
    return BOOK.format(account=lines[0], position=lines[1], more=more)


def run(account: str = "", position: str = "", more: str = "") -> Evaluation:
    return evaluated(policy_of(account, position, more), TABLES)


def moved(policy: Policy, book: Book, grid: str) -> list[Evaluation]:
    """The whole policy evaluated over the book as each move makes it: `over` written out."""
    found = policy.grids[grid]
    scenario = Scenario(grid, (), found.lines, {}, "")
    params = resolve_params(policy)
    return [evaluate(shocked(policy, scenario, args), book, params) for args in move_values(found, params)]


def values(evaluation: Evaluation, entity: str, name: str) -> list[Any]:
    """Numbers, labels, flags; None where unknown."""
    column = evaluation.columns[entity][name]
    labels = evaluation.policy.type_of(entity, name).labels
    return [
        (labels[int(v)] if labels else v.item()) if known else None
        for v, known in zip(column.values, column.known(), strict=True)
    ]


FOLDS = {"min": np.min, "max": np.max, "mean": np.mean, "sum": np.sum}


@pytest.mark.parametrize("grid", ["named", "axes", "still"])
@pytest.mark.parametrize("column", ["equity", "margin", "health", "close"])
def test_over_is_the_fold_of_the_policy_over_each_shocked_book(grid: str, column: str) -> None:
    folds = [*FOLDS, "argmin", "argmax"]
    if column == "health":  # infinite where there is no margin: no sum
        folds = ["min", "max", "argmin", "argmax"]
    found = run("\n".join(f"{fold}_ = {fold}({column} over {grid})" for fold in folds))
    each = [e.columns["account"][column] for e in moved(found.policy, found.book, grid)]
    table = np.array([c.values for c in each])
    known = np.array([c.known() for c in each]).all(axis=0)
    names = [m.name for m in found.policy.grids[grid].moves]
    for fold in folds:
        got = values(found, "account", f"{fold}_")
        if fold.startswith("arg"):
            picks = (np.argmin if fold == "argmin" else np.argmax)(table, axis=0)
            assert got == [names[p] if k else None for p, k in zip(picks, known, strict=True)], fold
        else:
            wanted = FOLDS[fold](table, axis=0)
            assert got == [pytest.approx(w, rel=1e-12) if k else None for w, k in zip(wanted, known, strict=True)], fold


def test_moves_are_all_combinations_with_the_first_axis_slowest() -> None:
    grids = run().policy.grids
    names = [m.name for m in grids["axes"].moves]
    assert len(names) == 14
    assert names[:3] == ["move=-15%, vol=-25%", "move=-15%, vol=25%", "move=-10%, vol=-25%"]
    assert names[-1] == "move=15%, vol=25%"
    assert [m.name for m in grids["named"].moves] == ["up 5", "down 5", "far below"]
    last = move_values(grids["named"], {"big": Fraction(1, 5)})[2]
    assert {name: value.value for name, value in last.items()} == {
        "price": Fraction(-3, 5),
        "weight": Fraction(35, 100),
    }


def test_base_and_weights_as_in_span() -> None:
    found = run(
        "plain = max(base.equity - equity over named)\n"
        "weighed = max((base.equity - equity) * weight over named)\n"
        "worst = argmax((base.equity - equity) * weight over named)\n"
        'far = worst = "far below"'
    )
    # a: 1 BTC at 100 and -2 ETH at 7.3: 85.4 exposed; c: short 24.09
    assert values(found, "account", "plain") == [pytest.approx(12.81 * 2), None, pytest.approx(1.2045), 0]
    assert values(found, "account", "weighed") == [pytest.approx(25.62 * 0.35), None, pytest.approx(1.2045), 0]
    assert values(found, "account", "worst") == ["far below", None, "up 5", "up 5"]
    assert values(found, "account", "far") == [True, None, False, False]


def test_ties_take_the_first_move_exactly() -> None:
    """In decimals 0.1 * 3 is 0.3: floating point would find a larger one."""
    found = run(
        "tie = argmax(if times = 1 then cash * 0.3 else cash * 0.1 * 3 over still)\nlowest = argmin(cash over still)"
    )
    assert values(found, "account", "tie") == ["times=1", None, "times=1", "times=1"]
    assert values(found, "account", "lowest") == ["times=1", None, "times=1", "times=1"]


def test_an_unknown_move_makes_the_fold_unknown_with_its_cause() -> None:
    found = run("odd = max(cash / (times - 2) over still)\nwhich = argmax(cash / (times - 2) over still)")
    for name in ("odd", "which"):
        column = found.columns["account"][name]
        assert column.quality is not None and (column.quality != KNOWN).all()


def test_tiers_are_decided_anew_in_every_move() -> None:
    funds = "grid funds:\n  factor in 10, 0\n  account.cash becomes cash * factor\n"
    found = run(more=funds + 'check "few": max(share(account.tier = shut) over funds) <= 20%\n')
    each = [values(e, "account", "tier") for e in moved(found.policy, found.book, "funds")]
    assert [e[2] for e in each] == ["fine", "shut"]
    sides = found.checks[0].sides
    assert sides is not None
    assert sides[0].values[0] == pytest.approx(max(e.count("shut") / 4 for e in each))


def test_over_inside_aggregates_and_other_overs() -> None:
    found = run(
        "parts = sum(position.worst)\ninside = sum(max(base.position.value - position.value over named))\n"
        "nested = max(max(equity * times over still) - base.equity over named)",
        "worst = max(base.value - value over named)",
    )
    # a: 1 BTC at 100 down 30 %, -2 ETH at 7.3 up 5 %, each at its own worst
    assert values(found, "account", "parts") == [pytest.approx(v) for v in (30.73, 30, 1.2045, 0)]
    assert values(found, "account", "inside") == values(found, "account", "parts")
    top = max(185.4, 185.4 + 85.4 * 0.05) * 3 - 185.4
    assert values(found, "account", "nested")[0] == pytest.approx(top)


EFFECT = """effect:
  position.size becomes size * (1 - account.close)
"""


def test_the_state_after_is_shocked_with_what_the_effect_wrote() -> None:
    """The book after the tiers' actions of today, then moved: nobody acts anew in a move."""
    found = run(
        "scan = max(base.equity - equity over named)\nlater = after.scan\nboth = max(after.equity over named)",
        more=EFFECT,
    )
    close = np.array(found.columns["account"]["close"].values)
    scan, later = values(found, "account", "scan"), values(found, "account", "later")
    assert close.tolist()[2] == 1 and close.tolist()[0] == 0
    assert later[0] == scan[0]
    assert (scan[2], later[2]) == (pytest.approx(1.2045), 0)
    whole = [e.columns["account"]["after.equity"].values[2] for e in moved(found.policy, found.book, "named")]
    assert values(found, "account", "both")[2] == pytest.approx(max(whole))


def test_a_scenario_comes_before_the_moves() -> None:
    from dsl.shock import with_scenario

    text = policy_of(
        "scan = max(base.equity - equity over named)", more="scenario half:\n  market.mark becomes mark / 2\n"
    )
    policy, book = compiled(text, TABLES)
    plain = evaluate(policy, book, resolve_params(policy))
    shock, params = with_scenario(policy, resolve_params(policy), "half")
    halved = evaluate(shock, book, params)
    assert values(halved, "account", "scan")[0] == pytest.approx(values(plain, "account", "scan")[0] / 2)


CASES = [
    "x = {fold}(equity over axes)",
    "x = {fold}((base.health - min(health, 10)) * move over axes)",
    "x = {fold}(equity * weight - base.margin over named)",
    "x = {fold}(if tier = shut then 1 else close over named)",
    "x = {fold}(cash / (times - 2) over still)",
    "x = {fold}(round_down(equity, 0.1 USD) over axes)",
    "x = {fold}(sum(position.value where position.value > base.position.value) over named)",
]


@pytest.mark.parametrize("fold", [*FOLDS, "argmin", "argmax"])
@pytest.mark.parametrize("line", CASES)
def test_compiled_equals_reference(line: str, fold: str) -> None:
    found = run(line.format(fold=fold))
    reference = Reference(found.policy, found.book, found.params)
    plain = evaluate(found.policy, found.book, found.params, optimise=False).columns["account"]["x"]
    column = found.columns["account"]["x"]
    assert np.array_equal(plain.values, column.values) and np.array_equal(plain.known(), column.known())
    for row, got in enumerate(values(found, "account", "x")):
        want = reference.cell("account", "x", row)
        if isinstance(want, Unknown):
            assert column.quality is not None and column.quality[row] == want.code
        elif isinstance(want, str):
            assert got == want
        else:
            assert got == pytest.approx(float(want), rel=1e-12, abs=1e-12)


def test_memory_does_not_grow_with_the_moves() -> None:
    """Of all columns of all moves, no more are held at a time with many moves than with few."""

    def held(step: str) -> int:
        text = policy_of(
            "low = min(equity over wide)\nworst = argmin(equity over wide)\nneed = mean(margin over wide)",
            more=f"grid wide:\n  m in -50% to 50% by {step}\n  market.mark becomes mark * (1 + m)\n",
        )
        policy, book = compiled(text, TABLES)
        outputs = lower(policy, resolve_params(policy), book.as_of)
        planned = plan(outputs.columns.values())
        live = most = 0
        for node, dropped in zip(planned.order, planned.last, strict=True):
            live += node.op not in ("const", "input", "key")
            most = max(most, live)
            live -= sum(1 for i in dropped if by_id(planned, i) not in ("const", "input", "key"))
        return most

    assert held("0.5%") <= held("10%") + 2


def by_id(planned: Any, number: int) -> str:
    return next(n.op for n in planned.order if n.id == number)


def test_the_span_policy_passes_its_tests(root: Path) -> None:
    import softliq

    results = list(run_tests(softliq.load_policy(root / "policies" / "models" / "span.policy")))
    assert len(results) == 2
    assert [r.failures or r.fault for r in results if not r.passed] == []


# -- eval --grid ------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.policy").write_text(policy_of(), "utf-8")
    for name, columns in TABLES.items():
        rows = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
        (tmp_path / "book" / f"{name}.csv").parent.mkdir(exist_ok=True)
        (tmp_path / "book" / f"{name}.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return tmp_path


def test_eval_grid_writes_every_row_of_every_move(softliq: Softliq, folder: Path) -> None:
    out = folder / "out"
    ran = softliq("eval", str(folder / "p.policy"), str(folder / "book"), "--grid", "named", "--out", str(out))
    assert (ran.code, ran.err) == (0, "")
    read = pyarrow.parquet.read_table(out / "grid_named.parquet").to_pydict()
    assert read["account"] == ["a", "b", "c", "d"] * 3
    assert read["named"] == [m for m in ("up 5", "down 5", "far below") for _ in range(4)]
    policy, book = compiled(policy_of(), TABLES)
    for i, each in enumerate(moved(policy, book, "named")):
        assert read["equity"][4 * i : 4 * i + 4] == values(each, "account", "equity")
    assert read["equity_cause"][:4] == [None, "missing", None, None]
    assert [p.name for p in out.iterdir()] == ["grid_named.parquet"]


def test_eval_grid_of_chosen_columns_as_csv(softliq: Softliq, folder: Path) -> None:
    where = [str(folder / "p.policy"), str(folder / "book"), "--grid", "named", "--out", str(folder)]
    ran = softliq("eval", *where, "--format", "csv", "--columns", "market.mark")
    assert ran.code == 0
    read = pyarrow.csv.read_csv(folder / "grid_named.csv").to_pydict()
    assert read["mark"][::2] == [105, 95, 70]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--grid", "nmed", "--out", "x"], "did you mean `named`"),
        (["--grid", "named"], "add `--out DIR`"),
        (["--grid", "named", "--out", "x", "--columns", "account.equty"], "did you mean `account.equity`"),
        (["--grid", "named", "--out", "x", "--columns", "account.equity,market.mark"], "of several entities"),
        (["--grid", "named", "--out", "x", "--format", "json"], "Parquet or CSV"),
    ],
)
def test_eval_grid_says_what_is_wrong(softliq: Softliq, folder: Path, options: list[str], told: str) -> None:
    ran = softliq("eval", str(folder / "p.policy"), str(folder / "book"), *options)
    assert ran.code == 2
    assert told in ran.err
