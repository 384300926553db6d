"""Snapshots evaluated in parts: the same files, to the last byte, as at once."""

import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

import softliq
from dsl.model import Policy
from dsl.params import resolve_params
from evaluator.groups import RUN, make_groups, sums
from evaluator.outputs import Format
from evaluator.plain import moment_of
from evaluator.problems import SnapshotError
from evaluator.stream_division import Indivisible, divide
from evaluator.stream_survey import survey
from evaluator.stream_wholes import RunSum
from tests.conftest import ROOT
from tests.generators import Case, cases
from tests.streamed import EXAMPLES, PERPETUALS, UNDIVIDED, same, with_order, write_csv
from tests.test_compiled_equals_reference import compiled


@pytest.mark.parametrize(
    ("parts", "format", "scenario", "seed"),
    [(1, "csv", None, 3), (7, "parquet", None, 4), (5, "json", "crash", None)],
)
def test_the_shipped_book_of_text(
    demo: Path, parts: int, format: Format, scenario: str | None, seed: int | None
) -> None:
    with_order(demo, seed)
    assert same(PERPETUALS, demo, parts, format, scenario) >= 3


def as_binary(demo: Path, suffix: str) -> None:
    for entity in ("account", "position"):
        table = pyarrow.csv.read_csv(demo / f"{entity}.csv")
        (demo / f"{entity}.csv").unlink()
        if suffix == "parquet":
            pq.write_table(table, demo / f"{entity}.parquet", row_group_size=500)
        else:
            with pa.ipc.new_file(demo / f"{entity}.arrow", table.schema) as file:
                file.write_table(table, max_chunksize=777)


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_the_shipped_book_of_binary_files(demo: Path, suffix: str) -> None:
    with_order(demo, 5)
    as_binary(demo, suffix)
    assert same(PERPETUALS, demo, 4) == 3


@pytest.mark.parametrize(("suffix", "parts"), [("parquet", 1), ("parquet", 5), ("arrow", 4)])
def test_files_in_the_accounts_order_are_read_where_they_are(demo: Path, suffix: str, parts: int) -> None:
    with_order(demo, None)
    as_binary(demo, suffix)
    with patch("evaluator.stream_parts.spill", side_effect=AssertionError("put down")):
        assert same(PERPETUALS, demo, parts, scenario="crash") == 4
        assert softliq.evaluate_stream(PERPETUALS, demo).unknown_count == 11


def test_a_file_written_meanwhile_is_no_snapshot(demo: Path) -> None:
    with_order(demo, None)
    as_binary(demo, "parquet")

    def writing(*arguments: Any) -> Any:
        shutil.copy(demo / "position.parquet", demo / "copy")
        (demo / "copy").rename(demo / "position.parquet")
        return survey(*arguments)

    with patch("evaluator.stream.survey", writing), pytest.raises(SnapshotError) as raised:
        softliq.evaluate_stream(PERPETUALS, demo)
    assert [(p.message, p.file) for p in raised.value.problems] == [
        ("the file was written while it was read", "position.parquet")
    ]


@pytest.mark.parametrize(
    "name",
    [
        "isolated_margin",
        "target_health",
        "volatility_surface",
        "portfolio_scenarios",
        "oracle_quality",
        "shared_security",
    ],
)
def test_shipped_models(name: str) -> None:
    policy = softliq.load_policy(ROOT / "policies" / "models" / f"{name}.policy")
    assert same(policy, ROOT / "policies" / "snapshots" / name, 3) >= 2


@settings(
    max_examples=EXAMPLES // 3,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(cases().filter(lambda case: not any(word in case.text for word in UNDIVIDED)))
def test_random_policies(case: Case) -> None:
    policy, book = compiled(case)
    params = resolve_params(policy, None if book.as_of is None else moment_of(book.as_of))
    try:
        division = divide(policy, params, book.as_of, dict.fromkeys(policy.entities, 1))
        with tempfile.TemporaryDirectory() as folder:
            path = write_csv(Path(folder, "book"), case.tables, case.as_of)
            same(policy, path, 3)
            for entity, link in ((division.root, division.root), *division.links.items()):
                (path / f"{entity}.csv").unlink()
                place = {key: i for i, key in enumerate(case.tables[division.root][division.root])}
                table = pa.table({n: pa.array(cells, pa.string()) for n, cells in case.tables[entity].items()})
                order = pa.array(
                    np.argsort([place.get(key, 0) for key in table.column(link).to_pylist()], kind="stable")
                )
                pq.write_table(table.take(order.cast(pa.int64())), path / f"{entity}.parquet", row_group_size=2)
            same(policy, path, 3)
    except Indivisible:
        return


WHOLES = """policy "totals"
unit USD

entity account:
  cash  : USD
  bonus : ratio?
  equity = cash + sum(position.value)
  poor   = equity < 0

entity position:
  account : account
  value   : USD
  lots    : number

entity system once:
  fund : USD
  gap     = sum(max(0, -account.equity)) - fund
  biggest = max(position.value)
  low     = min(account.equity where not account.poor)
  lots    = sum(position.lots)
  average = mean(position.value where position.value > 0)
  needy   = count(account.poor)
  spread  = biggest / lots

check "nobody is very poor": all(account.equity > -1000 USD)
check "someone is rich": any(account.equity > 100 USD)
check warn "few are poor": share(account.poor) <= 1%
check "the fund is enough": system.gap <= 0
check "every account" on account: equity >= -50 USD
"""


def whole_book(count: int, seed: int) -> dict[str, dict[str, list[str]]]:
    random = np.random.default_rng(seed)
    accounts = [f"a{i}" for i in range(count)]
    return {
        "account": {
            "account": accounts,
            "cash": [f"{x:.2f}" for x in random.normal(30, 40, count)],
            "bonus": ["" if i % 3 else "0.5" for i in range(count)],
        },
        "position": {
            "position": [f"p{i}" for i in range(4 * count)],
            "account": [accounts[i] for i in random.integers(0, count, 4 * count)],
            "value": [f"{x:.3f}" for x in random.normal(0, 20, 4 * count)],
            "lots": [str(i) for i in random.integers(0, 9, 4 * count)],
        },
        "system": {"fund": ["100"]},
    }


def totals(tmp_path: Path, text: str = WHOLES) -> Policy:
    (tmp_path / "totals.policy").write_text(text)
    return softliq.load_policy(tmp_path / "totals.policy")


@pytest.mark.parametrize("run", [RUN, 64])
def test_totals_over_the_whole_book(tmp_path: Path, run: int) -> None:
    policy = totals(tmp_path)
    book = write_csv(tmp_path / "book", whole_book(500, 7))
    places = [patch(f"evaluator.{name}.RUN", run) for name in ("groups", "aggregates", "stream_wholes")]
    with places[0], places[1], places[2]:
        assert same(policy, book, 6) == 3


def test_totals_with_faulty_cells(tmp_path: Path) -> None:
    policy, tables = totals(tmp_path), whole_book(60, 8)
    tables["account"]["cash"][41] = tables["account"]["cash"][17] = "none"
    tables["position"]["value"][100] = ""
    assert same(policy, write_csv(tmp_path / "book", tables), 5) == 3


def test_totals_of_empty_tables(tmp_path: Path) -> None:
    tables = whole_book(3, 9)
    for entity in ("account", "position"):
        tables[entity] = {name: [] for name in tables[entity]}
    assert same(totals(tmp_path), write_csv(tmp_path / "book", tables), 3) == 3


def test_runs_are_added_as_the_evaluator_adds_them() -> None:
    values = np.random.default_rng(1).normal(0, 1e6, 3 * RUN + 17)
    found = RunSum()
    for part in np.array_split(values, 1000):
        found.add(part)
    assert found.total == sums(make_groups(np.zeros(len(values), dtype=np.intp), 1), values)[0]


def test_without_optimisation(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTLIQ_OPTIMISE", "0")
    assert same(PERPETUALS, demo, 3, "parquet", "crash") == 4
