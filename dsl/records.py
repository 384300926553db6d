"""Frozen and plain dataclasses with slots, as the standard library's, made in a quarter of the time.

Python 3.11 writes and compiles six or seven functions for each dataclass. For the 250 of them that an evaluation loads
that is 90 ms of every command, most of it for classes that this command never makes one of. Here what is the same for
all is shared, and an ``__init__`` is compiled when the first instance is made.
"""

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    from dataclasses import dataclass as _standard

    def dataclass(*, frozen: bool = False, slots: bool, eq: bool = True) -> Callable[[type], type]:
        """``dataclasses.dataclass`` of these arguments."""
        assert slots
        return lambda cls: _made(cls, frozen, eq)

    def _made(cls: type, frozen: bool, eq: bool) -> type:
        cls.__doc__ = cls.__doc__ or cls.__name__  # else the standard library works out a signature to stand there
        cls = _standard(init=False, repr=False, eq=False, slots=True)(cls)
        methods = {"__init__": _first(cls, frozen), "__repr__": _repr}
        if eq:
            key = _key([field.name for field in fields(cls) if field.compare])
            methods["__eq__"] = _eq(key)
            if not cls.__dict__.get("__hash__"):
                cls.__hash__ = _hash(key) if frozen else None
        if frozen:
            methods |= {"__setattr__": _set, "__delattr__": _delete, "__getstate__": _state, "__setstate__": _restore}
        for name, method in methods.items():
            if name not in cls.__dict__:
                setattr(cls, name, method)
        return cls


def _first(cls: Any, frozen: bool) -> Callable[..., None]:
    def __init__(self: Any, /, *args: Any, **named: Any) -> None:
        cls.__init__ = _init(cls, frozen)
        cls.__init__(self, *args, **named)

    return __init__


def _init(cls: Any, frozen: bool) -> Any:
    """The class's ``__init__``: with its own names in a code that others have too, where it only takes and sets; else
    compiled."""
    if hasattr(cls, "__post_init__") or any(f.default_factory is not MISSING or not f.init for f in fields(cls)):
        return _compiled(cls, frozen)
    names = tuple(field.name for field in fields(cls))
    code, known = _code(len(names), frozen), {f"set_{i}": getattr(cls, name).__set__ for i, name in enumerate(names)}
    code = code.replace(
        co_varnames=("self", *names),
        co_names=code.co_names if frozen else names,
        co_qualname=f"{cls.__qualname__}.__init__",
    )
    given = tuple(field.default for field in fields(cls) if field.default is not MISSING)
    return FunctionType(code, known, "__init__", given)


@cache
def _code(count: int, frozen: bool) -> Any:
    """What takes and sets so many values; the names are to be put in."""
    taken = ["self", *(f"value_{i}" for i in range(count))]
    lines = [f"set_{i}(self, value_{i})" if frozen else f"self.value_{i} = value_{i}" for i in range(count)]
    made: dict[str, Any] = {}
    exec(f"def __init__({', '.join(taken)}):\n " + "\n ".join(lines or ["pass"]), made)
    return made["__init__"].__code__


def _compiled(cls: Any, frozen: bool) -> Any:
    known: dict[str, Any] = {"MISSING": MISSING}
    taken, lines = ["self"], list[str]()
    for field in fields(cls):
        name, value, made = field.name, field.name, field.default_factory is not MISSING
        if field.init:
            taken.append(f"{name}=default_{name}" if made or field.default is not MISSING else name)
            known[f"default_{name}"] = MISSING if made else field.default
            value = f"factory_{name}() if {name} is MISSING else {name}" if made else name
        elif made or field.default is not MISSING:
            value = f"factory_{name}()" if made else f"default_{name}"
            known[f"default_{name}"] = field.default
        else:
            continue
        known[f"factory_{name}"], known[f"set_{name}"] = field.default_factory, getattr(cls, name).__set__
        lines.append(f"set_{name}(self, {value})" if frozen else f"self.{name} = {value}")
    lines += ["self.__post_init__()"] if hasattr(cls, "__post_init__") else []
    exec(f"def __init__({', '.join(taken)}):\n " + "\n ".join(lines or ["pass"]), known)
    known["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    return known["__init__"]


def _key(names: list[str]) -> Callable[[Any], Any]:
    """What two instances are compared by."""
    if len(names) > 1:
        return attrgetter(*names)
    return (lambda self: (getattr(self, names[0]),)) if names else (lambda self: ())


def _eq(key: Callable[[Any], Any]) -> Callable[[Any, object], Any]:
    def __eq__(self: Any, other: object) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(key: Callable[[Any], Any]) -> Callable[[Any], int]:
    def __hash__(self: Any) -> int:
        return hash(key(self))

    return __hash__


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _set(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for field, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
