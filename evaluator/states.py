"""The states of a grid: the book as each move of it makes it, all else as before."""

from collections.abc import Iterator, Mapping

from dsl import model
from dsl.grids import move_values
from dsl.model import Cell, Value
from dsl.records import dataclass
from dsl.state import Touched


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The book after one move. ``base``: the state that it starts from, None for the book as it stands.

    ``lines`` are what the move writes, read in the base with the move's values ``args``. ``held``: of the `over` that
    asks. ``touched``: the columns that may differ from the base's. ``number``: the move's, from 1, after those of the
    states that it starts from.
    """

    base: "State | None"
    grid: str
    lines: Mapping[Cell, model.Expr]
    held: tuple[Cell, ...]
    args: Mapping[str, model.Const]
    touched: Touched
    number: tuple[int, ...]


def states(policy: model.Policy, params: Mapping[str, Value], over: model.Over, base: State | None) -> Iterator[State]:
    """The state of every move that ``over`` runs through, in order."""
    lines = {(b.entity, b.column): b.value for b in over.lines}
    touched = Touched(policy, lines, over.held)
    before = base.number if base is not None else ()
    for i, args in enumerate(move_values(policy.grids[over.grid], params), 1):
        yield State(base, over.grid, lines, over.held, args, touched, (*before, i))
