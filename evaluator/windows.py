"""A book that is laid out, a few blocks at a time: all steps of some accounts, before the next ones begin.

What a step leaves to the next is read soon after it was written, and has room for the rows of one window alone, which
stay in the processor's cache. Only what somebody reads afterwards is a whole column.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from math import prod
from typing import Any

import numpy as np

from dsl.records import dataclass
from evaluator.frame import Frame
from evaluator.index import Block, Layout
from evaluator.steps import Step
from evaluator.store import Parts, part_of
from evaluator.tasks import Task


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Blocks that follow each other. ``starts`` and ``rows``: by entity, where its rows begin in a whole column, and
    how many they are. ``parts``: by step, its blocks."""

    starts: Mapping[str, int]
    rows: Mapping[str, int]
    parts: tuple[tuple[Parts, ...], ...]


class Place:
    """Where one thread does the steps of a window. ``passing``: tasks that nobody reads after the steps. ``values``: of
    those, in the window that was done last."""

    def __init__(self, steps: Sequence[Step], windows: Sequence[Window], passing: Collection[int]) -> None:
        self.passing = passing
        room = [np.empty(0, dtype=np.uint8)]
        self.steps = [(step, Frame(step.count, room=room)) for step in steps]
        self._sizes = [0] * len(steps)  # the most rows of a block
        rows: dict[str, int] = {}
        for window in windows:
            rows = {entity: max(many, rows.get(entity, 0)) for entity, many in window.rows.items()}
            for i, parts in enumerate(window.parts):
                most = [prod(shape) for part in parts for shape in part.block.shapes.values()]
                self._sizes[i] = max([self._sizes[i], *most])
        for (step, frame), size in zip(self.steps, self._sizes, strict=True):
            frame.fit(step.count, size)
        kept = {t.id: t for step in steps for t in step.keep if t.id in passing}
        self._columns: dict[int, Any] = {id: np.empty(rows[t.grain], dtype=t.dtype) for id, t in kept.items()}
        self.values: dict[int, Any] = {}
        self._tops: dict[int, float] = {}

    def run(self, window: Window, columns: Mapping[Any, Any], whole: Mapping[int, Any]) -> list[tuple[str, Any]]:
        """All steps of a window: the rows that they flag, by entity. ``columns``: of the book; ``whole``: of tasks."""
        self.values = self._columns.copy()
        flagged = []
        for (step, frame), size, blocks in zip(self.steps, self._sizes, window.parts, strict=True):
            frame.tops = {task.id: 0.0 for task in step.tops}
            for parts in blocks:
                part = partial(self._part, window, parts.block, whole)
                frame.columns, frame.links = parts.over(columns), parts.block.owners
                frame.kept = {t.id: part(t) for t in step.keep}
                read = {t.id: part(t) for t in (*step.before, *step.spread)}
                flagged += step.done(frame, parts.block, read, size)
                parts.rest()
            self.values |= frame.tops
            self._tops |= {id: max(top, self._tops.get(id, 0.0)) for id, top in frame.tops.items()}
        return flagged

    def _part(self, window: Window, block: Block, whole: Mapping[int, Any], task: Task) -> Any:
        """A task's column in a block: of the window's own, or of a whole one."""
        if task.id not in self.values:
            return part_of(block, task.grain, whole[task.id])
        return part_of(block, task.grain, self.values[task.id], window.starts.get(task.grain, 0))

    def forget(self) -> dict[int, float]:
        """Lets go of everything but the buffers; by task, the greatest value of all windows since it did."""
        for _, frame in self.steps:
            frame.forget()
        tops, self._tops = self._tops, {}
        return {task.id: 0.0 for step, _ in self.steps for task in step.tops} | tops


@dataclass(slots=True, eq=False)
class Remembered:
    """What one evaluation leaves to the next: from the second one on, the pieces of lines that rows were on, as
    columns; the windows, with views of lasting columns; and idle places to work at."""

    pieces: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    windows: list[Window] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)

    def place(self, steps: Sequence[Step], passing: Collection[int]) -> Place:
        try:
            return self.places.pop()
        except IndexError:  # another thread may have taken it
            return Place(steps, self.windows, passing)


def windows(
    layout: Layout, steps: Sequence[Step], most: int, crew: int, lasting: Collection[tuple[Any, ...]]
) -> Iterator[Window]:
    """Each with about as many rows, of all entities together and about ``most``, so that each of a ``crew`` has as much
    to do. ``lasting``: as ``Parts`` has them."""
    rows = sum(prod(shape) for block in layout.blocks for shape in block.shapes.values())
    count = -(-rows // most)
    count += -count % crew
    waiting: list[Block] = []
    for block in layout.blocks:
        waiting.append(block)
        if sum(_rows(waiting).values()) * count >= rows or block is layout.blocks[-1]:
            starts, many = waiting[0].starts, _rows(waiting)
            parts = (tuple(Parts(b, lasting) for b in _of(step, layout, waiting, starts, many)) for step in steps)
            yield Window(starts, many, tuple(parts))
            waiting = []


def _of(
    step: Step, layout: Layout, blocks: Sequence[Block], starts: Mapping[str, int], rows: Mapping[str, int]
) -> Sequence[Block]:
    """The blocks as they are, or, where nothing but accounts is looked at, one."""
    if step.grain != layout.root:
        return blocks
    return [Block({layout.root: starts[layout.root]}, {layout.root: (rows[layout.root],)})]


def _rows(blocks: Sequence[Block]) -> dict[str, int]:
    return {entity: sum(prod(b.shapes[entity]) for b in blocks) for entity in blocks[0].shapes}
