"""Text to tree: the parser of one line, and ``parse`` for a whole file."""

import re
from functools import lru_cache
from threading import RLock
from typing import Any

from dsl import syntax as s
from dsl.blocks import read_block
from dsl.diagnostics import Diagnostics
from dsl.expected import explain
from dsl.lalr import Parser, Unexpected
from dsl.lines import Block, Line, blocks
from dsl.mistakes import unlike_shown
from dsl.near import nearest
from dsl.parts import TooLarge
from dsl.source import Source, Span
from dsl.statements import LineBuilder, PolicyLine
from dsl.table import load_table
from dsl.tokens import KEYWORDS, MAX_PARENTHESES, MAX_TOKENS, STATEMENTS, Token, tokenize

MAX_CHARACTERS = 1 << 20


class _Engine:
    """The parser and what it builds with. One for all, so a lock goes with it."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.builder = LineBuilder()
        table = load_table()
        self.parser = Parser(table, self.builder)
        self.terminals = table.terminals
        self.shown = {name: word for word, name in self.terminals.items()}


@lru_cache(maxsize=1)
def engine() -> _Engine:
    """The parser, built when it is first needed."""
    return _Engine()


class LineReader:
    """Reads the lines of one source with the shared parser."""

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self.engine = engine()
        self.count = 0
        self.lost: set[str] = set()

    def line(self, rule: str, line: Line) -> Any:
        """One line as a node of the tree, or None where that is reported."""
        if line.broken:
            return None
        return self._read(rule, line.start, line.end)

    def text(self, rule: str, start: int, end: int) -> Any:
        """One cell."""
        return self._read(rule, start, end)

    def lose(self, line: Line, *, every: bool = False) -> None:
        """Note the name that a faulty line was to define (or every name), so that its uses are not reported as well."""
        words = _WORD.findall(self.source.text, line.start, line.end)
        if words[:1] == ["policy"] or words == ["unit"]:
            self.lost.add(words[0])
        elif words and words[0] not in _NAMELESS:
            names = [w for w in words[: None if every else 2] if w not in KEYWORDS and not w[0].isdecimal()]
            self.lost.update(names if every else names[:1])

    def _read(self, rule: str, start: int, end: int) -> Any:
        tokens, broken = tokenize(self.source, self.diagnostics, start, end)
        self.count += len(tokens)
        if self._too_deep(tokens) or self.count > MAX_TOKENS:
            return None
        if rule == "statement":
            tokens = self._nearest_statement(tokens)
            if not tokens:
                return None
        return self._parse(rule, tokens, end, quiet=broken)

    def _parse(self, rule: str, tokens: list[Token], end: int, quiet: bool = False) -> Any:
        """``quiet`` where the line's fault is reported already: what can still be read spares faults elsewhere."""
        self.engine.builder.begin(self.source, self.diagnostics)
        for token in tokens:
            token.type = self.engine.terminals.get(token.kind, token.kind)
        try:
            return self.engine.parser.parse(rule, tokens)
        except TooLarge:
            return None
        except Unexpected as unexpected:
            index = unexpected.index
            accepts = {self.engine.shown.get(a, a) for a in unexpected.accepts}
        if quiet:
            return None
        if self._colon(rule, tokens, index, accepts):
            return self._parse(rule, tokens, end, quiet=True)
        self._report(tokens, index, accepts, end, "cell" if rule in ("value", "cell", "header") else "line")
        return None

    def _colon(self, rule: str, tokens: list[Token], index: int, accepts: set[str]) -> bool:
        """Put in a missing ``:`` and report it, where it can only be that."""
        if tokens and tokens[0].kind in ("check", "always"):
            text = next((i for i, t in enumerate(tokens) if t.kind == "STRING"), index)
            word, after = (*tokens[text + 1 : text + 3], None, None)[:2]
            if text + 1 < index and word and word.text != "on" and after and after.kind not in ("NAME", ":"):
                index = text + 1
                accepts = {":"}
        last = index == len(tokens)
        inside = rule == "test_line" or (tokens and tokens[0].kind in ("check", "always"))
        either = last and "=" in accepts and tokens[0].kind != "curve"
        if ":" not in accepts or not (last or inside) or either or "NUMBER" in accepts:
            return False
        if not last and tokens[index].kind in (")", "=", ","):
            return False
        place = tokens[index - 1].end_pos
        message = "`:` is missing at the end of this line" if last else f"`:` is missing before `{tokens[index].text}`"
        self.diagnostics.error("E012", message, Span(self.source, place - 1, place), help="write `:` after it")
        tokens.insert(index, Token(":", ":", place, place))
        return True

    def _report(self, tokens: list[Token], index: int, accepts: set[str], end: int, place: str) -> None:
        fault = explain(tokens, index, accepts, place)
        if fault.at is not None:
            span = Span(self.source, fault.at.start_pos, fault.at.end_pos)
        else:
            last = tokens[-1].end_pos if tokens else end
            span = Span(self.source, max(0, last - 1), last)
        self.diagnostics.error(fault.code, fault.message, span, help=fault.help)

    def _too_deep(self, tokens: list[Token]) -> bool:
        depth = 0
        for token in tokens:
            depth += (token.kind == "(") - (token.kind == ")")
            if depth > MAX_PARENTHESES:
                message = f"more than {MAX_PARENTHESES} levels of nesting"
                span = Span(self.source, token.start_pos, token.end_pos)
                self.diagnostics.error("E009", message, span, help="name a part as a formula of its own")
                return True
        return False

    def _nearest_statement(self, tokens: list[Token]) -> list[Token]:
        """A first word that is no statement is reported, and read as the nearest one that is."""
        if not tokens or tokens[0].kind in STATEMENTS:
            return tokens
        first = tokens[0]
        near = nearest(first.text, STATEMENTS, 0.7)
        span = Span(self.source, first.start_pos, first.end_pos)
        help = f"write `{near}`" if near else f"statements begin with {' '.join(f'`{x}`' for x in STATEMENTS)}"
        self.diagnostics.error("E010", f"`{first.text}` starts no statement", span, help=help)
        return [Token(near, near, first.start_pos, first.end_pos), *tokens[1:]] if near else []


_WORD = re.compile(r"\w+")
_NAMELESS = {"policy", "use", "always", "check", "test", "given", "expect", "from"}


def parse(source: Source, diagnostics: Diagnostics) -> s.File:
    """The file as written. Every fault goes to ``diagnostics``; what could be read is returned."""
    span = Span(source, 0, len(source.text))
    if len(source.text) > MAX_CHARACTERS or len(source.text.encode("utf-8", "replace")) > MAX_CHARACTERS:
        message = f"`{source.name}` is larger than 1 MiB"
        help = 'put long tables into a CSV file: `table ... from "file.csv"`'
        diagnostics.error("E003", message, Span(source, 0, 0), help=help)
        return s.File(None, None, None, "", (), span)
    with engine().lock:
        return _Parse(source, diagnostics).run()


class _Parse:
    """One run over a source."""

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self.reader = LineReader(source, diagnostics)

    def run(self) -> s.File:
        policy: PolicyLine | None = None
        statements: list[s.Statement] = []
        before = len(self.diagnostics.found)
        unlike_shown(self.source, self.diagnostics)
        found = blocks(self.source, self.diagnostics)
        for i, block in enumerate(found):
            self._name(block)
            node = read_block(self.reader, block)
            if self.reader.count > MAX_TOKENS:
                message = f"`{self.source.name}` has more than {MAX_TOKENS} words and signs"
                help = 'put long tables into a CSV file: `table ... from "file.csv"`'
                self.diagnostics.error("E003", message, self._head(block), help=help)
                break
            if isinstance(node, PolicyLine):
                policy = self._policy(policy, node, i, found)
            elif node is not None:
                statements.append(node)
        span = Span(self.source, 0, len(self.source.text))
        if not found and len(self.diagnostics.found) == before:
            help = 'a policy begins with `policy "Name"`; `softliq new DIR` writes a first one'
            self.diagnostics.error("E013", f"`{self.source.name}` says nothing", Span(self.source, 0, 0), help=help)
        first = policy or PolicyLine(None, None, None)
        return s.File(
            first.title, first.version, first.effective, first.description, tuple(statements), span,
            frozenset(self.reader.lost),
        )  # fmt: skip

    def _head(self, block: Block) -> Span:
        return Span(self.source, block.head.start, block.head.end)

    def _name(self, block: Block) -> None:
        """The kind of block, mended where its word is misspelt."""
        if block.word not in STATEMENTS:
            block.word = nearest(block.word, STATEMENTS, 0.7) or ""

    def _policy(self, before: PolicyLine | None, node: PolicyLine, index: int, found: list[Block]) -> PolicyLine:
        if before is not None:
            message = "a file has one `policy` line"
            self.diagnostics.error("E015", message, self._head(found[index]), help="delete one of them")
            return before
        if index:
            message = "the `policy` line stands first"
            self.diagnostics.error("E015", message, self._head(found[index]), self._head(found[0]), help="move it up")
        return node


def parse_literal(text: str, source: Source, diagnostics: Diagnostics) -> s.Expr | None:
    """A number with its sign and unit, a date, a flag, a text or a label: what ``--set name=...`` may give."""
    start = source.text.find(text)
    if start < 0:
        source, start = Source(source.name, text), 0
    before = len(diagnostics.found)
    with engine().lock:
        node = LineReader(source, diagnostics).text("value", start, start + len(text))
    if node is None or len(diagnostics.found) > before:
        return None
    inner = node.operand if isinstance(node, s.Sign) else node
    signed = isinstance(inner, s.Number | s.Infinite)
    if signed or (inner is node and isinstance(node, s.Date | s.Flag | s.Text)):
        return node  # type: ignore[no-any-return]
    if inner is node and isinstance(node, s.Path) and len(node.parts) == 1:
        return node
    message = f"`{text}` is not a single value"
    span = Span(source, start, start + len(text))
    diagnostics.error("E036", message, span, help="write a number, date, flag, text or label")
    return None
