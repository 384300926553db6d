"""Brackets by amounts: whether `rate * key - amount` joins up at every bound, as `continuous` claims."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from dsl import model, syntax
from dsl.constants import affine, affine_range
from dsl.diagnostics import Label
from dsl.model import Interval, Kind, Type
from dsl.records import dataclass
from dsl.table_ends import group_key
from dsl.text import exact_text
from dsl.types import describe
from dsl.world import World


@dataclass(frozen=True, slots=True)
class _Claim:
    """``rate`` and ``amount`` are places among the value columns, ``key`` one among the keys."""

    rate: int
    amount: int
    key: int


def check_amounts(world: World, table: model.Table, written: syntax.Table) -> None:
    """Every column that is marked `continuous`: proved for all allowed params, or refuted with a bound and the jump."""
    values = [h for h in written.headers if h.operator is None]
    for place, header in enumerate(values):
        if header.continuous and (claim := _claim(world, table, header, place)) is not None:
            _check(world, table, claim)


def _claim(world: World, table: model.Table, header: syntax.Header, place: int) -> _Claim | None:
    bounds = [i for i, k in enumerate(table.keys) if k.operator != "="]
    problem = help = None
    if len(bounds) != 1 or table.keys[bounds[0]].operator == "~":
        problem, help = "needs exactly one key with bounds", "write one, such as `notional >=`"
    elif place == 0 or table.columns[place - 1].marginal or header.marginal:
        problem, help = "stands right of the rates that it belongs to", "write `| rate | amount continuous |`"
    else:
        rate, amount = table.columns[place - 1], table.columns[place]
        key = table.args[table.keys[bounds[0]].arg][1] or model.NUMBER
        if Kind.ANY in (rate.type.kind, amount.type.kind, key.kind):
            return None
        wanted = _product(rate.type, key)
        if wanted is None or amount.type.kind is not Kind.NUMBER or amount.type.unit not in (wanted.unit, None):
            problem = f"is {describe(amount.type)}, and `{rate.name} * {table.keys[bounds[0]].name}` is not"
            help = (
                f"write `{header.name.text} continuous : {wanted.unit}`"
                if wanted
                else "the column left of it has rates"
            )
    if problem is not None:
        world.report.error("E821", f"`{header.name.text}` {problem}", header.span, help=help)
        return None
    return _Claim(place - 1, place, bounds[0])


def _product(rate: Type, key: Type) -> Type | None:
    if rate.kind is not Kind.NUMBER or key.kind is not Kind.NUMBER or rate.unit is None or key.unit is None:
        return None
    return Type(Kind.NUMBER, rate.unit * key.unit)


def _check(world: World, table: model.Table, claim: _Claim) -> None:
    """Reports the first jump, and how many more there are."""
    jumps = []
    for below, above, bound in _neighbours(world, table, claim):
        jump = _jump(world, claim, below, above, bound)
        if jump is None:
            world.report.warn(
                "W404",
                f"whether `{table.name}` is continuous here can't be decided",
                Label(above.values[claim.amount].span, "this amount"),
                help="make the bound or both rates fixed numbers, and amounts sums of numbers and params",
            )
            return
        if not (jump.low == jump.high == 0):
            jumps.append((below, above, bound))
    if jumps:
        _report(world, table, claim, *jumps[0], more=len(jumps) - 1)


def _neighbours(
    world: World, table: model.Table, claim: _Claim
) -> Iterator[tuple[model.TableRow, model.TableRow, model.Expr]]:
    """Rows that meet at a bound, the lower first. Bounds keep their order for all allowed params (E411)."""
    groups: dict[tuple[object, ...], list[tuple[Fraction, model.Expr, model.TableRow]]] = {}
    for row in table.rows:
        bound = row.keys[claim.key]
        if not isinstance(bound, model.Expr) or (form := affine(bound)) is None:
            continue
        low = affine_range(form, world.params).low
        order = low if isinstance(low, Fraction) else form.constant
        rest = tuple(group_key(k) for i, k in enumerate(row.keys) if i != claim.key)
        groups.setdefault(rest, []).append((order, bound, row))
    starts = table.keys[claim.key].operator in (">=", ">")
    for group in groups.values():
        group.sort(key=lambda item: item[0])
        for (_, lower, below), (_, upper, above) in pairwise(group):
            yield below, above, upper if starts else lower


def _jump(
    world: World, claim: _Claim, below: model.TableRow, above: model.TableRow, bound: model.Expr
) -> Interval | None:
    """The values that the margin above a bound less the margin below it can take; None where that isn't known."""
    difference = affine(model.Binary("-", above.values[claim.rate], below.values[claim.rate]))
    step = affine(model.Binary("-", above.values[claim.amount], below.values[claim.amount]))
    at = affine(bound)
    if difference is None or step is None or at is None or (difference.terms and at.terms):
        return None
    product = at.times(difference.constant) if not difference.terms else difference.times(at.constant)
    return affine_range(product.plus(step, Fraction(-1)), world.params)


def _report(
    world: World,
    table: model.Table,
    claim: _Claim,
    below: model.TableRow,
    above: model.TableRow,
    bound: model.Expr,
    more: int,
) -> None:
    rate, amount, key = table.columns[claim.rate], table.columns[claim.amount], table.keys[claim.key]
    key_type = table.args[key.arg][1] or model.NUMBER
    type_ = _product(rate.type, key_type) or model.NUMBER
    jump = _jump(world, claim, below, above, bound)
    assert jump is not None
    fixed = isinstance(jump.low, Fraction) and jump.low == jump.high
    how = f"jumps by {exact_text(jump.low, type_)}" if fixed and isinstance(jump.low, Fraction) else "jumps"
    at = affine(bound)
    place = exact_text(at.constant, key_type) if at is not None and not at.terms else f"`{bound.span.text.strip()}`"
    others = f", and at {more} more {'bounds' if more > 1 else 'bound'}" if more else ""
    given = affine(above.values[claim.amount])
    help = "change the rate or the amount, or remove the word `continuous`"
    if fixed and isinstance(jump.low, Fraction) and given is not None and not given.terms:
        help = (
            f"an amount of {exact_text(given.constant + jump.low, type_)} joins them; or remove the word `continuous`"
        )
    world.report.error(
        "E820",
        f"`{rate.name} * {key.name} - {amount.name}` {how} at {place}{others}",
        Label(above.values[claim.amount].span, "this amount"),
        Label(below.span, "after this row"),
        help=help,
    )
