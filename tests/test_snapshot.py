"""Snapshots: every fault of structure has its whole message, and every cell its value or its cause.

A case of a bad snapshot is a folder tests/cases/snapshots/POLICY/NAME with NAME.expected beside it. To write the files
of new cases: `python -m tests.test_snapshot`, then read every line of what it wrote.
"""

import csv
import gzip
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsl.causes import Cause
from dsl.model import AsOf, Compare, Kind, Policy, Read, Type, Version
from evaluator.book import Book, BookTable
from evaluator.cells import cell_text
from evaluator.columns import KNOWN, Origin
from evaluator.needs import aggregated_links
from evaluator.problems import SnapshotError
from evaluator.schema import schema
from evaluator.snapshot import book_of, needs_as_of, read_snapshot
from tests import models

CASES = Path(__file__).parent / "cases" / "snapshots"
POLICIES: dict[str, Callable[[], Policy]] = {
    "perpetuals": models.perpetuals,
    "once": lambda: models.policy({"system": {"pool": "USD"}}, once=["system"]),
}
AS_OF = "2026-12-01T00:00:00Z"


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


# -- cells: what a text in a CSV file becomes --------------------------------------------------

K, M, N, R, S, B = (
    None, Cause.MISSING, Cause.NOT_A_VALUE, Cause.OUT_OF_RANGE, Cause.STALE, Cause.BLANK
)  # fmt: skip
LONG = "0." + "3" * 500

CELLS: list[tuple[str, str, Any, Cause | None]] = [
    ("number", "5", 5.0, K), ("number", " 5 ", 5.0, K), ("number", "+5", 5.0, K), ("number", ".5e-3", 0.0005, K),
    ("number", "-0", 0.0, K), ("number", "0.1", 0.1, K), ("number", "1E3", 1000.0, K), ("number", LONG, 1 / 3, K),
    ("number", "", 0, M), ("number", "   ", 0, M), ("number", "NA", 0, N), ("number", "null", 0, N),
    ("number", "NaN", 0, N), ("number", "inf", 0, N), ("number", "-Infinity", 0, N), ("number", "1e999", 0, N),
    ("number", "1,5", 0, N), ("number", "1_000", 0, N), ("number", "0x10", 0, N), ("number", "5 USD", 0, N),
    ("number", "60%", 0, N), ("number", "1/3", 0, N), ("number", "--1", 0, N), ("number", "1e", 0, N),
    ("number", "1e-999", 0.0, K), ("number", "\u0661", 0, N), ("number", "=1+1", 0, N),
    ("number | > 0", "0", 0, R), ("number | > 0", "-1", 0, R), ("number | > 0", "1e-320", 1e-320, K),
    ("number | 0 to 1", "1", 1.0, K), ("number | 0 to 1", "1.00000000000000000001", 0, R),
    ("number | 0 to 1", "0.99999999999999999999", 1.0, K), ("number | 0 to 1", "-1e-400", 0, R),
    ("number | >= 0.1", "0.1", 0.1, K), ("number | > 0.1", "0.1", 0, R),
    ("number | > 0.1", "0.10000000000000000001", 0.1, K),
    ("number | < 1", "1", 0, R), ("number | < 1", "", 0, M), ("number | < 1", "x", 0, N),
    ("duration", "30s", 30.0, K), ("duration", "1.5min", 90.0, K), ("duration", "8h", 28800.0, K),
    ("duration", "7d", 604800.0, K), ("duration", "45", 45.0, K), ("duration", "30 s", 30.0, K),
    ("duration", "30m", 0, N), ("duration", "", 0, M), ("duration | 0 to 60", "61s", 0, R),
    ("date", "2026-12-01", 1796083200.0, K), ("date", "2026-12-01T07:30Z", 1796110200.0, K),
    ("date", "2026-12-01 07:30:00+07:30", 1796083200.0, K), ("date", "2026-12-01T00:00:00.5Z", 1796083200.5, K),
    ("date", "2026-12-01T07:30", 0, N), ("date", "01/12/2026", 0, N), ("date", "2026-13-01", 0, N),
    ("date", "2026-12-01T25:00Z", 0, N), ("date", "1796083200", 0, N), ("date", "", 0, M),
    ("text", "00123", "00123", K), ("text", "NA", "NA", K), ("text", "null", "null", K), ("text", "1e5", "1e5", K),
    ("text", "", 0, M), ("text", " x", " x", K), ("text", "true", "true", K),
    ("flag", "yes", True, K), ("flag", "NO", False, K), ("flag", "True", True, K), ("flag", "0", False, K),
    ("flag", "1", True, K), ("flag", "y", 0, N), ("flag", "", 0, M), ("flag", "2", 0, N),
    ("one of A, B", "B", 1, K), ("one of A, B", "b", 0, N), ("one of A, B", "", 0, M), ("one of A, B", "C", 0, N),
]  # fmt: skip


def cause(table: BookTable, column: str, row: int) -> Cause | None:
    """Why a cell is unknown, with the entity, column and row that its code must name."""
    quality = table.columns[column].quality
    if quality is None or quality[row] == KNOWN:
        return None
    origin = Origin.of(int(quality[row]))
    assert (origin.row, origin.column) == (row, list(table.columns).index(column))
    return origin.cause


def value(table: BookTable, column: str, row: int) -> Any:
    found = table.columns[column].values[row].item()
    return table.texts[column][found] if column in table.texts else found


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text


@pytest.mark.parametrize("beside", ["", "faulty"], ids=["alone", "beside a faulty cell"])
@pytest.mark.parametrize(("type", "text", "expected", "why"), CELLS)
def test_a_cell(type: str, text: str, expected: Any, why: Cause | None, beside: str, tmp_path: Path) -> None:
    """The same value and cause from a file, from memory, and whether other cells of its column are faulty or not."""
    policy = models.policy({"thing": {"x": type}})
    cells = [text, beside]
    lines = [f"t{i},{quoted(cell)}" for i, cell in enumerate(cells)]
    (tmp_path / "thing.csv").write_text("\n".join(["thing,x", *lines]) + "\n", "utf-8")
    memory = book_of(policy, {"thing": {"thing": ["t0", "t1"], "x": cells}})
    for book in (read_snapshot(tmp_path, policy), memory):
        table = book.tables["thing"]
        assert cause(table, "x", 0) == why
        assert table.written("x", 0).strip() == text.strip()
        if why is None:
            assert value(table, "x", 0) == expected
            if type.split()[0] in ("number", "duration", "date"):
                assert float(table.exact("x", 0)) == expected


def test_long_decimals_are_exact(tmp_path: Path) -> None:
    policy = models.policy({"thing": {"x": "number"}})
    (tmp_path / "thing.csv").write_text("thing,x\nt,0.1234567890123456789\n")
    assert read_snapshot(tmp_path, policy).tables["thing"].exact("x", 0) == Fraction("0.1234567890123456789")


def test_an_exponent_without_end_does_not_hang() -> None:
    table = book_of(models.policy({"thing": {"x": "number"}}), {"thing": {"thing": ["t"], "x": ["1e-99999999"]}})
    assert table.tables["thing"].exact("x", 0) == 0


@pytest.mark.parametrize(
    ("cell", "at", "why"),
    [
        ("5", AS_OF, K), ("5", "2026-11-30T23:59:30Z", K), ("5", "2026-11-30T23:59:29.999999Z", S), ("5", "", S),
        ("5", "2026-12-01T00:00:00.000000001Z", S), ("5", "yesterday", S), ("5", "2026-12-01T01:00+01:00", K),
        ("", "", B), ("", AS_OF, B), ("", "2026-11-30", S), ("x", "2026-11-30", N),
    ],
)  # fmt: skip
def test_freshness(cell: str, at: str, why: Cause | None) -> None:
    policy = models.policy({"thing": {"x?": "number || 30"}})
    book = book_of(policy, {"thing": {"thing": ["t"], "x": [cell], "x_at": [at]}}, AS_OF)
    assert cause(book.tables["thing"], "x", 0) == why


def test_without_its_instants_every_cell_is_stale() -> None:
    policy = models.policy({"thing": {"x": "number || 30", "y?": "number || 30"}})
    book = book_of(policy, {"thing": {"thing": ["t", "u"], "x": [1, None], "y": [None, 2]}}, AS_OF)
    causes = [[cause(book.tables["thing"], c, r) for r in (0, 1)] for c in "xy"]
    assert causes == [[S, M], [S, S]]


# -- columns of Parquet and Arrow files --------------------------------------------------------

MOMENT = datetime(2026, 12, 1, tzinfo=UTC)
STORED: list[tuple[str, Any, Any, str]] = [
    ("number", pa.array([5], pa.int64()), 5.0, "5"),
    ("number", pa.array([2**60 + 1], pa.int64()), float(2**60), str(2**60 + 1)),
    ("number", pa.array([0.1], pa.float64()), 0.1, "0.1"),
    ("number", pa.array([0.5], pa.float32()), 0.5, "0.5"),
    ("number", pa.array([Decimal("0.1000000000000000000001")], pa.decimal128(38, 22)), 0.1, "0.1000000000000000000001"),
    ("number", pa.array([Decimal("1E-7")], pa.decimal256(60, 40)), 1e-7, "1.000000000000000000000000000000000E-7"),
    ("number", pa.array([1.5], pa.float16()), 1.5, "1.5"),
    ("number", pa.array([2**64 - 1], pa.uint64()), 2.0**64, str(2**64 - 1)),
    ("number", pa.array(["0.10"], pa.large_string()), 0.1, "0.10"),
    ("number", pa.array(["7"]).dictionary_encode(), 7.0, "7"),
    ("date", pa.array([MOMENT], pa.timestamp("ns", "UTC")), 1796083200.0, AS_OF),
    ("date", pa.array([datetime(2026, 12, 1)], pa.timestamp("us")), 1796083200.0, AS_OF),
    ("date", pa.array([date(2026, 12, 1)], pa.date32()), 1796083200.0, "2026-12-01"),
    ("date", pa.array(["2026-12-01"]), 1796083200.0, "2026-12-01"),
    ("duration", pa.array([timedelta(seconds=90)], pa.duration("ms")), 90.0, "90"),
    ("duration", pa.array([1.5]), 1.5, "1.5"),
    ("text", pa.array([123]), "123", "123"),
    ("text", pa.array(["00123"]), "00123", "00123"),
    ("flag", pa.array([True]), True, "yes"),
    ("flag", pa.array([0]), False, "0"),
    ("one of A, B", pa.array(["B"]).dictionary_encode(), 1, "B"),
]


def write(path: Path, table: pa.Table) -> None:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(str(path), table.schema) as file:
            file.write_table(table.unify_dictionaries())


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".feather"])
@pytest.mark.parametrize(("type", "array", "expected", "written"), STORED)
def test_a_stored_cell(type: str, array: Any, expected: Any, written: str, suffix: str, tmp_path: Path) -> None:
    """Each with a null behind it, which is blank."""
    policy = models.policy({"thing": {"x": type}})
    column = pa.chunked_array([array, pa.nulls(1, array.type)])
    write(tmp_path / f"thing{suffix}", pa.table({"thing": ["t", "u"], "unread": [[1], [2]], "x": column}))
    table = read_snapshot(tmp_path, policy).tables["thing"]
    assert [cause(table, "x", row) for row in (0, 1)] == [None, Cause.MISSING]
    assert value(table, "x", 0) == expected
    assert [table.written("x", row) for row in (0, 1)] == [written, ""]


WRONG = [
    ("number", pa.array([[1.0]]), "the column holds lists or structures, not numbers"),
    ("number", pa.array([{"a": 1}]), "the column holds lists or structures, not numbers"),
    ("number", pa.array([True]), "the column holds flags, not numbers"),
    ("number", pa.array([MOMENT]), "the column holds instants, not numbers"),
    ("number", pa.array([b"\xff"]), "the column holds bytes, not numbers"),
    ("date", pa.array([1]), "the column holds whole numbers, not dates or instants"),
    ("text", pa.array([1.5]), "the column holds floating-point numbers, not text"),
    ("flag", pa.array([1.5]), "the column holds floating-point numbers, not flags (yes, no)"),
    ("one of A, B", pa.array([Decimal(1)]), "the column holds decimals, not text"),
    ("thing", pa.array([1.0]), "the column holds floating-point numbers, not keys, as text or whole numbers"),
]


@pytest.mark.parametrize(("type", "array", "message"), WRONG, ids=[w[2] for w in WRONG])
def test_a_stored_column_of_an_impossible_type(type: str, array: Any, message: str, tmp_path: Path) -> None:
    policy = models.policy({"thing": {"x": type}})
    write(tmp_path / "thing.parquet", pa.table({"thing": ["t"], "x": array}))
    with pytest.raises(SnapshotError) as raised:
        read_snapshot(tmp_path, policy)
    assert str(raised.value) == f"thing.parquet, column `x`: {message}\n  help: write it with another type"


def test_numeric_keys_and_links_meet_as_text(tmp_path: Path) -> None:
    write(tmp_path / "account.parquet", pa.table({"account": [7, 8], "collateral": [1.0, 2.0]}))
    (tmp_path / "position.csv").write_text("position,account\np,8\nq,7\n")
    policy = models.policy({"account": {"collateral": "USD"}, "position": {"account": "account"}})
    book = read_snapshot(tmp_path, policy)
    assert book.tables["position"].columns["account"].values.tolist() == [1, 0]
    assert list(book.tables["account"].keys) == ["7", "8"]
    assert book.tables["account"].keys[1] == "8"


@pytest.mark.parametrize("cut", [4, 100, -20])
def test_a_parquet_file_cut_short(cut: int, tmp_path: Path) -> None:
    policy = models.policy({"thing": {"x": "number"}})
    path = tmp_path / "thing.parquet"
    write(path, pa.table({"thing": ["t"], "x": [1.0]}))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SnapshotError, match=r"^thing\.parquet: not a Parquet file, or a damaged one\n"):
        read_snapshot(tmp_path, policy)


@pytest.mark.parametrize("suffix", [".arrow", ".feather"])
def test_an_arrow_stream(suffix: str, tmp_path: Path) -> None:
    """Only the columns that are read, as of a file; one cut short is damaged."""
    policy = models.policy({"thing": {"x": "number"}})
    rows = pa.table({"thing": ["t", "u"], "unread": [1, 2], "x": [1.5, None]})
    path = tmp_path / f"thing{suffix}"
    with pa.ipc.new_stream(str(path), rows.schema) as stream:
        stream.write_table(rows)
    table = read_snapshot(tmp_path, policy).tables["thing"]
    assert (value(table, "x", 0), cause(table, "x", 1)) == (1.5, Cause.MISSING)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SnapshotError, match=r": not an Arrow IPC file, or a damaged one\n"):
        read_snapshot(tmp_path, policy)


COMPRESSED = 'thing,x,note\nt,1.25,\u00e9\nu,oops,"two\r\nlines"\nv,0.30000000000000000001,\n'


def test_a_compressed_csv_file(tmp_path: Path) -> None:
    """Cells, hash, lines in messages and exact decimals are those of the file as it would stand uncompressed."""
    policy = models.policy({"thing": {"x": "number", "note": "text?"}})
    path = tmp_path / "thing.csv.gz"
    path.write_bytes(gzip.compress(COMPRESSED.encode()))
    book = read_snapshot(tmp_path, policy)
    table = book.tables["thing"]
    assert value(table, "x", 0) == 1.25
    assert [cause(table, "x", row) for row in range(3)] == [None, Cause.NOT_A_VALUE, None]
    assert table.exact("x", 2) == Fraction("0.30000000000000000001")
    assert [table.written("note", row) for row in range(3)] == ["\u00e9", "two\r\nlines", ""]
    assert book.hashes == {"thing.csv.gz": sha256(path.read_bytes()).hexdigest()}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"thing,x\nt,1\n", "not a gzip file, or a damaged one"),
        (gzip.compress(COMPRESSED.encode())[:-12], "not a gzip file, or a damaged one"),
        (b"", "the file is empty"),
        (gzip.compress(b""), "the file is empty"),
        (gzip.compress(b"thing,x\nt,1\nt,2\n"), "1 key stands in several rows"),
        (gzip.compress(b"thing,x\nt,1,2\n"), "1 row doesn't have as many columns as the header, which has 2"),
        (gzip.compress("thing,x\n\u00e9,1\n".encode("latin-1")), "the file isn't in UTF-8"),
    ],
    ids=["not compressed", "cut short", "empty", "nothing in it", "a key twice", "a ragged row", "not UTF-8"],
)
def test_a_compressed_csv_file_that_is_faulty(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "thing.csv.gz").write_bytes(data)
    with pytest.raises(SnapshotError) as caught:
        read_snapshot(tmp_path, models.policy({"thing": {"x": "number"}}))
    assert [p.message for p in caught.value.problems] == [message]


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
