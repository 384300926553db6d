"""The benchmark: ``python -m tests.bench 1e5 1e6``; ``make bench`` installs what it needs. See docs/performance.md.

Every engine runs in a process of its own, in turn (A B C A B C), after all of them gave plain NumPy's results.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench import books, tables
from tests.bench import reference as r
from tests.bench.engines import BASE, BY_NAME, COLUMNS, ENGINES, GRID, PROCESS, SUMMARY, Engine
from tests.bench.machine import ALLOCATORS, bandwidth, described
from tests.bench.worker import TOLERANCE

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- begin of the benchmark's table -->\n", "<!-- end of the benchmark's table -->\n"
SMALL, FEW = 2_000, 50  # positions and moves with which engines warm up; moves with which a grid is verified
GROWTH, GROWING = (10_000, 100_000, 1_000_000, 10_000_000), ("numpy_plain", "numpy_blocks", "softliq")
console = Console(stderr=True)


def size(text: str) -> int:
    try:
        rows = float(text)
    except ValueError:
        rows = 0
    if not (100 <= rows <= 100_000_000 and rows.is_integer()):
        raise argparse.ArgumentTypeError(f"`{text}` is no number of positions: write it like 1e6, from 100 to 1e8")
    return int(rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=size, help="positions: 1e5 1e6 (the default)")
    parser.add_argument("--rounds", type=int, default=3, help="how many times each engine has its turn")
    parser.add_argument("--calls", type=int, default=7, help="evaluations in a turn, at most")
    parser.add_argument("--only", nargs="+", choices=sorted(BY_NAME), metavar="ENGINE", help=", ".join(BY_NAME))
    parser.add_argument("--growth", action="store_true", help="NumPy and softliq from 1e4 to 1e7 positions")
    parser.add_argument("--grid", type=size, default=100_000, metavar="SIZE", help="positions of the grid's book")
    parser.add_argument("--moves", type=int, default=r.MOVES, help="of the grid; 0: no grid")
    parser.add_argument("--allocator", choices=sorted(ALLOCATORS), default="default", help="glibc's settings")
    parser.add_argument("--timeout", type=int, default=300, help="seconds that a turn may take")
    parser.add_argument("--docs", action="store_true", help="put the table into docs/performance.md")
    given = parser.parse_args()
    if given.rounds < 1 or given.calls < 1 or not 0 <= given.moves <= r.MOVES:
        parser.error(f"rounds and calls are at least 1, moves from 0 to {r.MOVES}")
    given.sizes = given.sizes or (GROWTH if given.growth else (100_000, 1_000_000))
    return given


def chosen(given: argparse.Namespace) -> list[Engine]:
    """The engines that are asked for, and plain NumPy for each kind of work, which they are held against."""
    wanted = {e.name for e in ENGINES if not given.only or e.name in given.only}
    if given.growth:
        wanted = {e.name for e in ENGINES if e.name.startswith(GROWING) and e.kind in (COLUMNS, SUMMARY)}
    wanted |= {BASE[BY_NAME[name].kind] for name in wanted}
    return [e for e in ENGINES if e.name in wanted]


def folder_of(rows: int) -> Path:
    """The book of this size, written once."""
    folder = BUILD / str(rows)
    if not (folder / "done").exists():
        books.write(books.book(rows), folder)
        (folder / "done").touch()
    return folder


def worker(engine: Engine, folder: Path, given: argparse.Namespace, *options: str) -> dict[str, Any]:
    """What one turn of an engine says."""
    command = [sys.executable, "-m", "tests.bench.worker", engine.name, str(folder), str(folder_of(SMALL)), *options]
    settings = ALLOCATORS[given.allocator] | {
        "PYTHONPATH": str(ROOT),
        "NUMBA_CACHE_DIR": str(BUILD / "numba"),
        "OMP_WAIT_POLICY": "PASSIVE",  # numba's threads else wait in a loop, for long where others use the cores too
    }
    try:
        ran = subprocess.run(
            command, env=os.environ | settings, cwd=ROOT, capture_output=True, text=True, timeout=given.timeout
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"more than {given.timeout} s"}
    if ran.returncode:
        sys.exit(f"{engine.name} failed\n{ran.stderr}")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def verified(engines: Sequence[Engine], folder: Path, given: argparse.Namespace, moves: int) -> Iterator[Engine]:
    """The engines that are here, all of them with plain NumPy's results."""
    expected = folder / "expected"
    options = "--moves", str(min(moves, FEW))
    worker(BY_NAME["numpy_grid" if moves else "numpy_plain"], folder, given, "--expect", str(expected), *options)
    for engine in engines:
        said = worker(engine, folder, given, "--verify", str(expected), *options)
        if "skipped" not in said and not said["difference"] <= TOLERANCE:
            sys.exit(f"{engine.name} gives other results than plain NumPy: {said['difference']:.1e} apart")
        note = f"skipped: {said['skipped']}" if "skipped" in said else f"equal to {said['difference']:.0e}"
        console.print(f"  {engine.name:24} {note}", highlight=False)
        yield engine


def measured(engines: Sequence[Engine], rows: int, given: argparse.Namespace, moves: int = 0) -> list[tables.Row]:
    """A row for each engine: verified, then in turn."""
    if not engines:
        return []
    folder = folder_of(rows)
    console.print(f"{rows:,} positions: comparing", highlight=False)
    ready = list(verified(engines, folder, given, moves))
    runs: dict[str, list[dict[str, Any]]] = {engine.name: [] for engine in ready}
    rounds, calls = (1, 1) if moves else (given.rounds, given.calls)
    for i in range(rounds):
        console.print(f"{rows:,} positions: round {i + 1} of {rounds}", highlight=False)
        for engine in ready:
            if not any("skipped" in run for run in runs[engine.name]):
                runs[engine.name].append(worker(engine, folder, given, "--calls", str(calls), "--moves", str(moves)))
    return [tables.row_of(engine, rows, runs[engine.name]) for engine in ready]


def main() -> None:
    given = arguments()
    wanted = chosen(given)
    speed = bandwidth()
    rows: list[tables.Row] = []
    for positions in given.sizes:
        rows += measured([e for e in wanted if e.kind in (COLUMNS, SUMMARY, PROCESS)], positions, given)
    grids = [e for e in wanted if e.kind == GRID]
    if grids and given.moves:
        rows += measured(grids, given.grid, given, given.moves)
    about = described() | {"allocator": given.allocator}
    name = f"{'growth' if given.growth else 'results'}-{given.allocator}"
    text = tables.markdown(rows, speed, about)
    data = {"about": about, "bandwidth": speed, "rows": [row.data(tables.base_of(row, rows)) for row in rows]}
    (BUILD / f"{name}.json").write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    (BUILD / f"{name}.md").write_text(text, "utf-8")
    for shown in tables.terminal(rows, speed):
        Console(width=max(100, console.width)).print(shown)
    print(f"written: {(BUILD / name).relative_to(ROOT)}.json and .md")
    if given.docs:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
