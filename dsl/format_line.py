"""One line in canonical form: its words and literals as they stand, the space between them by rule."""

from collections.abc import Sequence
from typing import Literal

from dsl.diagnostics import Diagnostics
from dsl.source import Source
from dsl.tokens import Token, tokenize

Kind = Literal["statement", "member", "line", "header", "cell"]

_OPERANDS = frozenset(
    "NAME NUMBER PERCENT DURATION DATE STRING KEY ) yes no infinite unknown ?".split()
)  # a sign after one of these joins two operands; after anything else it belongs to the number
_TYPE_ENDS = frozenset("> >= < <= in = , STRING fresh".split()) | {"max change"}
_WITH_ARGUMENTS = ("let", "table", "curve", "scenario")
_WITH_NOTES = ("param", "let", "curve")
_RULES = ("fresh", "max change")

# What neighbouring lines align: the start, the `:` or `=` part, the rules, the description and comment.
# Each with the blanks before it, and the longest text that makes its neighbours wait for it.
COLUMNS = 4
_GAPS = ((1, 1, 1000), (2, 2, 1000), (3, 2, 64))


def line_cells(source: Source, start: int, end: int, kind: Kind, indent: int) -> list[str]:
    """The line as the cells that its neighbours align; blank where it has none. Its own line breaks are kept."""
    tokens, _ = tokenize(source, Diagnostics(), start, end)
    written = _written(source, tokens, _gaps(tokens, kind), indent)
    starts = _starts(tokens, kind)
    cells = [""] * COLUMNS
    bounds = [0, *(at if at is not None else None for at in starts), len(tokens)]
    for column, first in enumerate(bounds[:COLUMNS]):
        if first is not None:
            after = next(at for at in bounds[column + 1 :] if at is not None)
            cells[column] = written[first][1] + "".join(gap + word for gap, word in written[first + 1 : after])
    comment = source.text[tokens[-1].end_pos : end].strip()
    cells[-1] = "  ".join(part for part in (cells[-1], comment) if part)
    return cells


def spaced(source: Source, start: int, end: int, kind: Kind) -> str:
    """A header or a cell: what stands between two pipes. One with a comment inside stays as it is."""
    tokens, _ = tokenize(source, Diagnostics(), start, end)
    found = "".join(gap + word for gap, word in _written(source, tokens, _gaps(tokens, kind), 0))
    return found if same_words(found, source.text[start:end]) else source.text[start:end]


def same_words(text: str, other: str) -> bool:
    """Whether two texts differ by blanks only."""
    return "".join(text.split()) == "".join(other.split())


def align(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of cells as text, each column starting at one place. One that breaks doesn't move its neighbours."""
    texts = [line[0] for line in lines]
    for column, gap, longest in _GAPS:
        having = [i for i, line in enumerate(lines) if line[column]]
        widths = [len(texts[i]) for i in having if "\n" not in texts[i] and len(texts[i]) <= longest]
        place = max(widths, default=0) + gap
        for i in having:
            blanks = gap if "\n" in texts[i] else max(gap, place - len(texts[i]))
            texts[i] += " " * blanks + lines[i][column]
    return texts


def _starts(tokens: Sequence[Token], kind: Kind) -> list[int | None]:
    """The tokens with which the second, third and fourth cell begin."""
    kinds = [token.kind for token in tokens]
    value = rule = note = None
    if kind == "member" and len(kinds) > 1 and kinds[1] in (":", "="):
        value = 1
    elif kind == "line" and "becomes" in kinds:
        value = kinds.index("becomes")
    elif kinds[0] == "from" and "=" in kinds:
        value = kinds.index("=")
    if kind == "member" or kinds[0] == "param":
        rule = next((i for i, k in enumerate(kinds) if k in _RULES), None)
    if (kind == "member" or kinds[0] in _WITH_NOTES) and len(kinds) > 1:
        note = len(kinds) - 1 if kinds[-1] == "STRING" and kinds[-2] in _OPERANDS else None
    return [value, rule, note]


def _written(source: Source, tokens: Sequence[Token], gaps: Sequence[str], indent: int) -> list[tuple[str, str]]:
    """Each token with what stands before it; a line break stays one, with the comments in it."""
    found = []
    depth = 0
    base = indent
    for i, token in enumerate(tokens):
        gap = gaps[i]
        between = source.text[tokens[i - 1].end_pos : token.start_pos] if i else ""
        if "\n" in between:
            comment, *lines, _ = (part.strip() for part in between.split("\n"))
            if depth == 0:
                base = indent + 2  # the condition of a `check` on the lines below it
            inner = "\n" + " " * (base + 2 * depth)
            gap = f"  {comment}" if comment else ""
            gap += "".join(inner + line for line in lines if line)
            gap += "\n" + " " * (base + 2 * (depth - 1)) if token.kind == ")" else inner
        depth += (token.kind == "(") - (token.kind == ")")
        text = source.text[token.start_pos : token.end_pos]
        found.append((gap, token.text if " " in token.kind else text))
    return found


def _gaps(tokens: Sequence[Token], kind: Kind) -> list[str]:
    """The blanks before each token, where no line breaks."""
    typed = _types(tokens, kind)
    found = [""]
    sign = tokens[0].kind in ("+", "-") if tokens else False
    for i in range(1, len(tokens)):
        before, token = tokens[i - 1], tokens[i]
        unit = typed[i] and (token.kind in ("*", "/", "^", "(") or before.kind in ("*", "/", "^"))
        call = token.kind == "(" and before.kind in ("NAME", "draw", "solve")
        colon = token.kind == ":" and not (typed[i] and not _in_arguments(tokens, i))
        tight = token.kind in (",", ")", "?", ".") or before.kind in ("(", ".") or sign
        found.append("" if unit or call or colon or tight else " ")
        sign = token.kind in ("+", "-") and before.kind not in _OPERANDS
    return found


def _in_arguments(tokens: Sequence[Token], at: int) -> bool:
    opened = sum((t.kind == "(") - (t.kind == ")") for t in tokens[:at])
    return opened > 0


def _types(tokens: Sequence[Token], kind: Kind) -> list[bool]:
    """Which tokens are a unit type, its colon included: there `USD/asset^0.5` is one word."""
    found = []
    depth = 0
    opened: int | None = None  # how deep the type's colon stands
    heads = bool(tokens) and tokens[0].kind in _WITH_ARGUMENTS and kind == "statement"
    for i, token in enumerate(tokens):
        depth -= token.kind == ")"
        if opened is not None and (token.kind in _TYPE_ENDS or depth < opened):
            opened = None
        heads = heads and not (token.kind == "=" and depth == 0)
        if token.kind == ":" and opened is None:
            column = (kind == "member" and i == 1) or (kind == "header" and depth == 0)
            param = kind == "statement" and tokens[0].kind == "param" and i == 2
            opened = depth if column or param or (heads and depth == 1) else None
        found.append(opened is not None)
        depth += token.kind == "("
    return found
