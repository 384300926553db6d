"""What an evaluation is given: policy, snapshot and params, read together; and the evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from cli.exits import Exit, Stop
from cli.options import RunOptions, TextOrJson
from cli.params import moved, read_params, shocked
from cli.policy import read_policy
from cli.snapshot import Ahead, read_book
from cli.terminal.text import safe
from dsl.load import Loaded
from dsl.model import Policy, Value
from dsl.records import dataclass

if TYPE_CHECKING:
    from evaluator.book import Book
    from evaluator.evaluation import Evaluation
    from evaluator.results import Results


@dataclass(frozen=True, slots=True)
class Given:
    """One policy, one snapshot, and the params in force: all that an evaluation needs."""

    loaded: Loaded
    policy: Policy
    book: "Book"
    params: dict[str, Value]
    threads: int | None = None


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
        policy = moved(policy, params, options.grid, options.move)
    return Given(loaded, policy, book, params, options.threads)


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
