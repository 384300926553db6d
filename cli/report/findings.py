"""What is wrong with the book: checks that did not pass with their worst rows, unknown rows with their cells."""

from cli.report import words
from cli.terminal.text import count
from dsl.model import Check, Compare, Type
from dsl.records import dataclass
from evaluator.checks import CheckResult, Offender
from evaluator.plain import Plain
from evaluator.results import Results

LISTED = 50  # unknown rows that are listed
_BADGES = {
    "pass": ("passed", "✓ passed"),
    "warn": ("warned", "! warning"),
    "fail": ("failed", "✕ failed"),
    "unknown": ("unknown", "? unknown"),
}


@dataclass(frozen=True, slots=True)
class CheckView:
    state: str
    badge: str
    text: str
    condition: str
    outcome: str
    headers: list[tuple[str, bool]]
    worst: list[list[str]]


@dataclass(frozen=True, slots=True)
class CauseView:
    entity: str
    cause: str
    count: str


@dataclass(frozen=True, slots=True)
class UnknownView:
    key: str
    what: str
    because: str


@dataclass(frozen=True, slots=True)
class UnknownSection:
    words: str
    causes: list[CauseView]
    rows: list[UnknownView]
    more: str


def checks(results: Results) -> list[CheckView]:
    """Each check with its outcome and, where it did not pass, the rows that fail worst."""
    stated = [results.policy.checks[o.index] for o in results.evaluation.checks]
    return [_check(result, check) for result, check in zip(results.checks, stated, strict=True)]


def outcome(result: CheckResult, check: Check) -> str:
    """How many rows pass, fail and are unknown; for a check of the whole book, what it comes to."""
    if result.on is None:
        return _whole(result, check)
    if not result.failing and not result.unknown:
        return f"holds for all of {count(result.rows, result.on)}" if result.rows else f"there is no {result.on} to ask"
    parts = [f"fails for {result.failing:,}"] if result.failing else []
    parts += [f"is unknown for {result.unknown:,}"] if result.unknown else []
    return f"{' and '.join(parts)} of {count(result.rows, result.on)}"


def _whole(result: CheckResult, check: Check) -> str:
    said = "holds" if result.verdict == "pass" else "cannot be known" if result.unknown else "does not hold"
    if result.offenders and result.offenders[0].because:
        return f"{said}: {result.offenders[0].because}"
    if result.offenders and isinstance(check.condition, Compare):
        left = _side(result.offenders[0].left, check.condition.left.type)
        return f"{said}: `{result.left_text}` is {left}, not {result.operator} {result.right_text}"
    return said


def _check(result: CheckResult, check: Check) -> CheckView:
    state, badge = _BADGES[result.verdict]
    said = outcome(result, check)
    compare = check.condition if isinstance(check.condition, Compare) else None
    headers = [(result.on or "", False)]
    if compare is not None:
        headers += [(result.left_text, True), (result.right_text, True)]
    because = any(o.because for o in result.offenders)
    if because:
        headers.append(("unknown because", False))
    rows = [_offender(o, compare, because) for o in result.offenders] if result.on is not None else []
    listed = f", the worst {len(rows)} listed" if 0 < len(rows) < result.failing + result.unknown else ""
    condition = check.condition.span.text
    return CheckView(
        state, badge, result.text or condition, condition, f"{said[:1].upper()}{said[1:]}{listed}.", headers, rows
    )


def _offender(offender: Offender, compare: Compare | None, because: bool) -> list[str]:
    cells = [words.name(offender.key)]
    if compare is not None:
        cells += [_side(offender.left, compare.left.type), _side(offender.right, compare.right.type)]
    return [*cells, offender.because] if because else cells


def _side(value: Plain, kind: Type) -> str:
    if value is None:
        return "unknown"
    return words.value(value, kind) if isinstance(value, (bool, float)) else words.name(value)


def unknown(results: Results) -> UnknownSection:
    """How many rows are unknown, by cause, and the first of them with the cell in which that began."""
    held, of = results.unknown_count, results.deciding_count
    said = f"None of {count(of, 'row')} is unknown."
    if held:
        said = f"{held:,} of {count(of, 'row')} ({words.share(held, of)}) cannot be known" + (
            ": neither healthy nor liquidated. Each stands apart, with what caused it."
            if results.policy.tiers
            else ", with what caused it."
        )
    causes = [CauseView(e, c, f"{n:,}") for e, counts in results.causes.items() for c, n in counts.items()]
    rows = [UnknownView(words.name(r.key), r.cause, r.text) for r in results.unknown_rows(LISTED)]
    more = f"The first {len(rows):,} of {held:,}." if held > len(rows) else ""
    return UnknownSection(said, causes, rows, more)
