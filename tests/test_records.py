"""Dataclasses made by `dsl.records` are those of the standard library."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields, replace
from functools import partial
from itertools import product
from typing import Any

import pytest

from dsl import records


def twins(frozen: bool, eq: bool) -> list[Any]:
    """The same class by the standard library's decorator and by ours, with a field of each sort."""

    def made(decorator: Any) -> Any:
        class Row:
            a: int
            b: str = "b"
            c: list[int] = field(default_factory=list)
            d: int = field(default=4, compare=False, repr=False)
            e: int = field(init=False, default=5)

            def __post_init__(self) -> None:
                seen.append(self.a)

        Row.__qualname__ = "Row"
        seen = list[int]()
        return decorator(frozen=frozen, slots=True, eq=eq)(Row), seen

    found = [made(d) for d in (dataclasses.dataclass, records.dataclass)]
    for cls, seen in found:
        cls(7)
        assert seen == [7]
    return [cls for cls, _ in found]


def outcome(call: Callable[[], Any]) -> Any:
    """What came of a call: a value, or an error's type and message."""
    try:
        return call()
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize(("frozen", "eq"), list(product((True, False), repeat=2)))
def test_it_does_what_the_standard_library_does(frozen: bool, eq: bool) -> None:
    def put(row: Any) -> Any:
        row.a = 9
        return row.a

    def drop(row: Any) -> bool:
        del row.a
        return hasattr(row, "a")

    calls: list[Callable[[Any], Any]] = [
        lambda R: repr(R(1, c=[2], d=3)),
        lambda R: R(1) == R(1, d=8),
        lambda R: R(1) == R(1, "x"),
        lambda R: R(1) == 1,
        lambda R: R(1) != R(1),
        lambda R: R(1).c is R(1).c,
        lambda R: (R(1, "x", [3], 6).d, R(1).e),
        lambda R: R(),
        lambda R: R(1, e=3),
        lambda R: R(1, z=3),
        lambda R: R(1, "b", [], 4, 5),
        lambda R: R.__match_args__,
        lambda R: R.__slots__,
        lambda R: [f.name for f in fields(R)],
        lambda R: repr(replace(R(1), b="y")),
        lambda R: dataclasses.asdict(R(1)),
        lambda R: hash(R(1, "x", (2,))) == hash(R(1, "x", (2,))),
        lambda R: hash(R(1, "x", (2,))) == hash((1, "x", (2,), 5)),
        lambda R: put(R(1)),
        lambda R: drop(R(1)),
        lambda R: repr(copy.copy(R(1, "x"))),
        lambda R: repr(copy.deepcopy(R(1, "x"))),
    ]  # fmt: skip
    standard, ours = twins(frozen, eq)
    for i, call in enumerate(calls):
        assert outcome(lambda: call(ours)) == outcome(lambda: call(standard)), i  # noqa: B023


@records.dataclass(frozen=True, slots=True)
class Base:
    a: int

    def __repr__(self) -> str:
        return f"<{self.a}>"


@records.dataclass(frozen=True, slots=True)
class Derived(Base):
    """One more."""

    b: int = 2


@records.dataclass(frozen=True, slots=True)
class Empty:
    pass


def test_classes_that_build_on_others() -> None:
    assert (repr(Base(1)), repr(Derived(1)), Derived(1) == Derived(1, 2), Base(1) == Derived(1)) == (
        "<1>",
        "Derived(a=1, b=2)",
        True,
        False,
    )
    assert Derived.__doc__ == "One more." and Empty() == Empty() and hash(Empty()) == hash(())
    assert pickle.loads(pickle.dumps(Derived(1, 3))) == Derived(1, 3)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'b'"):
        Derived(1).b = 3  # type: ignore[misc]


@pytest.mark.parametrize(("frozen", "eq"), list(product((True, False), repeat=2)))
def test_classes_that_only_take_and_set_have_their_own_names(frozen: bool, eq: bool) -> None:
    def made(decorator: Any) -> list[Any]:
        class Row:
            a: int
            b: str = "b"
            self_: tuple[int, ...] = ()

        class Other:
            x: int
            y: int
            z: int

        class Empty:
            pass

        for cls in (Row, Other, Empty):
            cls.__qualname__ = cls.__name__
        return [decorator(frozen=frozen, slots=True, eq=eq)(cls) for cls in (Row, Other, Empty)]

    calls: list[Callable[[Any], Any]] = [
        lambda R: repr(R(1)),
        lambda R: repr(R(1, "c", self_=(3,))),
        lambda R: repr(R(self_=2, a=1)),
        lambda R: repr(R(b=1, x=2)),
        lambda R: repr(R(z=1, y=2, x=3)),
        lambda R: repr(R(3, 2, 1)),
        lambda R: repr(R()),
        lambda R: repr(R(1, 2, 3, 4)),
        lambda R: repr(R(1, a=2)),
    ]
    for standard, ours in zip(made(dataclasses.dataclass), made(records.dataclass), strict=True):
        for call in calls:
            assert outcome(partial(call, ours)) == outcome(partial(call, standard))
        taken, expected = (list(inspect.signature(cls.__init__).parameters) for cls in (ours, standard))
        assert taken == expected
