"""Cells: what a text of a CSV file becomes, and what stands in columns of Parquet and Arrow files."""

import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from dsl.causes import Cause
from evaluator.book import BookTable
from evaluator.columns import KNOWN, Origin
from evaluator.problems import SnapshotError
from evaluator.snapshot import book_of, read_snapshot
from tests import models

AS_OF = "2026-12-01T00:00:00Z"

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
