"""Snapshots evaluated in parts and at once, to be compared."""

import csv
import os
import tempfile
from pathlib import Path

import numpy as np

import softliq
from dsl.model import Policy
from dsl.params import resolve_params
from dsl.shock import with_scenario
from evaluator.outputs import Format, write_outputs
from evaluator.plain import moment_of
from evaluator.results import Results
from evaluator.stream import Stream
from tests.conftest import ROOT

DEMO = ROOT / "policies" / "snapshots" / "perpetuals"
PERPETUALS = softliq.load_policy(ROOT / "policies" / "perpetuals.policy")
UNDIVIDED = (" groups ", "draw(", "solve(", "parent.", "desk.account.", "account.position.")
EXAMPLES = int(os.environ.get("SOFTLIQ_EXAMPLES", "60"))


def streamed(policy: Policy, path: Path, out: Path, parts: int, format: Format, scenario: str | None) -> Results:
    stream = Stream(path, policy)
    params = resolve_params(policy, None if stream.as_of is None else moment_of(stream.as_of))
    shocked = policy
    if scenario is not None:
        shocked, params = with_scenario(policy, params, scenario)
    return stream.evaluate(shocked, params, memory=1 << 30, out=out, format=format, parts=parts)


def same(policy: Policy, path: Path, parts: int, format: Format = "csv", scenario: str | None = None) -> int:
    """Asserts that a snapshot gives the same files in parts as at once; how many files."""
    with tempfile.TemporaryDirectory() as folder:
        once, split = Path(folder, "once"), Path(folder, "split")
        plain = softliq.evaluate(policy, softliq.read_snapshot(path, policy), scenario=scenario)
        write_outputs(plain, once, format)
        found = streamed(policy, path, split, parts, format, scenario)
        names = sorted(p.name for p in once.iterdir())
        assert names == sorted(p.name for p in split.iterdir())
        for name in names:
            assert (once / name).read_bytes() == (split / name).read_bytes(), name
        assert found.failed == plain.failed
        assert [len(keys) for keys in found.unmet.values()] == [len(keys) for keys in plain.unmet.values()]
        return len(names)


def write_csv(folder: Path, tables: dict[str, dict[str, list[str]]], as_of: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for entity, columns in tables.items():
        with (folder / f"{entity}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(columns)
            rows.writerows(zip(*columns.values(), strict=True))
    if as_of is not None:
        (folder / "snapshot.toml").write_text(f"as_of = {as_of}\n")
    return folder


def with_order(folder: Path, seed: int | None) -> None:
    """Puts the positions in the accounts' order, or in any order."""
    path = folder / "position.csv"
    head, *rows = path.read_text().splitlines()
    if seed is None:
        rows.sort(key=lambda row: row.split(",")[1])
    else:
        np.random.default_rng(seed).shuffle(rows)
    path.write_text("\n".join([head, *rows]) + "\n")
