"""The benchmark's reference policy says the same as its hand-written peers, and what would differ is noticed."""

from pathlib import Path

import numpy as np
import pytest

from tests.bench import books, engines, tables, worker
from tests.bench.reference import POLICY
from tests.conftest import Softliq

ROWS, MOVES = 2_000, 30


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book's folder, and what plain NumPy makes of it."""
    folder = tmp_path_factory.mktemp("bench")
    books.write(books.book(ROWS), folder)
    for name in ("numpy_plain", "numpy_grid_health"):
        engine = engines.BY_NAME[name]
        worker.keep(engine.found(engine.make(folder, MOVES)()), folder / "expected")
    return folder


@pytest.mark.parametrize("name", [e.name for e in engines.ENGINES])
def test_an_engine_gives_the_same_results(name: str, book: Path) -> None:
    engine = engines.BY_NAME[name]
    try:
        found = engine.found(engine.make(book, MOVES)())
    except engines.Absent as absent:
        pytest.skip(str(absent))
    assert worker.difference(found, book / "expected") <= worker.TOLERANCE


def test_the_book_has_rows_in_every_tier(book: Path) -> None:
    summary = np.load(book / "expected" / "summary.npy")
    assert (summary[:, 0] > 0).all() and summary[:, 0].sum() == ROWS


@pytest.mark.parametrize("name", ["health", "tier", "post", "summary"])
def test_a_difference_is_noticed(name: str, book: Path) -> None:
    found = {n: np.load(book / "expected" / f"{n}.npy") for n in ("health", "tier", "post", "summary")}
    assert worker.difference(found, book / "expected") == 0
    found[name].flat[5] = found[name].flat[5] + 1 if name == "tier" else found[name].flat[5] * (1 + 1e-8)
    assert worker.difference(found, book / "expected") > worker.TOLERANCE
    if name != "tier":
        found[name].flat[5] = np.nan
        assert worker.difference(found, book / "expected") == np.inf
    assert worker.difference({}, book / "expected") == np.inf


def test_what_is_measured(book: Path) -> None:
    said = worker.measure(engines.BY_NAME["numpy_plain"], book, book, 0, 2)
    assert len(said["seconds"]) == 2 and min(said["seconds"]) > 0 and said["added"] >= 0


def test_ratios_are_of_minima() -> None:
    plain, other = (engines.BY_NAME[name] for name in ("numpy_plain", "pandas_frame"))
    runs = [{"seconds": [0.2, 0.5], "added": 4_000_000}, {"seconds": [0.3], "added": 3_000_000}]
    rows = [
        tables.row_of(plain, 1_000, runs),
        tables.row_of(other, 1_000, [{"seconds": [0.1, 0.4], "added": 1_000_000}]),
        tables.row_of(other, 2_000, [{"skipped": "no such library"}]),
    ]
    text = tables.markdown(rows, 1e9, {"date": "2026-12-01"})
    assert "| NumPy, whole columns | 200.0 ms | 300.0 ms | 1.00 | 4.0 MB | 1.00 |" in text
    assert "| pandas | 100.0 ms | 250.0 ms | 2.00 | 1.0 MB | 0.25 |" in text
    assert "Pandas was skipped: no such library." in text


def test_its_policy_is_checked_and_formatted(softliq: Softliq) -> None:
    ran = softliq("check", POLICY)
    assert ran.code == 0 and "warning" not in ran.out + ran.err
    assert softliq("fmt", "--check", POLICY).code == 0
