"""What a policy claims of its results: checks, laws and tests."""

from datetime import datetime

from dsl.model.definitions import Promise
from dsl.model.expressions import Expr, Read
from dsl.model.types import Exact
from dsl.records import dataclass
from dsl.source import Span, no_span


@dataclass(frozen=True, slots=True)
class Check:
    """Per row of ``on``, or, where that is None, one condition on whole entities."""

    text: str
    warn: bool
    on: str | None
    condition: Expr
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Shape:
    """How one number of an entity's row moves with another. Both are columns of the row at hand."""

    subject: Read
    word: Promise
    variable: Read
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Law:
    """A claim for every allowed input and param: a condition as in a check, or a shape (then ``on`` is its entity)."""

    text: str
    on: str | None
    claim: Expr | Shape
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class GivenTable:
    """The rows of one entity in a test, cells as text, by column; columns that are not given have no cells."""

    entity: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Expectation:
    """A condition on one row (``key`` empty for a ``once`` entity). ``within``: absolute, in the left side's unit."""

    entity: str
    key: str
    condition: Expr
    within: Exact | None
    span: Span = no_span()


@dataclass(frozen=True, slots=True)
class Test:
    """An example: rows, an instant (None: the policy's effective date), and what must come out.

    ``case``: the name of one row below `each`, whose place is ``case_span``; empty for a test without such rows.
    """

    text: str
    as_of: datetime | None
    given: tuple[GivenTable, ...]
    expectations: tuple[Expectation, ...]
    span: Span = no_span()
    case: str = ""
    case_span: Span = no_span()

    @property
    def title(self) -> str:
        return f"{self.text} [{self.case}]" if self.case else self.text

    @property
    def line(self) -> int:
        """Where it stands: the test, or its case's row."""
        return (self.case_span if self.case else self.span).line
