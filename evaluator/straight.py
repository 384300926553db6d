"""A step's simple tasks as one Python function without a decision in it: a NumPy call a line, into chosen buffers.

In a block of some ten thousand values, what is around a call costs as much as the call. So tasks of plain arithmetic,
comparison and lookup, over all rows of a block, are written out as source and compiled once. All others are done as
everywhere (``Frame.one``). Where floating point signals a fault, the block is done again without this.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from itertools import pairwise
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.acts_members import add_rows
from evaluator.bits import Bits
from evaluator.frame import Chain, Line
from evaluator.pieces import Polynomials, Rows, Segments, Values
from evaluator.remembered import COLUMNS, Ladder, ladder
from evaluator.tasks import Task
from evaluator.watch import WATCHED, watched

_UFUNCS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "neg": "negative", "abs": "absolute",
    "min": "minimum", "max": "maximum", "div": "divide", "sqrt": "sqrt", "exp": "exp",
}  # fmt: skip
_COMPARED = {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal", "=": "equal", "!=": "not_equal"}
_LADDERS = 2  # whose pieces are remembered
_FEWEST = 4  # lines that are worth it


@dataclass(frozen=True, slots=True, eq=False)
class Straight:
    """``call(frame, values, buffers, columns)`` does a block. ``buffers``: the kind of each buffer that it needs.
    ``ladders``: by task, those whose rows remember their piece, in columns that stand among the others."""

    call: Callable[..., None]
    buffers: tuple[Any, ...]
    ladders: Mapping[int, Ladder]


def straight(
    grain: str | None, acts: Sequence[tuple[Line, Any]], keep: Iterable[Task], before: Iterable[Task], remember: bool
) -> Straight | None:
    """``keep``: tasks whose columns are kept. ``before``: of steps before. ``remember``: rows stand where they stood in
    the evaluation before. None where it isn't worth it."""
    if grain is None:
        return None
    writer = _Writer(grain, frozenset(t.id for t in keep), {t.id: () for t in before if t.grain == grain})
    if remember:
        writer.pairs = _pairs(acts)
    writer.lines, writer.ends = acts, {id: i for i, (line, _) in enumerate(acts) for id in line.free}
    for i, (line, act) in enumerate(acts):
        writer.line(i, line, act)
    return writer.made() if writer.count >= _FEWEST else None


def _pairs(acts: Sequence[tuple[Line, Any]]) -> dict[int, Task]:
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


@dataclass(slots=True)
class _Writer:
    grain: str
    keep: frozenset[int]
    full: dict[int, Chain]  # by task that has a value for each row: where all rows reach this
    lines: Sequence[tuple[Line, Any]] = ()
    ends: dict[int, int] = field(default_factory=dict)  # by task, the last line that reads it
    watched: set[int] = field(default_factory=set)  # comparisons that are made with the watch over them
    chain: Chain = ()
    chains: dict[Chain, str] = field(default_factory=dict)
    views: set[int] = field(default_factory=set)
    count: int = 0
    text: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    kinds: list[Any] = field(default_factory=list)
    idle: dict[Any, list[int]] = field(default_factory=dict)
    slots: dict[int, int] = field(default_factory=dict)
    pairs: dict[int, Task] = field(default_factory=dict)
    ladders: dict[int, Ladder] = field(default_factory=dict)

    def line(self, i: int, line: Line, act: Any) -> None:
        self.names[f"L{i}"], self.names[f"A{i}"] = line, act
        text, self.text, self.chain = self.text, [], line.chain
        done = (line.task.grain == self.grain or line.task.op == "agg_sum") and self._written(line, i)
        if not done:
            self.text = [f"one(L{i}, A{i})"]
            if not line.chain and line.task.grain == self.grain and self._gives_all(line.task):
                self.full[line.task.id] = ()
        else:
            self.count += 1
            self.full[line.task.id] = line.chain
            others = tuple(id for id in line.free if id not in self.slots and id not in self.views)
            if others:
                self.names[f"F{i}"] = others
                self.text.append(f"drop(F{i})")
        if done and line.chain:
            text += [
                f"if {self._reached(line.chain, text)}:",
                *(f"    {t}" for t in self.text),
                "else:",
                f"    one(L{i}, A{i})",
            ]
        else:
            text += self.text
        self.text = text
        for id in line.free:
            slot = self.slots.pop(id, None)
            if slot is not None:
                self.idle.setdefault(self.kinds[slot], []).append(slot)

    def made(self) -> Straight:
        body = "\n    ".join(["one, drop, k = f.one, f.drop, f.kept", *self.text])
        source = f"def block(f, v, b, c):\n    {body}\n"
        found: dict[str, Any] = {**self.names, "watched": watched, "add_rows": add_rows}
        for name in (*_UFUNCS.values(), *_COMPARED.values(), "right_shift", "clip"):
            found[name] = getattr(np, name)
        exec(compile(source, "<a step>", "exec"), found)  # of numbers of tasks and NumPy's names alone
        return Straight(found["block"], tuple(self.kinds), self.ladders)

    def _reached(self, chain: Chain, text: list[str]) -> str:
        """The variable that says whether all rows of the block reach a chain."""
        if chain not in self.chains:
            name = self.chains[chain] = f"q{len(self.chains)}"
            self.names[f"C{name}"] = chain
            text.append(f"{name} = f.reached({self.grain!r}, C{name})")
        return self.chains[chain]

    # -- one task ---------------------------------------------------------------------------------

    def _written(self, line: Line, i: int) -> bool:
        task = line.task
        if line.chain and (task.id in self.keep or task.op not in _UFUNCS):
            return False
        match task.op:
            case "input" | "blank" | "rows" | "members" | "live":
                self.names[f"K{task.id}"] = (task.op, task.grain, *task.attrs)
                self.text.append(f"v[{task.id}] = c[K{task.id}]")
                self.views.add(task.id)
                return True
            case op if op in _UFUNCS and len(task.args) <= 2:
                return self._call(task, _UFUNCS[task.op])
            case "unsigned":
                return self._unsigned(task)
            case "pick":
                return self._pick(task)
            case "select":
                return self._select(line, i)
            case "agg_sum" if task.id in self.keep and len(task.args) == 1 and self._has(task.args[0]):
                return self._added(line, i)
            case "near":
                return self._near(line, i)
            case "compare":
                if task.id in self.watched:  # with the watch over it
                    return True
                return self._call(task, _COMPARED[str(task.attrs[0])])
            case "lookup" | "take" | "map":
                return self._taken(task)
            case "segment":
                return self._segment(task)
            case "piecewise":
                return self._piecewise(task)
        return False

    def _gives_all(self, task: Task) -> bool:
        """Whether another act gives a value for each row."""
        match task.op:
            case "select" | "choose":
                return self._has(task.args[0])
            case "pick" | "and" | "or" | "not" | "size_div" | "pow" | "clamp":
                return self._all_full(task)
        return False

    def _all_full(self, task: Task) -> bool:
        arrays = [a for a in task.args if a.op != "const"]
        return bool(arrays) and all(self._has(a) for a in arrays)

    def _has(self, task: Task) -> bool:
        """Whether there is a value for each row of the block, where all of them reach the chain."""
        own = self.full.get(task.id)
        return own is not None and task.grain == self.grain and self.chain[: len(own)] == own

    def _call(self, task: Task, name: str) -> bool:
        if not self._all_full(task):
            return False
        args = ", ".join(f"v[{a.id}]" for a in task.args)
        self.text.append(f"v[{task.id}] = {name}({args}, out={self._out(task)})")
        return True

    def _near(self, line: Line, i: int) -> bool:
        """The watches over comparisons of one number with several, and those comparisons, which follow: as one."""
        if line.task.id in self.watched:
            return True
        nears, compared = [], []
        for (one, _), (two, _) in zip(self.lines[i::2], self.lines[i + 1 :: 2], strict=False):
            if not self._is_watch(line, one, two):
                break
            nears.append(one.task)
            compared.append(two.task)
        if not nears:
            return False
        self.watched.update(t.id for t in (*nears, *compared))
        outs = [self._out(t) for t in compared]
        self.names[f"N{i}"], self.names[f"O{i}"] = nears, [t.attrs[0] for t in compared]
        self.text.append(f"watched(f, N{i}, O{i}, ({', '.join(outs)},))")
        self.text += [f"v[{t.id}] = {out}" for t, out in zip(compared, outs, strict=True)]
        return True

    def _is_watch(self, first: Line, near: Line, compare: Line) -> bool:
        """Whether they are one, over the same number as the first, with the same sizes."""
        task, own = near.task, first.task
        if task.op != "near" or task.grain != self.grain or near.chain or compare.chain or compare.task.op != "compare":
            return False
        a, b = task.args[:2]
        alike = a is own.args[0] and task.args[2:] == own.args[2:] and task.attrs[2:] == own.attrs[2:]
        compared = compare.task.args == (a, b) and compare.task.attrs[0] in WATCHED
        return alike and compared and b.op == "const" and self._has(a)

    def _pick(self, task: Task) -> bool:
        """The first that holds of comparisons of one number with smaller and smaller ones: as many as don't hold."""
        rows, other = task.attrs
        if rows != tuple(range(len(task.args))) or other != len(task.args) or not self._all_full(task):
            return False
        if any(a.op != "compare" or a.attrs[0] not in (">=", ">") for a in task.args) or not 2 <= len(task.args) < 100:
            return False
        number, bounds = task.args[0].args[0], [a.args[1] for a in task.args]
        if any(a.args[0] is not number for a in task.args) or any(b.op != "const" for b in bounds):
            return False
        pairs = pairwise((float(a.args[1].attrs[1]), a.attrs[0] == ">=") for a in task.args)  # type: ignore[arg-type]
        if not all(x > y or (x == y and (last or not first)) for (x, first), (y, last) in pairs):
            return False
        (held,) = self._scratch(np.int8, 1)
        flags = [f"v[{a.id}].view('i1')" for a in task.args]
        self.text.append(f"held = add({flags[0]}, {flags[1]}, b[{held}])")
        self.text += [f"add(held, {flag}, held)" for flag in flags[2:]]
        self.text.append(f"v[{task.id}] = subtract({len(flags)}, held, {self._out(task)}, casting='unsafe')")
        self._let_go(held)
        return True

    def _added(self, line: Line, i: int) -> bool:
        """Where members stand in a matrix, its rows added up; the step's rows are those members."""
        task = line.task
        self.text += [
            f"if f.links: one(L{i}, A{i})",
            f"else: v[{task.id}] = k[{task.id}]; add_rows(v[{task.args[0].id}], k[{task.id}])",
        ]
        return True

    def _unsigned(self, task: Task) -> bool:
        if not self._all_full(task):
            return False
        self.text.append(f"v[{task.id}] = add(v[{task.args[0].id}], 0.0, {self._out(task)})")
        return True

    def _select(self, line: Line, i: int) -> bool:
        """Where all rows go the first way, that way's very values, which nobody reads longer."""
        condition, then, _ = line.task.args
        way: Chain = (*line.chain, (condition, True))
        if line.task.id in self.keep or line.chain or self.full.get(then.id) != way or then.grain != self.grain:
            return False
        if then.id not in self.slots or then.dtype != line.task.dtype:
            return False
        if then.id in line.free:
            self.slots[line.task.id] = self.slots.pop(then.id)
        elif self.ends[then.id] < self.ends[line.task.id]:
            return False
        reached = self._reached(way, self.text)
        self.text += [f"if {reached}: v[{line.task.id}] = v[{then.id}]", f"else: one(L{i}, A{i})"]
        return True

    def _taken(self, task: Task) -> bool:
        if not self._all_full(task):
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
        self.text.append(f"v[{task.id}] = {name}.take(v[{task.args[0].id}], None, {self._out(task)}, 'wrap')")
        return True

    def _segment(self, task: Task) -> bool:
        segments, bits, leads = task.attrs
        assert isinstance(segments, Segments)
        if not isinstance(bits, Bits) or len(task.args) != 2 or not self._all_full(task):
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
        cell, start = self._scratch(np.int64, 2)
        (bound,), (above,) = self._scratch(np.float64, 1), self._scratch(np.bool_, 1)
        out = self._out(task)
        self.text += [
            f"{own}x, cell = {x}, b[{cell}]",
            f"right_shift({own}x.view('i8'), {bits.shift}, cell)",
            f"clip(cell, {bits.base}, {bits.base + bits.count - 1}, cell)",
            f"add(cell, {own}s.take({state}, None, b[{start}], 'wrap'), cell)",
            f"above = greater_equal({own}x, {own}b.take(cell, None, b[{bound}], 'wrap'), b[{above}])",
            f"v[{task.id}] = add({own}p.take(cell, None, {out}, 'wrap'), above, {out})",
        ]
        self._let_go(cell, start, bound, above)
        return True

    def _piecewise(self, task: Task) -> bool:
        pieces, infinite, _ = task.attrs
        assert isinstance(pieces, Polynomials)
        if infinite or pieces.b is not None or not self._all_full(task) or any(a.op == "const" for a in task.args):
            return False
        x, p, own = f"v[{task.args[0].id}]", f"v[{task.args[1].id}]", f"T{task.id}"
        if task.id in self.ladders:
            return self._remembered(task, x, f"v[{task.args[1].args[1].id}]", own)
        self.names |= {f"{own}a": pieces.a, f"{own}s": pieces.start, f"{own}y": pieces.y}
        (rate,) = self._scratch(np.float64, 1)
        out = self._out(task)
        self.text += [
            f"p, o, rate = {p}, {out}, b[{rate}]",
            f"subtract({x}, {own}s.take(p, None, o, 'wrap'), o)",
            f"multiply(o, {own}a.take(p, None, rate, 'wrap'), o)",
            f"v[{task.id}] = add({own}y.take(p, None, rate, 'wrap'), o, o)",
        ]
        self._let_go(rate)
        return True

    def _remembered(self, task: Task, x: str, state: str, own: str) -> bool:
        (above,) = self._scratch(np.bool_, 1)
        self.names[own] = self.ladders[task.id]
        self.names[f"{own}k"] = [("piece", self.grain, task.id, name) for name in COLUMNS]
        self.text += [
            f"x, o, above, piece = {x}, {self._out(task)}, b[{above}], [c[key] for key in {own}k]",
            "subtract(x, piece[0], o)",
            "greater_equal(x, piece[1], above)",
            "if above.any() or o.min(initial=0.0) < 0.0:",
            "    above |= o < 0.0",
            f"    {own}.look_up(x, {state}, above, piece, o)",
            "multiply(o, piece[2], o)",
            f"v[{task.id}] = add(piece[3], o, o)",
        ]
        self._let_go(above)
        return True

    # -- buffers ----------------------------------------------------------------------------------

    def _out(self, task: Task) -> str:
        """Where the task's values go: where they are kept, or a buffer until nobody reads them any more."""
        if task.id in self.keep:
            return f"k[{task.id}]"
        if task.id not in self.slots:
            (self.slots[task.id],) = self._scratch(task.dtype, 1)
        return f"b[{self.slots[task.id]}]"

    def _scratch(self, kind: Any, many: int) -> list[int]:
        idle = self.idle.setdefault(kind, [])
        found = [idle.pop() for _ in range(min(many, len(idle)))]
        for _ in range(many - len(found)):
            found.append(len(self.kinds))
            self.kinds.append(kind)
        return found

    def _let_go(self, *slots: int) -> None:
        for slot in slots:
            self.idle[self.kinds[slot]].append(slot)
