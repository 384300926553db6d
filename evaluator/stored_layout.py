"""A book's layout in an index on disk: its order, its blocks, and the columns that an evaluation reads, laid out."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluator.arrays import column_of
from evaluator.book import Book, BookTable
from evaluator.columns import Column
from evaluator.groups import Groups, groups_of
from evaluator.index import Block, Index, Layout
from evaluator.mapped import Folder, Mapped

Grouped = dict[tuple[str, str], tuple[Any, Groups]]


def write_layout(folder: Folder, book: Book, index: Index) -> dict[str, Any] | None:
    """What an evaluation of the book has laid out; what a manifest says of it, None where there is nothing."""
    for (root, *_), (sources, layout, groups) in index.layouts.items():
        names = {e: _name(book.tables.get(e), link) for e, link in zip(groups, sources, strict=True)}
        if root not in book.tables or None in names.values():  # of rows that the evaluation formed
            continue
        for entity, order in layout.orders.items():
            laid = {"": column_of(order)}
            for (of, owner, name), (source, values) in index.columns.items():
                given = book.tables[entity].columns.get(name)
                if of is layout and owner == entity and given is not None and source is given.values:
                    laid |= {} if values.dtype == np.bool_ else {name: column_of(values)}
            folder.save(f"{entity}.laid.arrow", laid)
        links = {}
        for (entity, of), source in zip(groups.items(), sources, strict=True):
            whole = of.runs is None and of.index is source.values  # else made again from the link
            links[entity] = names[entity], whole
            if whole:
                folder.save(f"{entity}.sizes.arrow", {"members": column_of(of.sizes)})
        blocks = [[b.starts, b.shapes, sorted(b.owners)] for b in layout.blocks]
        return {"root": root, "links": links, "blocks": blocks}
    return None


def _name(table: BookTable | None, link: Column) -> str | None:
    columns = {} if table is None else table.columns
    return next((name for name, column in columns.items() if column is link), None)


def read_layout(
    stored: Mapping[str, Mapped], told: Mapping[str, Any] | None, tables: Mapping[str, BookTable]
) -> tuple[Index, Grouped]:
    """The index as that evaluation left it, and whose members the links make the rows."""
    index, kept = Index(), Grouped()
    if told is None:
        return index, kept
    root, links = told["root"], {entity: link for entity, (link, _) in told["links"].items()}
    columns = {entity: tables[entity].columns[link] for entity, link in links.items()}
    groups = {}
    for entity, (link, whole) in told["links"].items():
        column, count = columns[entity], tables[root].rows
        sizes = stored[f"{entity}.sizes.arrow"].numbers() if whole else None
        groups[entity] = groups_of(column, count) if sizes is None else Groups(column.values, count, sizes, None, False)
        kept[entity, link] = column, groups[entity]
    laid = {entity: stored[f"{entity}.laid.arrow"] for entity in (root, *links)}
    orders = {entity: file.numbers() for entity, file in laid.items()}
    if any(len(order) != tables[entity].rows for entity, order in orders.items()):
        raise ValueError("a layout of another book")
    layout = Layout(orders, tuple(_block(root, orders[root], groups, *block) for block in told["blocks"]))
    for entity, file in laid.items():
        for name in file.names[1:]:
            source = tables[entity].columns[name].values
            index.columns[layout, entity, name] = source, file.numbers(name)
    index.layouts[root, *sorted(links.items())] = tuple(columns.values()), layout, groups
    return index, kept


def _block(
    root: str,
    order: Any,
    groups: Mapping[str, Groups],
    starts: dict[str, int],
    shapes: Mapping[str, list[int]],
    owned: list[str],
) -> Block:
    first, count = starts[root], shapes[root][0]
    rows = order[first : first + count] if owned else None
    owners = {entity: np.repeat(np.arange(count), groups[entity].sizes[rows]) for entity in owned}
    return Block(starts, {entity: tuple(shape) for entity, shape in shapes.items()}, owners)
