"""The reference interpreter's tables and curves against values worked out by hand, and SciPy."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from dsl import model
from dsl.causes import Cause
from dsl.model import NUMBER, Const, Read
from tests.reference_models import INF, TO_GROUP, X, compare, here, nowhere, num, op, value_of


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
