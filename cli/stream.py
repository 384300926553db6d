"""`softliq eval --memory SIZE`: a snapshot larger than memory, evaluated in parts."""

from pathlib import Path
from typing import TYPE_CHECKING

from cli.exits import Exit, Stop
from cli.options import FileFormat, RunOptions, TextOrJson

if TYPE_CHECKING:
    from evaluator.results import Results


def stream(
    options: RunOptions,
    memory: str,
    out: Path | None,
    format: FileFormat,
    columns: str | None,
    messages: TextOrJson,
) -> "Results":
    """Reads, evaluates and writes in parts; gives the summary."""
    from cli.inputs import in_threads
    from cli.out import apart_from_inputs, known_columns, wanted_columns
    from cli.params import parse_instant, read_params, shocked
    from cli.policy import read_policy
    from cli.terminal.problems import show_problems
    from cli.terminal.progress import progress
    from cli.terminal.text import safe
    from evaluator.problems import SnapshotError
    from evaluator.stream import Stream
    from evaluator.stream_division import Indivisible
    from evaluator.stream_memory import bytes_of

    try:
        room = bytes_of(memory)
    except ValueError as error:
        told, _, help = safe(str(error)).partition(": ")
        raise Stop(Exit.USAGE, f"`--memory`: {told}", help) from None
    wanted = wanted_columns(columns)
    loaded, policy = read_policy(options.policy)
    moment = None if options.as_of is None else parse_instant(options.as_of)
    try:
        with progress() as report, in_threads(options.threads), known_columns():
            opened = Stream(options.snapshot, policy, as_of=moment)
            params = read_params(policy, opened.as_of, options.sets, options.params)
            evaluated = policy
            if options.scenario is not None:
                evaluated, params = shocked(policy, params, options.scenario)
            if out is not None:
                names = [f"{e}.{format}" for e in policy.entities]
                apart_from_inputs(out, options, loaded, policy, names)
            hashes = {file.source.name: file.sha256 for file in loaded.sources}
            return opened.evaluate(
                evaluated, params, memory=room, out=out, format=format, columns=wanted, hashes=hashes, progress=report
            )
    except SnapshotError as error:
        show_problems(error.problems, messages)
        raise Stop(Exit.SNAPSHOT) from None
    except Indivisible as error:
        raise Stop(Exit.USAGE, f"this policy can't be evaluated in parts: {safe(str(error))}", error.help) from None
