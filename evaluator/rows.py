"""Some rows of an evaluated table, such as those of the accounts that are liquidated, with their columns alone."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dsl.model import Policy
from dsl.near import listed
from dsl.records import dataclass
from evaluator.columns import Column, Values
from evaluator.index import LaidColumn
from evaluator.plain import key_of

if TYPE_CHECKING:
    from evaluator.results import Results

Way = tuple[tuple[str, str], ...]  # entities, each with the link that leads on to the next


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """``numbers``: (k,) int64, each row's number in the file's order, in which they stand. ``places``: theirs among
    the rows that acted, where they all did."""

    results: "Results"
    entity: str
    numbers: Values
    places: Values | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def keys(self) -> list[str]:
        """(k,) their keys, as text."""
        return [key_of(self.results.book, self.entity, row) for row in self.numbers.tolist()]

    def column(self, name: str) -> Column | None:
        """(k,) a column of these rows, computed or an input that the policy reads; None where there is neither."""
        evaluation = self.results.evaluation
        node = evaluation.nodes.get((self.entity, name))
        if self.places is not None and evaluation.acted is not None and node is not None:
            found = evaluation.acted.at(node, self.entity, self.places)
            if found is not None:
                return found
        whole = self.results.column(self.entity, name)
        return None if whole is None else whole.at(self.numbers)


def rows_in(results: "Results", entity: str, tiers: Collection[str]) -> Rows:
    """The rows that stand in one of some tiers, or that a link leads from to such a row. ValueError where there are no
    such tiers, or it isn't clear which link is meant."""
    if isinstance(tiers, str):
        raise ValueError(f"tiers are given as a list: [{tiers!r}]")
    *via, decided = _way(results.policy, entity)
    acted = _acted(results, entity, via, decided[0], tiers)
    if acted is not None:
        return acted
    stands = _standing(results, decided[0], tiers)
    for member, link in reversed(via):
        column = results.book.tables[member].columns[link]
        to = column.values if column.quality is None else np.where(column.known(), column.values, -1)
        stands = np.append(stands, False)[to]  # -1: the link is unknown
    return Rows(results, entity, np.flatnonzero(stands))


def _acted(
    results: "Results", entity: str, via: Sequence[tuple[str, str]], root: str, tiers: Collection[str]
) -> Rows | None:
    """The rows where all of them acted, which is seen from how many stand in the tiers."""
    acted = results.evaluation.acted
    if acted is None or acted.root != root or entity not in acted.rows or len(via) > 1:
        return None
    meant, codes = _meant(results, root, tiers), results.evaluation.tier_codes(root)
    stands = meant[codes[acted.rows[root]]]
    there = codes.values if isinstance(codes, LaidColumn) else codes  # in whatever order
    many = sum(int(np.count_nonzero(there == label)) for label in np.flatnonzero(meant).tolist())
    if many != int(np.count_nonzero(stands)):
        return None
    if via:
        stands = np.append(stands, False)[acted.owners[entity]]  # -1: nobody's
    places, numbers = acted.filed(entity)
    stands = stands.take(places)
    return Rows(results, entity, numbers[stands], places[stands])


def _way(policy: Policy, entity: str) -> Way:
    """From an entity to the nearest one with tiers, which is last; the entity alone where it has them itself."""
    if entity not in policy.entities:
        raise ValueError(f"the policy has no entity `{entity}`; it has {listed(policy.entities)}")
    ways: list[Way] = [((entity, ""),)]
    seen: set[str] = set()
    while ways:
        found = [way for way in ways if way[-1][0] in policy.tiers]
        if len(found) > 1:
            links = listed([".".join((entity, *(link for _, link in way[:-1]))) for way in found])
            raise ValueError(f"several links lead from `{entity}` to rows with tiers: {links}")
        if found:
            return found[0]
        seen |= {way[-1][0] for way in ways}
        ways = [
            (*way[:-1], (way[-1][0], link), (to, ""))
            for way in ways
            for link, to in policy.entities[way[-1][0]].links.items()
            if to not in seen
        ]
    raise ValueError(f"neither `{entity}` nor what its links lead to has tiers")


def _standing(results: "Results", entity: str, tiers: Collection[str]) -> npt.NDArray[np.bool_]:
    """(n,) whether each row of an entity stands in one of the tiers."""
    column = results.column(entity, "tier")
    assert column is not None
    stands: npt.NDArray[np.bool_] = _meant(results, entity, tiers)[column.values]
    return stands


def _meant(results: "Results", entity: str, tiers: Collection[str]) -> npt.NDArray[np.bool_]:
    """By label, whether it is one of the tiers."""
    labels = results.policy.tiers[entity].labels
    lost = [tier for tier in tiers if tier not in labels]
    if lost:
        raise ValueError(f"`{entity}` has no tier `{lost[0]}`; it has {listed(labels)}")
    return np.array([label in tiers for label in labels], dtype=np.bool_)
