"""From the graph to tasks: what the fast evaluator can do, with the flagging of every row that it can't vouch for.

A node that has no translation here, and whatever reads it, is left to the careful evaluator over whole columns.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dsl.model import Interval, Kind, Policy
from evaluator import error
from evaluator.bits import Bits, bits_of
from evaluator.columns import Column
from evaluator.constants import TOLERANCE, Number
from evaluator.context import Context
from evaluator.graph import SCALAR, Node
from evaluator.pieces import Segments
from evaluator.reach import Made
from evaluator.shape import Shape
from evaluator.tasks import Task, Tasks
from evaluator.translate_lookups import LOOKUPS
from evaluator.vector import Vector

Rule = Callable[["Translator", Node, list[Made]], "Made | None"]
_ROUNDED = 2.0  # half units that an operation adds, as in ``evaluator.error``
_FUNCTION = 16.0
_MANY = 2.0**20  # half units of error up to which a relative one is small enough


class Translator:
    """Translates the nodes of one plan. ``heads``: nodes computed before, whole. ``longest``: by member entity, the
    most members that a row has."""

    def __init__(
        self,
        context: Context,
        shape: Shape,
        heads: Mapping[int, Vector],
        longest: Mapping[str, int],
    ) -> None:
        self.context, self.shape, self.heads, self.longest = context, shape, heads, longest
        self.policy: Policy = context.policy
        self.tasks = Tasks()
        self.read: set[tuple[str, str]] = set()  # inputs
        self.blanks: set[tuple[str, str]] = set()  # optional inputs, whose blank cells aren't faults
        self._made: dict[int, Made | None] = {}
        self._blanky: set[int] = set()
        self._nonnegative: set[int] = set()
        self._bits: dict[Segments, Bits | None] = {}
        self._unsigned: dict[int, bool] = {}

    def node(self, node: Node) -> Made | None:
        """The node's translation; its operands were translated before. None: the careful evaluator's."""
        if node.id not in self._made:
            self._made[node.id] = self._translated(node)
        return self._made[node.id]

    def _translated(self, node: Node) -> Made | None:
        if node.op == "const":
            return self._const(node)
        if node.id in self.heads:
            return self._head(node)
        if node.grain not in self.shape.parts:
            return None
        args = [self.node(a) for a in node.args if not self._is_column(node, a)]
        if any(a is None for a in args):
            return None
        if any(a.id in self._blanky for a in _lets_through(node)):
            self._blanky.add(node.id)
        found = RULES[node.op](self, node, [a for a in args if a is not None]) if node.op in RULES else None
        if found is not None and node.facts.nonnegative:
            self._nonnegative.add(found.task.id)
        return found

    def blanky(self, node: Node) -> bool:
        """Whether it may be blank in a row that isn't flagged."""
        return node.id in self._blanky

    def bits(self, segments: Segments) -> Bits | None:
        """The segments' cells, made once."""
        if segments not in self._bits:
            self._bits[segments] = bits_of(segments)
        return self._bits[segments]

    def _is_column(self, node: Node, arg: Node) -> bool:
        """Whether an operand is looked up whole, so that it needs no task of its own."""
        return node.op == "gather" and arg is node.args[1] and arg.id in self.heads

    def tracks(self, node: Node) -> bool:
        return self.context.tracks(node)

    def make(
        self, op: str, args: Sequence[Task], attrs: tuple[Any, ...] = (), *, grain: str, dtype: Any = np.float64
    ) -> Task:
        return self.tasks.make(op, args, attrs, grain=grain, dtype=dtype)

    def value(
        self, node: Node, op: str, args: Sequence[Made], attrs: tuple[Any, ...] = (), dtype: Any = np.float64
    ) -> Task:
        return self.make(op, [a.task for a in args], attrs, grain=node.grain, dtype=dtype)

    def size(self, made: Made, grain: str) -> Task:
        """The size of its error, by row or for the block."""
        if made.size is not None:
            return made.size
        task = made.task
        if task.op == "const":
            value = task.attrs[1]
            assert isinstance(value, float)
            return self.tasks.const(0.0 if np.isinf(value) else abs(value))
        if task.id in self._nonnegative:
            return task
        return self.make("abs", [task], grain=task.grain)

    def near(self, a: Made, b: Made, grain: str) -> list[Task]:
        """Flags rows in which the two are closer than their errors."""
        if a.exact and b.exact:
            return []
        if any(one.size is None and _zero(other) for one, other in ((a, b), (b, a))):
            return []  # a relative error never crosses zero, and zero has none
        if a.once and b.once:
            return [self.make("near_tie", [a.task, b.task], (_look(a), _look(b)), grain=grain, dtype=None)]
        sizes = [m.size for m in (a, b) if m.size is not None]
        attrs = (a.steps, b.steps, a.size is not None, b.size is not None)
        return [self.make("near", [a.task, b.task, *sizes], attrs, grain=grain, dtype=None)]

    def near_zero(self, a: Made, grain: str) -> list[Task]:
        return [] if a.size is None else self.near(a, Made(self.tasks.const(0.0)), grain)

    # -- leaves -----------------------------------------------------------------------------------

    def _const(self, node: Node) -> Made:
        value = node.constant
        match node.type.kind, value:
            case _, Number():
                return Made(self.tasks.const(float(value)), 0.0 if value.exact else 1.0, None, True)
            case Kind.FLAG, _:
                return Made(self.tasks.const(bool(value)))
            case _, str():
                return Made(self.tasks.const(self.context.text_code(value)))
            case _, int():
                return Made(self.tasks.const(value))
        raise TypeError(f"no constant of {node.type.kind} is {value!r}")

    def _head(self, node: Node) -> Made | None:
        """A value of the whole book. One that is unknown or in doubt leaves everything to the careful evaluator."""
        vector = self.heads[node.id]
        if node.grain != SCALAR or vector.quality is not None or vector.doubt is not None:
            return None
        return self._of_vector(node, vector, self.tasks.const(vector.values[0].item()))

    def _of_vector(self, node: Node, vector: Vector, task: Task) -> Made:
        steps, size = vector.relative / error.HALF_UNIT, None
        if vector.absolute is not None:
            size = self.tasks.const(
                float(abs(vector.values[0]) + np.asarray(error.total(vector)).max() / error.HALF_UNIT)
            )
            steps = 1.0
        return Made(task, steps, size, vector.once)

    def gathered(self, node: Node, index: Task, column: Node) -> Made:
        """A head's column, read through a link."""
        vector = self.heads[column.id]
        dtype = vector.values.dtype.type
        task = self.make("lookup", [index], (column.id,), grain=node.grain, dtype=dtype)
        if vector.absolute is None:
            return Made(task, vector.relative / error.HALF_UNIT, None, vector.once)
        steps = _relative(vector)
        if steps is not None:
            return Made(task, steps, None, vector.once)
        size = self.make("lookup_size", [index], (column.id,), grain=node.grain)
        return Made(task, 1.0, size, vector.once)

    # -- what can't be minus zero -----------------------------------------------------------------

    def unsigned(self, task: Task) -> bool:
        """Whether its values are never minus zero."""
        if task.id not in self._unsigned:
            self._unsigned[task.id] = self._is_unsigned(task)
        return self._unsigned[task.id]

    def _is_unsigned(self, task: Task) -> bool:
        match task.op:
            case "abs" | "exp" | "unsigned" | "piecewise":
                return True
            case "const":
                value = task.attrs[1]
                return not (isinstance(value, float) and value == 0.0 and bool(np.signbit(value)))
            case "add":
                return any(self.unsigned(a) for a in task.args)
            case "mul" | "div":
                return all(a.id in self._nonnegative and self.unsigned(a) for a in task.args)
            case "lookup":
                values = self.heads[task.attrs[0]].values  # type: ignore[index]
                return not bool((np.signbit(values) & (values == 0)).any())
            case "sqrt" | "min" | "max" | "spread" | "same":
                return all(self.unsigned(a) for a in task.args)
            case "select" | "choose":
                return all(self.unsigned(a) for a in task.args[1:])
            case "input":
                entity, name = task.attrs
                domain = self.policy.entities[str(entity)].inputs[str(name)].domain
                return domain is not None and domain.low is not None and domain.low > 0
            case "take":
                values = task.attrs[0].values  # type: ignore[attr-defined]
                return not bool((np.signbit(values) & (values == 0)).any())
        return task.op.startswith("agg_")


def _lets_through(node: Node) -> tuple[Node, ...]:
    """The operands whose blanks may be the node's."""
    if node.op in ("absent", "known"):
        return ()
    if node.op == "select":
        condition, then, otherwise = node.args
        if condition.op == "absent" and condition.args[0] is otherwise:
            return (then,)
        if condition.op == "known" and condition.args[0] is then:
            return (otherwise,)
    return node.args


def _relative(vector: Vector) -> float | None:
    """The largest error in half units of the value itself; None where that says nothing."""
    size = np.abs(vector.values)
    if not len(size) or not size.all() or not np.isfinite(size).all():
        return None
    steps = float((np.asarray(error.total(vector)) / size).max()) / error.HALF_UNIT
    return steps if steps < _MANY else None


def _zero(made: Made) -> bool:
    return made.exact and made.task.op == "const" and made.task.attrs[1] == 0


def _look(made: Made) -> str:
    """Of a number rounded at most once, whether it may have been: none, all, or those that are not whole."""
    return "no" if made.exact else "yes" if made.task.op == "const" else "look"


# -- rules of inputs and links ----------------------------------------------------------------------


def _input(t: Translator, node: Node, args: list[Made]) -> Made | None:
    entity, name = (str(a) for a in node.attrs)
    table, column = t.context.book.tables[entity], t.policy.entities[entity].inputs[name]
    found: Column = table.columns[name]
    t.read.add((entity, name))
    if column.optional and found.quality is not None and node.type.kind is not Kind.LINK:
        t.blanks.add((entity, name))
        t._blanky.add(node.id)
    if node.type.kind is Kind.TEXT:
        t.context.text_codes(table.texts[name])
    task = t.make("input", [], (entity, name), grain=node.grain, dtype=found.values.dtype.type)
    if not node.numeric:
        return Made(task)
    long = name in table.long
    steps = t.context.representation(entity, name) / error.HALF_UNIT if node.type.kind is Kind.NUMBER else 0.0
    return Made(task, steps, None, not long)


def _key(t: Translator, node: Node, args: list[Made]) -> Made:
    return Made(t.make("rows", [], (), grain=node.grain, dtype=np.int64))


def _gather(t: Translator, node: Node, args: list[Made]) -> Made | None:
    index, column = node.args
    if column.id in t.heads:
        if column.grain == SCALAR:
            return None
        return t.gathered(node, args[0].task, column)
    parent = t.shape.parents.get(node.grain)
    if parent is None or index.op != "input" or index.attrs != (node.grain, parent[0]) or column.grain != parent[1]:
        return None
    made = args[1]
    spread = [made.task if made.task.grain != column.grain else _spread(t, node, made.task, parent[0])]
    size = made.size
    if size is not None and size.grain == column.grain:
        size = _spread(t, node, size, parent[0])
    if column.facts.nonnegative:
        t._nonnegative.add(spread[0].id)
    return Made(spread[0], made.steps, size, made.once)


def _spread(t: Translator, node: Node, task: Task, link: str) -> Task:
    return t.make("spread", [task], (link,), grain=node.grain, dtype=task.dtype)


def _settle(t: Translator, node: Node, args: list[Made]) -> Made | None:
    (made,) = args
    if len(node.attrs) == 3 and node.attrs[2] is not None and made.task.grain not in ("", node.grain):
        return None
    if made.task.dtype is np.float64 and not t.unsigned(made.task):
        return Made(t.make("unsigned", [made.task], grain=made.task.grain), made.steps, made.size, made.once)
    return made


# -- rules of arithmetic ----------------------------------------------------------------------------


def _infinite(t: Translator, node: Node, args: list[Made]) -> list[Task]:
    """Flags infinite operands: arithmetic on them is unknown."""
    return [
        t.make("infinite", [made.task], grain=node.grain, dtype=None)
        for arg, made in zip(node.args, args, strict=True)
        if arg.facts.infinite
    ]


def _computed(
    t: Translator, node: Node, args: list[Made], attrs: tuple[Any, ...] = (), checks: Sequence[Task] = ()
) -> Task:
    task = t.value(node, node.op, args, (*attrs, t.tracks(node)))
    return t.tasks.check(task, [*_infinite(t, node, args), *checks])


def _sum(t: Translator, node: Node, args: list[Made]) -> Made:
    task = _computed(t, node, args)
    a, b = args
    size = None
    if node.op != "add" or a.size or b.size or not all(n.facts.nonnegative for n in node.args):
        size = _if(t, node, lambda: t.make("add", [t.size(m, node.grain) for m in args], (False,), grain=node.grain))
    return Made(task, max(a.steps, b.steps) + _ROUNDED, size)


def _if(t: Translator, node: Node, size: Callable[[], Task]) -> Task | None:
    """A size, where some decision asks for it."""
    return size() if t.tracks(node) else None


def _product(t: Translator, node: Node, args: list[Made]) -> Made:
    task = _computed(t, node, args)
    size = None
    if any(m.size for m in args):
        size = _if(t, node, lambda: t.make("mul", [t.size(m, node.grain) for m in args], (False,), grain=node.grain))
    return Made(task, args[0].steps + args[1].steps + _ROUNDED, size)


def _quotient(t: Translator, node: Node, args: list[Made]) -> Made:
    a, b = args
    task = _computed(t, node, args, (), t.near_zero(b, node.grain))
    size = None
    if a.size or b.size:

        def sized() -> Task:
            divisor = t.make("abs", [b.task], grain=node.grain) if b.task.id not in t._nonnegative else b.task
            above = t.size(a, node.grain)
            if b.size is not None:
                part = t.make("mul", [b.size, t.make("abs", [task], grain=node.grain)], (False,), grain=node.grain)
                above = t.make("add", [above, part], (False,), grain=node.grain)
            return t.make("size_div", [above, divisor], grain=node.grain)

        size = _if(t, node, sized)
    return Made(task, 2 * (a.steps + b.steps) + _ROUNDED, size)


def _same(t: Translator, node: Node, args: list[Made]) -> Made:
    (a,) = args
    if node.op == "neg":
        return Made(t.value(node, "neg", args), a.steps, a.size, a.once)
    task = t.tasks.check(t.value(node, "abs", args), _infinite(t, node, args))
    return Made(task, a.steps, a.size, a.once)


def _sign(t: Translator, node: Node, args: list[Made]) -> Made:
    return Made(t.tasks.check(t.value(node, "sign", args), t.near_zero(args[0], node.grain)))


def _extreme(t: Translator, node: Node, args: list[Made]) -> Made | None:
    checks: list[Task] = []
    if node.op == "clamp":
        checks = t.near(args[1], args[2], node.grain)
        if not (args[1].task.op == args[2].task.op == "const" and args[1].task.attrs[1] <= args[2].task.attrs[1]):  # type: ignore[operator]
            checks.append(t.make("crossed", [args[1].task, args[2].task], grain=node.grain, dtype=None))
    task = t.tasks.check(t.value(node, node.op, args), checks)
    inexact = [m for m in args if not m.exact]
    size = None
    if any(m.size for m in args) or (len(args) > 2 and len(inexact) > 1):

        def sized() -> Task:
            found = t.size(inexact[0], node.grain)
            for made in inexact[1:]:
                found = t.make("max", [found, t.size(made, node.grain)], grain=node.grain)
            return t.make("add", [found, t.make("abs", [task], grain=node.grain)], (False,), grain=node.grain)

        size = _if(t, node, sized)
    return Made(task, max(m.steps for m in args), size, all(m.once for m in args))


def _root(t: Translator, node: Node, args: list[Made]) -> Made:
    (x,) = args
    task = _computed(t, node, args, (), t.near_zero(x, node.grain))
    size = None
    if x.size is not None:
        size = _if(t, node, lambda: t.make("size_div", [t.size(x, node.grain), task], grain=node.grain))
    return Made(task, x.steps + _ROUNDED, size)


def _exponential(t: Translator, node: Node, args: list[Made]) -> Made:
    (x,) = args
    task = _computed(t, node, args)
    size = None
    if not x.exact:

        def sized() -> Task:
            one = t.make("add", [t.size(x, node.grain), t.tasks.const(1.0)], (False,), grain=node.grain)
            return t.make("mul", [task, one], (False,), grain=node.grain)

        size = _if(t, node, sized)
    return Made(task, _FUNCTION + 3 * x.steps, size)


def _power(t: Translator, node: Node, args: list[Made]) -> Made | None:
    (x,) = args
    exponent = node.attrs[0]
    assert isinstance(exponent, Number)
    if x.size is not None and t.tracks(node):
        return None
    power = float(exponent)
    checks = t.near_zero(x, node.grain) if power < 0 or not power.is_integer() else []
    task = _computed(t, node, args, (power,), checks)
    return Made(task, 1.02 * abs(power) * x.steps + _FUNCTION)


def _whole(t: Translator, node: Node, args: list[Made]) -> Made:
    (x,) = args
    checks = _infinite(t, node, args)
    if not x.exact:
        sizes = [x.size] if x.size is not None and not x.once else []
        checks.append(t.make("near_whole", [x.task, *sizes], (x.steps, x.once), grain=node.grain, dtype=None))
    return Made(t.tasks.check(t.value(node, node.op, args), checks))


# -- rules of decisions -----------------------------------------------------------------------------


def _compare(t: Translator, node: Node, args: list[Made]) -> Made | None:
    operator, tolerant = node.attrs
    a, b = args
    if not node.args[0].numeric:
        return Made(t.value(node, "compare", args, (operator,), np.bool_))
    if tolerant and operator in ("=", "<=", ">="):
        sizes = [t.size(m, node.grain) for m in args]
        attrs = (operator, float(TOLERANCE), max(a.steps, b.steps))
        near = t.make("near_slack", [a.task, b.task, *sizes], attrs, grain=node.grain, dtype=None)
        task = t.value(node, "compare_slack", args, (operator, float(TOLERANCE)), np.bool_)
        return Made(t.tasks.check(task, [near]))
    task = t.value(node, "compare", args, (operator,), np.bool_)
    return Made(t.tasks.check(task, t.near(a, b, node.grain)))


def _margin(t: Translator, node: Node, args: list[Made]) -> Made:
    return Made(t.value(node, "margin", args, (node.attrs[0],)))


def _not(t: Translator, node: Node, args: list[Made]) -> Made:
    return Made(t.value(node, "not", args, (), np.bool_))


def _logic(t: Translator, node: Node, args: list[Made]) -> Made:
    if len(args) == 1:
        return args[0]
    return Made(t.value(node, node.op, args, (), np.bool_))


def _select(t: Translator, node: Node, args: list[Made]) -> Made | None:
    condition, then, otherwise = args
    dtype = _dtype(node, [then, otherwise])
    if condition.task.op == "const":
        return then if condition.task.attrs[1] else otherwise
    task = t.value(node, "select", args, (), dtype)
    return _chosen(t, node, "select", condition, [then, otherwise], (), task)


def _chosen(
    t: Translator, node: Node, op: str, index: Made, options: list[Made], attrs: tuple[Any, ...], task: Task
) -> Made:
    size = None
    if node.numeric and any(o.size for o in options):

        def sized() -> Task:
            sizes = [t.size(o, node.grain) for o in options]
            return t.make(op, [index.task, *sizes], attrs, grain=node.grain)

        size = _if(t, node, sized)
    return Made(task, max(o.steps for o in options), size, all(o.once for o in options))


def _dtype(node: Node, options: list[Made]) -> Any:
    found = [o.task.dtype for o in options if o.task.dtype is not None]
    if found:
        return found[0]
    return {Kind.FLAG: np.bool_, Kind.ENUM: np.int32, Kind.TEXT: np.int32}.get(node.type.kind, np.float64)


def _absent(t: Translator, node: Node, args: list[Made]) -> Made | None:
    """Rows whose cell is blank. Elsewhere it is known, or the row is flagged anyway."""
    (arg,) = node.args
    known = node.op == "known"
    if arg.op == "input" and t.blanky(arg):
        blank = t.make("blank", [], arg.attrs, grain=node.grain, dtype=np.bool_)
        return Made(t.make("not", [blank], grain=node.grain, dtype=np.bool_) if known else blank)
    return None if t.blanky(arg) else Made(t.tasks.const(known))


def _pick(t: Translator, node: Node, args: list[Made]) -> Made:
    rows, other, _ = node.attrs
    task = t.value(node, "pick", args, (rows, 0 if other is None else other), np.int32)
    if other is None:
        t.tasks.check(task, [t.make("open", [a.task for a in args], grain=node.grain, dtype=None)])
    return Made(task)


def _reason(t: Translator, node: Node, args: list[Made]) -> Made:
    """Every row that isn't flagged has its tier."""
    return Made(t.tasks.const(int(np.iinfo(np.int64).max)))


def _within(t: Translator, node: Node, args: list[Made]) -> Made:
    domain = node.attrs[0]
    assert isinstance(domain, Interval)
    (made,) = args
    checks = []
    for limit, side in ((domain.low, "low"), (domain.high, "high")):
        if limit is None:
            continue
        number = Number(limit)
        edge = Made(t.tasks.const(float(number)), 0.0 if number.exact else 1.0, None, True)
        is_open = domain.low_open if side == "low" else domain.high_open
        checks.append(t.make("beyond", [made.task, edge.task], (side, is_open), grain=node.grain, dtype=None))
        checks += t.near(made, edge, node.grain)
    task = t.make("same", [made.task], (node.id,), grain=node.grain, dtype=made.task.dtype or np.float64)
    if node.facts.nonnegative:
        t._nonnegative.add(task.id)
    return Made(t.tasks.check(task, checks), made.steps, made.size, made.once)


# -- rules of aggregates ----------------------------------------------------------------------------


def _aggregate(t: Translator, node: Node, args: list[Made]) -> Made | None:
    entity, filtered, linked = node.attrs
    if not linked:
        return None
    entity = str(entity)
    parent = t.shape.parents.get(entity)
    link = node.args[-1]
    if parent is None or parent[1] != node.grain or link.op != "input" or link.attrs != (entity, parent[0]):
        return None
    value, counted = args[0], args[1] if filtered else None

    def cross(op: str, tasks: Sequence[Task], checks: Sequence[Task] = ()) -> Task:
        dtype = np.bool_ if op == "agg_any" else np.float64
        return t.tasks.check(t.make(op, tasks, (entity,), grain=node.grain, dtype=dtype), checks)

    def mask(made: Made) -> list[Task]:
        tasks = [made.task, *([counted.task] if counted is not None else [])]
        tasks = [x for x in tasks if not (x.op == "const" and x.attrs[1] is True)]
        return [t.make("and", tasks, grain=entity, dtype=np.bool_)] if len(tasks) > 1 else tasks

    def count(made: Made) -> Task:
        return cross("agg_count", mask(made))

    every = Made(t.tasks.const(True))
    zero = t.tasks.const(0.0)

    def filtered_(task: Task) -> Task:
        return task if counted is None else t.make("select", [counted.task, task, zero], grain=entity)

    match node.op:
        case "agg_count":
            return Made(count(value))
        case "agg_share" | "agg_mean":
            members = count(every)
            safe = t.make("max", [members, t.tasks.const(1.0)], grain=node.grain)
            above = Made(count(value)) if node.op == "agg_share" else _total(t, node, value, filtered_, cross)
            task = t.make("div", [above.task, safe], (t.tracks(node),), grain=node.grain)
            task = t.tasks.check(task, [t.make("beyond", [members, zero], ("low", True), grain=node.grain, dtype=None)])
            size = above.size and t.make("size_div", [above.size, safe], grain=node.grain)
            return Made(task, above.steps + _ROUNDED, size)
        case "agg_sum":
            return _total(t, node, value, filtered_, cross)
        case "agg_any" | "agg_all":
            flags = value.task
            if node.op == "agg_all":
                flags = t.make("not", [flags], grain=entity, dtype=np.bool_)
            marks = mask(Made(flags))
            found = (
                cross("agg_any", marks)
                if marks
                else t.make("compare", [count(every), zero], (">",), grain=node.grain, dtype=np.bool_)
            )
            return Made(found if node.op == "agg_any" else t.make("not", [found], grain=node.grain, dtype=np.bool_))
        case "agg_min" | "agg_max":
            members = count(every)
            tasks = [value.task, *([counted.task] if counted is not None else [])]
            empty = t.make("beyond", [members, zero], ("low", True), grain=node.grain, dtype=None)
            task = cross(node.op, tasks, [empty])
            size = value.size and t.make("peak", [value.size], (entity,), grain=node.grain)
            return Made(task, value.steps, size, value.once)
    return None


def _total(
    t: Translator,
    node: Node,
    value: Made,
    filtered: Callable[[Task], Task],
    cross: Callable[..., Task],
) -> Made:
    entity = str(node.attrs[0])
    checks = [t.make("infinite", [value.task], grain=entity, dtype=None)] if node.args[0].facts.infinite else []
    task = cross("agg_sum", [filtered(value.task)], checks)
    longest = t.longest[entity]
    size = None
    if value.size is not None or not node.args[0].facts.nonnegative:
        size = _if(t, node, lambda: t.make("peak", [filtered(t.size(value, entity))], (entity,), grain=node.grain))
    return Made(task, value.steps + longest + 3, size)


RULES: dict[str, Rule] = {
    **LOOKUPS,
    "input": _input,
    "key": _key,
    "gather": _gather,
    "settle": _settle,
    **dict.fromkeys(("add", "sub"), _sum),
    "mul": _product,
    "div": _quotient,
    **dict.fromkeys(("neg", "abs"), _same),
    "sign": _sign,
    **dict.fromkeys(("min", "max", "clamp"), _extreme),
    "sqrt": _root,
    "exp": _exponential,
    "pow": _power,
    **dict.fromkeys(("floor", "ceil"), _whole),
    "compare": _compare,
    "margin": _margin,
    "not": _not,
    **dict.fromkeys(("and", "or"), _logic),
    "select": _select,
    **dict.fromkeys(("absent", "known"), _absent),
    "pick": _pick,
    "reason": _reason,
    "within": _within,
    **dict.fromkeys(
        ("agg_sum", "agg_mean", "agg_min", "agg_max", "agg_count", "agg_share", "agg_any", "agg_all"), _aggregate
    ),
}
