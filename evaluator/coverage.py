"""What tests and snapshots reach of a policy: rows of tiers and tables, parts of curves, ways through expressions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Literal

import numpy as np

from dsl import model
from dsl.records import dataclass
from dsl.source import Span
from dsl.tree import children
from evaluator.book import Book
from evaluator.grouping import with_groups
from evaluator.places import Met, met
from evaluator.reference import Reference
from evaluator.run import evaluate
from evaluator.runner import Progress
from evaluator.tries import Tries
from evaluator.until import solve_untils

MOST_ROWS = 20_000  # of each entity of a snapshot that are gone through exactly

Kind = Literal["tier row", "table row", "curve", "branch"]
KINDS: tuple[Kind, ...] = ("tier row", "table row", "curve", "branch")


@dataclass(frozen=True, slots=True)
class Point:
    """Something that a test or a snapshot may reach. ``owner``: what it is part of, ``account.health``; ``text``: the
    row, or which way is taken where."""

    kind: Kind
    owner: str
    text: str
    file: str
    line: int


@dataclass(slots=True)
class Coverage:
    """``points`` by what marks them in a run; ``reached``: the marks that were met. ``partly``: of which entities of a
    snapshot not every row was gone through, as (snapshot, entity, rows gone through, all)."""

    points: dict[Met, Point] = field(default_factory=dict)
    reached: set[Met] = field(default_factory=set)
    partly: list[tuple[str, str, int, int]] = field(default_factory=list)

    def add(self, policy: model.Policy) -> None:
        """Takes a policy's points in; those of files that several policies use are the same points."""
        for key, point in _points(policy):
            self.points.setdefault(key, point)

    def missed(self) -> list[Point]:
        """What was not reached, by file and line."""
        found = [point for key, point in self.points.items() if key not in self.reached]
        return sorted(found, key=lambda p: (p.file, p.line, KINDS.index(p.kind)))

    def counts(self) -> dict[Kind, tuple[int, int]]:
        """By kind, how many were reached, of how many."""
        found: dict[Kind, tuple[int, int]] = {}
        for kind in KINDS:
            keys = [key for key, point in self.points.items() if point.kind == kind]
            if keys:
                found[kind] = (sum(key in self.reached for key in keys), len(keys))
        return found

    @property
    def total(self) -> tuple[int, int]:
        return sum(key in self.reached for key in self.points), len(self.points)


# -- what there is ----------------------------------------------------------------------------


def _points(policy: model.Policy) -> Iterator[tuple[Met, Point]]:
    for entity, tiers in policy.tiers.items():
        for row in tiers.rows:
            yield _row("tier row", f"tiers {entity}", row.span)
            yield from _branches(f"tiers {entity}", [e for e in (row.when, *row.cells) if e is not None])
    for name, table in policy.tables.items():
        for line in table.rows:
            yield _row("table row", f"table {name}", line.span)
            yield from _branches(f"table {name}", line.values)
    for name, curve in policy.curves.items():
        yield from _curve(curve)
        yield from _branches(f"curve {name}", [curve.formula] if curve.formula is not None else [])
    for name, made in policy.entities.items():
        for column, formula in made.formulas.items():
            yield from _branches(f"{name}.{column}", [formula.value])


def _row(kind: Kind, owner: str, span: Span) -> tuple[Met, Point]:
    return met(span, "row"), Point(kind, owner, _one_line(span), span.source.name, span.line)


def _curve(curve: model.Curve) -> Iterator[tuple[Met, Point]]:
    texts = [_one_line(x.span) for x, _ in curve.points]
    for i, (x, _) in enumerate(curve.points):
        last = i == len(texts) - 1
        arms = []
        if i == 0 and curve.outside != "unknown":
            arms.append(("below", f"below {texts[0]}"))
        if curve.method == "step":
            arms.append(("from", f"from {texts[i]}" + ("" if last else f" to {texts[i + 1]}")))
        elif not last:
            arms.append(("on", f"{texts[i]} to {texts[i + 1]}"))
        elif curve.outside != "unknown":
            arms.append(("above", f"above {texts[i]}"))
        for arm, text in arms:
            yield met(x.span, arm), Point("curve", f"curve {curve.name}", text, x.span.source.name, x.span.line)


def _branches(owner: str, exprs: Iterable[model.Expr]) -> Iterator[tuple[Met, Point]]:
    for expr in exprs:
        match expr:
            case model.Until():  # its condition is tried, not reached
                continue
            case model.If():
                yield _branch(owner, expr, "then", expr.then, f"then {_one_line(expr.then.span)}")
                yield _branch(owner, expr, "else", expr.otherwise, f"else {_one_line(expr.otherwise.span)}")
            case model.Logic():
                word, other = ("no", "all yes") if expr.operator == "and" else ("yes", "all no")
                for i, operand in enumerate(expr.operands):
                    yield _branch(owner, expr, i, operand, f"{_one_line(operand.span)}: {word}")
                yield _branch(owner, expr, "none", expr, f"{_one_line(expr.span)}: {other}")
            case model.Fallback():
                yield _branch(owner, expr, "there", expr.operand, f"{_one_line(expr.operand.span)}: there")
                yield _branch(owner, expr, "absent", expr.otherwise, f"?? {_one_line(expr.otherwise.span)}")
        inner = f"function {expr.name}" if isinstance(expr, model.FunctionCall) else owner
        yield from _branches(inner, children(expr))


def _branch(owner: str, expr: model.Expr, arm: str | int, place: model.Expr, text: str) -> tuple[Met, Point]:
    return met(expr.span, arm), Point("branch", owner, text, place.span.source.name, place.span.line)


def _one_line(span: Span) -> str:
    return " ".join(span.text.split())


# -- what a snapshot reaches ------------------------------------------------------------------


def add_snapshot(
    coverage: Coverage,
    policy: model.Policy,
    book: Book,
    params: Mapping[str, model.Value],
    progress: Progress | None = None,
) -> None:
    """Goes through a snapshot's rows, every one up to MOST_ROWS of an entity; of more, some of each tier and others
    evenly spread, while tiers rows are counted over all. Stops where nothing is left to reach."""
    book = with_groups(policy, book, params)
    solved = solve_untils(policy, book, Tries(params))
    reference = Reference(solved.policy, solved.book, params)
    reference.met = coverage.reached
    large = any(table.rows > MOST_ROWS for table in book.tables.values())
    tiers = _tiers(coverage, policy, book, params) if large else {}
    cells = [cell for cell in solved.policy.order if not cell[1].startswith("until.")]
    for number, entity in enumerate(policy.entities):
        own = [column for e, column in cells if e == entity]
        rows = _chosen(book.tables[entity].rows, tiers.get(entity)) if own else []
        for count, row in enumerate(rows, 1):
            for column in own:
                reference.cell(entity, column, row)
            if count % 100 == 0:
                if progress is not None:
                    progress("going through the snapshot", (number + count / len(rows)) / len(policy.entities))
                if coverage.reached >= coverage.points.keys():
                    return
        if own and len(rows) < book.tables[entity].rows:
            coverage.partly.append((book.name, entity, len(rows), book.tables[entity].rows))


def _tiers(
    coverage: Coverage, policy: model.Policy, book: Book, params: Mapping[str, model.Value]
) -> dict[str, "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """By entity the number of each row's tier; a tiers row whose tier no other row has is reached where one has it."""
    found = evaluate(policy, book, params)
    codes = {}
    for entity, tiers in policy.tiers.items():
        codes[entity] = found.columns[entity]["tier"].values.astype(np.int64)
        for number in np.unique(codes[entity]).tolist():
            rows = [r for r in tiers.rows if r.label == tiers.labels[number]]
            if len(rows) == 1:
                coverage.reached.add(met(rows[0].span, "row"))
    return codes


def _chosen(rows: int, tiers: "np.ndarray[tuple[int], np.dtype[np.int64]] | None") -> list[int]:
    if rows <= MOST_ROWS:
        return list(range(rows))
    found = {int(row) for row in np.linspace(0, rows - 1, MOST_ROWS * 4 // 5)}
    if tiers is not None:
        labels = np.unique(tiers)
        for label in labels:
            found.update(np.flatnonzero(tiers == label)[: MOST_ROWS // 5 // len(labels)].tolist())
    return sorted(found)
