"""`until` in a tier's cell: the value is found by trying, so the policy is put so that it can be tried.

Each column with an `until` cell gets an input of that column's name with `until.` before it, which the cell reads, and
each cell a flag formula with its condition: whoever solves writes values into the input until the flag is right.
"""

from dataclasses import replace

from dsl import model
from dsl.diagnostics import Diagnostics
from dsl.model import Interval
from dsl.records import dataclass
from dsl.state import Touched, in_order, reads
from dsl.tree import children

PREFIX = "until."


@dataclass(frozen=True, slots=True)
class Trial:
    """One `until` cell: in the rows of tier ``label``, the smallest value of the input ``variable`` within ``range``
    for which the formula ``holds`` is yes."""

    entity: str
    column: str
    label: str
    variable: str
    holds: str
    range: Interval


def has_until(policy: model.Policy) -> bool:
    return any(isinstance(c, model.Until) for t in policy.tiers.values() for r in t.rows for c in r.cells)


def on_trial(policy: model.Policy, report: Diagnostics) -> tuple[model.Policy, tuple[Trial, ...]]:
    """The policy with its `until` cells read from inputs, and what is to be tried. Circles are reported."""
    trials: list[Trial] = []
    entities, tiers = dict(policy.entities), dict(policy.tiers)
    for name, old in policy.tiers.items():
        rows = []
        for number, row in enumerate(old.rows):
            cells = list(row.cells)
            for place, cell in enumerate(row.cells):
                if isinstance(cell, model.Until):
                    column = old.columns[place]
                    variable = PREFIX + column.name
                    holds = f"{variable}.{number}"
                    cells[place] = model.Read(name, variable, type=column.type, span=cell.span)
                    entities[name] = _with(entities[name], variable, column, holds, cell)
                    trials.append(Trial(name, column.name, row.label, variable, holds, column.domain or Interval()))
            rows.append(replace(row, cells=tuple(cells)))
        tiers[name] = replace(old, rows=tuple(rows))
    made = in_order(replace(policy, entities=entities, tiers=tiers), report)
    return made, tuple(trials)


def _with(entity: model.Entity, variable: str, column: model.TierColumn, holds: str, cell: model.Until) -> model.Entity:
    tried = model.Input(variable, column.type, None, False, None, "", cell.span)
    flag = model.Formula(holds, model.FLAG, cell.condition, "", cell.span)
    return replace(entity, inputs={**entity.inputs, variable: tried}, formulas={**entity.formulas, holds: flag})


def check_untils(policy: model.Policy, report: Diagnostics) -> None:
    """Each `until` has a state after to read, a closed range, one place in its row, and depends on its row alone."""
    for name, tiers in policy.tiers.items():
        for row in tiers.rows:
            cells = [(c, p) for c, p in zip(row.cells, tiers.columns, strict=True) if isinstance(c, model.Until)]
            for cell, column in cells:
                if not policy.effect:
                    help = "say what the tiers do to the book: `effect:` with lines `entity.input becomes …`"
                    message = "`until` reads the state after, and the policy has no `effect`"
                    report.error("E705", message, cell.span, help=help)
                elif column.domain is None or column.domain.low is None or column.domain.high is None:
                    help = f"state it in the header: `{column.name} : {column.type} in 0 to 100`"
                    report.error("E707", f"`{column.name}` has no range to search", cell.span, help=help)
                elif not _Alone(policy, name).alone(cell.condition, name, ()):
                    help = "read only what follows from this row's own tier, in its own columns and the rows that "
                    help += "link to it"
                    report.error("E708", "this `until` depends on what other rows do", cell.span, help=help)
                twice = next((r for r in tiers.rows if r.label == row.label and r is not row), None)
                if twice is not None:
                    help = "name the tiers apart: the search is for the rows of one"
                    message = f"`{row.label}` names two rows, and one has `until`"
                    report.error("E710", message, cell.span, twice.span, help=help)
            if len(cells) > 1:
                second, first = cells[1][0].span, cells[0][0].span
                report.error("E709", "a row has one `until`", second, first, help="fix one of them")
    on_trial(policy, report)


class _Alone:
    """Whether a condition in the state after follows from the action of its own row, of ``entity``."""

    def __init__(self, policy: model.Policy, entity: str) -> None:
        self.policy = policy
        self.seen: set[tuple[str, str, tuple[str, ...]]] = set()
        self.acted = {(entity, c.name) for c in policy.tiers[entity].columns} | {(entity, "tier")}
        self.touched = Touched(policy, self.acted)

    def alone(self, expr: model.Expr, at: str, chain: tuple[str, ...], inner: model.Aggregate | None = None) -> bool:
        """``chain``: the links from a row of ``at`` to the row that acts; ``inner``: the aggregate around."""
        match expr:
            case model.Read():
                return self._read(expr, at, chain, inner)
            case model.Aggregate():
                parts = [e for e in (expr.value, expr.where, expr.by) if e is not None]
                return all(self.alone(p, at, chain, expr) for p in parts)
            case model.Draw():  # what others take before it
                return not any(self.touched(cell) for cell in reads(expr))
        return all(self.alone(part, at, chain, inner) for part in children(expr))

    def _read(self, read: model.Read, at: str, chain: tuple[str, ...], inner: model.Aggregate | None) -> bool:
        cell = (read.entity, read.column)
        if not self.touched(cell):
            return True
        start, back = at, chain
        if read.inner:
            assert inner is not None
            if inner.via is None:
                return False
            up, here = (_canonical(self.policy, at, links) for links in (inner.up, chain))
            if here[: len(up)] != up:  # rows that belong to another acting row than this one does
                return False
            start, back = inner.entity, (*inner.via, *here[len(up) :])
        links, back = _canonical(self.policy, start, read.links), _canonical(self.policy, start, back)
        if back[: len(links)] != links or (not links and read.entity != start):
            return False
        if cell in self.acted:
            return True
        key = (read.entity, read.column, back[len(links) :])
        if key in self.seen:
            return True
        self.seen.add(key)
        formula = self.policy.entities[read.entity].formulas.get(read.column)
        return formula is None or self.alone(formula.value, read.entity, back[len(links) :])


def _canonical(policy: model.Policy, entity: str, links: tuple[str, ...]) -> tuple[str, ...]:
    """A chain of links with each step through a group to one of its keys as the key's own path."""
    found: list[str] = []
    at, waiting = entity, list(links)
    while waiting:
        link = waiting.pop(0)
        group = policy.entities[link].groups if link in policy.groups else None
        keys = dict(group.keys) if group is not None and group.base == at else {}
        if waiting and waiting[0] in keys:
            key = keys[waiting[0]]
            waiting[:1] = [] if key.column == key.entity == at else [*key.links, key.column]
            continue
        found.append(link)
        at = policy.entities[at].links[link] if link in policy.entities[at].links else policy.type_of(at, link).entity
    return tuple(found)
