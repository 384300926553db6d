"""Text for a terminal: what is shown is what was meant, whatever stands in the data."""

import pytest
from rich.cells import cell_len

from cli.terminal.diagnostics import as_data, render, summary
from cli.terminal.text import amount, figure, percent, safe
from dsl.diagnostics import Diagnostics, Label
from dsl.source import Source, Span

SOURCE = Source(
    "a.policy", 'unit USD\n\tequity = colateral + 1\nname = "数字" + x\n  a = (1 +\n    2 +\n    3 +\n  4)\n'
)


def span(text: str, source: Source = SOURCE) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [/x] `text`", "plain [/x] `text`"),
        ("é数字🙂", "é数字🙂"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\tb\nc\rd\x00", "a\\x09b\\x0ac\\x0dd\\x00"),
        ("\u00a05\u2009", "\\u00a05\\u2009"),
        ("\u202eltr\u2066", "\\u202eltr\\u2066"),
        ("\x9b\u2028\U000e0041", "\\u009b\\u2028\\U000e0041"),
    ],
)
def test_safe(text: str, shown: str) -> None:
    assert safe(text) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0.00%"), (0.00001, "<0.01%"), (0.12345, "12.35%"), (0.999999, ">99.99%"), (1.0, "100.00%"), (None, "–")],
)
def test_percent_never_rounds_to_none_or_all(value: float | None, shown: str) -> None:
    assert percent(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "unknown"),
        (True, "yes"),
        (1234.5, "1,234.5"),
        (float("inf"), "infinite"),
        ("[/b]", "[/b]"),
        (1 / 3, "0.3333333333"),
    ],
)
def test_figure(value: object, shown: str) -> None:
    assert figure(value) == shown


def test_amounts() -> None:
    assert [amount(x) for x in (12.345, 1234567.8, -0.5, None)] == ["12.35", "1,234,568", "-0.50", "–"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.00"),
        (0.005, "0.01"),
        (0.00052, "0.00052"),  # bitcoins, say: not nothing
        (-0.001, "-0.001"),
        (1e-9, "1e-09"),
        (999_999_999_999_999_999.0, "1e+18"),
        (123_456_789_012_345_678.0, "123,456,789,012,345,680"),
        (1.5e308, "1.5e+308"),
        (-2.25e30, "-2.25e+30"),
    ],
)
def test_an_amount_is_neither_nothing_nor_a_wall_of_digits(value: float, shown: str) -> None:
    assert amount(value) == shown


def test_a_diagnostic_with_two_labels_and_help() -> None:
    found = Diagnostics()
    found.error(
        "E201",
        "no column `colateral`",
        Label(span("colateral"), "here"),
        Label(span("USD"), "seen from here"),
        help="did you mean `collateral`",
    )
    assert render(found.found).plain == (
        "error[E201]: no column `colateral`\n"
        " --> a.policy:2:11\n"
        "  |\n"
        "2 |     equity = colateral + 1\n"
        "  |              ^^^^^^^^^ here\n"
        "  |\n"
        "1 | unit USD\n"
        "  |      --- seen from here\n"
        "  |\n"
        "  = help: did you mean `collateral`\n"
        "\n"
        "1 error\n"
    )


@pytest.mark.parametrize("text", ["colateral", "+ x"])
def test_carets_stand_under_what_is_meant_after_tabs_and_wide_characters(text: str) -> None:
    found = Diagnostics()
    found.error("E201", "fault", span(text))
    line, marks = render(found.found).plain.split("\n")[3:5]
    before = line[: line.index(text)]
    assert cell_len(before) == len(marks) - len(text)
    assert marks.endswith(" " + "^" * len(text))


def test_a_span_of_many_lines_shows_its_first_and_last() -> None:
    found = Diagnostics()
    start = SOURCE.text.index("(1 +")
    found.error("E100", "too long", Label(Span(SOURCE, start, SOURCE.text.index("4)") + 2), "ends here"))
    assert render(found.found).plain.split("\n")[2:8] == [
        "  |",
        "4 |   a = (1 +",
        "  |       ^^^^",
        ". |",
        "7 |   4)",
        "  |   ^^ ends here",
    ]


def test_the_end_of_the_text_can_be_pointed_at() -> None:
    found = Diagnostics()
    found.error("E100", "something is missing", Span(SOURCE, len(SOURCE.text), len(SOURCE.text)))
    assert "--> a.policy:8:1" in render(found.found).plain


def test_control_characters_of_a_policy_are_shown_as_escapes() -> None:
    source = Source("b\x1b.policy", "x = \x1b[31m\u202e y\n")
    found = Diagnostics()
    found.error("E100", "strange `\x1b`", Label(Span(source, 0, 1), "\u202e"))
    plain = render(found.found).plain
    assert "\x1b" not in plain
    assert "\u202e" not in plain
    assert "\\x1b" in plain


def test_as_data_counts_from_one_and_keeps_everything() -> None:
    found = Diagnostics()
    found.error("E201", "no column", Label(span("colateral"), "here"), help="mend it")
    found.warn("W301", "may be zero", span("x\n"))
    first, second = as_data(found.found)
    assert first == {
        "code": "E201",
        "severity": "error",
        "message": "no column",
        "file": "a.policy",
        "labels": [{"file": "a.policy", "line": 2, "column": 11, "end_line": 2, "end_column": 20, "text": "here"}],
        "help": "mend it",
    }
    assert (second["severity"], second["help"]) == ("warning", None)


def test_summary_counts_both_kinds() -> None:
    found = Diagnostics()
    assert summary(found.found) == "no errors"
    found.warn("W301", "one", span("x"))
    assert summary(found.found) == "1 warning"
    found.error("E1", "one", span("x"))
    found.error("E2", "two", span("x"))
    assert summary(found.found) == "2 errors, 1 warning"
