"""Why a row is not in another tier: what decided, by how much it misses, and the nearest change of one input cell."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor, log10

from dsl import model
from dsl.model import Kind, Value
from dsl.records import dataclass
from dsl.slice import keyed
from dsl.text import decimal_text
from evaluator.asserted import Part, part
from evaluator.book import Book
from evaluator.columns import KNOWN, Column
from evaluator.explain_step import Step
from evaluator.explain_tiers import name_of
from evaluator.origins import describe_origin
from evaluator.places import At
from evaluator.reference import Reference
from evaluator.run import evaluate
from evaluator.texts import row_of

MOST_CELLS = 16  # that are tried
STEPS = tuple(Fraction(n, 100) for n in (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 200, 400, 900))  # of the cell's value
HALVINGS = 40
DIGITS = 8  # at most, of a change


@dataclass(frozen=True, slots=True)
class Miss:
    """One bound between the row and the tier: ``variable`` is ``value`` and has to come to ``bound``, by ``gap``."""

    variable: str
    value: float
    bound: float
    gap: float
    relative: float | None
    unit: str
    shown: str
    word: str  # how the variable has to stand to the bound: `at or above`, ...


@dataclass(frozen=True, slots=True)
class Change:
    """One cell of the snapshot with which the row would be in the tier: from ``before`` to ``after``, as written."""

    entity: str
    key: str
    column: str
    file: str
    before: str
    after: str
    relative: float | None


@dataclass(frozen=True, slots=True)
class Stands:
    """A condition of the tiers that stands between: a row above that holds, or the tier's own that doesn't."""

    label: str
    line: int
    holds: bool
    condition: Part


@dataclass(frozen=True, slots=True)
class WhyNot:
    """``tier`` is the one asked about, ``taken`` the row's own. ``because``: what is unknown, or that nothing is.

    One ``miss`` where the tiers go by bounds, else the conditions that stand between.
    """

    tier: str
    taken: str
    because: str
    miss: Miss | None
    stands: tuple[Stands, ...]
    changes: tuple[Change, ...]


def why_not(
    policy: model.Policy, book: Book, params: Mapping[str, Value], entity: str, row: int, label: str, seen: Step
) -> WhyNot:
    """``seen``: the step of the row's tier, whose cells are tried."""
    reference = Reference(policy, book, params)
    tiers = policy.tiers[entity]
    taken, why = reference.tier_row(entity, row)
    own = tiers.rows[taken].label
    wanted = [i for i, r in enumerate(tiers.rows) if r.label == label]
    if own == label:
        return WhyNot(label, own, "", None, (), ())
    if why is not None:
        because = describe_origin(policy, book, why.code).text
        return WhyNot(label, own, because, None, (), ())
    at = min(wanted, key=lambda i: abs(i - taken))
    if tiers.rows[at].row == "unknown":
        return WhyNot(label, own, "nothing that decides its tier is unknown", None, (), ())
    miss = _miss(reference, tiers, row, taken, at) if tiers.operator else None
    stands = () if tiers.operator else tuple(_stands(reference, tiers, row, at))
    changes = tuple(_changes(policy, book, params, (entity, row), wanted, taken, seen))
    return WhyNot(label, own, "", miss, stands, changes)


def _miss(reference: Reference, tiers: model.Tiers, row: int, taken: int, at: int) -> Miss | None:
    """The nearest bound of the tier: its own where the number has yet to reach it, else the row above it."""
    assert tiers.variable is not None
    value = reference.evaluate(tiers.variable, tiers.entity, row)
    beyond = at < taken
    when = tiers.rows[at if beyond else at - 1].when
    bound = None if when is None else reference.evaluate(when, tiers.entity, row)
    if not isinstance(value, Fraction) or not isinstance(bound, Fraction):
        return None
    words = {">=": "at or above", ">": "above", "<=": "at or below", "<": "below"}
    passed = {">=": "below", ">": "at or below", "<=": "above", "<": "at or above"}
    word = (words if beyond else passed)[tiers.operator or ">="]
    type_ = tiers.variable.type
    relative = float((bound - value) / abs(value)) if value else None
    unit = str(type_.unit or "")
    return Miss(
        name_of(tiers.variable), float(value), float(bound), float(bound - value), relative, unit, type_.shown, word
    )


def _stands(reference: Reference, tiers: model.Tiers, row: int, at: int) -> Iterator[Stands]:
    """The rows above the tier that hold, and its own condition where that doesn't."""
    place = At(tiers.entity, row)
    for tier in tiers.rows[: at + 1]:
        if tier.when is None:
            continue
        holds = reference.evaluate(tier.when, tiers.entity, row) is True
        if holds is not (tier is tiers.rows[at]):
            yield Stands(tier.label, tier.span.line, holds, part(reference, tier.when, place))


# -- the nearest change of one cell ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cell:
    entity: str
    row: int
    key: str
    column: str
    file: str
    value: Fraction
    written: str


def _changes(
    policy: model.Policy, book: Book, params: Mapping[str, Value], of: tuple[str, int], wanted: list[int], taken: int,
    seen: Step,
) -> list[Change]:  # fmt: skip
    """Each cell by whose change alone the row comes into the tier, the least change first; confirmed by an evaluation
    of the whole book. Looked for in steps of the cell's value, both ways, then by bisection."""
    found: list[tuple[Fraction, Change]] = []
    if any(step.kind == "until" for step in _all(seen)):  # it would have to be found anew with each change
        return []
    for cell in list(_cells(policy, book, seen))[:MOST_CELLS]:

        def tier(value: Fraction, cell: _Cell = cell) -> int:
            changed = with_cell(book, cell.entity, cell.column, cell.row, value)
            row, why = Reference(policy, changed, params).tier_row(*of)
            return -1 if why is not None else row

        value = _nearest(tier, cell.value, wanted, taken, policy.entities[cell.entity].inputs[cell.column].domain)
        if value is None or not _confirmed(policy, book, params, of, wanted, cell, value):
            continue
        share = abs(value - cell.value) / abs(cell.value) if cell.value else Fraction(10**9)
        relative = float((value - cell.value) / abs(cell.value)) if cell.value else None
        change = Change(cell.entity, cell.key, cell.column, cell.file, cell.written, decimal_text(value, 40), relative)
        found.append((share, change))
    return [change for _, change in sorted(found, key=lambda pair: pair[0])]


def _cells(policy: model.Policy, book: Book, step: Step) -> Iterator[_Cell]:
    """The known numbers of the snapshot that a step comes from, each once."""
    met: set[tuple[str, str, str]] = set()
    deciding = keyed(policy)
    for one in _all(step):
        place = (one.entity, one.key, one.name)
        if one.kind != "input" or one.value is None or place in met or one.entity not in policy.entities:
            continue
        met.add(place)
        made, table = policy.entities[one.entity].inputs.get(one.name), book.tables[one.entity]
        if made is not None and made.type.kind is Kind.NUMBER and (one.entity, one.name) not in deciding:
            row = 0 if policy.entities[one.entity].once else row_of(table.keys, one.key)
            assert row is not None
            value = table.exact(one.name, row)
            if isinstance(value, Fraction):  # and not infinite
                yield _Cell(one.entity, row, one.key, one.name, table.path, value, table.written(one.name, row).strip())


def _all(step: Step) -> Iterator[Step]:
    """A step and all it comes from, the nearest first."""
    waiting = [step]
    while waiting:
        one = waiting.pop(0)
        waiting += one.parts
        yield one


def _nearest(
    tier: Callable[[Fraction], int], value: Fraction, wanted: list[int], taken: int, domain: model.Interval | None
) -> Fraction | None:
    best: Fraction | None = None
    size = abs(value) or Fraction(1)
    for sign in (1, -1):
        before = value
        side = _side(taken, wanted)
        for step in STEPS:
            here = value + sign * step * size
            if domain is not None and not domain.holds(here):
                break
            there = _side(tier(here), wanted)
            if there == 0 or there != side:
                found = _between(tier, value, (before, here), wanted)
                if found is not None and (best is None or abs(found - value) < abs(best - value)):
                    best = found
                break
            before = here
    return best


def _side(taken: int, wanted: list[int]) -> int:
    """Above the tier's rows, in them, or below; what is unknown counts as above."""
    return 0 if taken in wanted else -1 if taken < wanted[0] else 1


def _between(
    tier: Callable[[Fraction], int], origin: Fraction, ends: tuple[Fraction, Fraction], wanted: list[int]
) -> Fraction | None:
    """The value nearest to the first end that bisection finds, as a short decimal; None where it jumps over the tier.

    ``origin``: the cell's value as it is.
    """
    start, end = ends
    side = _side(tier(start), wanted)
    out, inside = start, end if tier(end) in wanted else None
    limit = end
    for _ in range(HALVINGS):
        middle = (out + (limit if inside is None else inside)) / 2
        there = _side(tier(middle), wanted)
        if there == 0:
            inside = middle
        elif there == side:
            out = middle
        elif inside is None:
            limit = middle
    if inside is None:
        return None
    return _short(tier, origin, inside, wanted)


def _short(tier: Callable[[Fraction], int], origin: Fraction, inside: Fraction, wanted: list[int]) -> Fraction:
    """A value a little beyond one in the tier that is plainer to read, if it is in the tier too."""
    change = abs(inside - origin)
    first = floor(log10(float(change))) if float(change) > 0 else 0
    for place in range(first - 1, first - DIGITS, -1):  # away from where it is, by ever finer steps
        step: Fraction = Fraction(10) ** place
        rounded = (ceil(inside / step) if inside > origin else floor(inside / step)) * step
        if abs(rounded - inside) <= change / 50 and tier(rounded) in wanted:
            return rounded
    return inside


def _confirmed(
    policy: model.Policy, book: Book, params: Mapping[str, Value], of: tuple[str, int], wanted: list[int], cell: _Cell,
    value: Fraction,
) -> bool:  # fmt: skip
    """Whether the whole book, evaluated with the cell so, has the row in the tier."""
    entity, row = of
    bare = replace(policy, checks=(), tests=(), laws=())
    found = evaluate(bare, with_cell(book, cell.entity, cell.column, cell.row, value), params)
    tiers = policy.tiers[entity]
    label = tiers.labels[int(found.columns[entity]["tier"].values[row])]
    return label == tiers.rows[wanted[0]].label


def with_cell(book: Book, entity: str, column: str, row: int, value: Fraction) -> Book:
    """The book with another number in one cell."""
    table = book.tables[entity]
    old = table.columns[column]
    values, quality = old.values.copy(), None if old.quality is None else old.quality.copy()
    values[row] = float(value)
    if quality is not None:
        quality[row] = KNOWN
    before, text = table.written, decimal_text(value, 400)

    def written(name: str, number: int) -> str:
        return text if (name, number) == (column, row) else before(name, number)

    columns = {**table.columns, column: Column(values, quality)}
    long = table.long | {column} if len(text) > 15 else table.long
    changed = replace(table, columns=columns, written=written, long=long)
    return replace(book, tables={**book.tables, entity: changed})
