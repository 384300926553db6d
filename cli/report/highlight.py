"""A policy's text as highlighted HTML, line by line. Colours help; nothing is said by colour alone."""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

from cli.terminal.text import safe
from dsl.source import Source
from dsl.tokens import KEYWORDS, STATEMENTS

LONGEST = 200_000  # characters of one source that are shown

_SOFT = (  # words of the language that may also be names
    "version effective on groups by once change max min sum mean count share any all warn test as_of extended flat"
    " outside linear step smooth logarithmic increasing decreasing convex continuous marginal other known"
    " ratio number duration date text flag one of"
)
_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
      | (?P<string>"[^"\n]*"?)
      | (?P<number>(?<![\w.])\d{4}-\d\d-\d\d(?:T[\d:]+Z)?|(?<![\w.])\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?(?:%|[A-Za-z]+)?)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<pipe>\|)
      | (?P<operator>[-+*/^=<>!?]+)""",
    re.VERBOSE,
)
_KEYWORDS = {**dict.fromkeys((*_SOFT.split(), *KEYWORDS), "k"), **dict.fromkeys(STATEMENTS, "s")}
_CLASSES = {"comment": "c", "string": "q", "number": "n", "pipe": "p", "operator": "o"}


def lines(source: Source) -> Iterator[Markup]:
    """Each line of the text, escaped, its tokens in spans."""
    for line in source.text[:LONGEST].splitlines():
        yield Markup("".join(_pieces(line)))


def _pieces(line: str) -> Iterator[str]:
    done = 0
    for match in _TOKEN.finditer(line):
        yield _plain(line[done : match.start()])
        kind = _KEYWORDS.get(match.group(), "") if match.lastgroup == "name" else _CLASSES[match.lastgroup or ""]
        if kind == "s" and line[: match.start()].strip():
            kind = ""  # a statement's keyword stands first; elsewhere the same letters are a name
        text = _plain(match.group())
        yield f'<span class="{kind}">{text}</span>' if kind else text
        done = match.end()
    yield _plain(line[done:])


def _plain(text: str) -> str:
    return str(escape("\t".join(safe(part) for part in text.split("\t"))))
