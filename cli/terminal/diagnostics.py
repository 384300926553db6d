"""Diagnostics for people (the place, the line, carets under it) and for programs (the same as data)."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from cli.terminal.text import count, safe
from dsl.diagnostics import Diagnostic, Label, Severity
from dsl.source import Source, Span

_TAB = "    "
_WIDEST = 240  # characters of a line that are shown
_LINES = 3  # of a label that spans more lines, only the first and the last are shown


def render(diagnostics: Sequence[Diagnostic]) -> Text:
    """All diagnostics, a blank line between two, and the count at the end."""
    parts: list[Text | str] = []
    for diagnostic in diagnostics:
        parts += [_one(diagnostic), "\n\n"]
    return Text.assemble(*parts, summary(diagnostics), "\n")


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """``3 errors, 1 warning``."""
    found = [d.severity for d in diagnostics]
    counts = [(found.count(s), s.value) for s in Severity]
    return ", ".join(count(n, word) for n, word in counts if n) or "no errors"


def as_data(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """JSON-able: lines and columns count from 1, ends are exclusive; the first label is where the fault is."""
    return [
        {
            "code": d.code,
            "severity": d.severity.value,
            "message": d.message,
            "file": d.labels[0].span.source.name if d.labels else None,
            "labels": [_label_data(label) for label in d.labels],
            "help": d.help,
        }
        for d in diagnostics
    ]


def _label_data(label: Label) -> dict[str, Any]:
    span = label.span
    end_line, end_column = span.source.position(span.end)
    return {
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": end_line,
        "end_column": end_column,
        "text": label.text,
    }


def _one(diagnostic: Diagnostic) -> Text:
    colour = "red" if diagnostic.severity is Severity.ERROR else "yellow"
    head = f"{diagnostic.severity.value}[{diagnostic.code}]"
    text = Text.assemble((head, f"bold {colour}"), (f": {safe(diagnostic.message)}", "bold"))
    width = max((len(str(_last_line(x.span))) for x in diagnostic.labels), default=1)
    shown: Source | None = None
    for number, label in enumerate(diagnostic.labels):
        source = label.span.source
        if source is not shown:
            arrow = "-->" if number == 0 else ":::"
            place = f":{label.span.line}:{label.span.column}" if source.text else ""
            text.append(f"\n{' ' * width}{arrow} {safe(source.name)}{place}")
            shown = source
        if not source.text:  # a file that could not be read has no line to show
            continue
        text.append(f"\n{' ' * width} |", "dim")
        text.append_text(_excerpt(label, width, colour if number == 0 else "cyan", "^" if number == 0 else "-"))
    if diagnostic.help:
        if diagnostic.labels:
            text.append(f"\n{' ' * width} |", "dim")
        lead = f"\n{' ' * width} = " if diagnostic.labels else "\n"
        for i, line in enumerate(diagnostic.help.split("\n")):
            text.append(f"{lead}help: {safe(line)}" if i == 0 else f"\n{' ' * (width + 9)}{safe(line)}")
    return text


def _last_line(span: Span) -> int:
    return span.source.position(max(span.start, span.end - 1))[0]


def _excerpt(label: Label, width: int, colour: str, mark: str) -> Text:
    """The label's source lines with marks under the span, its words after the last mark."""
    span, text = label.span, Text()
    first, last = span.line, _last_line(span)
    lines = list(range(first, last + 1))
    hidden = len(lines) > _LINES
    for line in [first, last] if hidden else lines:
        written = span.source.line(line)
        start = span.column - 1 if line == first else len(written) - len(written.lstrip())
        stop = span.source.position(span.end)[1] - 1 if line == last else len(written)
        if span.source.position(span.end)[0] != last:  # the span ends with its line's end
            stop = len(written)
        written, start, stop = _clipped(written, start, stop)
        before, inside = _plain(written[:start]), _plain(written[start:stop])
        marks = " " * cell_len(before) + mark * max(1, cell_len(inside))
        words = f" {safe(label.text)}" if label.text and line == last else ""
        text.append(f"\n{line:>{width}} | ", "dim").append(_plain(written))
        text.append(f"\n{' ' * width} | ", "dim").append(marks + words, colour)
        if hidden and line == first:
            text.append(f"\n{'.' * width} |", "dim")
    return text


def _clipped(written: str, start: int, stop: int) -> tuple[str, int, int]:
    """The part of a very long line around the marked place, and the place in it."""
    if len(written) <= _WIDEST:
        return written, start, stop
    left = max(0, min(start - 40, len(written) - _WIDEST))
    right = min(len(written), left + _WIDEST)
    lead = "…" if left else ""
    shown = lead + written[left:right] + ("…" if right < len(written) else "")
    shift = len(lead) - left
    return shown, start + shift, min(stop, right) + shift


def _plain(written: str) -> str:
    return "".join(_TAB if c == "\t" else safe(c) for c in written)
