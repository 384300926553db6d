"""Parts: whether tables are in order, hashes of keys, runs of sums."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluator.arrow_file import ArrowFile
from evaluator.hashes import Hash
from evaluator.stream_hashes import buckets, hashes, may_repeat
from evaluator.stream_order import in_order
from evaluator.stream_table import Keyed

# accounts, links of positions, keys of positions, and where each account's positions start, None where not in order
ORDERS: list[tuple[str, str, str, list[int] | None]] = [
    ("abcdef", "abbcde", "123456", [0, 1, 3, 4, 5, 6, 6]),
    ("fbadce", "ffbaae", "123456", [0, 2, 3, 5, 5, 5, 6]),  # in the order of the file, whatever the keys
    ("abcdefghij", "jj", "12", [*[0] * 10, 2]),
    ("abcdefghij", "cccccccccj", "1234567890", [0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 10]),
    ("abcdef", "", "", [0] * 7),
    ("abcdef", "abac", "1234", None), ("abcdef", "ba", "12", None), ("abcdef", "fabcde", "123456", None),
    ("abcdefghij", "aaajaaab", "12345678", None),
    ("abcdef", "abxd", "1234", None),  # an account that isn't there
    ("abcaef", "abc", "123", None), ("abcdef", "abcd", "1231", None),  # keys that are there twice
    ("", "", "", None),
]  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
@pytest.mark.parametrize(("accounts", "links", "keys", "starts"), ORDERS)
def test_whether_positions_are_in_the_order_of_their_accounts(
    tmp_path: Path, accounts: str, links: str, keys: str, starts: list[int] | None, batch: int
) -> None:
    tables = {"account": {"account": list(accounts)}, "position": {"account": list(links), "position": list(keys)}}
    keyed = {}
    for entity, columns in tables.items():
        path = tmp_path / f"{entity}.parquet"
        pq.write_table(pa.table({n: pa.array(cells, pa.string()) for n, cells in columns.items()}), path)
        file = ArrowFile.open(path, path.name, Hash(path))
        keyed[entity] = Keyed(file, dict.fromkeys(columns, False), (), entity, "account")
    found = in_order(keyed, tmp_path, len(accounts), batch)
    assert (None if found is None else found["position"].starts.tolist()) == starts
    if found is not None:
        for first in range(0, len(accounts), 2):
            part = found["position"].part([first, first + 1])
            rows = slice(starts[first], starts[first + 2])
            assert "".join(part.columns["position"].to_pylist()) == keys[rows]
            assert part.rows.tolist() == list(range(len(keys)))[rows]


def test_hashes_follow_the_text_alone(tmp_path: Path) -> None:
    texts = ["", "a", "b", "ab", "ba", "aa", "P00001", "P00010", "ü", "a" * 300]
    together = hashes(pa.chunked_array([texts[:3], texts[3:]]))
    alone = np.concatenate([hashes(pa.chunked_array([pa.array(["x", t, "y"]).slice(1, 1)])) for t in texts])
    assert together.tolist() == alone.tolist()
    assert len(set(together.tolist())) == len(texts)
    many = hashes(pa.chunked_array([[f"P{i:08d}" for i in range(100_000)]]))
    assert len(np.unique(many)) == len(many)
    assert np.bincount(buckets(many, 16)).min() > 5_500
    many.tofile(tmp_path / "keys")
    with patch("evaluator.stream_hashes._ONCE", 30_000):
        assert not may_repeat(tmp_path / "keys")
        np.append(many, many[77]).tofile(tmp_path / "keys")
        assert may_repeat(tmp_path / "keys")
