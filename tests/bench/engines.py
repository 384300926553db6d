"""All engines: each kind of work, by hand and by softliq."""

from functools import partial

from tests.bench import by_hand, by_softliq
from tests.bench.by_hand import peer
from tests.bench.by_softliq import columns_found, fresh, indexed, masked, rows_found, summary_found
from tests.bench.engine import COLUMNS, EXPLAIN, GRID, IN_MEMORY, LAID, LAID_ROWS, PROCESS, ROWS, SUMMARY, Engine

PEERS = {
    "numpy_plain": "NumPy, whole columns",
    "numpy_blocks": "NumPy in blocks, threads",
    "pandas_frame": "pandas",
    "polars_lazy": "Polars",
    "duckdb_sql": "DuckDB",
    "numexpr_threads": "numexpr",
    "numba_fused": "numba, fused, parallel",
}
_laid_out = partial(peer, "numpy_laid_out", prepare="lay_out")
ENGINES = (
    *(
        Engine(name, label, COLUMNS, partial(peer, name), by_hand.in_file_order if name == "duckdb_sql" else dict)
        for name, label in PEERS.items()
    ),
    Engine("softliq", "softliq", COLUMNS, partial(fresh, by_softliq.columns), columns_found),
    Engine("softliq_spread", "softliq, spread", COLUMNS, partial(fresh, by_softliq.spread), columns_found),
    Engine("softliq_masked", "softliq, masks", COLUMNS, partial(masked, by_softliq.columns), columns_found),
    Engine(
        "numpy_blocks_rows", PEERS["numpy_blocks"], ROWS, partial(peer, "numpy_blocks", function="liquidated"),
        by_hand.rows,
    ),
    Engine("softliq_rows", "softliq", ROWS, partial(fresh, by_softliq.rows), rows_found),
    Engine("softliq_summary", "softliq", SUMMARY, partial(fresh, by_softliq.summary), summary_found),
    Engine("softliq_indexed_summary", "softliq, indexed", SUMMARY, partial(indexed, by_softliq.summary), summary_found),
    Engine(
        "softliq_new_marks", "softliq, indexed, new marks", SUMMARY, partial(by_softliq.new_marks, by_softliq.summary),
        summary_found,
    ),
    Engine("numpy_laid_out", "NumPy, laid out", LAID, _laid_out, by_hand.as_laid_out),
    Engine("numpy_laid_out_filed", "NumPy, laid out, filed", LAID, partial(_laid_out, function="filed")),
    Engine("softliq_indexed", "softliq", LAID, partial(indexed, by_softliq.columns), columns_found),
    Engine(
        "softliq_indexed_masked", "softliq, masks", LAID, partial(indexed, by_softliq.columns, masks=True),
        columns_found,
    ),
    Engine(
        "numpy_laid_out_rows", "NumPy, laid out", LAID_ROWS, partial(_laid_out, function="liquidated"), by_hand.rows
    ),
    Engine("softliq_indexed_rows", "softliq", LAID_ROWS, partial(indexed, by_softliq.rows), rows_found),
    *(
        Engine(f"{name}_process", PEERS[name], PROCESS, partial(by_hand.process, name), by_hand.amounts)
        for name in ("numpy_plain", "numpy_blocks", "polars_lazy", "duckdb_sql")
    ),
    Engine("softliq_process", "softliq", PROCESS, by_softliq.process, by_softliq.process_found),
    Engine(
        "softliq_indexed_process", "softliq, index on disk", PROCESS, by_softliq.process_indexed,
        by_softliq.process_found,
    ),
    Engine("softliq_explain", "softliq", EXPLAIN, by_softliq.explain, by_softliq.explain_found),
    Engine("numpy_grid", "NumPy, each move whole", GRID, partial(by_hand.grid, "worst"), by_hand.worst),
    Engine(
        "numpy_grid_health", "NumPy, each move's health", GRID, partial(by_hand.grid, "worst_health"), by_hand.worst
    ),
    Engine("softliq_grid", "softliq", GRID, by_softliq.grid, by_hand.worst),
)  # fmt: skip
BASE = dict.fromkeys(IN_MEMORY, "numpy_plain") | {PROCESS: "numpy_plain_process", GRID: "numpy_grid"}
BY_NAME = {engine.name: engine for engine in ENGINES}
