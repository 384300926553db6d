"""softliq from Python: load a policy, read a snapshot, evaluate, look at the results.

    import softliq

    policy = softliq.load_policy("perpetuals.policy")
    book = softliq.read_snapshot("snapshot/", policy)
    results = softliq.evaluate(policy, book, {"buffer": "140%"})
    results.tiers, results.checks, results.column("account", "health")

Importing this module is cheap: what it names is loaded when it is first used.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from dsl.diagnostics import Diagnostic as Diagnostic
    from dsl.diagnostics import PolicyError as PolicyError
    from dsl.model import Policy as Policy
    from dsl.params import ParamError as ParamError
    from evaluator.book import Book as Book
    from evaluator.book import indexed as indexed
    from evaluator.columns import Column as Column
    from evaluator.outputs import write_outputs as write_outputs
    from evaluator.problems import SnapshotError as SnapshotError
    from evaluator.results import Results as Results
    from evaluator.retabled import with_table as with_table
    from evaluator.rows import Rows as Rows
    from evaluator.schema import schema as schema
    from evaluator.snapshot import AsOf
    from evaluator.snapshot import book_of as book_of
    from evaluator.snapshot import index_snapshot as index_snapshot
    from evaluator.snapshot import read_snapshot as read_snapshot
    from evaluator.stream_division import Indivisible as Indivisible

__version__ = "0.1.0"

_HOMES = {
    "Diagnostic": "dsl.diagnostics",
    "PolicyError": "dsl.diagnostics",
    "Policy": "dsl.model",
    "ParamError": "dsl.params",
    "Book": "evaluator.book",
    "Column": "evaluator.columns",
    "Indivisible": "evaluator.stream_division",
    "write_outputs": "evaluator.outputs",
    "SnapshotError": "evaluator.problems",
    "Results": "evaluator.results",
    "Rows": "evaluator.rows",
    "schema": "evaluator.schema",
    "read_snapshot": "evaluator.snapshot",
    "book_of": "evaluator.snapshot",
    "index_snapshot": "evaluator.snapshot",
    "indexed": "evaluator.book",
    "with_table": "evaluator.retabled",
}

__all__ = [*_HOMES, "evaluate", "evaluate_stream", "load_policy"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'softliq' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def load_policy(path: "str | PathLike[str]") -> "Policy":
    """A policy file, read and checked. Raises PolicyError with every fault found; `.diagnostics` has them as data."""
    from dsl.check import check
    from dsl.diagnostics import Diagnostics, PolicyError
    from dsl.load import load

    diagnostics = Diagnostics()
    loaded = load(fspath(path), diagnostics)
    policy = check(loaded.file, diagnostics) if loaded.sources else None
    if policy is None or diagnostics.failed:
        raise PolicyError(diagnostics.in_order())
    return policy


def evaluate(
    policy: "Policy",
    snapshot: "Book",
    params: Mapping[str, object] | None = None,
    scenario: str | None = None,
    columns: Iterable[str] | None = None,
    threads: int | None = None,
) -> "Results":
    """The policy over the snapshot. ``params`` gives params other values: text as in a policy, or numbers.

    ``columns``: what is computed beside the tiers and what a summary shows, such as `account.health`; all unless said.
    Raises ValueError where there is no such column. ``threads``: how many, one for each processor unless said; the
    results do not depend on it.

    ``scenario`` shocks the snapshot first: the name of one of the policy's, with its arguments, ``fall(20%)``. Raises
    ParamError where a param is unknown, out of range or has no version in force, and where there is no such scenario.
    """
    from dsl.params import resolve_params
    from dsl.shock import with_scenario
    from evaluator.book import Book
    from evaluator.plain import moment_of
    from evaluator.results import Results
    from evaluator.run import evaluate as run
    from evaluator.threads import using

    if not isinstance(snapshot, Book):
        raise TypeError(f"a policy is evaluated over a book, as read_snapshot gives it, not over {snapshot!r:.60}")
    if isinstance(columns, str):
        raise TypeError(f"columns are given as a list: [{columns!r}]")
    as_of = None if snapshot.as_of is None else moment_of(snapshot.as_of)
    values = resolve_params(policy, as_of, params)
    if scenario is not None:
        policy, values = with_scenario(policy, values, scenario)
    wanted = None if columns is None else _cells(policy, columns)
    with using(threads):
        return Results(run(policy, snapshot, values, wanted=wanted))


def _cells(policy: "Policy", columns: Iterable[str]) -> list[tuple[str, str]]:
    known = {f"{entity}.{name}": (entity, name) for entity, name in policy.order}
    lost = [name for name in columns if name not in known]
    if lost:
        raise ValueError(f"the policy computes no column `{lost[0]}`; it computes {', '.join(known)}")
    return [known[name] for name in columns]


def evaluate_stream(
    policy: "Policy",
    path: "str | PathLike[str]",
    params: Mapping[str, object] | None = None,
    scenario: str | None = None,
    *,
    memory: "str | int" = "1GB",
    out: "str | PathLike[str] | None" = None,
    format: 'Literal["parquet", "csv", "json"]' = "parquet",
    columns: "Iterable[str] | None" = None,
    as_of: "AsOf" = None,
    threads: int | None = None,
) -> "Results":
    """The policy over a snapshot on disk that may be larger than memory, in parts that fit into ``memory``.

    The same results as ``read_snapshot``, ``evaluate`` and, where ``out`` names a folder, ``write_outputs`` give; of
    the tables that are evaluated in parts only the summary stays. Raises what these raise, Indivisible where the policy
    can't be evaluated in parts, and ValueError for a size that can't be read or is too small.
    """
    from pathlib import Path

    from dsl.params import resolve_params
    from dsl.shock import with_scenario
    from evaluator.plain import moment_of
    from evaluator.stream import Stream
    from evaluator.stream_memory import bytes_of
    from evaluator.threads import using

    room = bytes_of(memory)
    stream = Stream(fspath(path), policy, as_of=as_of)
    values = resolve_params(policy, None if stream.as_of is None else moment_of(stream.as_of), params)
    shocked = policy
    if scenario is not None:
        shocked, values = with_scenario(policy, values, scenario)
    folder = None if out is None else Path(out)
    with using(threads):
        return stream.evaluate(shocked, values, memory=room, out=folder, format=format, columns=columns)
