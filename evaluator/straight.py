"""A step's simple tasks as one Python function without a decision in it: a NumPy call a line, into chosen buffers.

In a block of some ten thousand values, what is around a call costs as much as the call. So tasks of plain arithmetic,
comparison and lookup, over all rows of a block, are written out as source and compiled once. All others are done as
everywhere (``Frame.one``). Where floating point signals a fault, the block is done again without this.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.acts_members import add_rows
from evaluator.line import Line
from evaluator.remembered import Ladder
from evaluator.straight_lookups import Lookups, pairs_of
from evaluator.tasks import READ, Chain, Task
from evaluator.watch import WATCHED, watched

_UFUNCS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "neg": "negative", "abs": "absolute",
    "min": "minimum", "max": "maximum", "div": "divide", "sqrt": "sqrt", "exp": "exp",
}  # fmt: skip
_COMPARED = {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal", "=": "equal", "!=": "not_equal"}
_CHAINED = frozenset((*_UFUNCS, *READ))  # where all rows may reach a branch
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
    writer = _Writer(grain, acts, frozenset(t.id for t in keep), {t.id: () for t in before if t.grain == grain})
    if remember:
        writer.pairs = pairs_of(acts)
    writer.write()
    return writer.made() if writer.count >= _FEWEST else None


class _Writer(Lookups):
    """Lines for columns, arithmetic and decisions."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.watched: set[int] = set()  # comparisons that are made with the watch over them

    def made(self) -> Straight:
        body = "\n    ".join(["one, drop, k = f.one, f.drop, f.kept", *self.text])
        source = f"def block(f, v, b, c):\n    {body}\n"
        found: dict[str, Any] = {**self.names, "watched": watched, "add_rows": add_rows}
        for name in (*_UFUNCS.values(), *_COMPARED.values(), "right_shift", "clip"):
            found[name] = getattr(np, name)
        exec(compile(source, "<a step>", "exec"), found)  # of numbers of tasks and NumPy's names alone
        return Straight(found["block"], tuple(self.kinds), self.ladders)

    def written(self, line: Line, i: int) -> bool:
        task = line.task
        if line.chain and (task.id in self.keep or task.op not in _CHAINED):
            return False
        match task.op:
            case "input" | "blank" | "rows" | "members" | "total" | "open" | "live":
                self.names[f"K{task.id}"] = (task.op, task.grain, *task.attrs)
                self.text.append(f"v[{task.id}] = c[K{task.id}]")
                self.views.add(task.id)
                return True
            case op if op in _UFUNCS and len(task.args) <= 2:
                return self._call(line, _UFUNCS[task.op])
            case "unsigned":
                return self._unsigned(task)
            case "pick":
                return self._pick(task)
            case "select":
                return self._select(line, i)
            case "agg_sum" if task.id in self.keep and len(task.args) == 1 and self.has(task.args[0]):
                return self._added(line, i)
            case "top":
                self.text.append(f"A{i}(f, L{i}.task, ())")  # it is noted, and has no value here
                return True
            case "near":
                return self._near(line, i)
            case "compare":
                if task.id in self.watched:  # with the watch over it
                    return True
                return self._call(line, _COMPARED[str(task.attrs[0])])
        return self.looked_up(task)

    def gives_all(self, task: Task) -> bool:
        """Whether another act gives a value for each row."""
        match task.op:
            case "select" | "choose":
                return self.has(task.args[0])
            case "pick" | "and" | "or" | "not" | "size_div" | "pow" | "clamp":
                return self.all_full(task)
        return False

    def _call(self, line: Line, name: str) -> bool:
        task = line.task
        if not self.all_full(task):
            return False
        ends = [a for a in task.args if a.id in line.free and a.id in self.slots and a.dtype == task.dtype]
        if ends and not line.chain and task.id not in self.keep:
            self.take_over(task, ends[0])
        args = ", ".join(f"v[{a.id}]" for a in task.args)
        self.text.append(f"v[{task.id}] = {name}({args}, out={self.out(task)})")
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
        outs = [self.out(t) for t in compared]
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
        return alike and compared and b.op == "const" and self.has(a)

    def _pick(self, task: Task) -> bool:
        """The first that holds of comparisons of one number with smaller and smaller ones: as many as don't hold."""
        rows, other = task.attrs
        if rows != tuple(range(len(task.args))) or other != len(task.args) or not self.all_full(task):
            return False
        if any(a.op != "compare" or a.attrs[0] not in (">=", ">") for a in task.args) or not 2 <= len(task.args) < 100:
            return False
        number, bounds = task.args[0].args[0], [a.args[1] for a in task.args]
        if any(a.args[0] is not number for a in task.args) or any(b.op != "const" for b in bounds):
            return False
        pairs = pairwise((float(a.args[1].attrs[1]), a.attrs[0] == ">=") for a in task.args)  # type: ignore[arg-type]
        if not all(x > y or (x == y and (last or not first)) for (x, first), (y, last) in pairs):
            return False
        (held,) = self.scratch(np.int8, 1)
        flags = [f"v[{a.id}].view('i1')" for a in task.args]
        self.text.append(f"held = add({flags[0]}, {flags[1]}, b[{held}])")
        self.text += [f"add(held, {flag}, held)" for flag in flags[2:]]
        self.text.append(f"v[{task.id}] = subtract({len(flags)}, held, {self.out(task)}, casting='unsafe')")
        self.let_go(held)
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
        if not self.all_full(task):
            return False
        self.text.append(f"v[{task.id}] = add(v[{task.args[0].id}], 0.0, {self.out(task)})")
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
            self.take_over(line.task, then)
        elif self.ends[then.id] < self.ends[line.task.id]:
            return False
        reached = self.reached(way, self.text)
        self.text += [f"if {reached}: v[{line.task.id}] = v[{then.id}]", f"else: one(L{i}, A{i})"]
        return True
