"""A graph for several evaluations at once that differ in some numbers of the whole book alone, such as a grid's moves.

Such a number is an open leaf of the graph. What is computed from leaves and constants alone is folded exactly, once for
each of the evaluations, as it would be in a graph of its own. All else is the same for all, and so are the plan and the
compiled program.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence

from dsl.model import NUMBER, Type, Value
from dsl.records import dataclass
from evaluator.constants import Constant, Number, fold
from evaluator.graph import SCALAR, Facts, Graph, Node, facts_of

Each = tuple[Constant | None, ...]  # in each of the evaluations, None where a kernel has to find it


@dataclass(frozen=True, slots=True, eq=False)
class Several:
    """Evaluations that differ in some numbers among the params: of each, their values."""

    params: tuple[Mapping[str, Value], ...]

    @property
    def names(self) -> Collection[str]:
        return self.params[0].keys()


@dataclass(frozen=True, slots=True)
class OneOf:
    """The evaluation at a place of several."""

    several: Several
    place: int

    def same(self, params: Mapping[str, Value]) -> dict[str, Value]:
        """The params that are the same in all of them."""
        return {name: value for name, value in params.items() if name not in self.several.names}


class Opened(Graph):
    """``each``: by scalar node that is another constant in some of the evaluations, all of them."""

    def __init__(self, optimise: bool = True) -> None:
        super().__init__(optimise)
        self.each: dict[int, Each] = {}

    def open(self, several: Several, types: Mapping[str, Type]) -> dict[str, Node]:
        """A leaf for each of the numbers."""
        found = {}
        for name in several.names:
            values = [_number(params[name]) for params in several.params]
            found[name] = self._opened("sought", (), (name,), types[name], values, None)
        return found

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
        parts: list[Sequence[Constant | None]] = []
        count = max((len(self.each[a.id]) for a in args if a.id in self.each), default=0)
        for arg in args if count else ():
            known = self.each.get(arg.id, () if arg.constant is None else (arg.constant,) * count)
            parts += [known] if known else []
        if not count or len(parts) < len(args):
            return super().node(op, args, attrs, grain=grain, type=type, facts=facts)
        found = [None if None in one else fold(op, attrs, list(one)) for one in zip(*parts, strict=True)]
        if all(one is None for one in found):
            return super().node(op, args, attrs, grain=grain, type=type, facts=facts)
        return self._opened(op, args, attrs, type, found, facts)

    def _opened(
        self,
        op: str,
        args: tuple[Node, ...],
        attrs: tuple[Hashable, ...],
        type: Type,
        found: Sequence[Constant | None],
        facts: Facts | None,
    ) -> Node:
        """A constant where it is the same in all; facts are those that hold in all."""
        first = found[0]
        if first is not None and all(one == first for one in found):
            return self.const(first, type)
        numbers = [one.value for one in found if isinstance(one, Number)]
        facts = (facts or facts_of(op, attrs, args)) if None in found else Facts(bool(numbers))
        facts = Facts(
            facts.nonnegative and all(n >= 0 for n in numbers),
            facts.infinite or any(abs(n) == float("inf") for n in numbers),
        )
        made = self._make(op, args, attrs, SCALAR, type, facts)
        self.each[made.id] = tuple(found)
        return made


def _number(value: Value) -> Number:
    if isinstance(value, str | bool):
        raise TypeError(f"no leaf is {value!r}")
    return Number(value)


def known_in(each: Mapping[int, Each], place: int) -> dict[int, Constant]:
    """What is known by node in one of the evaluations."""
    return {id: one for id, found in each.items() if (one := found[place]) is not None}


def varying(order: Sequence[Node], each: Mapping[int, Each]) -> frozenset[int]:
    """The nodes that may be otherwise in another of the evaluations; in ``order`` each stands after its operands."""
    found: set[int] = set()
    for node in order:
        if node.id in each or not found.isdisjoint([a.id for a in node.args]):
            found.add(node.id)
    return frozenset(found)
