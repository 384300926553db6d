"""Compiled tables and curves against values worked out by hand."""

import random
from typing import Any

import pytest

from dsl.causes import Cause
from dsl.params import resolve_params
from evaluator.columns import Origin
from evaluator.places import Unknown
from evaluator.reference import Reference
from tests.evaluator_models import ROWS, compiled, row_tables, value_of, values_of

TABLES = {
    "bands": """table bands(name: text, n: number) unknown outside:
  | name = | n >= | v | w |
  | A      | 0    | 1 | n |
  | A      | 10   | 2 | 2 * n |
  | other  | 5    | 3 | 0 |
""",
    "ceilings": """table ceilings(n: number):
  | n <  | v |
  | 1    | 1 |
  | 10   | 2 |
""",
    "brackets": """table brackets(name: text, n: number):
  | name = | n >= | v marginal |
  | A      | 0    | 1%         |
  | A      | 100  | 2%         |
  | other  | 0    | 5%         |
""",
    "line": """table line(n: number) flat outside:
  | n ~ | v |
  | 0   | 0 |
  | 10  | 5 |
  | 20  | 6 |
""",
    "surface": """table surface(n: number, m: number) extended outside:
  | n ~ | m ~ | v |
  | 0   | 0   | 0 |
  | 0   | 2   | 2 |
  | 4   | 0   | 4 |
  | 4   | 2   | 8 |
""",
}
TABLES |= {
    "slices": """param top : number >= 200 = infinite
table slices(n: number):
  | n >= | v marginal |
  | 0    | 1%         |
  | 100  | 2%         |
  | top  | 3%         |
""",
    "lone": """param far : number = infinite
table lone(n: number) flat outside:
  | n ~         | v |
  | max(far, 1) | 5 |
""",
    "beyond": """curve beyond(n: number) logarithmic, flat outside:
  | n             | beyond |
  | 1             | 1      |
  | 1e300 * 1e300 | 2      |
""",
    "steep": """param far : number = infinite
curve steep(n: number) linear, flat outside:
  | n | steep       |
  | 0 | 0           |
  | 1 | max(far, 1) |
""",
}
TABLES["bands"] = TABLES["bands"].replace(" unknown outside", "")

LOOKUPS = [
    ("bands", 'bands.v("A", x)', "9.99", 1.0),
    ("bands", 'bands.v("A", x)', "10", 2.0),
    ("bands", 'bands.w("A", x)', "11", 22.0),
    ("bands", 'bands.v("B", x)', "5", 3.0),
    ("bands", 'bands.v("B", x)', "4", Cause.NO_ROW),
    ("bands", 'bands.v("A", x)', "-1", Cause.NO_ROW),
    ("bands", 'bands.v("B", x) ?? 9', "4", 9.0),
    ("bands", 'bands.v("B", x) ?? 9', "", Cause.MISSING),
    ("bands", "bands.v(name, x)", "7", 3.0),
    ("bands", 'bands.v("A", if x > 0 then infinite else 0)', "1", 2.0),
    ("ceilings", "ceilings(x)", "0.99", 1.0),
    ("ceilings", "ceilings(x)", "1", 2.0),
    ("ceilings", "ceilings(x)", "10", Cause.NO_ROW),
    ("brackets", 'brackets("A", x)', "0", 0.0),
    ("brackets", 'brackets("A", x)', "100", 1.0),
    ("brackets", 'brackets("A", x)', "150", 2.0),
    ("brackets", 'brackets("Z", x)', "100", 5.0),
    ("brackets", 'brackets("A", x)', "-1", Cause.NO_ROW),
    ("brackets", 'brackets("A", if x > 0 then infinite else 0)', "1", Cause.OVERFLOW),
    ("slices", "slices(x)", "150", 2.0),
    ("slices", "slices(x)", "-1", Cause.NO_ROW),
    ("slices", "slices(if x > 0 then infinite else 0)", "1", Cause.OVERFLOW),
    ("lone", "lone(x)", "3", Cause.OVERFLOW),
    ("beyond", "beyond(x)", "3", Cause.OVERFLOW),
    ("steep", "steep(x)", "-3", Cause.OVERFLOW),
    ("line", "line(x)", "5", 2.5),
    ("line", "line(x)", "10", 5.0),
    ("line", "line(x)", "99", 6.0),
    ("line", "line(x)", "-9", 0.0),
    ("surface", "surface(x, 1)", "2", 3.5),
    ("surface", "surface(x, 2)", "4", 8.0),
    ("surface", "surface(x, 0)", "8", 8.0),
]


@pytest.mark.parametrize(("table", "expression", "x", "expected"), LOOKUPS)
def test_tables(table: str, expression: str, x: str, expected: Any) -> None:
    assert value_of(expression, more=TABLES[table], x=x, name="B") == expected


@pytest.mark.parametrize(("table", "expression", "x", "expected"), LOOKUPS)
def test_tables_as_the_reference_interpreter_reads_them(table: str, expression: str, x: str, expected: Any) -> None:
    policy, book = compiled(f"{ROWS}  v = {expression}\n{TABLES[table]}", row_tables([{"x": x, "name": "B"}]))
    found = Reference(policy, book, resolve_params(policy)).cell("row", "v", 0)
    assert (Origin.of(found.code).cause if isinstance(found, Unknown) else found) == expected


CURVES = [  # method, outside, x, value
    ("linear", "flat", "1.5", 15.0),
    ("linear", "flat", "9", 20.0),
    ("linear", "extended", "3", 30.0),
    ("linear", "extended", "-1", -10.0),
    ("linear", "unknown", "2", 20.0),
    ("linear", "unknown", "2.1", Cause.OUTSIDE),
    ("step", "flat", "1.99", 10.0),
    ("step", "flat", "2", 20.0),
    ("step", "flat", "-1", 0.0),
    ("smooth", "flat", "2", 20.0),
    ("smooth", "extended", "3", 30.0),
]


@pytest.mark.parametrize(("method", "outside", "x", "expected"), CURVES)
def test_curves(method: str, outside: str, x: str, expected: Any) -> None:
    curve = f"curve c(n: number) {method}, {outside} outside:\n  | n | v |\n  | 0 | 0 |\n  | 1 | 10 |\n  | 2 | 20 |\n"
    assert value_of("c(x)", more=curve, x=x) == expected


def test_logarithmic_and_formula_curves() -> None:
    curve = "curve c(n: number) logarithmic, flat outside:\n  | n | v |\n  | 1 | 0 |\n  | 100 | 2 |\n"
    assert value_of("c(x)", more=curve, x="10") == pytest.approx(1.0, rel=1e-14)
    assert value_of("c(x)", more=curve, x="100") == 2.0
    assert value_of("c(x)", more=curve, x="0") == Cause.DOMAIN
    assert value_of("c(x)", more="curve c(n: number) = 2 * n + 1\n", x="3") == 7.0


def test_thousands_of_brackets() -> None:
    """Each group's own bounds: the row is the greatest bound at or below the value."""
    names, bounds = [f"m{i}" for i in range(300)], [0, 10, 35, 80, 200, 1000]
    rows = [(n, b * (i % 7 + 1), i * 10 + j) for i, n in enumerate(names) for j, b in enumerate(bounds)]
    table = "table t(name: text, n: number):\n  | name = | n >= | v |\n"
    table += "".join(f"  | {n} | {b} | {v} |\n" for n, b, v in rows)
    draw = random.Random(3)
    asked = [(draw.choice(names), draw.choice([0, 9, 10, 70, 245, 1000, 9999])) for _ in range(500)]
    expected = [max((b, v) for n, b, v in rows if n == name and b <= x)[1] for name, x in asked]
    assert values_of("t(name, x)", *({"name": n, "x": str(x)} for n, x in asked), more=table) == expected
