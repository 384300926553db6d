"""What was compiled of a policy for a book, as the fast evaluator keeps it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any

from dsl.records import dataclass
from evaluator.acting import Acting
from evaluator.book import Book
from evaluator.context import Context
from evaluator.frame import Frame
from evaluator.graph import Node
from evaluator.opened import Each
from evaluator.plan import Plan
from evaluator.reach import Made
from evaluator.shape import Shape
from evaluator.steps import Step
from evaluator.tasks import Task
from evaluator.translate import Translator
from evaluator.windows import Remembered

KEPT = 8  # of what was compiled: the last few are kept


@dataclass(slots=True)
class Split:
    """The nodes of a plan by who computes them: ``heads`` before, whole; ``made`` in blocks; ``rest`` after, whole."""

    heads: list[Node]
    made: dict[int, Made]
    rest: list[Node]


@dataclass(slots=True, eq=False)
class Program:
    """What is the same for every evaluation of one policy, with its params, over one book. ``whole``: numbers of tasks
    of which somebody reads whole columns after the steps. ``frames`` and ``remembered``: as in ``Blocks``."""

    translator: Translator
    split: Split
    wanted: dict[int, Node]
    steps: list[Step]
    whole: frozenset[int]
    acting: Acting | None = None
    frames: dict[str | None, list[Frame]] = field(default_factory=dict)
    remembered: list[Remembered] = field(default_factory=list)

    @property
    def shape(self) -> Shape:
        return self.translator.shape


def ids_of(tasks: Iterable[Task]) -> frozenset[int]:
    return frozenset(t.id for t in tasks)


@dataclass(slots=True, eq=False)
class Compiled:
    """A policy with its params, lowered for one book; ``program``, where it was evaluated fast before;
    ``before``: over a book with other cells in its small tables, so that it may serve here.
    ``each``: where it is for several evaluations, what its open numbers are in each.
    ``passed``: decisions by which most rows acted, so that another one is to be looked for. ``again``: whether it was
    evaluated before."""

    key: tuple[Any, ...]
    outputs: Any
    planned: Plan
    context: Context
    program: Program | None = None
    before: Program | None = None
    passed: set[int] = field(default_factory=set)
    again: bool = False
    each: Mapping[int, Each] = field(default_factory=dict)

    def of(self, book: Book, parts: Iterable[str] | None = None) -> bool:
        """Whether it was compiled for these very tables, or these ``parts`` of them."""
        mine = self.context.book
        same = [book.tables.get(e) is t for e, t in mine.tables.items() if parts is None or e in parts]
        return mine.index is book.index and all(same)

    def served(self, by: "Compiled", book: Book) -> None:
        """What was compiled for a book that differs in small tables alone, where it was lowered to the same graph:
        other cells may be infinite."""
        program = by.program or by.before
        if program is not None and by.planned is self.planned and by.of(book, program.translator.shape.parts):
            self.before, self.passed, self.again = program, by.passed, True


def known_or_made(key: tuple[Any, ...], book: Book, make: Callable[[], Compiled], keep: bool = True) -> Compiled:
    """As it was compiled for this book before, where it is one of the last few."""
    compiled: list[Compiled] = book.kept.compiled
    alike = [known for known in compiled if known.key[0] is key[0] and known.key[1:] == key[1:]]
    alike = [known for known in alike if known.context.book.index is book.index]  # laid out, or as it stands
    for known in alike:
        if known.of(book):
            return known
    made = make()
    for known in alike:
        made.served(known, book)
        compiled.remove(known)
    if keep:
        compiled.append(made)
        del compiled[:-KEPT]
    return made
