"""The gallery's pages and pictures, made from the shipped policies and their books: `docs/generate.py` writes them."""
# ruff: noqa: E501 (prose and style)

import re
from collections.abc import Iterator
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

from cli.library import Shipped, shipped

NOTE = "<!-- Written by docs/gallery_pages.py from {source}; change it there. -->\n\n"
PICTURES = 3  # of a policy, at most
STYLE = (
    "svg{font-family:system-ui,sans-serif;background:#fdfdfc}text{font-size:12px;fill:#18212c}.tick,.note,.label,.far{fill:#535f6d}"
    ".axis{stroke:#b9c1ca}.grid{stroke:#e1e5e8}.bound{stroke:#18212c;stroke-dasharray:3 3}.curve{fill:none;stroke:#1d5b86;"
    "stroke-width:2;stroke-linejoin:round}.dot{fill:#fff;stroke:#1d5b86;stroke-width:1.8}.book{fill:#b9c1ca}"
    "@media(prefers-color-scheme:dark){svg{background:#10141a}text{fill:#e7ebf0}.tick,.note,.label,.far{fill:#a3aebb}"
    ".axis{stroke:#4a5563}.grid{stroke:#2b333f}.curve{stroke:#7dbbe6}.dot{fill:#161b23;stroke:#7dbbe6}.book{fill:#4a5563}}"
    "rect.su{fill:#a3aebb}.bound-label{font-weight:600}"
    ".s0{fill:#2f7195}.s1{fill:#5595ab}.s2{fill:#8dbac0}.s3{fill:#cbd2b0}.s4{fill:#efc868}.s5{fill:#e8a34d}.s6{fill:#d97a3c}.s7{fill:#b9482f}.s8{fill:#7f1d2c}"
)


def index() -> str:
    """The list of all, by chapter."""
    parts = [
        "# Gallery\n\nThe policies that are shipped with softliq: real systems with their published figures, and one small "
        "policy for each mechanism of soft liquidation, made to be read and copied. `softliq gallery` lists them in the "
        "terminal; `softliq new DIR --from NAME` starts from one.\n"
    ]
    for chapter, found in groupby(shipped(), key=lambda one: one.chapter):
        parts.append(f"## {chapter}\n\n| name | what it is | |\n|---|---|---|")
        parts += [f"| [{one.name}]({one.name}.md) | {_cell(one.title)} | {_cell(one.line)} |" for one in found]
        parts.append("")
    return NOTE.format(source="the policies") + "\n".join(parts).rstrip() + "\n"


def page(one: Shipped) -> dict[str, str]:
    """A policy's page and its pictures, by file name."""
    import softliq
    from cli.report.asked import Asked
    from cli.report.brackets import table_view
    from cli.report.curves import curve_view
    from evaluator.reference import Reference

    policy = softliq.load_policy(one.path)
    files: dict[str, str] = {}
    shown: list[str] = []
    parts = [f"# {policy.name}\n\n{policy.description}\n"]
    origin = f"[{one.path.name}](../../policies/{_place(one.path)})"
    book = f", with a [sample book](../../policies/snapshots/{one.name}/)" if one.book else ""
    parts.append(
        f"The policy: {origin}{book}. Start from it:\n\n```sh\nsoftliq new {one.name} --from {one.name}\n```\n"
    )
    if one.book is not None:
        results = softliq.evaluate(policy, softliq.read_snapshot(one.book, policy))
        evaluation = results.evaluation
        reference, asked = Reference(evaluation.policy, evaluation.book, evaluation.params), Asked(evaluation)
        views = [
            *(curve_view(c, reference, asked) for c in policy.curves.values()),
            *(table_view(t, reference, asked) for t in policy.tables.values()),
        ]
        panels = [(view, panel) for view in views for panel in view.panels][:PICTURES]
        for number, (view, panel) in enumerate(panels, 1):
            name = f"{one.name}-{number}.svg"
            files[name] = _picture(str(panel.drawing))
            about = f" {view.description}" if view.description else ""
            shown.append(f"![{view.name}]({name})\n\n*{view.name}*: {panel.caption}.{about}\n")
        if not panels:
            shown += list(_spreads(results, reference, one.name, files))
        if panels:
            parts.append("## Curves\n\nDrawn with the rows of the sample book below them.\n\n" + "\n".join(shown))
        elif shown:
            parts.append("## The book\n\n" + "\n".join(shown))
        parts += _tiers(results)
    if policy.params:
        rows = [f"| `{p.name}` | {_cell(p.span.text.partition(':')[2])} |" for p in policy.params.values()]
        parts.append("## Parameters\n\n| | |\n|---|---|\n" + "\n".join(rows) + "\n")
    if policy.laws:
        parts.append("## Laws\n\n" + "\n".join(f"- {law.text}" for law in policy.laws) + "\n")
    if policy.tests:
        parts.append("## Figures\n\nThe tests of the policy, each with what must come out.\n")
        for _, cases in groupby(policy.tests, key=lambda test: test.span):
            test = next(cases)
            rows = groupby(test.expectations, key=lambda e: f"{e.entity} {e.key}".rstrip())
            expected = "\n".join(f"{row}: {', '.join(e.condition.span.text for e in found)}" for row, found in rows)
            parts.append(f"{test.text}:\n\n```text\n{expected}\n```\n")
            if test.case:
                parts.append(_cases(test.span.text))
    source = f"policies/{_place(one.path)}"
    files[f"{one.name}.md"] = NOTE.format(source=source) + "\n".join(parts).rstrip() + "\n"
    return files


def pages() -> Iterator[tuple[str, str]]:
    """Every file of the gallery: its name and its whole text."""
    yield "README.md", index()
    for one in shipped():
        yield from page(one).items()


def _spreads(results: Any, reference: Any, name: str, files: dict[str, str]) -> Iterator[str]:
    """How the sample book is spread over what its tiers go by, where there is no curve to draw."""
    from cli.report.ladder import ladder
    from cli.report.spread import spread

    for number, tiers in enumerate(results.policy.tiers.values(), 1):
        drawn = spread(results, ladder(tiers, reference))
        if drawn is not None:
            files[f"{name}-{number}.svg"] = _picture(str(drawn.drawing.wide))
            yield f"![{tiers.entity}]({name}-{number}.svg)\n\n{drawn.caption}\n"


def _tiers(results: Any) -> Iterator[str]:
    from cli.terminal.results import tier_table

    for summary in results.tiers:
        headers, rows = tier_table(summary)
        lines = ["| " + " | ".join(headers) + " |", "|---|" + "---:|" * (len(headers) - 1)]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        yield f"## Tiers of {summary.entity}\n\nOf the sample book.\n\n" + "\n".join(lines) + "\n"


def _cases(text: str) -> str:
    """The rows that stand below a test's `each`, as a table."""
    lines = [line.strip() for line in text.split("\n")]
    head, *rows = takewhile(lambda line: line.startswith("|"), lines[lines.index("each") + 1 :])
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows]) + "\n"


def _picture(drawing: str) -> str:
    """A drawing of the report as a file of its own."""
    head, rest = drawing.split(">", 1)
    head = re.sub(r'viewBox="0 0 (\d+) (\d+)"', lambda m: f'viewBox="-12 -4 {int(m[1]) + 24} {int(m[2]) + 8}"', head)
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{STYLE}</style>{rest}\n'


def _place(path: Path) -> str:
    return path.name if path.parent.name == "policies" else f"{path.parent.name}/{path.name}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
