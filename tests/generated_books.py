"""Books drawn for random policies: their inputs, and cells drawn towards ties, zeros and faults."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

DECIMALS = ["0", "1", "0.1", "0.2", "0.3", "2", "0.5", "-1", "3", "10", "-0.1", "0.7", "1.1", "100", "2.5", "-2"]
NEAR = ["0.30000000000000000000001", "0.9999999999999999999", "1.0000000005", "0.2999999999", "1e9"]
POSITIVE = ["1", "0.1", "2", "3", "0.3", "10", "0.7", "50000", "1.1", "100"]
BAD_NUMBERS = ["", "abc", "NaN", "-1e9"]
INSTANTS = ["2026-01-01", "2026-06-30T12:00:00Z", "2025-12-31T23:59:30Z"]
AS_OF = "2026-06-30T12:00:00Z"


@dataclass(frozen=True)
class Spec:
    """An input: its type as written, its kind, and the cells that it may hold, good and bad."""

    type: str
    kind: str  # number USD asset price flag enum text date duration, or the name of the entity that it links to
    good: Sequence[str]
    bad: Sequence[str]
    optional: bool = False


INPUTS: dict[str, dict[str, Spec]] = {
    "market": {
        "mark": Spec("USD/asset > 0", "price", POSITIVE, ["", "0", "-1", "x"]),
        "vol": Spec("ratio in 0% to 500%", "number", ["0", "0.1", "0.3", "0.5", "1", "5"], ["5.0001", "-0.1", ""]),
        "grade": Spec("one of A, B, C", "enum", ["A", "B", "C"], ["", "D"]),
        "listed": Spec("date", "date", INSTANTS, ["", "soon"]),
        "lag": Spec("duration", "duration", ["30s", "0", "1h", "0.5"], ["", "-"]),
    },
    "desk": {"weight": Spec("number", "number", DECIMALS + NEAR, BAD_NUMBERS)},
    "account": {
        "desk": Spec("desk", "desk", [], []),
        "parent": Spec("account?", "account", [], [], optional=True),
        "cash": Spec("USD", "USD", DECIMALS + NEAR, BAD_NUMBERS[:3]),
        "score": Spec("number in -10 to 100", "number", DECIMALS, ["101", "", "-10.01"]),
        "limit": Spec("USD? >= 0", "USD", ["0", "1", "10", "0.3"], ["-1", "x"], optional=True),
        "vip": Spec("flag", "flag", ["yes", "no"], ["", "maybe"]),
        "region": Spec("text", "text", ["EU", "US", "1INCH"], [""]),
    },
    "position": {
        "account": Spec("account", "account", [], []),
        "market": Spec("market", "market", [], []),
        "hedge": Spec("market?", "market", [], [], optional=True),
        "size": Spec("market.asset", "asset", DECIMALS, BAD_NUMBERS[:3]),
        "rate": Spec("number", "number", DECIMALS + NEAR, BAD_NUMBERS[:3]),
        "fee": Spec("number?", "number", DECIMALS, ["x"], optional=True),
        "open": Spec("flag", "flag", ["yes", "no"], ["", "2"]),
    },
    "system": {"pool": Spec("USD", "USD", DECIMALS, ["", "x"])},
}
LINKS = {(e, n): s.kind for e, columns in INPUTS.items() for n, s in columns.items() if s.kind in INPUTS}


def drawn_through(link: str, text: str) -> bool:
    return re.search(rf"draw\([^:]*\b{link}\.", text) is not None


def book(draw: DrawFn, text: str) -> dict[str, dict[str, list[str]]]:
    sizes = {"market": (1, 3), "desk": (1, 2), "account": (1, 4), "position": (0, 7), "system": (1, 1)}
    counts = {entity: draw(st.integers(*limits)) for entity, limits in sizes.items()}
    faulty = draw(st.booleans())
    loose = {
        link
        for link in ("hedge", "market", "parent")
        if f"via {link}" not in text
        and not drawn_through(link, text)
        and not (link == "market" and "by " in text and draw(st.booleans()))
    }  # orphans of others stop the run
    tables: dict[str, dict[str, list[str]]] = {}
    for entity, inputs in INPUTS.items():
        rows = counts[entity]
        columns = {} if entity == "system" else {entity: [f"{entity[0]}{i}" for i in range(rows)]}
        for name, spec in inputs.items():
            columns[name] = draw(
                st.lists(_cell(entity, name, spec, counts, faulty, name in loose), min_size=rows, max_size=rows)
            )
        tables[entity] = columns
    return tables


def _cell(entity: str, name: str, spec: Spec, counts: dict[str, int], faulty: bool, loose: bool) -> SearchStrategy[str]:
    good = list(spec.good)
    if (entity, name) in LINKS:
        good = [f"{spec.kind[0]}{i}" for i in range(counts[spec.kind])]
    blank = [""] if spec.optional else []
    bad = ["nowhere"] if loose else list(spec.bad)
    kept = st.sampled_from(good + blank)
    if not faulty or not bad:
        return kept
    return st.integers(0, 11).flatmap(lambda i: st.sampled_from(bad) if i == 11 else kept)
