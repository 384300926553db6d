"""The fast evaluator: plain numbers in blocks, in threads; rows that it can't vouch for are evaluated with care.

The careful evaluator (``evaluator.runner``) carries quality, doubt and a bound on the error beside every value. Most
rows need none of that: their cells are known, and no decision of theirs is close. So the values alone are computed,
block by block, by the same operations in the same order; decisions are watched by coarse bounds; and each unit of the
book (an account with all that belongs to it) with a row that is unknown, close, or at fault is cut out and evaluated
with care. The results are the same bits.
"""

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from evaluator import error
from evaluator.acted import Acted, with_care
from evaluator.acting import Acting, find_acting
from evaluator.blocks import BLOCK
from evaluator.book import without_kept
from evaluator.book_blocks import BookBlocks
from evaluator.context import Context
from evaluator.cut import Careful, evaluate_cut
from evaluator.graph import SCALAR, Node
from evaluator.index import Index, LaidColumn
from evaluator.lazy import Lazy
from evaluator.moves_fold import with_folds
from evaluator.plan import Plan, plan
from evaluator.program import Compiled, Program, Split, ids_of
from evaluator.runner import Progress, Runner
from evaluator.settle import Exactly
from evaluator.shape import Shape, shape_of
from evaluator.steps import filed_steps, laid_steps
from evaluator.tasks import Task, schedule
from evaluator.translate import Translator
from evaluator.units import Filed, Laid, Rows, units
from evaluator.vector import Vector

LEAST = 20_000  # rows of a book below which the careful evaluator takes no longer, with what is compiled first
AGAIN = 4_000  # the same, for what has been evaluated before
_MOVES = 8  # steps of folds over grids from which it pays to lay a book out


def run(
    planned: Plan,
    outputs: Sequence[Node],
    context: Context,
    exactly: Exactly,
    progress: Progress | None = None,
    *,
    watched: Sequence[Node] = (),
    kept: Compiled | None = None,
    least: int = LEAST,
    block: int = BLOCK,
) -> Mapping[int, Vector] | None:
    """The outputs' values by node, nothing in doubt, each made when it is looked at; None where the careful evaluator
    has to do it all. ``watched``: nodes of which only the quality means something."""
    shape = shape_of(context.policy, context.book, planned.order)
    rows = [context.book.tables[e].rows for e in shape.parts]
    if kept is not None:
        least, kept.again = min(least, AGAIN) if kept.again else least, True
    if sum(rows) < least or min(rows, default=0) < 2:
        return None
    return _Fast(planned, outputs, watched, context, exactly, shape, block, progress, kept).run()


def sized(
    planned: Plan,
    node: Node,
    context: Context,
    exactly: Exactly,
    kept: Compiled,
    apart: bool,
    there: dict[int, Vector],
) -> Vector | None:
    """One output's values; None where the careful evaluator has to do it. ``apart``: with how far they may be off, and
    in doubt where that isn't known. ``there``: what one of several evaluations leaves to the next."""
    shape = shape_of(context.policy, context.book, planned.order) if kept.program is None else kept.program.shape
    rows = [context.book.tables[e].rows for e in shape.parts]
    if sum(rows) < AGAIN or min(rows, default=0) < 2:
        return None
    made = _Fast(planned, [node], (), context, exactly, shape, BLOCK, None, kept)
    made.apart, made.there = apart, there
    done = made.run()
    return None if done is None else made.sized(node, done[node.id])


class Done(ChainMap[int, Vector]):
    """The outputs' values by node. ``acted``: the rows that acted, where there are any. ``laid``: by node, what stands
    in a layout, all known."""

    def __init__(self, acted: Acted | None, laid: Mapping[int, LaidColumn], *maps: Any) -> None:
        super().__init__(*maps)
        self.acted, self.laid = acted, laid


class _Fast(BookBlocks):
    def __init__(
        self,
        planned: Plan,
        outputs: Sequence[Node],
        watched: Sequence[Node],
        context: Context,
        exactly: Exactly,
        shape: Shape,
        block: int,
        progress: Progress | None,
        kept: Compiled | None,
    ) -> None:
        if context.book.index is None and sum(n.fold is not None for n in planned.order) >= _MOVES:
            context = replace(context, book=replace(context.book, index=Index()))  # laid out for this time alone
        super().__init__(context, shape, block, progress)
        self.planned, self.exactly, self.kept = planned, exactly, kept
        self.outputs, self.watched = outputs, watched
        self.program: Program | None = None
        self.apart = False  # whether somebody asks how far the outputs may be off
        self.there: dict[int, Vector] = {}  # of heads, those that are the same in all of several evaluations

    def run(self) -> Mapping[int, Vector] | None:
        heads = self._heads()
        longest = {e: max(self._group(e), self._longest(e)) for e in self.shape.parents}
        self.layout = self._laid_out()
        program = self._known(heads)
        if program is None:
            program = self._compile(heads, longest)
        if self.kept is not None:
            self.kept.program, self.kept.before = program, None
        self.program, translator, split, wanted = program, program.translator, program.split, program.wanted
        if not split.made or len(split.rest) > len(split.made):
            return None
        self.frames, self.remembered = program.frames, program.remembered
        for key, vector in heads.items():
            self._keep_head(key, vector)
        self._read(translator)
        shown, acting = set(self._asked(split, wanted)), program.acting
        if acting is None:
            self.run_steps(program.steps, {t.id for t in shown}, program.whole)
        else:
            self.run_and_act(program.steps, {acting.others.get(t.id, t).id for t in shown}, program.whole, acting)
            self._weigh(acting)
        seen = self._seen(split, wanted)
        careful = self._careful(program, heads, [*wanted.values(), *seen])
        acted = None if self.chosen is None else self._acted(program, self.chosen)
        if acted is not None and careful is not None:
            acted = with_care(acted, careful, self.links, self.context.book.tables[acted.root].rows)
        makers: dict[int, Callable[[], Vector]] = {i: partial(heads.__getitem__, i) for i in heads}
        for node in seen:
            makers[node.id] = partial(self._quality, node, careful)
        for node in wanted.values():
            makers[node.id] = partial(self._vector, node, split.made[node.id], careful)
        done = Lazy(makers)
        rest = self._finish(heads, done, {n.id for n in seen})
        self.let_go()
        self.told(1.0)
        laid = {} if careful is not None else self.laid({n.id: split.made[n.id].task for n in wanted.values()})
        return Done(acted, laid, rest, done)

    def _known(self, heads: Mapping[int, Vector]) -> Program | None:
        """What was compiled before, where it serves here."""
        if self.kept is None:
            return None
        if self.kept.program is not None and not self.context.varying:
            return self.kept.program
        program = self.kept.program or self.kept.before
        return program if program is not None and program.translator.fits(heads) else None

    def _compile(self, heads: Mapping[int, Vector], longest: Mapping[str, int]) -> Program:
        bare = replace(self.context, book=without_kept(self.context.book))
        translator = Translator(bare, self.shape, heads, longest)
        split = self._split(translator, heads)
        wanted = {n.id: n for n in self._wanted(split)}
        whole = self._maybe_whole(translator, split)
        asked, seen = self._asked(split, wanted), [split.made[n.id].task for n in self._seen(split, wanted)]
        tasks = [*asked, *whole]
        order = schedule(translator.tasks, [*tasks, *seen])
        if self.layout is not None and (folded := with_folds(translator.tasks, order, [*tasks, *seen])) is not order:
            return Program(translator, split, wanted, laid_steps(folded, tasks, self.shape), ids_of(tasks))
        passed = self.kept.passed if self.kept is not None else set()
        acting = find_acting(translator, self.shape, [*asked, *seen], whole, passed)
        read = tasks
        if acting is not None:
            read = [*acting.first(asked), *whole]
            tasks = [*acting.live.values(), *read]
            order = schedule(acting.tasks, [*tasks, *acting.first(seen), *acting.watched])
        steps = filed_steps if self.layout is None else laid_steps
        return Program(translator, split, wanted, steps(order, tasks, self.shape), ids_of(read), acting)

    def _weigh(self, acting: Acting) -> None:
        """Where most rows acted, the next evaluation looks for another decision."""
        assert self.chosen is not None
        if self.kept is not None and 2 * len(self.chosen.rows[acting.root]) > self.context.rows(acting.root):
            self.kept.passed.add(acting.decision.id)
            self.kept.program = None

    # -- who computes what ---------------------------------------------------------------------------

    def _heads(self) -> dict[int, Vector]:
        """Everything that depends on no row of the parts, computed with care; but what is there already."""
        heads = self.planned.some(n for n in self.planned.heads(self.shape.parts) if n.id not in self.there)
        found = Runner(self.context, self.exactly).run(heads, None, dict(self.there))
        varying = self.context.varying
        self.there.update({i: vector for i, vector in found.items() if i not in self.there and i not in varying})
        return found

    def _split(self, translator: Translator, heads: Mapping[int, Vector]) -> Split:
        split = Split([], {}, [])
        for node in self.planned.order:
            if node.id in heads:
                split.heads.append(node)
                if (node.grain == SCALAR or node.op == "const") and node.id not in self.context.varying:
                    translator.node(node)
                continue
            made = translator.node(node) if node.grain in self.shape.parts else None
            if made is None:
                split.rest.append(node)
            else:
                split.made[node.id] = made
        return split

    def _wanted(self, split: Split) -> Iterable[Node]:
        """The nodes made in blocks whose values somebody asks for, or the rest reads."""
        rest = {n.id for n in split.rest}
        for node in self.outputs:
            if node.id in split.made:
                yield node
        for node in split.rest:
            for arg in node.args:
                if arg.id in split.made and arg.id not in rest and self._final(arg):
                    yield arg

    def _asked(self, split: Split, wanted: Iterable[int]) -> list[Task]:
        made = [split.made[i] for i in wanted]
        return [m.task for m in made] + [m.size for m in made if self.apart and m.size is not None]

    def sized(self, node: Node, found: Vector) -> Vector:
        """An output's values with how far they may be off; in doubt where the careful evaluator did the rows."""
        assert self.program is not None
        made = self.program.split.made.get(node.id)
        if not self.apart or made is None:
            return found
        flags = np.zeros(self.context.rows(node.grain), dtype=np.bool_)
        if any(f.any() for f in self.store.flagged.values()):
            flags[self._units()[node.grain]] = True
        if made.size is None:
            size = np.abs(found.values)
        elif made.size.grain == node.grain:
            size = self.filed(made.size)
        else:
            flags[:], size = True, np.zeros(1)
        absolute = np.where(np.isfinite(found.values), made.steps * error.HALF_UNIT * size, 0.0)
        return Vector(found.values, found.quality, flags, 0.0, absolute)

    def _seen(self, split: Split, wanted: Mapping[int, Node]) -> list[Node]:
        """The nodes made in blocks whose quality somebody asks for, and nobody their values."""
        return [n for n in self.watched if n.id in split.made and n.id not in wanted]

    def _maybe_whole(self, translator: Translator, split: Split) -> list[Task]:
        """What is summed and may be whole numbers, whose sums are exact then: looked at again (``_facts``)."""
        return [
            translator.added(split.made[node.id].task)
            for node in self.planned.order
            if node.op == "agg_sum" and node.id in split.made and node.id in self.planned.bounded
            if node.args[0].id in split.made and split.made[node.args[0].id].exact
        ]

    def _final(self, node: Node) -> bool:
        """Whether its values say all: nothing in doubt, and nobody asks how far they are off."""
        return node.op == "settle" and not (node.numeric and node.id in self.planned.bounded)

    # -- care ----------------------------------------------------------------------------------------

    def _careful(self, program: Program, heads: Mapping[int, Vector], outputs: Sequence[Node]) -> Careful | None:
        if not any(f.any() for f in self.store.flagged.values()):
            return None
        rows = self._units()
        planned = replace(plan(outputs), bounded=self.planned.bounded).after(heads)
        return evaluate_cut(self.context, self.exactly, rows, planned, heads, outputs, self._facts(program, rows))

    def _units(self) -> dict[str, Rows]:
        """The rows of all units with a flagged row."""
        book, flagged = self.context.book, self.store.flagged
        if self.layout is None:
            return units(self.shape, book, flagged, Filed(self.shape, book, self._crew(1)))
        laid = Laid(self.layout)
        return laid.filed(units(self.shape, book, flagged, laid))

    def _facts(self, program: Program, rows: Mapping[str, Any]) -> dict[Any, Any]:
        """What the careful bounds of some rows take from the whole book."""
        split = program.split
        facts = dict(self.context.facts)
        for entity, (_, parent) in self.shape.parents.items():
            facts["longest", entity, parent] = max(int(self.groups[entity].sizes.max(initial=0)), self._longest(entity))
        for node in self.planned.order:
            if (
                node.op not in ("agg_sum", "agg_mean")
                or node.id not in split.made
                or node.id not in self.planned.bounded
            ):
                continue
            task = split.made[node.id].task
            task = task.args[0] if node.op == "agg_mean" else task
            if task.op not in ("agg_sum", "total"):
                continue
            arg, (maybe, _) = program.translator.added(task), facts.get(("whole", node.id), (True, 0.0))
            if maybe and (arg.id in self.store.tasks or arg.op == "input"):
                facts["whole", node.id] = self._wholeness(arg, rows[arg.grain])
        return facts

    def _wholeness(self, task: Task, without: Rows) -> tuple[bool, float]:
        """Whether all but some rows are whole numbers, and the sum of their sizes."""
        some = self.whole(task)[:4096]
        broken = np.flatnonzero(np.rint(some) != some)
        if self.layout is not None:
            broken = self.layout.orders[task.grain][broken]
        if (np.searchsorted(without, broken, "right") == np.searchsorted(without, broken)).any():
            return False, 0.0
        rest = np.delete(self.filed(task), without)
        return bool((np.rint(rest) == rest).all()), float(np.abs(rest).sum())

    def _finish(self, heads: Mapping[int, Vector], done: Mapping[int, Vector], seen: Set[int]) -> dict[int, Vector]:
        """What has no tasks, over whole columns; and what it needs that says more than its values. ``seen``: of what is
        done, the nodes without values."""
        asked = [n for n in (*self.outputs, *self.watched) if n.id not in done]
        if not asked:
            return {}
        order = plan(asked)
        needed: set[int] = {n.id for n in asked}
        for node in reversed(order.order):
            if node.id in needed and node.id not in done:
                needed.update(a.id for a in node.args)
        whole = [n for n in order.order if n.id in done and n.id not in seen]
        final = {n.id for n in whole if n.id in heads or self._final(n)}
        there = {i: done[i] for i in final if i in needed}  # of others somebody asks how far they are off
        needed = {n.id for n in asked}
        for node in reversed(order.order):
            if node.id in needed and node.id not in there:
                needed.update(a.id for a in node.args)
        rest = self.planned.some(n for n in order.order if n.id in needed and n.id not in there)
        found = Runner(self.context, self.exactly).run(rest, None, dict(there))
        return {n.id: found[n.id] for n in asked}
