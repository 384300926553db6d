"""Small random books: every cell allowed, drawn near the figures that decide something. Many of them as one book."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from random import Random

from dsl import model
from dsl.model import Interval, Kind, Value
from dsl.records import dataclass
from dsl.text import decimal_text
from dsl.tree import children
from evaluator.book import Book
from evaluator.literals import iso, seconds_of
from evaluator.needs import expressions
from evaluator.snapshot import book_of

DIGITS = 12  # that a drawn number has at most
Row = dict[str, str | None]  # a cell's text by column, the key under the entity's name; None for blank
World = dict[str, list[Row]]

_DAY = 86400


@dataclass(frozen=True, slots=True)
class Figures:
    """What a policy compares with: its numbers in order, its texts, and the entities whose keys it looks at."""

    numbers: tuple[Fraction, ...]
    texts: tuple[str, ...]
    keyed: frozenset[str]


def figures(policy: model.Policy) -> Figures:
    """Every constant of the policy's expressions, tables and curves, and the params' values."""
    numbers: set[Fraction] = {Fraction(0), Fraction(1)}
    texts: dict[str, None] = {}
    keyed: set[str] = set()
    for expr in expressions(policy):
        if isinstance(expr, model.TableCall | model.Compare):
            keyed |= {part.type.entity for part in children(expr) if part.type.kind is Kind.LINK}
        if isinstance(expr, model.Const) and expr.type.kind in (Kind.NUMBER, Kind.TEXT):
            if isinstance(expr.value, Fraction):
                numbers.add(expr.value)
            elif isinstance(expr.value, str):
                texts[expr.value] = None
    for table in policy.tables.values():
        for row in table.rows:
            texts |= {cell: None for cell in row.keys if isinstance(cell, str)}
    for param in policy.params.values():
        numbers |= {v for v in (param.value, *(d.value for d in param.versions)) if isinstance(v, Fraction)}
    return Figures(tuple(sorted(numbers)), tuple(texts)[:50], frozenset(keyed))


class Worlds:
    """Draws worlds for one policy: ``on`` has one row (or some, where it is None), the others some."""

    def __init__(self, policy: model.Policy, on: str | None, as_of: datetime | None, seed: str) -> None:
        self.policy, self.on, self.as_of = policy, on, as_of
        self.random = Random(seed)
        self.figures = figures(policy)

    # -- rows -------------------------------------------------------------------------------------

    def world(self) -> World:
        counts = self._counts()
        keys = {name: self._keys(name, count) for name, count in counts.items()}
        return {
            name: [self._row(entity, i, keys) for i in range(counts[name])]
            for name, entity in self.policy.entities.items()
            if name in counts
        }

    def _counts(self) -> dict[str, int]:
        """Rows by entity: what others link to has at least one, so that there is something to link to."""
        targets = {t for e in self.policy.entities.values() for t in e.links.values()}
        counts = {}
        for name, entity in self.policy.entities.items():
            if entity.groups is not None:
                continue  # its rows come from its members
            if entity.once or name == self.on:
                counts[name] = 1
            else:
                counts[name] = self.random.choice((1, 1, 2) if name in targets else (0, 1, 1, 2, 3))
        return counts

    def _keys(self, entity: str, count: int) -> list[str]:
        named = [t for t in self.figures.texts if t] if entity in self.figures.keyed else []
        chosen = self.random.sample(named, min(count, len(named))) if self.random.random() < 0.7 else []
        return [chosen[i] if i < len(chosen) else f"{entity[0]}{i + 1}" for i in range(count)]

    def _row(self, entity: model.Entity, number: int, keys: Mapping[str, Sequence[str]]) -> Row:
        row: Row = {} if entity.once else {entity.name: keys[entity.name][number]}
        for made in entity.given.values():
            row[made.name] = self._cell(made, keys)
            if made.fresh is not None and self.as_of is not None:
                row[f"{made.name}_at"] = self.as_of.isoformat()
        return row

    def _cell(self, made: model.Input, keys: Mapping[str, Sequence[str]]) -> str | None:
        if made.optional and self.random.random() < 0.3:
            return None
        match made.type.kind:
            case Kind.LINK:
                return self.random.choice(keys[made.type.entity])
            case Kind.FLAG:
                return self.random.choice(("yes", "no"))
            case Kind.ENUM:
                return self.random.choice(made.type.labels)
            case Kind.TEXT:
                return self.random.choice((*self.figures.texts, "x"))
            case Kind.DATE:
                return iso(self.instant(made.domain))
        return decimal(self.number(made.domain))

    # -- values -----------------------------------------------------------------------------------

    def params(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Values of all params, each within its range or, where it is drawn so, as it is."""
        found = dict(values)
        for name, param in self.policy.params.items():
            if self.random.random() < 0.7:
                match param.type.kind:
                    case Kind.NUMBER:
                        found[name] = self.number(param.domain)
                    case Kind.DATE:
                        found[name] = self.instant(param.domain)
                    case Kind.FLAG:
                        found[name] = self.random.random() < 0.5
                    case Kind.ENUM:
                        found[name] = self.random.choice(param.type.labels)
        return found

    def number(self, domain: Interval | None) -> Fraction:
        """A short decimal in the domain: a bound, a figure of the policy, or any of an ordinary size."""
        domain = domain or Interval()
        for _ in range(8):
            value = self._any(domain)
            if domain.holds(value):
                return value
        return inside(domain)

    def _any(self, domain: Interval) -> Fraction:
        pick, rng = self.random.random(), self.random
        low, high = (x if isinstance(x, Fraction) else None for x in (domain.low, domain.high))
        bounds = [x for x in (low, high) if x is not None]
        if pick < 0.1 and bounds:
            return rng.choice(bounds)
        if pick < 0.3:
            return rng.choice(self.figures.numbers)
        if low is not None and high is not None:
            return low + (high - low) * rng.randint(0, 40) / 40
        size = Fraction(rng.choice((1, 2, 3, 5, 7, 12, 25, 99))) * Fraction(10) ** rng.choice(
            (-3, -1, 0, 0, 1, 1, 2, 3, 4, 5, 6)
        )
        value = size if rng.random() < 0.7 or low is not None else -size
        if low is not None and low > 0:
            return low + value
        return -value if high is not None and high <= 0 else value

    def instant(self, domain: Interval | None) -> Fraction:
        now = seconds_of(self.as_of) if self.as_of is not None else Fraction(1_767_225_600)
        domain = domain or Interval()
        for _ in range(8):
            value = now + _DAY * self.random.choice((0, -1, 1, -7, -30, 30, -365, 365, -3650))
            if domain.holds(value):
                return value
        return inside(domain)


def inside(domain: Interval) -> Fraction:
    """Some value of a domain."""
    low, high = (x if isinstance(x, Fraction) else None for x in (domain.low, domain.high))
    if low is not None and high is not None:
        return low if low == high else (low + high) / 2
    if low is not None:
        return low + 1 if domain.low_open else low
    if high is not None:
        return high - 1 if domain.high_open else high
    return Fraction(0)


def decimal(value: Fraction, digits: int = DIGITS) -> str:
    return decimal_text(value, digits)


# -- many worlds as one book ------------------------------------------------------------------


def joined(policy: model.Policy, worlds: Sequence[World], as_of: datetime | None) -> Book:
    """One book of all the worlds' rows, world by world. Rows of different worlds may share a key: none leads astray."""
    tables: dict[str, dict[str, list[str | None]]] = {}
    plain: dict[str, list[str]] = {}
    for name, entity in policy.entities.items():
        if entity.groups is not None:
            continue
        columns = [*({} if entity.once else {name: None}), *entity.given]
        columns += [f"{i.name}_at" for i in entity.given.values() if i.fresh is not None and as_of is not None]
        keyed = {*entity.links, name}
        found: dict[str, list[str | None]] = {column: [] for column in columns}
        for number, world in enumerate(worlds[:1] if entity.once else worlds):
            for row in world[name]:
                for column, cells in found.items():
                    cell = row[column]
                    cells.append(f"{number}/{cell}" if column in keyed and cell is not None else cell)
        tables[name] = found
        plain[name] = [row[name] or "" for world in worlds for row in world[name]] if not entity.once else []
    book = book_of(policy, tables, as_of)
    return replace(book, tables={n: replace(t, keys=plain[n]) for n, t in book.tables.items()})


def isolated(policy: model.Policy) -> bool:
    """Whether rows of one world can't see another's: nothing is aggregated over whole entities, no group is shared."""
    whole = any(isinstance(e, model.Aggregate) and e.via is None for e in expressions(policy))
    shared = any(e.groups is not None and not _linked(policy, e.groups) for e in policy.entities.values())
    return not whole and not shared and not any(e.once for e in policy.entities.values())


def _linked(policy: model.Policy, grouping: model.Grouping) -> bool:
    """Whether a key is a link as given, so that rows of different worlds can't share a group."""
    return any(
        read.type.kind is Kind.LINK
        and (read.column == read.entity or read.column in policy.entities[read.entity].inputs)
        for _, read in grouping.keys
    )
