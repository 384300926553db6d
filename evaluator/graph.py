"""The hash-consed graph that a policy is lowered to: one node per meaning, constants folded exactly."""

from collections.abc import Callable, Hashable
from typing import NamedTuple

from dsl.model import NUMBER, Kind, Type
from dsl.records import dataclass
from evaluator.constants import Constant, Number, fold

SCALAR = ""  # the grain of one value for the whole book
INDEX = Type(Kind.ANY)  # row numbers and pieces, for kernels only


Fold = tuple[Hashable, tuple[int, ...]]


class Facts(NamedTuple):
    """What is known of a node before any data: never below zero, and maybe infinite."""

    nonnegative: bool = False
    infinite: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operation. ``grain``: the entity whose rows it has one value for, or SCALAR; a fault of it stands there.

    ``attrs`` are what the kernel needs besides its operands. ``fold``: the grid and the
    move in it, where this takes a move's value into what the moves before came to. Nodes are equal only if they are the
    same node.
    """

    id: int
    op: str
    args: tuple["Node", ...]
    attrs: tuple[Hashable, ...]
    grain: str
    type: Type
    facts: Facts
    fold: Fold | None = None

    @property
    def constant(self) -> Constant | None:
        """The exact value of a constant, None of anything else."""
        return self.attrs[0] if self.op == "const" else None  # type: ignore[return-value]

    @property
    def numeric(self) -> bool:
        return self.type.kind in (Kind.NUMBER, Kind.DATE)


class Graph:
    """Makes nodes; ``optimise`` off makes a new node each time, and the results are the same bits."""

    def __init__(self, optimise: bool = True) -> None:
        self.nodes: list[Node] = []
        self.fold: Fold | None = None  # of the nodes to be made
        self.leaves: dict[str, Node] = {}  # by param that is another one in another evaluation
        self._optimise = optimise
        self._known: dict[Hashable, Node] = {}

    def const(self, value: Constant, type: Type = NUMBER) -> Node:
        facts = Facts()
        if isinstance(value, Number):
            facts = Facts(value.value >= 0, abs(value.value) == float("inf"))
        return self._make("const", (), (value,), SCALAR, type, facts)

    def node(
        self,
        op: str,
        args: tuple[Node, ...],
        attrs: tuple[Hashable, ...] = (),
        *,
        grain: str,
        type: Type = NUMBER,
        facts: Facts | None = None,
    ) -> Node:
        """The node of this meaning: an old one where there is one, a constant where all operands are."""
        values = [a.constant for a in args]
        if args and all(v is not None for v in values):
            folded = fold(op, attrs, values)  # type: ignore[arg-type]
            if folded is not None:
                return self.const(folded, type)
        if facts is None:
            facts = facts_of(op, attrs, args)
        return self._make(op, args, attrs, grain, type, facts)

    def _make(
        self, op: str, args: tuple[Node, ...], attrs: tuple[Hashable, ...], grain: str, type: Type, facts: Facts
    ) -> Node:
        key = (op, tuple(a.id for a in args), attrs, grain, type.kind, type.labels, type.entity)
        if self._optimise and key in self._known:
            return self._known[key]
        made = Node(len(self.nodes), op, args, attrs, grain, type, facts, self.fold)
        self.nodes.append(made)
        self._known[key] = made
        return made


def _all(args: tuple[Node, ...]) -> bool:
    return all(a.facts.nonnegative for a in args if a.numeric)


def _always(args: tuple[Node, ...]) -> bool:
    return True


def _any(args: tuple[Node, ...]) -> bool:
    return any(a.facts.nonnegative for a in args)


# Where a result is never below zero: of all operands, of some, or always.
_NONNEGATIVE: dict[str, Callable[[tuple[Node, ...]], bool]] = {
    **dict.fromkeys(("abs", "exp", "sqrt", "agg_count", "agg_share"), _always),
    **dict.fromkeys(("normal_cdf", "normal_pdf", "bsm_call", "bsm_put", "bsm_gamma", "bsm_vega"), _always),
    **dict.fromkeys(("black76_call", "black76_put", "merton_call", "merton_put", "decay_by_steps"), _always),
    **dict.fromkeys(("add", "mul", "div", "pow", "min", "clamp", "floor", "ceil", "within", "settle"), _all),
    **dict.fromkeys(("round_down", "round_up", "round_nearest", "select", "choose", "gather"), _all),
    **dict.fromkeys(("agg_sum", "agg_min", "agg_max", "agg_mean"), _all),
    "agg_first": lambda args: args[0].facts.nonnegative,
    "max": _any,
}
# Operations that hand on an infinite operand; arithmetic on one is unknown.
_PASS_INFINITE = {
    "neg",
    "min",
    "max",
    "clamp",
    "select",
    "choose",
    "gather",
    "settle",
    "within",
    "agg_min",
    "agg_max",
    "agg_first",
}


def facts_of(op: str, attrs: tuple[Hashable, ...], args: tuple[Node, ...]) -> Facts:
    rule = _NONNEGATIVE.get(op)
    infinite = op in _PASS_INFINITE and any(a.facts.infinite for a in args)
    return Facts(rule is not None and rule(args), infinite)
