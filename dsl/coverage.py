"""The rows of tables: no key twice, no bounds that can cross, slices from zero, surfaces without holes."""

from fractions import Fraction

from dsl import model, syntax
from dsl.amounts import check_amounts
from dsl.constants import affine, affine_range, constant, difference_range
from dsl.diagnostics import Label
from dsl.finite import check_finite
from dsl.model import INFINITE, Exact, Interval, Kind
from dsl.table_ends import group_key
from dsl.text import exact_text
from dsl.tree import is_constant
from dsl.world import World


def check_table(world: World, table: model.Table, written: syntax.Table) -> None:
    """Every fault of a table's rows: doubles, bounds that can cross, marginal columns, holes in a surface."""
    _points(world, table)
    _doubles(world, table)
    _marginal(world, table, written)
    check_amounts(world, table, written)
    if sum(k.operator == "~" for k in table.keys) == 2:
        _full_grid(world, table)


def _points(world: World, table: model.Table) -> None:
    """What is interpolated between is finite."""
    help = "write a finite number; `flat outside` or `extended outside` say what holds beyond the last one"
    for row in table.rows:
        for key, cell in zip(table.keys, row.keys, strict=True):
            if key.operator == "~" and isinstance(cell, model.Expr):
                check_finite(world, cell, f"a point of `{table.name}`", help)


def _doubles(world: World, table: model.Table) -> None:
    seen: dict[tuple[object, ...], model.TableRow] = {}
    groups: dict[tuple[object, ...], list[model.Expr]] = {}
    for row in table.rows:
        if any(isinstance(k, model.Const) and k.type.kind is Kind.ANY for k in row.keys):
            continue
        key = tuple(group_key(k) for k in row.keys)
        if (first := seen.get(key)) is not None:
            world.report.error(
                "E410",
                f"two rows of `{table.name}` have the same keys",
                Label(row.span, "this row"),
                Label(first.span, "and this one"),
                help="remove one; a key leads to one row",
            )
            continue
        seen[key] = row
        for place, cell in enumerate(row.keys):
            if isinstance(cell, model.Expr):
                rest = tuple(group_key(k) for i, k in enumerate(row.keys) if i < place)
                groups.setdefault((place, *rest), []).append(cell)
    for members in groups.values():
        _crossing(world, members, table.name)


def _crossing(world: World, members: list[model.Expr], name: str) -> None:
    """Bounds made of params must keep their order for every allowed value. Only those whose ranges overlap can meet."""
    ends = []
    alike: set[object] = set()
    for place, expr in enumerate(members):
        if (key := group_key(expr)) in alike:
            continue
        alike.add(key)
        form = affine(expr)
        range_ = Interval() if form is None else affine_range(form, world.params)
        low = -INFINITE if range_.low is None else range_.low
        high = INFINITE if range_.high is None else range_.high
        if not isinstance(constant(expr), float):  # infinite, which no param is
            ends.append((low, high, place))
    ends.sort(key=lambda end: end[0])
    for at, (_, high, place) in enumerate(ends):
        for low, _, other in ends[at + 1 :]:
            if low > high:
                break
            # the one made of params first, and of two such the one that is written first
            first, second = sorted((place, other), key=lambda p: (constant(members[p]) is not None, p))
            bound, beside = members[first], members[second]
            gap = difference_range(bound, beside, world.params)
            if gap is None or ((gap.low is None or gap.low <= 0) and (gap.high is None or gap.high >= 0)):
                world.report.error(
                    "E411",
                    f"these bounds of `{name}` can meet or cross within the params' ranges",
                    Label(bound.span, "this bound"),
                    Label(beside.span, "and this one"),
                    help="narrow the params' ranges so that they can't",
                )
                return


def _marginal(world: World, table: model.Table, written: syntax.Table) -> None:
    marginal = [c for c in table.columns if c.marginal]
    if not marginal:
        return
    bounds = [i for i, k in enumerate(table.keys) if k.operator != "="]
    header = next(h for h in written.headers if h.marginal)
    if len(bounds) != 1 or table.keys[bounds[0]].operator != ">=":
        world.report.error(
            "E412",
            "a `marginal` column needs exactly one key with bounds, by `>=`",
            header.span,
            help="write one, such as `notional >=`: each slice between two bounds has its own rate",
        )
        return
    place = bounds[0]
    groups: dict[tuple[object, ...], list[model.TableRow]] = {}
    for row in table.rows:
        groups.setdefault(tuple(group_key(k) for i, k in enumerate(row.keys) if i != place), []).append(row)
    for group in groups.values():
        starts = [r.keys[place] for r in group]
        if any(isinstance(b, model.Expr) and b.type.kind is Kind.ANY for b in starts):
            continue  # told already
        lows = [Fraction(0) if b is None or isinstance(b, str) else _least(world, b) for b in starts]
        if min(lows) < 0 or not any(group_key(b) == 0 for b in starts):
            world.report.error(
                "E413",
                "the first bound beside a `marginal` column must be 0",
                group[lows.index(min(lows))].span,
                help="add the slice from 0, so that every part has its rate",
            )
    for number, column in enumerate(table.columns):
        for row in table.rows:
            if column.marginal and row.values[number].type.kind is not Kind.ANY and not is_constant(row.values[number]):
                world.report.error(
                    "E408",
                    "a rate in a `marginal` column must be a constant or made of params",
                    row.values[number].span,
                    help="write a number or a param",
                )


def _least(world: World, bound: model.Expr) -> Exact:
    """The least value that a bound can have within the params' ranges; 0 where it isn't a sum of params, which is told
    as one that may cross others."""
    value, form = constant(bound), affine(bound)
    if isinstance(value, float):
        return value
    low = Fraction(0) if form is None else affine_range(form, world.params).low
    return -INFINITE if low is None else low


def _full_grid(world: World, table: model.Table) -> None:
    places = [i for i, k in enumerate(table.keys) if k.operator == "~"]
    groups: dict[tuple[object, ...], dict[tuple[object, object], model.TableRow]] = {}
    for row in table.rows:
        if any(isinstance(k, model.Expr) and k.type.kind is Kind.ANY for k in row.keys):
            return
        rest = tuple(group_key(k) for i, k in enumerate(row.keys) if i not in places)
        x, y = (group_key(row.keys[i]) for i in places)
        groups.setdefault(rest, {})[x, y] = row
    for group in groups.values():
        xs, ys = {x for x, _ in group}, {y for _, y in group}
        for x in xs:
            for y in ys:
                if (x, y) not in group:
                    shown = " and ".join(_shown(table, i, v) for i, v in zip(places, (x, y), strict=True))
                    world.report.error(
                        "E414",
                        f"the surface `{table.name}` has no point at {shown}",
                        next(iter(group.values())).span,
                        help="a table with two `~` keys needs every combination of their values",
                    )
                    return


def _shown(table: model.Table, place: int, value: object) -> str:
    type_ = table.args[table.keys[place].arg][1] or model.NUMBER
    return exact_text(value, type_) if isinstance(value, Fraction) else str(value)
