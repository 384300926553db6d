"""A book: a snapshot's tables, read and typed for one policy, in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction

from dsl.model import Exact
from dsl.records import dataclass
from evaluator.columns import Column, Values
from evaluator.index import Index
from evaluator.kept import Kept
from evaluator.literals import exact


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """The rows that a link leads from, by the row that it leads to: of target t ``rows[starts[t] : starts[t + 1]]``, in
    the file's order. ``link`` is the column that this is of."""

    link: Column
    rows: Values
    starts: Values


@dataclass(frozen=True, slots=True)
class BookTable:
    """One entity's rows in the file's order.

    ``keys``: (n,) each row's key as text, empty for a ``once`` entity. ``columns``: every input of the entity that the
    policy reads; links as row numbers of the target. ``texts``: for a text column, the text of each code. ``written``
    gives a cell as the file writes it (column, row), for messages and for exact decimals. ``left_out``: the optional
    columns that the file doesn't have, all of whose cells are blank. ``long``: columns with a number of more digits
    than a float64 tells apart. ``exacts``: by column, the exact value of a row, where no file writes it.
    ``members``: by link, what leads where, if that is known already. ``sizes``: of columns that were computed, the
    columns of how far each value may be off, in half units (``error.HALF_UNIT``).
    """

    entity: str
    rows: int
    keys: Sequence[str]
    columns: dict[str, Column]
    texts: dict[str, Sequence[str]]
    written: Callable[[str, int], str]
    path: str = ""
    left_out: tuple[str, ...] = ()
    long: frozenset[str] = frozenset()
    exacts: Mapping[str, Callable[[int], Exact]] = field(default_factory=dict)
    members: Mapping[str, Members] = field(default_factory=dict, compare=False)
    sizes: Mapping[str, str] = field(default_factory=dict)

    def exact(self, column: str, row: int) -> Exact:
        """A known number, duration or date in the decimals that the file writes (of a binary float, the shortest)."""
        if column in self.exacts:
            return self.exacts[column](row)
        return exact(self.written(column, row))


@dataclass(frozen=True, slots=True)
class Book:
    """``as_of`` in seconds since 1970 UTC; None where the snapshot doesn't state it. ``hashes``: SHA-256 by file.
    ``index``: the book laid out for evaluation, where it has been (``indexed``). ``kept``: what evaluations keep."""

    name: str
    as_of: Fraction | None
    tables: dict[str, BookTable]
    hashes: dict[str, str] = field(default_factory=dict)
    index: Index | None = field(default=None, compare=False)
    kept: Kept = field(default_factory=Kept, compare=False, repr=False)


def indexed(book: Book) -> Book:
    """The same book, whose evaluations lay it out once and keep that."""
    return book if book.index is not None else replace(book, index=Index())


def without_kept(book: Book) -> Book:
    """The same book, for what its evaluations keep: in a circle, memory would wait for the collector."""
    return replace(book, kept=Kept())
