"""Reading: the whole language page, what people mistype, exact spans, and the limits."""

import json
import re
import sys
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from dsl import syntax as s
from dsl import table
from dsl.codes import CODES
from dsl.codes_read import READING
from dsl.diagnostics import Diagnostic, Diagnostics
from dsl.parse import engine, parse, parse_literal
from dsl.source import Source, Span
from dsl.tokens import KEYWORDS

PAGE = """\
policy "Everything" version 1.5 effective 2026-12-01T07:30Z
  "The whole language page."

use "std/perpetuals"
unit USD

entity market "where it trades":
  unit asset                                  # every market counts its own asset
  mark       : USD/asset > 0      fresh 30s   "Mark price"
  volatility : ratio in 0% to 500%
  venue      : one of spot, perp?
  decay      : number/asset^0.5*USD^(1/3)

entity netting groups position by account, market.underlying:
  mixed = sum(account.netting.risk * correlation(underlying, account.netting.underlying))

entity system once:
  taken = draw(system.room, ilk.room by ratio: min(left, 5))
  price = solve(market.mark until account.health <= 100%)
  worst = max((base.value - value) * weight over span)
  large = sum(loan.debt via collateral where loan.debt > 50k USD)
  first_fee = first(position.fee by -position.notional)
  guarded = a ?? b ?? -1
  long = (a
     + b   # a comment with a ( in it
  - c)

param reference : ratio in 10% to 300% = 60%
param buffer : ratio in 110% to 150%  max change 10% "kept above":
  from 2026-01-01 = 125%
  from 2026-12-01 = 130%

let load(v: ratio, w) = 1 + v * w   "a function"

table brackets(market, notional: USD):
  | market = | notional >= | margin marginal | tip : USD |    # sliced like tax | really
  | BTC-USDT | 0           | 0.40%           | 1k        |
  | 1INCH    | 50k         | 0.50%           | -2        |
  | "other"  | 1e-6        | load(1, 2)      | 0         |
  | other    | infinite    | 1.00%           | 0         |  # the rest
table surface(x, y) unknown outside from "surface.csv" "a file":
  | x ~ | y ~ "column y" | value |

curve penalty(health: ratio) linear, flat outside, decreasing:
  | health | penalty |
  | 80%    | 10%     |
curve formula(h: ratio) increasing = min(10%, 0.5% * exp(8 * (1.1 - h))) "by a formula"

tiers account "steps":
  | health >= | tier    | close : ratio in 0% to 50% |
  | 150%      | healthy | 0%                         |
  | buffer    | watch   | until after.health >= 125% |
  | other     | shut    | 50%                        |
  | unknown   | hold    | 0%                         |

effect:
  position.size becomes size * (1 - account.close)

scenario crash "30 % down":
  market.mark becomes mark * 70%
scenario fall(move: ratio):
  market.mark becomes mark * (1 + move)

grid span "moves":
  | span | price | weight |
  | p1/3 | -5%   | 1      |
  market.mark becomes mark * (1 + price)
grid axes:
  move in -15% to 15% by 5%
  vol in -25%, 25%

always "never rises": account.fee decreasing in account.health
always "never hurts" on account: health < 100% or after.health >= health
check warn "fits" on account: fee <= max(equity, 0)
check "below":
  share(account.tier = hold) <= 0.1%

test "an example":
  given as_of 2026-01-01
  given market
    | market | mark |
    | A#1    |      |   # a blank cell
  expect account BTC/2: equity = 250 within 1, tier = trim
  expect system: pool = 3
"""


def read(text: str) -> tuple[s.File, list[Diagnostic]]:
    diagnostics = Diagnostics()
    return parse(Source("a.policy", text), diagnostics), diagnostics.found


def good(text: str) -> s.File:
    file, found = read(text)
    assert [(d.code, d.message) for d in found] == []
    return file


def formula(text: str) -> Any:
    (entity,) = good(f"entity e:\n  x = {text}\n").statements
    assert isinstance(entity, s.Entity)
    (member,) = entity.members
    assert isinstance(member, s.Formula)
    return member.value


def shown(node: Any) -> str:
    """An expression with all its parentheses."""
    match node:
        case s.Path():
            return node.text
        case s.Number():
            return str(node.value) + (f" {node.unit.text}" if node.unit else "")
        case s.Sign():
            return f"({node.operator}{shown(node.operand)})"
        case s.Binary() | s.Compare():
            return f"({shown(node.left)} {node.operator} {shown(node.right)})"
        case s.Logic():
            return "(" + f" {node.operator} ".join(shown(o) for o in node.operands) + ")"
        case s.Not():
            return f"(not {shown(node.operand)})"
        case s.If():
            return f"(if {shown(node.condition)} then {shown(node.then)} else {shown(node.otherwise)})"
        case s.Fallback():
            return f"({shown(node.operand)} ?? {shown(node.otherwise)})"
        case s.Member():
            return f"({shown(node.operand)} in {', '.join(shown(c) for c in node.choices)})"
        case s.Call():
            return f"{node.function.text}({', '.join(shown(a.value) for a in node.arguments)})"
        case s.Infinite():
            return "infinite"
        case s.Flag():
            return "yes" if node.value else "no"
    raise AssertionError(type(node))


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


# -- places -----------------------------------------------------------------------------------


def nodes(node: Any) -> list[Any]:
    found = [node] if hasattr(node, "span") else []
    if isinstance(node, tuple):
        return [x for part in node for x in nodes(part)]
    if is_dataclass(node) and not isinstance(node, Span):
        found += [x for f in fields(node) if f.name != "span" for x in nodes(getattr(node, f.name))]
    return found


@pytest.mark.parametrize("text", [PAGE, "\ufeff" + PAGE.replace("\n", "\r\n")], ids=["unix", "windows"])
def test_every_span_is_the_text_of_its_node(text: str) -> None:
    file = good(text)
    for node in nodes(file):
        span: Span = node.span
        assert span.source.text == text
        match node:
            case s.Name():
                assert span.text == node.text
            case s.Path():
                assert span.text.replace(" ", "") == node.text or span.text.strip("()").strip() == node.text
            case s.Text():
                assert span.text == f'"{node.value}"'
            case s.Word() | s.Keyword():
                assert span.text.strip('"') == node.text or not node.text
            case s.Binary() | s.Compare() | s.Sign() | s.If() | s.Call() | s.Fallback() | s.Logic() | s.Not():
                assert shown(formula("(" + span.text.replace("\r", "") + ")")) == shown(node)
            case s.Number():
                assert shown(formula(span.text)) == shown(node)
            case s.Row():
                assert span.text[0] == span.text[-1] == "|"
            case s.Entity() | s.Test() | s.Table():
                assert span.column == 1 and not span.text[-1].isspace()


def test_parts_lie_inside_the_whole() -> None:
    for node in nodes(good(PAGE)):
        for part in nodes(tuple(getattr(node, f.name) for f in fields(node) if f.name != "span")):
            assert node.span.start <= part.span.start <= part.span.end <= node.span.end, (node, part)


def test_parentheses_belong_to_the_text_of_what_they_hold() -> None:
    assert formula("(a + b) * c").span.text == "(a + b) * c"


# -- what people type wrongly -----------------------------------------------------------------

LINES = [
    # a formula's text, the code, the marked text, the message, the help
    ("1,000 + 2", "E030", "1,000", "`1,000` has a comma inside the number", "write `1_000`"),
    ("1,234,567.5", "E030", "1,234,567.5", "`1,234,567.5` has a comma inside the number", "write `1_234_567.5`"),
    ("max(1,000, 3)", "E030", "1,000", "`1,000` has a comma inside the number", "write `1_000`"),
    ("(1,200)", "E030", "1,200", "`1,200` may be one number or 2", "write `1_200`, or put a space"),
    ("2,5%", "E030", "2,5%", "`2,5%` has a comma inside the number", "write `2.5%`"),
    ("50K", "E031", "50K", "unknown suffix `K` after `50`", "write `50k`"),
    ("3m", "E031", "3m", "unknown suffix `m` after `3`", "write `3M` for a million, `3min` for minutes"),
    ("2b", "E031", "2b", "unknown suffix `b` after `2`", "write `2bn`"),
    ("5days", "E031", "5days", "unknown suffix `days` after `5`", "write `5d`"),
    ("50USD", "E031", "50USD", "unknown suffix `USD` after `50`", "put a space before a unit, `50 USD`"),
    ("1h30min", "E031", "1h30min", "unknown suffix `h30min` after `1`", "the suffixes are"),
    ("10 %", "E029", "10 %", "a space stands between the number and its `%`", "write `10%`"),
    ("25 bps", "E029", "25 bps", "a space stands between the number and its `bps`", "write `25bps`"),
    ("rate% * 2", "E029", "%", "`%` stands after a number, without a space", "`/ 100`"),
    ("a % b", "E029", "%", "`%` stands after a number, without a space", "no remainder"),
    ("a == b", "E025", "==", "equality is written with one sign, not `==`", "write `=`"),
    ("a <> b", "E025", "<>", "`<>` is not an operator here", "write `!=`"),
    ("a => b", "E025", "=>", "`=>` is not an operator here", "write `>=`"),
    ("a =< b", "E025", "=<", "`=<` is not an operator here", "write `<=`"),
    ("a ** 2", "E025", "**", "`**` is not an operator here", "write `^`"),
    ("a && b", "E025", "&&", "`&&` is not an operator here", "write `and`"),
    ("a || b", "E025", "||", "`||` is not an operator here", "write `or`"),
    ("!a", "E025", "!", "`!` is not an operator here", "write `not`"),
    ("a // b", "E025", "//", "`//` is not an operator here", "divide with one `/`"),
    ("a AND b", "E026", "AND", "`AND` is not a keyword", "write `and`"),
    ("a Or b", "E026", "Or", "`Or` is not a keyword", "write `or`"),
    ("NOT a", "E026", "NOT", "`NOT` is not a keyword", "write `not`"),
    ("If a then b else c", "E026", "If", "`If` is not a keyword", "write `if`"),
    ("if a then b elif c then d else e", "E026", "elif", "`elif` is not a keyword", "write `else if`"),
    ("sum(p.x Where p.y)", "E026", "Where", "`Where` is not a keyword", "write `where`"),
    ("True", "E026", "True", "`True` is not a keyword", "write `yes`"),
    ("1 < x < 2", "E023", "1 < x < 2", "`1 < x < 2` compares twice", "write `1 < x and x < 2`"),
    ("a = b = c", "E023", "a = b = c", "`a = b = c` compares twice", "write `a = b and b = c`"),
    ("if a then b", "E024", "if", "this `if` has no `else`", "either way"),
    ("if a then b else if c then d", "E024", "if", "this `if` has no `else`", "either way"),
    ("max(if a then b, 2)", "E024", "if", "this `if` has no `else`", "either way"),
    ("1 + if a then b else c", "E020", "if", "an `if` inside an operation needs parentheses", "(if"),
    ("a + not b", "E020", "not", "`not` inside an operation needs parentheses", "(not"),

    ("x in a, b", "E020", "a", "the choices after `in` stand in parentheses", "write `x in (a, b)`"),
    ("a is b", "E020", "is", "`is` means nothing here", "equality is `=`"),
    ("'text'", "E027", "'text'", "text stands between straight double quotes, not `'`", 'write `"text"`'),
    ("“text”", "E027", "“text”", "text stands between straight double quotes, not `“`", 'write `"text"`'),
    ("a;", "E028", ";", "`;` ends nothing here", "leave it out"),
    ("(a + b", "E008", "(", "`(` is never closed", "close it with `)`"),
    ("a + b)", "E008", ")", "`)` closes nothing", "delete it"),
    ('"abc', "E007", '"abc', "this text has no closing quote", 'write `"abc"`'),
    ("a +", "E021", "+", "the line ends too early after `+`: expected a value", "inside parentheses"),
    ("a b", "E020", "b", "expected an operator, a description in double quotes or the end of the line", "`a_b`"),
    ("a + * b", "E020", "*", "expected a value, found `*`", None),
    ("a + table", "E020", "table", "expected a value, found the keyword `table`", "reserved"),
    ("sum(p.x whree p.y)", "E020", "whree", "found `whree`", "write `where`"),
    ("a − b", "E035", "−", "`−` (U+2212) only looks like `-`", "write `-`"),
    ("3×4", "E035", "×", "`×` (U+00D7) only looks like `*`", "write `*`"),
    ("٣٤", "E035", "٣٤", "`٣٤` is not written with the digits 0 to 9", "write `34`"),
    (".5", "E034", ".5", "`.5` has no digit before its point", "write `0.5`"),
    ("5.", "E034", "5.", "`5.` is not a number", "write `5`"),
    ("1.2.3", "E034", "1.2.3", "`1.2.3` is not a number", "one point"),
    ("1e999", "E032", "1e999", "`1e999` has an exponent beyond 300", None),
    ("1e99999999999", "E032", "1e99999999999", "`1e99999999999` has an exponent beyond 300", None),
    ("9" * 61, "E032", "9" * 61, "`99999999999999999999...` has more than 60 digits", None),
    ("2026-13-01", "E033", "2026-13-01", "`2026-13-01` is not a day or time of the calendar", None),
    ("2026-12-01T07:30", "E033", "2026-12-01T07:30", "does not say its time zone", None),
    ("naïve", "E006", "naïve", "the name `naïve` has `ï` (U+00EF) in it", "a-z"),
    ("a\u00a0+ b", "E006", "\u00a0", "a character that can't be seen (U+00A0)", "write a plain space"),
    ("a\u200bb", "E006", "\u200b", "a character that can't be seen (U+200B)", "delete it"),
    ("as_of > 1/12/2026", "E033", "1/12/2026", "`1/12/2026` is not written as a date", "year, month and day"),
    ("as_of > 2026/1/5", "E033", "2026/1/5", "`2026/1/5` is not written as a date", "write `2026-01-05`"),
    ("as_of > 2026-1-5", "E033", "2026-1-5", "`2026-1-5` is not written as a date", "write `2026-01-05`"),
    ("a // all that is left", "E025", "//", "`//` begins no comment", "write `#`"),
    ("{a + b}", "E006", "{", "`{` means nothing here", "group with"),
    ("max[a, b]", "E006", "[", "`[` means nothing here", "group with"),
    ("1.000.000", "E034", "1.000.000", "`1.000.000` is not a number", "write `1_000_000`"),
    ("$100", "E006", "$", "`$` means nothing here", "100 USD"),
    ("a | b", "E006", "|", "`|` means nothing here", "write `or`"),
    ("+".join(["a"] * 501), "E009", None, "one expression of more than 500 terms", "formula of its own"),
    ("(" * 101 + "a" + ")" * 101, "E009", "(", "more than 100 levels of nesting", "formula of its own"),
    ("-" * 101 + "a", "E009", None, "more than 100 levels of nesting", "formula of its own"),
    ("if a then b else " * 101 + "c", "E009", None, "more than 100 levels of nesting", "formula of its own"),
    ("2^" * 101 + "a", "E009", None, "more than 100 levels of nesting", "formula of its own"),
    ("a ?? " * 101 + "a", "E009", None, "more than 100 levels of nesting", "formula of its own"),
    ("+".join(["a"] * 5000), "E009", None, "one expression of more than 500 terms", "formula of its own"),
    (" and ".join(["a"] * 5000), "E009", None, "one expression of more than 500 terms", "formula of its own"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "marked", "message", "help"), LINES, ids=[x[0][:30] for x in LINES])
def test_a_mistake_has_its_own_message(
    text: str, code: str, marked: str | None, message: str, help: str | None
) -> None:
    file, found = read(f"entity e:\n  x = {text}\n  after = 1\n\nunit USD\n")
    assert [d.code for d in found] == [code], [d.message for d in found]
    (fault,) = found
    assert message in fault.message
    assert help is None or (fault.help and help in fault.help)
    assert marked is None or fault.labels[0].span.text == marked
    entity, unit = file.statements
    assert isinstance(entity, s.Entity) and isinstance(unit, s.Unit)
    assert [m.name.text for m in entity.members][-1] == "after"


BLOCKS = [
    # a text, the codes in order, the message of the first, what its help says
    ("entitty account:\n  a : USD\n", ["E010"], "`entitty` starts no statement", "write `entity`"),
    ("Table t(x):\n  | x = | y |\n  | a | 1 |\n", ["E010"], "`Table` starts no statement", "write `table`"),
    ("foo bar\n", ["E010"], "`foo` starts no statement", "statements begin with"),
    ("entity account\n  a : USD\n", ["E012"], "`:` is missing at the end of this line", "write `:`"),
    ("table t(x)\n  | x = | y |\n  | a | 1 |\n", ["E012"], "`:` is missing at the end of this line", None),
    ("check \"c\" a > 0\n", ["E012"], "`:` is missing before `a`", None),
    ("check \"c\" on e a > 0\n", ["E012"], "`:` is missing before `a`", None),
    ("x = 3\n", ["E014"], "the formula `x` stands outside an entity", "`param`"),
    ("entity e:\n  a : USD\nb : USD\n  c : USD\n", ["E014"], "the input `b` stands outside an entity", "indent"),
    ('policy "A"\npolicy "B"\n', ["E015"], "a file has one `policy` line", None),
    ('unit USD\npolicy "A"\n', ["E015"], "the `policy` line stands first", "move it up"),
    ("entity e:\n  a : USD\n   b : USD\n", ["E011"], "this line is indented by 3, its siblings by 2", None),
    ("entity e:\n  a : USD\n b : USD\n", ["E011"], "this line is indented by 1, its siblings by 2", "indent it by 2"),
    ("entity e:\n  a : USD\n\tb : USD\n", ["E011"], "tabs and spaces are mixed", "use spaces"),
    ("  unit USD\n", ["E011"], "`unit` starts a statement and must stand in column one", "delete the spaces"),
    ("entity e:\n  a : USD\n  check \"c\": a > 0\n", ["E011"], "`check` starts a statement", None),
    ("unit USD\n  unit EUR\n", ["E011"], "`unit` starts a statement", None),
    ("let f(x) =\n  x + 1\n", ["E021", "E011"], "the line ends too early after `=`", None),
    ("tiers e:\n| h >= | tier |\n| 1 | a |\n", ["E011"], "a pipe row must be indented", "put spaces"),
    ("| a |\n", ["E011"], "a pipe row without a statement above it", None),
    ("entity e:\n  table = 3\n", ["E022"], "`table` is a keyword and can't be a name", "reserved"),
    ("entity e:\n  when = 3\n  unit : USD\n", ["E022"], "`unit` is a keyword and can't be a name", None),
    ("entity e:\n", ["E013"], "this `entity` is empty", None),
    ("table t(x):\n  | x = | y |\n", ["E013"], "this `table` has a header and no rows", "below its header"),
    ("table t(x):\n", ["E013"], "this `table` is empty", "header and rows"),
    ("# nothing\n", ["E013"], "`a.policy` says nothing", "policy \"Name\""),
    ('test "t":\n  given a\n    | a |\n    | 1 |\n', ["E013"], "this `test` expects nothing", "expect account"),
    ('test "t":\n  given a\n  expect a b: c = 1\n', ["E013"], "`given a` has no rows", None),
    ('test "t":\n  given a:\n    | a |\n    | 1 |\n  expect a 1: c = 1\n', ["E020"], "no `:` is needed here", "delete"),
    ('test "t":\n  expect a b c = 1\n', ["E012"], "`:` is missing before `b`", None),
    ("entity e:\n  a : USD = 0\n", ["E020"], "the input `a` has a value", "`a ?? 0`"),
    ("entity e:\n  a : USD max change 5%\n", ["E020"], "`max change` belongs to a param", None),
    ("entity e:\n  a : 1/asset\n", ["E020"], "expected a name or `one of`, found `1`", "`number/asset`"),
    ("entity e:\n  a : one of A B\n", ["E020"], "expected `,` before `B`", "`one of A, B`"),
    ("entity e:\n  a USD\n", ["E020"], "expected `:` or `=`, found `USD`", None),
    ("entity e:\n  x := 3\n", ["E025"], "`:=` is not an operator here", "write `=`"),
    ("entity e:\n  | a |\n  b = 1\n", ["E016"], "a pipe row can't stand here", "rows belong to"),
    ("entity e one:\n  b = 1\n", ["E020"], "`one` is not a kind of entity", "`once`"),
    ("let x = 3\n", ["E020"], "a `let` is a function and needs its arguments", "`param`"),
    ("param p : ratio\n", ["E012"], "the param `p` has no value", "= 60%"),
    ("param p = 5%\n", ["E020"], "the param `p` has no type", "write `param p : ratio"),
    ("param p : ratio = 1\n  from 2026-01-01 = 2\n", ["E012"], "the param `p` has a value and dated values", None),
    ("param p : ratio\n  from 2026-01-01 = 2\n", ["E012"], "`:` is missing at the end of this line", None),
    ("use std/perpetuals\n", ["E020"], "the file to use stands in double quotes", 'write `use "std/perpetuals"`'),
    ("effect:\n  a.b = 3\n", ["E020"], "a rewrite is not written with `=`", "write `becomes`"),
    ("effect:\n  a.b become 3\n", ["E020"], "expected `becomes`, found `become`", "write `becomes`"),
    ('always "x": a falling in b\n', ["E020"], "`falling` is not a shape", "decreasing"),
    ("curve f(x, y) linear:\n  | x | y |\n  | 1 | 2 |\n", ["E020"], "the curve `f` has 2 arguments", "`table`"),
    ("entity e:\n  x = (1 +\n  y = 3\nunit USD\n", ["E008"], "`(` is never closed", None),
    ("check \"c\": max(1,\n  2\nunit USD\n", ["E008"], "`(` is never closed", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "codes", "message", "help"), BLOCKS, ids=[x[0][:34] for x in BLOCKS])
def test_a_block_s_mistake_has_its_own_message(text: str, codes: list[str], message: str, help: str | None) -> None:
    _, found = read(text)
    assert [d.code for d in found] == codes, [d.message for d in found]
    assert message in found[0].message
    assert help is None or (found[0].help and help in found[0].help)


TABLE = "table t(x, y):\n  | x = | y >= | z |\n"
ROWS = [
    # a row, the code, the marked text, the message, the help
    ("| a | 1 |", "E040", "| a | 1 |", "this row has 2 cells, its header has 3", "add 1"),
    ("| a | 1 | 2 | 3 | 4 |", "E040", None, "this row has 5 cells, its header has 3", "delete 2"),
    ("| a | 1 |   |", "E041", None, "the cell of `z` is blank", "write its value"),
    ("|| 1 | 2 |", "E041", None, "the cell of `x` is blank", "write its value"),
    ("| a | 1 | 2", "E042", "| a | 1 | 2", "this row has no pipe at its end", "write `| a | 1 | 2 |`"),
    ("a | 1 | 2 |", "E042", "a | 1 | 2 |", "this row has no pipe at its start", "write `| a | 1 | 2 |`"),
    ("a\t1\t2", "E043", "a\t1\t2", "this row is separated by tabs", "write `| a | 1 | 2 |`"),
    ("a 1 2", "E016", "a 1 2", "expected a pipe row here", "| cell | cell |"),
    ("| a | 1,000 | 2 |", "E030", "1,000", "`1,000` has a comma inside the number", "write `1_000`"),
    ("| a | 50K | 2 |", "E031", "50K", "unknown suffix `K` after `50`", "write `50k`"),
    ("| a | 1 | until b |", "E020", "until", "found the keyword `until`", "`tiers`"),
    ("| a | 1 | unknown |", "E020", "unknown", "found the keyword `unknown`", "first column"),
    ("| a | 1 | 2 + |", "E021", "+", "the cell ends too early after `+`", None),
    ("| a | 1 | (2 |", "E008", "(", "`(` is never closed", "close it"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "code", "marked", "message", "help"), ROWS, ids=[x[0] for x in ROWS])
def test_a_row_s_mistake_has_its_own_message(
    row: str, code: str, marked: str | None, message: str, help: str | None
) -> None:
    file, found = read(f"{TABLE}  {row}\n  | b | 2 | 3 |\n")
    assert [d.code for d in found] == [code], [d.message for d in found]
    assert message in found[0].message
    assert help is None or (found[0].help and help in found[0].help)
    assert marked is None or found[0].labels[0].span.text == marked
    (table,) = file.statements
    assert isinstance(table, s.Table)
    assert table.rows[-1].cells[0] == s.Word("b")


HEADERS = [
    ("table t(x):\n  | x = | y foo |\n  | a | 1 |\n", "E044", "`foo` means nothing in a header"),
    ("table t(x):\n  | x = | |\n  | a | 1 |\n", "E041", "a column has no name"),
    ("table t(x):\n  | x => | y |\n  | 1 | 1 |\n", "E025", "`=>` is not an operator here"),
    ("table t(x):\n  | x = | check |\n  | a | 1 |\n", "E022", "`check` is a keyword and can't be a name"),
    ("tiers e:\n  | h >= | tier |\n  | 1 | very healthy |\n", "E045", "`very healthy` can't be a tier's name"),
    ('test "t":\n  given a\n    | a = |\n    | 1 |\n  expect a 1: b = 1\n', "E044", "is a plain column name"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "message"), HEADERS, ids=[x[0][:30] for x in HEADERS])
def test_a_header_s_mistake_has_its_own_message(text: str, code: str, message: str) -> None:
    _, found = read(text)
    assert [d.code for d in found] == [code], [d.message for d in found]
    assert message in found[0].message


def test_every_error_of_a_file_is_found_in_one_run() -> None:
    text = """\
policy "Bad
unit
entity account:
  cash : USD >
  equity = cash +
  health = equity == 1
  fine = cash
table t(x):
  | x = | y |
  | a | 50K |
  | b |
  | c | 1 2 |
check "c" fine > 0
frobnicate
test "t":
  given account
    | account | cash |
    | a |
  expect account a: fine =
"""
    file, found = read(text)
    lines = [(d.code, d.labels[0].span.line) for d in found]
    assert lines == [
        ("E007", 1), ("E021", 2), ("E021", 4), ("E021", 5), ("E025", 6), ("E031", 10), ("E040", 11), ("E020", 12),
        ("E012", 13), ("E010", 14), ("E040", 18), ("E021", 19),
    ]  # fmt: skip
    assert file.lost >= {"cash", "equity"}


def test_a_broken_line_names_what_it_would_have_defined() -> None:
    file, _ = read("entity e:\n  x = 1 +\n\nparam p : ratio =\nunit 5\nlet f(x = 3\n")
    assert file.lost == {"x", "p", "f"}


def test_a_line_that_can_be_read_all_the_same_is_kept() -> None:
    file, found = read("entity e:\n  prämie = 50USD\n  x = prämie\n")
    assert [d.code for d in found] == ["E006", "E031", "E006"]
    (entity,) = file.statements
    assert isinstance(entity, s.Entity) and [m.name.text for m in entity.members] == ["prämie", "x"]


def test_messages_are_in_the_house_style() -> None:
    for text, *_ in LINES:
        for fault in read(f"entity e:\n  x = {text}\n")[1]:
            assert not fault.message.endswith(".")
            assert fault.message[0].islower() or fault.message[0] == "`"
            assert not re.search(r"LPAR|RPAR|__ANON|\$END|NAME|NUMBER|Token", fault.message + (fault.help or ""))
            assert fault.labels


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
