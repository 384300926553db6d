"""What a command is told beside policy and snapshot: params, the instant, a scenario or a move."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from cli.exits import Exit, Stop
from cli.terminal.text import safe
from dsl.kinds import PIPE, no_file
from dsl.model import Policy, Value
from dsl.near import nearest_file

_SHELL_S = ("/dev/fd/", "/dev/stdin")  # pipes of a shell, into which somebody writes: `--params <(...)`


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
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, or of numbers or lists that are too long
        told = safe(str(error).replace("'", "`"))
        help = 'write lines such as `buffer = 1.4` or `buffer = "140%"`, each name once'
        raise Stop(Exit.USAGE, f"`{safe(str(file))}` is not TOML: {told[:1].lower()}{told[1:]}", help) from None
    for name, value in found.items():
        if isinstance(value, dict | list):
            raise Stop(
                Exit.USAGE, f"`{safe(name)}` in `{safe(str(file))}` is not one value", "write `name = value` lines"
            )
    return found


def parse_instant(text: str) -> datetime:
    """An instant as the language writes it: a date, or a date and time with its zone."""
    from evaluator.literals import instant
    from evaluator.plain import moment_of

    seconds = instant(text)
    if seconds is None:
        example = "write it as `2026-12-01` or `2026-12-01T07:30Z`"
        raise Stop(Exit.USAGE, f"`{safe(text)}` is not a date", example)
    return moment_of(seconds)


def shocked(policy: Policy, params: dict[str, Value], scenario: str) -> tuple[Policy, dict[str, Value]]:
    """The policy over the snapshot as a scenario makes it, and the params as it has them."""
    from dsl.shock import with_scenario

    with _told():
        return with_scenario(policy, params, scenario)


def moved(policy: Policy, params: dict[str, Value], grid: str | None, move: str) -> Policy:
    """The policy over the snapshot as a move of a grid makes it."""
    from dsl.shock import with_move

    with _told():
        return with_move(policy, params, grid, move)


@contextmanager
def _told() -> Iterator[None]:
    """Inside, a scenario or move that isn't there, or can't be, stops the command."""
    from dsl.params import ParamError

    try:
        yield
    except ParamError as error:
        message, help = error.problems[0]
        raise Stop(Exit.USAGE, safe(message), safe(help) if help else None) from None
