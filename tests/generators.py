"""Random policies, as text, and books for them, as cells: typed, and drawn towards ties, zeros and faulty cells.

Every formula reads only columns written before it, so there are no circles. Values and constants come from one small
pool, so that the two sides of a comparison are often equal, and sums of decimals like 0.1 tie, but not in binary.
"""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.generated_books import AS_OF, INPUTS, book
from tests.generated_expressions import COMPARISONS, CONSTANTS, Writer


@dataclass
class Case:
    """A policy's text and its book: entity, column, cells."""

    text: str
    tables: dict[str, dict[str, list[str]]]
    as_of: str = AS_OF

    def __repr__(self) -> str:
        return f"{self.text}\n{self.tables}"


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
    return Case("\n".join([text, *checks, ""]), book(draw, text))


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
