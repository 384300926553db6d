"""The index of a snapshot on disk: it says what the files say, bit by bit and word by word, or is made again."""

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import softliq
from dsl.model import Policy
from evaluator.alone import alone
from evaluator.book import Book
from evaluator.explain import as_data, explain
from evaluator.groups import make_groups
from evaluator.index import make_layout
from evaluator.layout import FOLDER
from evaluator.reference import Reference
from evaluator.results import Results
from evaluator.run import evaluate
from evaluator.snapshot import _found, index_snapshot, read_snapshot
from evaluator.stored import FORMAT, load
from evaluator.texts import Texts, row_of, rows_of
from tests.bench import books
from tests.bench import reference as bench
from tests.conftest import ROOT, Softliq
from tests.test_fast import differences

POLICY = """policy "Kept" version 1
unit USD

entity market:
  unit asset
  mark : USD/asset > 0 fresh 30s
  kind : one of spot, future
  desk : text?

entity account:
  collateral : USD
  vip        : flag
  since      : date?
  parent     : link to account?
  health     = collateral / sum(position.notional)

entity position:
  account  : account
  market   : market
  size     : market.asset
  held     : duration?
  notional = abs(size) * market.mark

tiers account:
  | health >= | tier |
  | 100%      | fine |
  | other     | low  |
  | unknown   | hold |
"""
TABLES = {
    "market": """market,mark,mark_at,kind,desk
BTC,50000.10,2026-12-01T00:00:00Z,spot,A
ETH,3e3,2026-11-30T23:59:00Z,future,
X,-1,,swap,"B, C"
""",
    "account": """account,collateral,vip,since,parent
007,1.10,yes,2026-01-01,
bob,"1,250",no,never,007
zoe,,maybe,,nobody
""",
    "position": """position,account,market,size,held
p2,bob,BTC,-0.10,8h
p1,007,BTC,0.00001234567890123456789,
p3,007,ETH,1,soon
p4,zoe,nowhere,2,60
""",
}


def written(folder: Path, kind: str = "csv") -> Path:
    folder.mkdir()
    (folder / "snapshot.toml").write_text("as_of = 2026-12-01T00:00:10Z\n")
    for name, text in TABLES.items():
        path = folder / f"{name}.csv"
        path.write_text(text)
        if kind == "parquet":
            table = pa.csv.read_csv(path, convert_options=pa.csv.ConvertOptions(
                column_types={"size": pa.float64(), "account": pa.dictionary(pa.int32(), pa.string())},
                strings_can_be_null=True, null_values=[""],
            ))  # fmt: skip
            path.unlink()
            pq.write_table(table, path.with_suffix(".parquet"))
    return folder


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    (tmp_path / "kept.policy").write_text(POLICY.replace("link to account?", "account?"))
    return softliq.load_policy(tmp_path / "kept.policy")


def same(policy: Policy, a: Book, b: Book) -> None:
    """Everything that a book tells, by cell."""
    assert (a.name, a.as_of, a.hashes, list(a.tables)) == (b.name, b.as_of, b.hashes, list(b.tables))
    for entity, one in a.tables.items():
        other = b.tables[entity]
        assert (one.rows, list(one.keys), one.path) == (other.rows, list(other.keys), other.path)
        assert (one.long, one.left_out, list(one.columns)) == (other.long, other.left_out, list(other.columns))
        for name, column in one.columns.items():
            found = other.columns[name]
            assert found.values.dtype == column.values.dtype
            assert found.values.tobytes() == column.values.tobytes()
            assert (found.quality is None) == (column.quality is None)
            assert column.quality is None or np.array_equal(column.quality, found.quality)
            assert list(one.texts.get(name, ())) == list(other.texts.get(name, ()))
        for name in policy.entities[entity].inputs:
            assert [one.written(name, r) for r in range(one.rows)] == [other.written(name, r) for r in range(one.rows)]


def said(policy: Policy, book: Book) -> object:
    results = softliq.evaluate(policy, book)
    rows = range(book.tables["account"].rows)
    told = [as_data(explain(results.evaluation, "account", row)) for row in rows]
    return results.summary(), results.unknown_rows(), told


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_index_says_what_the_files_say(policy: Policy, tmp_path: Path, kind: str) -> None:
    folder = written(tmp_path / "book", kind)
    plain = read_snapshot(folder, policy)
    assert not (folder / FOLDER).exists()
    opened = index_snapshot(folder, policy)
    assert (opened.kept, opened.why) == (folder / FOLDER, "")
    kept = read_snapshot(folder, policy)
    assert kept.index is not None and plain.index is None
    same(policy, plain, opened.book)
    same(policy, plain, kept)
    assert plain.tables["market"].columns["mark"].quality is not None
    assert said(policy, plain) == said(policy, kept)
    assert index_snapshot(folder, policy).why is None


def test_tables_without_rows(policy: Policy, tmp_path: Path) -> None:
    folder = written(tmp_path / "book")
    for name, text in TABLES.items():
        (folder / f"{name}.csv").write_text(text.splitlines(keepends=True)[0])
    plain = read_snapshot(folder, policy)
    same(policy, plain, index_snapshot(folder, policy).book)
    assert softliq.evaluate(policy, read_snapshot(folder, policy)).column("account", "health").values.tolist() == []


def test_the_demo_book(tmp_path: Path) -> None:
    policy = softliq.load_policy(ROOT / "policies" / "perpetuals.policy")
    folder = Path(shutil.copytree(ROOT / "policies" / "snapshots" / "perpetuals", tmp_path / "book"))
    plain = read_snapshot(folder, policy)
    same(policy, plain, index_snapshot(folder, policy).book)


def test_a_file_that_changes(policy: Policy, tmp_path: Path) -> None:
    folder = written(tmp_path / "book")
    index_snapshot(folder, policy)
    file = folder / "account.csv"
    file.write_text(TABLES["account"].replace("1.10", "2.10"))  # of the same size
    again = index_snapshot(folder, policy, anew=False)
    assert again.why == "`account.csv` has changed" and again.kept is not None
    assert again.book.tables["account"].written("collateral", 0) == "2.10"
    assert index_snapshot(folder, policy).why is None
    file.touch()  # only its time: the contents are compared
    assert index_snapshot(folder, policy).why is None
    assert len([p for p in (folder / FOLDER).iterdir() if p.is_dir()]) == 1


def test_another_file_another_instant(policy: Policy, tmp_path: Path) -> None:
    folder = written(tmp_path / "book")
    index_snapshot(folder, policy)
    (folder / "prices.csv").write_text(TABLES["market"].replace("50000.10", "50001.10"))
    toml = (folder / "snapshot.toml").read_text()
    (folder / "snapshot.toml").write_text(toml + '[market]\nfile = "prices.csv"\n')
    again = index_snapshot(folder, policy)
    assert again.why == "`prices.csv` is read in another way"
    assert again.book.tables["market"].columns["mark"].values[0] == 50001.1
    (folder / "snapshot.toml").write_text(toml.replace("00:00:10", "00:01:00"))  # every mark is stale now
    later = index_snapshot(folder, policy)
    assert later.why == "the index is of other inputs than this policy's"
    assert later.book.tables["market"].columns["mark"].unknown_count() == 3


def test_a_policy_whose_inputs_change(policy: Policy, tmp_path: Path) -> None:
    folder = written(tmp_path / "book")
    index_snapshot(folder, policy)
    path = tmp_path / "kept.policy"
    text = path.read_text()
    path.write_text(text.replace("100%      | fine", "101%      | fine"))  # no input: the same index
    assert index_snapshot(folder, softliq.load_policy(path)).why is None
    path.write_text(text.replace("size     : market.asset", "size     : market.asset < 2"))
    other = softliq.load_policy(path)
    assert index_snapshot(folder, other).why == "the index is of other inputs than this policy's"
    assert read_snapshot(folder, other).tables["position"].columns["size"].unknown_count() == 1
    assert index_snapshot(folder, policy).why is None  # both are kept


def test_a_fault_of_structure_is_told_as_ever(policy: Policy, tmp_path: Path) -> None:
    folder = written(tmp_path / "book")
    index_snapshot(folder, policy)
    (folder / "position.csv").write_text(TABLES["position"].replace("bob", "bobby"))
    with pytest.raises(softliq.SnapshotError, match="leads to no row"):
        index_snapshot(folder, policy)


@pytest.mark.parametrize("harm", ["truncated", "shorter", "missing", "foreign", "no json", "other version"])
def test_a_harmed_index_is_passed_over_and_made_again(policy: Policy, tmp_path: Path, harm: str) -> None:
    folder = written(tmp_path / "book")
    index_snapshot(folder, policy)
    (manifest,) = (folder / FOLDER).glob("*.json")
    told = json.loads(manifest.read_text())
    column = folder / FOLDER / told["told"]["folder"] / "account.arrow"
    match harm:
        case "truncated":
            column.write_bytes(column.read_bytes()[:-30])
        case "shorter":
            column.write_bytes(b"x" * column.stat().st_size)
        case "missing":
            column.unlink()
        case "foreign":
            manifest.write_text('{"name": "something else"}')
        case "no json":
            manifest.write_bytes(b"\xff\x00")
        case _:
            manifest.write_text(json.dumps(told | {"format": 0}))
    again = index_snapshot(folder, policy, anew=False)
    assert again.kept is not None and again.why
    assert index_snapshot(folder, policy).why is None
    same(policy, again.book, read_snapshot(folder, policy))


@pytest.mark.parametrize("rows", [False, True])
def test_any_byte_that_changed_is_noticed(policy: Policy, tmp_path: Path, rows: bool) -> None:
    """Also where size and times are as they were, as on a disk that forgets."""
    folder = written(tmp_path / "book")
    index_snapshot(folder, policy)
    layout, instant = _found(folder, policy, None)
    files = sorted(path for path in (folder / FOLDER).rglob("*") if path.is_file())
    assert len(files) > 10
    for path in files:
        data = path.read_bytes()
        some = {0, len(data) // 3, len(data) // 2, len(data) - len(data) // 5, len(data) - 1}
        for place in range(0, len(data), 5) if path.suffix == ".json" else some:
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            found = load(layout, policy, instant, rows=rows)
            assert found.book is None, (path.name, place)
            assert "damaged" in found.why or "another version" in found.why
        path.write_bytes(data)
    assert load(layout, policy, instant, rows=rows).book is not None


def test_a_large_index_is_verified_when_asked(
    policy: Policy, tmp_path: Path, softliq: Softliq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluator.stored.SMALL", 0)
    monkeypatch.setattr("evaluator.mapped._END", 64)
    folder, text = written(tmp_path / "book"), tmp_path / "kept.policy"
    assert softliq("index", text, folder, "--check").code == 0  # there was none
    column = next((folder / FOLDER).rglob("position.arrow"))
    cells = column.read_bytes()
    values = np.frombuffer(cells, np.float64, count=len(cells) // 8)
    place = 8 * int(
        np.flatnonzero(values == read_snapshot(folder, policy).tables["position"].columns["size"].values[0])[0]
    )
    column.write_bytes(cells[:place] + b"\x01" + cells[place + 1 :])
    assert index_snapshot(folder, policy).why is None
    ran = softliq("index", text, folder, "--check")
    told = f"{folder / FOLDER}: written, because `position.arrow` of the index is damaged: "
    assert (ran.code, told in ran.out) == (1, True)
    assert "error: results that were computed from the damaged index may be wrong\n" in ran.err
    ran = softliq("index", text, folder, "--check")
    assert (ran.code, ": is up to date: " in ran.out) == (0, True)


def test_a_folder_that_cannot_be_written(policy: Policy, tmp_path: Path, softliq: Softliq) -> None:
    folder = written(tmp_path / "book")
    (folder / FOLDER).write_text("not a folder")
    ran = softliq("index", tmp_path / "kept.policy", folder)
    assert (ran.code, ran.out) == (2, "")
    assert f"error: {folder / FOLDER} can't be written: file exists\n" in ran.err
    ran = softliq("eval", tmp_path / "kept.policy", folder, "--allow-unknown", "100%")
    assert ran.code == 0 and f"note: the index is not used: {folder / FOLDER} can't be written" in ran.err


def test_the_command_says_what_becomes_of_it(policy: Policy, tmp_path: Path, softliq: Softliq) -> None:
    folder, text = written(tmp_path / "book"), tmp_path / "kept.policy"
    before = softliq("eval", text, folder, "--json", "--allow-unknown", "100%")
    rows = "3 tables, rows: 3 of market, 3 of account, 4 of position\n"
    assert softliq("index", text, folder).out == f"{folder / FOLDER}: written: {rows}"
    assert softliq("index", text, folder).out == f"{folder / FOLDER}: is up to date: {rows}"
    after = softliq("eval", text, folder, "--json", "--allow-unknown", "100%")
    assert before.out == after.out
    assert f"note: read from the index `{folder / FOLDER}`\n" in after.err
    (folder / "account.csv").write_text(TABLES["account"].replace("1.10", "7.10"))
    again = softliq("explain", text, folder, "account:007")
    assert f"note: `account.csv` has changed: `{folder / FOLDER}` is made again\n" in again.err
    assert "7.10" in again.out


def test_two_processes_at_once(policy: Policy, tmp_path: Path) -> None:
    folder = written(tmp_path / "book")
    arguments = ["index", str(tmp_path / "kept.policy"), str(folder)]
    command = [sys.executable, "-c", "import sys; from cli.app import run; sys.exit(run(sys.argv[1:]))", *arguments]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    ended = [(process.communicate(), process.returncode) for process in running]
    assert [code for _, code in ended] == [0, 0, 0], ended
    assert index_snapshot(folder, policy).why is None
    assert not list((folder / FOLDER).glob("*-*.json"))


def test_keys_are_found_by_halves() -> None:
    keys = ["b", "a", "ä", "", "Z", "aa", "\U0001f600", "z"]
    array = pa.chunked_array([keys[:3], keys[3:]], pa.string())
    found = Texts(array, pa.compute.sort_indices(array).to_numpy())
    assert [found.row(k) for k in keys] == list(range(len(keys)))
    assert [found.row(k) for k in ("A", "zz", "\uffff", "aaa")] == [None] * 4
    assert [Texts(array).row(k) for k in [*keys, "zz"]] == [*range(len(keys)), None]
    assert Texts(pa.chunked_array([], pa.string()), np.zeros(0, np.int64)).row("a") is None


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("rows", [False, True])
def test_a_row_explained_alone_is_explained_the_same(policy: Policy, tmp_path: Path, kind: str, rows: bool) -> None:
    folder = written(tmp_path / "book", kind)
    index_snapshot(folder, policy)
    book = index_snapshot(folder, policy, rows=rows).book
    assert alone(policy, book) and (book.index is None) == rows
    results = softliq.evaluate(policy, read_snapshot(folder, policy))
    for entity in ("account", "position", "market"):
        for row in range(book.tables[entity].rows):
            by_itself = explain(Reference(policy, book, {}), entity, row)
            assert as_data(by_itself) == as_data(explain(results.evaluation, entity, row))


def test_explaining_a_row_from_an_index_loads_no_numpy(tmp_path: Path) -> None:
    books.write(books.book(100), tmp_path)
    policy, snapshot = softliq.load_policy(bench.POLICY), tmp_path / "snapshot"
    index_snapshot(snapshot, policy)
    arguments = ["explain", str(bench.POLICY), str(snapshot), "account:0", "--format", "json"]
    run = f"import sys; from cli.app import run; run({arguments!r}); print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"numpy", "pyarrow", "rich", "evaluator.run"} & set(ran.stderr.split()) == set()
    results = softliq.evaluate(policy, read_snapshot(snapshot, policy))
    assert json.loads(ran.stdout) == as_data(explain(results.evaluation, "account", 0))


def test_what_one_row_is_not_enough_for_is_read_whole(tmp_path: Path) -> None:
    books.write(books.book(100), tmp_path)
    path, snapshot = tmp_path / "sums.policy", tmp_path / "snapshot"
    path.write_text(SUMS + "entity venue once:\n  sizes = sum(position.size)\n")
    policy = softliq.load_policy(path)
    index_snapshot(snapshot, policy)
    assert isinstance(
        index_snapshot(snapshot, policy, rows=True).book.tables["position"].columns["size"].values, np.ndarray
    )


def test_a_column_that_is_looked_at_by_rows_becomes_an_array_where_one_is_needed(
    policy: Policy, tmp_path: Path
) -> None:
    folder = written(tmp_path / "book")
    index_snapshot(folder, policy)
    whole, rows = (index_snapshot(folder, policy, rows=rows).book for rows in (False, True))
    for entity, table in whole.tables.items():
        other = rows.tables[entity]
        assert list(table.keys) == [other.keys[row] for row in range(other.rows)] == list(other.keys)
        assert [row_of(other.keys, key) for key in table.keys] == list(range(table.rows))
        for name, column in table.columns.items():
            found = other.columns[name]
            assert np.array_equal(column.values, np.asarray(found.values).astype(column.values.dtype), equal_nan=True)
            assert np.array_equal(column.known(), found.known())
            assert column.unknown_count() == found.unknown_count()
            with pytest.raises(TypeError):
                _ = found.values == column.values


@pytest.mark.parametrize("stored", ["text", "numbers", "dictionary", "sparse", "unsigned"])
@pytest.mark.parametrize("asked", ["text", "numbers", "dictionary", "small"])
def test_links_lead_to_the_row_whose_key_is_written_so(stored: str, asked: str) -> None:
    keys, links = [7, 3, -5, 12], [3, None, 12, 7, 99, -5, 3, -(2**7)]
    if stored == "sparse":
        keys[1] = links[0] = links[6] = 100
    if stored == "unsigned":
        keys[2] = 5
    makers = {
        "text": lambda v: pa.array([None if x is None else str(x) for x in v]),
        "dictionary": lambda v: pa.array([None if x is None else str(x) for x in v]).dictionary_encode(),
        "unsigned": lambda v: pa.array(v, pa.uint64()),
        "small": lambda v: pa.array(v, pa.int8()),
    }
    held = pa.chunked_array([makers.get(stored, pa.array)(keys)])
    cells = pa.chunked_array([makers.get(asked, pa.array)(part) for part in (links[:3], links[3:])])
    held = held if stored != "dictionary" else held.cast(pa.string())
    expected = [keys.index(x) if x in keys else -1 for x in links]
    assert rows_of(cells, held).tolist() == expected


SUMS = """policy "sums"
entity account:
  total = sum(position.size)
entity position:
  account : account?
  size    : number
"""


GROUPS = """policy "groups"
entity market:
  mark : number
entity position:
  market : market
  size   : number
  part   = size * netting.total
entity netting groups position by market:
  total = sum(position.size * market.mark)
"""


@pytest.mark.parametrize("orphans", [False, True])
def test_a_large_book_is_laid_out_on_disk(orphans: bool, tmp_path: Path) -> None:
    """Its evaluation groups and sorts nothing."""
    books.write(books.book(24_000), tmp_path)
    reference = softliq.load_policy(bench.POLICY)
    if orphans:  # rows that belong to nobody
        (tmp_path / "sums.policy").write_text(SUMS)
        reference = softliq.load_policy(tmp_path / "sums.policy")
        file = tmp_path / "snapshot" / "position.parquet"
        table = pq.read_table(file)
        accounts = [None if i % 5_000 == 7 else a for i, a in enumerate(table["account"].to_pylist())]
        place = table.column_names.index("account")
        pq.write_table(table.set_column(place, "account", pa.array(accounts, pa.int32())), file)
    plain = read_snapshot(tmp_path / "snapshot", reference)
    kept = index_snapshot(tmp_path / "snapshot", reference).book
    same(reference, plain, kept)
    assert kept.index is not None
    ((_, layout, groups),) = kept.index.layouts.values()
    assert (layout, "position", "size") in kept.index.columns
    assert (groups["position"].index is kept.tables["position"].columns["account"].values) == (not orphans)
    expected = evaluate(reference, plain, {})
    with patch("evaluator.book_blocks.make_layout", None), patch("evaluator.groups.groups_of", None):
        assert differences(evaluate(reference, kept, {}), expected) == []
        summary = Results(evaluate(reference, kept, {}, wanted=(), watch=True)).summary()
    assert summary == Results(expected).summary()
    assert [one[1] for one in kept.index.layouts.values()] == [layout]


def test_what_is_laid_out_of_rows_that_are_formed_is_not_kept(tmp_path: Path) -> None:
    books.write(books.book(24_000), tmp_path)
    (tmp_path / "groups.policy").write_text(GROUPS)
    policy = softliq.load_policy(tmp_path / "groups.policy")
    plain = read_snapshot(tmp_path / "snapshot", policy)
    kept = index_snapshot(tmp_path / "snapshot", policy).book
    for _ in range(2):
        assert differences(evaluate(policy, kept, {}), evaluate(policy, plain, {}, optimise=False)) == []


def test_a_book_is_laid_out_as_ever() -> None:
    """An index on disk holds a layout: whatever lays out in another way raises ``FORMAT`` in evaluator/stored.py."""
    account = np.arange(200_000) ** 2 % 9_973  # of which some hold nothing, and one more than others
    layout = make_layout("account", {"position": make_groups(account, 10_000)}, 10_000)
    blocks = [[b.starts, b.shapes, {e: int(o.sum()) for e, o in b.owners.items()}] for b in layout.blocks]
    data = layout.orders["account"].tobytes() + layout.orders["position"].tobytes() + json.dumps(blocks).encode()
    assert (FORMAT, sha256(data).hexdigest()[:16]) == (4, "132373b6bb1e7132")


def test_what_was_left_behind_is_removed_and_nothing_else(policy: Policy, tmp_path: Path) -> None:
    folder = written(tmp_path / "book")
    index_snapshot(folder, policy)
    home = folder / FOLDER
    old, young, mine = (home / name for name in (f"{'a' * 16}-{'b' * 12}", f"{'a' * 16}-{'c' * 12}", "mine"))
    for made in (old, young, mine):
        made.mkdir()
    (home / "mine.json").write_text("{}")
    for left in (old, mine, home / "mine.json"):
        os.utime(left, (0, 0))
    for i in range(9):  # other policies
        kind = (tmp_path / "kept.policy").read_text().replace("one of spot, future", f"one of spot, future, k{i}")
        (tmp_path / "other.policy").write_text(kind)
        index_snapshot(folder, softliq.load_policy(tmp_path / "other.policy"))
    names = {p.name for p in home.iterdir()}
    assert old.name not in names and {young.name, "mine", "mine.json"} <= names
    assert len([n for n in names if n.endswith(".json")]) == 9  # eight, and the one that is somebody's
    assert len([n for n in names if "-" in n]) == 9  # theirs, and the young one
