"""The reference interpreter against values worked out by hand, from policies built without the parser."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from dsl import model
from dsl.causes import Cause
from dsl.model import FLAG, INFINITE, NUMBER, Const, Kind, Read, Type
from evaluator.book import Book, BookTable
from evaluator.columns import KNOWN, Column, origin_code
from evaluator.exact import Approximate
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

# expression, x, y, value
ARITHMETIC = [
    (op("-", X, op("*", op("*", num("0.9"), num("0.4")), Y)), "1600", "2000", Fraction(880)),
    (op("+", X, Y), "0.1", "0.2", Fraction(3, 10)),
    (op("/", X, Y), "1", "3", Fraction(1, 3)),
    (op("/", X, Y), "0", "0", here(Cause.DIVISION)),
    (op("/", num(1), num(0)), "1", "1", nowhere(Cause.DIVISION)),
    (op("*", X, Y), "1e200", "1e200", here(Cause.OVERFLOW)),
    (op("+", X, num(INF)), "1", "1", here(Cause.OVERFLOW)),
    (op("/", num(INF), X), "0", "1", here(Cause.DIVISION)),
    (op("+", X, Y), "", "bad", here(Cause.MISSING, 0)),
    (op("+", X, Y), "bad", "", here(Cause.MISSING, 1)),
    (op("^", X, num(3)), "-0.1", "1", Fraction(-1, 1000)),
    (op("^", X, num(-2)), "4", "1", Fraction(1, 16)),
    (op("^", X, num(-2)), "0", "1", here(Cause.DIVISION)),
    (op("^", X, num(0)), "0", "1", Fraction(1)),
    (op("^", X, num("0.5")), "-1", "1", here(Cause.DOMAIN)),
    (op("^", X, num("1.5")), "0.04", "1", Fraction(8, 1000)),
    (op("^", X, num(5000)), "10", "1", here(Cause.OVERFLOW)),
    (call("abs", X), "-0.1", "1", Fraction(1, 10)),
    (call("sign", X), "-0.1", "1", Fraction(-1)),
    (call("min", X, Y, num(-INF)), "1", "2", -INF),
    (call("max", X, Y), "1", "2", Fraction(2)),
    (call("clamp", X, num(0), num(INF)), "-3", "1", Fraction(0)),
    (call("clamp", X, Y, num(0)), "1", "1", here(Cause.DOMAIN)),
    (call("sqrt", X), "0.09", "1", Fraction(3, 10)),
    (call("sqrt", X), "-0.09", "1", here(Cause.DOMAIN)),
    (call("ln", X), "0", "1", here(Cause.DOMAIN)),
    (call("ln", X), "1", "1", Fraction(0)),
    (call("exp", X), "1000", "1", here(Cause.OVERFLOW)),
    (call("floor", X), "-0.5", "1", Fraction(-1)),
    (call("ceil", X), "-0.5", "1", Fraction(0)),
    (call("floor", call("ln", call("exp", X))), "3", "1", Fraction(3)),
    (call("ceil", call("exp", call("ln", X))), "3", "1", Fraction(3)),
    (call("round_down", X, num("0.1")), "0.3", "1", Fraction(3, 10)),
    (call("round_up", X, num("0.1")), "0.31", "1", Fraction(4, 10)),
    (call("round_nearest", X, num("0.1")), "0.25", "1", Fraction(3, 10)),
    (call("round_nearest", X, num("0.1")), "-0.25", "1", Fraction(-2, 10)),
    (call("round_down", X, Y), "1", "0", here(Cause.DOMAIN)),
    (call("interpolate", X, num(0), num(10), num(2), num(20)), "0.5", "1", Fraction(25, 2)),
    (call("interpolate", X, num(0), num(10), num(2), num(20)), "9", "1", Fraction(20)),
    (call("interpolate", X, Y, num(10), num(1), num(20)), "9", "1", here(Cause.DIVISION)),
    (model.Unary("-", num(INF)), "1", "1", -INF),
]


@pytest.mark.parametrize(("expr", "x", "y", "expected"), ARITHMETIC)
def test_arithmetic_is_exact(expr: model.Expr, x: str, y: str, expected: Any) -> None:
    assert value_of(expr, [{"x": x, "y": y}]) == expected


TIES = [
    op("-", op("^", call("sqrt", num(2)), num(2)), num(2)),
    op("-", call("exp", call("ln", num("0.1"))), num("0.1")),
    op("-", call("exp", num(1)), op("*", call("exp", num("0.5")), call("exp", num("0.5")))),
    op("-", op("^", num(8), num("1.1")), op("*", num(8), op("^", num(8), num("0.1")))),
    op("-", op("/", num(1), call("sqrt", num(3))), op("/", call("sqrt", num(3)), num(3))),
]


@pytest.mark.parametrize("difference", TIES)
def test_sixty_digits_that_tie_are_equal(difference: model.Expr) -> None:
    assert value_of(compare("=", difference, num(0))) is True
    assert value_of(compare(">", difference, num(0))) is False
    assert value_of(op("/", num(1), difference)) == nowhere(Cause.DIVISION)


def test_a_tie_survives_interpolation() -> None:
    """``sqrt(2)^2 - 2`` of the way along is nothing of the way, in a table and on a curve."""
    nothing = op("+", TIES[0], num("0.5"))
    between = table("t", "~", ["0 -1", "1 1"], outside="flat")
    for looked_up in (model.TableCall("t", "v", (nothing,)), model.CurveCall("c", nothing)):
        line = curve("linear", "flat", ("0", "-1"), ("1", "1"))
        assert value_of(compare("=", looked_up, num(0)), tables=[between], curves=[line]) is True


def test_a_difference_of_the_fortieth_digit_is_seen() -> None:
    assert value_of(compare(">", op("+", call("exp", num(1)), num("1e-40")), call("exp", num(1)))) is True


def test_long_fractions_are_rounded_to_sixty_digits() -> None:
    formulas: dict[str, model.Expr] = {"f0": num("0.123456789")}
    for i in range(1, 14):
        f = read(f"f{i - 1}")
        formulas[f"f{i}"] = op("/", op("*", f, op("+", f, num("0.7"))), op("+", f, num("1.3")))
    result = Reference(policy(formulas), book([{}]), {}).cell("row", "f13", 0)
    assert isinstance(result, Approximate)
    assert result.denominator.bit_length() < 16_500


def flag(text: str) -> model.Expr:
    """A known flag, or (``?``) an unknown one: the missing column ``yes``."""
    return Read("row", "yes", (), False, FLAG) if text == "?" else Const(text == "yes", FLAG)


LOGIC = [
    ("and", "? no", False), ("and", "no ?", False), ("and", "yes ?", None), ("and", "yes yes", True),
    ("or", "? yes", True), ("or", "yes ?", True), ("or", "no ?", None), ("or", "no no", False),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "flags", "expected"), LOGIC)
def test_logic_has_three_values(operator: Any, flags: str, expected: bool | None) -> None:
    expr = model.Logic(operator, tuple(flag(f) for f in flags.split()), FLAG)
    assert value_of(expr) == (here(Cause.MISSING, 5) if expected is None else expected)


# spare, `spare ?? 7`, `known(spare)`
BLANKS = [
    ("", Fraction(7), False),
    ("2", Fraction(2), True),
    ("bad", here(Cause.NOT_A_VALUE, 2), here(Cause.NOT_A_VALUE, 2)),
]


@pytest.mark.parametrize(("spare", "fallback", "known"), BLANKS)
def test_only_a_blank_is_replaced(spare: str, fallback: Any, known: Any) -> None:
    assert value_of(model.Fallback(SPARE, num(7)), [{"spare": spare}]) == fallback
    assert value_of(model.Known(SPARE), [{"spare": spare}]) == known


def test_if_looks_only_at_the_branch_it_takes() -> None:
    assert value_of(model.If(Const(True), num(1), X), [{"x": "bad"}]) == 1
    assert value_of(model.If(Const(False), num(1), X), [{"x": "bad"}]) == here(Cause.NOT_A_VALUE)


def test_a_path_is_unknown_where_a_link_is() -> None:
    through = read("x", "parent")
    assert value_of(through, [{"parent": "1"}, {"x": "5"}]) == 5
    assert value_of(through, [{"parent": "1"}, {"x": "bad"}]) == Unknown(origin_code(Cause.NOT_A_VALUE, 0, 0, 1))
    assert value_of(through, [{"parent": "?"}]) == here(Cause.ORPHAN, 4)
    assert value_of(model.Fallback(through, num(3)), [{"parent": ""}]) == 3


INNER_X, INNER_YES = read("x", inner=True), Read("row", "yes", (), True, FLAG)
POSITIVE = compare(">", INNER_X, num(0))
GROUP_ORIGIN = Unknown(origin_code(Cause.EMPTY, 1, 0, 0))
BAD_SECOND = Unknown(origin_code(Cause.NOT_A_VALUE, 0, 0, 1))

# aggregate, (x, yes) of each member, value
AGGREGATES = [
    (aggregate("sum", INNER_X), [("0.1", ""), ("0.2", "")], Fraction(3, 10)),
    (aggregate("sum", INNER_X), [], 0),
    (aggregate("count", None), [("", ""), ("", "")], 2),
    (aggregate("count", POSITIVE), [("1", ""), ("0", "")], 1),
    (aggregate("share", POSITIVE), [("1", ""), ("0", ""), ("-1", "")], Fraction(1, 3)),
    (aggregate("share", POSITIVE), [], GROUP_ORIGIN),
    (aggregate("mean", INNER_X), [("1", ""), ("2", "")], Fraction(3, 2)),
    (aggregate("mean", INNER_X), [], GROUP_ORIGIN),
    (aggregate("min", INNER_X), [], GROUP_ORIGIN),
    (aggregate("max", INNER_X), [("1", ""), ("2", "")], 2),
    (aggregate("any", POSITIVE), [], False),
    (aggregate("all", POSITIVE), [], True),
    (aggregate("any", POSITIVE), [("1", ""), ("bad", "")], True),
    (aggregate("any", POSITIVE), [("0", ""), ("bad", "")], BAD_SECOND),
    (aggregate("all", POSITIVE), [("0", ""), ("bad", "")], False),
    (aggregate("all", POSITIVE), [("1", ""), ("bad", "")], BAD_SECOND),
    (aggregate("sum", INNER_X), [("1", ""), ("bad", "")], BAD_SECOND),
    (aggregate("sum", INNER_X, INNER_YES), [("1", "yes"), ("bad", "no")], 1),
    (aggregate("sum", INNER_X, INNER_YES), [("1", "yes"), ("2", "")], Unknown(origin_code(Cause.MISSING, 0, 5, 1))),
    (aggregate("any", POSITIVE, INNER_YES), [("1", ""), ("2", "yes")], True),
    (aggregate("any", POSITIVE, INNER_YES), [("1", ""), ("0", "yes")], here(Cause.MISSING, 5)),
    (aggregate("sum", op("/", num(1), INNER_X)), [("1", ""), ("0", "")], Unknown(origin_code(Cause.DIVISION, 0, 0, 1))),
    (aggregate("sum", INNER_X), [("1.7e308", ""), ("1.7e308", "")], Unknown(origin_code(Cause.OVERFLOW, 1, 0, 0))),
]


@pytest.mark.parametrize(("expr", "members", "expected"), AGGREGATES)
def test_aggregates(expr: model.Expr, members: list[tuple[str, str]], expected: Any) -> None:
    rows = [{"x": x, "yes": yes, "group": "0"} for x, yes in members]
    others = [{"x": "100", "yes": "yes", "group": "1"}, {"x": "100", "yes": "yes", "group": "?"}]
    assert value_of(expr, rows + others, at="group") == expected


def test_faults_of_whole_entities_begin_nowhere() -> None:
    mean = model.Aggregate("mean", "row", None, INNER_X)
    assert value_of(mean, [], at="system") == nowhere(Cause.EMPTY)
    assert value_of(op("/", num(1), Read("system", "zero")), [{}], system={"zero": num(0)}) == nowhere(Cause.DIVISION)


def test_an_argument_has_the_grain_of_what_it_is_called_with() -> None:
    body = op("/", num(1), model.ArgRead("v"))
    assert value_of(model.FunctionCall("f", (("v", X),), body), [{"x": "0"}]) == here(Cause.DIVISION)
    assert value_of(model.FunctionCall("f", (("v", num(0)),), body), [{"x": "0"}]) == nowhere(Cause.DIVISION)


def table(name: str, keys: str, rows: Sequence[str], marginal: bool = False, outside: Any = None) -> model.Table:
    """``keys``: operators; ``rows``: cells in order, the last one the value."""
    made = []
    operators: list[Any] = keys.split()
    for row in rows:
        *cells, value = row.split()
        key_cells = [
            (None if cell == "other" else cell) if operator == "=" else num(cell)
            for cell, operator in zip(cells, operators, strict=True)
        ]
        made.append(model.TableRow(tuple(key_cells), (num(value),)))
    return model.Table(
        name,
        tuple((f"k{i}", None) for i in range(len(operators))),
        tuple(model.Key(f"k{i}", i, operator) for i, operator in enumerate(operators)),
        (model.ValueColumn("v", NUMBER, marginal),),
        tuple(made),
        outside,
        "",
    )


BRACKETS = table("t", "= >=", ["A 0 0.004", "A 50 0.005", "other 0 0.01", "other 100 0.025"], marginal=True)
STEPS = table("t", "= >=", ["A 10 1", "A 20 2", "other 0 3"])
GRID = table("t", "~ ~", ["0 0 0", "0 10 10", "1 0 100", "1 10 110"], outside="flat")
LINE = ["0 0", "10 100", "20 150"]
NO_ROW = here(Cause.NO_ROW)

# table, keys (x where a number is per row), x, value
TABLES = [
    (BRACKETS, ["A", X], "120", Fraction("0.55")),
    (BRACKETS, ["A", X], "50", Fraction("0.2")),
    (BRACKETS, ["A", X], "0", 0),
    (BRACKETS, ["B", X], "100.4", Fraction("1.01")),
    (BRACKETS, ["B", X], "-1", NO_ROW),
    (BRACKETS, ["B", num(INF)], "1", nowhere(Cause.OVERFLOW)),
    (STEPS, ["A", X], "20", 2),
    (STEPS, ["A", X], "19.999999999999999999999", 1),
    (STEPS, ["A", X], "9", NO_ROW),
    (STEPS, ["B", X], "9", 3),
    (STEPS, ["A", num(INF)], "9", 2),
    (STEPS, ["A", X], "bad", here(Cause.NOT_A_VALUE)),
    (table("t", ">", ["0 1", "5 2"]), [X], "5", 1),
    (table("t", "<=", ["5 1", "9 2"]), [X], "5", 1),
    (table("t", "<=", ["5 1", "9 2"]), [X], "5.1", 2),
    (table("t", "<", ["5 1", "9 2"]), [X], "5", 2),
    (table("t", "<", ["5 1", "9 2"]), [X], "9", NO_ROW),
    (table("t", "= =", ["A P 1", "A other 2", "other P 3"]), ["A", "Q"], "0", 2),
    (table("t", "= =", ["A P 1", "other Q 2"]), ["A", "Q"], "0", nowhere(Cause.NO_ROW)),
    (GRID, [X, num("2.5")], "0.1", Fraction("12.5")),
    (GRID, [X, num(99)], "-7", 10),
    (table("t", "~", LINE, outside="extended"), [X], "30", 200),
    (table("t", "~", LINE, outside="extended"), [num(INF)], "30", nowhere(Cause.OVERFLOW)),
    (table("t", "~", LINE, outside="flat"), [num(INF)], "30", 150),
    (table("t", "~", LINE, outside="unknown"), [X], "30", NO_ROW),
    (table("t", "~", LINE, outside="unknown"), [X], "20", 150),
]


@pytest.mark.parametrize(("made", "keys", "x", "expected"), TABLES)
def test_tables(made: model.Table, keys: list[Any], x: str, expected: Any) -> None:
    args = tuple(Const(key) if isinstance(key, str) else key for key in keys)
    assert value_of(model.TableCall("t", "v", args), [{"x": x}], tables=[made]) == expected


def test_a_link_is_looked_up_by_its_key() -> None:
    by_key = table("t", "=", ["g0 1", "g1 2"])
    link = Read("row", "group", (), False, TO_GROUP)
    assert value_of(model.TableCall("t", "v", (link,)), [{"group": "1"}], tables=[by_key]) == 2


def test_fallback_replaces_only_this_table_without_a_row() -> None:
    inner, outer = table("inner", ">=", ["0 1"]), table("t", ">=", ["5 1"])
    looked_up = model.TableCall("t", "v", (X,))
    nested = model.TableCall("t", "v", (model.TableCall("inner", "v", (X,)),))
    tables = [outer, inner]
    assert value_of(model.Fallback(looked_up, num(9)), [{"x": "1"}], tables=tables) == 9
    assert value_of(model.Fallback(looked_up, num(9)), [{"x": "bad"}], tables=tables) == here(Cause.NOT_A_VALUE)
    assert value_of(model.Fallback(nested, num(9)), [{"x": "-1"}], tables=tables) == here(Cause.NO_ROW, 1)


def curve(method: Any, outside: Any, *points: tuple[str, str]) -> model.Curve:
    made = tuple((num(x), num(y)) for x, y in points)
    return model.Curve("c", "v", NUMBER, NUMBER, method, outside, made, None, (), "")


POINTS = (("1", "0"), ("2", "10"), ("4", "10"), ("5", "40"))

# method, outside, x, value
CURVES = [
    ("linear", "flat", "1.5", 5), ("linear", "flat", "9", 40), ("linear", "extended", "6", 70),
    ("linear", "extended", "0", -10), ("linear", "unknown", "0.99", here(Cause.OUTSIDE)), ("linear", "unknown", "1", 0),
    ("step", "flat", "1.99", 0), ("step", "flat", "2", 10), ("step", "extended", "-5", 0), ("step", "flat", "9", 40),
    ("step", "unknown", "9", here(Cause.OUTSIDE)), ("smooth", "flat", "3", 10), ("smooth", "flat", "2", 10),
    ("smooth", "unknown", "0", here(Cause.OUTSIDE)), ("logarithmic", "flat", "0", here(Cause.DOMAIN)),
    ("logarithmic", "flat", "4", 10),
]  # fmt: skip


@pytest.mark.parametrize(("method", "outside", "x", "expected"), CURVES)
def test_curves(method: Any, outside: Any, x: str, expected: Any) -> None:
    made = curve(method, outside, *POINTS)
    assert value_of(model.CurveCall("c", X), [{"x": x}], curves=[made]) == expected


def test_infinite_argument_of_a_curve() -> None:
    far = model.CurveCall("c", num(INF))
    assert value_of(far, curves=[curve("linear", "flat", *POINTS)]) == 40
    assert value_of(far, curves=[curve("smooth", "extended", *POINTS)]) == nowhere(Cause.OVERFLOW)
    assert value_of(far, curves=[curve("step", "extended", *POINTS)]) == nowhere(Cause.OVERFLOW)


def test_a_bound_or_point_without_a_value_leaves_nothing_to_look_up() -> None:
    nothing = op("/", num(1), num(0))
    rows = (model.TableRow((num(0),), (num(1),)), model.TableRow((nothing,), (num(2),)))
    keys, values = (model.Key("k", 0, ">="),), (model.ValueColumn("v", NUMBER, False),)
    broken = model.Table("t", (("k", None),), keys, values, rows, None, "")
    points = model.Curve(
        "c", "v", NUMBER, NUMBER, "linear", "flat", ((num(0), num(0)), (num(1), nothing)), None, (), ""
    )
    for x, expected in (("1", nowhere(Cause.DIVISION)), ("bad", here(Cause.NOT_A_VALUE))):
        assert value_of(model.TableCall("t", "v", (X,)), [{"x": x}], tables=[broken]) == expected
        assert value_of(model.CurveCall("c", X), [{"x": x}], curves=[points]) == expected


def test_logarithmic_is_linear_in_the_logarithm() -> None:
    made = curve("logarithmic", "extended", ("1", "0"), ("4", "2"))
    half = compare("=", model.CurveCall("c", X), num("0.5"))
    beyond = compare("=", model.CurveCall("c", X), num("4"))
    assert value_of(half, [{"x": "1.4142135623730950488016887242096980785696718753769480731766797379"}],
                    curves=[made]) is True  # fmt: skip
    assert value_of(beyond, [{"x": "16"}], curves=[made]) is True


@pytest.mark.parametrize("ys", ["0 1 3 4 4 2", "5 1 1 0 -3 -3", "0 10 0 10 0 10", "0 0 1 9 9 30"])
def test_smooth_is_scipys_pchip(ys: str) -> None:
    pchip = pytest.importorskip("scipy.interpolate").PchipInterpolator
    xs = [0, 1, 2.5, 3, 7, 8]
    made = curve("smooth", "extended", *((str(x), y) for x, y in zip(xs, ys.split(), strict=True)))
    theirs = pchip(xs, [float(y) for y in ys.split()])
    for x in np.linspace(0, 8, 33).tolist():
        ours = value_of(model.CurveCall("c", X), [{"x": str(x)}], curves=[made])
        assert float(ours) == pytest.approx(float(theirs(x)), rel=1e-12, abs=1e-12)
    end = value_of(model.CurveCall("c", X), [{"x": "10"}], curves=[made])
    assert float(end) == pytest.approx(float(theirs(8) + 2 * theirs.derivative()(8)), rel=1e-12, abs=1e-12)


def by_bounds(cap: str = "1") -> model.Tiers:
    rows = (
        model.TierRow("good", "bound", num("1.5"), (num(0),)),
        model.TierRow("fair", "bound", num("1.1"), (X,)),
        model.TierRow("bad", "other", None, (num(1),)),
        model.TierRow("hold", "unknown", None, (num(0),)),
    )
    domain = model.Interval(Fraction(0), Fraction(cap))
    return model.Tiers("row", ">=", X, (model.TierColumn("close", NUMBER, domain),), rows, "")


TIER_ROWS = [
    ("1.5", "good", 0), ("1.4999999999999999999999", "fair", here(Cause.CELL_RANGE)), ("0", "bad", 1),
    ("bad", "hold", 0), ("1.1", "fair", here(Cause.CELL_RANGE)),
]  # fmt: skip


@pytest.mark.parametrize(("x", "tier", "close"), TIER_ROWS)
def test_tiers_by_bounds(x: str, tier: str, close: Any) -> None:
    reference = Reference(policy(tiers=by_bounds()), book([{"x": x}]), {})
    assert reference.cell("row", "tier", 0) == tier
    assert reference.cell("row", "close", 0) == close


CONDITIONS = [("1", "9", "first"), ("0", "9", "second"), ("0", "0", "rest"), ("bad", "9", "hold"),
              ("1", "bad", "first"), ("0", "bad", "hold")]  # fmt: skip


@pytest.mark.parametrize(("x", "y", "tier"), CONDITIONS)
def test_tiers_by_conditions(x: str, y: str, tier: str) -> None:
    rows = (
        model.TierRow("first", "bound", compare(">", X, num(0)), ()),
        model.TierRow("second", "bound", compare(">", Y, num(0)), ()),
        model.TierRow("rest", "other", None, ()),
        model.TierRow("hold", "unknown", None, ()),
    )
    tiers = model.Tiers("row", None, None, (), rows, "")
    assert Reference(policy(tiers=tiers), book([{"x": x, "y": y}]), {}).cell("row", "tier", 0) == tier


CHECKS = [("<=", "1.0000000001", "1", True), ("=", "1.0000000001", "1", True), ("<", "0.9999999999", "1", True),
          ("<=", "1.00000001", "1", False), ("!=", "1.0000000001", "1", True), (">=", "bad", "1", None)]  # fmt: skip


@pytest.mark.parametrize(("operator", "x", "y", "expected"), CHECKS)
def test_checks_allow_a_billionth(operator: str, x: str, y: str, expected: bool | None) -> None:
    check = model.Check("", False, "row", compare(operator, X, Y))
    result = Reference(policy(checks=[check]), book([{"x": x, "y": y}]), {}).check(0, 0)
    assert result == (here(Cause.NOT_A_VALUE) if expected is None else expected)


def test_a_check_of_infinite_is_not_nearly_anything() -> None:
    check = model.Check("", False, "row", compare("=", num(INF), X))
    assert Reference(policy(checks=[check]), book([{"x": "1"}]), {}).check(0, 0) is False


def test_long_chains_and_deep_expressions() -> None:
    formulas: dict[str, model.Expr] = {"f0": X}
    for i in range(1, 5000):
        formulas[f"f{i}"] = op("+", read(f"f{i - 1}"), num(1))
    deep: model.Expr = read("f4999")
    for _ in range(500):
        deep = op("+", deep, num(1))
    reference = Reference(policy({**formulas, "deep": deep}), book([{"x": "0.5"}]), {})
    assert reference.cell("row", "deep", 0) == Fraction("5499.5")


def test_a_cell_costs_only_what_it_depends_on() -> None:
    reads: list[tuple[str, int]] = []
    made = book([{"x": str(i), "group": str(i % 2)} for i in range(10)])
    rows = made.tables["row"]
    written = rows.written

    def counted(column: str, row: int) -> str:
        reads.append((column, row))
        return written(column, row)

    made.tables["row"] = BookTable(rows.entity, rows.rows, rows.keys, rows.columns, rows.texts, counted)
    reference = Reference(policy(group={"total": aggregate("sum", INNER_X)}), made, {})
    assert reference.cell("group", "total", 1) == 25
    assert reads == [("x", i) for i in (1, 3, 5, 7, 9)]
