"""The rows of tiers: each reachable for some allowed params, in order, and nothing left over."""

from itertools import pairwise

from dsl import model, syntax
from dsl.constants import constant, difference_range
from dsl.decide import decide
from dsl.diagnostics import Diagnostics, Label
from dsl.facts import NO_FACTS, Facts
from dsl.model import Kind, TierRow
from dsl.near import listed
from dsl.ranges import Ranges
from dsl.text import interval_text
from dsl.tree import is_constant
from dsl.world import World


def check_reach(world: World, tiers: model.Tiers, written: syntax.Tiers) -> None:
    """Every row reachable, in order, with `other` for the rest and `unknown` where one can be met."""
    kinds: dict[str, TierRow] = {}
    after_other: TierRow | None = None
    for row in tiers.rows:
        if row.row != "bound":
            if (first := kinds.get(row.row)) is not None:
                world.report.error(
                    "E435",
                    f"`{row.row}` stands twice",
                    Label(row.span, "again"),
                    Label(first.span, "first here"),
                    help="remove one",
                )
            kinds[row.row] = row
        if row.row == "other":
            after_other = row
        elif row.row == "bound" and after_other is not None:
            world.report.error(
                "E436",
                "no value can reach this row",
                Label(row.span, "never reached"),
                Label(after_other.span, "`other` takes the rest"),
                help="move `other` below it",
            )
    bounds = [r for r in tiers.rows if r.row == "bound"]
    before = len(world.report.found)
    for upper, lower in pairwise(bounds):
        if tiers.operator is not None and upper.when is not None and lower.when is not None:
            _falling(world, tiers, upper, lower)
    _constant_conditions(world, tiers, bounds)
    quiet = len(world.report.found) > before  # what is reported already, in other words
    covered = _covered(world, tiers, [*bounds, *(r for r in tiers.rows if r.row == "other")], quiet)
    if "other" not in kinds and not covered:
        beyond = (
            "below the last bound"
            if tiers.operator in (">", ">=")
            else "above the last bound"
            if tiers.operator
            else "where no condition holds"
        )
        world.report.error(
            "E437",
            f"nothing says what holds {beyond}",
            tiers.rows[-1].span if tiers.rows else tiers.span,
            help="add a row `| other | … |`",
        )
    if "unknown" not in kinds and _can_be_unknown(tiers):
        world.report.error(
            "E303",
            f"`{tiers.entity}` can meet an unknown, and no row says what then",
            written.entity.span,
            help="add a row `| unknown | … |`: a tier of its own, neither healthy nor liquidated",
        )


def _covered(world: World, tiers: model.Tiers, rows: list[TierRow], quiet: bool) -> bool:
    """Whether the rows take every value; the first that none can reach is reported, unless ``quiet``.

    Asked of the ranges of what the rows read. An input that a scenario or grid rewrites may have any value.
    """
    ranges = Ranges(world.definitions(), Diagnostics())
    facts: Facts = NO_FACTS
    taken: TierRow | None = None
    for row in rows:
        condition = _condition(tiers, row)
        if condition is not None and condition.type.kind is Kind.ANY:
            return True  # which has been reported
        found = None if condition is None else decide(ranges, condition, facts)
        if (taken is not None or found is False) and not quiet:
            _never(world, tiers, ranges, row, taken)
            return True
        if condition is not None:
            facts = ranges.learn(facts, condition, False, {})
        if found is True:
            taken = row
    return taken is not None


def _never(world: World, tiers: model.Tiers, ranges: Ranges, row: TierRow, taken: TierRow | None) -> None:
    labels = [Label(row.span, "never reached")]
    why = ""
    if taken is not None:
        always = taken.when is not None and constant(taken.when) is True
        labels.append(Label(taken.span, "always yes" if always else "from here on every value has its row"))
    elif tiers.variable is None:
        why = ": its condition is never yes here"
    else:
        shown = tiers.variable.span.text.strip()
        why = f": `{shown}` is always {interval_text(ranges.of(tiers.variable), tiers.variable.type)}"
    help = "remove the row, or change its bound or the ranges of what it reads"
    world.report.error("E436", f"no value can reach this row{why}", *labels, help=help)


def _condition(tiers: model.Tiers, row: TierRow) -> model.Expr | None:
    """What a row asks, as a condition."""
    if tiers.operator is None or tiers.variable is None or row.when is None:
        return row.when
    kind = model.ANY if Kind.ANY in (tiers.variable.type.kind, row.when.type.kind) else model.FLAG
    return model.Compare(tiers.operator, tiers.variable, row.when, kind, row.span)


def _falling(world: World, tiers: model.Tiers, upper: TierRow, lower: TierRow) -> None:
    assert upper.when is not None and lower.when is not None
    if Kind.ANY in (upper.when.type.kind, lower.when.type.kind):
        return
    down = tiers.operator in (">", ">=")
    high, low = (upper.when, lower.when) if down else (lower.when, upper.when)
    gap = difference_range(high, low, world.params)
    direction = "fall" if down else "rise"
    labels = (Label(lower.when.span, "this bound"), Label(upper.when.span, "after this one"))
    if gap is None:
        world.report.error(
            "E438",
            "these bounds can't be shown to keep their order",
            *labels,
            help="make them sums of params and numbers, and give each param a range",
        )
    elif gap.high is not None and gap.high <= 0:
        what = (
            "the same bound twice leaves the second row out of reach"
            if gap.high == 0 and gap.low == 0
            else f"bounds by `{tiers.operator}` must {direction} from row to row, or the second is never reached"
        )
        world.report.error(
            "E436",
            what,
            *labels,
            help="sort the rows" if gap.high < 0 else "remove one of the rows, or change its bound",
        )
    elif gap.low is None or gap.low < 0:
        params = sorted(_params(high) | _params(low))
        names = listed(params)
        free = next((n for n in params if world.params[n].domain is None), None)
        world.report.error(
            "E438",
            f"these bounds cross for some allowed value of {names}",
            *labels,
            help=f"give `{free}` a range: `in LOW to HIGH`"
            if free
            else "narrow the range of the param, or move the other bound",
        )


def _params(expr: model.Expr) -> set[str]:
    match expr:
        case model.ParamRead():
            return {expr.name}
        case model.Unary():
            return _params(expr.operand)
        case model.Binary():
            return _params(expr.left) | _params(expr.right)
    return set()


def _constant_conditions(world: World, tiers: model.Tiers, bounds: list[TierRow]) -> None:
    seen: dict[model.Expr, TierRow] = {}
    for row in bounds:
        if tiers.operator is None and row.when is not None:
            value = constant(row.when)
            if value is False:
                world.report.error(
                    "E436", "no value can reach this row: its condition is always no", row.span, help="remove the row"
                )
            elif (first := seen.get(row.when)) is not None:
                world.report.error(
                    "E436",
                    "no value can reach this row",
                    Label(row.span, "never reached"),
                    Label(first.span, "the same condition"),
                    help="remove one of the rows",
                )
            seen.setdefault(row.when, row)


def _can_be_unknown(tiers: model.Tiers) -> bool:
    decides = [tiers.variable] if tiers.variable is not None else [r.when for r in tiers.rows if r.when is not None]
    return any(e is not None and not is_constant(e) for e in decides)
