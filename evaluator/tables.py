"""One entity's table typed: its links found, its cells read, and why some of them are unknown."""

from collections.abc import Mapping, Sequence, Set
from fractions import Fraction
from functools import partial

import numpy as np
import pyarrow as pa

from dsl.causes import Cause
from dsl.model import Input, Kind, Policy
from evaluator.arrays import Mask, Values, column_of, nulls_of
from evaluator.book import BookTable
from evaluator.cells import blanks, names, outside, read_cells, stale
from evaluator.columns import KNOWN, Column, origin_code
from evaluator.problems import Problem
from evaluator.raw_table import AsWritten, RawTable, row_count
from evaluator.texts import Texts, rows_of


def typed_table(
    policy: Policy,
    entity: str,
    raws: Mapping[str, RawTable],
    as_of: Fraction | None,
    counted: Set[tuple[str, str]],
    problems: list[Problem],
) -> BookTable:
    """An entity's book table; ``counted`` are the links that no row may lack."""
    if entity not in raws:
        return BookTable(entity, 1, (), {}, {}, lambda column, row: "")
    raw = raws[entity]
    number = list(policy.entities).index(entity)
    columns: dict[str, Column] = {}
    texts: dict[str, Sequence[str]] = {}
    for i, column in enumerate(policy.entities[entity].inputs.values()):
        if column.grouped:
            continue
        if column.type.kind is Kind.LINK:
            target = raws.get(column.type.entity)
            if target is None or target.keys is None:
                continue  # its own table has a problem
            values, faults = _link(raw, column, target, (entity, column.name) in counted, problems)
        else:
            cells = read_cells(raw.arrays[column.name], column.type)
            values = cells.values
            faults = {Cause.BLANK if column.optional else Cause.MISSING: cells.blank, Cause.NOT_A_VALUE: cells.bad}
            if column.domain is not None and column.type.kind in (Kind.NUMBER, Kind.DATE):
                faults[Cause.OUT_OF_RANGE] = outside(cells, column.domain, partial(raw.exact, column.name))
            if cells.texts:
                texts[column.name] = cells.texts
        if column.fresh is not None and as_of is not None:
            faults[Cause.STALE] = _stale(raw, column, as_of, faults)
        quality = _quality(faults, number, i, raw.rows)
        columns[column.name] = Column(values, quality, finite=quality is None)  # a cell that is infinite is faulty
    keys: Sequence[str] = () if raw.keys is None else Texts(raw.keys)
    long = frozenset(
        c.name for c in policy.entities[entity].given.values() if c.type.kind is Kind.NUMBER and raw.long(c.name)
    )
    left_out = tuple(c for c in policy.entities[entity].given if c not in raw.names)
    written = AsWritten(raw.file, raw.names)
    return BookTable(entity, raw.rows, keys, columns, texts, written, raw.file.name, left_out, long)


def _link(
    raw: RawTable, column: Input, target: RawTable, counted: bool, problems: list[Problem]
) -> tuple[Values, dict[Cause, Mask | None]]:
    """(n,) the rows that a link leads to, and its faults; a counted link that leads nowhere is a problem."""
    array = raw.arrays[column.name]
    values = rows_of(array, target.keys)
    if values.min(initial=0) >= 0:
        return values, {}
    nowhere = np.flatnonzero(values < 0)
    array = names(array)
    blank = np.zeros(raw.rows, dtype=np.bool_)
    unsaid = blanks(array.take(column_of(nowhere)))
    if unsaid is not None:
        blank[nowhere] = unsaid
    absent = (values < 0) & ~blank
    entity = column.type.entity
    if counted and absent.any():
        verb = "leads" if np.count_nonzero(absent) == 1 else "lead"
        message = f"{row_count(absent)} {verb} to no row of {target.file.name}: the exposure would belong to nobody"
        help = f"add the missing rows to {target.file.name}, or mend the names here"
        problems.append(raw.problem(message, column.name, absent, help, array))
    if counted and blank.any() and not column.optional:
        message = f"{row_count(blank)} without `{entity}`: the exposure would belong to nobody"
        problems.append(raw.problem(message, column.name, blank, f"name the `{entity}` in each row"))
    return values, {Cause.BLANK if column.optional else Cause.MISSING: blank, Cause.ORPHAN: absent}


def _stale(raw: RawTable, column: Input, as_of: Fraction, faults: Mapping[Cause, Mask | None]) -> Mask | None:
    """(n,) the cells not known to be fresh. A cell blank by nature, whose instant is blank too, isn't stale."""
    assert column.fresh is not None
    at = f"{column.name}_at"
    if at not in raw.arrays:
        return np.ones(raw.rows, dtype=np.bool_)
    late, blank = stale(raw.arrays[at], as_of, column.fresh), faults.get(Cause.BLANK)
    if late is not None and blank is not None:
        taken = raw.arrays[at]
        unsaid = blanks(taken) if pa.types.is_string(taken.type) else nulls_of(taken)
        if unsaid is not None:
            late &= ~(blank & unsaid)
    return late


def _quality(faults: Mapping[Cause, Mask | None], entity: int, column: int, rows: int) -> Values | None:
    """(n,) codes, the first cause of several; None where every cell is known."""
    found = {cause: mask for cause, mask in faults.items() if mask is not None and mask.any()}
    if not found:
        return None
    quality = np.full(rows, KNOWN, dtype=np.int64)
    for cause in sorted(found, reverse=True):
        at = np.flatnonzero(found[cause])
        quality[at] = origin_code(cause, entity, column) + at
    return quality
