"""Small books in which folds over a grid fall where floats go astray, and what is decided by them in plain Python.

A case is a policy's fold and a few accounts, each of them at such a place; all other accounts are far from any bound.
Which decisions floats alone get wrong is worked out, too, so that no case loses its point.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from typing import Any
from unittest.mock import patch

from dsl.causes import Cause
from dsl.model import Policy
from evaluator import acting, fast, grid_folds
from evaluator.book import Book
from evaluator.columns import Origin
from evaluator.evaluation import Evaluation
from evaluator.snapshot import book_of
from tests.evaluator_models import checked, column_of

TEXT = """policy "in doubt"
unit USD

entity bank once:
  widest = max(account.edge)

entity market:
  unit asset
  mark : USD/asset >= 0

entity account:
  cash : USD
  weight : USD
  edge : USD
  limit : USD
  equity = cash + sum(position.worth)
{account}
entity position:
  account : account
  market : market
  size : market.asset
  lots : number
  worth = size * market.mark
{position}
grid moves:
{grid}
"""
FOUND = """
  found = {fold}({value} over moves)
  at_least = found >= {of}limit
  above = found > {of}limit
  beyond = found * {of}weight > {of}limit * 1 USD
  twice = found * 2
"""
DECIDED = ("at_least", "above", "beyond")
GRID = "  move in -40% to 50% by 10%\n  market.mark becomes mark * (1 + move)\n"
MOVES = tuple(Fraction(move, 10) for move in range(-4, 6))
FIRST, MIDDLE, LAST = 0, 10, 20  # of 21 accounts, in blocks of seven
ROW = {"cash": "1", "weight": "1", "edge": "0", "limit": "-7.5", "sizes": "1"}

Number = Callable[[Any], Any]  # float or Fraction
Row = Mapping[str, str]
UNKNOWN = None


def equity(n: Number, row: Row, move: Fraction) -> Any:
    worth = n(0)
    for size in row["sizes"].split():
        worth = worth + n(size) * (n("0.7") * n(1 + move))
    return n(row["cash"]) + worth


@dataclass(frozen=True)
class Case:
    """``value``: what is folded, and the same in plain Python. ``rows``: the accounts that are special, by their place.
    ``wrong``: which of them floats alone decide wrongly. ``unknown``: where what is found is, and why.
    ``folds``: how many folds of the policy are found in turn."""

    fold: str
    value: str
    plain: Callable[[Number, Row, Fraction], Any]
    rows: Mapping[int, Row]
    wrong: Sequence[int]
    unknown: Mapping[int, Cause] = field(default_factory=dict)
    formulas: str = ""
    grid: str = GRID
    moves: Sequence[Fraction] = MOVES
    entity: str = "account"
    folds: int = 1

    def policy(self) -> Policy:
        found = FOUND.format(fold=self.fold, value=self.value, of="" if self.entity == "account" else "account.")
        lines = {"account": self.formulas, "position": ""}
        lines[self.entity] += found
        return checked(TEXT.format(grid=self.grid, **lines))

    def book(self, policy: Policy) -> Book:
        return book_in(policy, [{**ROW, **self.rows.get(i, {})} for i in range(LAST + 1)])

    def decided(self, n: Number, row: Row) -> tuple[object, ...]:
        """Whether the fold is at least the row's limit, and above it, and times the row's weight."""
        try:
            values = [self.plain(n, row, move) for move in self.moves]
            if float("inf") in values and self.fold in ("sum", "mean"):
                return UNKNOWN, UNKNOWN, UNKNOWN
            found = reduce({"min": min, "max": max}.get(self.fold, lambda a, b: a + b), values)
            if self.fold == "mean":
                found = found / n(len(values))
            limit = n(row["limit"])
            weighed = UNKNOWN if found == float("inf") else found * n(row["weight"]) > limit
            return found >= limit, found > limit, weighed
        except (ValueError, ZeroDivisionError):
            return UNKNOWN, UNKNOWN, UNKNOWN


def book_in(policy: Policy, rows: Sequence[Row]) -> Book:
    """Positions stand in turn: the first of each account, the second of each, ..."""
    held = [(i, size, at) for i, row in enumerate(rows) for at, size in enumerate(row["sizes"].split())]
    held.sort(key=lambda position: position[2])
    tables: dict[str, dict[str, list[Any]]] = {
        "market": {"market": ["m0"], "mark": ["0.7"]},
        "account": {name: [row[name] for row in rows] for name in ROW if name != "sizes"},
        "position": {
            "position": [f"p{i}" for i in range(len(held))],
            "account": [f"a{i}" for i, _, _ in held],
            "market": ["m0"] * len(held),
            "size": [size for _, size, _ in held],
            "lots": [size for _, size, _ in held],
        },
    }
    tables["account"]["account"] = [f"a{i}" for i in range(len(rows))]
    return book_of(policy, tables)


def decisions(evaluation: Evaluation, case: Case) -> list[tuple[object, ...]]:
    """The same, evaluated."""
    columns = zip(*(column_of(evaluation, case.entity, name) for name in DECIDED), strict=True)
    return [tuple(UNKNOWN if isinstance(v, Origin) else v for v in values) for values in columns]


def by_hand(case: Case, book: Book, n: Number) -> list[tuple[object, ...]]:
    """What is decided at each row, in floats or in fractions."""
    rows = [{**ROW, **case.rows.get(i, {})} for i in range(LAST + 1)]
    if case.entity == "account":
        return [case.decided(n, row) for row in rows]
    seen = [0] * len(rows)
    found = []
    for account in book.tables["position"].columns["account"].values.tolist():
        found.append(case.decided(n, {**rows[account], "at": str(seen[account])}))
        seen[account] += 1
    return found


def account_of(book: Book, case: Case, row: int) -> int:
    return row if case.entity == "account" else int(book.tables["position"].columns["account"].values[row])


def accounts_that_differ(book: Book, case: Case, a: Sequence[object], b: Sequence[object]) -> list[int]:
    """Those with a row in which the two differ."""
    rows = (i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y)
    return sorted({account_of(book, case, row) for row in rows})


FEW = 2  # moves from which a fold is found in turn


@contextmanager
def small_books() -> Iterator[None]:
    with (
        patch.multiple(grid_folds, FEWEST=FEW, LEAST=0),
        patch.object(grid_folds, "_shaped", lambda *_: None),  # nor from few moves
        patch.multiple(fast, AGAIN=0, BLOCK=7),
        patch.object(acting, "FEWEST", 1),
    ):
        yield
