"""Snapshots: every fault of structure has its whole message, and every cell its value or its cause.

A case of a bad snapshot is a folder tests/cases/snapshots/POLICY/NAME with NAME.expected beside it. To write the files
of new cases: `python -m tests.test_snapshot`, then read every line of what it wrote.
"""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsl.causes import Cause
from dsl.model import AsOf, Compare, Kind, Policy, Read, Type, Version
from evaluator.book import Book
from evaluator.cells import cell_text
from evaluator.columns import KNOWN, Origin
from evaluator.needs import aggregated_links
from evaluator.problems import SnapshotError
from evaluator.schema import schema
from evaluator.snapshot import book_of, needs_as_of, read_snapshot
from tests import models
from tests.test_cells import AS_OF, MOMENT, B, K, M, N, cause, value

CASES = Path(__file__).parent / "cases" / "snapshots"
POLICIES: dict[str, Callable[[], Policy]] = {
    "perpetuals": models.perpetuals,
    "once": lambda: models.policy({"system": {"pool": "USD"}}, once=["system"]),
}


def folders() -> list[Path]:
    return sorted(p for policy in POLICIES for p in (CASES / policy).iterdir() if p.is_dir())


def expected(folder: Path) -> Path:
    return folder.with_name(folder.name + ".expected")


def faults(folder: Path) -> str:
    with pytest.raises(SnapshotError) as raised:
        read_snapshot(folder, POLICIES[folder.parent.name]())
    return str(raised.value).replace(str(folder), folder.name) + "\n"


@pytest.mark.parametrize("folder", folders(), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_bad_snapshot_says_exactly_this(folder: Path) -> None:
    assert faults(folder) == expected(folder).read_text("utf-8")


def test_no_message_shows_a_library_or_a_full_stop() -> None:
    for folder in folders():
        for line in expected(folder).read_text("utf-8").splitlines():
            assert not line.endswith("."), (folder.name, line)
            assert not any(word in line for word in ("Arrow:", "pyarrow", "None", "Traceback", "<class")), line


# -- links, rows and files ---------------------------------------------------------------------


def good() -> dict[str, dict[str, Any]]:
    return {
        "market": {"market": ["BTC"], "mark": [50000], "mark_at": [AS_OF], "volatility": ["0.6"]},
        "account": {"account": ["a1", "a2"], "collateral": [4250.0, 100.0]},
        "position": {
            "position": ["p1", "p2", "p3"],
            "account": ["a2", "a1", "a2"],
            "market": ["BTC", "XYZ", None],
            "size": np.array([1.0, 2.0, np.nan]),
            "entry": [54000, 1, 2],
            "funding": [None, "1.5", ""],
        },
    }


def test_links_that_nobody_counts_may_lead_nowhere() -> None:
    table = book_of(models.perpetuals(), good(), AS_OF).tables["position"]
    assert table.columns["account"].values.tolist() == [1, 0, 1]
    assert table.columns["account"].quality is None
    assert [cause(table, "market", row) for row in range(3)] == [K, Cause.ORPHAN, M]
    assert [cause(table, "size", row) for row in range(3)] == [K, K, N]
    assert [cause(table, "funding", row) for row in range(3)] == [B, K, B]
    assert table.columns["market"].values.tolist() == [0, -1, -1]
    assert table.written("position", 2) == "p3"


def test_an_optional_column_that_the_venue_does_not_keep_may_be_left_out_and_is_said() -> None:
    book = good()
    del book["position"]["funding"]
    table = book_of(models.perpetuals(), book, AS_OF).tables["position"]
    assert [cause(table, "funding", row) for row in range(3)] == [B, B, B]
    assert table.left_out == ("funding",)
    assert table.written("funding", 0) == ""


def test_an_optional_link_may_be_blank_and_counted() -> None:
    policy = models.policy(
        {"account": {}, "position": {"account?": "account"}},
        formulas={"account": {"n": models.total("position", None, ("account",), "count")}},
    )
    table = book_of(policy, {"account": {"account": ["a"]}, "position": {"position": ["p"], "account": [""]}})
    assert cause(table.tables["position"], "account", 0) is Cause.BLANK


def test_every_link_of_a_counted_chain_must_lead_somewhere() -> None:
    entities = {"asset": {}, "market": {"asset": "asset"}, "position": {"market": "market"}}
    policy = models.policy(entities, formulas={"asset": {"n": models.total("position", None, ("market", "asset"))}})
    assert aggregated_links(policy) == {("position", "market"), ("market", "asset")}


@pytest.mark.parametrize(
    ("policy", "needed"),
    [
        (models.policy({"thing": {"x": "number"}}), False),
        (models.policy({"thing": {"x": "number || 30"}}), True),
        (models.policy({"thing": {}}, params={"p": models.dated("p", Version(MOMENT, Fraction(1)))}), True),
        (
            models.policy(
                {"thing": {"x": "date"}},
                formulas={"thing": {"late": Compare("<", Read("thing", "x"), AsOf(), Type(Kind.FLAG))}},
            ),
            True,
        ),
    ],
)
def test_who_needs_an_instant(policy: Policy, needed: bool) -> None:
    assert needs_as_of(policy) is needed


def folder(tmp_path: Path) -> Path:
    """A good snapshot on disk."""
    for entity, columns in good().items():
        table = pa.table({n: ["" if v is None else str(v) for v in values] for n, values in columns.items()})
        pa.csv.write_csv(table, tmp_path / f"{entity}.csv")
    return tmp_path


def test_a_folder_and_columns_in_memory_give_the_same_book(tmp_path: Path) -> None:
    policy = models.perpetuals()
    read = read_snapshot(folder(tmp_path), policy, as_of=MOMENT)
    made = book_of(policy, good(), AS_OF)
    assert read.as_of == made.as_of == 1796083200
    assert contents(read) == contents(made)
    assert read.hashes == {
        f"{e}.csv": sha256((tmp_path / f"{e}.csv").read_bytes()).hexdigest() for e in policy.entities
    }


def contents(book: Book) -> dict[str, Any]:
    return {
        name: (list(table.keys), {n: _column(c) for n, c in table.columns.items()})
        for name, table in book.tables.items()
    }


def _column(column: Any) -> list[Any]:
    quality = np.full(len(column.values), KNOWN) if column.quality is None else column.quality
    return [v if q == KNOWN else Origin.of(int(q)) for v, q in zip(column.values.tolist(), quality, strict=True)]


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ("as_of = " + "9" * 5000, "not valid TOML: exceeds the limit"),
        ("x = " + "[" * 5000, "not valid TOML: lists stand inside each other too deeply"),
        ("as_of = 0001-01-01T00:00:00+14:00", "`as_of` is outside of the years 1 to 9999"),
        ('[market]\nfile = "a\\u0000b.csv"', "which doesn't exist"),
        ('[market]\ncolumns = { mark = "" }', "`columns` of [market] isn't a list of names"),
        (f'[market]\nfile = "{"x" * 5000}.csv"', "which doesn't exist"),
    ],
    ids=["long number", "deep", "before the year 1", "no name of a file", "no name", "too long a name"],
)
def test_a_snapshot_toml_beyond_all_bounds(tmp_path: Path, stated: str, said: str) -> None:
    (folder(tmp_path) / "snapshot.toml").write_text(stated)
    with pytest.raises(SnapshotError) as raised:
        read_snapshot(tmp_path, models.perpetuals())
    assert said in str(raised.value)


@pytest.mark.parametrize("more", [",,", ", ,,"])
@pytest.mark.parametrize("first", [False, True])
def test_columns_without_a_name_are_none(tmp_path: Path, more: str, first: bool) -> None:
    """Spreadsheets leave them behind."""
    whole = read_snapshot(folder(tmp_path), models.perpetuals(), as_of=AS_OF)
    for name in ("market", "account", "position"):
        lines = (tmp_path / f"{name}.csv").read_text().splitlines()
        (tmp_path / f"{name}.csv").write_text("".join(f"{more}{x}\n" if first else f"{x}{more}\n" for x in lines))
    found = read_snapshot(tmp_path, models.perpetuals(), as_of=AS_OF)
    for name, table in whole.tables.items():
        for column, cells in table.columns.items():
            assert repr(found.tables[name].columns[column].values) == repr(cells.values)


def test_snapshot_toml_maps_files_and_columns(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "in").mkdir()
    text = (tmp_path / "market.csv").read_text().replace("mark_at", "time").replace('"mark"', '"mark_price"')
    (tmp_path / "in" / "prices.csv").write_text(text)
    (tmp_path / "market.csv").unlink()
    (tmp_path / "snapshot.toml").write_text(
        "as_of = 2026-12-01T00:00:00Z\n"
        '[market]\nfile = "in/prices.csv"\ncolumns = { mark = "mark_price", mark_at = "time" }\n'
    )
    for path in (tmp_path, tmp_path / "snapshot.toml"):
        book = read_snapshot(path, models.perpetuals())
        market = book.tables["market"]
        assert (market.written("mark", 0), market.columns["mark"].quality) == ("50000", None)
        assert sorted(book.hashes) == ["account.csv", "in/prices.csv", "position.csv", "snapshot.toml"]
        assert book.name == tmp_path.name


def test_two_instants_that_differ(tmp_path: Path) -> None:
    (folder(tmp_path) / "snapshot.toml").write_text("as_of = 2026-12-01\n")
    assert read_snapshot(tmp_path, models.perpetuals(), as_of=MOMENT).as_of == 1796083200
    with pytest.raises(SnapshotError) as raised:
        read_snapshot(tmp_path, models.perpetuals(), as_of=MOMENT + timedelta(hours=1))
    assert str(raised.value) == (
        "snapshot.toml: two instants: 2026-12-01T01:00:00Z is given, and snapshot.toml states 2026-12-01T00:00:00Z\n"
        "  help: leave out --as-of, or change as_of in the file"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("snapshots", "no such snapshot: `{0}/snapshots`\n  help: did you mean `{0}/snapshot`?"),
        ("nothing/here", "no such snapshot: `{0}/nothing/here`\n  help: give the folder that holds the tables"),
        ("a.csv", "not a snapshot: `{0}/a.csv` is a file\n"
         "  help: give the folder that holds the tables, or its snapshot.toml"),
        ("snapshot", "`{0}/snapshot` isn't a snapshot of this policy: it is empty\n"
         "  help: expected thing.csv (or .parquet, .arrow), or a snapshot.toml that names the files"),
    ],
)  # fmt: skip
def test_a_path_that_is_no_snapshot(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "a.csv").write_text("a\n")
    with pytest.raises(SnapshotError) as raised:
        read_snapshot(tmp_path / name, models.policy({"thing": {}}))
    assert str(raised.value) == message.format(tmp_path)


def test_rows_may_be_none_lines_may_break_and_a_mark_may_lead(tmp_path: Path) -> None:
    policy = models.policy({"empty": {"x": "number"}, "thing": {"x": "number", "note": "text"}})
    (tmp_path / "empty.csv").write_bytes(b"empty,x\n")
    (tmp_path / "thing.csv").write_bytes(b'\xef\xbb\xbfthing,note,x\r\n\r\nt1,"a\r\nb",1\r\n"t,2",NA,2')
    book = read_snapshot(tmp_path, policy)
    assert (book.tables["empty"].rows, list(book.tables["empty"].keys)) == (0, [])
    thing = book.tables["thing"]
    assert list(thing.keys) == ["t1", "t,2"]
    assert [value(thing, "note", row) for row in (0, 1)] == ["a\r\nb", "NA"]
    assert thing.columns["x"].values.tolist() == [1.0, 2.0]


CELL = st.text(alphabet="ab1", max_size=2) | st.sampled_from(
    ['"a"', '"a,b"', '"a\nb"', '"a""b"', 'a"b', '"a"b', '"', '""', "é", " ", "a\r", "\0", '"a', 'a"', "a,", "\n"]
)


@given(st.lists(st.tuples(CELL, CELL), max_size=5).map(lambda rows: "\n".join(",".join(row) for row in rows)))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_as_it_stands_or_refused(tmp_path: Path, body: str) -> None:
    """No text breaks the reader, and none that it accepts has other rows than Python's own reader of CSV finds."""
    text = "thing,x\n" + body
    path = tmp_path / "thing.csv"
    path.write_bytes(text.encode())
    try:
        table = read_snapshot(tmp_path, models.policy({"thing": {"x": "text"}})).tables["thing"]
    except SnapshotError as error:
        assert all(p.file == "thing.csv" for p in error.problems)
    else:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row][1:]
        assert [[key, table.written("x", i)] for i, key in enumerate(table.keys)] == rows


def test_a_one_row_entity_has_no_key() -> None:
    policy = models.policy({"system": {"pool": "USD"}, "total": {}}, once=["system", "total"])
    book = book_of(policy, {"system": {"pool": [5]}})
    assert (book.tables["system"].keys, book.tables["system"].rows) == ((), 1)
    assert book.tables["total"].rows == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"account": {"account": ["a1"], "collateral": [1, 2]}},
         "columns of different length: `account` has 1, `collateral` has 2"),
        ({"account": {"account": "a1", "collateral": [1]}}, "one value, where a sequence is needed"),
        ({"account": {"account": ["a1"], "collateral": [[1]]}}, "a value that is a collection"),
        ({"account": {"account": ["a1", "a1"], "collateral": [1, 2]}}, "1 key stands in several rows"),
        ({"account": {"account": ["a1", "a2"]}}, "no column `collateral`"),
    ],
)  # fmt: skip
def test_faults_in_memory(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SnapshotError) as raised:
        book_of(models.perpetuals(), good() | change, AS_OF)
    assert raised.value.problems[0].message == message


def test_rows_keep_their_order_in_threads_and_only_needed_columns_are_read(tmp_path: Path) -> None:
    rows = 200_000
    text = "thing,unread,x\n" + "".join(f"t{i},\N{SNOWMAN}{i},{i}\n" for i in range(rows))
    (tmp_path / "thing.csv").write_text(text, "utf-8")
    thing = read_snapshot(tmp_path, models.policy({"thing": {"x": "number"}})).tables["thing"]
    assert np.array_equal(thing.columns["x"].values, np.arange(rows, dtype=np.float64))
    assert list(thing.columns) == ["x"]
    assert thing.keys[rows - 1] == f"t{rows - 1}"


def test_schema_is_plain_data() -> None:
    tables = schema(models.perpetuals())
    assert [(t["entity"], [c["column"] for c in t["columns"]]) for t in tables] == [
        ("market", ["market", "mark", "mark_at", "volatility"]),
        ("account", ["account", "collateral"]),
        ("position", ["position", "account", "market", "size", "entry", "funding"]),
    ]
    market, position = tables[0]["columns"], tables[2]["columns"]
    assert [(c["role"], c["type"], c["range"], c["fresh"]) for c in market] == [
        ("key", "text", "", ""),
        ("input", "number", "> 0", "30s"),
        ("instant", "date", "", ""),
        ("input", "ratio", "0% to 500%", ""),
    ]
    assert [(c["type"], c["optional"]) for c in position if c["role"] == "link"] == [
        ("link to account", False),
        ("link to market", False),
    ]
    assert position[-1]["optional"]


def test_progress_rises_to_its_end(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    read_snapshot(folder(tmp_path), models.perpetuals(), as_of=MOMENT, progress=lambda *step: seen.append(step))
    shares = [share for _, share in seen]
    assert {stage for stage, _ in seen} == {"reading the snapshot"}
    assert (shares, shares[0], shares[-1]) == (sorted(shares), 0.0, 1.0)


def test_a_null_is_written_as_nothing() -> None:
    assert cell_text(pa.chunked_array([[None]], pa.float64()), 0) == ""


def write_missing() -> None:
    """Writes what is said of each case that has no expected file yet."""
    for folder in folders():
        if not expected(folder).exists():
            expected(folder).write_text(faults(folder), "utf-8")


if __name__ == "__main__":
    write_missing()
