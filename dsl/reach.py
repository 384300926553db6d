"""The rows of tiers: each reachable for some allowed params, in order, and nothing left over."""

from itertools import pairwise

from dsl import model, syntax
from dsl.constants import constant, difference_range
from dsl.diagnostics import Label
from dsl.model import Kind, TierRow
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
    for upper, lower in pairwise(bounds):
        if tiers.operator is not None and upper.when is not None and lower.when is not None:
            _falling(world, tiers, upper, lower)
    _constant_conditions(world, tiers, bounds)
    if "other" not in kinds and not (bounds and _always(bounds[-1])):
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


def _always(row: TierRow) -> bool:
    return row.when is not None and constant(row.when) is True


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
        names = ", ".join(f"`{n}`" for n in params)
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
    for i, row in enumerate(bounds):
        if tiers.operator is None and row.when is not None:
            value = constant(row.when)
            if value is False:
                world.report.error(
                    "E436", "no value can reach this row: its condition is always no", row.span, help="remove the row"
                )
            elif value is True and i + 1 < len(bounds):
                world.report.error(
                    "E436",
                    "no value can reach this row",
                    Label(bounds[i + 1].span, "never reached"),
                    Label(row.span, "always yes"),
                    help="remove one of the rows",
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
