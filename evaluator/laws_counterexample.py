"""A counterexample to a law, as a `test` to paste into the policy: given rows, and the values that break the law."""

import json
from collections.abc import Iterator, Mapping
from fractions import Fraction

from dsl import model
from dsl.causes import Cause
from dsl.model import Kind, Type, Value
from dsl.records import dataclass
from dsl.text import decimal_text, exact_text, value_text
from dsl.tree import walk
from evaluator import literals
from evaluator.book import Book
from evaluator.columns import Origin
from evaluator.laws_cases import Case, Trial
from evaluator.laws_worlds import World, joined
from evaluator.origins import describe_origin
from evaluator.places import Unknown
from evaluator.reference import Reference
from evaluator.run import evaluate

SHOWN = 12  # digits of an expected value

Said = tuple[str, list[str]]  # a row, `account a1`, and what is expected of it, `health = 80%`


@dataclass(frozen=True, slots=True)
class Counterexample:
    """``test``: one statement `test`, or one for each point of a shape; empty where no snapshot holds the values, which
    ``lines`` then tell. ``params``: those that must not be as they are, with their values; the test needs them so."""

    lines: tuple[str, ...]
    params: Mapping[str, str]
    test: str


def counterexample(policy: model.Policy, trial: Trial, case: Case, defaults: Mapping[str, Value]) -> Counterexample:
    changed = {n: v for n, v in case.params.items() if v != defaults[n] and n in _params(trial.policy)}
    params = {n: value_text(v, policy.params[n].type) for n, v in changed.items()}
    lines: list[str] = []
    texts = []
    for world in trial.worlds(_worst(trial, case)):
        state = _State(trial, world, case.params)
        found = [*state.values()]
        told = [f"{row}: " + ", ".join(values) for row, values in found if values]
        lines += [*told, *state.unknown()] or ["a book without rows"]
        if trial.real:
            texts.append(_test(policy, trial, world, found, state.unknown()))
    return Counterexample(tuple(lines), params, "\n".join(texts))


def _worst(trial: Trial, case: Case) -> Case:
    """A case with the turns that show the violation only."""
    from dataclasses import replace

    if trial.shape is None:
        return case
    [x], [y] = trial.moves([case])
    shown = trial.violation(trial.shape.word, x, y, case)
    return case if shown is None else replace(case, turns=tuple(case.turns[i] for i in shown))


def _params(policy: model.Policy) -> set[str]:
    from evaluator.needs import expressions

    return {e.name for e in expressions(policy) if isinstance(e, model.ParamRead)}


class _State:
    """One world, evaluated exactly."""

    def __init__(self, trial: Trial, world: World, params: Mapping[str, Value]) -> None:
        self.trial = trial
        solved = evaluate(trial.policy, joined(trial.policy, [world], trial.as_of), params)
        self.book: Book = solved.book
        self.reference = Reference(solved.policy, solved.book, params)
        claim = trial.law.claim
        parts = [claim.variable, claim.subject] if isinstance(claim, model.Shape) else list(walk(claim))
        self.reads = list(dict.fromkeys(p for p in parts if isinstance(p, model.Read)))

    def values(self) -> Iterator[Said]:
        """By row the known values that the law reads there, and the blanks."""
        for entity, made in self.trial.policy.entities.items():
            columns = [r.column for r in self.reads if r.entity == entity and r.column != entity]
            for row in range(self.book.tables[entity].rows):
                name = entity if made.once else f"{entity} {_key(self.book.tables[entity].keys[row])}"
                yield name, list(self._row(entity, dict.fromkeys(columns), row))

    def _row(self, entity: str, columns: Mapping[str, None], row: int) -> Iterator[str]:
        for column in columns:
            type_ = self.trial.policy.type_of(entity, column)
            made = self.trial.policy.entities[entity].inputs.get(column)
            value = self.reference.cell(entity, column, row)
            if isinstance(value, Unknown):
                if _blank(value):
                    yield f"not known({column})"
            elif type_.kind is Kind.NUMBER and made is not None and made.optional:
                yield f"{column} ?? 0 = {_expected(value, type_)}"
            elif type_.kind is not Kind.LINK and (made is None or not made.optional):
                yield f"{column} = {_expected(value, type_)}"

    def unknown(self) -> list[str]:
        """What the law reads and is unknown, with its cause."""
        found = []
        for entity in self.trial.policy.entities:
            columns = dict.fromkeys(r.column for r in self.reads if r.entity == entity)
            for row in range(self.book.tables[entity].rows):
                for column in columns:
                    value = self.reference.cell(entity, column, row)
                    if isinstance(value, Unknown) and not _blank(value):
                        because = describe_origin(self.reference.policy, self.reference.book, value.code).text
                        found.append(f"`{entity}.{column}` is unknown: {because}")
        law = self.trial.law
        if not found and not isinstance(law.claim, model.Shape):
            whole = self.reference.evaluate(law.claim, law.on or "", 0)
            if isinstance(whole, Unknown):
                because = describe_origin(self.reference.policy, self.reference.book, whole.code).text
                found.append(f"the law is unknown: {because}")
        return found


def _blank(value: Unknown) -> bool:
    return Origin.of(value.code).cause is Cause.BLANK


def _expected(value: object, type_: Type) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value if type_.kind is Kind.ENUM else json.dumps(value, ensure_ascii=False)
    assert isinstance(value, Fraction | float)
    return exact_text(value, type_, unit=False, digits=SHOWN)


# -- the test's text --------------------------------------------------------------------------


def _test(policy: model.Policy, trial: Trial, world: World, found: list[Said], unknown: list[str]) -> str:
    text = trial.law.text.replace('"', "'")
    lines = [f'test "against the law: {text}":']
    if trial.as_of is not None and policy.effective is None:
        lines.append(f"  given as_of {trial.as_of:%Y-%m-%d}")
    for name, rows in world.items():
        if rows and any(rows[0]):
            lines += _given(trial.policy.entities[name], rows)
    lines += [f"  # {line}" for line in unknown]
    expected = [(row, values) for row, values in found if values] or _inputs(trial.policy, world)
    if not expected:
        return ""
    lines += [f"  expect {row}: " + ", ".join(values) for row, values in expected]
    return "\n".join(lines) + "\n"


def _inputs(policy: model.Policy, world: World) -> list[Said]:
    """Something that a test can expect where nothing that the law reads is known: cells as given."""
    for name, rows in world.items():
        entity = policy.entities[name]
        for row in rows:
            for made in entity.inputs.values():
                cell = row[made.name]
                if made.type.kind is Kind.NUMBER and cell is not None and not made.optional:
                    value = exact_text(literals.exact(cell), made.type, unit=False, digits=400)
                    return [(name if entity.once else f"{name} {_key(row[name])}", [f"{made.name} = {value}"])]
    return []


def _given(entity: model.Entity, rows: list[dict[str, str | None]]) -> list[str]:
    """The rows of one entity, aligned; columns that are blank everywhere are left out."""
    shown = [c for c in rows[0] if not c.endswith("_at") or c in entity.inputs]
    shown = [c for c in shown if c == entity.name or any(row[c] is not None for row in rows)]
    table = [shown, *([_cell(entity, c, row[c]) for c in shown] for row in rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(shown))]
    padded = ["    | " + " | ".join(t.ljust(w) for t, w in zip(line, widths, strict=True)) + " |" for line in table]
    return [f"  given {entity.name}", *padded]


def _cell(entity: model.Entity, column: str, text: str | None) -> str:
    if text is None:
        return ""
    made = entity.inputs.get(column)
    if made is not None and made.type.kind is Kind.NUMBER:
        value = literals.exact(text)
        return decimal_text(value * 100, 400) + "%" if made.type.shown == "ratio" else decimal_text(value, 400)
    return _key(text) if made is None or made.type.kind in (Kind.LINK, Kind.TEXT) else text


def _key(text: str | None) -> str:
    return text or ""
