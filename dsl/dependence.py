"""What an evaluation of a policy computes, and what its columns depend on."""

from collections.abc import Callable, Iterable, Iterator

from dsl import model
from dsl.model import Cell
from dsl.state import Touched, read_by


def evaluated(policy: model.Policy) -> Iterator[model.Expr]:
    """Every expression that an evaluation or a test computes."""
    for entity, column in policy.order:
        formula = policy.entities[entity].formulas.get(column)
        if formula is not None:
            yield formula.value
    for tiers in policy.tiers.values():
        yield from tiers.exprs
    yield from (c.condition for c in policy.checks)
    yield from (e.condition for t in policy.tests for e in t.expectations)


def behind(
    policy: model.Policy, cells: Iterable[Cell], touched: Touched, wanted: Callable[[Cell], bool]
) -> Cell | None:
    """A wanted column that these cells depend on, through columns that another state changes."""
    seen: set[Cell] = set()
    waiting = list(cells)
    while waiting:
        cell = waiting.pop()
        if cell in seen or not touched(cell):
            continue
        seen.add(cell)
        if cell not in touched.targets and wanted(cell):
            return cell
        waiting.extend(read_by(policy, cell))
    return None


def found_by_until(policy: model.Policy, cell: Cell) -> bool:
    """Whether a column is one of tiers with an `until` cell."""
    entity, column = cell
    if column in policy.entities[entity].formulas or entity not in policy.tiers:
        return False
    tiers = policy.tiers[entity]
    places = [i for i, made in enumerate(tiers.columns) if made.name == column]
    return any(isinstance(row.cells[i], model.Until) for row in tiers.rows for i in places)
