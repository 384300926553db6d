"""A text as statements: each a head in column one and the indented lines that belong to it."""

import re
from dataclasses import field

from dsl.diagnostics import Diagnostics, Label
from dsl.records import dataclass
from dsl.source import Source, Span
from dsl.tokens import STATEMENTS


@dataclass(slots=True)
class Line:
    """One logical line, which may break inside parentheses. ``broken``: reported already, not worth reading."""

    start: int
    end: int
    indent: str
    row: bool = False
    broken: bool = False


@dataclass(slots=True)
class Block:
    head: Line
    body: list[Line] = field(default_factory=list)
    word: str = ""  # the head's first word
    known: bool = True  # no: reported already


_MARK = re.compile(r'"[^"\n]*"?|#[^\n]*|[()]|\n')
_INDENT = re.compile(r"[ \t\r]*")
_WORD = re.compile(r"[^\W\d]\w*")
_STATEMENT = re.compile(rf"(?:{'|'.join(STATEMENTS)})\b")
_MEMBER = re.compile(r"[A-Za-z_]\w*[ \t]*[:=](?!=)")


def logical_lines(source: Source, diagnostics: Diagnostics) -> list[Line]:
    """Lines without blanks and comments. Rows are those that begin with a pipe."""
    text = source.text
    lines = []
    at = 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        indent = _INDENT.match(text, at)
        assert indent is not None
        start = indent.end()
        newline = text.find("\n", start)
        stop = len(text) if newline < 0 else newline
        if text[start:stop].lstrip()[:1] in ("", "#"):
            at = stop + 1
            continue
        line = Line(start, stop, indent.group(), row=text[start] == "|")
        if not line.row:
            _parentheses(source, diagnostics, line)
        at = line.end + 1
        line.end = start + len(text[start : line.end].rstrip())
        lines.append(line)
    return lines


def _parentheses(source: Source, diagnostics: Diagnostics, line: Line) -> None:
    """Move ``line.end`` to the newline that ends the line: the first outside parentheses."""
    text = source.text
    opened: list[int] = []
    at = line.start
    while True:
        found = _MARK.search(text, at)
        if found is None or (found.group() == "\n" and opened and _starts_anew(text, found.end())):
            line.end = len(text) if found is None else found.start()
            if opened:
                _unclosed(source, diagnostics, line, opened[-1])
            return
        mark, at = found.group(), found.end()
        if mark == "(":
            opened.append(found.start())
        elif mark == ")" and opened:
            opened.pop()
        elif mark == ")":
            line.broken = True
            span = Span(source, found.start(), at)
            diagnostics.error("E008", "`)` closes nothing", span, help="delete it, or open it with `(` before")
        elif mark == "\n" and not opened:
            line.end = found.start()
            return


def _starts_anew(text: str, at: int) -> bool:
    """Whether the next line can't go on inside parentheses: a statement, or a pipe row."""
    indent = _INDENT.match(text, at)
    assert indent is not None
    return text.startswith("|", indent.end()) or _STATEMENT.match(text, at) is not None


def _unclosed(source: Source, diagnostics: Diagnostics, line: Line, opened: int) -> None:
    """Report, and end the line where its siblings go on, so that they are read."""
    diagnostics.error("E008", "`(` is never closed", Span(source, opened, opened + 1), help="close it with `)`")
    line.broken = True
    at = source.text.find("\n", opened, line.end)
    while at >= 0:
        indent = _INDENT.match(source.text, at + 1)
        assert indent is not None
        blank = source.text[indent.end() : indent.end() + 1] in ("", "\r", "\n", "#")
        if not blank and len(indent.group()) <= len(line.indent):
            line.end = at
            return
        at = source.text.find("\n", at + 1, line.end)


def blocks(source: Source, diagnostics: Diagnostics) -> list[Block]:
    """The statements of a text. Lines that stand where they can't are reported and given to the block they mean."""
    found: list[Block] = []
    outer: Block | None = None  # the block in column one around a statement that is indented by mistake
    for line in logical_lines(source, diagnostics):
        word = _word(source, line)
        if line.indent and word in STATEMENTS and not _member(source, line, word, found):
            message = f"`{word}` starts a statement and must stand in column one"
            diagnostics.error("E011", message, _span(source, line, word), help="delete the spaces before it")
            outer = outer or (found[-1] if found else None)
            found.append(Block(line, [], word))
        elif not line.indent and not line.row and not _misplaced(source, diagnostics, line, word, found):
            stray = word not in STATEMENTS and bool(_MEMBER.match(source.text, line.start))
            found.append(Block(line, [], word, not stray))
            outer = None
        elif not found:
            message = "a pipe row without a statement above it" if line.row else "an indented line without a statement"
            help = "statements start in column one; what belongs to one is indented below it"
            diagnostics.error("E011", message, _span(source, line), help=help)
        elif outer and len(line.indent) <= len(found[-1].head.indent):
            outer.body.append(line)
        else:
            if line.row and not line.indent and (not found[-1].body or found[-1].body[-1].indent):
                span = Span(source, line.start, line.start + 1)
                message = "a pipe row must be indented below its statement"
                diagnostics.error("E011", message, span, help="put spaces before it")
            found[-1].body.append(line)
    for block in found:
        if block.word in ("check", "always") and block.body and _bare(source, block.head).endswith(":"):
            block.head.end = block.body.pop().end  # its condition stands on the lines below
            block.body.clear()
    return found


def _bare(source: Source, line: Line) -> str:
    """The line without the comment at its end."""
    text = source.text[line.start : line.end]
    for found in _MARK.finditer(text):
        if found.group().startswith("#"):
            return text[: found.start()].rstrip()
    return text


def _member(source: Source, line: Line, word: str, found: list[Block]) -> bool:
    """Whether an indented line that begins with a statement's word can only be a line of the block above."""
    after = source.text[line.start + len(word) : line.end].lstrip()
    entity = bool(found) and found[-1].word == "entity"
    return entity and (word == "unit" or (after[:1] in ("=", ":") and word != "effect"))


def _word(source: Source, line: Line) -> str:
    found = _WORD.match(source.text, line.start)
    return found.group() if found else ""


def _span(source: Source, line: Line, word: str = "") -> Span:
    return Span(source, line.start, line.start + len(word) if word else line.end)


def _misplaced(source: Source, diagnostics: Diagnostics, line: Line, word: str, found: list[Block]) -> bool:
    """A formula or an input in column one. Inside or after an entity it goes to that entity."""
    if word in STATEMENTS or not _MEMBER.match(source.text, line.start):
        return False
    entity = found[-1] if found and found[-1].word == "entity" else None
    colon = source.text[line.start + len(word) :].lstrip().startswith(":")
    message = f"the {'input' if colon else 'formula'} `{word}` stands outside an entity"
    labels: list[Label | Span] = [_span(source, line, word)]
    if entity:
        labels.append(Label(Span(source, entity.head.start, entity.head.end), "indent it to belong here"))
    help = "indent it below its `entity`; a number of the policy's own is a `param`"
    diagnostics.error("E014", message, *labels, help=help)
    if entity:
        line.indent = entity.body[0].indent if entity.body else "  "
    return entity is not None
