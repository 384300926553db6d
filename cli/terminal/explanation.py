"""What `explain` prints: the tier with the distances to its neighbours, then each value as a tree down to the cells."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from cli.terminal.console import output
from cli.terminal.tables import say, show_table
from cli.terminal.text import count, figure, safe

if TYPE_CHECKING:
    from evaluator.asserted import Part
    from evaluator.explain import Explanation
    from evaluator.explain_step import Step
    from evaluator.explain_tiers import Neighbour, TierReason
    from evaluator.why_not import WhyNot

_MARKS = {"held": ">", "unknown": "?"}


def show_explanation(found: "Explanation") -> None:
    """Prints an explanation to standard output."""
    console = output()
    tier = f": {safe(found.tier.tier)}" if found.tier else ""
    say(console, f"{safe(found.entity)} {safe(found.key)}{tier}", "bold")
    if found.tier is not None:
        _show_tier(console, found.tier)
    if found.why_not is not None:
        say(console)
        show_why_not(console, found.why_not)
    for step in found.formulas:
        if not step.again:  # it stands above, where another formula reads it
            say(console)
            show_step(console, step, 0, (found.entity, found.key))


def _show_tier(console: Console, tier: "TierReason") -> None:
    if because := tier_because(tier):
        say(console, because)
    for word, beside in (("above", tier.before), ("below", tier.after)):
        if beside is not None:
            say(console, f"the tier {word} is {_beside(beside, tier)}")
    say(console)
    show_tier_rows(console, tier)


def show_why_not(console: Console, why: "WhyNot") -> None:
    """What stands between a row and another tier, and single cells by which it would come there."""
    tier = safe(why.tier)
    if why.tier == why.taken:
        say(console, f"it is in {tier}", "bold")
        return
    say(console, f"why not {tier}", "bold")
    if why.because:
        say(console, f"  {safe(why.because)}")
        return
    if why.miss is not None:
        miss = why.miss
        now, bound = (value_text(v, miss.unit, miss.shown) for v in (miss.value, miss.bound))
        gap = f"{'+' if miss.gap > 0 else ''}{value_text(miss.gap, miss.unit, miss.shown)}"
        share = "" if miss.relative is None or abs(miss.relative) >= 1e6 else f" ({miss.relative:+.2%})"
        say(console, f"  {safe(miss.variable)} is {now} and would have to be {miss.word} {bound}: {gap}{share}")
    for stands in why.stands:
        word = "holds before it" if stands.holds else "does not hold"
        say(console, f"  {safe(stands.label)} (line {stands.line}) {word}")
        for line in part_lines(stands.condition):
            say(console, f"    {line}")
    if not why.changes:
        say(console, "  no change of one cell was found that would bring it there")
        return
    say(console, "  one cell changed, all else as it is, would bring it there:")
    rows = [
        [f"{c.entity} {c.key}", c.column, c.before, "->", c.after, "" if c.relative is None else f"{c.relative:+.2%}"]
        for c in why.changes
    ]
    show_table(console, ["row", "cell", "is", "", "would be", ""], rows, (2, 4, 5), indent=4)


def part_lines(whole: "Part") -> list[str]:
    """The parts of an expression as an indented tree, their values in a column beside it."""
    rows: list[tuple[str, str]] = []

    def add(part: "Part", depth: int) -> None:
        rows.append((f"{'  ' * depth}{safe(part.text)}", _part_value(part)))
        for inner in part.parts:
            add(inner, depth + 1)

    add(whole, 0)
    width = max(len(text) for text, _ in rows)
    return [f"{text.ljust(width)}  {value}" for text, value in rows]


def _part_value(part: "Part") -> str:
    if part.value is None:
        return f"unknown, because of {safe(part.because)}"
    return value_text(part.value, part.unit, part.shown)


def tier_because(tier: "TierReason") -> str:
    """What decided: the unknown, or the number that the bounds are compared with."""
    if tier.because is not None:
        return f"because of {safe(tier.because.text)}"
    return f"{safe(tier.variable)} is {value_text(tier.value, tier.unit, tier.shown)}" if tier.variable else ""


def show_tier_rows(console: Console, tier: "TierReason", indent: int = 0, beside: bool = False) -> None:
    """The rows of the tiers with what came of each; ``beside``: only the one taken and those next to it."""
    taken = next(i for i, t in enumerate(tier.tests) if t.outcome == "held")
    near = [i for i, t in enumerate(tier.tests) if not beside or abs(i - taken) <= 1 or t.outcome == "unknown"]
    rows = [
        [_MARKS.get(t.outcome, " "), _row(t.text), t.outcome, _distance(t.distance, t.relative, tier)]
        for t in (tier.tests[i] for i in near)
    ]
    distance = f"{safe(tier.variable)} from the bound" if tier.variable else ""
    show_table(console, ["", "row of the policy", "outcome", distance], rows, indent=indent)


def _beside(beside: "Neighbour", tier: "TierReason") -> str:
    bound = value_text(beside.bound, tier.unit, tier.shown)
    return f"{safe(beside.label)}, past {bound}: {_distance(beside.gap, beside.relative, tier)}"


def _distance(gap: float | None, relative: float | None, tier: "TierReason") -> str:
    if gap is None:
        return ""
    # A bound next to nothing is far from everything: its share says nothing then.
    share = "" if relative is None or abs(relative) >= 1e6 else f" ({relative:+.2%} of the bound)"
    return f"{'+' if gap > 0 else ''}{value_text(gap, tier.unit, tier.shown)}{share}"


def show_step(console: Console, step: "Step", depth: int, beside: tuple[str, str]) -> None:
    """One value and, indented below it, what it came from; ``beside`` is the row that needs no naming again."""
    place = (step.entity, step.key) if step.entity else beside
    style = "bold" if depth == 0 else ""
    say(console, f"{'  ' * depth}{_name(step, beside)} = {_value(step)}{_source(step)}", style)
    for used in step.used:
        weight = "" if used.weight == 1 else f", weighing {figure(used.weight)}"
        say(console, f"{'  ' * (depth + 1)}by {_row(used.text)}  ({safe(used.file)}:{used.line}{weight})")
    for part in _once(step.parts):
        show_step(console, part, depth + 1, place)
    if step.kind in ("aggregate", "grid") and step.members is not None and step.members > len(step.parts):
        more = "more" if step.kind == "aggregate" else "other moves"
        say(console, f"{'  ' * (depth + 1)}and {step.members - len(step.parts):,} {more}")


def _once(parts: "Sequence[Step]") -> "list[Step]":
    """Each part once: a formula may read the same cell several times."""
    seen: set[tuple[str, str, str, str]] = set()
    kept = []
    for part in parts:
        place = (part.kind, part.entity, part.key, part.name)
        if part.kind not in ("formula", "tier", "input", "param") or place not in seen:
            kept.append(part)
        seen.add(place)
    return kept


def _name(step: "Step", beside: tuple[str, str]) -> str:
    match step.kind:
        case "member":
            return f"{safe(step.entity)} {safe(step.key)}"
        case "formula" | "tier" | "input":
            far = step.entity and (step.entity, step.key) != beside
            return f"{safe(step.entity)} {safe(step.key)}, {safe(step.name)}" if far else safe(step.name)
        case "until":
            return f"the smallest {safe(step.name)} that is enough"
        case "grid":
            return safe(step.name)
        case "draw":
            return f"left of {_row(step.name)} in place {step.place:,} of {step.members:,}"
        case "before":
            return f"before it {safe(step.entity)} {safe(step.key)}"
        case "aggregate":
            return f"{step.name} over {count(step.members or 0, 'row')}"
        case _:
            return f"{step.kind} {safe(step.name)}"


def _row(text: str) -> str:
    """A text of the policy on one line; the blanks that align its cells are not needed here."""
    return " ".join(safe(text.replace("\n", " ")).split())


def _value(step: "Step") -> str:
    if step.unknown is not None:
        return f"unknown, because of {safe(step.unknown.text)}"
    return value_text(step.value, step.unit, step.shown)


def _source(step: "Step") -> str:
    if step.kind == "input" and step.way:
        return f"  ({safe(step.way)})"
    if step.kind == "input":
        cell = "blank" if not (step.cell or "").strip() else f"`{safe(step.cell or '')}`"
        return f"  ({safe(step.file)}: {cell})" if step.file else ""
    place = f"{safe(step.file)}:{step.line}" if step.file else ""
    told = [_row(step.text), place, safe(step.way)]
    if step.again:
        told.append("see above")
    if step.cut:
        told.append("and so on")
    shown = ", ".join(part for part in told if part)
    return f"  ({shown})" if shown else ""


def value_text(value: object, unit: str, shown: str) -> str:
    """A value with its unit: `125%`, `1,400 USD`, `yes`."""
    if isinstance(value, float) and shown == "ratio" and abs(value * 100) != float("inf"):
        return f"{figure(value * 100)}%"
    text = figure(value)
    plain = not isinstance(value, float) or unit in ("", "number", "date") or abs(value) == float("inf")
    return text if plain else f"{text} {'s' if unit == 'duration' else safe(unit)}"
