"""`softliq test`: the examples and laws that stand in policy files, run and shown where they fail."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import Exit, Stop
from cli.laws import Tried, add_cases, law_data, show_law
from cli.options import Format

if TYPE_CHECKING:
    from rich.console import Console

    from evaluator.testing import Failure, Side, TestResult

Ran = tuple[str, "TestResult"]


def test(
    paths: Annotated[list[str], typer.Argument(metavar="FILES|DIRS...", help="policy files, or folders of them")],
    format: Format = "text",
    junit: Annotated[Path | None, typer.Option(metavar="FILE.xml", help="write the outcome as JUnit XML too")] = None,
) -> int:
    """Run the tests and try the laws that stand in policies. Ends with 1 where one fails, or where there are none."""
    from cli.inputs import read_policy
    from evaluator.laws import run_laws
    from evaluator.testing import run_tests

    ran: list[Ran] = []
    tried: list[Tried] = []
    for name in _files(paths):
        _, policy = read_policy(name)
        ran += [(name, result) for result in run_tests(policy)]
        tried += [(name, found) for found in run_laws(policy)]
    if not ran and not tried:
        help = 'a policy\'s tests are its statements `test "…":`, its laws `always "…":`'
        raise Stop(Exit.FAILED, f"no test in {', '.join(paths)}", help)
    if junit is not None:
        from evaluator.outputs import write_file

        write_file(junit, _junit(ran, tried))
    if format == "json":
        json.dump(
            [*(_data(*one) for one in ran), *(law_data(*one) for one in tried)],
            sys.stdout,
            indent=2,
            ensure_ascii=False,
        )
        print()
    else:
        _show(ran, tried)
    passed = all(r.passed for _, r in ran) and all(r.passed for _, r in tried)
    return Exit.FINE if passed else Exit.FAILED


test.__test__ = False  # type: ignore[attr-defined]


def _files(paths: Sequence[str]) -> list[str]:
    """Files as named, and every policy below a folder that holds a test of its own."""
    found: list[str] = []
    for path in paths:
        if Path(path).is_dir():
            inside = sorted(str(p) for p in Path(path).rglob("*.policy"))
            if not inside:
                raise Stop(Exit.USAGE, f"no policy file in `{path}`", "name a folder that holds `.policy` files")
            found += [p for p in inside if _has_title(Path(p))]
        else:
            found.append(path)
    return found


def _has_title(path: Path) -> bool:
    """Whether a file is a policy of its own, not one that others use."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return any(line.startswith("policy") for line in file)


def _show(ran: Sequence[Ran], tried: Sequence[Tried]) -> None:
    from cli.terminal.console import output
    from cli.terminal.tables import say
    from cli.terminal.text import safe

    console = output()
    for name, result in ran:
        word, style = ("pass", "green") if result.passed else ("FAIL", "bold red")
        say(console, f"{word}  {safe(name)}:{result.test.span.line}  {safe(result.test.text)}", style)
        if result.fault:
            say(console, f"      it can't be run: {safe(result.fault)}")
        for failure in result.failures:
            _show_failure(console, failure)
    for name, found in tried:
        show_law(console, name, found)
    passed = sum(r.passed for _, r in ran)
    failed = len(ran) - passed + sum(not r.passed for _, r in tried)
    undecided = sum(r.passed for _, r in tried)
    say(console, f"{passed} passed, {failed} failed" + (f", {undecided} undecided" if tried else ""), "bold")


def _show_failure(console: "Console", failure: "Failure") -> None:
    from cli.terminal.explanation import show_step
    from cli.terminal.tables import say
    from cli.terminal.text import safe

    expectation = failure.expectation
    text = " ".join(expectation.span.text.split())
    row = f"{expectation.entity} {expectation.key}".strip()
    say(console, f"      {safe(row)} (line {expectation.span.line}): {safe(text)}")
    for side in failure.sides:
        if side.text != _value(side):
            say(console, f"        {safe(side.text)} is {safe(_value(side))}")
    for step in failure.steps:
        show_step(console, step, 4, (expectation.entity, expectation.key))


def _value(side: "Side") -> str:
    from cli.terminal.explanation import value_text

    return (
        f"unknown, because of {side.because}" if side.value is None else value_text(side.value, side.unit, side.shown)
    )


def _data(name: str, result: "TestResult") -> dict[str, Any]:
    from evaluator.plain import jsonable

    found: dict[str, Any] = jsonable(
        {
            "file": name,
            "line": result.test.span.line,
            "test": result.test.text,
            "passed": result.passed,
            "fault": result.fault or None,
            "failures": [
                {
                    "entity": f.expectation.entity,
                    "key": f.expectation.key,
                    "line": f.expectation.span.line,
                    "expected": " ".join(f.expectation.span.text.split()),
                    "values": {s.text: s.because if s.value is None else s.value for s in f.sides},
                }
                for f in result.failures
            ],
        }
    )
    return found


def _junit(ran: Sequence[Ran], tried: Sequence[Tried]) -> str:
    from xml.etree import ElementTree as xml

    failed = sum(not r.passed for _, r in ran) + sum(not r.passed for _, r in tried)
    suite = xml.Element("testsuite", name="softliq", tests=str(len(ran) + len(tried)), failures=str(failed), errors="0")
    for name, result in ran:
        case = xml.SubElement(suite, "testcase", classname=_plain(name), name=_plain(result.test.text))
        if not result.passed:
            lines = [result.fault] if result.fault else [_line(f) for f in result.failures]
            element = xml.SubElement(case, "failure", message=_plain(lines[0]))
            element.text = _plain("\n".join(lines))
    add_cases(suite, tried)
    xml.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(suite, encoding="unicode") + "\n"


def _line(failure: "Failure") -> str:
    sides = "; ".join(f"{s.text} is {_value(s)}" for s in failure.sides if s.text != _value(s))
    expectation = failure.expectation
    return f"{expectation.entity} {expectation.key}: {' '.join(expectation.span.text.split())} ({sides})"


def _plain(text: str) -> str:
    """Text without the characters that XML can't hold."""
    from cli.terminal.text import safe

    return safe(text)
