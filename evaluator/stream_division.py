"""How a book falls into parts that can be evaluated one by one: accounts, each with its positions.

The *root* is the entity whose rows (accounts) are evaluated together with everything that belongs to them; *members*
are the entities whose rows (positions) belong to one of its rows along one link. All other tables are small, and read
whole. What is made of a whole book (a ``check`` of it, the column of a ``once`` entity) is put together afterwards
(``evaluator.stream_wholes``). A policy in which one account's results depend on other accounts can't be divided.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction

import numpy as np

from dsl.diagnostics import Diagnostics
from dsl.model import Kind, Policy, Value
from dsl.records import dataclass
from dsl.solve import solves
from dsl.until import has_until, on_trial
from evaluator.amounts import NAMES
from evaluator.constants import Number
from evaluator.exact_finance import FINANCE
from evaluator.graph import SCALAR, Node
from evaluator.lower import lower
from evaluator.pieces import Values
from evaluator.plan import plan

_EXACT_WHOLE = frozenset({"agg_count", "floor", "ceil", "sign"})
_PASSES = frozenset({"settle", "neg", "abs", "within", "gather", "select", "choose", "min", "max", "clamp", "agg_sum"})
_ROUNDS = frozenset({"add", "sub", "mul", "div", "pow", "sqrt", "exp", "ln", "input", *FINANCE})
_ROUNDS |= {"agg_mean", "agg_share", "round_down", "round_up", "round_nearest", "piecewise", "logarithmic", "mix"}


class Indivisible(Exception):
    """The policy's results for one account depend on other accounts, or more of the book is needed at once."""

    help = "leave `--memory` out: the book is then evaluated as a whole"


@dataclass(frozen=True, slots=True)
class Division:
    """``links``: by member entity, the link along which its rows belong to a row of ``root``."""

    root: str
    links: Mapping[str, str]

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.root, *self.links)

    def split(self, order: Iterable[Node]) -> tuple[set[int], set[int]]:
        """Of nodes in order, the numbers of those made of a whole book, and of all that depend on these."""
        wholes: set[int] = set()
        after: set[int] = set()
        for node in order:
            if node.op.startswith("agg_") and node.attrs[0] in self.parts and node.grain not in self.parts:
                wholes.add(node.id)
            if node.id in wholes or any(a.id in after for a in node.args):
                after.add(node.id)
        return wholes, after


def divide(policy: Policy, params: Mapping[str, Value], as_of: Fraction | None, sizes: Mapping[str, int]) -> Division:
    """How books of a policy are divided; ``sizes``: of the entities' files. Raises Indivisible."""
    for entity in policy.entities.values():
        if entity.groups is not None:
            raise Indivisible(f"`{entity.name}` groups the rows of `{entity.groups.base}`")
    if next(solves(policy), None) is not None:
        raise Indivisible("a `solve` looks at the book again and again")
    if has_until(policy):
        policy, _ = on_trial(policy, Diagnostics())
    outputs = lower(policy, params, as_of)
    order = plan([*outputs.columns.values(), *outputs.reasons.values(), *(n for c in outputs.checks for n in c)]).order
    division = _division(policy, order, sizes)
    _examine(division, order)
    _tiers_of_others(policy, division)
    return division


def _division(policy: Policy, order: Iterable[Node], sizes: Mapping[str, int]) -> Division:
    order = list(order)
    summed = {(str(n.attrs[0]), n.grain) for n in order if n.op.startswith("agg_") and n.grain != SCALAR}
    read = {str(n.attrs[0]) for n in order if n.op == "gather"}
    roots = {target for _, target in summed}
    if not roots:
        with_columns = {n.grain for n in order if n.grain in policy.entities and n.grain in sizes}
        roots = {e for e in with_columns if e not in read} or with_columns
    weight = {r: sum(sizes.get(e, 0) for e in {r, *(m for m, t in summed if t == r)}) for r in roots}
    if not roots:
        raise Indivisible("the policy computes nothing for the rows of a table")
    root = max(sorted(roots), key=lambda r: weight[r])
    links: dict[str, str] = {}
    for node in order:
        link = _link(node)
        if link is None or link[2] != root or link[0] == root:
            continue
        entity, name, _ = link
        if links.setdefault(entity, name) != name:
            raise Indivisible(f"`{entity}` belongs to a `{root}` along two links, `{links[entity]}` and `{name}`")
    for other in policy.entities.values():  # what belongs to an account without being summed
        leading = [link for link, target in other.links.items() if target == root]
        if other.name not in (root, *links, *read) and len(leading) == 1:
            links[other.name] = leading[0]
    return Division(root, links)


def _link(node: Node) -> tuple[str, str, str] | None:
    """Of a node that follows one link: the entity that it leads from, the link, and the entity that it leads to."""
    if node.op == "gather":
        link, target = node.args[0], str(node.attrs[0])
    elif node.op.startswith("agg_") and node.grain != SCALAR and node.attrs[2]:
        link, target = node.args[-1], node.grain
    else:
        return None
    return (link.grain, str(link.attrs[1]), target) if link.op == "input" else None


def _examine(division: Division, order: Iterable[Node]) -> None:
    """Refuses whatever lets one part of the book see another."""
    order = list(order)
    parts, root = division.parts, division.root
    _, after = division.split(order)
    for node in order:
        if node.op in ("draw", "left") and node.grain in parts:
            raise Indivisible(f"rows of `{node.grain}` draw on one limit in turn")
        if node.op == "pairwise" or (node.op == "agg_first" and node.grain == SCALAR and node.attrs[0] in parts):
            raise Indivisible("rows are compared with all others of their kind")
        if node.grain in parts and node.id in after:
            raise Indivisible(f"formulas of `{node.grain}` depend on a total over the whole book")
        if node.op.startswith("agg_") and node.attrs[0] in parts and node.grain not in parts:
            if node.grain != SCALAR:
                raise Indivisible(f"`{node.attrs[0]}` is summed by `{node.grain}` as well as by `{root}`")
        elif node.op.startswith("agg_") and node.grain in parts and (node.attrs[0] not in parts or _link(node) is None):
            raise Indivisible(f"`{node.attrs[0]}` is summed by `{node.grain}` over a path of several links")
        if node.op == "gather" and node.attrs[0] in parts and (node.attrs[0] != root or _link(node) is None):
            raise Indivisible(f"rows of `{node.grain}` read rows of `{node.attrs[0]}` that belong to others")
        leads = node.op == "input" and node.type.kind is Kind.LINK and node.type.entity in parts
        if leads and division.links.get(node.grain) != node.attrs[1]:
            raise Indivisible(f"`{node.grain}.{node.attrs[1]}` leads from one `{root}` to another")
        if node.op in ("agg_sum", "agg_mean") and node.grain in parts and _maybe_exact(node.args[0]):
            raise Indivisible(f"how sums of `{node.attrs[0]}` by `{node.grain}` are rounded depends on the whole book")


def _maybe_exact(node: Node) -> bool:
    """Whether values may be exact and yet not whole, so that a look at all of them says how exact their sums are."""
    if node.op == "const":
        return not isinstance(node.constant, Number) or node.constant.value % 1 != 0
    if node.op in _EXACT_WHOLE or node.op in _ROUNDS:
        return False
    if node.op == "take" and isinstance(constants := node.attrs[0], Values):
        return constants.relative == 0.0 and bool((np.rint(constants.values) != constants.values).any())
    if node.op in _PASSES:
        values = node.args[1:] if node.op in ("select", "choose", "gather") else node.args
        if node.op == "agg_sum":
            values = node.args[:1]
        numbers = [a for a in values if a.numeric]
        return all(_maybe_exact(a) or _exact(a) for a in numbers) and any(_maybe_exact(a) for a in numbers)
    return True


def _exact(node: Node) -> bool:
    return node.op in _EXACT_WHOLE or node.op in ("const", "input")


def _tiers_of_others(policy: Policy, division: Division) -> None:
    """The amounts of tiers are summed over the rows that link to them: these have to be there."""
    for name in policy.tiers:
        for entity in policy.entities.values():
            apart = (name in division.parts) != (entity.name in division.parts)
            if apart and name in entity.links.values() and any(n in entity.formulas for n in NAMES):
                raise Indivisible(f"amounts of `{entity.name}` are summed by the tiers of `{name}`")
