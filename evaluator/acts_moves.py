"""The act of a fold over moves that are alike: a block's accounts side by side, once for each of some moves."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluator.act import Act, taken
from evaluator.frame import Frame
from evaluator.line import lines
from evaluator.moves_fold import Moves
from evaluator.tasks import Chain, Task

ROOM = 1 << 15  # values of a column that are worked on at once
_UFUNC: dict[str, tuple[np.ufunc, float]] = {"min": (np.minimum, np.inf), "max": (np.maximum, -np.inf)}


class MovesFrame(Frame):
    """A block ``times`` over, for as many moves. ``tables``: by task, those moves' small tables, one after the other,
    which of their values are no use, and how many rows one has."""

    def __init__(self, count: int, size: int) -> None:
        super().__init__(count, size)
        self.times = 1
        self.tables: dict[int, tuple[Any, Any, int]] = {}
        self._places: dict[tuple[int, int], Any] = {}

    def begin(self, frame: Frame, moves: Moves, times: int) -> None:
        """A block of ``frame``; what no move touches stands there ``times`` over."""
        self.times, self.chains, self.heads = times, moves.chains, frame.heads
        self.columns = _Tiled(frame.columns, times)
        self.links = {
            entity: np.tile(owners, times) + np.repeat(np.arange(times) * _roots(frame), len(owners))
            for entity, owners in frame.links.items()
        }
        for task in moves.shared:
            self.values[task.id] = _tiled(frame.values[task.id], times)

    def forget(self) -> None:
        super().forget()
        self.tables = {}
        self._places.clear()

    def places(self, task: Task, rows: int) -> Any:
        """Where a link leads in tables of so many rows that stand one after the other, one for each move."""
        key = task.id, rows
        if key not in self._places:
            link = self.columns[(task.op, task.grain, *task.attrs)]
            self._places[key] = link + np.repeat(np.arange(self.times) * rows, link.shape[-1] // self.times)
        return self._places[key]


class _Tiled(dict[tuple[Any, ...], Any]):
    """Columns of a block, ``times`` over."""

    def __init__(self, columns: Mapping[Any, Any], times: int) -> None:
        super().__init__()
        self._columns, self._times = columns, times

    def __missing__(self, key: tuple[Any, ...]) -> Any:
        self[key] = _tiled(self._columns[key], self._times)
        return self[key]


def _tiled(value: Any, times: int) -> Any:
    """A row, or each row of a matrix, ``times`` over."""
    if not isinstance(value, np.ndarray) or not value.ndim or times == 1:
        return value
    return np.tile(value, times if value.ndim == 1 else (1, times))


def _table(frame: Frame, task: Task, chain: Chain) -> Any:
    """A move's small table, read through a link."""
    assert isinstance(frame, MovesFrame)
    values, bad, rows = frame.tables[task.id]
    index = frame.narrow(frame.places(task.args[0], rows), (), chain, task.grain)
    if bad is not None:
        frame.flag(task.grain, chain, bad.take(index, mode="wrap"))
    return taken(frame, task, chain, values, index)


def _stacked(frame: Frame, moves: Moves, task: Task) -> tuple[Any, Any]:
    """A small table in each move, (moves, rows), and where it is no use, or None."""
    sized = task.op == "lookup_size"
    parts = [frame.heads[(id, "size") if sized else id] for id in moves.heads[task.id]]
    values = np.stack(np.broadcast_arrays(*(part if sized else part[0] for part in parts)))
    marks = [None if sized else part[1] for part in parts]
    if all(mark is None for mark in marks):
        return values, None
    return values, np.stack([np.broadcast_to(False if m is None else m, values.shape[1:]) for m in marks])


def folds(acts: Mapping[str, Act]) -> Act:
    """``acts``: those of all tasks that a move may have."""
    own = {**acts, "lookup": _table, "lookup_size": _table}

    def act(frame: Frame, task: Task, chain: Chain) -> Any:
        op, _, parts, alone = task.attrs
        assert isinstance(op, str) and isinstance(parts, tuple) and isinstance(alone, int)
        ufunc, start = _UFUNC[op]
        out = frame.buffer(task, frame.shapes[task.grain])
        out.fill(start)
        for value in task.args[:alone]:
            ufunc(out, frame.values[value.id], out=out)
        if frame.inner is None:
            frame.inner = MovesFrame(len(frame.values), max(ROOM, frame.size))
        assert isinstance(frame.inner, MovesFrame)
        for moves in parts:
            _fold(frame, frame.inner, moves, own, ufunc, out)
        return out

    return act


def _roots(frame: Frame) -> int:
    """How many rows of a block others belong to."""
    return next(shape[0] for entity, shape in frame.shapes.items() if entity not in frame.links and len(shape) == 1)


def _fold(frame: Frame, inner: MovesFrame, moves: Moves, acts: Mapping[str, Act], ufunc: np.ufunc, out: Any) -> None:
    """Takes the moves into ``out``, as many at a time as there is room for."""
    most = max(1, *(int(np.prod(s)) for s in frame.shapes.values()))
    groups = -(-moves.count // max(1, ROOM // most))
    times = -(-moves.count // groups)
    inner.begin(frame, moves, times)
    keep = frozenset({moves.result.id, *(t.id for t in moves.shared)})
    work = [
        (line, acts[line.task.op]) for line in lines(moves.tasks, moves.chains, keep, frozenset({"same", "spread"}))
    ]
    tables = {task.id: _stacked(frame, moves, task) for task in moves.tasks if task.id in moves.heads}
    shapes = {grain: (*shape[:-1], shape[-1] * times) for grain, shape in frame.shapes.items()}
    with np.errstate(all="call", call=inner.seen):
        for group in range(groups):
            chosen = np.minimum(np.arange(group * times, (group + 1) * times), moves.count - 1)  # the last again
            inner.start(shapes)
            for id, consts in moves.consts.items():
                same = len(consts) == 1
                inner.values[id] = consts[0] if same else np.repeat(np.array(consts)[chosen], out.shape[-1])
            for id, (values, bad) in tables.items():
                marks = None if bad is None else bad[chosen].ravel()
                inner.tables[id] = values[chosen].ravel(), marks, values.shape[1]
            inner.run(work)
            value = np.broadcast_to(inner.values[moves.result.id], shapes[moves.result.grain])
            value = value.reshape(*out.shape[:-1], times, out.shape[-1])
            ufunc(out, ufunc.reduce(value, axis=-2), out=out)
    for grain, rows in inner.flagged:
        wide = frame.shapes[grain][-1]
        above, place = np.divmod(rows, wide * times)
        frame.flagged.append((grain, np.unique(above * wide + place % wide)))
    inner.forget()
