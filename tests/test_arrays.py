"""Arrow columns as NumPy arrays: the same values and nulls as pyarrow's own ways give, and without what these load."""

import subprocess
import sys
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dsl.model import NUMBER, Interval
from evaluator import ahead, parquet
from evaluator.arrays import column_of, known_numbers, mask_of, nulls_of, values_of
from evaluator.cells import _FEW, blanks, outside, read_cells
from evaluator.hashes import Hash, file_hash
from evaluator.snapshot import SnapshotError, read_snapshot
from evaluator.texts import _BLOCK, rise, rows_of
from tests import models
from tests.bench import books
from tests.bench.reference import POLICY
from tests.conftest import ROOT

NUMBERS = (pa.int8(), pa.int64(), pa.uint16(), pa.uint64(), pa.float32(), pa.float64())
KINDS = (*NUMBERS, pa.bool_(), pa.timestamp("us"), pa.duration("s"), pa.date32())
CELLS = [3, 0, None, 1, 7, None, 2, 5, 100, 4, 1]


def pieces(kind: Any, cells: list[Any]) -> dict[str, Any]:
    """The same column in several ways of lying in memory."""
    if kind == pa.bool_():
        cells = [None if c is None else c > 2 for c in cells]
    whole = pa.array(cells, kind)
    return {
        "whole": pa.chunked_array([whole]),
        "chunks": pa.chunked_array([whole[:3], whole[3:3], whole[3:]]),
        "from within": pa.chunked_array([pa.concat_arrays([whole, whole])[len(whole) - 2 :][2:]]),
        "array": whole,
        "none": pa.chunked_array([], kind),
    }


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("cells", [CELLS, [c or 0 for c in CELLS]], ids=["nulls", "full"])
def test_a_column_has_arrows_own_values_and_nulls(kind: Any, cells: list[Any]) -> None:
    for array in pieces(kind, cells).values():
        nulls = nulls_of(array)
        assert (nulls is None) == (array.null_count == 0)
        expected = pc.is_null(array).to_pylist()
        there = np.ones(len(array), dtype=np.bool_) if nulls is None else ~nulls
        assert (~there).tolist() == expected
        plain = array.cast(pa.int64() if kind.bit_width == 64 else pa.int32()) if kind not in NUMBERS else array
        plain = array if kind == pa.bool_() else plain
        assert values_of(array)[there].tolist() == pc.drop_null(plain).to_pylist()
        assert known_numbers(array) == (kind in NUMBERS and not array.null_count)


def test_a_column_without_a_type_is_all_nulls() -> None:
    nulls = nulls_of(pa.chunked_array([pa.nulls(3)]))
    assert nulls is not None and nulls.tolist() == [True] * 3


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.uint8, np.float64])
def test_and_back(dtype: Any) -> None:
    values = np.arange(20, dtype=dtype)[::2]
    assert column_of(values).equals(pa.array(values))
    assert mask_of(values > 4).equals(pa.array(values > 4))


def test_what_is_white_does_not_depend_on_how_many_cells_there_are() -> None:
    texts = [chr(c) for c in range(0x3100) if chr(c).isspace() or not chr(c).isprintable()]
    few = blanks(pa.chunked_array([pa.array(texts, pa.string())]))
    many = blanks(pa.chunked_array([pa.array(texts + ["x"] * _FEW, pa.string())]))
    assert few is not None and many is not None
    assert few.tolist() == many[: len(texts)].tolist()
    assert blanks(pa.chunked_array([pa.array(["x", "y"])])) is None


@pytest.mark.parametrize("count", [10, 70_000])
@pytest.mark.parametrize(
    ("cell", "bad", "out"),
    [(1.0, 0, 0), (2.0, 0, 1), (2.5, 0, 1), (5e-324, 0, 0), (-1e-300, 0, 1), (np.nan, 1, 0), (np.inf, 1, 0)],
)
def test_one_number_among_many_is_looked_at(count: int, cell: float, bad: int, out: int) -> None:
    for place in (0, count // 2, count - 1):
        values = np.full(count, 0.5)
        values[place] = cell
        cells = read_cells(pa.chunked_array([column_of(values)]), NUMBER)
        found = outside(
            cells, Interval(Fraction(0), Fraction(2), high_open=True), lambda rows: [Fraction(2)] * len(rows)
        )
        assert cells.blank is None
        for mask, expected in ((cells.bad, bad), (found, out)):
            assert (mask is None) == (not expected)
            assert mask is None or np.flatnonzero(mask).tolist() == [place]


@pytest.mark.parametrize("keys", [list(range(5000, 5300)), list(range(5299, 4999, -1)), [1, 70_000, 5_000]])
@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.int32()], ids=str)
def test_whole_numbers_find_their_keys(keys: list[int], kind: Any) -> None:
    cells = [1, 100, None, -128] if kind == pa.int8() else [5000, 5299, 5300, -7, None, 1]
    found = rows_of(pa.chunked_array([pa.array(cells, kind)]), pa.chunked_array([pa.array(keys, pa.int32())]))
    assert found.tolist() == [keys.index(c) if c in keys else -1 for c in cells]


@pytest.mark.parametrize("keys", [list(range(-60, 68)), list(range(67, -61, -1)), [*range(-100, 60), *range(61, 120)]])
def test_small_whole_numbers_find_their_keys_without_overflow(keys: list[int]) -> None:
    cells = [-60, 67, None, 127, -128, 60]
    found = rows_of(pa.chunked_array([pa.array(cells, pa.int8())]), pa.chunked_array([pa.array(keys, pa.int8())]))
    assert found.tolist() == [keys.index(c) if c in keys else -1 for c in cells]


def test_numbers_rise_over_the_ends_of_blocks() -> None:
    for at in (1, _BLOCK - 1, _BLOCK, _BLOCK + 1, 2 * _BLOCK, 3 * _BLOCK - 1):
        numbers = np.arange(3 * _BLOCK)
        assert rise(numbers) and rise(numbers[:0]) and rise(numbers[:1])
        numbers[at] = numbers[at - 1]
        assert not rise(numbers)


def test_a_hash_is_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for size in (0, 1, 5 << 20):
        path.write_bytes(bytes(range(256)) * (size // 256) + b"x")
        assert Hash(path).result() == file_hash(path) == sha256(path.read_bytes()).hexdigest()
    with pytest.raises(FileNotFoundError):
        Hash(tmp_path / "none")
    if (directory := tmp_path / "folder").mkdir() is None:
        with pytest.raises(IsADirectoryError):
            Hash(directory)


def test_clean_numbers_load_no_more_than_they_need(tmp_path: Path) -> None:
    """Neither pandas, though it is there, nor Arrow's functions, nor what is for terminals."""
    books.write(books.book(2_000), tmp_path)
    (tmp_path / "pandas").mkdir()
    (tmp_path / "pandas" / "__init__.py").write_text("__version__ = '9.9.9'\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom cli.app import run\n"
        f"code = run(['eval', {str(POLICY)!r}, {str(tmp_path / 'snapshot')!r}, '--json'])\n"
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    assert {"numpy", "pyarrow", "evaluator.results"} <= loaded
    unneeded = {"pandas", "pyarrow.compute", "pyarrow.fs", "pyarrow.csv", "ssl", "rich.console", "numpy.ma"}
    assert loaded & (unneeded | {"tomllib", "jinja2"}) == set()


def test_libraries_are_linked_and_no_module_is_loaded() -> None:
    code = (
        "import sys\nfrom evaluator import ahead\nahead._link()\n"
        "print(*{line.split('/')[-1] for line in open('/proc/self/maps') if '.so' in line}, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(done.stdout.split())
    assert {name.split(".")[0] for name in loaded} >= {"_multiarray_umath", "lib", "libarrow"}
    assert loaded & {"numpy", "pyarrow"} == set()


def test_what_cannot_be_linked_is_left_to_whoever_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_LIBRARIES", (("no_such_package", "lib"), ("numpy", "no_such_library")))
    ahead._link()
    monkeypatch.setattr(ahead, "find_spec", lambda name: 1 / 0)
    ahead._link()


@pytest.mark.parametrize("changed", [None, "open", "column_paths", "iter_batches", "import"])
def test_a_parquet_file_is_read_by_its_reader_alone(
    changed: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pyarrow's own module reads it, which takes its place where the reader isn't what it was."""
    import pyarrow._parquet as inner

    nested = {"deep": [{"a": i, "b": [i]} for i in range(47)], "deep.down": range(47), "deeper": range(47)}
    whole = pa.table(columns(47) | nested)
    path = tmp_path / "table.parquet"
    pq.write_table(whole, path, row_group_size=20)
    if changed == "open":
        monkeypatch.setattr(inner, "ParquetReader", lambda: object())
    elif changed == "import":
        monkeypatch.delattr(inner, "ParquetReader")
    elif changed is not None:
        monkeypatch.setattr(inner, "ParquetReader", _without(changed, inner.ParquetReader))
    for options in ({}, {"read_dictionary": ["text"]}, {"buffer_size": 1 << 12}):
        with parquet.parquet_file(path, **options) as file, pq.ParquetFile(path, **options) as theirs:
            assert isinstance(file, pq.ParquetFile) == (changed is not None)
            assert file.schema_arrow == theirs.schema_arrow and file.num_row_groups == theirs.num_row_groups == 3
            assert file.metadata.num_rows == 47
            for names in (["number"], ["text", "small"], ["deep"], ["deep.down", "deeper"], whole.column_names):
                assert file.read(columns=names).equals(theirs.read(columns=names))
                some = file.read_row_groups([2, 0], columns=names, use_threads=False)
                assert some.equals(theirs.read_row_groups([2, 0], columns=names))
                ours = file.iter_batches(7, [1], columns=names, use_threads=False)
                assert [b.to_pydict() for b in ours] == [b.to_pydict() for b in theirs.iter_batches(7, [1], names)]


def _without(name: str, reader: Any) -> Any:
    class Changed:
        def __init__(self) -> None:
            self._reader = reader()

        def __getattr__(self, wanted: str) -> Any:
            if wanted == name:
                raise AttributeError(wanted)
            return getattr(self._reader, wanted)

    return Changed


def test_what_is_no_parquet_file_is_told_by_arrow(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_bytes(b"no such format" * 100)
    (tmp_path / "folder.parquet").mkdir()
    for name, fault in (("text", pa.ArrowInvalid), ("none", FileNotFoundError), ("folder", OSError)):
        with pytest.raises(fault):
            parquet.parquet_file(tmp_path / f"{name}.parquet")


LINKS = ["small", "some", "first", "text"]


def columns(rows: int) -> dict[str, Any]:
    """A column of each sort, with nulls nowhere, in the first rows, in later ones, and everywhere."""
    numbers = np.arange(rows) * 7 % 1_000
    return {
        "number": pa.array(numbers / 8),
        "small": pa.array(numbers % 100, pa.int8()),
        "some": pa.array([None if i == rows - 9 else i for i in range(rows)], pa.int16()),
        "first": pa.array([None if i == 1 else i for i in range(rows)], pa.int32()),
        "later": pa.array([None if i == rows - 3 else float(i) for i in range(rows)]),
        "none": pa.array([None] * rows, pa.float32()),
        "text": pa.array([f"m{i % 7}" for i in range(rows)]),
        "flag": pa.array(numbers > 500),
        "at": pa.array(numbers, pa.timestamp("ms")),
        "precise": pa.array(numbers.tolist(), pa.decimal128(20, 3)),
    }


@pytest.mark.parametrize("group", [1, 5, 40, 1_000])
def test_a_parquet_file_reads_the_same_in_parts(group: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_ROWS", 10)
    whole = pa.table(columns(47))
    pq.write_table(whole, tmp_path / "table.parquet", row_group_size=group)
    found = parquet.read_columns(tmp_path / "table.parquet", whole.column_names)
    links = parquet.read_columns(tmp_path / "table.parquet", LINKS, frozenset(LINKS))
    coded = links.pop("text")
    assert [pa.types.is_dictionary(coded.type), coded.to_pylist()] == [True, whole["text"].to_pylist()]
    assert pa.table(found).equals(whole)
    assert found["number"].num_chunks == found["small"].num_chunks == 1
    assert links["small"].type == pa.int64() and links["some"].type == pa.int16()
    assert pa.table(links).cast(whole.select(links).schema).equals(whole.select(links))


def test_a_damaged_part_is_told_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_ROWS", 10)
    table = pa.table({"account": [f"a{i}" for i in range(100)], "cash": np.arange(100.0)})
    path = tmp_path / "account.parquet"
    pq.write_table(table, path, row_group_size=10, compression="none", use_dictionary=False)
    data = bytearray(path.read_bytes())
    place = pq.ParquetFile(path).metadata.row_group(6).column(0).data_page_offset
    data[place : place + 40] = b"\xff" * 40
    path.write_bytes(data)
    with pytest.raises(SnapshotError, match="the file is damaged"):
        read_snapshot(tmp_path, models.policy({"account": {"cash": "USD"}}))


def test_hashes_that_were_begun_are_of_the_files_as_they_stand(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.parquet").write_bytes(name.encode() * 1_000)
    ahead.begin(tmp_path)
    begun = dict(ahead._begun)
    assert sorted(path.name for path in begun) == ["a.parquet", "b.parquet", "c.parquet"]
    (tmp_path / "new").write_bytes(b"x" * 1_000)
    (tmp_path / "new").replace(tmp_path / "b.parquet")
    for name in ("a", "b"):
        path = tmp_path / f"{name}.parquet"
        found = ahead.hash_of(path)
        assert (found is begun[path]) == (name == "a")
        assert found.result() == sha256(path.read_bytes()).hexdigest()
    ahead.stop_others()
    assert ahead._begun == {}
    (tmp_path / "d.parquet").mkdir()
    ahead.begin(tmp_path)
    assert len(ahead._begun) == 3
    ahead.stop_others()


@pytest.mark.parametrize("other", [".softliq", "snapshot.toml", "more.parquet"])
def test_no_hash_is_begun_where_others_may_be_needed(other: str, tmp_path: Path) -> None:
    for i in range(ahead._MOST):
        (tmp_path / f"{i}.parquet").write_bytes(b"")
    (tmp_path / other).write_bytes(b"")
    (tmp_path / "folder.parquet").mkdir()
    ahead.begin(tmp_path)
    ahead.begin(tmp_path / "0.parquet")
    ahead.begin(tmp_path / "nowhere")
    assert ahead._begun == {}


def test_columns_that_might_have_nulls_and_have_none_have_no_quality(tmp_path: Path) -> None:
    rows = 50
    table = pa.table({"account": [f"a{i}" for i in range(rows)], "cash": np.arange(rows) / 2, "limit": np.arange(rows)})
    assert all(field.nullable for field in table.schema)
    pq.write_table(table, tmp_path / "account.parquet")
    policy = models.policy({"account": {"cash": "USD | >= 0", "limit?": "USD"}})
    book = read_snapshot(tmp_path, policy)
    found = book.tables["account"].columns
    assert {name: (c.quality, c.finite) for name, c in found.items()} == dict.fromkeys(found, (None, True))
