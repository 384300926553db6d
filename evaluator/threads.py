"""How many threads evaluate: as asked for, or as ``SOFTLIQ_THREADS`` says, else one for each processor."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TypeVar

P = TypeVar("P")
T = TypeVar("T")
VARIABLE = "SOFTLIQ_THREADS"
_ASKED: ContextVar[int | None] = ContextVar("threads", default=None)


def threads() -> int:
    """Raises ValueError where the variable is no number of threads."""
    asked = _ASKED.get()
    if asked is not None:
        return asked
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return _processors()
    if not (given.isascii() and given.isdigit()) or int(given) < 1:
        raise ValueError(f"`{VARIABLE}` is `{given}`, which is no number of threads: 1, 2, ...")
    return int(given)


@cache
def _processors() -> int:
    return os.cpu_count() or 1  # which looks into files of the system each time


@cache
def pool(count: int) -> ThreadPoolExecutor:
    """So many threads, which wait for work from then on: to start them takes longer than much of it."""
    return ThreadPoolExecutor(count, "softliq")


def shared(work: Callable[[Iterable[P]], T], parts: Iterable[P], crew: int) -> list[T]:
    """Work by so many threads, this one among them: each takes the next part when it is done with one. What each
    comes to."""
    waiting = deque(parts)
    others = [pool(crew - 1).submit(work, _taken(waiting)) for _ in range(crew - 1)]
    try:
        mine = work(_taken(waiting))
    finally:
        waiting.clear()  # nothing is left of it, unless this thread has been stopped
        wait(others)
    return [mine, *(other.result() for other in others)]


def _taken(waiting: deque[P]) -> Iterator[P]:
    while True:
        try:
            yield waiting.popleft()
        except IndexError:  # another thread may have taken the last
            return


os.register_at_fork(after_in_child=pool.cache_clear)  # a copy of this process has none of its threads


@contextmanager
def using(count: int | None) -> Iterator[None]:
    """So many threads inside, whatever the variable says; None changes nothing. Raises ValueError below 1."""
    if count is not None and count < 1:
        raise ValueError(f"{count} is no number of threads: 1, 2, ...")
    token = _ASKED.set(_ASKED.get() if count is None else count)
    try:
        yield
    finally:
        _ASKED.reset(token)
