"""Makes a counterexample small: fewer rows, plainer cells, params as they are, as long as the law stays broken."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from dsl import model
from dsl.model import Kind, Value, allows
from dsl.text import decimal_text
from evaluator import literals
from evaluator.laws_aim import Probes, number_at, secant, with_cell
from evaluator.laws_cases import Case, Trial
from evaluator.laws_worlds import Row, World, decimal

ROUNDS = 40  # at most; each makes the case smaller
Edit = Callable[[Case], Case]


def shrunk(trial: Trial, case: Case, defaults: Mapping[str, Value]) -> Case:
    """The smallest case found that breaks the law, ``case`` at worst."""
    case = _plain_params(trial, case, defaults)
    probes = Probes(trial)
    for _ in range(ROUNDS):
        smaller = _without_a_row(trial, case) or _plainer(trial, case) or _balanced(trial, probes, case)
        if smaller is None:
            return case
        case = smaller
    return case


def _plain_params(trial: Trial, case: Case, defaults: Mapping[str, Value]) -> Case:
    for names in (list(case.params), *([n] for n in case.params)):
        changed = {**case.params, **{n: defaults[n] for n in names}}
        if changed != case.params and trial.broken([tried := replace(case, params=changed)])[0]:
            case = tried
    return case


def _without_a_row(trial: Trial, case: Case) -> Case | None:
    tried = [
        replace(case, world=world)
        for name, rows in reversed(case.world.items())
        for i in range(len(rows))
        if (world := removed(trial, case.world, name, i)) is not None
    ]
    return next((c for c, broken in zip(tried, _all(trial, tried), strict=True) if broken), None)


def removed(trial: Trial, world: World, entity: str, number: int) -> World | None:
    """A world without a row and all that links to it; None where the law is about that row."""
    policy = trial.policy
    if policy.entities[entity].once:
        return None
    gone = {(entity, world[entity][number][entity])}
    while True:
        more = {
            (name, row[name])
            for name, rows in world.items()
            for row in rows
            for link, target in policy.entities[name].links.items()
            if (target, row.get(link)) in gone
        }
        if more <= gone:
            break
        gone |= more
    kept = {
        name: [row for row in rows if policy.entities[name].once or (name, row[name]) not in gone]
        for name, rows in world.items()
    }
    return None if trial.law.on is not None and not kept.get(trial.law.on, kept) else kept


def _plainer(trial: Trial, case: Case) -> Case | None:
    """As many cells as possible made plainer at once: those that may be one by one, then the most of them together."""
    turning = (trial.law.on, trial.moved) if case.turns else ()
    cells = [
        (name, i, column) for name, rows in case.world.items() for i, row in enumerate(rows) for column in row
        if column in trial.policy.entities[name].inputs and (name, column) != turning
    ]  # fmt: skip
    places: list[tuple[Edit, ...]] = [tuple(_edits(trial, case, *cell)) for cell in cells]
    places += [tuple(_turns(case, i)) for i in range(len(case.turns))]
    singles = [edit for edits in places for edit in edits]
    broken = iter(_all(trial, [edit(case) for edit in singles]))
    first = [next((e for e, ok in [(e, next(broken)) for e in edits] if ok), None) for edits in places]
    useful = [edit for edit in first if edit is not None]
    if not useful:
        return None
    prefixes = [case]
    for edit in useful:
        prefixes.append(edit(prefixes[-1]))
    kept = _all(trial, prefixes[1:])
    return prefixes[1 + max(i for i, ok in enumerate(kept) if ok)]


def _edits(trial: Trial, case: Case, name: str, number: int, column: str) -> Iterator[Edit]:
    """Plainer texts for a cell, the plainest first."""
    made = trial.policy.entities[name].inputs[column]
    before = case.world[name][number][column]
    if made.optional and before is not None:
        yield lambda c: _with(c, name, number, column, None)
    if before is None or made.type.kind is not Kind.NUMBER:
        return
    for text in plainer(before, made.domain):
        yield lambda c, text=text: _with(c, name, number, column, text)  # type: ignore[misc]


def _turns(case: Case, number: int) -> Iterator[Edit]:
    for text in plainer(case.turns[number], None):
        yield (
            lambda c, text=text: replace(  # type: ignore[misc]
                c, turns=(*c.turns[:number], text, *c.turns[number + 1 :])
            )
        )


def _with(case: Case, name: str, number: int, column: str, text: str | None) -> Case:
    rows: list[Row] = [*case.world[name]]
    rows[number] = {**rows[number], column: text}
    return replace(case, world={**case.world, name: rows})


def plainer(text: str, domain: model.Interval | None) -> list[str]:
    """Numbers that are plainer to read than one, in its domain."""
    value = literals.exact(text)
    tried = [Fraction(x) for x in (0, 1, 100, 10_000)] + [-v for v in (Fraction(1), Fraction(100))]
    tried += [Fraction(decimal_text(value, digits)) for digits in (1, 2, 3, 4, 6, 9)]
    if domain is not None:
        tried += [x for x in (domain.low, domain.high) if isinstance(x, Fraction)]
    allowed = [x for x in tried if allows(domain, x)]
    texts = dict.fromkeys(decimal_text(x) for x in allowed)
    return sorted((t for t in texts if burden(t) < burden(text)), key=burden)


def burden(text: str) -> tuple[int, int, int]:
    """How hard a number is to read: digits that count, then all of them, then its sign."""
    digits = text.lstrip("-").replace(".", "")
    return len(digits.strip("0")), len(digits), text.startswith("-")


def _balanced(trial: Trial, probes: Probes, case: Case) -> Case | None:
    """A smaller world whose own row has another number, such that what decides is where it was: both change at once."""
    on = trial.law.on
    if on is None or not probes.targets or not trial.isolated:
        return None
    own = [
        (on, 0, c) for c, made in trial.policy.entities[on].inputs.items()
        if made.type.kind is Kind.NUMBER and case.world[on][0][c] is not None
    ]  # fmt: skip
    smaller = [
        w for name, rows in case.world.items() for i in range(len(rows))
        if (w := removed(trial, case.world, name, i)) is not None
    ]  # fmt: skip
    smaller += [
        edit(case).world for name, rows in case.world.items() for i, row in enumerate(rows) for column in row
        if column in trial.policy.entities[name].inputs for edit in _edits(trial, case, name, i, column)
    ]  # fmt: skip
    tried = [(w, cell) for w in smaller for cell in own if w[on][0][cell[2]] is not None]
    if not tried:
        return None
    seconds = [with_cell(w, *cell, decimal(number_at(w, cell) + 1)) for w, cell in tried]
    name = next(iter(probes.targets))
    target = float(probes.values([case.world], case.params)[name][0])
    if not math.isfinite(target):
        return None
    first = probes.values([w for w, _ in tried], case.params)[name]
    second = probes.values(seconds, case.params)[name]
    cases = []
    for i, (world, cell) in enumerate(tried):
        ends = [number_at(world, cell), number_at(seconds[i], cell)]
        value = secant(ends, [float(first[i]), float(second[i])], target)
        made = trial.policy.entities[on].inputs[cell[2]]
        for digits in (3, 5, 7):
            rounded = None if value is None else Fraction(decimal(value, digits))
            if rounded is not None and allows(made.domain, rounded):
                cases.append(replace(case, world=with_cell(world, *cell, decimal(rounded))))
    cases = sorted((c for c in cases if _weight(c) < _weight(case)), key=_weight)
    return next((c for c, broken in zip(cases, _all(trial, cases), strict=True) if broken), None)


def _weight(case: Case) -> tuple[int, int, int]:
    """Rows, digits that count, all digits."""
    cells = [burden(text or "") for rows in case.world.values() for row in rows for text in row.values()]
    return sum(len(rows) for rows in case.world.values()), sum(b[0] for b in cells), sum(b[1] for b in cells)


def _all(trial: Trial, cases: Sequence[Case]) -> list[bool]:
    return trial.broken(cases) if cases else []
