"""What `softliq test` says of a policy's laws: on the terminal, as JSON, as JUnit XML."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from rich.console import Console

    from evaluator.laws import LawResult

Tried = tuple[str, "LawResult"]


def show_law(console: "Console", name: str, result: "LawResult") -> None:
    from cli.terminal.tables import say
    from cli.terminal.text import safe

    word, style = ("----", "yellow") if result.passed else ("FAIL", "bold red")
    say(
        console, f"{word}  {safe(name)}:{result.law.span.line}  {safe(result.law.text)}: {safe(verdict(result))}", style
    )
    for line in counter_lines(result):
        say(console, safe(line))  # a statement to paste starts in column one


def verdict(result: "LawResult") -> str:
    if result.fault:
        return f"it can't be tried: {result.fault}"
    books = f"{result.tried:,} books"
    return "refuted" if result.verdict == "refuted" else f"undecided, no counterexample among {books}"


def counter_lines(result: "LawResult") -> list[str]:
    """The values that break the law, the params that it takes, and the test to paste."""
    found = result.counterexample
    if found is None:
        return []
    lines = list(found.lines)
    if found.params:
        lines.append("with " + ", ".join(f"{n} = {v}" for n, v in found.params.items()))
    if found.test:
        lines += ["as a test" + (", which passes with these params:" if found.params else ":"), ""]
        lines += found.test.rstrip("\n").split("\n")
    return lines


def law_data(name: str, result: "LawResult") -> dict[str, Any]:
    found = result.counterexample
    return {
        "file": name,
        "line": result.law.span.line,
        "law": result.law.text,
        "passed": result.passed,
        "verdict": result.verdict,
        "books": result.tried,
        "fault": result.fault or None,
        "counterexample": None
        if found is None
        else {"values": list(found.lines), "params": dict(found.params), "test": found.test or None},
    }


def add_cases(suite: "Element", tried: Sequence[Tried]) -> None:
    """One `testcase` for each law; one that is undecided counts as passed and says so."""
    from xml.etree import ElementTree as xml

    from cli.terminal.text import safe

    for name, result in tried:
        case = xml.SubElement(suite, "testcase", classname=safe(name), name=safe(result.law.text))
        if result.passed:
            xml.SubElement(case, "system-out").text = safe(verdict(result))
        else:
            element = xml.SubElement(case, "failure", message=safe(verdict(result)))
            element.text = "\n".join(safe(line) for line in [verdict(result), *counter_lines(result)])
