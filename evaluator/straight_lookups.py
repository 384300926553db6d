"""Lines of Python for lookups: rows of tables, cells, brackets and curves."""

from collections.abc import Sequence
from dataclasses import field
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.bits import Bits
from evaluator.line import Line
from evaluator.pieces import Polynomials, Rows, Segments, Values
from evaluator.remembered import COLUMNS, Ladder, ladder
from evaluator.straight_text import Text
from evaluator.tasks import Task

_LADDERS = 2  # whose pieces are remembered


@dataclass(slots=True)
class Lookups(Text):
    """``pairs``: by search for a piece, the one formula that reads it. ``ladders``: by formula whose rows remember
    their piece."""

    pairs: dict[int, Task] = field(default_factory=dict)
    ladders: dict[int, Ladder] = field(default_factory=dict)

    def looked_up(self, task: Task) -> bool:
        match task.op:
            case "lookup" | "take" | "map":
                return self._taken(task)
            case "segment":
                return self._segment(task)
            case "piecewise":
                return self._piecewise(task)
        return False

    def _taken(self, task: Task) -> bool:
        if not self.all_full(task):
            return False
        name = f"T{task.id}"
        if task.op == "lookup":
            self.text += [f"{name}, bad = f.heads[{task.attrs[0]!r}]"]
            self.text += [
                f"if bad is not None: f.flag({self.grain!r}, (), bad.take(v[{task.args[0].id}], mode='wrap'))"
            ]
        else:
            (table,) = task.attrs
            assert isinstance(table, Rows | Values)
            self.names[name] = table.rows if isinstance(table, Rows) else table.values
        self.text.append(f"v[{task.id}] = {name}.take(v[{task.args[0].id}], None, {self.out(task)}, 'wrap')")
        return True

    def _segment(self, task: Task) -> bool:
        segments, bits, leads = task.attrs
        assert isinstance(segments, Segments)
        if not isinstance(bits, Bits) or len(task.args) != 2 or not self.all_full(task):
            return False
        if any(a.op == "const" for a in task.args):
            return False
        x, state, own = f"v[{task.args[0].id}]", f"v[{task.args[1].id}]", f"T{task.id}"
        starts = leads.rows if isinstance(leads, Rows) else bits.starts
        last = self.pairs.get(task.id)
        if last is not None and len(self.ladders) < _LADDERS:
            found = ladder(segments, bits, starts, last.attrs[0])  # type: ignore[arg-type]
            if found is not None:
                self.ladders[last.id] = found
                return True
        self.names |= {f"{own}s": starts, f"{own}p": bits.pieces, f"{own}b": bits.bounds}
        cell, start = self.scratch(np.int64, 2)
        (bound,), (above,) = self.scratch(np.float64, 1), self.scratch(np.bool_, 1)
        out = self.out(task)
        self.text += [
            f"{own}x, cell = {x}, b[{cell}]",
            f"right_shift({own}x.view('i8'), {bits.shift}, cell)",
            f"clip(cell, {bits.base}, {bits.base + bits.count - 1}, cell)",
            f"add(cell, {own}s.take({state}, None, b[{start}], 'wrap'), cell)",
            f"above = greater_equal({own}x, {own}b.take(cell, None, b[{bound}], 'wrap'), b[{above}])",
            f"v[{task.id}] = add({own}p.take(cell, None, {out}, 'wrap'), above, {out})",
        ]
        self.let_go(cell, start, bound, above)
        return True

    def _piecewise(self, task: Task) -> bool:
        pieces, infinite, _ = task.attrs
        assert isinstance(pieces, Polynomials)
        if infinite or pieces.b is not None or not self.all_full(task) or any(a.op == "const" for a in task.args):
            return False
        x, p, own = f"v[{task.args[0].id}]", f"v[{task.args[1].id}]", f"T{task.id}"
        if task.id in self.ladders:
            return self._remembered(task, x, f"v[{task.args[1].args[1].id}]", own)
        self.names |= {f"{own}a": pieces.a, f"{own}s": pieces.start, f"{own}y": pieces.y}
        (rate,) = self.scratch(np.float64, 1)
        out = self.out(task)
        self.text += [
            f"p, o, rate = {p}, {out}, b[{rate}]",
            f"subtract({x}, {own}s.take(p, None, o, 'wrap'), o)",
            f"multiply(o, {own}a.take(p, None, rate, 'wrap'), o)",
            f"v[{task.id}] = add({own}y.take(p, None, rate, 'wrap'), o, o)",
        ]
        self.let_go(rate)
        return True

    def _remembered(self, task: Task, x: str, state: str, own: str) -> bool:
        (above,) = self.scratch(np.bool_, 1)
        self.names[own] = self.ladders[task.id]
        self.names[f"{own}k"] = [("piece", self.grain, task.id, name) for name in COLUMNS]
        self.text += [
            f"x, o, above = {x}, {self.out(task)}, b[{above}]",
            f"if not f.remembers: {own}.values(x, {state}, o)",
            "else:",
            f"    piece = [c[key] for key in {own}k]",
            "    subtract(x, piece[0], o)",
            "    greater_equal(x, piece[1], above)",
            "    if above.any() or o.min(initial=0.0) < 0.0:",
            "        above |= o < 0.0",
            f"        {own}.look_up(x, {state}, above, piece, o)",
            "    multiply(o, piece[2], o)",
            "    add(piece[3], o, o)",
            f"v[{task.id}] = o",
        ]
        self.let_go(above)
        return True


def pairs_of(acts: Sequence[tuple[Line, Any]]) -> dict[int, Task]:
    """By search for a piece, its one reader: the formula of the piece."""
    readers: dict[int, list[Task]] = {}
    for line, _ in acts:
        for arg in (*line.task.args, *(condition for condition, _ in line.chain)):
            readers.setdefault(arg.id, []).append(line.task)
    plain = {line.task.id for line, _ in acts if not line.chain}
    return {
        task.args[1].id: task
        for line, _ in acts
        if (task := line.task).op == "piecewise"
        and not task.attrs[1]
        and task.args[0].op != "const"
        and task.id in plain
        and task.args[1].id in plain
        if task.args[1].op == "segment" and task.args[1].args[0] is task.args[0] and len(readers[task.args[1].id]) == 1
    }
