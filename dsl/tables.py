"""Tables: keys and values of pipe rows, with doubles, gaps and wrong marginal columns reported."""

from dataclasses import replace

from dsl import model, syntax
from dsl.clashes import alike
from dsl.correlations import WORD as CORRELATION
from dsl.correlations import check_correlation
from dsl.coverage import check_table
from dsl.diagnostics import Label
from dsl.expressions import condition, expression, label_or_expression
from dsl.model import Key, Kind, Type, ValueColumn
from dsl.near import did_you_mean, listed, nearest
from dsl.source import Span
from dsl.tree import is_constant
from dsl.types import coerce, type_of, unit_type
from dsl.world import Scope, World, invalid

OUTSIDES: dict[str, model.Outside] = {
    "flat outside": "flat", "extended outside": "extended", "unknown outside": "unknown",
}  # fmt: skip


def define_table(world: World, name: str, span: Span) -> model.Table | None:
    """A table, checked once; None where its shape is wrong, which has been reported."""
    return world.once("table", name, span, world.tables, lambda: _define(world, world.names.tables[name]))


def _define(world: World, written: syntax.Table) -> model.Table | None:
    args = {a.name.text: None if a.unit is None else unit_type(world, a.unit, None) for a in written.args}
    keys = _keys(world, written, list(args))
    if keys is None:
        return None
    outside = _outside(world, written.words)
    if not _beyond(world, written, [k for k in keys if k.operator == "~"], outside):
        return None
    for key in keys:
        name = written.args[key.arg].name.text
        if key.operator != "=" and args[name] is None:
            args[name] = model.NUMBER
    scope = Scope(args={n: t or model.ANY for n, t in args.items()})
    values = [i for i, h in enumerate(written.headers) if h.operator is None]
    if not values:
        world.report.error(
            "E402",
            f"`{written.name.text}` has no value column",
            written.name.span,
            help="add a header without a comparison, such as `| margin |`",
        )
        return None
    rows, types = _rows(world, written, keys, values, args, scope)
    columns = tuple(
        ValueColumn(written.headers[i].name.text, t, written.headers[i].marginal)
        for i, t in zip(values, types, strict=True)
    )
    table = model.Table(
        written.name.text,
        tuple(args.items()),
        tuple(keys),
        columns,
        tuple(rows),
        outside,
        written.description,
        written.span,
    )
    if not rows:
        world.report.error(
            "E402", f"`{written.name.text}` has no rows", written.name.span, help="add a pipe row below the header"
        )
    check_table(world, table, written)
    check_correlation(world, table, written)
    return table


def _beyond(world: World, written: syntax.Table, interpolated: list[Key], outside: model.Outside | None) -> bool:
    """Whether a table can be interpolated over these keys; what it says of values beyond its points is checked."""
    if interpolated and outside is None:
        world.report.error(
            "E404",
            f"`{written.name.text}` must say what holds beyond its points",
            written.name.span,
            help="write `flat outside`, `extended outside` or `unknown outside` before the colon",
        )
    if not interpolated and outside in ("flat", "extended"):
        first, *_, last = [n for group in written.words for n in group]
        world.report.error(
            "E406",
            f"`{outside} outside` says nothing of a table without a `~` key",
            first.span.to(last.span),
            help="remove it; `unknown outside` says that beyond the bounds nothing is meant to be found",
        )
    if len(interpolated) > 2:
        world.report.error(
            "E405", "a table interpolates over one key or two", written.name.span, help="fix one of them with `>=`"
        )
    return len(interpolated) <= 2


def _keys(world: World, written: syntax.Table, args: list[str]) -> list[Key] | None:
    keys: list[Key] = []
    fine = True
    seen: dict[str, syntax.Header] = {}
    for header in written.headers:
        name = header.name.text
        if name in seen:
            world.report.error(
                "E101",
                f"`{name}` is a column twice",
                Label(header.span, "again"),
                Label(seen[name].span, "first here"),
                help="rename one of the two",
            )
            fine = False
        seen[name] = header
        if header.operator is None:
            if name in args and not header.marginal:
                world.report.error(
                    "E401",
                    f"`{name}` is an argument, so its column says how it is matched",
                    header.span,
                    help=f"write `{name} =`, `{name} >=` or another comparison",
                )
                fine = False
            continue
        if name not in args:
            world.report.error(
                "E401",
                f"`{name}` is not an argument of `{written.name.text}`",
                header.span,
                help=did_you_mean(name, args) or f"its arguments are {listed(args)}",
            )
            fine = False
        else:
            if keys and keys[-1].operator == "~" and header.operator != "~":
                world.report.error(
                    "E405",
                    "a key that is interpolated with `~` stands after the other keys",
                    header.span,
                    help="move this column to the left",
                )
                fine = False
            keys.append(Key(name, args.index(name), header.operator))
    if fine and not keys:
        world.report.error(
            "E401",
            f"`{written.name.text}` has no key column",
            written.name.span,
            help="a key's header has a comparison, such as `| market = |`",
        )
        fine = False
    return keys if fine else None


def _outside(world: World, words: tuple[tuple[syntax.Name, ...], ...]) -> model.Outside | None:
    """What a table's words say of the outside; other words are reported."""
    found: model.Outside | None = None
    for group in words:
        text = " ".join(w.text for w in group)
        if text == CORRELATION:
            continue
        meant = text if text in OUTSIDES else nearest(text, OUTSIDES)
        if meant is not None:
            found = OUTSIDES[meant]
        if text not in OUTSIDES:
            world.report.error(
                "E406",
                f"`{text}` says nothing of a table",
                group[0].span.to(group[-1].span),
                help=f"write `{meant}`"
                if meant
                else "a table with `~` says `flat outside`, `extended outside` or `unknown outside`; one of "
                "correlations `correlation`",
            )
    return found


def _rows(
    world: World, written: syntax.Table, keys: list[Key], values: list[int], args: dict[str, Type | None], scope: Scope
) -> tuple[list[model.TableRow], list[Type]]:
    places = [i for i, h in enumerate(written.headers) if h.operator is not None]
    types = [type_of(world, t, None) if (t := written.headers[i].type) is not None else None for i in values]
    if any(t is not None and t.kind is Kind.LINK for t in types):
        types = [model.ANY if t is not None and t.kind is Kind.LINK else t for t in types]
    made = []
    found: list[list[model.Expr]] = [[] for _ in values]
    for row in written.rows:
        key_cells = [_key(world, row.cells[i], k, args, scope) for i, k in zip(places, keys, strict=True)]
        cells = []
        for number, i in enumerate(values):
            expr = value_cell(world, row.cells[i], types[number], scope, written.headers[i])
            found[number].append(expr)
            cells.append(expr)
        made.append(model.TableRow(tuple(key_cells), tuple(cells), row.span))
    return made, [t if t is not None else common_type(world, cells) for t, cells in zip(types, found, strict=True)]


def _key(
    world: World, cell: syntax.Cell, key: Key, args: dict[str, Type | None], scope: Scope
) -> "str | None | model.Expr":
    if isinstance(cell, syntax.Keyword):
        if key.operator != "=":
            world.report.error(
                "E407",
                f"`{cell.text}` can't stand in a column of bounds",
                cell.span,
                help="write the lowest bound, such as 0 or `-infinite`"
                if key.operator in (">=", ">")
                else "write the highest bound, or `infinite`",
            )
            return invalid(cell.span)
        if cell.text == "unknown":
            world.report.error(
                "E407",
                "`unknown` is no key: an unknown key finds no row and stays unknown",
                cell.span,
                help="remove the row; quote the cell if a name is really `unknown`",
            )
        return None
    if isinstance(cell, syntax.Word):
        return cell.text
    assert not isinstance(cell, syntax.Until)
    wanted = args[key.name] or model.NUMBER
    expr = expression(world, cell, scope)
    if expr.type.kind is not Kind.ANY and not is_constant(expr):
        world.report.error(
            "E408", "a bound must be a constant or made of params", expr.span, help="write a number or a param"
        )
        return invalid(cell.span)
    return coerce(world, cell, expr, wanted, "a bound")


def value_cell(world: World, cell: syntax.Cell, wanted: Type | None, scope: Scope, header: syntax.Header) -> model.Expr:
    """A cell of a value column; a plain number takes the column's declared type."""
    if isinstance(cell, syntax.Keyword):
        world.report.error("E407", f"`{cell.text}` is no value", cell.span, help="write a value")
        return invalid(cell.span)
    if isinstance(cell, syntax.Until):
        holds = condition(world, cell.condition, scope, "what follows `until`")
        return model.Until(holds, wanted or model.ANY, cell.span)
    if isinstance(cell, syntax.Word):
        cell = syntax.Text(cell.text, cell.span)
    if wanted is None:
        return expression(world, cell, scope)
    return coerce(
        world,
        cell,
        label_or_expression(world, cell, wanted, scope),
        wanted,
        f"`{header.name.text}`",
        Label(header.span, "this column"),
    )


def common_type(world: World, cells: list[model.Expr]) -> Type:
    """The one type of a column's cells; where they differ, both are shown."""
    if not cells:
        return model.ANY
    found = alike(world, "E409", "the cells of a column differ:", cells, Scope(args={}))
    return model.NUMBER if found.kind is Kind.NUMBER and found.unit is None else found


def marginal_type(table: model.Table, column: ValueColumn) -> Type:
    """The type that a call gives: a marginal column's rate times the bound key's unit."""
    if not column.marginal or column.type.kind is not Kind.NUMBER or column.type.unit is None:
        return column.type
    bound = next((k for k in table.keys if k.operator != "="), None)
    key_type = table.args[bound.arg][1] if bound else None
    if key_type is None or key_type.kind is not Kind.NUMBER or key_type.unit is None:
        return column.type
    return replace(column.type, unit=column.type.unit * key_type.unit, shown="number")
