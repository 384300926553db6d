"""What rows take of shared limits, in exact numbers: one row after the other, as the language defines it."""

from collections.abc import Callable, Sequence
from dataclasses import field
from fractions import Fraction
from functools import cmp_to_key

from dsl import model
from dsl.causes import Cause
from dsl.model import Exact, Expr, Kind, Type
from dsl.records import dataclass
from evaluator.exact import ZERO, compare, subtract
from evaluator.places import Argument, At, Result, Unknown, first_unknown, number

_BY_NUMBER = cmp_to_key(compare)
Pool = tuple[str, str, int]  # entity, column, row


@dataclass(frozen=True, slots=True)
class Turn:
    """One row's turn: its ``pools``, what was ``left`` for it, what it takes, and what remains of each after it."""

    pools: tuple[Pool | Unknown, ...]
    left: Result
    take: Result
    after: tuple[Result, ...]


@dataclass(slots=True)
class Asked:
    """What a line asks of the interpreter around it. ``members``: whether it is known who belongs to a group's row."""

    value: Callable[[Expr, At], Result]
    source: Callable[[model.Read, At], tuple[str, int] | Unknown]
    origin: Callable[[Cause, Expr, At], int]
    cell: Callable[[str, str, int], Result]
    members: Callable[[str, int], Result]
    keys: Callable[[str], Sequence[str]]


@dataclass(slots=True)
class Line:
    """The rows of ``entity`` in the order of one draw, gone through as far as somebody asks.

    ``rows`` may be given, where the order is known already; then rows that take nothing whatever is left may be left
    out. ``unordered``: how many of them, at the end, have an order that is unknown.
    """

    expr: model.Draw
    entity: str
    asked: Asked
    rows: Sequence[int] = ()
    unordered: int = 0
    turns: dict[int, Turn] = field(default_factory=dict)
    _remains: dict[Pool, Result] = field(default_factory=dict)
    _ready: bool = False
    _next: int = 0

    def turn(self, row: int) -> Turn | None:
        """A row's turn; None of one that is not in the line, as it takes nothing whatever is left."""
        if not self._ready:
            if not self.rows:
                self._queue()
            self._spoil()
            self._ready = True
        while row not in self.turns and self._next < len(self.rows):
            self._advance(self.rows[self._next])
            self._next += 1
        return self.turns.get(row)

    # -- the order --------------------------------------------------------------------------------

    def _queue(self) -> None:
        keys = self.asked.keys(self.entity)
        known: list[tuple[Exact, str, int]] = []
        unknown: list[int] = []
        for row in range(len(keys)):
            order = self.asked.value(self.expr.order, At(self.entity, row))
            if not isinstance(order, Unknown):
                known.append((number(order), keys[row], row))
            elif not self._idle(row, order):
                unknown.append(row)
        known.sort(key=lambda place: (_BY_NUMBER(place[0]), place[1]))
        self.rows, self.unordered = [*(row for _, _, row in known), *unknown], len(unknown)

    def _idle(self, row: int, unknown: Unknown) -> bool:
        """Whether a row takes nothing whatever is left."""
        take = self._take(row, unknown)
        return not isinstance(take, Unknown) and compare(number(take), ZERO) == 0

    def _spoil(self) -> None:
        """What remains of a pool is unknown from the start where nobody can say who comes first."""
        for row in self.rows[len(self.rows) - self.unordered :]:
            at = At(self.entity, row)
            order = self.asked.value(self.expr.order, at)
            for pool in self._pools(at):
                if isinstance(pool, tuple):
                    self._remains[pool] = first_unknown([self._left_of(pool), order]) or ZERO

    # -- one turn ---------------------------------------------------------------------------------

    def _advance(self, row: int) -> None:
        at = At(self.entity, row)
        pools = self._pools(at)
        before = [self._left_of(pool) if isinstance(pool, tuple) else pool for pool in pools]
        least = first_unknown(before) or min(number(b) for b in before)
        left = least if isinstance(least, Unknown) else max(ZERO, least)
        take = self._allowed(self._take(row, left), left, at)
        after = [self._minus(remains, take) for remains in before]
        self._remains |= {pool: rest for pool, rest in zip(pools, after, strict=True) if isinstance(pool, tuple)}
        self.turns[row] = Turn(tuple(pools), left, take, tuple(after))

    def _pools(self, at: At) -> list[Pool | Unknown]:
        """The pools of a row, each once; unknown where its link is."""
        found: list[Pool | Unknown] = []
        for read in self.expr.pools:
            source = self.asked.source(read, at)
            pool = source if isinstance(source, Unknown) else (source[0], read.column, source[1])
            if pool not in found:
                found.append(pool)
        return found

    def _left_of(self, pool: Pool) -> Result:
        if pool not in self._remains:
            entity, column, row = pool
            self._remains[pool] = self._if_sure(entity, row, self.asked.cell(entity, column, row))
        return self._remains[pool]

    def _if_sure(self, entity: str, row: int, value: Result) -> Result:
        return first_unknown([self.asked.members(entity, row)]) or value

    def _take(self, row: int, left: Result) -> Result:
        at = At(self.entity, row)
        itself = model.Read(self.entity, self.entity, type=Type(Kind.LINK, entity=self.entity))  # varies with the row
        take = self.asked.value(self.expr.take, At(self.entity, row, args={"left": Argument(left, itself, at)}))
        return self._if_sure(self.entity, row, take)

    def _allowed(self, take: Result, left: Result, at: At) -> Result:
        """What a row takes, or why that is unknown."""
        if isinstance(take, Unknown) or compare(number(take), ZERO) == 0:
            return take
        if isinstance(left, Unknown):
            return left
        if not isinstance(take, Fraction):
            return Unknown(self.asked.origin(Cause.OVERFLOW, self.expr, at))
        if compare(take, ZERO) < 0 or compare(take, number(left)) > 0:
            return Unknown(self.asked.origin(Cause.OVERDRAWN, self.expr, at))
        return take

    @staticmethod
    def _minus(remains: Result, take: Result) -> Result:
        if isinstance(remains, Unknown) or isinstance(take, Unknown):
            return remains if isinstance(remains, Unknown) else take
        amount = number(remains)
        return amount if isinstance(amount, float) else subtract(amount, number(take))
