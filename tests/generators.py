"""Random policies, as text, and books for them, as cells: typed, and drawn towards ties, zeros and faulty cells.

Every formula reads only columns written before it, so there are no circles. Values and constants come from one small
pool, so that the two sides of a comparison are often equal, and sums of decimals like 0.1 tie, but not in binary.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

DECIMALS = ["0", "1", "0.1", "0.2", "0.3", "2", "0.5", "-1", "3", "10", "-0.1", "0.7", "1.1", "100", "2.5", "-2"]
NEAR = ["0.30000000000000000000001", "0.9999999999999999999", "1.0000000005", "0.2999999999", "1e9"]
POSITIVE = ["1", "0.1", "2", "3", "0.3", "10", "0.7", "50000", "1.1", "100"]
CONSTANTS = ["0", "1", "2", "0.1", "0.3", "10%", "50bps", "3", "1_0", "1k", "0.5", "1e-6", "-1", "(1/3)", "2.5%"]
EXPONENTS = ["2", "3", "0.5", "-1", "1.5", "0", "-2", "0.25"]
COMPARISONS = ["<", "<=", ">", ">=", "=", "!="]
BAD_NUMBERS = ["", "abc", "NaN", "-1e9"]
INSTANTS = ["2026-01-01", "2026-06-30T12:00:00Z", "2025-12-31T23:59:30Z"]
AS_OF = "2026-06-30T12:00:00Z"


@dataclass(frozen=True)
class Spec:
    """An input: its type as written, its kind, and the cells that it may hold, good and bad."""

    type: str
    kind: str  # number USD asset price flag enum text date duration, or the name of the entity that it links to
    good: Sequence[str]
    bad: Sequence[str]
    optional: bool = False


INPUTS: dict[str, dict[str, Spec]] = {
    "market": {
        "mark": Spec("USD/asset > 0", "price", POSITIVE, ["", "0", "-1", "x"]),
        "vol": Spec("ratio in 0% to 500%", "number", ["0", "0.1", "0.3", "0.5", "1", "5"], ["5.0001", "-0.1", ""]),
        "grade": Spec("one of A, B, C", "enum", ["A", "B", "C"], ["", "D"]),
        "listed": Spec("date", "date", INSTANTS, ["", "soon"]),
        "lag": Spec("duration", "duration", ["30s", "0", "1h", "0.5"], ["", "-"]),
    },
    "desk": {"weight": Spec("number", "number", DECIMALS + NEAR, BAD_NUMBERS)},
    "account": {
        "desk": Spec("desk", "desk", [], []),
        "parent": Spec("account?", "account", [], [], optional=True),
        "cash": Spec("USD", "USD", DECIMALS + NEAR, BAD_NUMBERS[:3]),
        "score": Spec("number in -10 to 100", "number", DECIMALS, ["101", "", "-10.01"]),
        "limit": Spec("USD? >= 0", "USD", ["0", "1", "10", "0.3"], ["-1", "x"], optional=True),
        "vip": Spec("flag", "flag", ["yes", "no"], ["", "maybe"]),
        "region": Spec("text", "text", ["EU", "US", "1INCH"], [""]),
    },
    "position": {
        "account": Spec("account", "account", [], []),
        "market": Spec("market", "market", [], []),
        "hedge": Spec("market?", "market", [], [], optional=True),
        "size": Spec("market.asset", "asset", DECIMALS, BAD_NUMBERS[:3]),
        "rate": Spec("number", "number", DECIMALS + NEAR, BAD_NUMBERS[:3]),
        "fee": Spec("number?", "number", DECIMALS, ["x"], optional=True),
        "open": Spec("flag", "flag", ["yes", "no"], ["", "2"]),
    },
    "system": {"pool": Spec("USD", "USD", DECIMALS, ["", "x"])},
}
LINKS = {(e, n): s.kind for e, columns in INPUTS.items() for n, s in columns.items() if s.kind in INPUTS}
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
class Case:
    """A policy's text and its book: entity, column, cells."""

    text: str
    tables: dict[str, dict[str, list[str]]]
    as_of: str = AS_OF

    def __repr__(self) -> str:
        return f"{self.text}\n{self.tables}"


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
            leaves = self.paths(entity, kind) + (self.paths(_entity(inner), kind, inner) if inner else [])
            if inner:
                leaves = self.paths(_entity(inner), kind, inner) * 2 + leaves
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
        at, prefix = _entity(inner or entity), inner
        own = self.paths(at, "enum", prefix) + self.paths(at, "text", prefix)
        if at == "position":
            own.append(f"{prefix}.market" if prefix else "market")
        return self.pick([*(p for p in own if "??" not in p), '"A"'])

    def money(self, sub: Callable[[str], str], entity: str, inner: str) -> str:
        at = _entity(inner or entity)
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
        at, prefix = _entity(inner or entity), f"{inner}." if inner else ""
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
        found = self.paths(entity, "enum") + (self.paths(_entity(inner), "enum", inner) if inner else [])
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
            return f"({self.pick(self.paths(_entity(over), 'number', over))} {self.pick(COMPARISONS)} 0)"
        own = self.paths(_entity(over), kind, over)
        return self.pick(own) if own else f"({self.pick(self.paths(_entity(over), 'number', over))} * {value})"

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


# -- definitions ------------------------------------------------------------------------------


def _table(writer: Writer, name: str) -> list[str]:
    """Rows of one of the shapes of table; its arguments are ``k`` and ``x``, or ``x`` and ``w``."""
    rows: list[str]
    points = writer.draw(st.lists(st.sampled_from(["0", "0.3", "1", "2", "10", "0.1"]), min_size=2, max_size=4,
                                  unique=True))  # fmt: skip
    values = [writer.pick(CONSTANTS) for _ in range(12)]
    writer.arguments = ["x"]
    if writer.chance(3):
        values[0] = writer.expression("number", "", depth=2)
    writer.arguments = []
    if name.startswith("by_name"):
        if writer.chance(2):
            bounds = ["0", *(p for p in points if p != "0"), *(["infinite"] if writer.chance(3) else [])]
            rows = [f"| {g} | {b} | {writer.pick(['0.1', '2%', '0.3'])} |" for g in ("A", "other") for b in bounds]
            return [f"table {name}(k, x: number):", "| k = | x >= | v marginal |", *rows]
        operator = writer.pick([">=", ">", "<=", "<"])
        keys = [(g, b) for g in ("A", writer.pick(["B", "other"])) for b in points]
        rows = [f"| {g} | {b} | {v} |" for (g, b), v in zip(keys, values, strict=False)]
        return [f"table {name}(k, x: number):", f"| k = | x {operator} | v |", *rows]
    outside = writer.pick(["flat", "extended", "unknown"])
    if writer.chance(2):
        rows = [f"| {b} | {v} |" for b, v in zip(points, values, strict=False)]
        return [f"table {name}(x: number, w: number) {outside} outside:", "| x ~ | v |", *rows]
    keys = [(a, b) for a in points[:3] for b in ("0", "1")]
    rows = [f"| {a} | {b} | {v} |" for (a, b), v in zip(keys, values, strict=False)]
    return [f"table {name}(x: number, w: number) {outside} outside:", "| x ~ | w ~ | v |", *rows]


def _curve(writer: Writer, name: str) -> list[str]:
    method = writer.pick(["linear", "step", "smooth", "logarithmic", "formula"])
    if method == "formula":
        writer.arguments = ["x"]
        body = writer.expression("number", "", depth=2)
        writer.arguments = []
        return [f"curve {name}(x: number) = {body}"]
    pool = ["0.1", "0.3", "1", "2", "10"] + ([] if method == "logarithmic" else ["0", "-1"])
    xs = sorted(writer.draw(st.lists(st.sampled_from(pool), min_size=2, max_size=5, unique=True)), key=float)
    rows = [f"| {x} | {writer.pick(['0', '1', '0.3', '2', '-1', '10'])} |" for x in xs]
    outside = writer.pick(["flat", "extended", "unknown"])
    return [f"curve {name}(x: number) {method}, {outside} outside:", "| x | y |", *rows]


def _entity(inner: str) -> str:
    """The entity of an aggregate's rows, of the path that leads to them."""
    return inner.split(".")[-1]


def _tiers(writer: Writer) -> list[str]:
    close = [writer.pick(["0%", "10%", "100%"]) for _ in range(4)]
    close[2] = writer.expression("number", "account", depth=2)
    numbers = writer.paths("account", "number")
    own = [p for p in numbers if "." not in p and "?" not in p]
    if writer.chance(2):
        down = writer.chance(2)
        bounds = ["1", "0.3", "0.1"] if down else ["0.1", "0.3", "1"]
        operator = writer.pick([">=", ">"] if down else ["<=", "<"])
        head = f"| {writer.pick(own)} {operator} | tier | close : ratio in 0% to 100% |"
    else:
        bounds = [
            f"{path} {writer.pick(COMPARISONS)} {writer.expression('number', 'account', depth=1)}"
            for path in writer.draw(st.lists(st.sampled_from(numbers), min_size=2, max_size=2, unique=True))
        ]
        head = "| when | tier | close : ratio in 0% to 100% |"
    labels = ["fine", "watch", "trim"]
    rows = [f"| {b} | {label} | {c} |" for b, label, c in zip(bounds, labels, close, strict=False)]
    return ["tiers account:", head, *rows, f"| other | shut | {close[3]} |", "| unknown | hold | 0% |"]


@st.composite
def cases(draw: DrawFn, solves: bool = False) -> Case:
    """A policy that mostly compiles, and a book that it can be run on. ``solves``: with formulas ``s0``, ... that
    solve, of numbers that are mostly straight, and that nothing reads."""
    writer = Writer(draw, {(e, n): s.kind for e, c in INPUTS.items() for n, s in c.items() if s.kind not in INPUTS})
    lines = ["param p : number in -10 to 100 = 2", "param q : ratio in 0 to 1 = 30%"]
    writer.params = ["p", "q"]
    blocks: list[list[str]] = []
    for i in range(draw(st.integers(0, 2))):
        name = f"{writer.pick(['by_name', 'by_size'])}_{i}"
        blocks.append(_table(writer, name))
        writer.tables.append(name)
    for i in range(draw(st.integers(0, 2))):
        blocks.append(_curve(writer, f"curve_{i}"))
        writer.curves.append(f"curve_{i}")
    if writer.chance(2):
        writer.arguments, kept = ["u", "w"], writer.tables
        writer.tables = []
        lines.append(f"let blend(u: number, w: number) = {writer.expression('number', '', depth=2)}")
        writer.arguments, writer.tables = [], kept
        writer.functions.append("blend")
    writer.straight = solves and not writer.chance(4)
    formulas = _formulas(draw, writer)
    tiers = _tiers(writer)
    writer.columns["account", "close"] = "number"
    if solves:
        _solves(writer, formulas)
    checks = [
        f'check "each" on account: {writer.expression("flag", "account", depth=2)}',
        f'check warn "all" : {writer.aggregate("flag", "")}',
    ]
    statements = [[_entities(formulas, writer.groups)], *blocks, tiers]
    if solves:
        shocks = ["market.mark becomes mark * (1 - move)", "account.cash becomes cash * (1 + move / 2) - 1 USD"]
        statements.append(["scenario fall(move: ratio):", *shocks])
    text = "\n".join(
        "\n  ".join(lines) for lines in [['policy "random"'], ["unit USD"], *([x] for x in lines), *statements]
    )
    return Case("\n".join([text, *checks, ""]), _book(draw, text))


NOTIONAL = ("USD", "size * market.mark")
# by entity: what is solved for, and the kind and text of something that follows from it
TARGETS = {
    "position": [
        ("market.mark", *NOTIONAL), ("market.mark", *NOTIONAL), ("size", *NOTIONAL),
        ("account.cash", "USD", "account.cash"),
        ("rate", "number", "rate"), ("market.vol", "number", "market.vol"), ("system.pool", "USD", "system.pool"),
        ("fall.move", *NOTIONAL),
    ],
    "account": [
        ("cash", "USD", "cash"), ("score", "number", "score"), ("desk.weight", "number", "desk.weight"),
        ("system.pool", "USD", "system.pool"), ("fall.move", "USD", "sum(position.size * position.market.mark)"),
    ],
    "market": [
        ("mark", "USD", "sum(position.size * position.market.mark via market)"), ("vol", "number", "vol"),
        ("fall.move", "USD", "sum(position.size * position.market.mark via hedge)"),
    ],
    "system": [("pool", "USD", "pool"), ("fall.move", "USD", "sum(account.cash)")],
}  # fmt: skip


def _solves(writer: Writer, formulas: dict[str, list[str]]) -> None:
    """Formulas that solve for a number which their condition depends on."""
    for i in range(writer.draw(st.integers(1, 3))):
        entity = writer.pick(["position", "position", "account", "market", "system"])
        target, kind, follows = writer.draw(st.sampled_from(TARGETS[entity]))
        known = [p for p in writer.paths(entity, kind) if p.rsplit(".", 1)[-1].startswith("f")]
        other = writer.pick(known) if known and writer.chance(2) else writer.expression(kind, entity, depth=2)
        left = writer.pick(["{} + {}", "{} - {}", "max({}, {})", "min({}, 2 * {})", "abs({}) + {}"])
        left = left.format(follows, other)
        condition = f"{left} {writer.pick(COMPARISONS)} {writer.expression(kind, entity, depth=1)}"
        if writer.chance(5):
            condition = f"{condition} {writer.pick(['and', 'or'])} {writer.expression('flag', entity, depth=1)}"
        formulas[entity].append(f"s{i} = solve({target} until {condition})")


def _formulas(draw: DrawFn, writer: Writer) -> dict[str, list[str]]:
    """Formulas by entity, in an order in which each reads only what is there."""
    entities = ["account", "account", "position", "position", "market", "desk", "system"]
    found: dict[str, list[str]] = {entity: [] for entity in INPUTS}
    count = draw(st.integers(3, 9))
    grouped = draw(st.integers(0, 2 * count))
    for i in range(count):
        if i == grouped:
            _group(writer, "netting", "position", POSITION_KEYS)
            entities += ["netting", "netting"]
            if writer.chance(2):
                keys = {key.split(".")[-1] for key in writer.groups["netting"][:-1].split(" by ")[1].split(", ")}
                own = [(n, k) for n, k in NETTING_KEYS if n in keys]
                _group(writer, "tranche", "netting", own)
                entities.append("tranche")
            for name, header in writer.groups.items():
                found[name] = [f"members = count({header.split()[3]})"]
                writer.columns[name, "members"] = "number"
        entity = writer.pick(entities)
        if entity in ("account", "position", "netting") and writer.chance(5):
            found[entity].append(f"f{i} = {writer.drawn(entity)}")
            writer.columns[entity, f"f{i}"] = "USD"
            continue
        kind = writer.pick(["number", "number", "USD", "flag"])
        found[entity].append(f"f{i} = {writer.expression(kind, entity, depth=draw(st.integers(1, 4)))}")
        writer.columns[entity, f"f{i}"] = kind
    return found


# a group's possible keys: the path from its base, and the kind
POSITION_KEYS = [
    ("account", "account"), ("account", "account"), ("market", "market"), ("account.desk", "desk"), ("open", "flag"),
    ("market.grade", "enum"), ("account.region", "text"), ("account.vip", "flag"), ("market.listed", "date"),
    ("market.lag", "duration"), ("rate", "number"), ("market.vol", "number"), ("account.cash", "USD"),
]  # fmt: skip
NETTING_KEYS = [("account", "account"), ("market", "market"), ("desk", "desk"), ("grade", "enum"), ("region", "text")]


def _group(writer: Writer, name: str, base: str, keys: list[tuple[str, str]]) -> None:
    """A group by some of the keys, or by formulas written before it."""
    formulas = [(n, k) for (e, n), k in writer.columns.items() if e == base and n[1:].isdigit()]
    formulas += [
        (f"{e}.{n}", k) for (e, n), k in writer.columns.items() if e in ("account", "market") and n[1:].isdigit()
    ]
    keys = keys + [(n, k) for n, k in formulas if base == "position"]
    if not keys:
        keys = [(n, k) for (e, n), k in writer.columns.items() if e == base]
    chosen = writer.draw(
        st.lists(st.sampled_from(keys), min_size=1, max_size=3, unique_by=lambda key: key[0].split(".")[-1])
    )
    writer.groups[name] = f"entity {name} groups {base} by {', '.join(path for path, _ in chosen)}:"
    writer.links["position", name] = [("netting", "tranche")] if name == "tranche" else [("netting",)]
    writer.links[base, name] = [(name,)]
    writer.ways[name] = [(base, "")] if base == "position" else [(base, ""), ("position", "")]
    for path, kind in chosen:
        last = path.split(".")[-1]
        if kind not in INPUTS:
            writer.columns[name, last] = kind
            continue
        writer.links[name, kind] = [(last,)]
        writer.ways[kind].append((name, ""))
        if kind == "account":
            writer.ways[name] += [(f"account.{name}", ""), ("account.position", "")]
        if kind == "account" and "desk" not in writer.groups[name]:
            writer.links[name, "desk"] = [("account", "desk")]
            writer.ways["desk"].append((name, ""))
    writer.ways[base].append((f"{name}.{base}", ""))
    for whole in ("system", ""):
        writer.ways[whole].append((name, ""))


def _entities(formulas: dict[str, list[str]], groups: dict[str, str]) -> str:
    lines = []
    for entity, inputs in INPUTS.items():
        lines.append(f"entity {entity}{' once' if entity == 'system' else ''}:")
        lines += ["  unit asset"] if entity == "market" else []
        lines += [f"  {name} : {spec.type}" for name, spec in inputs.items()]
        lines += [f"  {formula}" for formula in formulas[entity]]
    for name, header in groups.items():
        lines += [header, *(f"  {formula}" for formula in formulas[name])]
    return "\n".join(lines)


def drawn_through(link: str, text: str) -> bool:
    return re.search(rf"draw\([^:]*\b{link}\.", text) is not None


# -- books ------------------------------------------------------------------------------------


def _book(draw: DrawFn, text: str) -> dict[str, dict[str, list[str]]]:
    sizes = {"market": (1, 3), "desk": (1, 2), "account": (1, 4), "position": (0, 7), "system": (1, 1)}
    counts = {entity: draw(st.integers(*limits)) for entity, limits in sizes.items()}
    faulty = draw(st.booleans())
    loose = {
        link
        for link in ("hedge", "market", "parent")
        if f"via {link}" not in text
        and not drawn_through(link, text)
        and not (link == "market" and "by " in text and draw(st.booleans()))
    }  # orphans of others stop the run
    tables: dict[str, dict[str, list[str]]] = {}
    for entity, inputs in INPUTS.items():
        rows = counts[entity]
        columns = {} if entity == "system" else {entity: [f"{entity[0]}{i}" for i in range(rows)]}
        for name, spec in inputs.items():
            columns[name] = draw(
                st.lists(_cell(entity, name, spec, counts, faulty, name in loose), min_size=rows, max_size=rows)
            )
        tables[entity] = columns
    return tables


def _cell(entity: str, name: str, spec: Spec, counts: dict[str, int], faulty: bool, loose: bool) -> SearchStrategy[str]:
    good = list(spec.good)
    if (entity, name) in LINKS:
        good = [f"{spec.kind[0]}{i}" for i in range(counts[spec.kind])]
    blank = [""] if spec.optional else []
    bad = ["nowhere"] if loose else list(spec.bad)
    kept = st.sampled_from(good + blank)
    if not faulty or not bad:
        return kept
    return st.integers(0, 11).flatmap(lambda i: st.sampled_from(bad) if i == 11 else kept)
