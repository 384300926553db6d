"""What a command reads: the policy, the snapshot, the params. Each fault is printed and stops the command."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from fractions import Fraction
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from cli.exits import Exit, Stop
from cli.options import RunOptions, TextOrJson
from cli.terminal.text import safe
from dsl.diagnostics import Diagnostic, Diagnostics
from dsl.kinds import PIPE, no_file
from dsl.load import Loaded, load, load_text
from dsl.model import Policy, Value
from dsl.near import nearest_file
from dsl.records import dataclass

if TYPE_CHECKING:
    from evaluator.book import Book
    from evaluator.evaluation import Evaluation
    from evaluator.results import Results
    from evaluator.snapshot import Indexed

STANDARD_INPUT = "<standard input>"
_SHELL_S = ("/dev/fd/", "/dev/stdin")  # pipes of a shell, into which somebody writes: `--params <(...)`
Ahead = Callable[[Policy, Fraction | None], None]  # what another thread does while tables are read; told the instant


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy file after checking: ``policy`` is None where ``diagnostics`` hold an error."""

    loaded: Loaded
    policy: Policy | None
    diagnostics: list[Diagnostic]


@dataclass(frozen=True, slots=True)
class Given:
    """One policy, one snapshot, and the params in force: all that an evaluation needs."""

    loaded: Loaded
    policy: Policy
    book: "Book"
    params: dict[str, Value]
    threads: int | None = None


def checked(name: str) -> Checked:
    """Reads and checks a policy; ``-`` is standard input."""
    from dsl.check import check

    diagnostics = Diagnostics()
    loaded = _standard_input(diagnostics) if name == "-" else load(name, diagnostics)
    policy = check(loaded.file, diagnostics) if loaded.sources else None
    return Checked(loaded, None if diagnostics.failed else policy, diagnostics.in_order())


def _standard_input(diagnostics: Diagnostics) -> Loaded:
    return load_text(standard_input().removeprefix("\ufeff"), STANDARD_INPUT, ".", diagnostics)


def standard_input() -> str:
    """All of standard input; what is not UTF-8 stops the command."""
    if sys.stdin is None:
        raise Stop(Exit.USAGE, "`-` is standard input, and that is closed", "pipe a policy into it, or name a file")
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise Stop(Exit.POLICY, f"standard input is not UTF-8 text: byte {error.start + 1} can't be read") from None


def read_policy(name: str) -> tuple[Loaded, Policy]:
    """A policy without errors, its warnings printed to standard error; else its faults there, and stop."""
    return sound(checked(name))


def sound(found: Checked) -> tuple[Loaded, Policy]:
    """A checked policy, where it has no errors; its faults are printed to standard error."""
    if found.diagnostics:
        from cli.terminal.console import errors
        from cli.terminal.diagnostics import render

        errors().print(render(found.diagnostics), end="", soft_wrap=True)
    if found.policy is None:
        raise Stop(Exit.POLICY)
    return found.loaded, found.policy


def read_book(
    path: str,
    policy: Policy,
    as_of: str | None,
    format: TextOrJson = "text",
    ahead: Ahead | None = None,
    rows: bool = False,
) -> "Book":
    """The snapshot typed for the policy, from its index where it has one; else its faults on standard error, and stop.

    What became of an index is said in a line: used, made again and why, or not writable.
    """
    from cli.terminal.text import safe

    opened = open_book(path, policy, as_of, format, ahead=ahead, rows=rows)
    if opened.kept is None and opened.why is not None:
        print(f"note: the index is not used: {safe(opened.why)}", file=sys.stderr)
    elif opened.kept is not None:
        shown = f"`{safe(str(opened.kept))}`"
        told = f"read from the index {shown}" if opened.why is None else f"{safe(opened.why)}: {shown} is made again"
        print(f"note: {told}", file=sys.stderr)
    return opened.book


def open_book(
    path: str,
    policy: Policy,
    as_of: str | None,
    format: TextOrJson = "text",
    anew: bool = False,
    ahead: Ahead | None = None,
    rows: bool = False,
    verify: bool = False,
) -> "Indexed":
    """The snapshot and what became of its index; ``anew``: make one where there is none. ``ahead`` is done meanwhile,
    where all of it is read. ``rows``: some rows are explained, which may need no evaluation."""
    from cli.terminal.problems import show_problems
    from cli.terminal.progress import progress
    from evaluator.layout import find_layout
    from evaluator.problems import SnapshotError

    layout = find_layout(Path(path), policy)
    layout.hash_ahead()
    moment = parse_instant(as_of) if as_of is not None else None
    from evaluator.snapshot import index_snapshot

    other: Thread | None = None
    if ahead is not None and layout.to_be_read:
        import_module("evaluator.reading")  # NumPy and pyarrow: the hashes are on their way
        other = _begun(ahead, policy, layout.as_of if moment is None else moment)
    try:
        with progress() as report:
            found = index_snapshot(layout, policy, as_of=moment, progress=report, anew=anew, rows=rows, verify=verify)
    except SnapshotError as error:
        show_problems(error.problems, format)
        raise Stop(Exit.SNAPSHOT) from None
    if other is not None:
        other.join()
    return found


def _begun(ahead: Ahead, policy: Policy, moment: datetime | None) -> Thread:
    def work() -> None:
        from evaluator.literals import seconds_of

        with suppress(Exception):  # told where it is needed
            ahead(policy, None if moment is None else seconds_of(moment))

    other = Thread(target=work)
    other.start()
    return other


def parse_instant(text: str) -> datetime:
    """An instant as the language writes it: a date, or a date and time with its zone."""
    from evaluator.literals import instant
    from evaluator.plain import moment_of

    seconds = instant(text)
    if seconds is None:
        example = "write it as `2026-12-01` or `2026-12-01T07:30Z`"
        raise Stop(Exit.USAGE, f"`{safe(text)}` is not a date", example)
    return moment_of(seconds)


def read_params(policy: Policy, as_of: Fraction | None, sets: tuple[str, ...], file: Path | None) -> dict[str, Value]:
    """Each param's value in force, after ``--params`` and ``--set``; faults stop the command."""
    from dsl.params import ParamError, resolve_params
    from evaluator.plain import moment_of

    overrides: dict[str, object] = _from_toml(file) if file is not None else {}
    typed: dict[str, object] = {}
    for one in sets:
        name, _, value = one.partition("=")
        if not value.strip() or not name.strip():
            lacks = "value" if name.strip() else "name"
            raise Stop(Exit.USAGE, f"`--set {safe(one)}` has no {lacks}", "write it as `--set NAME=VALUE`")
        if name.strip() in typed:
            raise Stop(Exit.USAGE, f"`--set` gives `{safe(name.strip())}` twice", "leave one of the two out")
        typed[name.strip()] = value.strip()
    try:
        return resolve_params(policy, moment_of(as_of) if as_of is not None else None, overrides | typed)
    except ParamError as error:
        lines = [safe(message) + (f"; {safe(help)}" if help else "") for message, help in error.problems]
        raise Stop(Exit.USAGE, "\nerror: ".join(lines)) from None


def _from_toml(file: Path) -> dict[str, object]:
    import tomli

    instead = no_file(file)
    if instead and not (instead == PIPE and str(file).startswith(_SHELL_S)):
        raise Stop(Exit.USAGE, f"`{safe(str(file))}` is {instead}", "name a file, such as `--params stress.toml`")
    try:
        # Floats stay text, so that 1.4 means the decimal 1.4.
        found = tomli.loads(file.read_text("utf-8-sig"), parse_float=str)
    except FileNotFoundError:
        near = nearest_file(file)
        help = f"did you mean `{safe(str(near))}`?" if near else None
        raise Stop(Exit.USAGE, f"there is no file `{safe(str(file))}`", help) from None
    except UnicodeDecodeError:
        raise Stop(Exit.USAGE, f"`{safe(str(file))}` is not UTF-8 text", "save it as UTF-8") from None
    except tomli.TOMLDecodeError as error:
        told = safe(str(error).replace("'", "`"))
        help = 'write lines such as `buffer = 1.4` or `buffer = "140%"`, each name once'
        raise Stop(Exit.USAGE, f"`{safe(str(file))}` is not TOML: {told[:1].lower()}{told[1:]}", help) from None
    for name, value in found.items():
        if isinstance(value, dict | list):
            raise Stop(
                Exit.USAGE, f"`{safe(name)}` in `{safe(str(file))}` is not one value", "write `name = value` lines"
            )
    return found


def read(options: RunOptions, format: TextOrJson = "text", ahead: Ahead | None = None, rows: bool = False) -> Given:
    """Reads everything; ``ahead`` and ``rows`` as ``open_book`` has them."""
    if ahead is not None:
        from cli.memory import keep_blocks
        from evaluator.ahead import link

        keep_blocks()
        link()
    loaded, policy = read_policy(options.policy)
    book = read_book(options.snapshot, policy, options.as_of, format, ahead, rows)
    params = read_params(policy, book.as_of, options.sets, options.params)
    if options.scenario is not None:
        policy, params = shocked(policy, params, options.scenario)
    if options.move is not None:
        policy = _moved(policy, params, options.grid, options.move)
    return Given(loaded, policy, book, params, options.threads)


def shocked(policy: Policy, params: dict[str, Value], scenario: str) -> tuple[Policy, dict[str, Value]]:
    from dsl.params import ParamError
    from dsl.shock import with_scenario

    try:
        return with_scenario(policy, params, scenario)
    except ParamError as error:
        message, help = error.problems[0]
        raise Stop(Exit.USAGE, safe(message), safe(help) if help else None) from None


def _moved(policy: Policy, params: dict[str, Value], grid: str | None, move: str) -> Policy:
    from dsl.params import ParamError
    from dsl.shock import with_move

    try:
        return with_move(policy, params, grid, move)
    except ParamError as error:
        message, help = error.problems[0]
        raise Stop(Exit.USAGE, safe(message), safe(help) if help else None) from None


def run(options: RunOptions, format: TextOrJson = "text", summary: bool = False) -> tuple[Loaded, "Results"]:
    """Reads everything and evaluates. ``summary``: no columns are looked at beside those that it shows."""
    given = read(options, format, partial(_evaluates, options, summary))
    from evaluator.results import Results

    hashes = {file.source.name: file.sha256 for file in given.loaded.sources}
    return given.loaded, Results(evaluated(given, summary), hashes)


def _evaluates(options: RunOptions, summary: bool, policy: Policy, as_of: Fraction | None) -> None:
    """What an evaluation begins with, while the tables are read, most of which is done without the interpreter: its
    modules are loaded, and the policy is lowered."""
    import_module("evaluator.results")
    from evaluator.run import lower_ahead

    if options.params is None and options.scenario is None and options.move is None:  # a file may be a pipe
        params = read_params(policy, as_of, options.sets, None)
        lower_ahead(policy, params, as_of, () if summary else None, summary)


def evaluated(given: Given, summary: bool = False) -> "Evaluation":
    """The policy over the book."""
    from cli.memory import keep_blocks
    from cli.terminal.progress import progress
    from evaluator.run import evaluate

    keep_blocks()
    with progress() as report, in_threads(given.threads):
        wanted = () if summary else None
        return evaluate(given.policy, given.book, given.params, progress=report, wanted=wanted, watch=summary)


@contextmanager
def in_threads(count: int | None) -> Iterator[None]:
    """So many threads inside; a wrong ``SOFTLIQ_THREADS`` stops the command."""
    from evaluator.threads import threads, using

    with using(count):
        try:
            threads()
        except ValueError as error:
            raise Stop(Exit.USAGE, safe(str(error))) from None
        yield
