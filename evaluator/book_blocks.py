"""A book's columns for the fast evaluator: as blocks read them, laid out or not, and as results have them."""

from collections.abc import Container, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from dsl.causes import Cause
from dsl.model import Kind
from evaluator import error
from evaluator.acted import Acted
from evaluator.acting_blocks import ActingBlocks
from evaluator.acting_rows import ActingRows
from evaluator.blocks import BLOCK, LAID
from evaluator.book import Book
from evaluator.columns import KNOWN, Column, origin_code
from evaluator.cut import Careful
from evaluator.graph import Node
from evaluator.groups import Groups
from evaluator.index import LaidColumn, Layout, make_layout
from evaluator.program import Program
from evaluator.reach import Made
from evaluator.tasks import READ, Task
from evaluator.translate import Translator
from evaluator.vector import Vector, clean

_BLANK = range(origin_code(Cause.BLANK, 0, 0), origin_code(Cause.BLANK, 0, 0) + origin_code(Cause(1), 0, 0))


class BookBlocks(ActingBlocks):
    """What blocks read of the book, and what results take from them."""

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
            made = make_layout(roots[0], self.groups, book.tables[roots[0]].rows, LAID * self.block // BLOCK)
            kept = index.layouts[key] = sources, made, self.groups
        return kept[1]

    def _group(self, entity: str) -> int:
        """Whose member each row is; how many members a row has at most."""
        link, parent = self.shape.parents[entity]
        column, count = self.context.book.tables[entity].columns[link], self.context.book.tables[parent].rows
        groups = self.groups[entity] = self.context.book.kept.members(entity, link, column, count)
        self.links[entity] = groups.index
        return int(groups.sizes.max(initial=0))

    def _longest(self, entity: str) -> int:
        """How many members a row has at most, where these are not all rows."""
        return int(self.context.facts.get(("longest", entity, self.shape.parents[entity][1]), 0))

    # -- what is read --------------------------------------------------------------------------------

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
        for task in translator.tasks.all:
            if task.op == "members":
                entity = str(task.attrs[0])
                of = task.grain, entity, self.shape.parents[entity][0]
                made = partial(_counted, self.context.book, self.layout, *of, self.groups[entity])
                self.store.columns.later["members", task.grain, *task.attrs] = made
        for entity in self.shape.parts:
            self.store.flagged[entity] = np.zeros(tables[entity].rows, dtype=np.bool_)
            if entity in numbered:
                self.store.columns["rows", entity] = np.arange(tables[entity].rows, dtype=np.int64)
            if entity in self.shape.parents:
                groups = self.groups[entity]
                if groups.strays:
                    self.store.flagged[entity] |= groups.index == groups.count
        cleaned: list[tuple[str, str]] = []
        for entity, name in translator.read:
            column = tables[entity].columns[name]
            text = self.context.policy.type_of(entity, name).kind is Kind.TEXT
            if self.layout is not None and not text and column.unknown_count():
                cleaned.append((entity, name))
                continue
            values = column.values
            if column.quality is not None and column.unknown_count():
                unknown = column.quality != KNOWN
                if (entity, name) in translator.blanks:
                    blank = (column.quality >= _BLANK.start) & (column.quality < _BLANK.stop)
                    self.store.columns["blank", entity, entity, name] = blank
                    unknown &= ~blank
                self.store.flagged[entity] |= unknown
                values = clean(values.copy(), column.quality)
            if text:
                values = self.context.text_codes(tables[entity].texts[name])[values]
            self.store.columns["input", entity, entity, name] = values
        for (entity, _), rows in translator.wild.items():
            self.store.flagged[entity][rows] = True
        for task in translator.tasks.all:
            if task.op == "total":
                self._read_total(task.grain, *(str(name) for name in task.attrs))
        if self.layout is not None:
            self._lay(cleaned, translator.blanks)
        for task in translator.tasks.all:
            if task.op == "open":
                value, _ = self.store.heads[task.attrs[0]]
                rows = tables[task.grain].rows
                self.store.columns["open", task.grain, *task.attrs] = np.broadcast_to(value, (rows,))

    def _read_total(self, root: str, entity: str, name: str) -> None:
        """The sums of an input, which no state of the small tables changes."""
        column, link = self.context.book.tables[entity].columns[name], self.shape.parents[entity][0]
        found, bad = self.context.book.kept.total(entity, link, name, column, self.groups[entity])
        self.store.columns["total", root, entity, name] = found
        self.store.flagged[root][bad] = True

    def _lay(self, cleaned: Iterable[tuple[str, str]], blanks: Container[tuple[str, str]]) -> None:
        """Everything that was read, in the layout's order. ``cleaned``: columns with unknown cells, read here;
        ``blanks``: those whose blank cells mean something."""
        layout, index = self.layout, self.context.book.index
        assert layout is not None and index is not None
        for entity, flagged in self.store.flagged.items():
            self.store.flagged[entity] = layout.laid(entity, flagged) if flagged.any() else flagged
        for key, values in self.store.columns.items():
            if key[0] == "rows":
                self.store.columns[key] = layout.orders[key[1]]
                continue
            op, entity, _, name = key
            if op == "total":
                self.store.columns[key] = index.column(layout, entity, key, values)
                self.lasting.add(key)
                continue
            source = self.context.book.tables[entity].columns[name].values
            kept = op == "input" and values is source
            laid = index.column(layout, entity, name, source) if kept else layout.laid(entity, values)
            self.store.columns[key] = laid
            if kept:
                self.lasting.add(key)
        for entity, name in cleaned:
            column, key = self.context.book.tables[entity].columns[name], (entity, entity, name)
            self.store.columns["input", *key], places, codes = index.cleaned(layout, entity, name, column)
            self.lasting.add(("input", *key))
            if (entity, name) in blanks:
                blank = (codes >= _BLANK.start) & (codes < _BLANK.stop)
                self.store.columns["blank", *key] = np.zeros(len(column.values), dtype=np.bool_)
                self.store.columns["blank", *key][places[blank]] = True
                places = places[~blank]
            self.store.flagged[entity][places] = True

    # -- results -------------------------------------------------------------------------------------

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

        def elsewhere(node: int) -> Any:
            other = self.acted[tasks[node].id][0] if node in tasks and tasks[node].id in self.acted else None
            return other.attrs[1] if other is not None and other.op == "const" else None

        return Acted(program.acting.root, rows, chosen.owners, at, elsewhere)

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

    def laid(self, tasks: Mapping[int, Task]) -> dict[int, LaidColumn]:
        """Of a layout, the root's columns as they stand; not those that are put together from rows that act."""
        layout = self.layout
        if layout is None:
            return {}
        stand = {i: t for i, t in tasks.items() if t.grain == layout.root and t.id not in self.acted}
        return {i: LaidColumn(self.store.tasks[t.id], layout) for i, t in stand.items() if t.id in self.store.tasks}

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


def _counted(book: Book, layout: Layout | None, root: str, entity: str, link: str, groups: Groups) -> Any:
    """How many members each row has. It reads no blocks, whose memory would come back late if it led there."""
    if layout is not None and book.index is not None:
        return book.index.column(layout, root, ("members", entity), groups.sizes, np.float64)
    return book.kept.counted(entity, link, groups)
