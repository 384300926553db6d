"""A line's text as tokens. What people type for something else is reported here and read as what they meant."""

import re
from fractions import Fraction

from dsl.diagnostics import Diagnostics
from dsl.literals import KNOWN, LONGEST, MEANT, SUFFIXES, BadLiteral, date, quantity
from dsl.mistakes import MISTAKES, Mistake, stray
from dsl.records import dataclass
from dsl.source import Source, Span

STATEMENTS = (
    "policy", "use", "unit", "entity", "param", "let", "table", "curve", "tiers", "effect", "scenario", "grid",
    "always", "check", "test",
)  # fmt: skip
KEYWORDS = frozenset(
    (*STATEMENTS, *"""given expect within becomes from to in by via where over until if then else and or not
    yes no infinite unknown draw solve fresh""".split())
)  # fmt: skip
"""Reserved words; a test holds that they are those of the grammar."""

MAX_TOKENS = 100_000
MAX_PARENTHESES = 100


@dataclass(slots=True)
class Token:
    """``kind`` is NAME, STRING, NUMBER, PERCENT, DURATION, DATE, KEY, or the keyword or symbol itself.

    ``text`` is the mended text, the positions are those of the text as it stands. The last fields, and the names of
    the positions, are the parser generator's.
    """

    kind: str
    text: str
    start_pos: int
    end_pos: int
    value: object = None
    type: str = ""
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0


_TOKEN = re.compile(
    r"""
      (?P<blank>[ \t\r\n]+|\#[^\n]*)
    | (?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])(?:T[0-9:.]*(?:Z|[+-][0-9:]+)?)?)
    | (?P<otherwise>(?:[0-9]{1,2}([/.])[0-9]{1,2}\4[0-9]{4}|[12][0-9]{3}([/-])[0-9]{1,2}\5[0-9]{1,2})(?![0-9.]))
    | (?P<thousands>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?(?:%|[A-Za-z_][A-Za-z0-9_]*)?)
    | (?P<number>[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9]+)?)
    | (?P<joined>one[ \t]+of\b|max[ \t]+change\b)
    | (?P<point>\.[0-9][0-9_]*%?)
    | (?P<name>[^\W\d]\w*)
    | (?P<string>"[^"\n]*")
    | (?P<mistake>==|<>|=>|=<|:=|\*\*|&&|\|\||//|!(?!=)|;)
    | (?P<symbol>\?\?|<=|>=|!=|[-+*/^=<>(),:.?~])
    """,
    re.VERBOSE,
)
_SUFFIX = re.compile(r"%|[A-Za-z_][A-Za-z0-9_]*")
_SPACED_SUFFIX = re.compile(r"[ \t]+(%|bps\b)")
_WORDS = re.compile(r"[ \t]*[A-Za-z]+[ \t]+[A-Za-z]+")
_PRICE = re.compile(r"[ \t]*([0-9][0-9_]*(?:\.[0-9]+)?)")
_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP"}
_KEY = re.compile(r"[ \t]*([^\s:\"(][^:\n]*?)[ \t]*:")


class Tokenizer:
    """Reads the tokens of one line (``start`` to ``end`` of the source); ``broken`` where they can't be trusted."""

    def __init__(self, source: Source, diagnostics: Diagnostics, start: int, end: int) -> None:
        self.source = source
        self.text = source.text
        self.diagnostics = diagnostics
        self.start = start
        self.end = end
        self.broken = False
        self.tokens: list[Token] = []
        self.depth = 0
        self.pairs: list[str] = []

    def run(self) -> list[Token]:
        at = self.start
        while at < self.end:
            found = _TOKEN.match(self.text, at, self.end)
            if found is None:
                at = self._stray(at)
            elif found.lastgroup == "blank":
                at = found.end()
            else:
                at = getattr(self, f"_{found.lastgroup}")(found)
        return self.tokens

    def error(self, code: str, message: str, start: int, end: int, help: str | None = None) -> None:
        self.diagnostics.error(code, message, Span(self.source, start, end), help=help)

    def _add(self, type: str, text: str, start: int, end: int, value: object = None) -> int:
        self.tokens.append(Token(type, text, start, end, value))
        return end

    # -- words and symbols --------------------------------------------------------------------

    def _name(self, found: re.Match[str]) -> int:
        text, start, end = found.group(), found.start(), found.end()
        if not text.isascii():
            self.broken = True
            strange = ", ".join(f"`{c}` (U+{ord(c):04X})" for c in dict.fromkeys(text) if not c.isascii())
            self.error(
                "E006", f"the name `{text}` has {strange} in it", start, end, "names are made of a-z, A-Z, 0-9 and _"
            )
        if text in KEYWORDS:
            self._add(text, text, start, end)
            return self._expected_key(end) if text == "expect" and len(self.tokens) == 1 else end
        mistake = MISTAKES.get(text)
        if mistake and not (self.tokens and self.tokens[-1].kind == "."):
            return self._mend(mistake, text, start, end)
        return self._add("NAME", text, start, end)

    def _expected_key(self, at: int) -> int:
        """After ``expect account`` comes a row's key as it stands, up to the colon."""
        entity = re.compile(r"[ \t]*([A-Za-z_][A-Za-z0-9_]*)").match(self.text, at, self.end)
        if entity is None:
            return at
        self._add("NAME", entity[1], entity.start(1), entity.end(1))
        key = _KEY.match(self.text, entity.end(), self.end)
        return self._add("KEY", key[1], key.start(1), key.end(1)) if key else entity.end()

    def _joined(self, found: re.Match[str]) -> int:
        text = " ".join(found.group().split())
        return self._add(text, text, found.start(), found.end())

    def _string(self, found: re.Match[str]) -> int:
        return self._add("STRING", found.group()[1:-1], found.start(), found.end())

    def _symbol(self, found: re.Match[str]) -> int:
        text = found.group()
        self.depth += (text == "(") - (text == ")")
        return self._add(text, text, found.start(), found.end())

    # -- numbers and dates --------------------------------------------------------------------

    def _number(self, found: re.Match[str]) -> int:
        start, end = found.start(), found.end()
        suffix = _SUFFIX.match(self.text, end, self.end)
        if suffix is None:
            if self.text.startswith(".", end) and end < self.end:
                return self._points(start, end)
            spaced = _SPACED_SUFFIX.match(self.text, end, self.end)
            if spaced is None:
                return self._quantity(found.group(), "", start, end)
            mended = found.group() + spaced[1]
            message = f"a space stands between the number and its `{spaced[1]}`"
            self.error("E029", message, start, spaced.end(), f"write `{mended}`")
            return self._quantity(found.group(), spaced[1], start, spaced.end())
        text = suffix.group()
        if text in SUFFIXES:
            return self._quantity(found.group(), text, start, suffix.end())
        return self._unknown_suffix(found.group(), text, start, suffix.end())

    def _unknown_suffix(self, digits: str, suffix: str, start: int, end: int) -> int:
        message = f"unknown suffix `{suffix}` after `{digits}`"
        meant = MEANT.get(suffix)
        if suffix == "m":
            help = f"write `{digits}M` for a million, `{digits}min` for minutes"
            meant = "M"
        elif meant:
            help = f"write `{digits}{meant}`"
        else:
            help = f"put a space before a unit, `{digits} {suffix}`, or a sign, `{digits} * {suffix}`; {KNOWN}"
        self.error("E031", message, start, end, help)
        if meant is None:
            self.broken = True
            return self._add("NUMBER", digits + suffix, start, end)
        return self._quantity(digits, meant, start, end)

    def _points(self, start: int, end: int) -> int:
        """A number that ends in a point, or has two."""
        rest = re.compile(r"[0-9_.]*").match(self.text, end, self.end)
        stop = rest.end() if rest else end
        digits = self.text[start:end]
        mend = "a number has one point, and groups of digits are joined by `_`"
        if stop == end + 1:
            mend = f"write `{digits}`"
        elif re.fullmatch(r"[0-9]{1,3}(\.[0-9]{3}){2,}", self.text[start:stop]):
            mend = f"write `{self.text[start:stop].replace('.', '_')}`"
        self.error("E034", f"`{self.text[start:stop]}` is not a number", start, stop, mend)
        return self._quantity(digits, "", start, stop)

    def _point(self, found: re.Match[str]) -> int:
        """``.5``; in ``a.5`` the point belongs to the name."""
        text, start, end = found.group(), found.start(), found.end()
        if self.tokens and self.tokens[-1].kind == "NAME" and self.tokens[-1].end_pos == start:
            return self._add(".", ".", start, start + 1)
        digits = "0" + text.rstrip("%")
        suffix = "%" if text.endswith("%") else ""
        self.error("E034", f"`{text}` has no digit before its point", start, end, f"write `{digits}{suffix}`")
        return self._quantity(digits, suffix, start, end)

    def _thousands(self, found: re.Match[str]) -> int:
        """``1,000``. Inside the parentheses of a call two arguments may be meant, unless a group begins with 0."""
        whole = found.group()
        text = whole.rstrip("%_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        suffix = whole[len(text) :]
        groups = text.split(".")[0].split(",")[1:]
        listed = self.depth > 0 or any(t.kind == "in" for t in self.tokens)
        if suffix not in SUFFIXES:
            suffix = MEANT.get(suffix, "")
        mended = text.replace(",", "_")
        if listed and not any(g.startswith("0") for g in groups):
            message = f"`{whole}` may be one number or {len(groups) + 1}"
            help = f"write `{mended}{suffix}`, or put a space after each comma"
        else:
            message, help = f"`{whole}` has a comma inside the number", f"write `{mended}{suffix}`"
        self.error("E030", message, found.start(), found.end(), help)
        return self._quantity(mended, suffix, found.start(), found.end())

    def _quantity(self, digits: str, suffix: str, start: int, end: int) -> int:
        try:
            kind, value = quantity(digits, suffix)
        except BadLiteral as reason:
            mend = f"round it to {LONGEST} digits"
            if "exponent" in str(reason):
                mend = "write `infinite`, without a unit, for no limit"
            self.error("E032", f"`{_short(digits)}` {reason}", start, end, mend)
            kind, value = SUFFIXES[suffix][0], Fraction(1)
        type = {"plain": "NUMBER", "percent": "PERCENT", "duration": "DURATION"}[kind]
        return self._add(type, digits + suffix, start, end, value)

    def _date(self, found: re.Match[str]) -> int:
        try:
            value = date(found.group())
        except BadLiteral as reason:
            mend = None if "`" in str(reason) else "write year, month and day: `2026-12-01`"
            self.error("E033", f"`{found.group()}` {reason}", found.start(), found.end(), mend)
            value = date("2000-01-01")
        return self._add("DATE", found.group(), found.start(), found.end(), value)

    def _otherwise(self, found: re.Match[str]) -> int:
        """A date in the order or with the signs of another habit."""
        parts = re.split("[-/.]", found.group())
        mend = "write year, month and day: `2026-12-01`"
        if len(parts[0]) == 4:
            mend = f"write `{parts[0]}-{parts[1]:0>2}-{parts[2]:0>2}`"
        self.error("E033", f"`{found.group()}` is not written as a date", found.start(), found.end(), mend)
        return self._add("DATE", found.group(), found.start(), found.end(), date("2000-01-01"))

    # -- what isn't the language --------------------------------------------------------------

    def _mistake(self, found: re.Match[str]) -> int:
        text = found.group()
        if text == "//" and _WORDS.match(self.text, found.end(), self.end):
            self.error("E025", "`//` begins no comment", found.start(), found.end(), "write `#`")
            newline = self.text.find("\n", found.end(), self.end)
            return self.end if newline < 0 else newline
        return self._mend(MISTAKES[text], text, found.start(), found.end())

    def _mend(self, mistake: Mistake, text: str, start: int, end: int) -> int:
        self.error(mistake.code, mistake.message.format(text), start, end, mistake.help)
        for word in mistake.meant:
            self._add(word, word, start, end)
        return end

    def _stray(self, at: int) -> int:
        """A character that begins no token. The second of a pair of brackets goes with the first."""
        character = self.text[at]
        if character in self.pairs:
            self.pairs.remove(character)
            return at + 1
        price = _PRICE.match(self.text, at + 1, self.end)
        if character in _CURRENCIES and price:
            help = f"write the unit after the number: `{price[1]} {_CURRENCIES[character]}`"
            self.error("E006", f"`{character}` means nothing here", at, at + 1, help)
            self.broken = True
            return self._add("NUMBER", self.text[at : price.end()], at, price.end())
        self.pairs += {"[": "]", "{": "}"}.get(character, "")
        found = stray(self.text, at, self.end, self.tokens[-1].kind if self.tokens else "")
        self.error(found.code, found.message, found.start, found.end, found.help)
        if found.broken:
            self.broken = True
        if found.type in ("NUMBER", "PERCENT"):
            return self._quantity(found.text, "%" if found.type == "PERCENT" else "", found.start, found.end)
        if found.type:
            self._add(found.type, found.text, found.start, found.end)
        return found.end


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:20] + "..."


def tokenize(source: Source, diagnostics: Diagnostics, start: int, end: int) -> tuple[list[Token], bool]:
    """The tokens of one line, and whether it is broken: reported in a way that makes reading on pointless."""
    reader = Tokenizer(source, diagnostics, start, end)
    return reader.run(), reader.broken
