"""Lines of Python that do a step's tasks, with the buffers that they write to: what each line needs of the others."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import field
from typing import Any

from dsl.records import dataclass
from evaluator.line import Line
from evaluator.tasks import Chain, Task

_CROSSED = ("agg_sum", "top")  # tasks of another grain, which are done where their members are


@dataclass(slots=True)
class Text(ABC):
    """``lines``: the step's tasks, each with its act; ``keep``: those whose columns are kept. ``full``: by task that
    has a value for each row of a block, where all rows reach that chain. ``names``: what the text speaks of. ``kinds``:
    of the buffers; ``slots``: by task, its buffer; ``idle``: by kind, buffers that nobody needs. ``views``: tasks that
    are columns of the book; ``passed``: those whose buffer another one has taken over. ``chain``: of the line that is
    being written."""

    grain: str
    lines: Sequence[tuple[Line, Any]]
    keep: frozenset[int]
    full: dict[int, Chain]
    ends: dict[int, int] = field(init=False)  # by task, the last line that reads it
    chain: Chain = ()
    chains: dict[Chain, str] = field(default_factory=dict)
    views: set[int] = field(default_factory=set)
    passed: set[int] = field(default_factory=set)
    count: int = 0
    text: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    kinds: list[Any] = field(default_factory=list)
    idle: dict[Any, list[int]] = field(default_factory=dict)
    slots: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ends = {id: i for i, (line, _) in enumerate(self.lines) for id in line.free}

    def write(self) -> None:
        for i, (line, act) in enumerate(self.lines):
            self.line(i, line, act)

    def line(self, i: int, line: Line, act: Any) -> None:
        self.names[f"L{i}"], self.names[f"A{i}"] = line, act
        text, self.text, self.chain = self.text, [], line.chain
        done = (line.task.grain == self.grain or line.task.op in _CROSSED) and self.written(line, i)
        if not done:
            self.text = [f"one(L{i}, A{i})"]
            if not line.chain and line.task.grain == self.grain and self.gives_all(line.task):
                self.full[line.task.id] = ()
        else:
            self.count += 1
            self.full[line.task.id] = line.chain
            seen = self.slots.keys() | self.views | self.passed
            others = tuple(id for id in line.free if id not in seen)
            if others:
                self.names[f"F{i}"] = others
                self.text.append(f"drop(F{i})")
        if done and line.chain:
            text += [
                f"if {self.reached(line.chain, text)}:",
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

    @abstractmethod
    def written(self, line: Line, i: int) -> bool:
        """Puts lines for the task into ``text``, or gives up: it may have put some there."""

    @abstractmethod
    def gives_all(self, task: Task) -> bool:
        """Whether the task's act gives a value for each row, where it isn't written."""

    def reached(self, chain: Chain, text: list[str]) -> str:
        """The variable that says whether all rows of the block reach a chain."""
        if chain not in self.chains:
            name = self.chains[chain] = f"q{len(self.chains)}"
            self.names[f"C{name}"] = chain
            text.append(f"{name} = f.reached({self.grain!r}, C{name})")
        return self.chains[chain]

    # -- operands ---------------------------------------------------------------------------------

    def all_full(self, task: Task) -> bool:
        arrays = [a for a in task.args if a.op != "const"]
        return bool(arrays) and all(self.has(a) for a in arrays)

    def has(self, task: Task) -> bool:
        """Whether there is a value for each row of the block, where all of them reach the chain."""
        own = self.full.get(task.id)
        return own is not None and task.grain == self.grain and self.chain[: len(own)] == own

    # -- buffers ----------------------------------------------------------------------------------

    def out(self, task: Task) -> str:
        """Where the task's values go: where they are kept, or a buffer until nobody reads them any more."""
        if task.id in self.keep:
            return f"k[{task.id}]"
        if task.id not in self.slots:
            (self.slots[task.id],) = self.scratch(task.dtype, 1)
        return f"b[{self.slots[task.id]}]"

    def take_over(self, task: Task, of: Task) -> None:
        """The buffer of one that nobody reads any more."""
        self.slots[task.id] = self.slots.pop(of.id)
        self.passed.add(of.id)

    def scratch(self, kind: Any, many: int) -> list[int]:
        idle = self.idle.setdefault(kind, [])
        found = [idle.pop() for _ in range(min(many, len(idle)))]
        for _ in range(many - len(found)):
            found.append(len(self.kinds))
            self.kinds.append(kind)
        return found

    def let_go(self, *slots: int) -> None:
        for slot in slots:
            self.idle[self.kinds[slot]].append(slot)
