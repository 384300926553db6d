"""Reading: the whole language page, limits, single values."""

import json
import re
import sys
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from dsl import syntax as s
from dsl import table
from dsl.codes import CODES
from dsl.codes_read import READING
from dsl.diagnostics import Diagnostics
from dsl.parse import engine, parse, parse_literal
from dsl.source import Source
from dsl.tokens import KEYWORDS
from tests.written import PAGE, TABLE, formula, good, read, shown

# -- what the language is ---------------------------------------------------------------------


def test_the_whole_language_is_read() -> None:
    file = good(PAGE)
    assert (file.title, file.version, file.description) == ("Everything", Fraction(3, 2), "The whole language page.")
    assert file.effective and file.effective.value == datetime(2026, 12, 1, 7, 30, tzinfo=UTC)
    kinds = [type(x).__name__ for x in file.statements]
    assert kinds == [
        "Use", "Unit", "Entity", "Entity", "Entity", "Param", "Param", "Function", "Table", "Table", "Curve", "Curve",
        "Tiers", "Effect", "Scenario", "Scenario", "Grid", "Grid", "Law", "Law", "Check", "Check", "Test",
    ]  # fmt: skip


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    assert good("\ufeff" + PAGE.replace("\n", "\r\n")).statements == good(PAGE).statements


def test_blank_lines_comments_and_tabs_change_nothing() -> None:
    plain = good("entity e:\n  x : USD\n  y = x\n")
    spaced = good("# first\n\nentity e:   # here\n\n# deep\n\tx : USD  # there\n   # odd\n\n\ty = x\n# last")
    assert spaced.statements == plain.statements


def test_rows_are_read_as_their_columns_ask() -> None:
    table = next(x for x in good(PAGE).statements if isinstance(x, s.Table))
    assert [h.operator for h in table.headers] == ["=", ">=", None, None]
    assert [h.marginal for h in table.headers] == [False, False, True, False]
    assert [r.cells[0] for r in table.rows] == [
        s.Word("BTC-USDT"), s.Word("1INCH"), s.Word("other"), s.Keyword("other"),
    ]  # fmt: skip
    assert [type(r.cells[1]).__name__ for r in table.rows] == ["Number", "Number", "Number", "Infinite"]
    assert table.rows[1].cells[3] == s.Sign("-", s.Number(Fraction(2), "plain", None))


def test_tiers_hold_names_keywords_and_until() -> None:
    tiers = next(x for x in good(PAGE).statements if isinstance(x, s.Tiers))
    assert [r.cells[1] for r in tiers.rows] == [s.Word("healthy"), s.Word("watch"), s.Word("shut"), s.Word("hold")]
    assert [r.cells[0] for r in tiers.rows[2:]] == [s.Keyword("other"), s.Keyword("unknown")]
    assert isinstance(tiers.rows[1].cells[2], s.Until)
    assert tiers.headers[2].domain and tiers.headers[2].type


def test_a_test_holds_cells_as_they_stand() -> None:
    test = next(x for x in good(PAGE).statements if isinstance(x, s.Test))
    assert [r.cells for g in test.given for r in g.rows] == [(s.Word("A#1"), s.Word(""))]
    assert [(e.entity.text, e.key.text) for e in test.expect] == [("account", "BTC/2"), ("system", "")]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("-x^2", "(-(x ^ 2))"),
        ("2^-3^2", "(2 ^ (-(3 ^ 2)))"),
        ("2^3^2", "(2 ^ (3 ^ 2))"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b * c", "((a / b) * c)"),
        ("a + b * -c", "(a + (b * (-c)))"),
        ("a ?? 0 + 1", "((a ?? 0) + 1)"),
        ("a ?? b ?? -1", "(a ?? (b ?? (-1)))"),
        ("not a = b and c or d", "(((not (a = b)) and c) or d)"),
        ("a or b or c and d", "(a or b or (c and d))"),
        ("if a then b else if c then d else e + 1", "(if a then b else (if c then d else (e + 1)))"),
        ("x + 1 in (a, b)", "((x + 1) in a, b)"),
        ("not x in (a)", "(not (x in a))"),
        ("x not in (a, b)", "(not (x in a, b))"),
        ("x + 1 not in (a) and y", "((not ((x + 1) in a)) and y)"),
        ("50k USD / 2", "(50000 USD / 2)"),
        ("max(1, 200, 3)", "max(1, 200, 3)"),
        ("f()", "f()"),
        ("if yes then infinite else -infinite", "(if yes then infinite else (-infinite))"),
        ("market.account.cash", "market.account.cash"),
    ],
)
def test_operators_bind_as_they_should(text: str, meaning: str) -> None:
    assert shown(formula(text)) == meaning


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("1_000", Fraction(1000), "plain"),
        ("2.5%", Fraction(1, 40), "percent"),
        ("25bps", Fraction(1, 400), "percent"),
        ("50k", Fraction(50_000), "plain"),
        ("3M", Fraction(3_000_000), "plain"),
        ("2bn", Fraction(2_000_000_000), "plain"),
        ("1e-6", Fraction(1, 1_000_000), "plain"),
        ("1.5e3", Fraction(1500), "plain"),
        ("30s", Fraction(30), "duration"),
        ("5min", Fraction(300), "duration"),
        ("8h", Fraction(28_800), "duration"),
        ("7d", Fraction(604_800), "duration"),
        ("0.1", Fraction(1, 10), "plain"),
        ("1e300", Fraction(10**300), "plain"),
        ("0.123456789012345678901234567890", Fraction(123456789012345678901234567890, 10**30), "plain"),
    ],
)
def test_numbers_are_exact(text: str, value: Fraction, kind: str) -> None:
    assert formula(text) == s.Number(value, kind, None)  # type: ignore[arg-type]
    (table,) = good(f"curve c(x) linear:\n  | x | y |\n  | 1 | {text} |\n").statements
    assert isinstance(table, s.Curve)
    assert table.rows[0].cells[1] == s.Number(value, kind, None)  # type: ignore[arg-type]


def test_keywords_are_those_of_the_grammar() -> None:
    words = {w for w in engine().terminals if w.isalpha()}
    assert words == KEYWORDS


@pytest.mark.parametrize("spoil", [None, b"", b"garbage", "half"])
def test_the_tables_kept_beside_compiled_code_are_only_a_short_cut(
    spoil: bytes | str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "grammar.json"
    monkeypatch.setattr(table, "PACKAGED", tmp_path / "absent.json")
    monkeypatch.setattr(table, "cache_from_source", lambda path: str(kept.with_suffix(".pyc")))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    first = table.load_table()
    assert kept.is_file()
    if spoil is not None:
        kept.write_bytes(kept.read_bytes()[:5000] if isinstance(spoil, str) else spoil)
    again = table.load_table()
    assert (again.terminals, len(again.states)) == (first.terminals, len(first.states))


def test_a_table_of_another_grammar_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is packaged with an older grammar is passed over, and made anew in memory where nothing may be written."""
    old = table.make_table(table.GRAMMAR.read_text("utf-8"))
    (tmp_path / "old.json").write_text(json.dumps(old | {"stamp": "of another grammar", "terminals": {}}))
    monkeypatch.setattr(table, "PACKAGED", tmp_path / "old.json")
    monkeypatch.setattr(table, "cache_from_source", lambda path: str(tmp_path / "absent" / "grammar.pyc"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert table.load_table().terminals != {}
    assert not (tmp_path / "absent").exists()


def test_statements_may_share_a_thread_pool() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        files = list(pool.map(good, [PAGE] * 8))
    assert all(f.statements == files[0].statements for f in files)


# -- limits -----------------------------------------------------------------------------------


def test_too_much_text_is_refused() -> None:
    _, found = read("# " + "x" * (1 << 20))
    assert [d.code for d in found] == ["E003"]


def test_too_many_words_are_refused() -> None:
    lines = "".join(f"  x{i} = a + b + c + d + e + f + g + h\n" for i in range(6000))
    _, found = read("entity e:\n" + lines)
    assert [d.code for d in found] == ["E003"]


def test_a_chain_at_its_limit_is_read() -> None:
    node = formula("+".join(["a"] * 500))
    depth = 1
    while isinstance(node, s.Binary):
        node, depth = node.left, depth + 1
    assert depth == 500


def test_a_long_table_is_read_without_the_parser() -> None:
    rows = "".join(f"  | m{i} | {i}k | 0.{i}% |\n" for i in range(5000))
    diagnostics = Diagnostics()
    file = parse(Source("a.policy", TABLE + rows), diagnostics)
    (table,) = file.statements
    assert isinstance(table, s.Table)
    assert len(table.rows) == 5000 and not diagnostics.found
    assert table.rows[4999].cells[1] == s.Number(Fraction(4_999_000), "plain", None)


@pytest.mark.parametrize("seed", range(40))
def test_no_text_makes_it_fall(seed: int) -> None:
    """Pieces of the page cut out, doubled and swapped: only diagnostics, and every label lies in the text."""
    import random

    chance = random.Random(seed)
    text = PAGE
    for _ in range(chance.randint(1, 8)):
        a, b = sorted(chance.randrange(len(text)) for _ in range(2))
        b = min(b, a + 40)
        text = chance.choice(
            [text[:a] + text[b:], text[:b] + text[a:], text[:a] + chance.choice('()|"#:=\t\n\\é') + text[a:]]
        )
    _, found = read(text)
    for fault in found:
        assert fault.code in CODES
        for label in fault.labels:
            assert 0 <= label.span.start <= label.span.end <= len(text)


# -- single values and codes ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("140%", s.Number(Fraction(7, 5), "percent", None)),
        ("-2.5", s.Sign("-", s.Number(Fraction(5, 2), "plain", None))),
        ("50k USD", s.Number(Fraction(50_000), "plain", s.Path((s.Name("USD"),)))),
        ("30s", s.Number(Fraction(30), "duration", None)),
        ("2026-12-01", s.Date(datetime(2026, 12, 1, tzinfo=UTC))),
        ("yes", s.Flag(True)),
        ("infinite", s.Infinite()),
        ("perp", s.Path((s.Name("perp"),))),
        ('"two words"', s.Text("two words")),
    ],
)
def test_a_single_value_is_read(text: str, value: s.Expr) -> None:
    diagnostics = Diagnostics()
    assert parse_literal(text, Source("--set", f"buffer={text}"), diagnostics) == value
    assert not diagnostics.found


@pytest.mark.parametrize(
    ("text", "code"),
    [("1 + 2", "E036"), ("", "E021"), ("50K", "E031"), ("a.b", "E036"), ("f(1)", "E036"), ("1 2", "E020")],
)
def test_what_is_no_single_value_is_refused(text: str, code: str) -> None:
    diagnostics = Diagnostics()
    assert parse_literal(text, Source("--set", text), diagnostics) is None
    assert [d.code for d in diagnostics.found] == [code]


def test_every_code_of_reading_is_explained_and_used() -> None:
    import dsl

    folder = Path(dsl.__file__).parent
    used: set[str] = set()
    for path in folder.glob("*.py"):
        if path.name not in ("codes_read.py", "codes_check.py"):
            used |= set(re.findall(r'"(E0\d\d)"', path.read_text("utf-8")))
    assert used == {c.code for c in READING}
    for code in READING:
        assert code.meaning.endswith(".") and code.wrong != code.right and str(code).startswith(code.code)
