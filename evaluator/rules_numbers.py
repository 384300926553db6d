"""From arithmetic in the graph to tasks, with how far the results may be off."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from evaluator.constants import Number
from evaluator.graph import Node
from evaluator.reach import ROUNDED, Made, Rule
from evaluator.tasks import Task

if TYPE_CHECKING:
    from evaluator.translate import Translator

_RATHER = 8.0  # times another error
_FUNCTION = 16.0  # half units of exp and powers


def _infinite(t: "Translator", node: Node, args: list[Made]) -> list[Task]:
    """Flags infinite operands: arithmetic on them is unknown."""
    return [
        t.make("infinite", [made.task], grain=node.grain, dtype=None)
        for arg, made in zip(node.args, args, strict=True)
        if arg.facts.infinite
    ]


def _computed(
    t: "Translator", node: Node, args: list[Made], attrs: tuple[Any, ...] = (), checks: Sequence[Task] = ()
) -> Task:
    task = t.value(node, node.op, args, (*attrs, t.tracks(node)))
    return t.tasks.check(task, [*_infinite(t, node, args), *checks])


def _sum(t: "Translator", node: Node, args: list[Made]) -> Made:
    task = _computed(t, node, args)
    a, b = args
    size = None
    if node.op != "add" or a.size or b.size or not all(t.never_below(n) for n in node.args):
        size = sized_if(
            t, node, lambda: t.make("add", [t.size(m, node.grain) for m in args], (False,), grain=node.grain)
        )
    if size is not None and node.op == "sub" and a.size is None and b.size is None:
        t.differences[size.id] = a
    return Made(task, max(a.steps, b.steps) + ROUNDED, size)


def sized_if(t: "Translator", node: Node, size: Callable[[], Task]) -> Task | None:
    """A size, where some decision asks for it."""
    return size() if t.tracks(node) else None


def _product(t: "Translator", node: Node, args: list[Made]) -> Made:
    task = _computed(t, node, args)
    size = None
    if any(m.size for m in args):

        def sized() -> Task:
            for one, other in (args, args[::-1]):
                if one.size is None and other.size is not None and other.size.id in t.differences:
                    return _of_difference(t, node, task, one, t.differences[other.size.id])
            return t.make("mul", [t.size(m, node.grain) for m in args], (False,), grain=node.grain)

        size = sized_if(t, node, sized)
    return Made(task, args[0].steps + args[1].steps + ROUNDED, size)


def _of_difference(t: "Translator", node: Node, task: Task, factor: Made, first: Made) -> Task:
    """The size of f * (x - y), where those of x and y are their own: |f| * (|x| + |y|) is at most
    2 * |f * x| + |f * (x - y)|. A policy often has |f| * x, such as the notional beside the profit."""
    product = t.make("mul", [t.size(factor, node.grain), t.size(first, node.grain)], (True,), grain=node.grain)
    t.nonnegative.add(product.id)
    twice = t.make("mul", [t.tasks.const(2.0), product], (False,), grain=node.grain)
    return t.make("add", [t.make("abs", [task], grain=node.grain), twice], (False,), grain=node.grain)


def _quotient(t: "Translator", node: Node, args: list[Made]) -> Made:
    a, b = args
    task = _computed(t, node, args, (), t.near_zero(b, node.grain))
    size = None
    if a.size and not b.size and b.steps > _RATHER * (a.steps + ROUNDED):  # the divisor's error is the result's own
        steps = 2 * a.steps + ROUNDED

        def parts() -> Task:
            own = task if task.id in t.nonnegative else t.make("abs", [task], grain=node.grain)
            own = t.make("mul", [own, t.tasks.const(2 * b.steps / steps)], (False,), grain=node.grain)
            divisor = b.task if b.task.id in t.nonnegative else t.make("abs", [b.task], grain=node.grain)
            above = t.make("size_div", [t.size(a, node.grain), divisor], grain=node.grain)
            return t.make("add", [above, own], (False,), grain=node.grain)

        return Made(task, steps, sized_if(t, node, parts))
    if a.size or b.size:

        def sized() -> Task:
            divisor = t.make("abs", [b.task], grain=node.grain) if b.task.id not in t.nonnegative else b.task
            above = t.size(a, node.grain)
            if b.size is not None:
                part = t.make("mul", [b.size, t.make("abs", [task], grain=node.grain)], (False,), grain=node.grain)
                above = t.make("add", [above, part], (False,), grain=node.grain)
            return t.make("size_div", [above, divisor], grain=node.grain)

        size = sized_if(t, node, sized)
    return Made(task, 2 * (a.steps + b.steps) + ROUNDED, size)


def _same(t: "Translator", node: Node, args: list[Made]) -> Made:
    (a,) = args
    if node.op == "neg":
        return Made(t.value(node, "neg", args), a.steps, a.size, a.once)
    task = t.tasks.check(t.value(node, "abs", args), _infinite(t, node, args))
    return Made(task, a.steps, a.size, a.once)


def _sign(t: "Translator", node: Node, args: list[Made]) -> Made:
    return Made(t.tasks.check(t.value(node, "sign", args), t.near_zero(args[0], node.grain)))


def _extreme(t: "Translator", node: Node, args: list[Made]) -> Made | None:
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

        size = sized_if(t, node, sized)
    return Made(task, max(m.steps for m in args), size, all(m.once for m in args))


def _root(t: "Translator", node: Node, args: list[Made]) -> Made:
    (x,) = args
    task = _computed(t, node, args, (), t.near_zero(x, node.grain))
    size = None
    if x.size is not None:
        size = sized_if(t, node, lambda: t.make("size_div", [t.size(x, node.grain), task], grain=node.grain))
    return Made(task, x.steps + ROUNDED, size)


def _exponential(t: "Translator", node: Node, args: list[Made]) -> Made:
    (x,) = args
    task = _computed(t, node, args)
    size = None
    if not x.exact:

        def sized() -> Task:
            one = t.make("add", [t.size(x, node.grain), t.tasks.const(1.0)], (False,), grain=node.grain)
            return t.make("mul", [task, one], (False,), grain=node.grain)

        size = sized_if(t, node, sized)
    return Made(task, _FUNCTION + 3 * x.steps, size)


def _power(t: "Translator", node: Node, args: list[Made]) -> Made | None:
    (x,) = args
    exponent = node.attrs[0]
    assert isinstance(exponent, Number)
    if x.size is not None and t.tracks(node):
        return None
    power = float(exponent)
    checks = t.near_zero(x, node.grain) if power < 0 or not power.is_integer() else []
    task = _computed(t, node, args, (power,), checks)
    return Made(task, 1.02 * abs(power) * x.steps + _FUNCTION)


def _whole(t: "Translator", node: Node, args: list[Made]) -> Made:
    (x,) = args
    checks = _infinite(t, node, args)
    if not x.exact:
        sizes = [x.size] if x.size is not None and not x.once else []
        checks.append(t.make("near_whole", [x.task, *sizes], (x.steps, x.once), grain=node.grain, dtype=None))
    return Made(t.tasks.check(t.value(node, node.op, args), checks))


NUMBERS: dict[str, Rule] = {
    "add": _sum,
    "sub": _sum,
    "mul": _product,
    "div": _quotient,
    "neg": _same,
    "abs": _same,
    "sign": _sign,
    "min": _extreme,
    "max": _extreme,
    "clamp": _extreme,
    "sqrt": _root,
    "exp": _exponential,
    "pow": _power,
    "floor": _whole,
    "ceil": _whole,
}
