"""The benchmark: ``python -m tests.bench 1e5 1e6``; ``make bench`` installs what it needs. See docs/performance.md.

Every engine runs in a process of its own, in turn (A B C A B C), after all of them gave plain NumPy's results.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench import books, tables
from tests.bench import reference as r
from tests.bench.engine import Engine
from tests.bench.engines import BY_NAME
from tests.bench.machine import ALLOCATORS, bandwidth, described
from tests.bench.plan import Turns, turns
from tests.bench.rows import Row, Rows, row_of
from tests.bench.verify import TOLERANCE

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- begin of the benchmark's table -->\n", "<!-- end of the benchmark's table -->\n"
SMALL, FEW = 2_000, 50  # positions and moves with which engines warm up; moves with which a grid is verified
# What slows down Python or NumPy in some shells, and isn't there where people work.
UNSET = ("PYTHONDONTWRITEBYTECODE", "OPENBLAS_CORETYPE")
console = Console(stderr=True, highlight=False)


def size(text: str) -> int:
    try:
        rows = float(text)
    except ValueError:
        rows = 0
    if not (100 <= rows <= 100_000_000 and rows.is_integer()):
        raise argparse.ArgumentTypeError(f"`{text}` is no number of positions: write it like 1e6, from 100 to 1e8")
    return int(rows)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=size, help="positions: 1e5 1e6 (the default)")
    parser.add_argument("--rounds", type=int, default=3, help="how many times each engine has its turn")
    parser.add_argument("--calls", type=int, default=7, help="evaluations in a turn, at most")
    parser.add_argument("--only", nargs="+", choices=sorted(BY_NAME), metavar="ENGINE", help=", ".join(BY_NAME))
    parser.add_argument("--growth", action="store_true", help="NumPy and softliq from 1e4 to 1e7, both allocators")
    parser.add_argument("--grid", type=size, default=100_000, metavar="SIZE", help="positions of the grid's book")
    parser.add_argument("--moves", type=int, default=r.MOVES, help="of the grid; 0: no grid")
    parser.add_argument("--allocator", choices=sorted(ALLOCATORS), default="default", help="glibc's settings")
    parser.add_argument("--timeout", type=int, default=300, help="seconds that a turn may take")
    parser.add_argument("--docs", action="store_true", help="put the table into docs/performance.md")
    given = parser.parse_args(words)
    if given.rounds < 1 or given.calls < 1 or not 0 <= given.moves <= r.MOVES:
        parser.error(f"rounds and calls are at least 1, moves from 0 to {r.MOVES}")
    if given.growth and given.allocator != "default":
        parser.error("--growth goes through both allocators")
    given.sizes = given.sizes or (() if given.growth else (100_000, 1_000_000))
    return given


def folder_of(rows: int) -> Path:
    """The book of this size, written once."""
    folder = BUILD / str(rows)
    if not (folder / "done").exists():
        books.write(books.book(rows), folder)
        (folder / "done").touch()
    return folder


def worker(engine: Engine, folder: Path, given: argparse.Namespace, allocator: str, *options: str) -> dict[str, Any]:
    """What one turn of an engine says."""
    command = [sys.executable, "-m", "tests.bench.worker", engine.name, str(folder), str(folder_of(SMALL)), *options]
    settings = ALLOCATORS[allocator] | {
        "PYTHONPATH": str(ROOT),
        "NUMBA_CACHE_DIR": str(BUILD / "numba"),
        "OMP_WAIT_POLICY": "PASSIVE",  # numba's threads else wait in a loop, for long where others use the cores too
    }
    around = {name: value for name, value in os.environ.items() if name not in UNSET}
    try:
        ran = subprocess.run(
            command, env=around | settings, cwd=ROOT, capture_output=True, text=True, timeout=given.timeout
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"more than {given.timeout} s"}
    if ran.returncode:
        sys.exit(f"{engine.name} failed\n{ran.stderr}")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def verified(now: Turns, folder: Path, given: argparse.Namespace) -> Iterator[Engine]:
    """The engines that are here, all of them with plain NumPy's results. Nothing is timed, so two at a time."""
    options = "--moves", str(min(now.moves, FEW))
    worker(BY_NAME["numpy_grid" if now.moves else "numpy_plain"], folder, given, "default", "--expect", *options)
    with ThreadPoolExecutor(2) as pool:
        said = pool.map(lambda engine: worker(engine, folder, given, "default", "--verify", *options), now.engines)
        for engine, told in zip(now.engines, said, strict=True):
            if "skipped" not in told and not told["difference"] <= TOLERANCE:
                sys.exit(f"{engine.name} gives other results than plain NumPy: {told['difference']:.1e} apart")
            note = f"skipped: {told['skipped']}" if "skipped" in told else f"equal to {told['difference']:.0e}"
            console.print(f"  {engine.name:24} {note}")
            yield engine


def measured(now: Turns, given: argparse.Namespace) -> list[Row]:
    """A row for each engine, in turn."""
    folder = folder_of(now.size)
    runs: dict[str, list[dict[str, Any]]] = {engine.name: [] for engine in now.engines}
    options = "--calls", str(now.calls), "--moves", str(now.moves)
    for i in range(now.rounds):
        console.print(f"{now.size:,} positions, allocator {now.allocator}: round {i + 1} of {now.rounds}")
        for engine in now.engines:
            if not any("skipped" in run for run in runs[engine.name]):
                runs[engine.name].append(worker(engine, folder, given, now.allocator, *options))
    return [row_of(engine, now.size, runs[engine.name], now.allocator) for engine in now.engines]


def main() -> None:
    given = arguments()
    planned = list(turns(given))
    speed = bandwidth()
    equal: set[tuple[int, Engine]] = set()
    for now in planned:  # before any time is taken
        left = replace(now, engines=tuple(e for e in now.engines if (now.size, e) not in equal))
        if left.engines:
            console.print(f"{now.size:,} positions: comparing")
            equal |= {(now.size, engine) for engine in verified(left, folder_of(now.size), given)}
    rows = Rows(tuple(row for now in planned for row in measured(now, given)), given.allocator)
    about = described() | {"allocator": "default and tuned" if given.growth else given.allocator}
    found = list(tables.tables(rows, speed))
    text = tables.markdown(found, speed, about)
    data = {"about": about, "bandwidth": speed, "rows": [row.data(rows.base(row)) for row in rows.all]}
    name = "growth" if given.growth else f"results-{given.allocator}"
    (BUILD / f"{name}.json").write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    (BUILD / f"{name}.md").write_text(text, "utf-8")
    for shown in tables.terminal(found):
        Console(width=max(100, console.width)).print(shown)
    print(f"written: {(BUILD / name).relative_to(ROOT)}.json and .md")
    if given.docs:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
