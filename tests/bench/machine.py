"""The machine that it runs on: what it is called, and how fast it moves bytes."""

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import numpy as np

LIBRARIES = ("softliq", "numpy", "pandas", "polars", "duckdb", "numexpr", "numba")
# glibc returns memory at once and asks for it again, page by page; with these it keeps what it has.
ALLOCATORS = {
    "default": {},
    "tuned": {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(64 << 20)},
}


def described() -> dict[str, str]:
    """Date, processor, memory and versions, as the table's heading."""
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    model = models[0].partition(":")[2].strip() if models else platform.processor()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: found for name in LIBRARIES if (found := _version(name))},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def bandwidth(size: int = 1 << 27, times: int = 7) -> float:
    """Bytes read and written a second by a simple copy, on all cores at once: the best of a few."""
    threads = os.cpu_count() or 1
    source, target = np.ones(size // 8), np.ones(size // 8)
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    best = np.inf
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(times):
            begun = perf_counter()
            list(pool.map(lambda part: np.copyto(part[1], part[0]), parts))
            best = min(best, perf_counter() - begun)
    return 2 * size / float(best)
