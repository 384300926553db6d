"""How the book is spread over the number that its tiers go by."""

import numpy as np

from cli.report import charts, words
from cli.report.bins import even_edges, histogram, window
from cli.report.charts import NARROW, WIDE, Pair
from cli.report.ladder import Chip, Ladder
from cli.terminal.text import count
from dsl.records import dataclass
from evaluator.results import Results


@dataclass(frozen=True, slots=True)
class Spread:
    legend: list[Chip]
    drawing: Pair
    caption: str


def spread(results: Results, ladder: Ladder) -> Spread | None:
    """A histogram stacked by tier, with the bounds; None where the tiers go by no number of the entity."""
    tiers, name = ladder.tiers, ladder.column
    column = results.column(tiers.entity, name) if name else None
    if column is None or not len(column.values):
        return None
    kind = results.policy.type_of(tiers.entity, name)
    known = column.known()
    values = column.values[known].astype(np.float64)
    codes = results.evaluation.columns[tiers.entity]["tier"].values[known]
    groups = np.stack([codes == i for i in range(len(tiers.labels))])
    bounds = [b for b in ladder.bounds.values() if np.isfinite(b.value)]
    low, high = window(values, [b.value for b in bounds])

    def write(value: float) -> str:
        return words.value(value, kind, small=True)

    drawn = []
    for width, most in ((WIDE, 80), (NARROW, 30)):
        rows = histogram(values, even_edges(low, high, most), groups)
        inside = [b for b in bounds if rows.edges[0] <= b.value <= rows.edges[-1]]
        drawing = charts.distribution(
            f"spread-{tiers.entity}-{width}", f"{tiers.entity}s by {name}", rows,
            [ladder.grades[label] for label in tiers.labels], inside, (name, write), width,
        )  # fmt: skip
        drawn.append((drawing, rows))
    (wide, rows), (narrow, _) = drawn
    caption = f"The {name} of every {tiers.entity}, coloured by tier; dashed lines are the bounds."
    outside = [
        f"{count(n, tiers.entity)} {where}"
        for n, where in (
            (rows.below, f"below {write(rows.edges[0])}"),
            (rows.above, f"above {write(rows.edges[-1])}"),
            (rows.infinite, f"of infinite {name}"),
            (len(column.values) - len(values), f"of unknown {name}"),
        )
        if n
    ]
    if outside:
        caption += f" Not drawn: {', '.join(outside)}."
    return Spread([ladder.chip(label) for label in ladder.grades], Pair(wide, narrow), caption)
