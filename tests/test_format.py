"""Canonical form: whole cases, and for any policy: only space changes, the meaning stays, and once is enough."""

import os
import re
import shutil
import stat
import subprocess
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from dsl.diagnostics import Diagnostics
from dsl.format import MeaningChanged, format_policy
from dsl.format_line import align
from dsl.lines import Line, blocks
from dsl.parse import parse
from dsl.source import Source
from dsl.syntax import File
from dsl.tokens import tokenize
from tests.conftest import ROOT, Softliq
from tests.generators import cases
from tests.written import PAGE

CASES = ROOT / "tests" / "cases"
SHIPPED = sorted([*(ROOT / "policies").rglob("*.policy"), *(ROOT / "cli" / "starter").rglob("*.policy")])


def read(text: str) -> File | None:
    diagnostics = Diagnostics()
    file = parse(Source("a.policy", text), diagnostics)
    return None if diagnostics.failed else file


def formatted(text: str) -> str:
    diagnostics = Diagnostics()
    found = format_policy(Source("a.policy", text), diagnostics)
    assert found is not None, diagnostics.found
    assert diagnostics.found == []
    return found


def plain(path: Path) -> str:
    return path.read_text("utf-8-sig")


def readable() -> dict[str, str]:
    """Every policy in the tree that can be read, by its path."""
    paths = [*SHIPPED, *sorted(CASES.rglob("*.policy"))]
    found = {str(p.relative_to(ROOT)): p.read_bytes().decode("utf-8-sig", "replace") for p in paths}
    return {"the whole language": PAGE, **{name: text for name, text in found.items() if read(text)}}


TEXTS = readable()


def holds(text: str) -> str:
    """What must be true of any text that can be read; its canonical form."""
    once = formatted(text)
    assert "".join(once.split()) == "".join(text.split())  # every word, number and comment, in order
    assert read(once) == read(text)
    assert formatted(once) == once
    assert not re.search(r"[\r\t]|[ ]$|\n\n\n", once, re.M)
    assert once.endswith("\n") and not once.endswith("\n\n") and not once.startswith("\n")
    return once


# -- cases ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["untidy", "pasted", "cases"])
def test_a_case_becomes_exactly_this(name: str) -> None:
    expected = plain(CASES / "format" / f"{name}.formatted")
    assert formatted(plain(CASES / "format" / f"{name}.policy")) == expected
    assert formatted(expected) == expected


@pytest.mark.parametrize("name", TEXTS)
def test_only_space_changes(name: str) -> None:
    holds(TEXTS[name])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: str(p.relative_to(ROOT)))
def test_shipped_policies_are_formatted(path: Path) -> None:
    assert path.read_bytes().decode("utf-8") == formatted(plain(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufeffunit USD", "unit USD\n"),
        ("unit USD\r\n\r\n\r\nunit EUR\r\n", "unit USD\n\nunit EUR\n"),
        ("unit USD\nunit EUR\nlet a(x)=x\n\n\n", "unit USD\nunit EUR\n\nlet a(x) = x\n"),
        ("unit USD\n# about a\nlet a(x) = x", "unit USD\n\n# about a\nlet a(x) = x\n"),
        ("unit USD\n# about USD\n\nlet a(x) = x", "unit USD\n# about USD\n\nlet a(x) = x\n"),
        ("unit USD\n  # indented below nothing\nlet a(x) = x", "unit USD\n\n# indented below nothing\nlet a(x) = x\n"),
        ("let a(x) = x-1-+ 2", "let a(x) = x - 1 - +2\n"),
        ("let a(x:USD / h)=-x*- ( - 1e-6 )", "let a(x: USD/h) = -x * -(-1e-6)\n"),
        ("let a(x) = max(1, 200,- x)", "let a(x) = max(1, 200, -x)\n"),
        ("let a(x) = if not(x>1)then 1 else - 1", "let a(x) = if not (x > 1) then 1 else -1\n"),
        ('let a(x) = x  "a  \t b"#c  d ', 'let a(x) = x  "a  \t b"  #c  d\n'),
        ("let a(x) = (\n\n x\n # c\n)", "let a(x) = (\n  x\n  # c\n)\n"),
        ("unit USD\n\x0c\n# c\nunit EUR", "unit USD\n\n# c\nunit EUR\n"),
        ("table a(x):\n  |x =|y #c|\n  |b|1+2#d|", "table a(x):\n  | x = | y #c  |\n  | b   | 1+2#d |\n"),
        ('policy "A"\n\n\n"still its description"', None),
        ("entity a:\n  b = 1\n\t c = 2", None),
        ("table a(x):\n  | x = | y |\n  b\t1\t2", None),
    ],
)
def test_a_text_becomes_exactly_this(text: str, expected: str | None) -> None:
    if expected is not None:
        assert formatted(text) == expected
        return
    asked, told = Diagnostics(), Diagnostics()
    parse(Source("a.policy", text), asked)
    assert format_policy(Source("a.policy", text), told) is None
    assert [(d.code, d.message) for d in told.found] == [(d.code, d.message) for d in asked.found]
    assert told.failed


def test_one_long_line_does_not_push_its_neighbours() -> None:
    lines = [["a", "= 1", "", '"x"'], ["bcd", "= 22", "", '"y"'], ["e", "= " + "1 + " * 20 + "1", "", '"z"']]
    assert [line.index('"') for line in align(lines)] == [10, 10, 4 + len(lines[2][1]) + 2]


# -- any policy -------------------------------------------------------------------------------


@st.composite
def untidied(draw: DrawFn, lines: bool) -> tuple[str, str]:
    """A policy, and the same with other blanks; with ``lines`` also with more line breaks, comments and blank lines."""
    text = draw(st.sampled_from(list(TEXTS.values())))
    return text, untidy(draw, text, lines)


def untidy(draw: DrawFn, text: str, lines: bool) -> str:
    source = Source("a.policy", text)
    pieces: list[str] = []
    at = 0
    body = draw(st.sampled_from(["  ", " ", "\t", "      "]))
    for block in blocks(source, Diagnostics()):
        for line in [block.head, *block.body]:
            pieces.append(_between(draw, text[at : line.start - len(line.indent)]) if lines else text[at : line.start])
            indent = (body + draw(st.sampled_from(["  ", "   "])) if line.row else body) if line.indent else ""
            pieces[-1:] = [pieces[-1], indent] if lines else [pieces[-1][: -len(line.indent) or None], indent]
            pieces.append(_row(draw, text, line) if line.row else _code(draw, source, line, lines))
            at = line.end
    return "".join(pieces) + text[at:]


def _between(draw: DrawFn, gap: str) -> str:
    """Comments and blank lines at the ends of the lines between two others."""
    extra = draw(st.sampled_from(["", "", "", "\n", "# one\n", "   # two ( | \n\n", "\n\n\n# three\n \n"]))
    return gap + extra if not gap or gap.endswith("\n") else gap


def _code(draw: DrawFn, source: Source, line: Line, lines: bool) -> str:
    tokens, _ = tokenize(source, Diagnostics(), line.start, line.end)
    pieces = []
    depth = 0
    at = line.start
    for token in tokens:
        gap = source.text[at : token.start_pos]
        if "\n" not in gap and at > line.start:
            gap = draw(st.sampled_from([" ", "  ", "\t", " \t "])) if gap else draw(st.sampled_from(["", "", " "]))
            if lines and depth and draw(st.integers(0, 9)) == 9:
                gap = draw(st.sampled_from(["\n ", "  # in ( it\n\n  ", "\n# own\n\t"]))
        pieces += [gap, source.text[token.start_pos : token.end_pos]]
        depth += (token.kind == "(") - (token.kind == ")")
        at = token.end_pos
    rest = source.text[at : line.end]
    return "".join(pieces) + (draw(st.sampled_from(["", "", "# end", "  \t# end | "])) if lines and not rest else rest)


def _row(draw: DrawFn, text: str, line: Line) -> str:
    """Rows without a quoted or commented pipe, with other blanks around their pipes."""
    row = text[line.start : line.end]
    if '"' in row or "#" in row:
        return row
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    return "|" + "".join(draw(st.sampled_from(["{}|", " {} |", "\t{}   |"])).format(cell) for cell in cells)


SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@SLOW
@given(untidied(lines=True))
def test_comments_and_breaks_anywhere_are_kept(texts: tuple[str, str]) -> None:
    text, other = texts
    assert read(other) == read(text)
    holds(other)


@SLOW
@given(untidied(lines=False))
def test_blanks_do_not_matter(texts: tuple[str, str]) -> None:
    text, other = texts
    assert holds(other) == formatted(text)


@st.composite
def random_policies(draw: DrawFn) -> tuple[str, str]:
    text = draw(cases().map(lambda case: case.text).filter(lambda text: read(text) is not None))
    return text, untidy(draw, text, lines=True)


@settings(SLOW, max_examples=20)
@given(random_policies())
def test_random_policies_keep_their_meaning(texts: tuple[str, str]) -> None:
    for text in texts:
        holds(text)


# -- the command ------------------------------------------------------------------------------

UNTIDY = "unit   USD\nlet a(x)=x\n"
TIDY = "unit USD\n\nlet a(x) = x\n"
FAULTY = 'policy "A"\nunit   USD\nlet a(x) == x\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub" / ".hidden").mkdir(parents=True)
    for name in ("untidy.policy", "sub/deep.policy", "sub/.hidden/left.policy", "other.txt"):
        (tmp_path / name).write_text(UNTIDY, "utf-8")
    (tmp_path / "tidy.policy").write_text(TIDY, "utf-8")
    return tmp_path


def test_a_folder_is_rewritten(folder: Path, softliq: Softliq) -> None:
    (folder / "untidy.policy").chmod(0o640)
    ran = softliq("fmt", folder)
    changed = [folder / "sub" / "deep.policy", folder / "untidy.policy"]
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "".join(f"formatted {p}\n" for p in changed) + "2 files formatted, 1 as they were\n"
    assert [p.read_bytes() for p in changed] == [TIDY.encode()] * 2
    assert stat.S_IMODE((folder / "untidy.policy").stat().st_mode) == 0o640
    assert (folder / "sub" / ".hidden" / "left.policy").read_text() == (folder / "other.txt").read_text() == UNTIDY
    assert sorted(p.name for p in folder.iterdir()) == ["other.txt", "sub", "tidy.policy", "untidy.policy"]
    assert softliq("fmt", folder).out == "0 files formatted, 3 as they were\n"


def test_check_lists_what_would_change(folder: Path, softliq: Softliq) -> None:
    ran = softliq("fmt", "--check", folder)
    assert (ran.code, ran.err) == (1, "")
    assert ran.out == f"{folder / 'sub' / 'deep.policy'}\n{folder / 'untidy.policy'}\n"
    assert (folder / "untidy.policy").read_text() == UNTIDY
    ran = softliq("fmt", "--check", folder / "tidy.policy")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


@pytest.mark.parametrize("text", [UNTIDY, UNTIDY.rstrip("\n"), "\ufeff" + TIDY, TIDY.replace("\n", "\r\n"), TIDY[:-1]])
def test_the_diff_is_the_change(tmp_path: Path, softliq: Softliq, text: str) -> None:
    path = tmp_path / "a.policy"
    path.write_bytes(text.encode())
    ran = softliq("fmt", "--diff", path)
    assert (ran.code, ran.err) == (1, "")
    assert path.read_bytes() == text.encode()
    patch = shutil.which("patch")
    if patch:
        subprocess.run([patch, "--quiet", "--binary", path], input=ran.out.encode(), check=True)
        assert path.read_bytes() == TIDY.encode()
    path.write_text(TIDY)
    ran = softliq("fmt", "--diff", path)
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_faulty_file_is_reported_and_left(folder: Path, softliq: Softliq) -> None:
    faulty = folder / "a_faulty.policy"
    faulty.write_text(FAULTY)
    told = softliq("check", faulty).out
    for option in ((), ("--check",), ("--diff",)):
        ran = softliq("fmt", *option, faulty, folder / "tidy.policy")
        assert (ran.code, ran.out) == (3, "")
        assert ran.err == told
    assert softliq("fmt", folder).code == 3
    assert faulty.read_text() == FAULTY
    assert (folder / "untidy.policy").read_text() == TIDY  # one faulty file does not hold up the others


@pytest.mark.parametrize("data", [b"unit \xff", None])
def test_a_file_that_cannot_be_read(tmp_path: Path, softliq: Softliq, data: bytes | None) -> None:
    path = tmp_path / "a.policy"
    if data is not None:
        path.write_bytes(data)
    ran = softliq("fmt", path)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == softliq("check", path).out


def test_a_folder_without_policies(tmp_path: Path, softliq: Softliq) -> None:
    ran = softliq("fmt", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: there is no policy in `{tmp_path}`\nhelp: ")


@pytest.mark.parametrize(
    ("options", "text", "code", "out"),
    [
        ((), UNTIDY, 0, TIDY),
        ((), "\ufeff" + TIDY, 0, TIDY),
        (("--check",), UNTIDY, 1, "<standard input>\n"),
        (("--check",), TIDY, 0, ""),
    ],
)
def test_standard_input(
    softliq: Softliq, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], text: str, code: int, out: str
) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(text.encode()), "utf-8"))
    ran = softliq("fmt", *options, "-")
    assert (ran.code, ran.out, ran.err) == (code, out, "")


def test_a_link_stays_a_link(folder: Path, softliq: Softliq) -> None:
    (folder / "link.policy").symlink_to(folder / "untidy.policy")
    assert softliq("fmt", folder / "link.policy").code == 0
    assert (folder / "link.policy").is_symlink()
    assert (folder / "untidy.policy").read_text() == TIDY


def test_a_change_of_meaning_is_refused(folder: Path, softliq: Softliq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsl.format._Layout.run", lambda layout: "unit EUR\n")
    with pytest.raises(MeaningChanged):
        formatted(UNTIDY)
    ran = softliq("fmt", folder / "untidy.policy")
    assert (ran.code, ran.out) == (70, "")
    assert "would change its meaning, so it stays as it is" in ran.err
    assert (folder / "untidy.policy").read_text() == UNTIDY


@pytest.mark.parametrize("failing", ["os.replace", "os.fsync"])
def test_a_failed_write_leaves_the_file(
    folder: Path, softliq: Softliq, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device", os.fspath(folder / "untidy.policy"))

    monkeypatch.setattr(failing, fail)
    ran = softliq("fmt", folder / "untidy.policy")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"error: cannot use `{folder / 'untidy.policy'}`: no space left on device\n"
    assert (folder / "untidy.policy").read_text() == UNTIDY
    assert sorted(p.name for p in folder.iterdir()) == ["other.txt", "sub", "tidy.policy", "untidy.policy"]
