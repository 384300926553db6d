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
    from evaluator.asserted import Failure
    from evaluator.testing import TestResult

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
    from cli.terminal.failures import show_failure
    from cli.terminal.tables import say
    from cli.terminal.text import safe

    console = output()
    for name, result in ran:
        word, style = ("pass", "green") if result.passed else ("FAIL", "bold red")
        say(console, f"{word}  {safe(name)}:{result.test.line}  {safe(result.test.title)}", style)
        if result.fault:
            say(console, f"      it can't be run: {safe(result.fault)}")
        for failure in result.failures:
            show_failure(console, failure)
    for name, found in tried:
        show_law(console, name, found)
    passed = sum(r.passed for _, r in ran)
    failed = len(ran) - passed + sum(not r.passed for _, r in tried)
    undecided = sum(r.passed for _, r in tried)
    say(console, f"{passed} passed, {failed} failed" + (f", {undecided} undecided" if tried else ""), "bold")


def _data(name: str, result: "TestResult") -> dict[str, Any]:
    from evaluator.explain import plain_data
    from evaluator.plain import jsonable

    found: dict[str, Any] = jsonable(
        {
            "file": name,
            "line": result.test.line,
            "test": result.test.text,
            "case": result.test.case or None,
            "passed": result.passed,
            "fault": result.fault or None,
            "failures": [
                {
                    "entity": f.expectation.entity,
                    "key": f.expectation.key,
                    "line": f.expectation.span.line,
                    "expected": f.expected,
                    **plain_data({"parts": f.whole, "decided": f.decided, "steps": f.steps}),
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
        case = xml.SubElement(suite, "testcase", classname=_plain(name), name=_plain(result.test.title))
        if not result.passed:
            lines = [result.fault] if result.fault else [line for f in result.failures for line in _lines(f)]
            element = xml.SubElement(case, "failure", message=_plain(lines[0]))
            element.text = "\n".join(_plain(line) for line in lines)
    add_cases(suite, tried)
    xml.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(suite, encoding="unicode") + "\n"


def _lines(failure: "Failure") -> list[str]:
    from cli.terminal.failures import part_lines

    expectation = failure.expectation
    row = f"{expectation.entity} {expectation.key}".strip()
    return [f"{row}: {failure.expected}", *(f"  {line}" for line in part_lines(failure.whole))]


def _plain(text: str) -> str:
    """Text without the characters that XML can't hold."""
    from cli.terminal.text import safe

    return safe(text)
