"""What was made for the last few policies, tables and the like, so that it isn't made again."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_MOST = 16


class Lately(Generic[T]):
    """The last few things that were made, by what each was made for (an object, and no other that is equal to it) and
    a key besides."""

    def __init__(self, most: int = _MOST) -> None:
        self._made: list[tuple[Any, Any, T]] = []
        self._most = most

    def once(self, owner: Any, key: Any, make: Callable[[], T]) -> T:
        """As it was made before, else by ``make``."""
        for known, other, found in self._made:
            if known is owner and other == key:
                return found
        made = make()
        self._made.append((owner, key, made))
        del self._made[: -self._most]
        return made
