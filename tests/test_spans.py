"""Each node's place is its own text."""

from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from dsl import syntax as s
from dsl.source import Span
from tests.written import PAGE, formula, good, shown


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
