"""What people write from habit, what it is here, and the characters that only look right. One table row each."""

import re
import unicodedata

from dsl.diagnostics import Diagnostics
from dsl.records import dataclass
from dsl.source import Source, Span


@dataclass(frozen=True, slots=True)
class Mistake:
    """``meant``: the tokens that stand for it, so that reading goes on."""

    code: str
    message: str
    help: str
    meant: tuple[str, ...]


def _operator(wrong: str, right: str, message: str = "`{}` is not an operator here") -> tuple[str, Mistake]:
    return wrong, Mistake("E025", message, f"write `{right}`", (right,))


def _word(wrong: str, right: str) -> tuple[str, Mistake]:
    return wrong, Mistake("E026", "`{}` is not a keyword", f"write `{right}`", tuple(right.split()))


MISTAKES: dict[str, Mistake] = dict(
    (
        _operator("==", "=", "equality is written with one sign, not `{}`"),
        _operator("<>", "!="),
        _operator("=>", ">="),
        _operator("=<", "<="),
        _operator(":=", "="),
        _operator("**", "^"),
        _operator("&&", "and"),
        _operator("||", "or"),
        _operator("!", "not"),
        ("//", Mistake("E025", "`{}` is not an operator here", "divide with one `/`; `#` begins a comment", ("/",))),
        (";", Mistake("E028", "`{}` ends nothing here", "leave it out: a line ends where it ends", ())),
        *(
            _word(form, word)
            for word in ("and", "or", "not", "if", "then", "else")
            for form in (word.upper(), word.capitalize())
        ),
        _word("elif", "else if"),
        _word("elsif", "else if"),
        _word("elseif", "else if"),
        *(_word(form, "yes") for form in ("true", "True", "TRUE")),
        *(_word(form, "no") for form in ("false", "False", "FALSE")),
    )
)


@dataclass(frozen=True, slots=True)
class Stray:
    """A character that begins no token: what to say, and the token that stands for it (none: ``type`` empty)."""

    code: str
    message: str
    help: str | None
    start: int
    end: int
    type: str = ""
    text: str = ""
    broken: bool = False


_LOOKALIKES = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "×": "*", "·": "*", "∙": "*", "⋅": "*", "÷": "/", "∕": "/",
    "≤": "<=", "≥": ">=", "≠": "!=", "，": ",", "：": ":", "（": "(", "）": ")", "＝": "=", "＋": "+",
}  # fmt: skip
_CLOSING = {"'": "'", "“": '”“"', "„": '“”"', "«": "»", "‘": "’'", "”": '”"', "’": "’'", "‚": "‘’"}
_HELP = {
    **dict.fromkeys("[]", "group with `(` and `)`"),
    **dict.fromkeys("{}", "group with `(` and `)`; a block is indented, without braces"),
    **dict.fromkeys("$€£", "write the unit after the number: `100 USD`"),
    "&": "write `and`",
    "@": "a price per unit is a column of its own: `mark : USD/asset`",
    "|": "a pipe row starts its own line; write `or` between conditions",
}


def stray(text: str, at: int, end: int, before: str) -> Stray:
    """What the character at ``at`` is. ``before`` is the type of the token to its left."""
    character = text[at]
    if character in _CLOSING:
        return _quoted(text, at, end)
    if character == '"':
        return _unclosed(text, at, end)
    if character in _LOOKALIKES:
        meant = _LOOKALIKES[character]
        message = f"`{character}` ({_unicode(character)}) only looks like `{meant}`"
        return Stray("E035", message, f"write `{meant}`", at, at + 1, meant, meant)
    if character.isdecimal():
        return _digits(text, at, end)
    if character == "%":
        return _percent(at, before)
    if character.isspace() or unicodedata.category(character) in ("Cf", "Zs", "Cc"):
        stop = at + 1
        while stop < end and text[stop] == character:
            stop += 1
        space = character.isspace()
        help = "write a plain space" if space else "delete it"
        message = f"a character that can't be seen ({_unicode(character)})"
        return Stray("E006", message, help, at, stop, broken=not space)
    return Stray("E006", f"`{character}` means nothing here", _HELP.get(character), at, at + 1, broken=True)


def _unicode(character: str) -> str:
    return f"U+{ord(character):04X}"


def _quoted(text: str, at: int, end: int) -> Stray:
    stop = at + 1
    while stop < end and text[stop] not in _CLOSING[text[at]] and text[stop] != "\n":
        stop += 1
    closed = stop < end and text[stop] != "\n"
    inside = text[at + 1 : stop]
    message = f"text stands between straight double quotes, not `{text[at]}`"
    return Stray("E027", message, f'write `"{inside}"`', at, stop + closed, "STRING", inside, broken=not closed)


def _unclosed(text: str, at: int, end: int) -> Stray:
    stop = text.find("\n", at, end)
    stop = end if stop < 0 else stop
    inside = text[at + 1 : stop].rstrip()
    help = f'write `"{inside}"`; text ends on the line where it begins'
    stop = at + 1 + len(inside)
    return Stray("E007", "this text has no closing quote", help, at, stop, "STRING", inside, True)


def _digits(text: str, at: int, end: int) -> Stray:
    stop = at
    plain = ""
    while stop < end and (text[stop].isdecimal() or text[stop] in ".٫"):
        plain += "." if text[stop] in ".٫" else str(unicodedata.decimal(text[stop]))
        stop += 1
    suffix = "%" if text[stop:end].startswith("%") else ""
    message = f"`{text[at:stop]}` is not written with the digits 0 to 9"
    plain = plain.rstrip(".")
    if plain.count(".") > 1:
        return Stray("E035", message, None, at, stop, broken=True)
    kind = "PERCENT" if suffix else "NUMBER"
    return Stray("E035", message, f"write `{plain}{suffix}`", at, stop + len(suffix), kind, plain)


def _percent(at: int, before: str) -> Stray:
    if before in ("NAME", ")"):
        help = "a percentage is a number: `10%`; write `/ 100` to divide, `* 100` to multiply; there is no remainder"
    else:
        help = "write a number before it: `10%`"
    return Stray("E029", "`%` stands after a number, without a space", help, at, at + 1, broken=True)


_RETURN = re.compile(r"\r(?!\r*(?:\n|\Z))")
_PROSE = re.compile(r'"[^"\n]*"?|#[^\n]*')
_UNSEEN = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def unlike_shown(source: Source, report: Diagnostics) -> None:
    """What editors show as the end of a line, or in another order, and the language reads otherwise: what looks like a
    statement would be a comment. Outside of comments and texts other characters than a return are told anyway."""
    text = source.text
    if "\r" in text and (found := _RETURN.search(text)):
        message = "a line that ends in a carriage return alone (U+000D)"
        help = "save the file with the line ends of Unix or Windows"
        report.error("E006", message, Span(source, found.start(), found.end()), help=help)
    if text.isascii() and not _UNSEEN.search(text):
        return
    for prose in _PROSE.finditer(text):
        for found in _UNSEEN.finditer(text, *prose.span()):
            message = f"a character that makes the text look other than it is read ({_unicode(found[0])})"
            report.error("E006", message, Span(source, found.start(), found.end()), help="delete it")
