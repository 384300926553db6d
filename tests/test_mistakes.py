"""Reading what people type wrongly: the code, the place, the message and the mend."""

import re

import pytest

from dsl import syntax as s
from tests.written import TABLE, read

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
