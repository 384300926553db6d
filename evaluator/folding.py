"""Tasks in which a decision has gone one way: what its choices come to then, with the arithmetic that this settles.

Accounts in a tier that closes nothing reduce nothing, pay nothing, and are as healthy afterwards as before. Where the
tier's cells are put in for the choice, most of what follows comes to a number, or to a task that is there anyway.
Every step gives the same bits as the tasks themselves would.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from math import isfinite
from operator import add, mul, neg, pos, sub
from typing import Any

import numpy as np

from evaluator.acts import ACTS
from evaluator.frame import Frame
from evaluator.tasks import Task, Tasks
from evaluator.translate import Translator

_PURE = frozenset(
    "add sub mul div neg abs sign sqrt exp pow floor ceil min max clamp size_div unsigned same compare margin not and "
    "or take map segment piecewise size_piece count_bounds advance".split()
)


_EXACT: dict[str, Callable[..., Any]] = {
    "add": add, "sub": sub, "mul": mul, "neg": neg, "abs": abs, "min": min, "max": max, "unsigned": pos, "same": pos,
}  # fmt: skip


class Unsettled(Exception):
    """Something can't be said of all rows at once."""


class Folding:
    """``tasks``: where what is made stands. ``options``: by task that chooses by the decision, what it comes to.
    ``following``: tasks that depend on those. ``translator``: it knows which values are never below zero, and which
    never minus zero."""

    def __init__(
        self, tasks: Tasks, translator: Translator, options: Mapping[int, Task], following: Container[int]
    ) -> None:
        self.tasks, self._translator, self._following = tasks, translator, following
        self.dropped: list[Task] = []  # what nothing depends on any more, but for faults and doubts of its own
        self._done: dict[int, Task] = dict(options)

    def folded(self, task: Task) -> Task:
        """Raises Unsettled."""
        if task.id not in self._following:
            return task
        stack = [task]
        while stack:
            top = stack[-1]
            waiting = [a for a in top.args if self._waits(a)] if top.id not in self._done else []
            if waiting:
                stack += waiting
            else:
                stack.pop()
                if top.id not in self._done:
                    self._done[top.id] = self._fold(top)
        return self._done[task.id]

    def _waits(self, task: Task) -> bool:
        return task.id in self._following and task.id not in self._done

    def _fold(self, task: Task) -> Task:
        args = [self._done.get(a.id, a) for a in task.args]
        checks = self.tasks.checks.get(task.id, ())
        if all(a is b for a, b in zip(args, task.args, strict=True)):
            if all(self.folded(a) is a for c in checks for a in c.args):
                return task
            found = self.tasks.make("same", [task], ("folded",), grain=task.grain, dtype=task.dtype or np.float64)
        else:
            found = self._simple(task, args, checks)
        return self._with_checks(found, checks)

    def _with_checks(self, found: Task, checks: Iterable[Task]) -> Task:
        left = [c for check in checks if (c := self._check(check)) is not None]
        if left and found.op == "const":
            raise Unsettled
        return self.tasks.check(found, left) if left else found

    def _check(self, check: Task) -> Task | None:
        """The flagging task with the decision taken; None where it flags nothing."""
        args = [self.folded(a) for a in check.args]
        if all(a.op == "const" for a in args):
            frame = self._frame(check, args)
            with np.errstate(all="ignore"), _settling():
                ACTS[check.op](frame, self._like(check, args), ())
            if frame.flagged:
                raise Unsettled
            return None
        return self._like(check, args)

    def _like(self, task: Task, args: list[Task]) -> Task:
        if task.attrs == (False,):  # the same that is watched for lost digits is there already
            known = self.tasks.known(task.op, args, (True,), task.grain)
            if known is not None:
                return known
        return self.tasks.like(task, args)

    def _simple(self, task: Task, args: list[Task], checks: Iterable[Task]) -> Task:
        if task.op == "select" and args[0].op == "const":
            return args[1] if args[0].attrs[1] else args[2]
        if task.op == "choose" and args[0].op == "const":
            return args[1 + task.attrs[0][args[0].attrs[1]]]  # type: ignore[index]
        if task.op == "spread" and args[0].op == "const":
            return args[0]
        if task.op in ("agg_sum", "top") and args[0].op == "const" and args[0].attrs[1] == 0.0:
            return self._const(0.0)
        if args and all(a.op == "const" for a in args) and task.op in _PURE:
            return self._value(task, args)
        nothing = args and args[0].op == "mul" and any(_is(a, 0.0) for a in args[0].args)
        if task.op == "unsigned" and nothing and not self.tasks.checks.get(args[0].id):
            return self._without(0.0, args[0].args)  # whatever its sign was
        if not any(c.op == "infinite" for c in checks):
            simple = self._arithmetic(task.op, args)
            if simple is not None:
                return simple
        return self._like(task, args)

    def _arithmetic(self, op: str, args: list[Task]) -> Task | None:
        """Where adding or taking away nothing, or multiplying by one or nothing, leaves a value or nothing. What is not
        finite was flagged where it came from."""
        match op, args:
            case "and" | "or", _ if any(a.op == "const" for a in args):
                settles = op == "or"
                left = [a for a in args if a.op != "const"]
                if any(a.op == "const" and a.attrs[1] == settles for a in args):
                    return self._without(settles, left)
                return left[0] if len(left) == 1 else None
            case "mul", [a, b]:
                for one, other in ((a, b), (b, a)):
                    if _is(one, 1.0):
                        return other
                    if _is(one, 0.0) and not _signed(one) and self._plus(other):
                        return self._without(0.0, [other])
            case "add", [a, b]:
                for one, other in ((a, b), (b, a)):
                    if _is(one, 0.0) and (_signed(one) or self._translator.unsigned(other)):
                        return other
            case "sub", [a, b] if _is(b, 0.0) and not _signed(b):
                return a
            case "div", [a, b] if _is(b, 1.0):
                return a
            case "unsigned", [a] if self._translator.unsigned(a):
                return a
        return None

    def _without(self, value: Any, operands: Iterable[Task]) -> Task:
        """A constant, whatever these are; unless they are unknown, which has to be seen."""
        self.dropped += [a for a in operands if a.op != "const"]
        return self._const(value)

    def _plus(self, task: Task) -> bool:
        return task.id in self._translator.nonnegative and self._translator.unsigned(task)

    def _const(self, value: Any) -> Task:
        found: Task = self.tasks.const(value)
        return found

    def _value(self, task: Task, args: list[Task]) -> Task:
        """What the task gives for constants."""
        frame = self._frame(task, args)
        with np.errstate(all="call", call=frame.seen), _settling():
            value = np.asarray(ACTS[task.op](frame, self._like(task, args), ()))
        if frame.flagged or frame.trouble or value.ndim:
            raise Unsettled
        return self._const(value.item())

    def _frame(self, task: Task, args: list[Task]) -> Frame:
        frame = Frame(len(self.tasks.all) + 1)
        for arg in args:
            value = arg.attrs[1]
            frame.values[arg.id] = np.float64(value) if isinstance(value, float) else value
        frame.shapes = {task.grain: (1,)}
        return frame


@contextmanager
def _settling() -> Iterator[None]:
    """An act that asks for columns doesn't settle constants."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise Unsettled from error


def _is(task: Task, value: float) -> bool:
    return task.op == "const" and isinstance(task.attrs[1], float) and task.attrs[1] == value


def _signed(zero: Task) -> bool:
    return bool(np.signbit(zero.attrs[1]))  # type: ignore[call-overload]


class ExactFolding(Folding):
    """What comes to the same number exactly, not only as it is computed: a decision by it needs no watching."""

    def _with_checks(self, found: Task, checks: Iterable[Task]) -> Task:
        return found

    def _value(self, task: Task, args: list[Task]) -> Task:
        if any(a.id in self._translator.inexact for a in args):
            raise Unsettled
        found = super()._value(task, args)
        value, numbers = found.attrs[1], [a.attrs[1] for a in args]
        if isinstance(value, float):
            exactly = _EXACT.get(task.op)
            if exactly is None or not all(isfinite(n) for n in (value, *numbers) if isinstance(n, float)):
                raise Unsettled
            if exactly(*(Fraction(n) for n in numbers if isinstance(n, float))) != value:
                raise Unsettled
        return found
