"""The command `softliq`: its commands, and how each of them ends."""

import errno
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from cli.exits import Exit, Stop

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_BUG = "this is a fault of softliq; please send us the command, the policy and what it prints with SOFTLIQ_DEBUG=1"


class _Commands(TyperGroup):
    """Commands in the order in which one needs them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)


# Each command's module in this package, and its function there.
_COMMANDS = {
    "new": ("new", "new"),
    "gallery": ("gallery", "gallery"),
    "check": ("check", "check"),
    "fmt": ("fmt", "fmt"),
    "test": ("test", "test"),
    "schema": ("schema", "schema"),
    "index": ("index", "index"),
    "eval": ("eval", "eval_command"),
    "report": ("review", "report"),
    "explain": ("explain", "explain"),
    "explain-error": ("explain_error", "explain_error"),
}


def application(only: str | None = None) -> typer.Typer:
    """All commands, or that one of them, which spares loading the others."""
    app = typer.Typer(
        cls=_Commands,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback(invoke_without_command=True)(softliq)
    for name, (module, function) in _COMMANDS.items():
        if only in (None, name):
            app.command(name)(getattr(import_module(f"cli.{module}"), function))
    return app


def softliq(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Write, run and review soft-liquidation policies."""
    if version:
        from softliq import __version__

        print(f"softliq {__version__}")
        raise typer.Exit(Exit.FINE)
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(Exit.USAGE)


def main() -> int:
    """Runs the command line that the process was given, and gives its exit code."""
    from cli.terminal.console import prepare

    prepare()
    return run(sys.argv[1:])


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and gives its exit code; what is wrong is said on standard error, in one line at most."""
    try:
        code: int = _command(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except (BrokenPipeError, SystemExit):  # Typer makes the first the second, with the code of a failed check
        _silence(sys.stdout)
        code = Exit.BROKEN_PIPE
    except OSError as error:
        if os.environ.get("SOFTLIQ_DEBUG"):
            raise
        say(_about(error))
        code = Exit.USAGE
    except Exception:
        if os.environ.get("SOFTLIQ_DEBUG"):
            raise
        say(_BUG)
        code = Exit.BUG
    return code


def _command(arguments: Sequence[str]) -> int:
    """A command's exit code; what stops it is said."""
    named = arguments[0] if arguments and arguments[0] in _COMMANDS else None
    try:
        _nothing_empty(arguments)
        command = get_command(application(named))
        return int(command.main(args=list(arguments), prog_name="softliq", standalone_mode=False) or 0)
    except Stop as stop:
        say(stop.message, stop.help)
        return stop.code
    except typer.TyperException as error:
        _usage(error, named or "")
        return Exit.USAGE


def _nothing_empty(arguments: Sequence[str]) -> None:
    """Stops where something is given as nothing: as a path it would be the folder one is in."""
    for i, (before, argument) in enumerate(zip(("softliq", *arguments), arguments, strict=False)):
        if argument == "" or re.fullmatch(r"--[a-z-]+=", argument):
            option = argument.rstrip("=") or (before if before.startswith("-") else "")
            told = f"nothing stands after `{option}`" if option else f"argument {i + 1} is empty"
            raise Stop(Exit.USAGE, told, "a variable of the shell may not be set")


def _usage(error: typer.TyperException, command: str) -> None:
    """Click's message in this project's voice, and where to read on. ``command``: the one that was named, if any."""
    message = error.format_message().strip().replace("'", "`").rstrip(".")
    message = message[:1].lower() + message[1:]
    for before in (" (Possible options: ", ". Did you mean ", "; did you mean "):
        told, there, near = message.partition(before)
        if there:
            names = [name.strip("` ") for name in near.rstrip("?)").split(",")]
            message = f"{told}; did you mean {' or '.join(f'`{name}`' for name in names)}?"
    message = re.sub(
        r"^got unexpected extra arguments?(?:\(s\))? \((.*)\)$", r"it takes no further argument: `\1`", message
    )
    message = re.sub(r"^no such option: (--?[^\s;]+)", r"no such option: `\1`", message)
    message = re.sub(r"is not a valid int(eger)?( range)?$", "is no whole number", message)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else f"softliq {command}".strip()
    say(message, f"`{path} --help` lists what it takes")


def say(message: str | None, help: str | None = None) -> None:
    """What is wrong and what helps, on standard error; the exit code alone tells it where nobody reads that."""
    if message is not None:
        with suppress(OSError):
            print(f"error: {message}", *([f"help: {help}"] if help else []), sep="\n", file=sys.stderr)


def _about(error: OSError) -> str:
    """What could not be read or written, and why."""
    reason = (error.strerror or "it cannot be read").lower()
    if error.filename:
        return f"cannot use `{_plain(error.filename)}`: {reason}"
    if error.errno in _FULL:  # whatever else is written says its name
        with suppress(OSError):
            sys.stdout.flush()
        _silence(sys.stdout)
        return f"cannot write standard output: {reason}"
    return reason


def _plain(name: object) -> str:
    from cli.terminal.text import safe

    return safe(os.fsdecode(name) if isinstance(name, bytes | str | os.PathLike) else str(name))


def _silence(stream: Any) -> None:
    """What is still buffered goes nowhere: nobody reads the pipe any more, or it can't be written; that is known, and
    Python need not complain at exit."""
    with suppress(OSError, ValueError):  # not a real file, as in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
