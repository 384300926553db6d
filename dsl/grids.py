"""`grid`: sets of moves, each a shock to the snapshot."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import product

from dsl import model, syntax
from dsl.becomes import input_line, no_after, once_each
from dsl.constants import constant
from dsl.diagnostics import Label
from dsl.expressions import expression
from dsl.model import INFINITE, Kind, Type, Value
from dsl.names import reserved
from dsl.source import Span
from dsl.state import rebuild
from dsl.tables import common_type, value_cell
from dsl.text import value_text
from dsl.types import coerce, describe, type_of
from dsl.world import Scope, World

MOST_MOVES = 10_000
BODY = Scope(args={})

Choice = tuple[str, model.Expr]  # how an axis' value is shown, and the value


def define_grid(world: World, name: str, span: Span) -> model.Grid | None:
    """A grid, checked once; None where its moves are wrong, which has been reported."""
    return world.once("grid", name, span, world.grids, lambda: _define(world, world.names.grids[name]))


def _define(world: World, written: syntax.Grid) -> model.Grid | None:
    name = written.name.text
    if written.axes and written.headers:
        labels = Label(written.headers[0].span, "rows here"), Label(written.axes[0].span, "and an axis here")
        help = "write all moves as rows, or all of them by axes"
        world.report.error("E721", f"`{name}` has axes and rows", *labels, help=help)
        return None
    if written.axes:
        found = _by_axes(world, written)
    elif written.rows:
        found = _by_rows(world, written)
    else:
        help = "add an axis, such as `move in -15% to 15% by 5%`, or pipe rows of named moves"
        world.report.error("E721", f"`{name}` has no moves", written.name.span, help=help)
        found = None
    named = [a.name.text for a in written.axes] or [h.name.text for h in written.headers[1:]]
    columns, moves = found or (tuple((n, model.ANY) for n in named), ())
    lines = []
    for line in once_each(world, written.lines):
        target = line.target.text
        if len(line.target.parts) == 1 and target in world.names.params:
            help = "a grid moves the market; a `scenario` may change a param"
            world.report.error("E703", f"a grid can't rewrite the param `{target}`", line.target.span, help=help)
            continue
        if clashing(world, dict(columns), line.target.parts[0].text, written.name, line.value.span):
            continue
        if (made := input_line(world, line, dict(columns))) is not None:
            no_after(world, made)
            lines.append(made)
    return None if found is None else model.Grid(name, columns, moves, tuple(lines), written.description, written.span)


Moves = tuple[tuple[tuple[str, Type], ...], tuple[model.Move, ...]]


def _named(world: World, names: list[syntax.Name]) -> bool:
    """Whether columns bear names that they may bear, each once."""
    seen: dict[str, syntax.Name] = {}
    fine = True
    for name in names:
        if reserved(name, world.report):
            fine = False
        elif (other := world.names.top.get(name.text) or seen.get(name.text)) is not None:
            labels = Label(name.span, "declared again"), Label(other.span, "first declared here")
            world.report.error("E101", f"`{name.text}` is declared twice", *labels, help="rename one of the two")
            fine = False
        seen[name.text] = name
    return fine


# -- moves by rows ----------------------------------------------------------------------------


def _by_rows(world: World, written: syntax.Grid) -> Moves | None:
    headers = written.headers[1:]
    fine = _named(world, [h.name for h in headers]) and _plain_headers(world, written.headers)
    seen: dict[str, syntax.Cell] = {}
    columns: list[tuple[str, Type]] = []
    cells: list[list[model.Expr]] = []
    for place, header in enumerate(headers, 1):
        wanted = type_of(world, header.type, None) if header.type is not None else None
        made = [value_cell(world, row.cells[place], wanted, BODY, header) for row in written.rows]
        fine = False not in [_number(world, cell) for cell in made] and fine
        type_ = wanted if wanted is not None else common_type(world, made)
        columns.append((header.name.text, type_))
        cells.append([_typed(cell, type_) for cell in made])
        fine = fine and type_.kind is Kind.NUMBER
    for row in written.rows:
        name = row.cells[0]
        text = name.text if isinstance(name, syntax.Word) else ""
        if not text:
            world.report.error("E721", "this move has no name", row.span, help="its first cell is its name")
            fine = False
        elif text in seen:
            labels = Label(name.span, "again"), Label(seen[text].span, "first here")
            world.report.error("E724", f"two moves are named `{text}`", *labels, help="rename one of the two")
            fine = False
        seen.setdefault(text, name)
    if not _few(world, written, len(written.rows)) or not fine:
        return None
    rows = zip(seen, zip(*cells, strict=True) if cells else [()] * len(seen), strict=True)
    return tuple(columns), tuple(model.Move(text, tuple(values)) for text, values in rows)


def _plain_headers(world: World, headers: tuple[syntax.Header, ...]) -> bool:
    """Whether the headers are names, with at most a type."""
    odd = [h for h in headers if h.operator is not None or h.marginal or h.continuous or h.domain is not None]
    for header in odd:
        help = f"write `| {header.name.text} |`, or its type after a colon"
        world.report.error("E721", "a column of a grid has a name and at most a type", header.span, help=help)
    return not odd


def _typed(cell: model.Expr, type_: Type) -> model.Expr:
    return replace(cell, type=type_) if isinstance(cell, model.Const) and cell.type.unit is None else cell


def _number(world: World, expr: model.Expr) -> bool:
    """Whether an expression is a number made of numbers and params by arithmetic."""
    if expr.type.kind is Kind.ANY:
        return False
    if expr.type.kind is not Kind.NUMBER:
        help = "write a number; what else differs between moves, say with `if` in a `becomes` line"
        message = f"a move's value is a number, and this is {describe(expr.type)}"
        world.report.error("E727", message, expr.span, help=help)
        return False
    if not _constant(expr):
        help = "make it of numbers and params by + - * /"
        world.report.error("E727", "a move's value must be a constant or made of params", expr.span, help=help)
        return False
    return True


def _constant(expr: model.Expr) -> bool:
    match expr:
        case model.Const():
            return expr.value not in (INFINITE, -INFINITE)
        case model.ParamRead():
            return True
        case model.Unary():
            return _constant(expr.operand)
        case model.Binary(operator="+" | "-" | "*"):
            return _constant(expr.left) and _constant(expr.right)
        case model.Binary(operator="/"):
            return _constant(expr.left) and bool(constant(expr.right))
    return False


def _few(world: World, written: syntax.Grid, count: int) -> bool:
    if count <= MOST_MOVES:
        return True
    help = f"a grid has at most {MOST_MOVES:,}; take larger steps"
    world.report.error("E723", f"`{written.name.text}` has {count:,} moves", written.name.span, help=help)
    return False


# -- moves by axes ----------------------------------------------------------------------------


def _by_axes(world: World, written: syntax.Grid) -> Moves | None:
    fine = _named(world, [a.name for a in written.axes])
    columns: list[tuple[str, Type]] = []
    axes: list[list[Choice]] = []
    count = 1
    for axis in written.axes:
        found = _axis(world, axis)
        if found is None:
            fine = False
            continue
        type_, choices = found
        texts = [text for text, _ in choices]
        twice = next((t for i, t in enumerate(texts) if t in texts[:i]), None) if axis.step is None else None
        if twice is not None:
            help = "each value makes one move; remove one of them"
            world.report.error("E724", f"`{axis.name.text}` is `{twice}` twice", axis.span, help=help)
            fine = False
        columns.append((axis.name.text, type_))
        axes.append(choices)
        count *= len(choices)
    if not _few(world, written, count) or not fine:
        return None
    moves = []
    for chosen in product(*axes):
        label = ", ".join(f"{name}={text}" for (name, _), (text, _) in zip(columns, chosen, strict=True))
        moves.append(model.Move(label, tuple(value for _, value in chosen)))
    return tuple(columns), tuple(moves)


def _axis(world: World, axis: syntax.Axis) -> tuple[Type, list[Choice]] | None:
    """An axis' type and its values in order."""
    made = [expression(world, value, BODY) for value in axis.values]
    if False in [_number(world, value) for value in made]:
        return None
    type_ = common_type(world, made)
    if type_.kind is not Kind.NUMBER:
        return None
    if axis.step is None:
        typed = [_typed(value, type_) for value in made]
        return type_, [(_shown(value, type_), value) for value in typed]
    step = coerce(world, axis.step, expression(world, axis.step, BODY), type_, "the step", Label(axis.span, "of this"))
    if not _number(world, step):
        return None
    low, high, by = constant(made[0]), constant(made[1]), constant(step)
    if not isinstance(low, Fraction) or not isinstance(high, Fraction) or not isinstance(by, Fraction):
        help = "write numbers, so that the moves have names; or list the values: `x in low, high`"
        world.report.error("E722", f"the steps of `{axis.name.text}` depend on a param", axis.span, help=help)
        return None
    return _steps(world, axis, type_, (low, high, by))


def _steps(
    world: World, axis: syntax.Axis, type_: Type, ends: tuple[Fraction, Fraction, Fraction]
) -> tuple[Type, list[Choice]] | None:
    assert axis.step is not None
    low, high, by = ends
    name = axis.name.text
    if by == 0 or (high - low) / by < 0:
        fault = "is zero" if by == 0 else "leads away from the end"
        help = f"write a step {'above' if high > low else 'below'} zero"
        world.report.error("E722", f"the step of `{name}` {fault}", axis.step.span, help=help)
        return None
    count = (high - low) / by
    if count.denominator != 1:
        near = low + int(count) * by
        help = f"both ends are moves: end it at `{value_text(near, type_)}`, or choose another step"
        world.report.error("E722", f"the steps of `{name}` miss its end", axis.span, help=help)
        return None
    if count > MOST_MOVES:
        help = f"a grid has at most {MOST_MOVES:,} moves; take larger steps"
        world.report.error("E723", f"`{name}` has {int(count) + 1:,} values", axis.span, help=help)
        return None
    values = [low + i * by for i in range(int(count) + 1)]
    return type_, [(value_text(v, type_), model.Const(v, type_, axis.span)) for v in values]


def _shown(expr: model.Expr, type_: Type) -> str:
    value = constant(expr)
    return " ".join(expr.span.text.split()) if value is None else value_text(value, type_)


def clashing(world: World, columns: Mapping[str, Type], entity: str, grid: syntax.Name, span: Span) -> bool:
    """Whether columns of a grid are named as the row's own, so that both could be meant; reported."""
    both = [c for c in columns if c in world.names.members.get(entity, {})]
    for column in both:
        labels = Label(span, f"here `{column}` may mean either"), Label(grid.span, "a column of this grid")
        message = f"`{column}` is a column of `{grid.text}` and of `{entity}`"
        world.report.error("E728", message, *labels, help="rename the grid's")
    return bool(both)


def move_values(grid: model.Grid, params: Mapping[str, Value]) -> list[dict[str, model.Const]]:
    """Each move's values by column, with the params in force."""

    def bound(expr: model.Expr) -> model.Expr:
        return model.Const(params[expr.name], expr.type) if isinstance(expr, model.ParamRead) else expr

    found = []
    for move in grid.moves:
        values = {}
        for (column, type_), expr in zip(grid.columns, move.values, strict=True):
            value = constant(rebuild(expr, bound))
            assert value is not None
            values[column] = model.Const(value, type_)
        found.append(values)
    return found
