"""What a run of the benchmark does: which engines take their turns over which book, and how often."""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.engine import EXPLAIN, GRID, Engine
from tests.bench.engines import BASE, BY_NAME, ENGINES

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)  # for the growth of time and memory
GROWING = (
    "numpy_plain", "numpy_blocks", "softliq", "numpy_blocks_rows", "softliq_rows", "softliq_indexed_summary",
    "numpy_laid_out", "softliq_indexed", "numpy_laid_out_rows", "softliq_indexed_rows",
)  # fmt: skip
LARGE = 5_000_000  # positions from which an engine has one turn; as where only the growth is looked at
EXPLAINED = 1_000_000  # positions from which explaining one account is measured


@dataclass(frozen=True, slots=True)
class Turns:
    """``moves``: of a grid, 0 where there is none."""

    size: int
    engines: tuple[Engine, ...]
    rounds: int
    calls: int
    allocator: str = "default"
    moves: int = 0


def turns(given: Namespace) -> Iterator[Turns]:
    """Book by book; what is measured with another allocator comes right after what is measured with glibc's default."""
    named = {engine.name for engine in ENGINES if not given.only or engine.name in given.only}
    growing = named & set(GROWING)
    for size in sorted({*given.sizes, *(SIZES if given.growth else ())}):
        rounds = 1 if size >= LARGE or size not in given.sizes else given.rounds
        wanted = growing if size not in given.sizes else named
        allocators = ("default", "tuned") if given.growth else (given.allocator,)
        for allocator in allocators:
            names = wanted & set(growing) if len(allocators) > 1 and allocator == "tuned" else wanted
            engines = tuple(e for e in _with_base(names) if _fits(e, size))
            if engines:
                yield Turns(size, engines, rounds, given.calls, allocator)
    grids = tuple(e for e in _with_base(named) if e.kind == GRID)
    if grids and given.moves:
        yield Turns(given.grid, grids, 1, given.calls, given.allocator, given.moves)


def _with_base(names: set[str]) -> list[Engine]:
    """The engines of these names, and plain NumPy for each kind of work, which they are held against."""
    wanted = names | {BASE[BY_NAME[name].kind] for name in names if BY_NAME[name].kind in BASE}
    return [engine for engine in ENGINES if engine.name in wanted]


def _fits(engine: Engine, size: int) -> bool:
    return engine.kind != GRID and (engine.kind != EXPLAIN or size >= EXPLAINED)
