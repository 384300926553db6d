"""Expressions drawn for random policies: typed, over the columns that were written before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.generated_books import INPUTS

CONSTANTS = ["0", "1", "2", "0.1", "0.3", "10%", "50bps", "3", "1_0", "1k", "0.5", "1e-6", "-1", "(1/3)", "2.5%"]
EXPONENTS = ["2", "3", "0.5", "-1", "1.5", "0", "-2", "0.25"]
COMPARISONS = ["<", "<=", ">", ">=", "=", "!="]
# what an aggregate in an entity may run over: entity, and the words that pick the way
WAYS = {
    "market": [("position", " via market"), ("position", " via hedge")],
    "account": [("position", ""), ("position", ""), ("desk.account", ""), ("desk.position", "")],
    "desk": [("account", ""), ("position", "")],
    "system": [("position", ""), ("account", ""), ("market", "")],
    "position": [
        ("account.position", ""),
        ("market.position", " via market"),
        ("market.position", " via hedge"),
        ("account.desk.account", ""),
    ],
    "": [("position", ""), ("account", "")],
}


@dataclass
class Writer:
    """Writes expressions of a wanted kind. ``columns``: (entity, name) of each column so far, and its kind."""

    draw: DrawFn
    columns: dict[tuple[str, str], str]
    tables: list[str] = field(default_factory=list)
    curves: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    params: list[str] = field(default_factory=list)
    ways: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: {e: list(w) for e, w in WAYS.items()})
    links: dict[tuple[str, str], list[tuple[str, ...]]] = field(default_factory=dict)  # to groups and from them
    groups: dict[str, str] = field(default_factory=dict)  # each group's header
    left: bool = False  # inside a draw's take
    straight: bool = False  # no roots, powers or steps
    arguments: list[str] = field(default_factory=list)  # number arguments, inside a function's or table's body

    def pick(self, options: Sequence[str]) -> str:
        return self.draw(st.sampled_from(options))

    def chance(self, of: int) -> bool:
        return self.draw(st.integers(0, of - 1)) == of - 1

    # -- leaves -----------------------------------------------------------------------------------

    def paths(self, entity: str, kind: str, prefix: str = "") -> list[str]:
        """What of this kind can be read from a row of the entity; blanks by nature come with a fallback."""
        found = []
        for (owner, name), column_kind in self.columns.items():
            if column_kind != kind or (owner == "system" and prefix):
                continue
            for way, guarded in self._ways(entity, owner):
                path = ".".join(p for p in (prefix, *way, name) if p)
                spec = INPUTS.get(owner, {}).get(name)
                optional = guarded or (spec is not None and spec.optional)
                found.append(f"({path} ?? {self.constant(kind)})" if optional else path)
        return found

    def _ways(self, entity: str, owner: str) -> list[tuple[tuple[str, ...], bool]]:
        if entity == owner:
            return [((), False)]
        if owner == "system":
            return [(("system",), False)]
        ways: dict[tuple[str, str], list[tuple[tuple[str, ...], bool]]] = {
            ("position", "account"): [(("account",), False)],
            ("position", "market"): [(("market",), False), (("hedge",), True)],
            ("position", "desk"): [(("account", "desk"), False)],
            ("account", "desk"): [(("desk",), False)],
        }
        return ways.get((entity, owner), []) + [(way, False) for way in self.links.get((entity, owner), [])]

    def constant(self, kind: str) -> str:
        match kind:
            case "number":
                return self.pick(CONSTANTS)
            case "USD":
                return self.pick(["0 USD", "1 USD", "0.3 USD", "10 USD", "-1 USD"])
            case "flag":
                return self.pick(["yes", "no"])
            case "date":
                return self.pick(["2026-01-01", "as_of"])
            case "duration":
                return self.pick(["30s", "1h", "0"])
        return "0"

    # -- expressions ------------------------------------------------------------------------------

    def expression(self, kind: str, entity: str, inner: str = "", depth: int = 3) -> str:
        """``entity``: the row at hand, empty in a check of the book; ``inner``: the row inside an aggregate."""
        if self.arguments:
            leaves = [*self.arguments, *self.params] if kind == "number" else []
        else:
            leaves = self.paths(entity, kind) + (self.paths(entity_of(inner), kind, inner) if inner else [])
            if inner:
                leaves = self.paths(entity_of(inner), kind, inner) * 2 + leaves
        if self.left and kind == "USD" and not inner:
            leaves = [*leaves, "left", "left"]
        if depth == 0 or self.chance(4):
            return self.pick([*leaves, *leaves, self.constant(kind)])
        if kind in ("number", "USD", "flag") and self.chance(7):
            then, otherwise = (self.expression(kind, entity, inner, depth - 1) for _ in range(2))
            return f"(if {self.expression('flag', entity, inner, depth - 1)} then {then} else {otherwise})"
        make = {"number": self.number, "USD": self.money, "flag": self.flag}.get(kind)
        if make is None:
            return self.pick([*leaves, self.constant(kind)])
        return make(lambda k: self.expression(k, entity, inner, depth - 1), entity, inner)

    def number(self, sub: Callable[[str], str], entity: str, inner: str) -> str:
        x = sub("number")
        aggregates = ["aggregate", "aggregate"] if self.ways.get(entity) and not inner and not self.arguments else []
        lookups = ["table"] * bool(self.tables) + ["curve"] * bool(self.curves) + ["let"] * bool(self.functions)
        options = ["+", "-", "*", "/", "^", "call", "extreme", "round", "minus", *lookups, *aggregates]
        if self.straight:
            options = [o for o in options if o not in ("^", "round")]
        if not self.arguments:
            options += ["ratio", "days"]
        match self.pick(options):
            case ("+" | "-" | "*" | "/") as operator:
                return f"({x} {operator} {sub('number')})"
            case "^":
                return f"({x})^({self.pick(EXPONENTS)})"
            case "call":
                name = self.pick(
                    ["abs", "sign"] if self.straight else ["abs", "sqrt", "exp", "ln", "floor", "ceil", "sign"]
                )
                return f"{name}({x})"
            case "extreme":
                name = self.pick(["min", "max"])
                return f"{name}({x}, {sub('number')}, {self.pick(['0', '1', '-1', 'infinite'])})"
            case "round":
                return self._rounding(x, sub)
            case "minus":
                return f"(-({x}))"
            case "table":
                return self.lookup(self.pick(self.tables), x, sub, entity, inner)
            case "curve":
                return f"{self.pick(self.curves)}({x})"
            case "let":
                return f"{self.pick(self.functions)}({x}, {sub('number')})"
            case "ratio":
                return f"({sub('USD')} / {sub('USD')})"
            case "days":
                return f"(({sub('date')} - {sub('date')}) / 1d)"
            case _:
                return self.aggregate("number", entity)

    def _rounding(self, x: str, sub: Callable[[str], str]) -> str:
        match self.pick(["down", "up", "nearest", "clamp", "line"]):
            case "clamp":
                return f"clamp({x}, {self.pick(['0', '-1', sub('number')])}, {self.pick(['1', '0.3', 'infinite'])})"
            case "line":
                return f"interpolate({x}, {sub('number')}, 1, {self.pick(['1', '0.3'])}, {sub('number')})"
            case way:
                return f"round_{way}({x}, {self.pick(['0.1', '1', '0.3', '25%'])})"

    def lookup(self, table: str, x: str, sub: Callable[[str], str], entity: str, inner: str) -> str:
        keyed = table.startswith("by_name")
        call = f"{table}({self.name(entity, inner)}, {x})" if keyed else f"{table}({x}, {sub('number')})"
        return f"({call} ?? {self.constant('number')})" if self.chance(4) else call

    def name(self, entity: str, inner: str) -> str:
        """What a table's text key can be called with: a text, a label or a link."""
        if self.arguments:
            return '"A"'
        at, prefix = entity_of(inner or entity), inner
        own = self.paths(at, "enum", prefix) + self.paths(at, "text", prefix)
        if at == "position":
            own.append(f"{prefix}.market" if prefix else "market")
        return self.pick([*(p for p in own if "??" not in p), '"A"'])

    def money(self, sub: Callable[[str], str], entity: str, inner: str) -> str:
        at = entity_of(inner or entity)
        options = ["+", "-", "times", "over", "extreme", "abs"]
        if at == "position":
            options += ["notional", "notional"]
        if self.ways.get(entity) and not inner:
            options += ["aggregate"] * 3
        prefix = f"{inner}." if inner else ""
        match self.pick(options):
            case ("+" | "-") as operator:
                return f"({sub('USD')} {operator} {sub('USD')})"
            case "times":
                return f"({sub('USD')} * {sub('number')})"
            case "over":
                return f"({sub('USD')} / {sub('number')})"
            case "abs":
                return f"abs({sub('USD')})"
            case "extreme":
                name = self.pick(["min", "max"])
                return f"{name}({sub('USD')}, {sub('USD')}, {self.pick(['0', 'infinite'])})"
            case "notional":
                return f"({prefix}size * {prefix}market.mark)"
            case _:
                return self.aggregate("USD", entity)

    def flag(self, sub: Callable[[str], str], entity: str, inner: str) -> str:
        options = ["number", "number", "and", "or", "not"]
        if not self.arguments:
            options += ["USD", "USD", "enum", "date", "known", "text", "lag"]
            if self.ways.get(entity) and not inner:
                options += ["any", "any"]
        at, prefix = entity_of(inner or entity), f"{inner}." if inner else ""
        match self.pick(options):
            case ("number" | "USD") as kind:
                return f"({sub(kind)} {self.pick(COMPARISONS)} {sub(kind)})"
            case ("and" | "or") as operator:
                return f"({sub('flag')} {operator} {sub('flag')})"
            case "not":
                return f"(not {sub('flag')})"
            case "enum" if self.labels(entity, inner):
                path = self.pick(self.labels(entity, inner))
                return f"({path} in (A, C))" if self.chance(3) else f"({path} {self.pick(['=', '!='])} A)"
            case "date":
                return f"({sub('date')} {self.pick(COMPARISONS)} {sub('date')})"
            case "lag":
                return f"({sub('duration')} {self.pick(COMPARISONS)} {sub('duration')})"
            case "known" if at == "position":
                return f"known({prefix}{self.pick(['fee', 'hedge.vol', 'hedge'])})"
            case "known" if at == "account":
                return f"known({prefix}{self.pick(['limit', 'parent', 'parent.score'])})"
            case "text" if at == "position":
                return (
                    f'({prefix}{self.pick(["market", "account"])} {self.pick(["=", "!="])} "{self.pick(["m0", "a1"])}")'
                )
            case "text" if at == "account":
                return f'({prefix}region {self.pick(["=", "!="])} "{self.pick(["EU", "1INCH"])}")'
            case "any":
                return self.aggregate("flag", entity)
        return f"({sub('number')} {self.pick(COMPARISONS)} {sub('number')})"

    def labels(self, entity: str, inner: str) -> list[str]:
        """The paths to an enumeration that need no fallback."""
        found = self.paths(entity, "enum") + (self.paths(entity_of(inner), "enum", inner) if inner else [])
        return [path for path in found if "??" not in path]

    def aggregate(self, kind: str, entity: str) -> str:
        over, via = self.draw(st.sampled_from(self.ways[entity]))
        where = ""
        if self.chance(3):
            where = f" where {self.expression('flag', entity, over, 1)}"
        if kind == "flag":
            return f"{self.pick(['any', 'all'])}({self._member('flag', entity, over)}{via}{where})"
        if kind == "number" and self.chance(3):
            if self.chance(3):
                return f"count({over}{via}{where})"
            return f"{self.pick(['count', 'share'])}({self._member('flag', entity, over)}{via}{where})"
        if self.chance(5):
            by = self.expression("number", entity, over, 1)
            return f"first({self._member(kind, entity, over)} by {by}{via}{where})"
        name = self.pick(["sum", "sum", "mean", "min", "max"])
        return f"{name}({self._member(kind, entity, over)}{via}{where})"

    def _member(self, kind: str, entity: str, over: str) -> str:
        """A value of the inner row: one that reads it."""
        value = self.expression(kind, entity, over, 2)
        if f"{over}." in value:
            return value
        if kind == "flag":
            return f"({self.pick(self.paths(entity_of(over), 'number', over))} {self.pick(COMPARISONS)} 0)"
        own = self.paths(entity_of(over), kind, over)
        return self.pick(own) if own else f"({self.pick(self.paths(entity_of(over), 'number', over))} * {value})"

    def drawn(self, entity: str) -> str:
        """Limits drawn in order by the rows of an entity."""
        pools = [p for p in self.paths(entity, "USD") if "." in p and "?" not in p]
        chosen = self.draw(st.lists(st.sampled_from(pools), min_size=1, max_size=2, unique=True))
        order = self.pick(["0", *self.paths(entity, "number"), self.expression("number", entity, depth=1)])
        self.left = True
        take = self.expression("USD", entity, depth=2)
        if self.chance(5):
            take = self.pick(
                [f"clamp({take}, 0, left)", f"min(abs({take}), left)", f"min({take}, left)", f"max(0, {take})"]
            )
        if self.chance(2):
            take = f"if {self.expression('flag', entity, depth=1)} then {take} else 0"
        self.left = False
        return f"draw({', '.join(chosen)} by {order}: {take})"


def entity_of(inner: str) -> str:
    """The entity of an aggregate's rows, of the path that leads to them."""
    return inner.split(".")[-1]
