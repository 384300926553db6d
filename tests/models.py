"""Checked policies built by hand from simple data, for tests that need no policy text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Literal

from dsl import model
from dsl.model import Check, Entity, Expr, Formula, Input, Interval, Kind, Param, Policy, Type, Version
from dsl.units import Base, Unit

TYPES = {
    "number": model.NUMBER,
    "ratio": model.RATIO,
    "duration": model.DURATION,
    "date": model.DATE,
    "text": model.TEXT,
    "flag": model.FLAG,
}


def type_of(text: str, entities: Sequence[str] = ()) -> Type:
    """``number ratio duration date text flag``, ``one of A, B``, an entity's name, or a unit's (``USD``)."""
    if text in TYPES:
        return TYPES[text]
    if text.startswith("one of "):
        return Type(Kind.ENUM, labels=tuple(label.strip() for label in text.removeprefix("one of ").split(",")))
    if text in entities:
        return Type(Kind.LINK, entity=text)
    return Type(Kind.NUMBER, Unit.of(Base(text)))


def interval(text: str) -> Interval:
    """``> 0``, ``>= 0 < 1``, ``0 to 5`` (both ends belong to it)."""
    if " to " in text:
        low, _, high = text.partition(" to ")
        return Interval(Fraction(low), Fraction(high))
    words = text.split()
    found = Interval()
    for sign, bound in zip(words[::2], words[1::2], strict=True):
        if sign.startswith(">"):
            found = replace(found, low=Fraction(bound), low_open=sign == ">")
        else:
            found = replace(found, high=Fraction(bound), high_open=sign == "<")
    return found


def column(
    name: str, type: Type, domain: str | None = None, *, fresh: int | None = None, description: str = ""
) -> Input:
    """An input; a name that ends in ``?`` is optional."""
    optional = name.endswith("?")
    return Input(
        name.rstrip("?"),
        type,
        None if domain is None else interval(domain),
        optional,
        None if fresh is None else Fraction(fresh),
        description,
    )


def entity(
    name: str,
    inputs: Mapping[str, str],
    formulas: Mapping[str, Expr] | None = None,
    *,
    once: bool = False,
    entities: Sequence[str] = (),
    description: str = "",
) -> Entity:
    """``inputs``: name (``?`` for optional) to type, domain and freshness: ``"USD | > 0 | 30"``."""
    made = []
    for key, text in inputs.items():
        kind, domain, fresh = [*(part.strip() for part in text.split("|")), "", ""][:3]
        found = type_of(kind, entities)
        made.append(column(key, found, domain or None, fresh=int(fresh) if fresh else None))
    computed = {n: Formula(n, x.type, x, "") for n, x in (formulas or {}).items()}
    return Entity(name, once, {i.name: i for i in made}, computed, (), description)


def policy(
    entities: Mapping[str, Mapping[str, str]],
    *,
    once: Sequence[str] = (),
    formulas: Mapping[str, Mapping[str, Expr]] | None = None,
    checks: Sequence[Check] = (),
    params: Mapping[str, Param] | None = None,
) -> Policy:
    """A policy of inputs, with a few formulas, checks and params where a test needs them."""
    made = {
        name: entity(name, inputs, (formulas or {}).get(name), once=name in once, entities=tuple(entities))
        for name, inputs in entities.items()
    }
    order = tuple((e.name, f) for e in made.values() for f in e.formulas)
    return Policy(
        "test", None, None, "", ("USD",), made, params or {}, {}, {}, {}, {}, tuple(checks), order
    )  # fmt: skip


def total(
    inner: str, value: str | None, via: tuple[str, ...] | None, function: Literal["sum", "count"] = "sum"
) -> model.Aggregate:
    """``sum(inner.value)`` along the links, as a plain number."""
    read = None if value is None else model.Read(inner, value, inner=True, type=model.NUMBER)
    return model.Aggregate(function, inner, via, read, type=model.NUMBER)


def dated(name: str, *versions: Version) -> Param:
    """A parameter with dated values."""
    return Param(name, model.RATIO, None, None, None, versions, "", True)


PERPETUALS = {
    "market": {"mark": "number | > 0 | 30", "volatility": "ratio | 0 to 5"},
    "account": {"collateral": "USD"},
    "position": {"account": "account", "market": "market", "size": "number", "entry": "USD | > 0", "funding?": "USD"},
}


def perpetuals() -> Policy:
    """The shape of a perpetuals book: positions are summed into their accounts, marks are fresh for 30 s."""
    return policy(PERPETUALS, formulas={"account": {"exposure": total("position", "size", ("account",))}})
