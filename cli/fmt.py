"""`softliq fmt`: policies in canonical form."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit, Stop
from dsl.records import dataclass
from evaluator.about import about

if TYPE_CHECKING:
    from dsl.diagnostics import Diagnostics


@dataclass(frozen=True, slots=True)
class _Formatted:
    """A file's name, its text as it stands and in canonical form."""

    name: str
    before: str
    after: str


def fmt(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="FILES|DIR...", help="policy files, folders of them, or - for standard input"),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Only list the files that would change; ends with 1 where one would.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Only show what would change; ends with 1 where something would.")
    ] = False,
) -> int:
    """Put policies into canonical form: indentation, aligned columns and pipes; what they say stays the same."""
    from cli.terminal.console import errors
    from cli.terminal.diagnostics import render
    from cli.terminal.text import count, safe
    from dsl.diagnostics import Diagnostics
    from dsl.format import MeaningChanged

    diagnostics = Diagnostics()
    changed = total = 0
    code = Exit.FINE
    for name in _files(paths):
        total += 1
        try:
            found = _formatted(name, diagnostics)
        except MeaningChanged:
            code = Exit.BUG
            print(f"error: `{safe(name)}` would change its meaning, so it stays as it is", file=sys.stderr)
            print("help: this is a fault of softliq; please send us the file", file=sys.stderr)
            continue
        if found is not None and name == "-" and not (check or diff):
            sys.stdout.write(found.after)
        elif found is not None and found.before != found.after:
            changed += 1
            _tell(found, check, diff)
    if diagnostics.found:
        errors().print(render(diagnostics.found), end="", soft_wrap=True)
    if code is Exit.FINE and diagnostics.failed:
        code = Exit.POLICY
    if check or diff:
        return Exit.FAILED if changed and code is Exit.FINE else code
    if code is Exit.FINE and paths != ["-"]:
        print(f"{count(changed, 'file')} formatted, {total - changed:,} as they were")
    return code


def _files(paths: list[str]) -> Iterator[str]:
    """The files named, and those of the folders named: all that end in `.policy`, but nothing hidden."""
    from cli.terminal.text import safe

    for path in paths:
        if path == "-" or not Path(path).is_dir():
            yield path
            continue
        below = sorted(p for p in Path(path).rglob("*.policy") if p.is_file())
        found = [p for p in below if not any(part.startswith(".") for part in p.relative_to(path).parts)]
        if not found:
            raise Stop(Exit.USAGE, f"there is no policy in `{safe(path)}`", "policies are files named `NAME.policy`")
        yield from map(str, found)


def _formatted(name: str, diagnostics: "Diagnostics") -> _Formatted | None:
    """The file before and after; None where ``diagnostics`` say why it can't be read."""
    from cli.policy import STANDARD_INPUT, standard_input
    from dsl.diagnostics import Diagnostics
    from dsl.format import format_policy
    from dsl.load import read_source
    from dsl.source import Source

    own = Diagnostics()
    text = standard_input() if name == "-" else ""
    source = Source(STANDARD_INPUT, text.removeprefix("\ufeff")) if name == "-" else read_source(name, own)
    after = format_policy(source, own) if source else None
    diagnostics.found += own.in_order()
    if source is None or after is None:
        return None
    if name != "-":
        text = Path(name).read_bytes().decode("utf-8")  # with the byte order mark that reading it left out
    return _Formatted(source.name, text, after)


def _tell(found: _Formatted, check: bool, diff: bool) -> None:
    """Shows or makes one change."""
    from cli.terminal.text import safe

    if diff:
        sys.stdout.writelines(_diff(found))
    elif check:
        print(safe(found.name))
    else:
        _write(Path(found.name), found.after)
        print(f"formatted {safe(found.name)}")


def _diff(found: _Formatted) -> Iterator[str]:
    """A unified diff; on a terminal, what could move the cursor is an escape."""
    from difflib import unified_diff

    from cli.terminal.console import watched
    from cli.terminal.text import safe

    escaped = watched(sys.stdout)
    for line in unified_diff(_lines(found.before), _lines(found.after), found.name, found.name):
        text = safe(line.rstrip("\n")) if escaped else line.rstrip("\n")
        yield text + ("\n" if line.endswith("\n") else "\n\\ No newline at end of file\n")


def _lines(text: str) -> list[str]:
    """Lines with their ends, as `diff` and `patch` see them."""
    *whole, rest = text.split("\n")
    return [f"{line}\n" for line in whole] + [rest] * bool(rest)


def _write(path: Path, text: str) -> None:
    """The whole text or nothing: it is written beside the file, then takes its place, with the file's mode."""
    from tempfile import mkstemp

    target = path.resolve()
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "it is read-only", str(path))
    with about(path):
        handle, made = mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with open(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fchmod(file.fileno(), target.stat().st_mode & 0o7777)
                os.fsync(file.fileno())
            os.replace(made, target)
        finally:
            Path(made).unlink(missing_ok=True)
