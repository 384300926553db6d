"""What the tree of a line is made from: tokens and nodes with their places, and how large a tree may grow."""

from typing import Any, TypeVar

from dsl import syntax as s
from dsl.diagnostics import Diagnostics
from dsl.records import dataclass
from dsl.source import NOWHERE, Source, Span
from dsl.tokens import Token

N = TypeVar("N", bound=s.Expr)
Parts = list[Any]  # tokens and what rules before gave, in the order of the text

LONGEST_CHAIN = 500
DEEPEST = 100
TALLEST = LONGEST_CHAIN + DEEPEST
_SPLIT = "name a part of it as a formula of its own"


class TooLarge(Exception):
    """An expression that would be too deep for the passes that walk it. Already reported."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line that has no node of its own: what kind it is, its value, its place."""

    word: str
    value: Any
    span: Span


class Maker:
    """Of the line at hand: the source of the spans, where faults go, and the sizes of the nodes made so far."""

    def __init__(self) -> None:
        self.begin(NOWHERE.source, Diagnostics())

    def begin(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self._size: dict[int, tuple[int, int]] = {}  # height and nesting of each node of this line, by identity

    def at(self, part: Any) -> Span:
        if isinstance(part, Token):
            return Span(self.source, part.start_pos, part.end_pos)
        return part.span  # type: ignore[no-any-return]

    def over(self, parts: Parts) -> Span:
        present = [p for p in parts if p is not None]
        return Span(self.source, self.at(present[0]).start, self.at(present[-1]).end)

    def name(self, token: Token) -> s.Name:
        return s.Name(token.text, self.at(token))

    def string(self, token: Token) -> s.Text:
        return s.Text(token.text, self.at(token))

    def error(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        self.diagnostics.error(code, message, span, help=help)

    def grow(self, node: N, *children: Any, chain: int = 1, nesting: int = 1) -> N:
        """Note the size of a new node; a later pass recurses once per level."""
        sizes = [self._size.get(id(c), (0, 0)) for c in children]
        height = max((h for h, _ in sizes), default=0) + chain
        depth = max((d for _, d in sizes), default=0) + nesting
        if depth > DEEPEST:
            self.error("E009", f"more than {DEEPEST} levels of nesting", node.span, _SPLIT)
            raise TooLarge
        if chain > LONGEST_CHAIN or height > TALLEST:
            self.error("E009", f"one expression of more than {LONGEST_CHAIN} terms", node.span, _SPLIT)
            raise TooLarge
        self._size[id(node)] = (height, depth)
        return node

    @staticmethod
    def of(parts: Parts, kind: type) -> list[Any]:
        return [p for p in parts if isinstance(p, kind)]

    @staticmethod
    def tokens(parts: Parts, *types: str) -> list[Token]:
        return [p for p in parts if isinstance(p, Token) and p.kind in types]

    def description(self, parts: Parts) -> str:
        found = self.tokens(parts, "STRING")
        return found[-1].text if found else ""
