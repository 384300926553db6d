"""The tiers of the book: the rows in each, their notional, what is closed and what it costs."""

from collections.abc import Sequence

from cli.report import charts, words
from cli.report.charts import NARROW, WIDE, Bar, Pair
from cli.report.ladder import Ladder, asked
from cli.terminal.text import amount
from dsl.model import Tiers
from dsl.records import dataclass
from evaluator.amounts import NAMES, Amount
from evaluator.tier_sums import TierLine, TierSummary

Cell = tuple[str, str]  # an amount, and what it lacks


@dataclass(frozen=True, slots=True)
class TierView:
    label: str
    grade: str
    when: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class TierSection:
    entity: str
    description: str
    rule: str
    headers: list[tuple[str, bool]]
    rows: list[TierView]
    total: list[Cell]
    bars: Pair
    bars_caption: str


def tier_section(ladder: Ladder, summary: TierSummary) -> TierSection:
    tiers = ladder.tiers
    names = [n for n in NAMES if any(getattr(line, n) for line in summary.lines)]
    headers = [("tier", False), ("when", False), (f"{tiers.entity}s", True), ("share", True)]
    headers += [(f"{name}, {summary.unit}" if summary.unit else name, True) for name in names]
    rows = []
    for line in summary.lines:
        when = [asked(tiers, r, ladder.bounds.get(i)) for i, r in enumerate(tiers.rows) if r.label == line.label]
        share = words.share(line.count, summary.rows)
        cells = ((f"{line.count:,}", ""), (share, ""), *(_amount(getattr(line, n)) for n in names))
        rows.append(TierView(line.label, ladder.grades[line.label], " or ".join(dict.fromkeys(when)), cells))
    total = [(f"{summary.rows:,}", ""), ("100%" if summary.rows else "–", "")]
    total += (_amount(_sum(summary.lines, n)) for n in names)
    caption = "Share of the rows; the thinner bar is the share of the notional." if "notional" in names else ""
    notes = (note[:1].upper() + note[1:] + "." for note in summary.notes)
    return TierSection(
        tiers.entity, tiers.description, _rule(tiers), headers, rows, total, _bars(ladder, summary),
        " ".join([caption or "Share of the rows.", *notes]),
    )  # fmt: skip


def _amount(value: Amount | None) -> Cell:
    if value is None:
        return "–", ""
    return amount(value.total) if value.total else "0", f"+ {value.unknown:,} unknown" if value.unknown else ""


def _sum(lines: Sequence[TierLine], name: str) -> Amount:
    found: list[Amount] = [a for line in lines if (a := getattr(line, name)) is not None]
    return Amount(sum(a.total for a in found), sum(a.unknown for a in found))


def _rule(tiers: Tiers) -> str:
    if tiers.variable is None:
        return f"Every {tiers.entity} takes the first row whose condition holds, from the top."
    return f"Every {tiers.entity} takes the first row that its {tiers.variable.span.text} satisfies, from the top."


def _bars(ladder: Ladder, summary: TierSummary) -> Pair:
    whole = sum(line.notional.total for line in summary.lines if line.notional is not None)
    bars = []
    for line in summary.lines:
        notional = line.notional.total / whole if line.notional is not None and whole > 0 else None
        bars.append(Bar(line.label, ladder.grades[line.label], line.count, line.share, notional))
    title, ident = f"{summary.entity}s by tier", f"tiers-{summary.entity}"
    return Pair(charts.tier_bars(f"{ident}-w", title, bars, WIDE), charts.tier_bars(f"{ident}-n", title, bars, NARROW))
