"""The benchmark's reference policy says the same as its hand-written peers, and what would differ is noticed."""

from pathlib import Path

import numpy as np
import pytest

from tests.bench import books, engine, engines, tables, verify, worker
from tests.bench.__main__ import arguments
from tests.bench.plan import GROWING, turns
from tests.bench.reference import POLICY
from tests.bench.rows import Row, Rows, row_of
from tests.conftest import Softliq

ROWS, MOVES = 2_000, 30


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book's folder, and what plain NumPy makes of it."""
    folder = tmp_path_factory.mktemp("bench")
    books.write(books.book(ROWS), folder)
    for name in ("numpy_plain", "numpy_grid_health"):
        made = engines.BY_NAME[name]
        verify.keep(made.found(made.make(folder, MOVES)()), folder)
    return folder


@pytest.mark.parametrize("name", [e.name for e in engines.ENGINES])
def test_an_engine_gives_the_same_results(name: str, book: Path) -> None:
    made = engines.BY_NAME[name]
    try:
        found = made.found(made.make(book, MOVES)())
    except engine.Absent as absent:
        pytest.skip(str(absent))
    assert verify.difference(found, book) <= verify.TOLERANCE


def test_the_book_has_rows_in_every_tier(book: Path) -> None:
    summary = np.load(book / "expected" / "summary.npy")
    assert (summary[:, 0] > 0).all() and summary[:, 0].sum() == ROWS


@pytest.mark.parametrize("name", ["health", "tier", "post", "summary", "liquidated positions", "liquidated penalty"])
def test_a_difference_is_noticed(name: str, book: Path) -> None:
    found = {name: np.load(book / "expected" / f"{name}.npy") for name in ("health", "tier", name)}
    assert verify.difference(found, book) == 0
    whole = np.issubdtype(found[name].dtype, np.integer)
    found[name].flat[5] = found[name].flat[5] + 1 if whole else found[name].flat[5] * (1 + 1e-8)
    assert verify.difference(found, book) > verify.TOLERANCE
    if not whole:
        found[name].flat[5] = np.nan
        assert verify.difference(found, book) == np.inf
    found[name] = found[name].ravel()[:-1]
    assert verify.difference(found, book) == np.inf
    assert verify.difference({}, book) == np.inf


def test_what_is_measured(book: Path) -> None:
    said = worker.measure(engines.BY_NAME["numpy_plain"], book, book, 0, 2)
    assert len(said["seconds"]) == 2 and min(said["seconds"]) > 0
    assert 0 <= said["added"] <= said["several"]


PLAIN = [
    {"seconds": [0.2, 0.5], "added": 4_000_000, "several": 6_000_000},
    {"seconds": [0.3], "added": 3_000_000, "several": 3_000_000},
]


def measured(engine: str, size: int, seconds: float, added: int = 0, allocator: str = "default") -> Row:
    return row_of(engines.BY_NAME[engine], size, [{"seconds": [seconds], "added": added, "several": added}], allocator)


def markdown(*rows: Row) -> str:
    return tables.markdown(tables.tables(Rows(rows), 1e9), 1e9, {"date": "2026-12-01"})


def test_ratios_are_of_minima() -> None:
    plain, other = (engines.BY_NAME[name] for name in ("numpy_plain", "pandas_frame"))
    text = markdown(
        row_of(plain, 1_000, PLAIN),
        row_of(other, 1_000, [{"seconds": [0.1, 0.4], "added": 1_000_000, "several": 2_000_000}]),
        row_of(other, 2_000, [{"skipped": "no such library"}]),
    )
    assert "| NumPy, whole columns | 200.0 ms | 300.0 ms | 1.00 | 4.0 MB | 1.00 | 6.0 MB |" in text
    assert "| pandas | 100.0 ms | 250.0 ms | 2.00 | 1.0 MB | 0.25 | 2.0 MB |" in text
    assert "Pandas was skipped: no such library." in text
    assert "The limit: at least 95 bytes a position at 1.0 GB/s: 0.1 ms." in text


def test_goals_are_held_against_what_was_measured() -> None:
    million = 1_000_000
    text = markdown(
        measured("numpy_plain", million, 1.2, 100),
        measured("numpy_blocks", million, 0.3),
        measured("softliq", million, 0.1, 30),
        measured("softliq_masked", million, 0.15),
        measured("softliq_rows", 10 * million, 1.0),
        measured("softliq_explain", 10 * million, 0.1),
        measured("numpy_grid", 100_000, 100.0),
        measured("softliq_grid", 100_000, 4.0),
    )
    assert "| columns in memory, any order, all six columns | 6 | 12.0 ✓ | 4.00 | 8 |  |  |" in text
    assert "| the same, summary and liquidated rows | 10 |  |  | 11 |  |  |" in text
    assert "| grid, 1e5 positions, 1,000 moves | 40 | 25.0 |  |  |  |  |" in text
    assert "| memory that an evaluation adds, at most | 0.4 | 0.30 ✓ | 0.00 | 0.4 |  |  |" in text
    assert "| with masks on all inputs, of the time without | 1.3 | 1.50 |  | 1.3 |  |  |" in text
    assert "| `explain` of one account, indexed |  |  |  | 0.2 s | 0.10 s ✓ |  |" in text


def test_growth_is_by_size_and_allocator() -> None:
    text = markdown(
        measured("numpy_plain", 10_000, 0.001),
        measured("softliq", 10_000, 0.002, 50_000),
        measured("numpy_plain", 100_000, 0.01),
        measured("softliq", 100_000, 0.005),
        measured("numpy_plain", 100_000, 0.008, allocator="tuned"),
        measured("softliq", 100_000, 0.002, allocator="tuned"),
    )
    assert "| softliq | 200 ns, 5 B | 50 ns, 0 B |" in text
    assert "| NumPy, whole columns | 1.0 ms / – | 10.0 ms / 8.0 ms |" in text
    assert "| softliq | 0.50 / – | 2.00 / 4.00 |" in text


def test_what_a_run_does() -> None:
    def planned(*given: str) -> list[tuple[int, str, int, set[str]]]:
        return [(t.size, t.allocator, t.rounds, {e.name for e in t.engines}) for t in turns(arguments(given))]

    all_of_it = {e.name for e in engines.ENGINES if e.kind != engine.GRID}
    grown = set(GROWING)
    grids = 100_000, "default", 1, {"numpy_grid", "numpy_grid_health", "softliq_grid"}
    small = all_of_it - {"softliq_explain"}
    assert planned("1e5") == [(100_000, "default", 3, small), grids]
    assert planned("1e4", "--moves", "0", "--allocator", "tuned") == [(10_000, "tuned", 3, small)]
    assert planned("1e6", "--only", "softliq_rows") == [(1_000_000, "default", 3, {"numpy_plain", "softliq_rows"})]
    assert planned("1e6", "1e7", "--growth", "--rounds", "2") == [
        (10_000, "default", 1, grown),
        (10_000, "tuned", 1, grown),
        (100_000, "default", 1, grown),
        (100_000, "tuned", 1, grown),
        (1_000_000, "default", 2, all_of_it),
        (1_000_000, "tuned", 2, grown),
        (10_000_000, "default", 1, all_of_it),
        (10_000_000, "tuned", 1, grown),
        grids,
    ]


def test_its_policy_is_checked_and_formatted(softliq: Softliq) -> None:
    ran = softliq("check", POLICY)
    assert ran.code == 0 and "warning" not in ran.out + ran.err
    assert softliq("fmt", "--check", POLICY).code == 0
