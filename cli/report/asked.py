"""What the book asks of each curve and table: numbers, and beside them the names that pick a table's rows."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cli.report.uses import Use, argument_columns, uses
from dsl import model
from dsl.model import Const, Expr, Kind, Table
from dsl.records import dataclass
from evaluator.evaluation import Evaluation

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Names = tuple[str | None, ...]  # a table's `=` cells in one row; None for `other`


@dataclass(frozen=True, slots=True)
class Named:
    """A name for each row: ``codes`` (n,) into ``texts``, -1 where there is none."""

    codes: Codes
    texts: Sequence[str]


class Asked:
    """The arguments of every call in one evaluation."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._uses = uses(evaluation.policy)
        self._columns = argument_columns(evaluation, self._uses) if self._uses else {}

    def _calls(self, name: str) -> list[Use]:
        """One call for each set of arguments: a table's columns are asked with the same."""
        return list({(u.entity, u.args): u for u in self._uses if u.name == name}.values())

    def values(self, name: str, argument: int = 0) -> Floats:
        """The known values of an argument over every row that asks."""
        found = [self._known(use, argument)[0] for use in self._calls(name)]
        return np.concatenate(found) if found else np.empty(0)

    def by_rows(self, table: Table, number: int, named: Sequence[int], sets: Sequence[Names]) -> list[Floats]:
        """The known values of argument ``number`` for each of the ``sets`` of names that the table lists."""
        found: list[list[Floats]] = [[] for _ in sets]
        for use in self._calls(table.name):
            values, known = self._known(use, number)
            names = [self._names(use, use.args[i]) for i in named]
            if any(n is None for n in names):
                continue
            chosen = _chosen([n for n in names if n is not None], sets, len(known))[known]
            for i, kept in enumerate(found):
                kept.append(values[chosen == i])
        return [np.concatenate(kept) if kept else np.empty(0) for kept in found]

    def _known(self, use: Use, argument: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
        column = self._columns.get((use, argument))
        if column is None:
            return np.empty(0), np.zeros(self._rows(use.entity), dtype=np.bool_)
        known = column.known()
        return column.values[known].astype(np.float64), known

    def _rows(self, entity: str) -> int:
        return self._evaluation.book.tables[entity].rows

    def _names(self, use: Use, expr: Expr) -> Named | None:
        """A link, label or text of each row, as a table's cell writes it; None where it is computed."""
        if isinstance(expr, Const):
            return Named(np.zeros(self._rows(use.entity), dtype=np.int64), [str(expr.value)])
        if not isinstance(expr, model.Read):
            return None
        entity, rows = use.entity, np.arange(self._rows(use.entity), dtype=np.int64)
        for link in expr.links:
            rows = self._follow(self._codes(entity, link), rows)
            entity = self._evaluation.policy.type_of(entity, link).entity
        if expr.column == entity:
            return Named(rows, self._evaluation.book.tables[entity].keys)
        return Named(self._follow(self._codes(entity, expr.column), rows), self._texts(entity, expr.column))

    def _codes(self, entity: str, name: str) -> Codes:
        column = self._evaluation.column(entity, name)
        return np.where(column.known(), column.values, -1).astype(np.int64)

    @staticmethod
    def _follow(codes: Codes, rows: Codes) -> Codes:
        return np.append(codes, -1)[rows]

    def _texts(self, entity: str, column: str) -> Sequence[str]:
        kind = self._evaluation.policy.type_of(entity, column)
        match kind.kind:
            case Kind.LINK:
                return self._evaluation.book.tables[kind.entity].keys
            case Kind.TEXT:
                return self._evaluation.book.tables[entity].texts.get(column, self._evaluation.texts)
            case Kind.FLAG:
                return ("no", "yes")
        return kind.labels


def _chosen(names: Sequence[Named], sets: Sequence[Names], rows: int) -> Codes:
    """(rows,) which of the sets each row's names pick, from left to right, ``other`` last; -1 for none."""
    combined = np.zeros(rows, dtype=np.int64)
    for name in names:
        combined = combined * (len(name.texts) + 1) + name.codes + 1
    different, back = np.unique(combined, return_inverse=True)
    picked = np.full(len(different), -1, dtype=np.int64)
    for i, code in enumerate(different.tolist()):
        written: list[str | None] = []
        for name in reversed(names):
            code, one = divmod(code, len(name.texts) + 1)
            written.insert(0, str(name.texts[one - 1]) if one else None)
        if None not in written:
            picked[i] = _pick([w or "" for w in written], sets)
    return picked[back]


def _pick(written: list[str], sets: Sequence[Names]) -> int:
    left = list(range(len(sets)))
    for k, text in enumerate(written):
        left = [i for i in left if sets[i][k] == text] or [i for i in left if sets[i][k] is None]
    return left[0] if left else -1
