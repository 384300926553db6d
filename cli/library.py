"""The policies that are shipped with softliq, by chapter, each with the book that stands beside it."""

from collections.abc import Iterator
from pathlib import Path

from dsl.load import LIBRARY
from dsl.near import nearest
from dsl.records import dataclass

CHAPTERS = {"": "The flagship", "models": "One mechanism each", "venues": "Real systems"}


@dataclass(frozen=True, slots=True)
class Shipped:
    """``name``: its file's name without the ending, which no other has. ``book``: the folder of its sample snapshot, or
    None. ``title`` and ``line``: what it is called, and the first sentence of its description."""

    name: str
    chapter: str
    path: Path
    book: Path | None
    title: str
    line: str


def shipped() -> Iterator[Shipped]:
    """Every policy of the library, in the order in which a reader wants them."""
    for folder, chapter in CHAPTERS.items():
        for path in sorted((LIBRARY / folder).glob("*.policy")):
            book = LIBRARY / "snapshots" / path.stem
            title, description = _head(path)
            yield Shipped(path.stem, chapter, path, book if book.is_dir() else None, title, first_sentence(description))


def find(name: str) -> Shipped | str | None:
    """The policy of that name; else the nearest name, or None where none is near."""
    found = {one.name: one for one in shipped()}
    return found.get(name) or nearest(name, found)


def first_sentence(text: str) -> str:
    """A text up to the first full stop that ends a sentence."""
    for i, sign in enumerate(text):
        if sign == "." and text[i + 1 : i + 2] in ("", " "):
            return text[:i]
    return text


def _head(path: Path) -> tuple[str, str]:
    """The title and the description of a policy, without reading on: a list of all of them shows at once."""
    from dsl.diagnostics import Diagnostics
    from dsl.parse import parse
    from dsl.source import Source

    head, _, _ = path.read_text("utf-8").partition("\n\n")
    file = parse(Source(path.name, head + "\n"), Diagnostics())
    return file.title or path.stem, file.description
