"""What the documentation says holds: its examples check, its commands run, its links lead somewhere, its pages are new.

The word after ```softliq says what a block is: nothing, a policy (without its first lines, if it is short); ``book``,
what the page's other blocks stand on; ``more``, statements beside the book and the blocks before; ``in ENTITY``, lines
of that entity. ``error CODE`` after it: exactly this is wrong with it, and the block is left out again.
"""

import json
import re
import runpy
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Softliq

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
GENERATE: dict[str, Any] = runpy.run_path(str(DOCS / "generate.py"))
HEAD = 'policy "Example"\n\nunit USD\n\n'
UNUSED = {"W101", "W102", "W821", "W822"}  # an example may declare what it doesn't use

_FENCE = re.compile(r"^```(\w+)[ \t]*([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words after it, its text and the line where it starts."""

    language: str
    words: tuple[str, ...]
    text: str
    line: int


def blocks(page: Path, language: str) -> list[Block]:
    text = page.read_text("utf-8")
    return [
        Block(m[1], tuple(m[2].split()), m[3], text.count("\n", 0, m.start()) + 1)
        for m in _FENCE.finditer(text)
        if m[1] == language
    ]


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


# -- examples of the language -----------------------------------------------------------------


@dataclass
class Book:
    """The policy that a page's examples make up, block by block."""

    text: str = ""
    more: list[str] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=dict)

    def added(self, words: tuple[str, ...], text: str) -> "Book":
        match words:
            case ("book",):
                return Book(text)
            case ("more",):
                return Book(self.text, [*self.more, text], self.lines)
            case ("in", entity):
                lines = [f"  {line}" for line in text.splitlines()]
                return Book(self.text, self.more, {**self.lines, entity: [*self.lines.get(entity, []), *lines]})
        raise AssertionError(f"no example is called {' '.join(words)!r}")

    def policy(self) -> str:
        text = "\n".join([self.text, *self.more])
        for entity, lines in self.lines.items():
            head = re.search(rf"^entity {entity}\b.*:$", text, re.MULTILINE)
            assert head, f"the book has no entity {entity}"
            text = "\n".join([text[: head.end()], *lines]) + text[head.end() :]
        return text


def codes(text: str) -> set[str]:
    """The codes of what is wrong with a policy."""
    from dsl.check import check
    from dsl.diagnostics import Diagnostics
    from dsl.load import load_text

    found = Diagnostics()
    loaded = load_text(text, "example", ROOT, found)
    check(loaded.file, found)
    return {d.code for d in found.found} - UNUSED


def examples() -> Iterator[Any]:
    """Each policy of the documentation with the one code that it must give, if any."""
    for page in PAGES:
        book = Book()
        waiting: list[tuple[str, Book, str, int]] = []
        for block in blocks(page, "softliq"):
            name = f"{page_name(page)}:{block.line}"
            words, _, code = " ".join(block.words).partition("error ")
            if not words.strip():
                text = block.text if block.text.startswith("policy") else HEAD + block.text
                yield pytest.param(text, code, id=name)
                continue
            made = book.added(tuple(words.split()), block.text)
            if code:
                waiting.append((name, made, code, block.line))
            else:
                book = made
        if book.text:
            yield pytest.param(book.policy(), "", id=f"{page_name(page)}: the book")
        for name, made, code, _ in waiting:
            yield pytest.param(made.policy(), code, id=name)


@pytest.mark.parametrize(("text", "code"), list(examples()))
def test_an_example_checks(text: str, code: str) -> None:
    assert codes(text) == ({code} if code else set()), text


def test_tests_in_the_examples_pass(tmp_path: Path) -> None:
    import softliq
    from evaluator.testing import run_tests

    written = [example.values[0] for example in examples() if "\ntest " in example.values[0] and not example.values[1]]
    assert written
    for text in written:
        (tmp_path / "example.policy").write_text(text, "utf-8")
        ran = list(run_tests(softliq.load_policy(tmp_path / "example.policy")))
        assert ran and [result for result in ran if not result.passed] == []


def test_there_are_examples() -> None:
    assert len(list(examples())) >= 6
    assert codes(HEAD + "entity account:\n  x = y\n") == {"E111"}


# -- commands, Python, links ------------------------------------------------------------------


def command_lines(page: Path) -> list[list[str]]:
    lines = (line for block in blocks(page, "sh") for line in block.text.splitlines())
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("softliq ")]


@pytest.fixture
def risk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, softliq: Softliq) -> Path:
    """A folder in which `softliq new risk` was typed; the examples run there."""
    monkeypatch.chdir(tmp_path)
    assert softliq("new", "risk").code == 0
    return tmp_path


@pytest.mark.parametrize("page", ["README.md", "docs/report.md"])
def test_its_commands_run(page: str, risk: Path, softliq: Softliq) -> None:
    lines = [line for line in command_lines(ROOT / page) if line != ["new", "risk"]]
    assert lines
    for line in lines:
        ran = softliq(*line)
        assert ran.code == 0, (line, ran.out, ran.err)


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_its_python_runs(page: str, risk: Path) -> None:
    names: dict[str, object] = {}
    found = blocks(ROOT / page, "python")
    assert found
    for block in found:
        exec(compile("\n" * block.line + block.text, page, "exec"), names)


def test_only_options_that_there_are_stand_in_the_text() -> None:
    known = set(re.findall(r"--[a-z]+(?:-[a-z]+)*", (DOCS / "commands.md").read_text("utf-8")))
    known |= {"--help", "--version", "--check", "--strict"}  # of every command, docs/generate.py and mypy
    known |= set(re.findall(r'"(--[a-z]+)"', (ROOT / "tests" / "bench" / "__main__.py").read_text("utf-8")))
    for page in PAGES:
        text = page.read_text("utf-8")
        assert set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", text)) <= known, page


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual renderers of Markdown name them."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"`|\[|\]\([^)]*\)", "", h)) for h in _HEADING.findall(text))
    return {name.lower().replace(" ", "-") for name in plain}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_its_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        targets = (target.partition("#")[0] for target in _LINK.findall(page.read_text("utf-8")))
        waiting += [(page.parent / target).resolve() for target in targets if target and ":" not in target]
    assert sorted(page_name(p) for p in set(PAGES) - reached) == []


# -- pages from the code ----------------------------------------------------------------------


def test_the_generated_pages_are_new() -> None:
    assert GENERATE["stale"]() == [], "run `make docs`"


@pytest.mark.parametrize(
    ("row", "command"),
    [
        ("check", "check absent.policy --format json"),
        ("check", "check risk/my.policy --ranges --format json"),
        ("schema", "schema risk/my.policy --format json"),
        ("gallery", "gallery --format json"),
        ("test", "test risk/my.policy --coverage --format json"),
        ("explain", "explain risk/my.policy risk/snapshot account:bob --why-not trim --format json"),
    ],
)
def test_what_a_command_gives_as_data_is_explained(row: str, command: str, risk: Path, softliq: Softliq) -> None:
    """Every key down to two levels stands in the command's row."""
    (told,) = re.findall(rf"^\| `{row} --format json` \|.*$", (ROOT / "docs" / "results.md").read_text("utf-8"), re.M)
    explained = set(re.findall(r"`(\w+)`", told))

    def keys(data: Any, depth: int) -> set[str]:
        if depth == 0:
            return set()
        if isinstance(data, list):
            return {k for each in data for k in keys(each, depth)}
        if not isinstance(data, dict):
            return set()
        return set(data).union(*(keys(each, depth - 1) for each in data.values()))

    assert keys(json.loads(softliq(*shlex.split(command)).out), 2) <= explained


def test_every_cause_and_aggregate_is_explained() -> None:
    from dsl.builtins import AGGREGATES
    from dsl.causes import Cause

    assert list(GENERATE["CAUSES"]) == [c.name for c in Cause]
    assert tuple(GENERATE["builtins_page"].AGGREGATES) == AGGREGATES


def test_aggregates_of_no_rows_are_what_their_table_says(tmp_path: Path) -> None:
    import softliq

    lines = [f"{name}_ = {name}({_ARGUMENT.get(taken, 'b.x')})" for name, (taken, _, _) in _aggregates()]
    text = HEAD + "entity a:\n  " + "\n  ".join(lines) + "\n\nentity b:\n  a : a\n  x : number\n"
    (tmp_path / "p.policy").write_text(text, "utf-8")
    policy = softliq.load_policy(tmp_path / "p.policy")
    book = softliq.book_of(policy, {"a": {"a": ["one"]}, "b": {"b": [], "a": [], "x": []}})
    results = softliq.evaluate(policy, book)
    for name, (_, _, said) in _aggregates():
        column = results.column("a", f"{name}_")
        assert column is not None
        value = {True: "yes", False: "no"}.get(column.values[0], str(column.values[0]))
        shown = "unknown" if not column.known()[0] else value if name in ("any", "all") else f"{column.values[0]:g}"
        assert shown == said, name


_ARGUMENT = {"of conditions": "b.x > 0", "of rows or conditions": "b", "of anything": "b.x by b.x"}


def _aggregates() -> list[tuple[str, tuple[str, str, str]]]:
    return list(GENERATE["builtins_page"].AGGREGATES.items())
