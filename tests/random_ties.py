"""Random policies over cells that tie: what is exactly zero, or exactly on a bound, and isn't where floats compute it.

Hypothesis draws all kinds of policies, hardly any of whose decisions are close. Here every formula is made of parts
such as `a * 3 - b` over cells like 0.1 and 0.3, through whatever sizes of errors are carried, and asked for its sign.
"""

from random import Random

Tables = dict[str, dict[str, list[str]]]
TRIPLES = [
    ("0.1", "0.3", "0.4"), ("0.1", "0.2", "0.3"), ("0.7", "2.1", "2.8"), ("1.1", "3.3", "4.4"), ("0.3", "0.9", "1.2"),
    ("3", "9", "12"), ("0", "0", "0"), ("-0.1", "-0.3", "-0.4"), ("0.2", "0.6", "0.8"), ("2.3", "6.9", "9.2"),
]  # fmt: skip
HUGE = ("1e9", "3e9", "4e9")
ACCOUNT = ["a", "b", "c", "a * 3 - b", "a + b - c", "a * b", "1", "0.3", "sx", "d", "sx - c", "d - a"]
POSITION = ["x", "y", "d", "account.a", "account.d", "x * 3 - y", "x - account.a", "account.a * 3 - y", "1"]
SIGNS = ["!=", ">", "<", ">=", "<=", "="]
END = """
curve line(v: ratio) linear, flat outside:
  | v | s |
  | -0.3 | 0.3 |
  | 0 | 0 |
  | 0.3 | 0.2 |
  | 2.1 | 1.1 |
curve steps(v: ratio) step, flat outside:
  | v | s |
  | -0.3 | 0.3 |
  | 0 | 0.1 |
  | 0.3 | 0.2 |
table fees(v: ratio):
  | v >= | fee |
  | -infinite | 0.1 |
  | 0 | 0.3 |
  | 0.3 | 0 |
"""
TIERS = """
tiers account:
  | sx >= | tier | close |
  | 1.2 | ok | 0% |
  | 0.6 | watch | 0% |
  | 0.3 | trim | 10% |
  | other | shut | 100% |
  | unknown | hold | 0% |
"""


class _Entity:
    """Formulas of one entity: of what is there, ``b`` to divide by, and conditions to branch by."""

    def __init__(self, random: Random, leaves: list[str], divisor: str, conditions: list[str]) -> None:
        self.random, self.leaves, self.divisor, self.conditions = random, list(leaves), divisor, list(conditions)

    def formula(self, depth: int) -> str:
        random, more = self.random, depth - 1
        if depth <= 0 or random.random() < 0.12:
            return f"({random.choice(self.leaves)})"
        one, other = self.formula(more), self.formula(more)
        b, factor = self.divisor, random.choice(["2", "0.5", "-1", "0.1", "-0.7"])
        return random.choice([
            f"({one} + {other})", f"({one} - {other})", f"(0 - {one})", f"{one} * {other}", f"{one} * {factor}",
            f"{one} / 3", f"{one} / max(abs({b}), 0.1)", f"max({one}, {other})", f"min({one}, {other})", f"abs({one})",
            f"(-{one})", f"clamp({one}, -5, 5)", f"line({one})", f"steps({one})", f"fees({one})", f"{one} * {other}",
            f"(if {random.choice(self.conditions)} then {one} else {other})", f"({one} - {other})",
        ])  # fmt: skip

    def decision(self, *then: str) -> str:
        """1 or 2 (or as ``then`` has it), by a condition that may be close."""
        against = self.random.choice(["0", "0", "0", "0.3", "1", self.formula(1)])
        condition = f"{self.formula(self.random.randint(1, 4))} {self.random.choice(SIGNS)} {against}"
        return f"if {condition} then {then[0] if then else 1} else {then[1] if then else 2}"


def policy(random: Random) -> str:
    def sign() -> str:
        return random.choice(
            ["", " >= 0"]
        )  # negative cells are unknown then, and sums have no other sizes than their own

    account = _Entity(random, ACCOUNT, "b", ["f", "not f", "a > 0", "b >= 0.3"])
    position = _Entity(random, POSITION, "y", ["f", "account.f", "x > 0", "y >= 0.3"])
    own = [f"a : ratio{sign()}", f"b : ratio{sign()}", "c : ratio", "f : flag", "sx = sum(position.x)"]
    own += ["d = sum(position.d)", "sz = sum(position.z)"]
    members = ["account : account", "x : ratio", f"y : ratio{sign()}", "f : flag"]
    members += [f"d = {random.choice(['x * 3 - y', 'x - y', 'x * y', 'x'])}"]
    for name in random.sample(["e0", "e1", "e2"], random.randint(0, 2)):
        own.append(f"{name} = {account.formula(3)}")
        account.leaves.append(name)
    own += [f"r{i} = {account.decision()}" for i in range(random.randint(1, 4))]
    own += [f"v0 = if f then {account.decision()} else 3", f"v1 = if f then 3 else {account.decision()}"]
    members += [f"p{i} = {position.decision()}" for i in range(random.randint(1, 3))]
    members += [f"z = {position.formula(3)}"]
    own += [f"rz = if sz {random.choice(SIGNS)} {random.choice('0ac')} then 1 else 2"]
    lines = ["entity account:", *(f"  {one}" for one in own), "entity position:", *(f"  {one}" for one in members)]
    return "\n".join(['policy "ties"', "unit USD", *lines]) + END + random.choice([TIERS, ""])


def tables(random: Random) -> Tables:
    count, many, alike = random.randint(2, 10), random.randint(2, 30), random.random() < 0.3

    def flags(rows: int) -> list[str]:
        return ["yes" if alike else random.choice(["yes", "no"]) for _ in range(rows)]

    cells, inner = random.choices(TRIPLES, k=count), random.choices(TRIPLES, k=many)
    cells[0] = random.choice([cells[0], cells[0], HUGE])
    return {
        "account": {
            "account": [f"a{i}" for i in range(count)],
            **{name: [cell[i] for cell in cells] for i, name in enumerate("abc")},
            "f": flags(count),
        },
        "position": {
            "position": [f"p{i}" for i in range(many)],
            "account": [f"a{random.randrange(count)}" for _ in range(many)],
            **{name: [cell[i] for cell in inner] for i, name in enumerate("xy")},
            "f": flags(many),
        },
    }
