"""The benchmark's reference policy says the same as its hand-written peers, and what would differ is noticed."""

from pathlib import Path

import numpy as np
import pytest

from tests.bench import books, engines, worker
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


def test_its_policy_is_checked_and_formatted(softliq: Softliq) -> None:
    ran = softliq("check", POLICY)
    assert ran.code == 0 and "warning" not in ran.out + ran.err
    assert softliq("fmt", "--check", POLICY).code == 0
