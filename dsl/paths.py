"""A path of names to what it reads: a column here, through links, inside an aggregate, a param, an argument."""

from dataclasses import replace

from dsl import model, syntax
from dsl.diagnostics import Label
from dsl.group_paths import canonical, renamed
from dsl.model import Kind, Type
from dsl.names import BUILTIN_NAMES
from dsl.near import did_you_mean, listed
from dsl.units import Base
from dsl.world import Fact, Scope, World, invalid


def resolve(world: World, path: syntax.Path, scope: Scope, *, guarded: bool = False) -> model.Expr:
    """What a path reads. ``guarded``: it stands under `known` or left of `??`, where a blank may be met."""
    first = path.parts[0]
    if scope.args is not None and len(path.parts) == 1 and first.text in scope.args:
        return model.ArgRead(first.text, scope.args[first.text], path.span)
    if first.text in scope.shock and len(path.parts) == 1:
        return model.ArgRead(first.text, scope.shock[first.text], path.span)
    if first.text == "after" and scope.args is None and len(path.parts) > 1:
        return _after(world, path, scope, guarded=guarded)
    if first.text == "base" and scope.args is None and len(path.parts) > 1:
        return _base(world, path, scope, guarded=guarded)
    prefix = scope.prefix
    if prefix is not None and scope.inner is not None and tuple(p.text for p in path.parts[: len(prefix)]) == prefix:
        return _read(world, path, path.parts[len(prefix) :], scope, scope.inner, (), inner=True, guarded=guarded)
    if scope.args is None and scope.entity is not None and _is_column(world, scope.entity, first.text):
        return _read(world, path, path.parts, scope, scope.entity, (), inner=False, guarded=guarded)
    once = world.names.entities.get(first.text)
    if once is not None and once.once and scope.args is None:
        return _read(world, path, path.parts[1:], scope, first.text, (), inner=False, guarded=guarded)
    if len(path.parts) == 1:
        if first.text == "as_of":
            return model.AsOf(model.DATE, path.span)
        if first.text in world.names.params:
            world.used_params.add(first.text)
            return model.ParamRead(first.text, world.param_type(first.text), path.span)
    _unknown_name(world, path, scope)
    return invalid(path.span)


def _after(world: World, path: syntax.Path, scope: Scope, *, guarded: bool) -> model.Expr:
    """`after.x`: x in the state after the effect."""
    if world.names.effect is None:
        help = "say what the tiers do to the book: `effect:` with lines `entity.input becomes …`"
        world.report.error("E705", "there is no state after: the policy has no `effect`", path.span, help=help)
        return invalid(path.span)
    rest = syntax.Path(path.parts[1:], path.span)
    found = resolve(world, rest, scope, guarded=guarded)
    if isinstance(found, model.Unshocked):
        return replace(found, operand=_later(found.operand))
    return _later(found)


def _later(found: model.Expr) -> model.Expr:
    if not isinstance(found, model.Read) or found.type.kind is Kind.LINK:
        return found
    return replace(found, column=f"after.{found.column}")


def _base(world: World, path: syntax.Path, scope: Scope, *, guarded: bool) -> model.Expr:
    """`base.x`: x without the move of the `over` around."""
    rest = syntax.Path(path.parts[1:], path.span)
    if not scope.over:
        help = f"write `{rest.text}`: only inside `max(… over GRID)` and the like is there a move to leave out"
        world.report.error("E725", f"`{path.text}` stands outside an `over`", path.span, help=help)
        return invalid(path.span)
    found = resolve(world, rest, replace(scope, facts=frozenset()), guarded=guarded)
    return model.Unshocked(found, found.type, path.span) if isinstance(found, model.Read) else found


def _is_column(world: World, entity: str, name: str) -> bool:
    return name == entity or name in world.names.members[entity]


def _read(
    world: World,
    path: syntax.Path,
    parts: tuple[syntax.Name, ...],
    scope: Scope,
    entity: str,
    links: tuple[str, ...],
    *,
    inner: bool,
    guarded: bool,
) -> model.Expr:
    if not parts:
        if inner:  # the inner row itself, as in `count(position)`
            return model.Read(entity, entity, (), True, Type(Kind.LINK, entity=entity), path.span)
        world.report.error(
            "E113", f"`{path.text}` is an entity, not a value", path.span, help=f"name a column: `{path.text}.…`"
        )
        return invalid(path.span)
    at = entity
    blankable: list[Fact] = []
    for i, part in enumerate(parts[:-1]):
        if not _is_column(world, at, part.text):
            return _no_column(world, part, at, path)
        target = world.names.links(at).get(part.text)
        if target is None and part.text == at:
            rest = ".".join(p.text for p in parts[i + 1 :])
            message = f"`{at}` is the key of the row at hand, not a link"
            world.report.error("E112", message, part.span, help=f"this row's columns need no prefix: write `{rest}`")
            return invalid(path.span)
        if target is None:
            links_of = listed(world.names.links(at), "no links")
            world.report.error(
                "E112",
                f"`{part.text}` of `{at}` is not a link, so nothing can be read through it",
                part.span,
                help=f"a link is a column whose type is an entity; `{at}` has {links_of}",
            )
            return invalid(path.span)
        world.read.add((at, part.text))
        if target[1]:
            blankable.append((inner, tuple(p.text for p in parts[: i + 1])))
        at = target[0]
    last = parts[-1]
    if not _is_column(world, at, last.text):
        return _no_column(world, last, at, path)
    from dsl.columns import column_type

    world.read.add((at, last.text))
    type_ = column_type(world, at, last.text, path.span)
    links = tuple(p.text for p in parts[:-1])
    if world.names.optional(at, last.text):
        blankable.append((inner, (*links, last.text)))
    if not guarded:
        _needs_guard(world, path, scope, blankable)
    return model.Read(at, last.text, links, inner, _seen_from(world, type_, (entity, links), inner, scope), path.span)


def _needs_guard(world: World, path: syntax.Path, scope: Scope, blankable: list[Fact]) -> None:
    for fact in blankable:
        if fact not in scope.facts:
            world.report.error(
                "E301",
                f"`{path.text}` may be blank, and nothing here says what then",
                path.span,
                help=f"write `({path.text} ?? 0)` or another value for a blank, "
                f"or guard it: `if known({path.text}) then … else …`",
            )
            return


def _seen_from(world: World, type_: Type, way: tuple[str, tuple[str, ...]], inner: bool, scope: Scope) -> Type:
    """A column's type as this row sees it: its per-row units gain the path that leads there, ``way`` from an entity."""
    if type_.kind is not Kind.NUMBER or type_.unit is None or not any(b.entity for b, _ in type_.unit.factors):
        return type_
    start, links = way
    via = canonical(world.names, start, scope.via or ()) if inner else ()
    change: dict[Base, Base] = {}
    for base, _ in type_.unit.factors:
        if base.entity:
            seen = replace(base, path=canonical(world.names, start, (*links, *base.path)), inner=inner)
            if via and seen.path[: len(via)] == via:  # back at this row, or above it: its own unit
                back = canonical(world.names, scope.entity or "", (*scope.up, *seen.path[len(via) :]))
                seen = replace(seen, path=back, inner=False)
            elif via and not scope.up and scope.entity in world.names.groups:
                seen = renamed(world, scope.entity, start, via[:-1], seen) or seen
            change[base] = seen
    return replace(type_, unit=type_.unit.map(change)) if change else type_


def facts_of(path: syntax.Path, scope: Scope) -> frozenset[Fact]:
    """What `known(path)` shows to be there: the cell and every link on the way."""
    names = tuple(p.text for p in path.parts)
    prefix = scope.prefix
    inner = prefix is not None and names[: len(prefix)] == prefix
    if inner and prefix is not None:
        names = names[len(prefix) :]
    return frozenset((inner, names[:i]) for i in range(1, len(names) + 1))


def _no_column(world: World, name: syntax.Name, entity: str, path: syntax.Path) -> model.Expr:
    if name.text in world.names.lost:
        return invalid(path.span)
    choices = {entity, *world.names.members[entity]}
    world.report.error(
        "E111",
        f"`{entity}` has no column `{name.text}`",
        name.span,
        help=did_you_mean(name.text, choices) or f"its columns are {listed(world.names.members[entity])}",
    )
    return invalid(path.span)


def _unknown_name(world: World, path: syntax.Path, scope: Scope) -> None:
    first = path.parts[0]
    name = first.text
    names = world.names
    if name in names.lost:
        return
    if name in BUILTIN_NAMES or name in names.functions or name in names.tables or name in names.curves:
        world.report.error(
            "E114", f"`{name}` is a function, and is called with its arguments", first.span, help=f"write `{name}(…)`"
        )
        return
    if name in names.entities:
        _entity_as_value(world, path, scope)
        return
    if name == "left":
        help = "a draw hands it over: `taken = draw(system.pool by health: min(need, left))`; in a function make it an "
        help += "argument"
        world.report.error("E788", "there is no `left` here", first.span, help=help)
        return
    if scope.args is not None and any(name in members for members in names.members.values()):
        world.report.error(
            "E115",
            f"`{name}` is a column, and a body sees only its arguments, params and functions",
            first.span,
            *(Label(c, "called here") for c in scope.calls),
            help=f"make `{name}` an argument and hand it over in the call",
        )
        return
    if name.lower() in ("null", "none", "nan", "blank", "missing"):
        blank = "a blank is met with `column ?? value` or `known(column)`"
        world.report.error("E111", f"there is no `{name}` here", first.span, help=blank)
        return
    seen = {*names.params, *(scope.args or ())}
    if scope.entity is not None and scope.args is None:
        seen |= {scope.entity, *names.members[scope.entity]}
    help_ = did_you_mean(name, seen)
    if help_ is None:
        owners = [e for e, members in names.members.items() if name in members]
        if owners and scope.args is None:
            way = f"{owners[0]}.{name}"
            inner = (
                f"inside the aggregate write `{way}`"
                if scope.inner == owners[0] and not scope.up
                else f"it is a column of `{owners[0]}`: read `{way}` through a link, or aggregate it"
            )
            help_ = inner
        else:
            callable_ = {*BUILTIN_NAMES, *names.functions, *names.curves, *names.tables}
            help_ = did_you_mean(name, callable_ if scope.args is not None else {*names.top, *callable_})
    world.report.error("E111", f"there is no `{name}` here", first.span, help=help_)


def _entity_as_value(world: World, path: syntax.Path, scope: Scope) -> None:
    name = path.parts[0].text
    if scope.inner is not None and name in world.names.links(scope.inner):
        help_ = f"`{scope.inner}` links to it: write `{scope.inner}.{path.text}`"
    elif scope.entity is not None and any(t == scope.entity for t, _ in world.names.links(name).values()):
        help_ = f"there are many rows of `{name}` for one `{scope.entity}`: aggregate them, as in `sum({path.text})`"
    elif scope.whole:
        help_ = f"a check on the whole book aggregates, as in `sum({path.text})`; "
        help_ += f"for a condition on each row write `on {name}`"
    else:
        help_ = (
            f"`{scope.entity}` has no link `{name}`; declare one: `{name} : {name}`, "
            f"or write `entity {name} once:` if there is one for all"
            if scope.entity
            else "only an aggregate can read it"
        )
    world.report.error("E116", f"`{path.text}` is not one value here", path.span, help=help_)


def start_of(read: model.Read, scope: Scope) -> str:
    """The entity of the row where a read starts."""
    if read.inner:
        assert scope.inner is not None
        return scope.inner
    return read.entity if not read.links else scope.entity or read.entity
