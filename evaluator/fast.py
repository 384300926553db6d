"""The fast evaluator: plain numbers in blocks, in threads; rows that it can't vouch for are evaluated with care.

The careful evaluator (``evaluator.runner``) carries quality, doubt and a bound on the error beside every value. Most
rows need none of that: their cells are known, and no decision of theirs is close. So the values alone are computed,
block by block, by the same operations in the same order; decisions are watched by coarse bounds; and each unit of the
book (an account with all that belongs to it) with a row that is unknown, close, or at fault is cut out and evaluated
with care. The results are the same bits.
"""

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from dsl.causes import Cause
from dsl.model import Kind
from evaluator import error
from evaluator.acted import Acted
from evaluator.acting import Acting, find_acting
from evaluator.acting_rows import ActingRows, acting_rows
from evaluator.blocks import BLOCK, Blocks
from evaluator.book import Book, without_kept
from evaluator.columns import KNOWN, Column, origin_code
from evaluator.context import Context
from evaluator.cut import Careful, evaluate_cut, units
from evaluator.frame import Frame
from evaluator.graph import SCALAR, Node
from evaluator.groups import groups_of
from evaluator.index import Index, Layout, make_layout
from evaluator.lazy import Lazy
from evaluator.moves_fold import with_folds
from evaluator.plan import Plan, plan
from evaluator.reach import Made
from evaluator.runner import Progress, Runner
from evaluator.settle import Exactly
from evaluator.shape import Shape, shape_of
from evaluator.steps import READ, Step, filed_steps, laid_steps
from evaluator.tasks import Task, schedule
from evaluator.translate import Translator
from evaluator.vector import Vector, clean

LEAST = 20_000  # rows of a book below which the careful evaluator takes no longer
_MOVES = 8  # steps of folds over grids from which it pays to lay a book out
_BLANK = range(origin_code(Cause.BLANK, 0, 0), origin_code(Cause.BLANK, 0, 0) + origin_code(Cause(1), 0, 0))


@dataclass(slots=True)
class Split:
    """The nodes of a plan by who computes them: ``heads`` before, whole; ``made`` in blocks; ``rest`` after, whole."""

    heads: list[Node]
    made: dict[int, Made]
    rest: list[Node]


@dataclass(slots=True, eq=False)
class Program:
    """What is the same for every evaluation of one policy, with its params, over one book. ``frames`` and
    ``pieces``: as in ``Blocks``."""

    translator: Translator
    split: Split
    wanted: dict[int, Node]
    steps: list[Step]
    acting: Acting | None = None
    frames: list[Frame] = field(default_factory=list)
    pieces: list[dict[tuple[Any, ...], Any]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Compiled:
    """A policy with its params, lowered for one book; ``program``, where it was evaluated fast before;
    ``before``: over a book with other cells in its small tables, so that it may serve here.
    ``passed``: decisions by which most rows acted, so that another one is to be looked for."""

    key: tuple[Any, ...]
    outputs: Any
    planned: Plan
    context: Context
    program: Program | None = None
    before: Program | None = None
    passed: set[int] = field(default_factory=set)

    def of(self, book: Book, parts: Iterable[str] | None = None) -> bool:
        """Whether it was compiled for these very tables, or these ``parts`` of them."""
        mine = self.context.book
        same = [book.tables.get(e) is t for e, t in mine.tables.items() if parts is None or e in parts]
        return mine.index is book.index and all(same)

    def served(self, by: "Compiled", book: Book) -> None:
        """What was compiled for a book that differs in small tables alone."""
        program = by.program or by.before
        if program is not None and by.of(book, program.translator.shape.parts):
            self.before, self.passed = program, by.passed


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
    if sum(rows) < least or min(rows, default=0) < 2:
        return None
    return _Fast(planned, outputs, watched, context, exactly, shape, block, progress, kept).run()


class Done(ChainMap[int, Vector]):
    """The outputs' values by node. ``acted``: the rows that acted, where there are any and nothing was evaluated
    with care."""

    def __init__(self, acted: Acted | None = None, *maps: Any) -> None:
        super().__init__(*maps)
        self.acted = acted


class _Fast(Blocks):
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
        self.acted: dict[int, tuple[Task, Any, Any]] = {}
        self.chosen: ActingRows | None = None

    def _laid_out(self) -> Layout | None:
        """The book's layout, made once; None where nobody asks for it, or the shape is another one."""
        index, book = self.context.book.index, self.context.book
        roots = [e for e in self.shape.parts if e not in self.shape.parents]
        if index is None or len(roots) != 1 or any(p not in roots for _, p in self.shape.parents.values()):
            return None
        key = (roots[0], *sorted((e, link) for e, (link, _) in self.shape.parents.items()))
        sources = tuple(book.tables[e].columns[link] for e, (link, _) in self.shape.parents.items())
        kept = index.layouts.get(key)
        if kept is None or any(a is not b for a, b in zip(kept[0], sources, strict=True)):
            if kept is not None:
                index.columns = {k: c for k, c in index.columns.items() if k[0] is not kept[1]}
            kept = sources, make_layout(roots[0], self.groups, book.tables[roots[0]].rows, self.block), self.groups
            index.layouts[key] = kept
        return kept[1]

    def run(self) -> Mapping[int, Vector] | None:
        heads = self._heads()
        longest = {e: max(self._group(e), self._longest(e)) for e in self.shape.parents}
        self.layout = self._laid_out()
        program = None if self.kept is None else self.kept.program
        if program is None and self.kept is not None and self.kept.before is not None:
            program = self.kept.before if self.kept.before.translator.fits(heads) else None
        if program is None:
            program = self._compile(heads, longest)
        if self.kept is not None:
            self.kept.program, self.kept.before = program, None
        translator, split, wanted = program.translator, program.split, program.wanted
        if not split.made or len(split.rest) > len(split.made):
            return None
        self.frames, self.pieces = program.frames, program.pieces
        for key, vector in heads.items():
            self._keep_head(key, vector)
        self._read(translator)
        shown = {split.made[i].task for i in wanted}
        if program.acting is not None:
            shown = {program.acting.others.get(t.id, t) for t in shown}
        self.run_steps(program.steps, frozenset(t.id for t in shown))
        if program.acting is not None:
            self._act(program.acting)
        if self.layout is not None:
            flagged = self.store.flagged.items()
            self.store.flagged = {e: self.layout.filed(e, f) if f.any() else f for e, f in flagged}
        seen = self._seen(split, wanted)
        careful = self._careful(split, heads, [*wanted.values(), *seen])
        acted = None if careful is not None or self.chosen is None else self._acted(program, self.chosen)
        makers: dict[int, Callable[[], Vector]] = {i: partial(heads.__getitem__, i) for i in heads}
        for node in seen:
            makers[node.id] = partial(self._quality, node, careful)
        for node in wanted.values():
            makers[node.id] = partial(self._vector, node, split.made[node.id], careful)
        done = Lazy(makers)
        rest = self._finish(heads, done, {n.id for n in seen})
        self.let_go()
        self.told(1.0)
        return Done(acted, rest, done)

    def _compile(self, heads: Mapping[int, Vector], longest: Mapping[str, int]) -> Program:
        bare = replace(self.context, book=without_kept(self.context.book))
        translator = Translator(bare, self.shape, heads, longest)
        split = self._split(translator, heads)
        wanted = {n.id: n for n in self._wanted(split)}
        whole = self._maybe_whole(split)
        asked, seen = [split.made[i].task for i in wanted], [split.made[n.id].task for n in self._seen(split, wanted)]
        tasks = [*asked, *whole]
        order = schedule(translator.tasks, [*tasks, *seen])
        if self.layout is not None and (folded := with_folds(translator.tasks, order, [*tasks, *seen])) is not order:
            return Program(translator, split, wanted, laid_steps(folded, tasks, self.shape))
        passed = self.kept.passed if self.kept is not None else set()
        acting = find_acting(translator, self.shape, [*asked, *seen], whole, passed)
        if acting is not None:
            tasks = [*acting.first(asked), *whole]
            order = schedule(acting.tasks, [*tasks, *acting.first(seen), *acting.watched])
        steps = filed_steps if self.layout is None else laid_steps
        return Program(translator, split, wanted, steps(order, tasks, self.shape), acting)

    # -- who computes what ------------------------------------------------------------------------

    def _heads(self) -> dict[int, Vector]:
        """Everything that depends on no row of the parts, computed with care."""
        ids: set[int] = set()
        for node in self.planned.order:
            of_parts = node.op.startswith("agg_") and str(node.attrs[0]) in self.shape.parts
            if node.grain not in self.shape.parts and not of_parts and all(a.id in ids for a in node.args):
                ids.add(node.id)
        order = [n for n in self.planned.order if n.id in ids]
        none: tuple[tuple[int, ...], ...] = ((),) * len(order)
        return Runner(self.context, self.exactly).run(Plan(tuple(order), none, self.planned.bounded), None)

    def _group(self, entity: str) -> int:
        """Whose member each row is; how many members a row has at most."""
        link, parent = self.shape.parents[entity]
        column, count = self.context.book.tables[entity].columns[link], self.context.book.tables[parent].rows
        known = self.context.book.kept.groups.get((entity, link))
        if known is None or known[0] is not column:
            known = column, groups_of(column, count)
            self.context.book.kept.groups[entity, link] = known
        self.links[entity], self.groups[entity] = known[1].index, known[1]
        return int(known[1].sizes.max(initial=0))

    def _longest(self, entity: str) -> int:
        """How many members a row has at most, where these are not all rows."""
        return int(self.context.facts.get(("longest", entity, self.shape.parents[entity][1]), 0))

    def _split(self, translator: Translator, heads: Mapping[int, Vector]) -> Split:
        split = Split([], {}, [])
        for node in self.planned.order:
            if node.id in heads:
                split.heads.append(node)
                if node.grain == SCALAR or node.op == "const":
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

    def _seen(self, split: Split, wanted: Mapping[int, Node]) -> list[Node]:
        """The nodes made in blocks whose quality somebody asks for, and nobody their values."""
        return [n for n in self.watched if n.id in split.made and n.id not in wanted]

    def _maybe_whole(self, split: Split) -> list[Task]:
        """What is summed and may be whole numbers, whose sums are exact then: looked at again (``_facts``)."""
        return [
            split.made[node.id].task.args[0]
            for node in self.planned.order
            if node.op == "agg_sum" and node.id in split.made and node.id in self.planned.bounded
            if node.args[0].id in split.made and split.made[node.args[0].id].exact
        ]

    def _final(self, node: Node) -> bool:
        """Whether its values say all: nothing in doubt, and nobody asks how far they are off."""
        return node.op == "settle" and not (node.numeric and node.id in self.planned.bounded)

    # -- blocks -----------------------------------------------------------------------------------

    def _keep_head(self, id: int, vector: Vector) -> None:
        bad = None
        if vector.quality is not None:
            bad = vector.quality != KNOWN
        if vector.doubt is not None:
            bad = vector.doubt if bad is None else bad | vector.doubt
        if bad is not None:  # of each row, or one for all of them, whatever the values are
            bad = np.atleast_1d(bad)
        self.store.heads[id] = vector.values, bad
        if vector.absolute is not None:
            size = np.abs(vector.values) + np.asarray(error.total(vector)) / error.HALF_UNIT
            self.store.heads[id, "size"] = np.broadcast_to(size, np.broadcast_shapes(size.shape, vector.values.shape))

    def _read(self, translator: Translator) -> None:
        """The inputs as they are read in blocks; rows whose cells are unknown are flagged."""
        tables = self.context.book.tables
        numbered = {task.grain for task in translator.tasks.all if task.op == "rows"}
        for entity in self.shape.parts:
            self.store.flagged[entity] = np.zeros(tables[entity].rows, dtype=np.bool_)
            if entity in numbered:
                self.store.columns["rows", entity] = np.arange(tables[entity].rows, dtype=np.int64)
            if entity in self.shape.parents:
                groups = self.groups[entity]
                if int(groups.sizes.sum()) < len(groups.index):
                    self.store.flagged[entity] |= groups.index == groups.count
        for entity, name in translator.read:
            column = tables[entity].columns[name]
            values = column.values
            if column.quality is not None and column.unknown_count():
                unknown = column.quality != KNOWN
                if (entity, name) in translator.blanks:
                    blank = (column.quality >= _BLANK.start) & (column.quality < _BLANK.stop)
                    self.store.columns["blank", entity, entity, name] = blank
                    unknown &= ~blank
                self.store.flagged[entity] |= unknown
                values = clean(values.copy(), column.quality)
            if self.context.policy.type_of(entity, name).kind is Kind.TEXT:
                values = self.context.text_codes(tables[entity].texts[name])[values]
            self.store.columns["input", entity, entity, name] = values
        for (entity, _), rows in translator.wild.items():
            self.store.flagged[entity][rows] = True
        if self.layout is not None:
            self._lay()

    def _lay(self) -> None:
        """Everything that was read, in the layout's order."""
        layout, index = self.layout, self.context.book.index
        assert layout is not None and index is not None
        for entity, flagged in self.store.flagged.items():
            self.store.flagged[entity] = layout.laid(entity, flagged) if flagged.any() else flagged
        for key, values in self.store.columns.items():
            if key[0] == "rows":
                self.store.columns[key] = layout.orders[key[1]]
                continue
            op, entity, _, name = key
            source = self.context.book.tables[entity].columns[name].values
            kept = op == "input" and values is source
            laid = index.column(layout, entity, name, source) if kept else layout.laid(entity, values)
            self.store.columns[key] = laid

    # -- care -------------------------------------------------------------------------------------

    def _careful(self, split: Split, heads: Mapping[int, Vector], outputs: Sequence[Node]) -> Careful | None:
        if not any(f.any() for f in self.store.flagged.values()):
            return None
        rows = units(self.shape, self.context.book, self.store.flagged)
        order = plan(outputs)
        inner = [(n, last) for n, last in zip(order.order, order.last, strict=True) if n.id not in heads]
        keep = set(heads)
        planned = Plan(
            tuple(n for n, _ in inner),
            tuple(tuple(i for i in last if i not in keep) for _, last in inner),
            self.planned.bounded,
        )
        return evaluate_cut(self.context, self.exactly, rows, planned, heads, outputs, self._facts(split, rows))

    def _facts(self, split: Split, rows: Mapping[str, Any]) -> dict[Any, Any]:
        """What the careful bounds of some rows take from the whole book."""
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
            (arg,) = task.args
            maybe, _ = facts.get(("whole", node.id), (True, 0.0))
            if maybe and task.op == "agg_sum" and (arg.id in self.store.tasks or arg.op == "input"):
                facts["whole", node.id] = _wholeness(self.filed(arg), rows[arg.grain])
        return facts

    # -- rows that act ----------------------------------------------------------------------------

    def _act(self, acting: Acting) -> None:
        """The rest of it, for the rows that act."""
        values = self.whole(acting.decision)
        acts = acting.acts.take(values if values.dtype != np.bool_ else values.view(np.int8), mode="wrap")
        links = {e: i for e, i in self.links.items() if self.shape.parents[e][1] == acting.root}
        chosen = self.chosen = acting_rows(
            acting.root, acts, links, self.layout, self.block, self._shared, self.context.book.kept
        )
        if self.kept is not None and 2 * len(chosen.rows[acting.root]) > len(acts):
            self.kept.passed.add(acting.decision.id)
            self.kept.program = None
        columns = {}
        for task in acting.reads:
            live = task.op == "live"
            source = self.whole(acting.live[task.attrs[0]]) if live else self.whole(task)  # type: ignore[index]
            columns[(task.op, task.grain, *task.attrs)] = source.take(chosen.rows[task.grain])
        kept = {t.id: np.empty(len(chosen.rows[t.grain]), dtype=t.dtype) for t in acting.step.keep}
        for entity, rows in self.run_step(acting.step, chosen.blocks, columns, kept, {}, laid=True):
            self.store.flagged[entity][chosen.rows[entity][rows]] = True
        for id, task in acting.results.items():
            found = task.attrs[1] if task.op == "const" else kept.get(task.id)
            if found is None:
                found = columns[(task.op, task.grain, *task.attrs)]
            self.acted[id] = acting.others[id], chosen.rows[acting.grains[id]], found

    def _acted(self, program: Program, chosen: ActingRows) -> Acted:
        assert program.acting is not None
        rows = chosen.rows
        if self.layout is not None:
            rows = {entity: self.layout.orders[entity].take(places) for entity, places in rows.items()}
        tasks = {i: program.split.made[i].task for i in program.wanted}

        def at(node: int, entity: str, places: Any) -> Column | None:
            task = tasks.get(node)
            if task is None or task.grain != entity or task.op == "const":
                return None
            if task.id in self.acted:
                values = self.acted[task.id][2]
                return Column(values[places] if np.ndim(values) else np.full(len(places), values, dtype=task.dtype))
            return Column(self.whole(task).take(chosen.rows[entity].take(places)))

        return Acted(program.acting.root, rows, chosen.owners, at)

    def filed(self, task: Task) -> Any:
        """A task's column in the file's order; where only some rows act, put together."""
        if task.id not in self.acted:
            return super().filed(task)
        other, rows, found = self.acted[task.id]
        many = self.context.book.tables[task.grain].rows
        if other.op == "const":
            column = self.context.book.kept.lent(task.dtype, many)
            column.fill(other.attrs[1])
        else:
            column = self.filed(other)
            if self.layout is None or other.op in READ:
                column, whole = self.context.book.kept.lent(column.dtype, many), column
                np.copyto(column, whole)
        column[rows if self.layout is None else self.layout.orders[task.grain].take(rows)] = found
        return column

    def _vector(self, node: Node, made: Made, careful: Careful | None) -> Vector:
        """An output's whole column, with the rows that were evaluated with care."""
        rows = self.context.rows(node.grain)
        if made.task.op == "const":
            dtype = np.int64 if node.op == "reason" else None
            values = np.broadcast_to(np.array(made.task.attrs[1], dtype=dtype), (rows,))
        else:
            values = self.filed(made.task)
        if careful is None:
            return Vector(values)
        at = careful.rows[node.grain]
        quality = None
        values = values.copy() if made.task.op in ("const", "input") or not values.flags.writeable else values
        if node.id in careful.reasons:
            values[at] = careful.reasons[node.id]
            return Vector(values)
        column = careful.columns[node.id]
        values[at] = column.values
        if column.quality is not None:
            quality = np.full(rows, KNOWN, dtype=np.int64)
            quality[at] = column.quality
        return Vector(values, quality)

    def _quality(self, node: Node, careful: Careful | None) -> Vector:
        """The quality of a node whose values nobody keeps."""
        rows = self.context.rows(node.grain)
        found = None if careful is None else careful.columns[node.id].quality
        quality = None
        if careful is not None and found is not None:
            quality = np.full(rows, KNOWN, dtype=np.int64)
            quality[careful.rows[node.grain]] = found
        return Vector(np.broadcast_to(np.zeros(1), (rows,)), quality)

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
        nodes = tuple(n for n in order.order if n.id in needed and n.id not in there)
        none: tuple[tuple[int, ...], ...] = ((),) * len(nodes)
        found = Runner(self.context, self.exactly).run(Plan(nodes, none, self.planned.bounded), None, dict(there))
        return {n.id: found[n.id] for n in asked}


def _wholeness(weights: Any, without: Any) -> tuple[bool, float]:
    """Whether all but some rows are whole numbers, and the sum of their sizes."""
    head = np.delete(weights[:4096], without[: np.searchsorted(without, min(4096, len(weights)))])
    if not bool((np.rint(head) == head).all()):
        return False, 0.0
    rest = np.delete(weights, without)
    return bool((np.rint(rest) == rest).all()), float(np.abs(rest).sum())
