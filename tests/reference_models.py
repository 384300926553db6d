"""Policies and books for the reference interpreter, built without the parser."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np

from dsl import model
from dsl.causes import Cause
from dsl.model import FLAG, INFINITE, NUMBER, Const, Kind, Read, Type
from evaluator.book import Book, BookTable
from evaluator.columns import KNOWN, Column, origin_code
from evaluator.places import Unknown
from evaluator.reference import Reference

INF = INFINITE
TO_PARENT, TO_GROUP = Type(Kind.LINK, entity="row"), Type(Kind.LINK, entity="group")


def num(value: str | int | float) -> Const:
    return Const(value if isinstance(value, float) else Fraction(value), NUMBER)


def read(column: str, *links: str, entity: str = "row", inner: bool = False) -> Read:
    return Read(entity, column, links, inner, NUMBER)


def op(operator: Any, left: model.Expr, right: model.Expr) -> model.Binary:
    return model.Binary(operator, left, right, NUMBER)


def compare(operator: Any, left: model.Expr, right: model.Expr) -> model.Compare:
    return model.Compare(operator, left, right, FLAG)


def call(name: str, *args: model.Expr) -> model.BuiltinCall:
    return model.BuiltinCall(name, args, NUMBER)


def aggregate(function: Any, value: model.Expr | None, where: model.Expr | None = None) -> model.Aggregate:
    return model.Aggregate(function, "row", ("group",), value, where, NUMBER)


def entity(
    name: str, inputs: Sequence[model.Input], formulas: dict[str, model.Expr], once: bool = False
) -> model.Entity:
    made = {n: model.Formula(n, e.type, e, "") for n, e in formulas.items()}
    return model.Entity(name, once, {i.name: i for i in inputs}, made, (), "")


def column_input(name: str, type: Type = NUMBER, optional: bool = False) -> model.Input:
    return model.Input(name, type, None, optional, None, "")


ROW_INPUTS = (
    column_input("x"),
    column_input("y"),
    column_input("spare", optional=True),
    column_input("group", TO_GROUP),
    column_input("parent", TO_PARENT, optional=True),
    column_input("yes", FLAG),
)


def policy(
    row: dict[str, model.Expr] | None = None,
    group: dict[str, model.Expr] | None = None,
    system: dict[str, model.Expr] | None = None,
    tables: Sequence[model.Table] = (),
    curves: Sequence[model.Curve] = (),
    tiers: model.Tiers | None = None,
    checks: Sequence[model.Check] = (),
) -> model.Policy:
    entities = {
        "row": entity("row", ROW_INPUTS, row or {}),
        "group": entity("group", [column_input("limit")], group or {}),
        "system": entity("system", [], system or {}, once=True),
    }
    return model.Policy(
        "by hand", None, datetime(2026, 1, 1, tzinfo=UTC), "", (), entities, {}, {},
        {t.name: t for t in tables}, {c.name: c for c in curves},
        {tiers.entity: tiers} if tiers else {}, tuple(checks), (),
    )  # fmt: skip


def book(rows: Sequence[dict[str, str]], groups: Sequence[str] = ("g0", "g1")) -> Book:
    """Rows with cells as written; a missing cell is blank, ``bad`` not a value, a link is a row number or ``?``."""
    codes = {"": Cause.MISSING, "bad": Cause.NOT_A_VALUE, "?": Cause.ORPHAN}
    columns = {}
    for number, spec in enumerate(ROW_INPUTS):
        values, quality = np.zeros(len(rows)), np.full(len(rows), KNOWN)
        for i, row in enumerate(rows):
            text = row.get(spec.name, "0" if spec.name == "group" else "")
            cause = Cause.BLANK if text == "" and spec.optional else codes.get(text)
            values[i] = -1 if cause else {"yes": 1, "no": 0}.get(text) if text in ("yes", "no") else float(text)
            if cause:
                quality[i] = origin_code(cause, 0, number, i)
        if spec.type.kind is not Kind.NUMBER:
            values = values.astype(np.int64 if spec.type.kind is Kind.LINK else np.bool_)
        columns[spec.name] = Column(values, quality)
    table = BookTable("row", len(rows), [f"r{i}" for i in range(len(rows))], columns, {}, lambda c, i: rows[i][c])
    limits = {"limit": Column(np.full(len(groups), 10.0))}
    return Book("by hand", Fraction(0), {
        "row": table,
        "group": BookTable("group", len(groups), list(groups), limits, {}, lambda c, i: "10"),
        "system": BookTable("system", 1, [""], {}, {}, lambda c, i: ""),
    })  # fmt: skip


def value_of(expr: model.Expr, rows: Sequence[dict[str, str]] = ({},), at: str = "row", **parts: Any) -> Any:
    return Reference(policy(**parts), book(rows), {}).evaluate(expr, at, 0)


def here(cause: Cause, column: int = 0) -> Unknown:
    return Unknown(origin_code(cause, 0, column, 0))


def nowhere(cause: Cause, column: int = 0) -> Unknown:
    return Unknown(origin_code(cause, 3, column, 0))


X, Y, SPARE = read("x"), read("y"), read("spare")
