"""What the policy says, in tables: its parameters, entities and functions, and its text."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction

from markupsafe import Markup

from cli.report import highlight, words
from cli.terminal.text import count
from dsl.model import MEMBERS, Entity, Param, Policy, Value
from dsl.records import dataclass
from dsl.source import Source, Span
from dsl.until import PREFIX
from evaluator.evaluation import Evaluation

OPEN_LINES = 400  # a longer text is folded


@dataclass(frozen=True, slots=True)
class VersionView:
    words: str
    current: bool


@dataclass(frozen=True, slots=True)
class ParamView:
    name: str
    value: str
    sort: str
    overridden: bool
    allowed: str
    versions: list[VersionView]
    description: str


@dataclass(frozen=True, slots=True)
class ColumnView:
    name: str
    type: str
    formula: str
    source: str
    description: str


@dataclass(frozen=True, slots=True)
class EntityView:
    name: str
    size: str
    description: str
    columns: list[ColumnView]


@dataclass(frozen=True, slots=True)
class FunctionView:
    head: str
    description: str


@dataclass(frozen=True, slots=True)
class SourceView:
    name: str
    size: str
    lines: list[Markup]
    open: bool
    cut: str


def params(evaluation: Evaluation) -> list[ParamView]:
    return [_param(p, evaluation) for p in evaluation.policy.params.values()]


def _param(param: Param, evaluation: Evaluation) -> ParamView:
    value = evaluation.params[param.name]
    stated = param.value if param.value is not None else _in_force(param, evaluation.book.as_of)
    allowed = [words.interval(param.domain, param.type)]
    if param.max_change is not None:
        allowed.append(f"max change {words.percent(float(param.max_change))}")
    versions = [
        VersionView(f"{words.value(v.value, param.type)} from {v.start:%Y-%m-%d}", v.value == value)
        for v in param.versions
    ]
    sort = repr(float(value)) if isinstance(value, (Fraction, float)) else str(value)
    return ParamView(
        param.name, words.value(value, param.type), sort, stated is not None and value != stated,
        "; ".join(filter(None, allowed)), versions, param.description,
    )  # fmt: skip


def _in_force(param: Param, as_of: Fraction | None) -> Value | None:
    """The dated value at the snapshot's instant, before any override."""
    if as_of is None:
        return None
    moment = datetime.fromtimestamp(float(as_of), UTC)
    started = [
        v.value for v in param.versions if (v.start if v.start.tzinfo else v.start.replace(tzinfo=UTC)) <= moment
    ]
    return started[-1] if started else None


def entities(evaluation: Evaluation) -> list[EntityView]:
    return [
        EntityView(
            e.name, _rows(e, evaluation), e.description,
            list(_columns(e, evaluation.policy)),
        )
        for e in evaluation.policy.entities.values()
    ]  # fmt: skip


def _rows(entity: Entity, evaluation: Evaluation) -> str:
    if entity.once:
        return "one row"
    rows = count(evaluation.book.tables[entity.name].rows, "row")
    if entity.groups is None:
        return rows
    keys = ", ".join(".".join((*read.links, read.column)) for _, read in entity.groups.keys)
    return f"{rows}: groups {entity.groups.base} by {keys}"


def _columns(entity: Entity, policy: Policy) -> Iterator[ColumnView]:
    for column in entity.inputs.values():
        if column.name == MEMBERS or column.found is not None:
            continue
        kind = words.type_words(column.type) + (", may be blank" if column.optional else "")
        tried = column.name.startswith(PREFIX)
        keys = dict(entity.groups.keys) if entity.groups is not None else {}
        source = "a key" if column.name in keys else "its group" if column.grouped else "from the snapshot"
        told = ["found by `until`" if tried else source, words.interval(column.domain, column.type)]
        if column.fresh is not None:
            told.append(f"not older than {words.duration(float(column.fresh))}")
        yield ColumnView(column.name, kind, "", ", ".join(filter(None, told)), column.description)
    for formula in entity.formulas.values():
        kind = words.type_words(formula.type)
        yield ColumnView(formula.name, kind, _flat(formula.value.span.text), "", formula.description)
    tiers = policy.tiers.get(entity.name)
    if tiers is not None:
        yield ColumnView("tier", "one of " + ", ".join(tiers.labels), "", "from the tiers", tiers.description)
        for cell in tiers.columns:
            told = ["from the tiers", words.interval(cell.domain, cell.type)]
            yield ColumnView(cell.name, words.type_words(cell.type), "", ", ".join(filter(None, told)), "")


def functions(policy: Policy) -> list[FunctionView]:
    return [FunctionView(_head(f.name, f.args, f.span), f.description) for f in policy.functions.values()]


def _head(name: str, args: Sequence[str], span: Span) -> str:
    written = _flat(span.text).removeprefix("let ").split('  "')[0].strip()
    return written if written.startswith(name) else f"{name}({', '.join(args)})"


def _flat(text: str) -> str:
    """A formula on one line, without the comments between its lines."""
    return " ".join(line.split("#")[0].strip() if '"' not in line else line.strip() for line in text.splitlines())


def source(found: Source) -> SourceView:
    lines = list(highlight.lines(found))
    cut = (
        f"The first {highlight.LONGEST:,} characters of {len(found.text):,}."
        if len(found.text) > highlight.LONGEST
        else ""
    )
    return SourceView(found.name, count(len(found.text.splitlines()), "line"), lines, len(lines) <= OPEN_LINES, cut)
