"""The fast evaluator against the careful one: the same bits, over random policies and books and over the demo book."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import sampled_from

from dsl.model import Policy
from dsl.params import resolve_params
from evaluator import acting, fast, remembered
from evaluator.acts_flags import FLAGS
from evaluator.book import Book, indexed
from evaluator.columns import Column
from evaluator.evaluation import Evaluation
from evaluator.plain import moment_of
from evaluator.run import evaluate
from evaluator.snapshot import book_of
from evaluator.tasks import FLAGGING
from evaluator.threads import using
from tests.bench import books, reference
from tests.bench.by_softliq import with_masks
from tests.bench.peers.numpy_grid import worst_health
from tests.evaluator_models import checked
from tests.evaluator_models import compiled as small_book
from tests.generators import Case, cases
from tests.test_compiled_equals_reference import compiled

ROOT = Path(__file__).parent.parent
EXAMPLES = int(os.environ.get("SOFTLIQ_EXAMPLES", "60"))


def both(policy: Policy, book: Book, block: int = 3) -> tuple[list[Evaluation], Evaluation, int]:
    """Fast evaluations whatever the book's size (as it stands, laid out, and laid out before), the careful one, and how
    many times the fast one had an answer."""
    answers = []

    def run(*args: object, **options: object) -> object:
        found = partial(fast_run, least=0, block=block)(*args, **options)  # type: ignore[arg-type]
        answers.append(found is not None)
        return found

    fast_run = fast.run
    params = resolve_params(policy, None if book.as_of is None else moment_of(book.as_of))
    with patch.object(fast, "run", run), patch.object(acting, "FEWEST", 1):
        laid_out = indexed(book)
        quick = [evaluate(policy, b, params) for b in (book, laid_out, laid_out)]
    return quick, evaluate(policy, book, params, optimise=False), sum(answers)


@contextmanager
def counting_flagged() -> Iterator[list[int]]:
    """Of each fast evaluation, how many rows it leaves to the careful one."""
    found: list[int] = []
    careful = fast._Fast._careful

    def counted(self: fast._Fast, *args: object) -> object:
        found.append(sum(int(np.count_nonzero(f)) for f in self.store.flagged.values()))
        return careful(self, *args)  # type: ignore[arg-type]

    with patch.object(fast._Fast, "_careful", counted):
        yield found


def differences(a: Evaluation, b: Evaluation) -> list[object]:
    found: list[object] = []
    for entity, columns in a.columns.items():
        found += [(entity, name, *d) for name, c in columns.items() for d in _differ(c, b.columns[entity][name])]
    for one, other in zip(a.checks, b.checks, strict=True):
        found += [("check", one.index, *d) for d in _differ(one.values, other.values)]
        if one.margin is not None and other.margin is not None and not _same(one.margin, other.margin):
            found.append(("margin", one.index))
        for side, same in zip(one.sides or (), other.sides or (), strict=True):
            found += [("side", one.index, *d) for d in _differ(side, same)]
    for entity, codes in a.reasons.items():
        if not _same(codes, b.reasons[entity]):
            found.append(("reasons", entity, codes, b.reasons[entity]))
    if a.decided != b.decided:
        found.append(("decided", a.decided, b.decided))
    return found


def _differ(a: Column, b: Column) -> list[object]:
    known = np.array_equal(a.known(), b.known())
    if not known or (a.quality is not None and b.quality is not None and not _same(a.quality, b.quality)):
        return [("quality", a, b)]
    return [] if _same(a.values, b.values) else [("values", a, b)]


def _same(a: np.ndarray, b: np.ndarray) -> bool:  # type: ignore[type-arg]
    """The same bits, minus zero apart from zero."""
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


@given(cases(), sampled_from([3, 20]))  # rows of a block: groups of accounts in several, or several in one
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_fast_and_careful_are_the_same_bits(case: Case, block: int) -> None:
    policy, book = compiled(case)
    quick, careful, _ = both(policy, book, block)
    for evaluation in quick:
        assert differences(evaluation, careful) == [], case.text


@given(cases())
@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=list(HealthCheck))
def test_masks_that_mark_nothing_change_nothing(case: Case) -> None:
    policy, book = compiled(case)
    masked = with_masks(book)
    assert all(c.quality is not None for table in masked.tables.values() for c in table.columns.values())
    quick, careful, _ = both(policy, masked)
    _, bare, _ = both(policy, book)
    for evaluation in (*quick, careful):
        assert differences(evaluation, bare) == [], case.text


BRANCH = """policy "a branch"
unit USD
entity account:
  vip : flag
  total = sum(position.branch) + sum(position.less)
entity position:
  account : account
  rate : number
  size : number
  twice = rate * 2
  more = twice + 1
  less = more - rate
  branch = if account.vip then abs(rate) + max(size, 0)^(1/2) else 0
"""


def test_a_branch_that_all_rows_of_a_matrix_reach() -> None:
    """Of what it reads, some stands as the block has it, and some one after the other. A power is no plain task."""
    owners = [f"a{i // 2}" for i in range(6)]
    tables = {
        "account": {"account": sorted(set(owners)), "vip": ["yes"] * 3},
        "position": {
            "position": [f"p{i}" for i in range(6)],
            "account": owners,
            "rate": ["0.1", "0", "-3", "4", "5", "6"],
            "size": ["1", "0.5", "4", "-2", "2.25", "3"],
        },
    }
    quick, careful, _ = both(*small_book(BRANCH, tables), block=20)
    for evaluation in quick:
        assert differences(evaluation, careful) == []


def test_every_task_that_flags_is_known_to() -> None:
    """One that isn't would be kept for the acting rows as if it gave values."""
    assert {*FLAGS, "unless"} == FLAGGING


@pytest.mark.parametrize("block", [7, 1000])
def test_the_demo_book(block: int) -> None:
    import softliq

    policy = softliq.load_policy(ROOT / "policies" / "perpetuals.policy")
    book = softliq.read_snapshot(ROOT / "policies" / "snapshots" / "perpetuals", policy)
    quick, careful, answered = both(policy, book, block)
    assert answered == 3 and [differences(evaluation, careful) for evaluation in quick] == [[], [], []]


def reference_book(rows: int) -> tuple[Policy, Book]:
    """The benchmark's policy and book, with ties, faults and empty accounts put in."""
    import softliq

    policy = softliq.load_policy(reference.POLICY)
    found = {name: values.astype(object) for name, values in books.book(rows).items()}
    rng = np.random.default_rng(5)
    for name, faults in (("size", ["", "x", "0", "1e300"]), ("entry", ["", "-1"]), ("collateral", ["", "1e308", "0"])):
        found[name][rng.choice(rows, len(faults))] = faults
    accounts = [f"a{i}" for i in range(rows // 4 + 20)]
    return policy, book_of(
        policy,
        {
            "market": {
                "market": list(reference.NAMES),
                **{n: found[n].tolist() for n in ("mark", "volatility", "depth")},
            },
            "account": {"account": accounts},
            "position": {
                "position": [f"p{i}" for i in range(rows)],
                "account": [accounts[i] for i in found["account"]],
                "market": [reference.NAMES[i] for i in found["market"]],
                **{n: [str(v) for v in found[n]] for n in ("size", "entry", "collateral")},
            },
        },
    )


@pytest.mark.parametrize("block", [200, 1 << 15])
def test_the_reference_policy(block: int) -> None:
    policy, book = reference_book(3_000)
    with patch.object(remembered, "_SOME", 100):
        quick, careful, answered = both(policy, book, block)
    assert answered == 3 and [differences(evaluation, careful) for evaluation in quick] == [[], [], []]
    assert any(column.unknown_count() for columns in careful.columns.values() for column in columns.values())


@pytest.mark.parametrize("cell", [1e17, None])
@pytest.mark.parametrize("column", ["collateral", "size"])
def test_a_wild_cell_is_its_own_accounts_matter(column: str, cell: float | None) -> None:
    """One number far from all others, or one that is not known, doesn't make every decision look close."""
    import softliq

    policy, found = softliq.load_policy(reference.POLICY), books.book(8_000)
    tables = books.tables(found)
    tables["position"][column] = [*found[column][:123], cell, *found[column][124:]]
    with counting_flagged() as flagged:
        quick, slow, _ = both(policy, book_of(policy, tables), 1 << 15)
    assert [differences(evaluation, slow) for evaluation in quick] == [[], [], []]
    assert max(flagged) < 100


GRID = """
grid moves:
  move in -50% to 60% by 10%
  flow in 0.7, 1
  market.mark  becomes mark * (1 + move * (if volatility > 0.8 then 1.3 else 1))
  market.depth becomes depth * flow
"""
FOLDS = [  # and whether its moves are done side by side
    ("lowest", "min(health over moves)", True),
    ("after_most", "max(post over moves)", False),
    ("loss", "min((equity - base.equity) * (1 - move / 3) over moves)", True),
    ("middle", "mean(maintenance over moves)", False),
]


@pytest.mark.parametrize("block", [200, 1 << 15])
@pytest.mark.parametrize(("name", "value", "side_by_side"), FOLDS)
def test_moves_of_a_grid(name: str, value: str, side_by_side: bool, block: int, tmp_path: Path) -> None:
    import softliq

    path = tmp_path / "grid.policy"
    text = reference.POLICY.read_text("utf-8").replace("entity account:\n", f"entity account:\n  {name} = {value}\n")
    path.write_text(text + GRID)
    (tmp_path / "brackets.csv").write_bytes((reference.HERE / "brackets.csv").read_bytes())
    policy, (_, book) = softliq.load_policy(path), reference_book(600)
    folded: list[bool] = []

    def with_folds(*args: object) -> object:
        order = found(*args)  # type: ignore[arg-type]
        folded.append(any(t.op == "fold" for t in order.order))
        return order

    found = fast.with_folds
    with patch.object(fast, "with_folds", with_folds):
        quick, careful, answered = both(policy, book, block)
    assert answered == 3 and [differences(evaluation, careful) for evaluation in quick] == [[], [], []]
    assert folded == [side_by_side] * 2 and careful.columns["account"][name].unknown_count()


def test_how_many_members_there_are(tmp_path: Path) -> None:
    """Asked for as a column, and looked at when the evaluation is over."""
    import softliq

    path = tmp_path / "count.policy"
    path.write_text(
        'policy "count" version 1\nunit USD\nentity account:\n  cash : USD\n  lots = count(position)\n'
        "entity position:\n  account : account\n",
        "utf-8",
    )
    policy = softliq.load_policy(path)
    names = [f"a{i}" for i in range(40)]
    owners = [names[i * i % 37] for i in range(200)]
    book = book_of(
        policy,
        {"account": {"account": names, "cash": [1.0] * 40}, "position": {"position": range(200), "account": owners}},
    )
    quick, slow, answered = both(policy, book)
    assert answered == 3 and [differences(evaluation, slow) for evaluation in quick] == [[], [], []]
    assert quick[1].columns["account"]["lots"].values.tolist() == [owners.count(name) for name in names]


def test_whether_a_cell_of_another_table_is_known() -> None:
    """A fault there is a fault here, though nothing else reads the cell."""
    policy = checked(
        'policy "known" version 1\nentity market:\n  vol : ratio in 0% to 500%\nentity account:\n  score : number\n'
        "entity position:\n  account : account\n  hedge : market?\n  told = known(hedge.vol)\n"
        "  untold = if known(hedge.vol) then account.score else 0\n"
    )
    tables = {
        "market": {"market": ["m0", "m1"], "vol": ["5.1", "0.3"]},
        "account": {"account": [f"a{i}" for i in range(9)], "score": range(9)},
        "position": {
            "position": range(30),
            "account": [f"a{i % 9}" for i in range(30)],
            "hedge": [f"m{int(i != 4)}" for i in range(30)],
        },
    }
    quick, slow, answered = both(policy, book_of(policy, tables))
    assert answered == 3 and [differences(evaluation, slow) for evaluation in quick] == [[], [], []]
    assert [slow.columns["position"][n].unknown_count() for n in ("told", "untold")] == [1, 1]


@pytest.mark.parametrize("block", [3, 30])
def test_a_tier_by_a_number_of_the_row_above(block: int) -> None:
    """It is the same for all members of a row, so it stands above them, beside conditions with a value for each."""
    policy = checked(
        'policy "desk" version 1\nunit USD\nentity desk:\n  cash = sum(account.cash)\n'
        "entity account:\n  desk : desk\n  cash : USD\n\n"
        "tiers account:\n  | when                | tier |\n  | desk.cash >= 40 USD | top  |\n"
        "  | cash >= 5 USD       | some |\n  | other               | none |\n  | unknown             | hold |\n",
    )
    names = [f"d{i}" for i in range(20)]
    owners = [names[i * i % 17] for i in range(90)]
    accounts = {"account": range(90), "desk": owners, "cash": [float(i % 9) for i in range(90)]}
    book = book_of(policy, {"desk": {"desk": names}, "account": accounts})
    quick, slow, answered = both(policy, book, block)
    assert answered == 3 and [differences(evaluation, slow) for evaluation in quick] == [[], [], []]
    cash = {name: sum(i % 9 for i, owner in enumerate(owners) if owner == name) for name in names}
    tiers = [0 if cash[owner] >= 40 else 1 if i % 9 >= 5 else 2 for i, owner in enumerate(owners)]
    assert {0, 1, 2} == set(tiers)
    assert quick[1].columns["account"]["tier"].values.tolist() == tiers


@pytest.mark.parametrize("crews", [(3, 1, 1), (5, 2, 1), (1, 4, 2)])
def test_other_threads_from_one_evaluation_to_the_next(crews: tuple[int, ...]) -> None:
    """Fewer threads have longer windows each, so that what was kept of shorter ones has too little room."""
    policy, book = reference_book(3_000)
    book, params = indexed(book), resolve_params(policy)
    careful = evaluate(policy, book, params, optimise=False)
    with patch.object(fast, "run", partial(fast.run, least=0, block=150)):
        for crew in crews:
            with using(crew):
                assert differences(evaluate(policy, book, params), careful) == []


def test_optimisations_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, book = reference_book(200)
    plain = evaluate(policy, book, resolve_params(policy), optimise=False)
    monkeypatch.setenv("SOFTLIQ_OPTIMISE", "0")
    with patch.object(fast, "run", side_effect=AssertionError("not to be asked")):
        assert differences(evaluate(policy, book, resolve_params(policy)), plain) == []


@pytest.mark.parametrize("threads", ["1", "3"])
def test_threads_change_nothing(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTLIQ_THREADS", threads)
    policy, book = reference_book(500)
    quick, careful, _ = both(policy, book, 32)
    assert [differences(evaluation, careful) for evaluation in quick] == [[], [], []]


def test_a_long_grid(tmp_path: Path) -> None:
    """Long chains of one operation, as a grid's are, nest nothing. Expected: the benchmark's plain NumPy."""
    import softliq

    (tmp_path / "brackets.csv").write_bytes(reference.POLICY.with_name("brackets.csv").read_bytes())
    (tmp_path / "grid.policy").write_text(reference.grid_policy(400), "utf-8")
    policy, found = softliq.load_policy(tmp_path / "grid.policy"), books.book(40)
    with patch.object(fast, "run", partial(fast.run, least=0)):
        results = softliq.evaluate(policy, book_of(policy, books.tables(found)), columns=["account.worst"])
    worst = results.column("account", "worst")
    assert worst is not None
    assert np.allclose(worst.values, worst_health(found, books.columns(found), 400), rtol=1e-12, atol=0)


def summaries(policy: Policy, book: Book, block: int) -> list[dict[str, object]]:
    """Of everything with care; and of what a summary shows alone, all else being watched."""
    from evaluator.results import Results

    params = resolve_params(policy, None if book.as_of is None else moment_of(book.as_of))
    found = [evaluate(policy, book, params, optimise=False)]
    found.append(evaluate(policy, book, params, optimise=False, wanted=(), watch=True))
    with patch.object(fast, "run", partial(fast.run, least=0, block=block)), patch.object(acting, "FEWEST", 1):
        laid_out = indexed(book)
        found += [evaluate(policy, b, params, wanted=(), watch=True) for b in (book, laid_out, laid_out)]
    return [Results(evaluation).summary() for evaluation in found]


@given(cases(), sampled_from([3, 20]))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_summary_tells_of_columns_that_nobody_looks_at(case: Case, block: int) -> None:
    wanted, *others = summaries(*compiled(case), block)
    for other in others:
        assert other == wanted, case.text


def test_the_faults_of_a_column_that_is_not_shown_are_counted() -> None:
    wanted, *others = summaries(*reference_book(2_000), 64)
    assert wanted["unknown"]["causes"]["position"]  # type: ignore[index]
    assert all(other == wanted for other in others)


def test_a_summary_is_the_same_whatever_is_asked_for() -> None:
    """Members' amounts are summed as they are evaluated, or afterwards from whole columns."""
    from evaluator.results import Results

    policy, book = reference_book(4_000)
    params = resolve_params(policy)
    wanted = Results(evaluate(policy, book, params, optimise=False)).tiers
    assert any(line.notional and line.notional.unknown for line in wanted[0].lines)
    run = partial(fast.run, least=0, block=64)
    for optimise in (False, True):
        with patch.object(fast, "run", run):
            asked = evaluate(policy, indexed(book), params, optimise=optimise, wanted=[])
        assert asked.member_sums and ("position", "notional") not in asked.columns["position"]
        assert Results(asked).tiers == wanted
