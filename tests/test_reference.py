"""The reference interpreter against values worked out by hand, from policies built without the parser."""

from fractions import Fraction
from typing import Any

import pytest

from dsl import model
from dsl.causes import Cause
from dsl.model import FLAG, NUMBER, Const, Read
from evaluator.book import BookTable
from evaluator.columns import origin_code
from evaluator.exact import Approximate
from evaluator.places import Unknown
from evaluator.reference import Reference
from tests.reference_models import (
    INF,
    SPARE,
    X,
    Y,
    aggregate,
    book,
    call,
    compare,
    here,
    nowhere,
    num,
    op,
    policy,
    read,
    value_of,
)
from tests.test_reference_lookups import curve, table

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
