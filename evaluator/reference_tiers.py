"""Which row of its entity's tiers a row takes, and what it gives: for the reference interpreter."""

from collections.abc import Callable
from dataclasses import field

from dsl import model
from dsl.causes import Cause
from dsl.model import Exact, Expr
from dsl.records import dataclass
from evaluator.columns import origin_code
from evaluator.exact import compare
from evaluator.places import At, Meet, Result, Unknown, first_unknown, number
from evaluator.reference_lookup import holds


@dataclass(slots=True)
class TierRows:
    """``value`` evaluates an expression at a place; ``meet`` is told which rows are taken."""

    policy: model.Policy
    value: Callable[[Expr, At], Result]
    meet: Meet
    _taken: dict[tuple[str, int], tuple[int, Unknown | None]] = field(default_factory=dict)

    def row(self, entity: str, row: int) -> tuple[int, Unknown | None]:
        """The number of the tiers row that a row takes and, where it is the ``unknown`` row, why."""
        if (entity, row) not in self._taken:
            tiers = self.policy.tiers[entity]
            self._taken[entity, row] = self._choose(tiers, At(entity, row))
            self.meet(tiers.rows[self._taken[entity, row][0]].span, "row")
        return self._taken[entity, row]

    def _choose(self, tiers: model.Tiers, at: At) -> tuple[int, Unknown | None]:
        for i, row in enumerate(tiers.rows):
            if row.row == "other":
                return i, None
            if row.row == "bound":
                result = self.holds(tiers, row, at)
                if isinstance(result, Unknown):
                    return next(i for i, r in enumerate(tiers.rows) if r.row == "unknown"), result
                if result:
                    return i, None
        raise AssertionError(f"no row of the tiers of {tiers.entity} holds")  # the checker has proved that one does

    def holds(self, tiers: model.Tiers, row: model.TierRow, at: At) -> bool | Unknown:
        """Whether a row's bound or condition holds."""
        assert row.when is not None
        when = self.value(row.when, at)
        if tiers.operator is None or tiers.variable is None:
            assert isinstance(when, (bool, Unknown))
            return when
        variable = self.value(tiers.variable, at)
        return first_unknown([variable, when]) or holds(tiers.operator, compare(number(variable), number(when)))

    def cell(self, entity: str, column: str, row: int) -> Result:
        """The tier's label, or another of its row's cells, unknown outside its column's stated range."""
        tiers = self.policy.tiers[entity]
        taken = tiers.rows[self.row(entity, row)[0]]
        if column == "tier":
            return taken.label
        i = next(i for i, c in enumerate(tiers.columns) if c.name == column)
        value, domain = self.value(taken.cells[i], At(entity, row)), tiers.columns[i].domain
        if domain is not None and not isinstance(value, Unknown) and not _inside(domain, number(value)):
            return Unknown(origin_code(Cause.CELL_RANGE, list(self.policy.entities).index(entity), i, row))
        return value


def _inside(domain: model.Interval, value: Exact) -> bool:
    low, high = domain.low, domain.high
    return (low is None or holds(">" if domain.low_open else ">=", compare(value, low))) and (
        high is None or holds("<" if domain.high_open else "<=", compare(value, high))
    )
