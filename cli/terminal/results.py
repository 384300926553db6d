"""What `eval` prints: tiers, checks with their worst offenders, unknowns with their causes, rows decided exactly."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from cli.terminal.console import output
from cli.terminal.tables import say, show_table
from cli.terminal.text import amount, brief, count, figure, instant, percent, safe

if TYPE_CHECKING:
    from evaluator.amounts import Amount
    from evaluator.checks import CheckResult
    from evaluator.results import Results
    from evaluator.tier_sums import TierSummary

_FIRST = 10  # of many rows, so many are shown; the summary has all
_FEW = 3
_STYLES = {"pass": "green", "warn": "yellow", "fail": "bold red", "unknown": "bold magenta"}


def show_results(results: "Results", out: Path | None = None) -> None:
    """Prints an evaluation's summary to standard output; ``out`` is where its files were written."""
    console = output()
    _show_head(console, results)
    for summary in results.tiers:
        _show_tiers(console, summary)
    for column, keys in results.unmet.items():
        more = f" and {len(keys) - _FEW:,} more" if len(keys) > _FEW else ""
        shown = ", ".join(brief(key) for key in keys[:_FEW])
        told = f"no `{safe(column)}` in its range is enough for {shown}{more}; they take the largest"
        say(console, f"note: {told}", "yellow")
    if results.checks:
        _heading(console, "checks")
        for check in results.checks:
            _show_check(console, check)
    _show_unknown(console, results)
    decided = {e: n for e, n in results.evaluation.decided.items() if n}
    if decided:
        listed = ", ".join(f"{n:,} of {safe(e) if e else 'the whole book'}" for e, n in decided.items())
        say(console)
        say(console, f"decided exactly, being too close to call in floating point: {listed}")
    if out is not None:
        say(console)
        say(console, f"written to {safe(str(out))}")


def _heading(console: Console, text: str) -> None:
    say(console)
    say(console, text, "bold")


def _show_head(console: Console, results: "Results") -> None:
    policy, book = results.policy, results.book
    version = "" if policy.version is None else f" version {figure(policy.version)}"
    say(console, f"{safe(policy.name)}{version}", "bold")
    rows = ", ".join(f"{table.rows:,} {safe(entity)}" for entity, table in book.tables.items())
    say(console, f"snapshot {safe(book.name)}, as of {instant(book.as_of)}: {rows}")
    if results.left_out:
        listed = ", ".join(f"`{safe(column)}`" for column in results.left_out)
        say(console, f"note: the snapshot has no {listed}: all blank", "yellow")


def _show_tiers(console: Console, summary: "TierSummary") -> None:
    _heading(console, f"{summary.entity}: {count(summary.rows, 'row')}")
    headers, rows = tier_table(summary)
    show_table(console, headers, rows, numbers=range(1, len(headers)))
    if not summary.rows:
        say(console, f"note: the snapshot has no {safe(summary.entity)}: there is nothing to decide", "yellow")
    for note in summary.notes:
        say(console, f"note: {safe(note)}", "dim")


def tier_table(summary: "TierSummary") -> tuple[list[str], list[list[str]]]:
    """The headers and rows of an entity's tiers, with the amounts that there are."""
    unit = f" {summary.unit}" if summary.unit else ""
    kept = [n for n in ("notional", "closed", "cost") if any(getattr(x, n) is not None for x in summary.lines)]
    headers = ["tier", "rows", "share", *(f"{name}{unit}" for name in kept)]
    rows = [[x.label, f"{x.count:,}", percent(x.share), *(_amount(getattr(x, n)) for n in kept)] for x in summary.lines]
    return headers, rows


def _amount(found: "Amount | None") -> str:
    if found is None:
        return "–"
    return amount(found.total) + (f" (+ {found.unknown:,} unknown)" if found.unknown else "")


def _show_check(console: Console, check: "CheckResult") -> None:
    told = []
    if check.failing:
        told.append(f"{check.failing:,} of {count(check.rows, 'row')} fail" if check.on else "does not hold")
    if check.unknown:
        told.append(f"{check.unknown:,} of {count(check.rows, 'row')} unknown" if check.on else "cannot be known")
    said = f": {', '.join(told)}" if told else ""
    say(console, f"{check.verdict:<8}{safe(check.text)}{said}", _STYLES[check.verdict])
    failing = [x for x in check.offenders if not x.because]
    if failing and (check.on or check.operator):
        headers = [check.on or "", *([check.left_text, "", check.right_text] if check.operator else [])]
        rows = [
            [x.key, *([figure(x.left), check.operator, figure(x.right)] if check.operator else [])] for x in failing
        ]
        show_table(console, headers, rows, (1, 3), indent=8)
    if check.on and check.failing > len(failing) > 0:
        say(console, f"        and {check.failing - len(failing):,} more")
    unknown = [x for x in check.offenders if x.because][:_FEW]
    for one in unknown:
        say(console, f"        {brief(one.key)}{'  ' if one.key else ''}{brief(one.because)}")
    if check.unknown > len(unknown) > 0:
        say(console, f"        and {check.unknown - len(unknown):,} more unknown")


def _show_unknown(console: Console, results: "Results") -> None:
    unknown = results.unknown_count
    if not unknown and not results.causes:
        return
    _heading(console, f"unknown: {unknown:,} of {count(results.deciding_count, 'row')}")
    counts = [[entity, cause, f"{n:,}"] for entity, causes in results.causes.items() for cause, n in causes.items()]
    show_table(console, ["entity", "cause", "rows"], counts, (2,))
    shown = results.unknown_rows(_FIRST)
    if shown:
        say(console)
        show_table(console, ["unknown", "because"], [[f"{r.entity} {r.key}", r.text] for r in shown])
    if unknown > len(shown):
        say(console, f"and {unknown - len(shown):,} more")
