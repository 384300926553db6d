"""One thread's place to work: the values of a block of rows, buffers that live between blocks, and rows flagged.

A block has rows of one grain, or, where the book is laid out by account, of several: then a member's values are a
matrix, one column for each account, and an account's are the row that stands for all of its members.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from dsl.records import dataclass
from evaluator.line import Line
from evaluator.tasks import Chain, Guards, Task
from evaluator.vector import Flags

T = TypeVar("T")
Rows = npt.NDArray[np.intp]
_SMALLEST = float(np.finfo(np.float64).smallest_normal)
_LINE = 64  # bytes of the processor's cache lines
_UNDERFLOW = 4  # the flag that NumPy's error handler gives


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows reach a branch: ``rows`` of those around it, or, where it is cheaper to compute it for all of them,
    ``mask``; both None where all do. ``none``: no row does."""

    rows: Rows | None = None
    mask: Flags | None = None
    none: bool = False


class Frame:
    """``count``: of tasks. ``size``: the most rows of a block. ``room``: memory for buffers, which frames share that
    are used in turn. ``shapes``: by grain, the shape of its values in this block."""

    def __init__(self, count: int, size: int = 0, room: list[Any] | None = None) -> None:
        self.values: list[Any] = [None] * count
        self.kept: dict[int, Any] = {}  # where a task's values are to be stored
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.columns: Mapping[Any, Any] = {}
        self.links: Mapping[str, Any] = {}
        self.heads: Mapping[Any, Any] = {}
        self.flagged: list[tuple[str, Rows]] = []
        self.tops: dict[int, float] = {}  # by task, the greatest value of all blocks
        self.inner: Frame | None = None  # where a block stands several times
        self.trouble = 0
        self.size = size
        self._pool: dict[Any, list[Any]] = defaultdict(list)
        self._owned: dict[int, Any] = {}
        self._bases: dict[tuple[Any, ...], tuple[Any, list[Any]]] = {}
        self._room = [np.empty(0, dtype=np.uint8)] if room is None else room
        self._noted: dict[tuple[Any, ...], Any] = {}
        self.limits: dict[int, float] = {}  # by task, above which a value is far from all others
        self._selections: dict[Chain, Selection] = {}
        self._scratch: dict[tuple[int, Any], Any] = {}
        self.chains: Guards = {}
        self.straight = True  # whether blocks are done by straight code, where a step has it
        self.remembers = False  # whether rows have columns for the piece of a line that they were on
        self.waits: frozenset[int] = frozenset()  # tasks that are computed where a decision looks close
        self.waiting: Mapping[int, Sequence[tuple[Line, Any]]] = {}  # by flagging task, those that it needs

    def fit(self, count: int, size: int) -> None:
        """Room for so many tasks, and rows."""
        self.values += [None] * (count - len(self.values))
        if size > self.size:
            self.size = size
            self._pool.clear()

    def seen(self, kind: str, flag: int) -> None:
        """The handler of NumPy's floating-point errors."""
        self.trouble |= flag

    def enter(self, shapes: dict[str, tuple[int, ...]], read: Mapping[int, Any]) -> None:
        """A block as the steps before left it. ``read``: values of theirs."""
        self.start(shapes)
        for id, values in read.items():
            self.values[id] = values
        self.flagged, self.trouble = [], 0

    def start(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self.shapes = shapes
        self._selections.clear()
        self._noted.clear()
        self.drop([*self._owned, *self.waits])

    def forget(self) -> None:
        """Lets go of everything but the buffers."""
        self.start({})
        self.values = [None] * len(self.values)
        self.kept, self.columns, self.links, self.heads, self.flagged, self.tops = {}, {}, {}, {}, [], {}
        self.limits, self.waits, self.waiting = {}, frozenset(), {}

    def run(self, lines: Sequence[tuple[Line, Any]]) -> None:
        for line, act in lines:
            self.one(line, act)

    def one(self, line: Line, act: Any) -> None:
        values, task, chain = self.values, line.task, line.chain
        if chain and self.selection(task.grain, chain).none:
            values[task.id] = None
        else:
            before, self.trouble = self.trouble, 0
            result = act(self, task, chain)
            self.trouble = before
            if task.id in self.kept:
                kept = self.kept[task.id]
                if result is not kept:
                    np.copyto(kept, result)
                    result = kept
            values[task.id] = result
        if line.free:
            self.drop(line.free)

    def drop(self, ids: Sequence[int]) -> None:
        """Values that nobody reads any more."""
        for id in ids:
            self.values[id] = None
            base = self._owned.pop(id, None)
            if base is not None:
                self._pool[base.dtype.type].append(base)

    def bases(self, kinds: tuple[Any, ...], shape: tuple[int, ...], most: int) -> list[Any]:
        """Buffers of these kinds, for columns of this shape and of up to ``most`` values. All steps have the same
        memory for them, one after the other."""
        room, found = self._bases.get((kinds, most), (None, []))
        if room is not self._room[0]:
            sizes = [-(-most * np.dtype(kind).itemsize // _LINE) * _LINE for kind in kinds]
            if sum(sizes) > len(self._room[0]):
                self._room[0] = np.empty(sum(sizes), dtype=np.uint8)
            room, starts = self._room[0], np.cumsum([0, *sizes]).tolist()
            found = [
                room[start : start + most * np.dtype(kind).itemsize].view(kind)
                for kind, start in zip(kinds, starts, strict=False)
            ]
            self._bases[kinds, most] = room, found
        size = prod(shape)
        if len(shape) == 1:
            return [base[:size] for base in found]
        return [base[:size].reshape(shape) for base in found]

    def noted(self, key: tuple[Any, ...], found: Callable[[], T]) -> T:
        """Something about this block, looked for once."""
        if key not in self._noted:
            self._noted[key] = found()
        return self._noted[key]  # type: ignore[no-any-return]

    # -- buffers ----------------------------------------------------------------------------------

    def out(self, task: Task, chain: Chain, args: Sequence[Any]) -> Any:
        """A buffer for a result of these operands; None where NumPy is to make one."""
        if chain:
            return None
        shape: tuple[int, ...] = ()
        for arg in args:
            if type(arg) is np.ndarray and arg.ndim > len(shape):
                shape = arg.shape
        return self.buffer(task, shape) if shape else None

    def buffer(self, task: Task, shape: tuple[int, ...]) -> Any:
        kept = self.kept.get(task.id)
        if kept is not None and kept.shape == shape:
            return kept
        pool = self._pool[task.dtype]
        base = pool.pop() if pool else np.empty(self.size, dtype=task.dtype)
        self._owned[task.id] = base
        if len(shape) == 1:
            return base[: shape[0]]
        return base[: shape[0] * shape[1]].reshape(shape)

    def scratch(self, place: int, dtype: Any, shape: tuple[int, ...]) -> Any:
        """Room for the steps of one task, each in its place."""
        size = prod(shape)
        base = self._scratch.get((place, dtype))
        if base is None or len(base) < size:
            base = self._scratch[place, dtype] = np.empty(max(size, self.size), dtype=dtype)
        return base[:size].reshape(shape)

    # -- rows that reach a branch -----------------------------------------------------------------

    def selection(self, grain: str, chain: Chain) -> Selection:
        if chain not in self._selections:
            self._selections[chain] = self._select(grain, chain)
        return self._selections[chain]

    def same_rows(self, grain: str, chain: Chain, inner: Chain) -> bool:
        """Whether values at the rows of ``inner``, which lies in ``chain``, stand as those at the rows of ``chain``."""
        found = (self.selection(grain, inner[: i + 1]) for i in range(len(chain), len(inner)))
        return all(selection.rows is None and not selection.none for selection in found)

    def reached(self, grain: str, chain: Chain) -> bool:
        """Whether all rows reach it, so that values stand there as the block has them."""
        for i in range(1, len(chain) + 1):
            selection = self.selection(grain, chain[:i])
            if selection.none or selection.rows is not None or selection.mask is not None:
                return False
        return True

    def _select(self, grain: str, chain: Chain) -> Selection:
        *outer, (condition, wanted) = chain
        around = tuple(outer)
        if around and self.selection(grain, around).none:
            return Selection(none=True)
        found = self.read(condition, around, grain)
        if isinstance(wanted, tuple):
            holds = np.array(wanted, dtype=np.bool_)[found]
        else:
            holds = found if wanted else np.logical_not(found)
        if np.ndim(holds) == 0:
            return Selection(none=not holds)
        if not around:
            holds = np.broadcast_to(holds, self.shapes[grain]).reshape(-1)
        count = int(np.count_nonzero(holds))
        if count == 0:
            return Selection(none=True)
        if count == len(holds):
            return Selection()
        if 2 * count > len(holds):
            return Selection(mask=holds.copy())
        return Selection(rows=np.flatnonzero(holds))

    def read(self, task: Task, chain: Chain, grain: str, own: Chain | None = None) -> Any:
        """A task's values at the rows that reach ``chain``."""
        value = self.values[task.id]
        if not chain or not isinstance(value, np.ndarray) or task.grain != grain:
            return value
        own = self.chains[task.id] if own is None else own
        if own and value.ndim > 1:  # all rows reach it, and it stands as the block has it
            value = value.reshape(-1)
        return self.narrow(value, own, chain, grain)

    def narrow(self, value: Any, own: Chain, chain: Chain, grain: str) -> Any:
        """Values at the rows of ``own``, at those of ``chain``, which lies in it."""
        if not isinstance(value, np.ndarray):
            return value
        for i in range(len(own), len(chain)):
            selection = self.selection(grain, chain[: i + 1])
            if i == 0 and len(self.shapes[grain]) > 1:
                value = self._flat(value, grain, selection)
            elif selection.rows is not None:
                value = value.take(selection.rows)
        return value

    def _flat(self, value: Any, grain: str, selection: Selection) -> Any:
        shape = self.shapes[grain]
        if value.ndim == 1:
            if selection.rows is not None:
                return value.take(selection.rows % shape[1])
            return np.broadcast_to(value, shape).reshape(-1)
        value = value.reshape(-1)
        return value if selection.rows is None else value.take(selection.rows)

    # -- rows flagged -----------------------------------------------------------------------------

    def flag(self, grain: str, chain: Chain, bad: Any) -> None:
        """Rows (a mask, or their numbers) that the careful evaluator has to decide."""
        if not isinstance(bad, np.ndarray) or bad.ndim == 0:  # one for all rows
            if not bad:
                return
            bad = np.arange(self._length(grain, chain))
        elif bad.dtype == np.bool_:
            if not chain:
                bad = np.broadcast_to(bad, self.shapes[grain]).reshape(-1)
            bad = np.flatnonzero(bad)
        for i in range(len(chain), 0, -1):
            if not len(bad):
                return
            selection = self.selection(grain, chain[:i])
            if selection.rows is not None:
                bad = selection.rows[bad]
            elif selection.mask is not None:
                bad = bad[selection.mask[bad]]
        if len(bad):
            self.flagged.append((grain, bad))

    def _length(self, grain: str, chain: Chain) -> int:
        length = prod(self.shapes[grain])
        for i in range(1, len(chain) + 1):
            rows = self.selection(grain, chain[:i]).rows
            length = length if rows is None else len(rows)
        return length

    def examine(self, task: Task, chain: Chain, result: Any, tracked: bool) -> None:
        """Flags the rows in which a floating-point operation failed, or lost its digits where they matter."""
        bad = ~np.isfinite(result)
        if tracked and self.trouble & _UNDERFLOW:
            bad = bad | (np.abs(result) < _SMALLEST)
        if np.any(bad):
            self.flag(task.grain, chain, bad)


def top_of(values: Any, signed: bool = False) -> float:
    """The greatest value, or size; at least 0."""
    values = np.asarray(values)
    most = float(values.max(initial=0.0))
    return max(most, -float(values.min(initial=0.0))) if signed else most
