"""The report's first words: whether the book passes, and what decided that."""

from cli.report import words
from cli.report.findings import outcome
from cli.terminal.text import amount, count
from dsl.model import Check
from dsl.records import dataclass
from evaluator.checks import CheckResult
from evaluator.results import Results
from evaluator.tier_sums import TierSummary


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``state`` is pass, attention or fail."""

    state: str
    stamp: str
    headline: str
    reasons: list[str]
    figures: list[Figure]


def verdict(results: Results, allowed_unknown: float = 0) -> Verdict:
    """Fail: a check has not passed. Attention: more rows unknown than allowed, a warning, or nothing to put into
    tiers. Else pass."""
    checks = [
        (result, results.policy.checks[outcome.index])
        for result, outcome in zip(results.checks, results.evaluation.checks, strict=True)
    ]
    failed = [_told(result, check) for result, check in checks if result.verdict in ("fail", "unknown")]
    warned = [_told(result, check) for result, check in checks if result.verdict == "warn"]
    unknown, of = results.unknown_count, results.deciding_count
    held = unknown > allowed_unknown
    empty = [f"no {summary.entity} to decide" for summary in results.tiers if not summary.rows]
    if failed:
        state, stamp = "fail", "✕ Not passed"
        headline = f"{count(len(failed), 'check')} of {len(results.checks)} did not pass"
    elif warned or held or empty:
        state, stamp = "attention", "! Not settled" if held else "! Passed with reservations"
        parts = [count(len(warned), "warning")] if warned else []
        parts += [count(unknown, "unknown row")] if held else []
        parts += empty
        headline = (
            f"Every binding check holds; {', '.join(parts)}" if results.checks else " and ".join(parts).capitalize()
        )
    else:
        state, stamp = "pass", "✓ Passed"
        headline = "Every check holds" + (" and every row is known" if not unknown else "")
    if not results.checks and state == "pass":
        headline = "No check is stated" + (" and every row is known" if not unknown else "")
    reasons = [*failed, *warned]
    reasons.append(_unknown(unknown, of, results))
    reasons += [_tiers(summary) for summary in results.tiers]
    reasons += [_unmet(column, keys) for column, keys in results.unmet.items()]
    if results.left_out:
        reasons.append(f"The snapshot has no {', '.join(results.left_out)}: every cell counts as blank.")
    return Verdict(state, stamp, headline, reasons, _figures(results))


def _told(result: CheckResult, check: Check) -> str:
    kind = "Warning" if result.warn else "Check"
    return f"{kind} “{result.text}” {outcome(result, check)}."


def _unknown(unknown: int, of: int, results: Results) -> str:
    if not unknown:
        return f"None of {count(of, 'row')} is unknown."
    causes = {cause: n for counts in results.causes.values() for cause, n in counts.items()}
    gravest = sorted(causes, key=lambda c: -causes[c])[:3]
    return f"{unknown:,} of {count(of, 'row')} ({words.share(unknown, of)}) cannot be known: {', '.join(gravest)}."


def _unmet(column: str, keys: list[str]) -> str:
    more = f" and {len(keys) - 3:,} more" if len(keys) > 3 else ""
    return f"No {column} within its range is enough for {', '.join(keys[:3])}{more}: the largest is taken."


def _tiers(summary: TierSummary) -> str:
    parts = [f"{line.count:,} {line.label}" for line in summary.lines if line.count]
    return f"{count(summary.rows, summary.entity)}: {', '.join(parts) or 'none'}."


def _figures(results: Results) -> list[Figure]:
    figures = []
    for summary in results.tiers:
        figures.append(Figure(f"{summary.entity}s", f"{summary.rows:,}"))
        for name in ("notional", "closed", "cost"):
            parts = [a for line in summary.lines if (a := getattr(line, name)) is not None]
            if parts:
                total = sum(a.total for a in parts)
                unknown = sum(a.unknown for a in parts)
                exact = f"{amount(total)} {summary.unit}" + (f" + {unknown:,} unknown" if unknown else "")
                figures.append(Figure(name, words.compact(total), exact))
    unknown, of = results.unknown_count, results.deciding_count
    figures.append(Figure("unknown rows", f"{unknown:,}", f"{words.share(unknown, of)} of {of:,}"))
    passed = sum(c.verdict == "pass" for c in results.checks)
    if results.checks:
        figures.append(Figure("checks passed", f"{passed} of {len(results.checks)}"))
    decided = sum(results.evaluation.decided.values())
    figures.append(Figure("decided exactly", f"{decided:,}", "rows too close for floating point"))
    return figures
