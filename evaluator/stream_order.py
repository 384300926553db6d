"""Tables in the order of their accounts, read part by part from where they stand: nothing is put down.

Where the accounts of the positions follow each other as in the accounts' own file, a part is a stretch of each file,
cut between two accounts. One look at the keys and links alone says whether that is so; it ends at the first stretch of
positions in any other order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from evaluator.arrays import Array
from evaluator.arrow_file import ArrowFile
from evaluator.cells import many_digits, names
from evaluator.problems import Problem, Unreadable
from evaluator.stream_hashes import Hashes, hashes, may_repeat, texts_of
from evaluator.stream_table import Divided, Keyed, PartFile, Rows


@dataclass
class Ordered(Divided):
    """A table of which each bucket is a stretch: the rows from one of the ``starts`` to the next."""

    starts: Rows
    batch: int
    path: Path
    stamp: tuple[int, ...]
    _ahead: Iterator[dict[str, Array]] = field(default_factory=lambda: iter(()), init=False)
    _left: Any = field(default=None, init=False)  # rows that were read, and not given yet
    _next: int = field(default=-1, init=False)  # the number of the first of them

    def part(self, chosen: Sequence[int]) -> PartFile:
        """Buckets that follow each other. Parts are asked for in order, so that the file is read once for all."""
        start, stop = int(self.starts[chosen[0]]), int(self.starts[chosen[-1] + 1])
        if self._next != start:
            assert start == 0
            self._ahead = self.file.batches(self.names, self.batch)
            self._left, self._next = pa.table(self.file.without_rows(self.names)), 0
        tables = [self._left.slice(0, stop - start)]
        while self._next + len(tables[-1]) < stop:
            self._next += len(tables[-1])
            self._left = pa.table(next(self._ahead))
            tables.append(self._left.slice(0, stop - self._next))
        self._left, self._next = self._left.slice(len(tables[-1])), stop
        if _stamp(self.path) != self.stamp:
            raise Unreadable(Problem("the file was written while it was read", self.file.name, help="run it again"))
        table = pa.concat_tables(tables)
        return PartFile(self, {n: table.column(n) for n in self.names}, np.arange(start, stop))


def in_order(tables: Mapping[str, Keyed], folder: Path, count: int, batch: int) -> dict[str, Ordered] | None:
    """The tables, the accounts' first, in about ``count`` buckets; None where they are not in order, are text, which is
    slow to read again, or have keys that may be there twice."""
    paths = [t.file.path for t in tables.values() if isinstance(t.file, ArrowFile)]
    if len(paths) < len(tables):
        return None
    stamps = [_stamp(path) for path in paths]
    own, other = folder / "accounts.keys", folder / "others.keys"
    found = dict[str, Ordered]()
    bounds: Rows = np.zeros(0, dtype=np.int64)
    for (entity, table), path, stamp in zip(tables.items(), paths, stamps, strict=True):
        long = dict.fromkeys(table.columns, False)
        keys = other if found else own
        links = _look(table, keys, batch, long)
        if found:
            starts = _starts(links, _Accounts(own, batch), bounds)
        else:
            rows = sum(len(batch) for batch in links)
            starts = bounds = np.unique(np.linspace(0, rows, count + 1).astype(np.int64))
        if starts is None or len(bounds) < 2 or may_repeat(keys):
            return None
        found[entity] = Ordered(
            table.file, tuple(table.columns), np.diff(starts), starts, batch, path, stamp, long=long
        )
    return found


def _look(table: Keyed, keys: Path, batch: int, long: dict[str, bool]) -> Iterator[Hashes]:
    """The hashes of the links, batch by batch; those of the keys go into a file, and columns that are ``long`` are
    noted."""
    types = {n: a.type for n, a in table.file.without_rows(table.numbers).items()}
    numbers = [n for n, type in types.items() if not (pa.types.is_floating(type) or pa.types.is_integer(type))]
    with keys.open("wb") as file:
        for arrays in table.file.batches(list(dict.fromkeys((table.key, table.link, *numbers))), batch):
            own = hashes(texts_of(names(arrays[table.key])))
            file.write(own.data)
            for name in numbers:
                long[name] = long[name] or many_digits(arrays[name])
            yield own if table.link == table.key else hashes(texts_of(names(arrays[table.link])))


def _stamp(path: Path) -> tuple[int, ...]:
    """What is different once a file was written again."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _starts(links: Iterator[Hashes], accounts: "_Accounts", bounds: Rows) -> Rows | None:
    """(len(bounds),) the first row that belongs to each of the accounts at the bounds, or to a later one."""
    found, first = list[int](), 0
    for batch in links:
        runs = np.flatnonzero(np.append(True, batch[1:] != batch[:-1])[: len(batch)])
        rows = accounts.rows(batch[runs])
        if rows is None:
            return None
        at = np.searchsorted(rows, bounds[len(found) :])
        found += (first + runs[at[at < len(rows)]]).tolist()
        first += len(batch)
    return np.array(found + [first] * (len(bounds) - len(found)), dtype=np.int64)


class _Accounts:
    """The numbers of accounts by the hashes of their keys, a stretch of them in memory at a time."""

    def __init__(self, path: Path, batch: int) -> None:
        self._path, self._batch = path, batch
        self._sorted: Hashes = np.zeros(0, dtype=np.uint64)
        self._order: Rows = np.zeros(0, dtype=np.int64)
        self._first = self._last = 0  # the row of the first in memory, and the row that was found last

    def rows(self, wanted: Hashes) -> Rows | None:
        """The rows of accounts that follow each other; None where one comes before the one before it, or is missing."""
        found = np.zeros(len(wanted), dtype=np.int64)
        done = 0
        while done < len(wanted):
            if len(self._sorted):
                place = np.minimum(np.searchsorted(self._sorted, wanted[done:]), len(self._sorted) - 1)
                here = self._sorted[place] == wanted[done:]
                known = int(np.argmin(here)) if not here.all() else len(here)
                rows = self._first + self._order[place[:known]]
                if here[known:].any() or (np.diff(rows, prepend=self._last) < 0).any():
                    return None  # in order, what isn't here is ahead, and so is all that follows it
                found[done : done + known] = rows
                done, self._last = done + known, int(rows[-1]) if known else self._last
            if done < len(wanted) and not self._more():
                return None
        return found

    def _more(self) -> bool:
        """Goes on to the next stretch; whether there is one."""
        self._first += len(self._sorted)
        found = np.fromfile(self._path, dtype=np.uint64, count=self._batch, offset=8 * self._first)
        self._order = np.argsort(found, kind="stable")
        self._sorted = found[self._order]
        return len(found) > 0
