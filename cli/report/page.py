"""The report: one self-contained HTML file. The same inputs give the same bytes: no clock, no path, nothing random."""

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from cli.report import definitions, findings, words
from cli.report.asked import Asked
from cli.report.brackets import table_view
from cli.report.curves import CurveView, curve_view
from cli.report.ladder import ladder
from cli.report.spread import Spread, spread
from cli.report.tiers import TierSection, tier_section
from cli.report.verdict import Verdict, verdict
from cli.report.worst import WorstSection, worst_section
from cli.terminal.text import count, instant, safe
from dsl.load import Loaded
from dsl.records import dataclass
from evaluator.evaluation import Evaluation
from evaluator.reference import Reference
from evaluator.results import Results


@dataclass(frozen=True, slots=True)
class FileView:
    name: str
    what: str
    hash: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the templates print, in words."""

    title: str
    name: str
    byline: list[str]
    description: str
    verdict: Verdict
    tiers: list[TierSection]
    distributions: list[Spread]
    checks: list[findings.CheckView]
    unknown: findings.UnknownSection
    worst: list[WorstSection]
    curves: list[CurveView]
    params: list[definitions.ParamView]
    entities: list[definitions.EntityView]
    functions: list[definitions.FunctionView]
    sources: list[definitions.SourceView]
    identity: list[tuple[str, str]]
    files: list[FileView]
    snapshot: str
    short_hash: str
    command: str

    @property
    def contents(self) -> list[tuple[str, str]]:
        """Ids and titles of the sections that there are."""
        found = [
            ("verdict", "Verdict", True), ("tiers", "Tiers", bool(self.tiers)),
            ("distribution", "Distribution", bool(self.distributions)), ("checks", "Checks", True),
            ("unknown", "Unknown", True), ("worst", "Worst", bool(self.worst)),
            ("curves", "Curves and tables", bool(self.curves)), ("parameters", "Parameters", bool(self.params)),
            ("definitions", "Definitions", True), ("text", "Policy text", True), ("identity", "Identity", True),
            ("signatures", "Signatures", True),
        ]  # fmt: skip
        return [(ident, title) for ident, title, there in found if there]


def render(evaluation: Evaluation, loaded: Loaded, command: str, allowed_unknown: float = 0) -> str:
    """The whole file as text. ``command``: what to type to get it again."""
    environment = Environment(
        loader=PackageLoader("cli.report"), autoescape=True, undefined=StrictUndefined, finalize=_finalize,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["marked"] = _marked
    style, script = (Markup(_resource(name)) for name in ("style.css", "script.js"))
    rules = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)};"
        " base-uri 'none'; form-action 'none'"
    )
    page = _page(evaluation, loaded, command, allowed_unknown)
    template = environment.get_template("report.html.j2")
    return template.render(page=page, style=style, script=script, csp=Markup(rules), generator=_version())


def _finalize(value: Any) -> Any:
    """Text of the policy and the book can't hide or reverse what stands beside it; escaping comes after."""
    return safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _marked(text: str) -> Markup:
    """Names between backticks as code; every piece is escaped."""
    pieces = safe(text).split("`")
    if len(pieces) % 2 == 0:
        return escape(safe(text))
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(pieces))


def _resource(name: str) -> str:
    return files("cli.report").joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("softliq")
    except PackageNotFoundError:
        return "from source"


def _page(evaluation: Evaluation, loaded: Loaded, command: str, allowed_unknown: float) -> Page:
    policy, book = evaluation.policy, evaluation.book
    results = Results(evaluation)
    reference = Reference(policy, book, evaluation.params)
    asked = Asked(evaluation)
    ladders = [ladder(tiers, reference) for tiers in policy.tiers.values()]
    version = f"version {words.number(float(policy.version))}" if policy.version is not None else ""
    effective = f"effective {policy.effective:%Y-%m-%d}" if policy.effective is not None else ""
    return Page(
        title=f"{policy.name} on {book.name}",
        name=policy.name,
        byline=[part for part in (version, effective, f"snapshot {book.name}", f"as of {instant(book.as_of)}") if part],
        description=policy.description,
        verdict=verdict(results, allowed_unknown),
        tiers=[tier_section(one, summary) for one, summary in zip(ladders, results.tiers, strict=True)],
        distributions=[s for one in ladders if (s := spread(results, one)) is not None],
        checks=findings.checks(results),
        unknown=findings.unknown(results),
        worst=[w for one in ladders if (w := worst_section(results, one)) is not None],
        curves=[
            *(curve_view(c, reference, asked) for c in policy.curves.values()),
            *(table_view(t, reference, asked) for t in policy.tables.values()),
        ],
        params=definitions.params(evaluation),
        entities=definitions.entities(evaluation),
        functions=definitions.functions(policy),
        sources=[definitions.source(f.source) for f in loaded.sources if not f.source.name.endswith(".csv")],
        identity=_identity(evaluation),
        files=list(_files(evaluation, loaded)),
        snapshot=book.name,
        short_hash=loaded.sources[0].sha256[:12] if loaded.sources else "",
        command=command,
    )


def _identity(evaluation: Evaluation) -> list[tuple[str, str]]:
    policy, book = evaluation.policy, evaluation.book
    rows = ", ".join(count(t.rows, f"{t.entity} row") for t in book.tables.values())
    decided = ", ".join(f"{n:,} of {e or 'the whole book'}" for e, n in evaluation.decided.items() if n) or "none"
    return [
        (
            "Policy",
            policy.name + (f", version {words.number(float(policy.version))}" if policy.version is not None else ""),
        ),
        ("Snapshot", book.name),
        ("As of", instant(book.as_of)),
        ("Rows", rows),
        ("Decided exactly", f"{decided}; each comparison too close for floating point was decided in exact arithmetic"),
    ]


def _files(evaluation: Evaluation, loaded: Loaded) -> Iterator[FileView]:
    for read in loaded.sources:
        yield FileView(read.source.name, "table" if read.source.name.endswith(".csv") else "policy", read.sha256)
    for name, digest in sorted(evaluation.book.hashes.items()):
        yield FileView(name, "snapshot", digest)
