"""One engine in a process of its own: ``python -m tests.bench.worker`` prints what it measured as JSON.

``--verify`` compares with what plain NumPy wrote beside the book (``--expect``) instead of timing.
"""

import argparse
import contextlib
import ctypes
import gc
import json
import resource
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.bench.engine import Absent, Engine
from tests.bench.engines import BY_NAME
from tests.bench.verify import difference, keep

LEAST = 3  # calls, since the first is slower than the others
PAUSE, MOST = 1.0, 5.0  # seconds after which no other call begins, and not even one of those


def measure(engine: Engine, folder: Path, small: Path, moves: int, calls: int) -> dict[str, Any]:
    """Seconds of each call, and by how much the first call raised the peak of this process's memory, and all of them
    did, since what is kept for the next may be made by a later one (of a whole process: its own peak)."""
    engine.make(small, min(moves, 2))()  # imports, compiles, fills caches
    started = perf_counter()
    call = engine.make(folder, moves)
    ready = perf_counter()
    gc.collect()
    gc.disable()
    _give_back()
    before = _reset_peak()
    seconds = []
    raised: list[int] = []
    while not seconds or (len(seconds) < calls and sum(seconds) < (MOST if len(seconds) < LEAST else PAUSE)):
        begun = perf_counter()
        result = call()
        seconds.append(perf_counter() - begun)
        raised.append(_children() if engine.apart else _peak() - before)
        del result
    return {"seconds": seconds, "added": raised[0], "several": raised[-1], "setup": ready - started}


def _give_back() -> None:
    """Memory that was freed goes back to the system, so that none of it is used without being counted."""
    with contextlib.suppress(OSError, AttributeError):  # of another libc
        ctypes.CDLL(None).malloc_trim(0)


def _status(field: str) -> int:
    text = Path("/proc/self/status").read_text("utf-8")
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(f"{field}:"))


def _reset_peak() -> int:
    """What this process holds now, from where its peak counts; elsewhere than on Linux, its peak so far."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    return _peak()


def _peak() -> int:
    with contextlib.suppress(OSError):
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _children() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=sorted(BY_NAME))
    parser.add_argument("folder", type=Path)
    parser.add_argument("small", type=Path)
    parser.add_argument("--moves", type=int, default=0)
    parser.add_argument("--calls", type=int, default=7)
    parser.add_argument("--expect", action="store_true")
    parser.add_argument("--verify", action="store_true")
    given = parser.parse_args()
    engine: Engine = BY_NAME[given.engine]
    said: dict[str, Any]
    try:
        if given.expect or given.verify:
            found = engine.found(engine.make(given.folder, given.moves)())
            if given.expect:
                keep(found, given.folder)
            said = {"difference": difference(found, given.folder)}
        else:
            said = measure(engine, given.folder, given.small, given.moves, given.calls)
    except Absent as absent:
        said = {"skipped": str(absent)}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
