"""What is wrong with a snapshot's structure, for people and for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from cli.options import TextOrJson
from cli.terminal.console import errors, print_json
from cli.terminal.text import count, safe
from evaluator.problems import Problem

if TYPE_CHECKING:
    from rich.text import Text


def show_problems(problems: Sequence[Problem], format: TextOrJson) -> None:
    """People read them on standard error; programs on standard output, where the results would have been."""
    if format == "json":
        print_json({"problems": [asdict(p) for p in problems]})
        return
    from rich.text import Text  # where something is wrong; a snapshot is mostly fine

    console = errors()
    for problem in problems:
        console.print(_one(problem), end="\n\n", soft_wrap=True)
    console.print(Text(count(len(problems), "error") + " in the snapshot"), soft_wrap=True)


def _one(problem: Problem) -> "Text":
    from rich.text import Text

    text = Text.assemble(("error", "bold red"), (f": {safe(problem.message)}", "bold"))
    if problem.place:
        text.append(f"\n  --> {safe(problem.place)}")
    for example in problem.examples:
        text.append(f"\n      {safe(example)}")
    if problem.examples and problem.count > len(problem.examples):
        text.append(f"\n      and {problem.count - len(problem.examples):,} more")
    if problem.help:
        text.append(f"\n  = help: {safe(problem.help)}")
    return text
