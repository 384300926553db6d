"""Cells to values: a typed column, and which of its cells are blank, bad or stale. pyarrow in, NumPy out."""

from collections.abc import Callable
from dataclasses import field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dsl.model import Interval, Kind, Type
from dsl.records import dataclass
from evaluator import literals
from evaluator.arrays import Array, Mask, Values, known_numbers, nulls_of, values_of
from evaluator.arrays import compute as pc
from evaluator.vector import some

_NUMBER_CELL = rf"^\s*{literals.NUMBER}\s*$"
_FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FEW = 10_000  # texts that are looked at one by one sooner than Arrow's functions are loaded
_BLOCK = 1 << 16  # numbers looked at at a time: they stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Cells:
    """A column as read: ``blank`` and ``bad`` (n,) mark cells without a value, None where there is none such; ``texts``
    are a text column's codes. ``extent``: the least and the largest value, where they are known."""

    values: Values
    blank: Mask | None = None
    bad: Mask | None = None
    texts: list[str] = field(default_factory=list)
    extent: tuple[float, float] | None = None


def accepts(kind: Kind, type: Type, stored: Any) -> bool:
    """Whether a column of this Arrow type can be read as a policy's type; text always can, cell by cell."""
    t = pa.types
    if t.is_string(stored) or t.is_null(stored):
        return True
    match kind:
        case Kind.DATE:
            return bool(t.is_timestamp(stored) or t.is_date(stored))
        case Kind.FLAG:
            return bool(t.is_boolean(stored) or t.is_integer(stored))
        case Kind.NUMBER if is_duration(type) and t.is_duration(stored):
            return True
        case Kind.NUMBER:
            return bool(t.is_integer(stored) or t.is_floating(stored) or t.is_decimal(stored))
        case Kind.TEXT | Kind.LINK:
            return bool(t.is_integer(stored))
        case _:
            return False


def is_duration(type: Type) -> bool:
    """Whether cells may be written as ``30s``: the unit is time, to the first power."""
    return type.kind is Kind.NUMBER and str(type.unit) == "duration"


def read_cells(array: Array, type: Type) -> Cells:
    """A column of any accepted Arrow type as the policy's type. Links are read as text, by ``names``."""
    match type.kind:
        case Kind.NUMBER if pa.types.is_duration(array.type):
            return _ticks(array, _TICKS[array.type.unit])
        case Kind.NUMBER if is_duration(type) and pa.types.is_string(array.type):
            return _parsed(array, lambda text: _float(literals.duration(text)))
        case Kind.NUMBER:
            return _numbers(array)
        case Kind.DATE:
            return _dates(array)
        case Kind.FLAG if pa.types.is_boolean(array.type):
            blank = nulls_of(array)
            values = values_of(array)
            return Cells(values if blank is None else values & ~blank, blank)
        case Kind.FLAG:
            found = _parsed(names(array), lambda text: _FLAGS.get(text.strip().lower()))
            return Cells(found.values == 1, found.blank, found.bad)
        case Kind.ENUM:
            codes = {label: i for i, label in enumerate(type.labels)}
            found = _parsed(names(array), codes.get)
            values = np.where(np.isnan(found.values), 0, found.values).astype(np.int32)
            return Cells(values, found.blank, found.bad)
        case Kind.TEXT:
            return _texts(names(array))
        case _:
            raise TypeError(f"no cells of {type.kind}")


def names(array: Array) -> Array:
    """Text as it stands; whole numbers as their decimal text."""
    if pa.types.is_dictionary(array.type):
        array = pc.cast(array, pa.string())
    return array if pa.types.is_string(array.type) else pc.cast(array, pa.string())


def blanks(array: Array) -> Mask | None:
    """(n,) cells of a column of texts that hold nothing or only spaces, of whole numbers those that are not there; None
    where no cell is blank."""
    if pa.types.is_integer(array.type):
        return nulls_of(array)
    if len(array) <= _FEW:
        return some(np.array([not (text or "").strip() for text in array.to_pylist()], dtype=np.bool_))
    return some(values_of(pc.fill_null(pc.equal(pc.utf8_trim_whitespace(array), ""), True)))


def many_digits(array: Array) -> bool:
    """Whether a number of the column may have more digits than a float64 tells apart."""
    if pa.types.is_decimal(array.type):
        return bool(array.type.precision > 15)
    if not pa.types.is_string(array.type):
        return False
    return bool(pc.any(pc.match_substring_regex(array, r"\d(?:\.?\d){15}")).as_py())


def cell_text(array: Array, row: int) -> str:
    """A cell as its file writes it; a binary number by the shortest decimals that read back."""
    cell = array[row]
    if not cell.is_valid:
        return ""
    kind = cell.type
    if pa.types.is_timestamp(kind):
        return literals.iso(Fraction(cell.value, _TICKS[kind.unit]))
    if pa.types.is_duration(kind):
        count = Fraction(cell.value, _TICKS[kind.unit])
        return str(count.numerator) if count.denominator == 1 else f"{count:.9f}".rstrip("0")
    if pa.types.is_floating(kind):
        return repr(float(cell.as_py()))
    if pa.types.is_boolean(kind):
        return "yes" if cell.as_py() else "no"
    if pa.types.is_date(kind):
        return literals.iso_day(pc.cast(cell, pa.date32()).value)
    return str(cell.as_py())


# -- one reader a type ------------------------------------------------------------------------


def _numbers(array: Array) -> Cells:
    if known_numbers(array):
        values = values_of(array).astype(np.float64, copy=False)
        extent = _extent(values)
        return Cells(values, None, None if np.isfinite(extent).all() else ~np.isfinite(values), extent=extent)
    if pa.types.is_string(array.type):
        return _written_numbers(array)
    blank = nulls_of(array)
    if pa.types.is_decimal(array.type):  # through text: the nearest float64, which a plain cast may miss
        array = pc.cast(array, pa.string())
    return _finite(values_of(pc.fill_null(pc.cast(array, pa.float64(), safe=False), np.nan)), blank)


def _extent(values: Values) -> tuple[float, float]:
    """The least and the largest value; NaN where there is one, zeros where there is no value at all."""
    if not len(values):
        return 0.0, 0.0
    blocks = [values[start : start + _BLOCK] for start in range(0, len(values), _BLOCK)]
    ends = np.array([(block.min(), block.max()) for block in blocks])
    return float(ends[:, 0].min()), float(ends[:, 1].max())


def _finite(values: Values, blank: Mask | None) -> Cells:
    """What is neither blank nor finite is bad."""
    bad = ~np.isfinite(values)
    return Cells(values, blank, some(bad if blank is None else bad & ~blank))


def _written_numbers(array: Array) -> Cells:
    """Text that holds numbers, but not in every cell."""
    blank = blanks(array)
    numeric = pc.match_substring_regex(array, _NUMBER_CELL)
    plain = pc.ascii_ltrim(pc.ascii_trim_whitespace(array), "+")
    numbers = pc.cast(pc.if_else(numeric, plain, pa.scalar(None, pa.string())), pa.float64())
    return _finite(values_of(pc.fill_null(numbers, np.nan)), blank)


def _dates(array: Array) -> Cells:
    if pa.types.is_string(array.type) or pa.types.is_null(array.type):
        return _parsed(names(array), lambda text: _float(literals.instant(text)))
    if pa.types.is_date(array.type):
        array = pc.cast(array, pa.timestamp("ms"))
    found = _ticks(array, _TICKS[array.type.unit])
    beyond = (found.values < float(literals.FIRST)) | (found.values > float(literals.LAST))  # such as another unit's
    return Cells(found.values, found.blank, some(beyond))


def _ticks(array: Array, per_second: int) -> Cells:
    blank = nulls_of(array)
    values = values_of(array) / per_second
    return Cells(values if blank is None else np.where(blank, np.nan, values), blank)


def _parsed(array: Array, parse: Callable[[str], float | None]) -> Cells:
    """Text parsed once for each different cell; a cell of which ``parse`` makes None is bad."""
    codes, texts = _encoded(array)
    read = [None if not text.strip() else parse(text) for text in texts]
    values = np.array([np.nan if r is None else r for r in read], dtype=np.float64)[codes]
    blank = _empty(codes, texts)
    bad = np.isnan(values)
    return Cells(values, blank, some(bad if blank is None else bad & ~blank))


def _texts(array: Array) -> Cells:
    codes, texts = _encoded(array)
    return Cells(codes.astype(np.int32), _empty(codes, texts), texts=texts)


def _empty(codes: npt.NDArray[np.int64], texts: list[str]) -> Mask | None:
    """(n,) the cells whose text is none."""
    empty = np.array([not text.strip() for text in texts], dtype=np.bool_)
    return some(empty[codes]) if empty.any() else None


def _encoded(array: Array) -> tuple[npt.NDArray[np.int64], list[str]]:
    """(n,) numbers of the texts, and the different texts by first appearance; a null is the empty text."""
    whole = pc.fill_null(array, "").combine_chunks().dictionary_encode()
    if isinstance(whole, pa.ChunkedArray):  # text beyond 2 GiB stays in chunks
        whole = whole.unify_dictionaries()
        codes = np.concatenate([values_of(c.indices) for c in whole.chunks])
        return codes.astype(np.int64), whole.chunk(0).dictionary.to_pylist()
    return values_of(whole.indices).astype(np.int64), whole.dictionary.to_pylist() or [""]


def _float(value: Fraction | None) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except OverflowError:
        return None


# -- ranges and freshness ---------------------------------------------------------------------


def outside(cells: Cells, domain: Interval, exact: Callable[[Values], list[Fraction]]) -> Mask | None:
    """(n,) the cells with a value that their column's range leaves out; None where there is none.

    Rounding to float64 keeps order, so only a cell that reads as the bound's own float64 needs its decimals: ``exact``
    gives them for rows (k,).
    """
    bounds = [None if b is None or b in (float("inf"), float("-inf")) else float(b) for b in (domain.low, domain.high)]
    low, high = bounds
    if cells.extent is not None and cells.bad is None:
        least, largest = cells.extent
        if (low is None or least > low) and (high is None or largest < high):
            return None
    values = cells.values
    known = np.ones(len(values), dtype=np.bool_)
    for without in (cells.blank, cells.bad):
        if without is not None:
            known &= ~without
    out = np.zeros(len(values), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        for bound, beyond in ((low, np.less), (high, np.greater)):
            if bound is None:
                continue
            out |= beyond(values, bound) & known
            ties = np.flatnonzero((values == bound) & known)
            if len(ties):
                out[ties] |= np.array([not domain.holds(x) for x in exact(ties)], dtype=np.bool_)
    return some(out)


def exact_cells(array: Array) -> list[Fraction]:
    """The decimals of a few cells as written, each different cell read once."""
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type) or pa.types.is_duration(array.type):
        return [literals.exact(cell_text(array, i)) for i in range(len(array))]
    if pa.types.is_floating(array.type):
        found, codes = np.unique(values_of(array).astype(np.float64), return_inverse=True)
        exact = [Fraction(repr(float(x))) for x in found]
    else:
        codes, texts = _encoded(names(array))
        exact = [literals.exact(text) for text in texts]
    return [exact[c] for c in codes]


def stale(array: Array, as_of: Fraction, limit: Fraction) -> Mask | None:
    """(n,) the instants that are more than ``limit`` seconds old, later than ``as_of``, or none at all; None where all
    are fresh."""
    oldest = as_of - limit
    if pa.types.is_string(array.type) or pa.types.is_null(array.type):

        def fresh(text: str) -> float | None:
            at = literals.instant(text)
            return 1.0 if at is not None and oldest <= at <= as_of else None

        return some(np.isnan(_parsed(names(array), fresh).values))
    if pa.types.is_date(array.type):
        array = pc.cast(array, pa.timestamp("ms"))
    per_second = _TICKS[array.type.unit]
    ticks, absent = values_of(array), nulls_of(array)
    first, last = int(-((-oldest * per_second) // 1)), int((as_of * per_second) // 1)
    if absent is None and len(ticks) and first <= int(ticks.min()) and int(ticks.max()) <= last:
        return None
    late = (ticks < first) | (ticks > last)
    return some(late if absent is None else late | absent)
