"""Values that are made when somebody looks at them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class Lazy(Mapping[K, T], Generic[K, T]):
    """By name or number, each made once, when it is first asked for."""

    def __init__(self, makers: Mapping[K, Callable[[], T]]) -> None:
        self._makers = dict(makers)
        self._made: dict[K, T] = {}

    def __getitem__(self, name: K) -> T:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[K]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return name in self._makers
