"""Snapshots evaluated in parts: the same files, to the last byte, as at once; what can't be done in parts is said."""

import csv
import os
import shutil
import tempfile
from collections.abc import Iterator
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
from dsl.shock import with_scenario
from evaluator.arrow_file import ArrowFile
from evaluator.groups import RUN, make_groups, sums
from evaluator.hashes import Hash
from evaluator.outputs import Format, write_outputs
from evaluator.plain import moment_of
from evaluator.problems import SnapshotError
from evaluator.results import Results
from evaluator.stream import Stream
from evaluator.stream_division import Indivisible, divide
from evaluator.stream_hashes import buckets, hashes, may_repeat
from evaluator.stream_memory import bytes_of
from evaluator.stream_order import in_order
from evaluator.stream_survey import survey
from evaluator.stream_table import Keyed
from evaluator.stream_wholes import RunSum
from tests.conftest import ROOT, Softliq
from tests.generators import Case, cases
from tests.test_amounts import by_hand
from tests.test_compiled_equals_reference import compiled

DEMO = ROOT / "policies" / "snapshots" / "perpetuals"
PERPETUALS = softliq.load_policy(ROOT / "policies" / "perpetuals.policy")
UNDIVIDED = (" groups ", "draw(", "solve(", "parent.", "desk.account.", "account.position.")
EXAMPLES = int(os.environ.get("SOFTLIQ_EXAMPLES", "60"))


def streamed(policy: Policy, path: Path, out: Path, parts: int, format: Format, scenario: str | None) -> Results:
    stream = Stream(path, policy)
    params = resolve_params(policy, None if stream.as_of is None else moment_of(stream.as_of))
    shocked = policy
    if scenario is not None:
        shocked, params = with_scenario(policy, params, scenario)
    return stream.evaluate(shocked, params, memory=1 << 30, out=out, format=format, parts=parts)


def same(policy: Policy, path: Path, parts: int, format: Format = "csv", scenario: str | None = None) -> int:
    """Asserts that a snapshot gives the same files in parts as at once; how many files."""
    with tempfile.TemporaryDirectory() as folder:
        once, split = Path(folder, "once"), Path(folder, "split")
        plain = softliq.evaluate(policy, softliq.read_snapshot(path, policy), scenario=scenario)
        write_outputs(plain, once, format)
        found = streamed(policy, path, split, parts, format, scenario)
        names = sorted(p.name for p in once.iterdir())
        assert names == sorted(p.name for p in split.iterdir())
        for name in names:
            assert (once / name).read_bytes() == (split / name).read_bytes(), name
        assert found.failed == plain.failed
        assert [len(keys) for keys in found.unmet.values()] == [len(keys) for keys in plain.unmet.values()]
        return len(names)


def write_csv(folder: Path, tables: dict[str, dict[str, list[str]]], as_of: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for entity, columns in tables.items():
        with (folder / f"{entity}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(columns)
            rows.writerows(zip(*columns.values(), strict=True))
    if as_of is not None:
        (folder / "snapshot.toml").write_text(f"as_of = {as_of}\n")
    return folder


def with_order(folder: Path, seed: int | None) -> None:
    """Puts the positions in the accounts' order, or in any order."""
    path = folder / "position.csv"
    head, *rows = path.read_text().splitlines()
    if seed is None:
        rows.sort(key=lambda row: row.split(",")[1])
    else:
        np.random.default_rng(seed).shuffle(rows)
    path.write_text("\n".join([head, *rows]) + "\n")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO, tmp_path / "book"))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """Where temporary folders are made, and nothing may be left."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    with patch.object(tempfile, "tempdir", str(folder)):
        yield folder
    assert list(folder.iterdir()) == []


# -- the same ---------------------------------------------------------------------------------------


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


# -- faults -----------------------------------------------------------------------------------------


def faults(policy: Policy, path: Path) -> list[str]:
    """What is wrong with a snapshot, which is told alike in parts and at once."""
    with pytest.raises(SnapshotError) as at_once:
        softliq.read_snapshot(path, policy)
    with pytest.raises(SnapshotError) as in_parts:
        softliq.evaluate_stream(policy, path)
    assert in_parts.value.problems == at_once.value.problems
    return [problem.message for problem in at_once.value.problems]


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize(
    ("file", "before", "after", "message"),
    [
        ("position", "P00004,A01310", "P00004,zoe", "1 row leads to no row of account.csv"),
        ("position", "P00004,A01310", "P00004,", "1 row without `account`"),
        ("position", "P00004,", "P00009,", "1 key stands in several rows"),
        ("account", "A00002,", "A00009,", "1 key stands in several rows"),
        ("account", "A00002,", ",", "1 row without a key"),
        ("position", "P00004,", "P00004,,", "1 row doesn't have as many columns as the header"),
        ("position", "account,market", "acount,market", "no column `account`"),
        ("market", "BTC,", "ETH,", "1 key stands in several rows"),
    ],
)
def test_faults_of_structure(demo: Path, file: str, before: str, after: str, message: str) -> None:
    path = demo / f"{file}.csv"
    text = path.read_text()
    if before not in text:
        line = next(x for x in text.splitlines() if x.startswith(before.split(",")[0]))
        before, after = line, ",".join([after.split(",")[0], after.split(",")[1], *line.split(",")[2:]])
    path.write_text(text.replace(before, after, 1))
    assert message in faults(PERPETUALS, demo)[0]


@pytest.mark.usefixtures("scratch")
def test_equal_hashes_of_different_keys_are_no_fault(demo: Path) -> None:
    with patch("evaluator.stream_spill.may_repeat", return_value=True):
        assert softliq.evaluate_stream(PERPETUALS, demo).unknown_count == 11


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_nothing_is_left_behind(demo: Path, tmp_path: Path, error: type[BaseException]) -> None:
    with patch("evaluator.stream.evaluate_part", side_effect=error), pytest.raises(error):
        softliq.evaluate_stream(PERPETUALS, demo, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


# -- what can't be done in parts ----------------------------------------------------------------------


BY_TIER = """policy "by tier"
unit USD

entity account:
  cash   : USD
  health = cash / sum(position.notional)

entity position:
  account  : account
  notional : USD >= 0

tiers account:
  | health >= | tier | close | fee |
  | 100%      | fine | 0%    | 0%  |
  | 50%       | trim | 12.3% | 1%  |
  | other     | shut | 100%  | 3%  |
  | unknown   | hold | 0%    | 0%  |
"""


@pytest.mark.parametrize("healthy", [0.3, 0.97])
@pytest.mark.parametrize("order", [1, None])
def test_totals_by_tier(tmp_path: Path, healthy: float, order: int | None) -> None:
    """Amounts go to the lane of their row in the file, wherever its part or the piece that is read begins."""
    policy, count, random = totals(tmp_path, BY_TIER), 1_700, np.random.default_rng(3)
    accounts = [f"a{i}" for i in range(count)]
    notional = [f"{x:.4f}" for x in np.exp(random.normal(3, 5, 2 * count))]
    notional[5] = notional[-1] = ""
    cash = np.where(random.random(count) < healthy, 1e15, random.choice([0.0, 1e5, 1e7], count))
    book = write_csv(
        tmp_path / "book",
        {
            "account": {"account": accounts, "cash": [f"{x:.0f}" for x in cash]},
            "position": {
                "position": [f"p{i}" for i in range(2 * count)],
                "account": [accounts[i % count] for i in range(2 * count)],
                "notional": notional,
            },
        },
    )
    with_order(book, order)
    with patch("evaluator.stream.PIECE", 300):
        assert same(policy, book, 4) == 2
        found = streamed(policy, book, tmp_path / "split", 4, "csv", None)
    plain = softliq.evaluate(policy, softliq.read_snapshot(book, policy))
    tier = plain.column("account", "tier")
    assert tier is not None
    cells = list(zip(notional[:count], notional[count:], strict=True))  # of each account; a sum of two has one order
    known = ["" not in cell for cell in cells]
    values = [float(one or 0) + float(other or 0) for one, other in cells]
    expected = by_hand(list(zip(tier.values.tolist(), values, known, strict=True)))
    lines = [line.notional for line in found.tiers[0].lines]
    assert [(repr(one.total), one.unknown) for one in lines if one] == expected
    assert np.cumsum(np.where(tier.values == 0, values, 0.0))[-1] != float(expected[0][0])  # the order does matter


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("insurance_fund", "rows of `account` draw on one limit in turn"),
        ("internal_matching", "`position` is summed by `market` as well as by `account`"),
        ("risk_netting", "`netting` groups the rows of `position`"),
        ("liquidation_price", "a `solve` looks at the book again and again"),
        ("auction_limits", "formulas of `ilk` depend on a total over the whole book"),
    ],
)
def test_refusals(softliq: Softliq, name: str, message: str) -> None:
    policy, book = ROOT / "policies" / "models" / f"{name}.policy", ROOT / "policies" / "snapshots" / name
    ran = softliq("eval", policy, book, "--memory", "1GB")
    assert ran.code == 2
    assert f"this policy can't be evaluated in parts: {message}" in ran.err
    assert "leave `--memory` out" in ran.err


def test_a_total_too_close_to_call(tmp_path: Path) -> None:
    text = WHOLES.replace("  gap ", "  enough  = sum(position.value) <= 0.3 USD\n  gap ")
    tables = whole_book(6, 3)
    tables["position"]["value"] = ["0.1", "0.1", "0.1", *["0"] * 21]
    policy, book = totals(tmp_path, text), write_csv(tmp_path / "book", tables)
    enough = softliq.evaluate(policy, softliq.read_snapshot(book, policy)).column("system", "enough")
    assert enough is not None
    assert enough.values.tolist() == [True]
    with pytest.raises(softliq.Indivisible, match=r"`system\.enough` is too close to call without all rows at once"):
        softliq.evaluate_stream(policy, book)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("1 gallon", "error: `--memory`: `1 gallon` is no size\nhelp: write it like 1GB or 512MB\n"),
        ("-1GB", "error: `--memory`: `-1GB` is no size\nhelp: write it like 1GB or 512MB\n"),
        ("10MB", "error: `--memory`: `10MB` is too little\nhelp: give at least 256MiB\n"),
    ],
)
def test_sizes_that_are_none(softliq: Softliq, size: str, message: str) -> None:
    ran = softliq("eval", ROOT / "policies" / "perpetuals.policy", DEMO, "--memory", size)
    assert (ran.code, ran.out) == (2, "")
    assert [line.removeprefix("  = ") for line in ran.err.splitlines()] == message.splitlines()


@pytest.mark.parametrize(
    ("text", "size"), [("1GB", 10**9), ("1.5 GiB", 3 << 29), ("300M", 3 * 10**8), (1 << 30, 1 << 30)]
)
def test_sizes(text: str | int, size: int) -> None:
    assert bytes_of(text) == size


def test_a_grid_is_not_for_parts(softliq: Softliq, tmp_path: Path) -> None:
    arguments = ("--memory", "1GB", "--grid", "shocks", "--out", tmp_path / "out")
    assert softliq("eval", ROOT / "policies" / "perpetuals.policy", DEMO, *arguments).code == 2


# -- from the command line and from Python ------------------------------------------------------------


def test_the_command_prints_and_writes_the_same(softliq: Softliq, tmp_path: Path) -> None:
    common = ("eval", ROOT / "policies" / "perpetuals.policy", DEMO, "--columns", "account.health,position.account")
    at_once = softliq(*common, "--out", tmp_path / "a")
    in_parts = softliq(*common, "--out", tmp_path / "b", "--memory", "300MB")
    assert in_parts.out.replace(str(tmp_path / "b"), str(tmp_path / "a")) == at_once.out
    assert (in_parts.code, in_parts.err) == (at_once.code, at_once.err)
    for name in ("account.parquet", "position.parquet", "summary.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert softliq(*common[:3], "--json").out == softliq(*common[:3], "--json", "--memory", "300MB").out


def test_an_unknown_column(softliq: Softliq, tmp_path: Path) -> None:
    common = ("eval", ROOT / "policies" / "perpetuals.policy", DEMO, "--columns", "account.helth")
    at_once = softliq(*common, "--out", tmp_path / "a")
    assert softliq(*common, "--out", tmp_path / "a", "--memory", "1GB") == at_once
    assert at_once.code == 2
    assert not (tmp_path / "a").exists()


def test_columns_of_parts_are_only_in_the_files() -> None:
    results = softliq.evaluate_stream(PERPETUALS, DEMO)
    market = results.column("market", "mark")
    assert market is not None
    assert len(market.values) == 12
    with pytest.raises(LookupError, match="evaluated in parts"):
        results.column("account", "health")


# -- in order -----------------------------------------------------------------------------------------

# accounts, links of positions, keys of positions, and where each account's positions start, None where not in order
ORDERS: list[tuple[str, str, str, list[int] | None]] = [
    ("abcdef", "abbcde", "123456", [0, 1, 3, 4, 5, 6, 6]),
    ("fbadce", "ffbaae", "123456", [0, 2, 3, 5, 5, 5, 6]),  # in the order of the file, whatever the keys
    ("abcdefghij", "jj", "12", [*[0] * 10, 2]),
    ("abcdefghij", "cccccccccj", "1234567890", [0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 10]),
    ("abcdef", "", "", [0] * 7),
    ("abcdef", "abac", "1234", None), ("abcdef", "ba", "12", None), ("abcdef", "fabcde", "123456", None),
    ("abcdefghij", "aaajaaab", "12345678", None),
    ("abcdef", "abxd", "1234", None),  # an account that isn't there
    ("abcaef", "abc", "123", None), ("abcdef", "abcd", "1231", None),  # keys that are there twice
    ("", "", "", None),
]  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
@pytest.mark.parametrize(("accounts", "links", "keys", "starts"), ORDERS)
def test_whether_positions_are_in_the_order_of_their_accounts(
    tmp_path: Path, accounts: str, links: str, keys: str, starts: list[int] | None, batch: int
) -> None:
    tables = {"account": {"account": list(accounts)}, "position": {"account": list(links), "position": list(keys)}}
    keyed = {}
    for entity, columns in tables.items():
        path = tmp_path / f"{entity}.parquet"
        pq.write_table(pa.table({n: pa.array(cells, pa.string()) for n, cells in columns.items()}), path)
        file = ArrowFile.open(path, path.name, Hash(path))
        keyed[entity] = Keyed(file, dict.fromkeys(columns, False), (), entity, "account")
    found = in_order(keyed, tmp_path, len(accounts), batch)
    assert (None if found is None else found["position"].starts.tolist()) == starts
    if found is not None:
        for first in range(0, len(accounts), 2):
            part = found["position"].part([first, first + 1])
            rows = slice(starts[first], starts[first + 2])
            assert "".join(part.columns["position"].to_pylist()) == keys[rows]
            assert part.rows.tolist() == list(range(len(keys)))[rows]


# -- pieces -----------------------------------------------------------------------------------------


def test_hashes_follow_the_text_alone(tmp_path: Path) -> None:
    texts = ["", "a", "b", "ab", "ba", "aa", "P00001", "P00010", "ü", "a" * 300]
    together = hashes(pa.chunked_array([texts[:3], texts[3:]]))
    alone = np.concatenate([hashes(pa.chunked_array([pa.array(["x", t, "y"]).slice(1, 1)])) for t in texts])
    assert together.tolist() == alone.tolist()
    assert len(set(together.tolist())) == len(texts)
    many = hashes(pa.chunked_array([[f"P{i:08d}" for i in range(100_000)]]))
    assert len(np.unique(many)) == len(many)
    assert np.bincount(buckets(many, 16)).min() > 5_500
    many.tofile(tmp_path / "keys")
    with patch("evaluator.stream_hashes._ONCE", 30_000):
        assert not may_repeat(tmp_path / "keys")
        np.append(many, many[77]).tofile(tmp_path / "keys")
        assert may_repeat(tmp_path / "keys")
