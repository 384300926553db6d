"""A whole process, Parquet in, the summary per tier out: ``python -m tests.bench.peers.process PEER SNAPSHOT``."""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tests.bench import reference as r
from tests.bench.reference import Columns


def read(snapshot: Path) -> Columns:
    """The snapshot's columns, one value a position, as ``books.columns`` has them."""
    names = ["account", "market", "size", "entry", "collateral"]
    with pq.ParquetFile(snapshot / "position.parquet", read_dictionary=["market"]) as file:
        position = file.read(columns=names).unify_dictionaries()
    with pq.ParquetFile(snapshot / "market.parquet") as file:
        market = file.read(columns=["market", "mark", "volatility", "depth"])
    order = {name: i for i, name in enumerate(market["market"].to_pylist())}
    parts = position["market"].chunks
    known = np.array([order[name] for name in parts[0].dictionary.to_pylist()], dtype=np.int16)
    code = known[np.concatenate([part.indices.to_numpy() for part in parts])]
    found = {name: position[name].to_numpy() for name in names if name != "market"} | {"market": code}
    return found | {name: market[name].to_numpy()[code] for name in ("mark", "volatility", "depth")}


if __name__ == "__main__":
    peer = import_module(f"tests.bench.peers.{sys.argv[1]}")
    summary = peer.evaluate(read(Path(sys.argv[2])))["summary"]
    json.dump(dict(zip(r.TIERS, summary.tolist(), strict=True)), sys.stdout)
