"""`softliq test`: the examples and laws that stand in policy files, run and shown where they fail."""

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import Exit, Stop
from cli.laws import Tried, add_cases, law_data, show_law
from cli.options import Format
from cli.terminal.console import print_json
from dsl.records import dataclass

if TYPE_CHECKING:
    from evaluator.asserted import Failure
    from evaluator.coverage import Coverage
    from evaluator.testing import TestResult

Ran = tuple[str, "TestResult"]


@dataclass(slots=True)
class Outcome:
    """What came of one run. ``sources``: the files that took part."""

    ran: list[Ran] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    coverage: "Coverage | None" = None
    sources: list[Path] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return all(r.passed for _, r in self.ran) and all(r.passed for _, r in self.tried)


def test(
    paths: Annotated[list[str], typer.Argument(metavar="FILES|DIRS...", help="policy files, or folders of them")],
    format: Format = "text",
    junit: Annotated[Path | None, typer.Option(metavar="FILE.xml", help="Write the outcome as JUnit XML too.")] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Say which rows, parts of curves and branches no test reaches.")
    ] = False,
    snapshot: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR", help="With this snapshot's rows too, no test or snapshot; may be repeated."),
    ] = None,
    threshold: Annotated[
        str | None, typer.Option(metavar="SHARE", help="End with 1 where less than this is reached, such as 90%.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Run again whenever a file changes, until interrupted.")
    ] = False,
) -> int:
    """Run the tests and try the laws that stand in policies. Ends with 1 where one fails, or where there are none."""
    from cli.coverage import share
    from cli.out import not_in_an_index

    if junit is not None and junit.exists() and junit.suffix != ".xml":
        told = f"`{junit}` is there already, and is no JUnit file"
        raise Stop(Exit.USAGE, told, "name a file such as `tests.xml` after `--junit`")
    if junit is not None:
        not_in_an_index(junit, "after `--junit`")
    needed = None if threshold is None else share(threshold)
    cover = coverage or bool(snapshot) or needed is not None
    last = Outcome()

    def run() -> int:
        nonlocal last
        last = Outcome()
        _run(last, paths, cover, snapshot or [])
        return _told(last, format, junit, bool(snapshot), threshold)

    if not watch:
        return run()
    from cli.watch import watch as keep_watching

    return keep_watching(run, lambda: dict.fromkeys([*map(Path, _there(paths)), *last.sources]))


test.__test__ = False  # type: ignore[attr-defined]


def _run(outcome: Outcome, paths: Sequence[str], cover: bool, snapshots: Sequence[str]) -> None:
    from cli.coverage import add_snapshots
    from cli.policy import checked, sound
    from evaluator.coverage import Coverage
    from evaluator.laws import run_laws
    from evaluator.testing import run_tests

    files = _files(paths)
    if snapshots and len(files) > 1:
        raise Stop(Exit.USAGE, f"`--snapshot` goes with one policy, and here are {len(files)}", "name one policy")
    outcome.coverage = Coverage() if cover else None
    outcome.sources += [file for path in snapshots if Path(path).is_dir() for file in sorted(Path(path).iterdir())]
    for name in files:
        found = checked(name)
        outcome.sources += [Path(f.source.folder or ".", Path(f.source.name).name) for f in found.loaded.sources]
        _, policy = sound(found)
        met = None
        if outcome.coverage is not None:
            outcome.coverage.add(policy)
            met = outcome.coverage.reached
        outcome.ran += [(name, result) for result in run_tests(policy, met)]
        outcome.tried += [(name, law) for law in run_laws(policy)]
        if outcome.coverage is not None:
            add_snapshots(outcome.coverage, policy, snapshots)
    if not outcome.ran and not outcome.tried:
        help = 'a policy\'s tests are its statements `test "…":`, its laws `always "…":`'
        raise Stop(Exit.FAILED, f"no test in {', '.join(paths)}", help)


def _told(outcome: Outcome, format: str, junit: Path | None, snapshots: bool, threshold: str | None) -> Exit:
    """Writes and prints the outcome, and gives the exit code."""
    from cli.coverage import coverage_data, enough, share

    ran, tried, coverage = outcome.ran, outcome.tried, outcome.coverage
    if junit is not None:
        from evaluator.outputs import write_file

        write_file(junit, _junit(ran, tried))
    if format == "json":
        data = {"tests": [_data(*one) for one in ran], "laws": [law_data(*one) for one in tried]}
        data |= {} if coverage is None else {"coverage": coverage_data(coverage)}  # type: ignore[dict-item]
        print_json(data)
    else:
        _show(outcome, snapshots)
    needed = None if threshold is None else share(threshold)
    covered = coverage is None or enough(coverage, needed, threshold)
    return Exit.FINE if outcome.passed and covered else Exit.FAILED


def _files(paths: Sequence[str]) -> list[str]:
    """Files as named, and every policy below a folder that holds a test of its own."""
    for path in paths:
        if Path(path).is_dir() and not any(Path(path).rglob("*.policy")):
            raise Stop(Exit.USAGE, f"no policy file in `{path}`", "name a folder that holds `.policy` files")
    return [p for p in _there(paths) if p in paths or _has_title(Path(p))]


def _there(paths: Sequence[str]) -> list[str]:
    """Files as named, and every policy file below a folder."""
    return [
        name
        for path in paths
        for name in (sorted(str(p) for p in Path(path).rglob("*.policy")) if Path(path).is_dir() else [path])
    ]


def _has_title(path: Path) -> bool:
    """Whether a file is a policy of its own, not one that others use."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return any(line.startswith("policy") for line in file)


def _show(outcome: Outcome, snapshots: bool) -> None:
    from cli.coverage import show_coverage
    from cli.terminal.console import output
    from cli.terminal.failures import show_failure
    from cli.terminal.tables import say
    from cli.terminal.text import safe

    console, ran, tried = output(), outcome.ran, outcome.tried
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
    if outcome.coverage is not None:
        show_coverage(console, outcome.coverage, snapshots)


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
    from cli.terminal.explanation import part_lines

    expectation = failure.expectation
    row = f"{expectation.entity} {expectation.key}".strip()
    return [f"{row}: {failure.expected}", *(f"  {line}" for line in part_lines(failure.whole))]


def _plain(text: str) -> str:
    """Text without the characters that XML can't hold."""
    from cli.terminal.text import safe

    return safe(text)
