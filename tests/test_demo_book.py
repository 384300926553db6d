"""The shipped book of perpetuals: made by its script, always the same bytes, with the faults it is meant to have."""

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from evaluator.book import Book
from evaluator.columns import KNOWN, Origin
from evaluator.snapshot import read_snapshot
from tests import models
from tests.conftest import ROOT

SNAPSHOTS = ROOT / "policies" / "snapshots"
SHIPPED = SNAPSHOTS / "perpetuals"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_book", SNAPSHOTS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_makes_the_shipped_bytes(script: ModuleType, tmp_path: Path) -> None:
    script.main(["--out", str(tmp_path)])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in SHIPPED.iterdir())
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (SHIPPED / path.name).read_bytes(), path.name


def causes(book: Book) -> dict[tuple[str, str], Counter[str]]:
    found: dict[tuple[str, str], Counter[str]] = {}
    for table in book.tables.values():
        for name, column in table.columns.items():
            if column.quality is not None:
                codes = column.quality[column.quality != KNOWN]
                found[table.entity, name] = Counter(Origin.of(int(code)).cause.words for code in codes)
    return found


def test_it_has_this_many_rows_and_these_faults() -> None:
    book = read_snapshot(SHIPPED, models.perpetuals())
    assert {name: table.rows for name, table in book.tables.items()} == {
        "market": 12, "account": 2400, "position": 6000
    }  # fmt: skip
    found = causes(book)
    assert 1000 < found.pop(("position", "funding"))["blank"] < 3000
    assert found == {
        ("market", "mark"): {"stale": 1},
        ("account", "collateral"): {"missing": 1, "not a number": 1},
        ("position", "market"): {"orphan link": 1},
        ("position", "size"): {"not a number": 1},
        ("position", "entry"): {"missing": 1, "not a number": 1, "out of range": 1},
    }


def test_everyone_has_one_to_eight_positions_long_and_short() -> None:
    position = read_snapshot(SHIPPED, models.perpetuals()).tables["position"].columns
    counts = np.bincount(position["account"].values, minlength=2400)
    assert (counts.min(), counts.max()) == (1, 8)
    size = position["size"].values[position["size"].known()]
    assert 0.2 < (size < 0).mean() < 0.5
    assert (size != 0).all()


def test_parquet_holds_the_same_numbers(script: ModuleType, tmp_path: Path) -> None:
    for format in ("csv", "parquet"):
        script.main(["--accounts", "40", "--positions", "120", "--format", format, "--out", str(tmp_path / format)])
    text, binary = (read_snapshot(tmp_path / f, models.perpetuals()) for f in ("csv", "parquet"))
    for name, table in text.tables.items():
        assert list(table.keys) == list(binary.tables[name].keys)
        for column, cells in table.columns.items():
            other = binary.tables[name].columns[column]
            known = cells.known()
            assert np.array_equal(known, other.known()), (name, column)
            assert np.array_equal(cells.values[known], other.values[known]), (name, column)
