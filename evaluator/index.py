"""A book laid out for evaluation: rows that belong together stand together.

Accounts are grouped by how many positions they hold, and a block is some accounts of one group: a position's column is
a matrix there, with an account in each column and its positions from top to bottom in the file's order. A sum by
account is a few additions of rows, in the same order as over the file, and an account's value stands above its
positions. Small groups share a block, in which positions stand account by account.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dsl.records import dataclass
from evaluator.columns import Column
from evaluator.later import Codes, np
from evaluator.sorting import by_number

if TYPE_CHECKING:
    from evaluator.groups import Groups

Rows = Codes
BLOCK = 1 << 16  # members in a block
RUN = 1 << 16  # members that are summed in one go (``evaluator.groups``)
SMALL = 4  # groups smaller than this part of a block share one: a dozen calls more, but a hundred for each group less


@dataclass(frozen=True, slots=True)
class Block:
    """By entity: where its rows of this block begin in the layout, and the shape of a column of them. ``owners``: where
    members are no matrix, the place in this block of the row that each belongs to."""

    starts: dict[str, int]
    shapes: dict[str, tuple[int, ...]]
    owners: dict[str, Rows] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """``orders``: by entity, the root first, the file's row at each place. Rows that belong to nobody stand last, in no
    block. ``places``: of the root, where each row of the file stands, once somebody asks for it."""

    orders: dict[str, Rows]
    blocks: tuple[Block, ...]
    places: list[Rows] = field(default_factory=list)

    @property
    def root(self) -> str:
        """The entity that all others belong to."""
        return next(iter(self.orders))

    def laid(self, entity: str, values: Any) -> Any:
        """A column of the file in the layout's order."""
        return values.take(self.orders[entity])

    def filed(self, entity: str, values: Any, found: Any = None) -> Any:
        """A column of the layout in the file's order; ``found``: where to."""
        found = np.empty_like(values) if found is None else found
        order = self.orders[entity]
        if entity != self.root:
            found[order] = values
            return found
        return values.take(self.place(), out=found, mode="wrap")  # which is quicker than to write here and there

    def place(self) -> Rows:
        """Of the root, where each row of the file stands."""
        if not self.places:
            order = self.orders[self.root]
            places = np.empty_like(order)
            places[order] = np.arange(len(order))
            self.places.append(places)
        return self.places[0]


@dataclass(frozen=True, slots=True, eq=False)
class LaidColumn:
    """A column of the layout's root, of which some rows are put into the file's order when somebody asks for them."""

    values: Any
    layout: Layout

    @property
    def dtype(self) -> Any:
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> Any:
        return self.values.take(self.layout.place()[rows], mode="wrap")


def make_layout(root: str, members: Mapping[str, "Groups"], rows: int, block: int = BLOCK) -> Layout:
    """Of the rows of ``root`` and of all that belong to them, by entity."""
    key = np.zeros(rows, dtype=np.int64)
    for groups in members.values():
        key = key * (int(groups.sizes.max(initial=0)) + 1) + groups.sizes
    order = by_number(key)
    place = np.empty(rows + 1, dtype=np.int64)
    place[order] = np.arange(rows)
    place[rows] = rows
    orders = {root: order} | {entity: by_number(place[groups.index]) for entity, groups in members.items()}
    blocks: list[Block] = []
    starts = dict.fromkeys(orders, 0)
    for first, last in _parts(_runs(key[order]), {e: g.sizes[order] for e, g in members.items()}, block):
        sizes = {entity: groups.sizes[order[first:last]] for entity, groups in members.items()}
        shapes: dict[str, tuple[int, ...]] = {root: (last - first,)}
        owners: dict[str, Rows] = {}
        before = dict(starts)
        alike = key[order[first]] == key[order[last - 1]]
        for entity, counts in sizes.items():
            begin, many = starts[entity], int(counts.sum())
            starts[entity] += many
            if alike:
                shapes[entity] = int(counts[0]), last - first
                rows_ = orders[entity][begin : begin + many]
                rows_[:] = rows_.reshape(last - first, int(counts[0])).T.ravel()
            else:
                shapes[entity] = (many,)
                owners[entity] = np.repeat(np.arange(last - first), counts)
        starts[root] = last
        blocks.append(Block(before, shapes, owners))
    return Layout(orders, tuple(blocks))


def _parts(runs: list[tuple[int, int]], sizes: Mapping[str, Rows], block: int) -> Iterable[tuple[int, int]]:
    """Where blocks begin and end: runs of equal sizes in parts of about ``block`` members, small runs put together."""
    waiting: list[tuple[int, int]] = []

    def many(first: int, last: int) -> int:
        return max([last - first, *((last - first) * int(s[first]) for s in sizes.values())])

    for run in [*runs, None]:
        small = run is not None and many(*run) < min(block // SMALL, RUN)
        if waiting and (not small or run is None or sum(many(*w) for w in (*waiting, run)) > block):
            yield waiting[0][0], waiting[-1][1]
            waiting = []
        if run is not None and small:
            waiting.append(run)
        elif run is not None:
            first, last = run
            width = max(1, block // max([1, *(int(s[first]) for s in sizes.values())]))
            count = -(-(last - first) // width)
            edges = [first + (last - first) * i // count for i in range(count + 1)]
            yield from pairwise(edges)


def _runs(values: Rows) -> list[tuple[int, int]]:
    """Where equal values begin and end."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return [(a, b) for a, b in pairwise(edges) if a < b]


@dataclass(slots=True)
class Index:
    """What evaluations of one book keep for the next: layouts, and columns as they are laid out."""

    layouts: dict[Any, tuple[tuple[Any, ...], Layout, Mapping[str, "Groups"]]] = field(default_factory=dict)
    columns: dict[Any, tuple[Any, Any]] = field(default_factory=dict)

    def column(self, layout: Layout, entity: str, name: Any, source: Any, dtype: Any = None) -> Any:
        """A column laid out; done again where the column is another one."""
        kept = self.columns.get((layout, entity, name))
        if kept is None or kept[0] is not source:
            laid = layout.laid(entity, source)
            kept = self.columns[layout, entity, name] = source, laid if dtype is None else laid.astype(dtype)
        return kept[1]

    def cleaned(self, layout: Layout, entity: str, name: str, column: Column) -> tuple[Any, Rows, Rows]:
        """A column with unknown cells laid out, 0 beside those; their places, and their codes; done again where the
        column is another one."""
        kept = self.columns.get((layout, entity, ("cleaned", name)))
        if kept is None or kept[0] is not column:
            values, places = layout.laid(entity, column.values), np.flatnonzero(layout.laid(entity, ~column.known()))
            values[places] = 0
            assert column.quality is not None
            found = values, places, column.quality[layout.orders[entity][places]]
            kept = self.columns[layout, entity, ("cleaned", name)] = column, found
        values, places, codes = kept[1]
        return values, places, codes
