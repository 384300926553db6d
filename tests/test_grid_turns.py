"""Sums, means and extremes over long grids, move by move by one program, against all moves written out, with care."""

import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsl.model import Kind, Policy
from dsl.params import resolve_params
from evaluator import acting, fast, grid_folds, grid_turns
from evaluator.book import Book, indexed
from evaluator.columns import Column
from evaluator.evaluation import Evaluation
from evaluator.fast import _Fast
from evaluator.run import evaluate
from tests.evaluator_models import checked
from tests.generators import Case, cases
from tests.test_compiled_equals_reference import compiled as compiled_case
from tests.test_fast import differences
from tests.test_grid_folds import GRIDS, TEXT, book
from tests.test_opened import GRID, LINES

EXAMPLES = int(os.environ.get("SOFTLIQ_EXAMPLES", "8"))

FOLDS = {
    "account": (
        "sum(equity over moves)", "mean(margin over moves)", "sum(health over moves)", "min(health over moves)",
        "max(close over moves)", "mean(close * equity over moves)", "sum(base.equity - equity over moves)",
        "min(if close > 0 then equity else margin over moves)", "max(equity over moves) * 2",
        "mean(equity / max(margin, least) over moves)",
        "sum(if count(position) > 1 then -equity else 0 USD over moves)",
        "sum(mean(position.pnl) over moves)", "min(equity * (1 + move) over moves)",
    ),
    "position": ("sum(pnl over moves)", "mean(account.close * notional over moves)",
        "min(margin / notional over moves)"),
}  # fmt: skip
DECIDING = """
  total = sum(equity over moves)
  usual = mean(health over moves)
  rest = min(equity * (1 - close) over moves)
  hurt = total < cash * 10 and rest < cash
  in_tens = floor(rest / 10 USD)
  scaled = if usual > 0 then total / usual else usual * 1 USD
  even = if total = 0 USD or total = 100 USD then 1 else sqrt(max(0, total / 1 USD))
"""


@pytest.fixture(autouse=True)
def anything_pays() -> Iterator[None]:
    with (
        patch.multiple(grid_folds, FEWEST=2, LEAST=0),
        patch.object(grid_folds, "_shaped", lambda *_: None),  # nor from few moves
        patch.object(grid_turns, "CAREFUL", 2.0),
        patch.multiple(fast, AGAIN=0, LEAST=0, BLOCK=7),
        patch.object(acting, "FEWEST", 1),
    ):
        yield


def in_turn(policy: Policy, given: Book) -> tuple[Evaluation, int]:
    """As it is evaluated; how many `over`s were found in turn."""
    found: list[bool] = []
    folded = grid_turns.folded_in_turn

    def seen(*args: object) -> tuple[Column, Column] | None:
        made = folded(*args)  # type: ignore[arg-type]
        found.append(made is not None)
        return made

    with patch.object(grid_folds, "folded_in_turn", seen):
        evaluation = evaluate(policy, given, resolve_params(policy))
    return evaluation, sum(found)


def compared(policy: Policy, given: Book) -> list[int]:
    careful = evaluate(policy, given, resolve_params(policy), optimise=False)
    careful.decided.clear()  # a row that no move's best needs isn't looked at
    counts = []
    laid = indexed(given)
    for each in (given, given, laid, laid):
        quick, count = in_turn(policy, each)
        quick.decided.clear()
        assert differences(quick, careful) == []
        counts.append(count)
    return counts


@pytest.mark.parametrize("grid", ["line", "two columns", "two lines"])
def test_the_same_bits(grid: str) -> None:
    lines = {e: "".join(f"  found{i} = {f}\n" for i, f in enumerate(folds)) for e, folds in FOLDS.items()}
    policy = checked(TEXT.format(grid=GRIDS[grid], **lines))
    for seed, faults in ((2, 3),):
        assert compared(policy, book(policy, seed, faults=faults)) == [len([*FOLDS["account"], *FOLDS["position"]])] * 4


@pytest.mark.parametrize("seed", range(4))
def test_what_is_decided_by_a_fold(seed: int) -> None:
    text = TEXT.format(grid=GRIDS["line"], account=DECIDING, position="  share_of = pnl / (account.total + 1 USD)\n")
    text = text.replace("| health >= |", "| score >=  |").replace("part(health)", "part(score)")
    text = text.replace("  equity = cash", "  score = if cash > 0 then base_equity / cash else 0\n  equity = cash")
    policy = checked(text + '\ncheck "it lives" on account: usual >= 10% or total >= 0\n')
    assert compared(policy, book(policy, seed, faults=seed % 3)) == [3] * 4


def test_one_program_for_all_moves() -> None:
    policy = checked(TEXT.format(grid=GRIDS["line"], account="  total = sum(equity over moves)\n", position=""))
    made = []
    compile = _Fast._compile

    def counted(self: _Fast, *args: object) -> object:
        made.append(len(self.context.given))
        return compile(self, *args)  # type: ignore[arg-type]

    with patch.object(_Fast, "_compile", counted):
        in_turn(policy, book(policy, 1))
    assert sum(known > 0 for known in made) == 1


def test_no_more_than_one_moves_columns() -> None:
    """However many the moves, no result of the ones before is held."""
    policy = checked(TEXT.format(grid=GRIDS["line"], account="  total = sum(equity over moves)\n", position=""))
    held: list[int] = []
    move = grid_turns._InTurn._in_move

    def seen(self: grid_turns._InTurn, place: int) -> object:
        found = move(self, place)
        held.append(sum(len(idle) for idle in self.context.book.kept.room.values()))
        return found

    given = book(policy, 1)
    with patch.object(grid_turns._InTurn, "_in_move", seen):
        in_turn(policy, given)
    assert len(held) == 31 and max(held[3:]) <= max(held[:3])


@given(
    cases(),
    st.sampled_from(LINES),
    st.sampled_from(LINES),
    st.lists(st.sampled_from(sorted(grid_turns.FOLDS)), min_size=3, max_size=3),
)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_policy(case: Case, first: str, second: str, folds: list[str]) -> None:
    """Of numbers of the policy's rows, three folds and what is decided by them."""
    policy, _ = compiled_case(case)
    lines = {first.split(" becomes")[0]: first, second.split(" becomes")[0]: second}
    text = case.text + GRID + "".join(f"  {line}\n" for line in lines.values())
    for entity in ("account", "position"):
        formulas = policy.entities[entity].formulas.values()
        numbers = [f.name for f in formulas if f.type.kind is Kind.NUMBER and "." not in f.name]
        more = "".join(
            f"  o{i} = {fold}({name} over shocks)\n  d{i} = o{i} > {name}\n"
            for i, (fold, name) in enumerate(zip(folds, numbers, strict=False))
        )
        text = text.replace(f"entity {entity}:\n", f"entity {entity}:\n{more}", 1)
    policy, given = compiled_case(Case(text, case.tables, case.as_of))
    compared(policy, given)
