"""One move for all: what an `over` computes in its moves, lowered once, with the grid's columns left open.

What no move touches is told from what one does, and that by where it has its values: for the whole book, for the rows
of a small table (the markets), for the rows that ask, or for their members. For each of the latter it is worked out how
a value changes along a line of moves, on which the tables' values change in proportion (``grid_lines``), as long as no
row passes from one piece of a formula to the next: not at all, in proportion, or in one direction only.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from dsl import model
from dsl.model import Kind, Value
from dsl.records import dataclass
from dsl.state import Touched
from evaluator.constants import Constant, Number, fold
from evaluator.graph import SCALAR, Graph, Node
from evaluator.lower import Lowering, deep
from evaluator.pieces import Polynomials
from evaluator.plan import plan
from evaluator.scope import Lowered, Scope
from evaluator.states import State

STILL, LINEAR, RISING = 0, 1, 2  # not at all, in proportion, in one direction (up or down)


class OpenMove(Lowering):
    """Lowers a state whose move is left open."""

    def __init__(
        self,
        policy: model.Policy,
        params: Mapping[str, Value],
        as_of: Fraction | None,
        infinite: frozenset[tuple[str, str]],
        graph: Graph,
    ) -> None:
        super().__init__(policy, params, as_of, infinite, graph)
        self.moved: State | None = None
        self.args: dict[str, Lowered] = {}

    def args_of(self, state: State) -> dict[str, Lowered]:
        return self.args if state is self.moved else super().args_of(state)

    def in_the_move(self, entity: str, over: model.Over, leaves: Mapping[str, Node]) -> Node:
        """An `over`'s value. ``leaves``: the grid's columns."""
        lines = {(b.entity, b.column): b.value for b in over.lines}
        touched = Touched(self.policy, lines, over.held)
        self.moved = State(None, over.grid, lines, over.held, {}, touched, (1,))
        self.args = {name: Lowered(node, 0) for name, node in leaves.items()}
        with deep(), self.reading(self.moved):
            return self.lower(over.value, Scope(entity, args=self.args)).node


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """``value``: the node of the `over`'s value at the rows of ``entity``. ``single``: nodes of the whole book that the
    move touches, ``tables`` those of small tables, ``rows`` those of the asking rows and of their members: each after
    what it reads. ``plain``: what those read that no move touches. ``links``: by member entity, the node of the link
    from it to the asking rows. ``order``: all that is behind the value."""

    entity: str
    value: Node
    single: tuple[Node, ...]
    tables: tuple[Node, ...]
    rows: tuple[Node, ...]
    plain: tuple[Node, ...]
    links: Mapping[str, Node]
    order: tuple[Node, ...]

    @property
    def touched(self) -> frozenset[int]:
        return frozenset(n.id for n in (*self.single, *self.tables, *self.rows))


def template(
    policy: model.Policy,
    params: Mapping[str, Value],
    as_of: Fraction | None,
    infinite: frozenset[tuple[str, str]],
    entity: str,
    over: model.Over,
) -> Template | None:
    """None where it isn't of this shape."""
    graph = Graph()
    columns = policy.grids[over.grid].columns
    leaves = {name: graph.node("sought", (), (name,), grain=SCALAR, type=type) for name, type in columns}
    found = OpenMove(policy, params, as_of, infinite, graph).in_the_move(entity, over, leaves)
    if found.grain != entity or found.type.kind is not Kind.NUMBER:
        return None
    touched: dict[int, Node] = {}
    order = plan([found]).order
    for node in order:
        if node.op == "sought" or any(a.id in touched for a in node.args):
            touched[node.id] = node
    nodes = list(touched.values())
    links: dict[str, Node] = {}
    for node in order:
        if node.grain == entity and node.op.startswith("agg_"):
            member, link = str(node.attrs[0]), node.args[-1]
            if not node.attrs[2] or link.op != "input" or link.attrs[0] != member or member == entity:
                return None
            if links.setdefault(member, link) is not link:
                return None
    here = {entity, *links}
    if not all(_apart(node, here, entity) for node in order):
        return None
    single = tuple(n for n in nodes if n.grain == SCALAR)
    tables = tuple(n for n in nodes if n.grain not in here and n.grain != SCALAR)
    rows = tuple(n for n in nodes if n.grain in here)
    if found.id not in touched or not all(n.grain in policy.entities for n in (*tables, *rows)):
        return None
    reads = {a.id: a for n in nodes for a in n.args if a.id not in touched}
    made = Template(entity, found, single, tables, rows, tuple(reads.values()), links, order)
    return made if all(_placed(made, node, here) for node in nodes) else None


def _apart(node: Node, here: set[str], entity: str) -> bool:
    """Whether an asking row's values depend on no other asking row's, nor on others' members."""
    if node.op == "gather":
        return node.args[1].grain not in here or (node.args[1].grain == entity and node.grain in here)
    return node.grain in here or not any(a.grain in here for a in node.args)


def _placed(made: Template, node: Node, here: set[str]) -> bool:
    """Whether a node reads what is there when it is computed."""
    for place, arg in enumerate(node.args):
        if arg.id not in made.touched or arg.grain in (SCALAR, node.grain):
            continue
        if node.op == "gather" and place == 1:
            index = node.args[0]
            if index.id in made.touched:
                return False
            if arg.grain in here and (arg.grain != made.entity or index is not made.links.get(node.grain)):
                return False
        elif not (node.op.startswith("agg_") and arg.grain == node.attrs[0]):
            return False
    return True


# -- the whole book's values ----------------------------------------------------------------------


def folded(made: Template, moves: Sequence[Mapping[str, model.Const]]) -> dict[int, list[Constant]]:
    """What the moves' own numbers give, exactly, as where each move is lowered by itself: by node, for every move."""
    found: dict[int, list[Constant]] = {}
    for node in made.single:
        if node.op == "sought":
            values = [move[str(node.attrs[0])].value for move in moves]
            found[node.id] = [Number(v) for v in values if isinstance(v, Fraction | float)]
            continue
        args = [found.get(a.id) or _constant(a, len(moves)) for a in node.args]
        if any(a is None for a in args):
            continue
        parts = zip(*(a for a in args if a is not None), strict=True)
        made_of = [fold(node.op, node.attrs, list(part)) for part in parts]
        known = [c for c in made_of if c is not None]
        if len(known) == len(moves):
            found[node.id] = known
    return found


def _constant(node: Node, count: int) -> list[Constant] | None:
    return None if node.constant is None else [node.constant] * count


# -- how values change ----------------------------------------------------------------------------


def manner(node: Node, args: Sequence[int]) -> int | None:
    """How a value changes along a line while no row passes from piece to piece, by how its operands do; None where that
    isn't known."""
    most = max(args, default=STILL)
    others = [a for a in args if a == STILL]
    one = len(others) >= len(args) - 1  # at most one operand changes
    match node.op:
        case "settle" | "within" | "neg" | "abs" | "gather":
            return most
        case "add" | "sub" | "min" | "max":
            return most if one or most <= LINEAR else None
        case "mul":
            return most if one else None
        case "div":
            if args[1] == STILL:
                return args[0]
            return RISING if args[0] == STILL or max(args) <= LINEAR else None
        case "clamp":
            return args[0] if one and args[0] == most else None
        case "compare":
            return STILL if one or (most <= LINEAR and node.args[0].numeric) else None
        case "and" | "or" | "not" | "pick" | "locate" | "take" | "corner":
            return STILL if most == STILL or (node.op == "locate" and one) else None
        case "sign":
            return STILL
        case "select" | "choose":
            return None if args[0] != STILL else most
        case "segment":
            return STILL if max(args[1:], default=STILL) == STILL else None
        case "piecewise" | "logarithmic":
            (pieces,) = node.attrs
            if not isinstance(pieces, Polynomials) or args[1] != STILL:
                return None
            if node.op == "logarithmic":
                return RISING if most else STILL
            return most if pieces.b is None or most == STILL else None
        case "mix":
            return args[2] if args[0] == args[1] == STILL else None
        case "sqrt" | "exp" | "ln" | "pow":
            return RISING if most else STILL
        case "agg_sum" | "agg_mean":
            return args[0] if args[0] <= LINEAR and max(args[1:]) == STILL else None
        case "agg_count" | "agg_any" | "agg_all" | "agg_share":
            return STILL if most == STILL else None
    return None


def manners(made: Template, tables: Mapping[int, int]) -> dict[int, int] | None:
    """Of the rows' nodes; ``tables``: of those of the whole book and of small tables. None where one isn't known."""
    found = dict(tables)
    for node in made.rows:
        how = manner(node, [found.get(a.id, STILL) for a in node.args])
        if how is None:
            return None
        found[node.id] = how
    return found
