"""The benchmark: the reference policy by softliq and by hand, each in a process of its own and in turn.

    make bench                                       # 1e5 and 1e6 positions
    make bench SIZES="1e6 1e7" PEERS=polars,softliq

First every result is compared with plain NumPy's, to 1e-9; then times are taken, in several rounds. Ratios are of plain
NumPy's time to each other's, of minima and of medians; memory is what an evaluation adds at its peak.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tests.bench.peers import PEERS, Outcome
from tests.bench.reference import NAMES, POLICY, Columns, book

FOLDER = Path(__file__).parent.parent.parent / "build" / "bench"
ROUNDS, TIMES = 3, 5
CLOSE = 1e-9

# columns asked for, and whether the book is laid out before
SOFTLIQ: dict[str, tuple[Sequence[str], bool]] = {
    "softliq": (("account.health", "account.post", "position.reduced", "position.penalty", "position.impact"), False),
    "softliq summary": ((), False),
    "softliq indexed": (
        ("account.health", "account.post", "position.reduced", "position.penalty", "position.impact"),
        True,
    ),
    "softliq indexed summary": ((), True),
}


def softliq(columns: Columns, asked: Sequence[str], laid_out: bool) -> Callable[[], Outcome]:
    """The policy by softliq, over a book in memory."""
    import softliq as face
    from evaluator.book import Book, BookTable, indexed
    from evaluator.columns import Column

    policy = face.load_policy(POLICY)
    rows, accounts = len(columns["size"]), int(columns["account"].max()) + 1

    def table(entity: str, count: int, **values: Any) -> BookTable:
        found = {name: Column(v) for name, v in values.items()}
        return BookTable(entity, count, NAMES if entity == "market" else _Keys(count), found, {}, lambda c, r: "0")

    tables = {
        "market": table("market", len(NAMES), **{c: columns[c] for c in ("mark", "vol", "depth")}),
        "account": table("account", accounts),
        "position": table(
            "position", rows, account=columns["account"].astype(np.int64), market=columns["market"].astype(np.int64),
            **{c: columns[c] for c in ("size", "entry", "collateral")},
        ),
    }  # fmt: skip
    whole = Book("reference", None, tables)
    whole = indexed(whole) if laid_out else whole

    def run() -> Outcome:
        results = face.evaluate(policy, whole, columns=asked)
        if not asked:
            lines = results.tiers[0].lines[:5]
            sums = [[a.total if a else 0.0 for a in (line.notional, line.closed)] for line in lines]
            return None, None, None, None, np.array(sums)
        found = [results.column(*name.split(".")) for name in asked]
        values = [None if c is None else c.values for c in found]
        return values[0], values[1], values[3], values[4], None

    return run


class _Keys(Sequence[str]):
    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        return str(place)


# -- one process for each ---------------------------------------------------------------------------


def child(name: str, rows: int, times: int) -> None:
    """Evaluates once, compares or keeps the outcome, then takes times; prints what it found as JSON."""
    loaded = np.load(FOLDER / f"{rows}.npz")
    columns: Columns = {c: loaded[c] for c in loaded.files}
    run = softliq(columns, *SOFTLIQ[name]) if name in SOFTLIQ else PEERS[name](columns)
    outcome = run()
    kept = FOLDER / f"{rows}.outcome.npz"
    if name == "numpy":
        np.savez(kept, **{str(i): part for i, part in enumerate(outcome)})
    error = _compare(outcome, np.load(kept))
    del outcome
    before = _reset_peak()
    run()
    memory = _peak() - before
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    json.dump({"times": taken, "memory": memory, "error": error}, sys.stdout)


def _compare(outcome: Outcome, expected: Any) -> str | None:
    """What differs by more than 1e-9, of the value or of the column's typical size."""
    for i, got in enumerate(outcome):
        if got is None:
            continue
        want = expected[str(i)]
        want = want[:, 1:3] if np.shape(got) == (5, 2) else want  # the amounts of a summary, which counts accounts
        size = np.maximum(np.abs(want), np.nanmedian(np.abs(want[np.isfinite(want)])))
        with np.errstate(invalid="ignore"):
            off = np.abs(np.asarray(got, dtype=np.float64) - want) > CLOSE * size
        off &= np.isfinite(want)
        if off.any() or not np.array_equal(np.isinf(want), np.isinf(got)):
            row = np.argwhere(off)[:1].tolist()
            return f"part {i} differs in {int(off.sum())} places, first at {row}"
    return None


def _reset_peak() -> int:
    """Resident bytes now; the peak is counted from here (Linux only)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines() if Path("/proc/self/status").exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


# -- all of them, in turn -----------------------------------------------------------------------------


def bench(rows: int, names: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not (FOLDER / f"{rows}.npz").exists():
        np.savez(FOLDER / f"{rows}.npz", **book(rows))  # type: ignore[arg-type]
    found: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):
        for name in names:
            made = subprocess.run(
                [sys.executable, "-m", "tests.bench.run", "--child", name, str(rows)], capture_output=True, text=True
            )
            if made.returncode:
                raise SystemExit(f"{name} at {rows:,}: {made.stderr[-2000:]}")
            said = json.loads(made.stdout)
            if said["error"]:
                raise SystemExit(f"{name} at {rows:,}: {said['error']}")
            one = found.setdefault(name, {"name": name, "rows": rows, "times": [], "memory": 0})
            one["times"] += said["times"]
            one["memory"] = max(one["memory"], said["memory"])
    return list(found.values())


def table(found: Sequence[dict[str, Any]]) -> str:
    """One size as a Markdown table."""
    plain = next(f for f in found if f["name"] == "numpy")
    lines = [
        f"{found[0]['rows']:,} positions",
        "",
        "| | least, ms | median, ms | times plain NumPy (least) | (median) | adds, MB | of NumPy's |",
    ]
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    for one in found:
        least, middle = min(one["times"]), median(one["times"])
        ratios = min(plain["times"]) / least, median(plain["times"]) / middle
        share = one["memory"] / plain["memory"] if plain["memory"] else 0.0
        lines.append(
            f"| {one['name']} | {least * 1e3:.1f} | {middle * 1e3:.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} |"
            f" {one['memory'] / 1e6:.0f} | {share:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sizes", nargs="*", default=["1e5", "1e6"], help="numbers of positions, such as 1e6")
    parser.add_argument("--peers", default="", help="only these, by commas; numpy is always one")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--times", type=int, default=TIMES, help=argparse.SUPPRESS)
    parser.add_argument("--child", default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        return child(given.child, int(given.sizes[0]), given.times)
    every = [*PEERS, *SOFTLIQ]
    names = [n for n in every if not given.peers or n == "numpy" or n in given.peers.split(",")]
    for size in given.sizes:
        print(table(bench(int(float(size)), names, given.rounds)), flush=True)
    return None


if __name__ == "__main__":
    main()
